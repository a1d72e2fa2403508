//! What merchants want of a plan that exists: it knows requests and answers, and must never know what a wish changes
//! (it repeats the core's words).

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use bursar_core::agreement::Agreement;
use bursar_core::billing::PlanFile;
use bursar_core::billing::wishes::Wish;
use bursar_core::observation::Source;
use bursar_store::desk::billing::PlanGranted;
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use super::view::PlanView;
use super::{draft, show, terms};
use crate::auth::Caller;
use crate::errors::ChangeErrors;
use crate::idempotency::{KeyedRequest, json};
use crate::json::Reader;
use crate::orders::checks;
use crate::orders::view::to_json;
use crate::posted::{self, Posted};
use crate::problem::{Facts, Kind, Problem, ProblemBody};
use crate::{App, agreements, people};

/// A wish that nothing falls due.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[schema(as = PausePlan)]
pub struct PausePlan {
    /// Why, for people.
    #[schema(example = "the family is on holiday", max_length = 127)]
    pub reason: String,
}

/// A wish to go on.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[schema(as = ResumePlan)]
pub struct ResumePlan {
    /// `true`: what fell due meanwhile is asked for, one after the other. `false`: periods that were missed are given
    /// up; parts of a fixed sum stay owed.
    pub catch_up: bool,
}

/// A wish to end it.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[schema(as = CancelPlan)]
pub struct CancelPlan {
    /// Why, for people.
    #[schema(example = "the nanny has left", max_length = 127)]
    pub reason: String,
    /// Whether the share of paid periods that was not served goes back, by days.
    #[schema(nullable = false, default = false)]
    pub refund_unserved: Option<bool>,
}

/// A wish to pay all that is still to come.
#[derive(Clone, Copy, Debug, Default, Serialize, ToSchema)]
#[schema(as = PayOffPlan)]
pub struct PayOffPlan {}

/// An amount of a wish.
#[derive(Clone, Copy, Debug, Default, Serialize, ToSchema)]
#[schema(as = PlanAmount)]
pub struct PlanAmount {
    /// Minor units.
    #[schema(example = 50_000, minimum = 1, maximum = 100_000_000_000_i64)]
    pub minor: i64,
}

/// A wish to charge by another agreement.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[schema(as = ChargePlanBy)]
pub struct ChargePlanBy {
    /// The agreement (`agr_…`), of the same payer.
    pub agreement: String,
}

macro_rules! operations {
    ($($name:ident, $path:literal, $body:ident, $wish:ident, $read:ident, #[doc = $title:literal] $(#[doc = $more:literal])*;)*) => {$(
        #[doc = $title]
        $(#[doc = $more])*
        #[utoipa::path(
            post, path = $path, tag = "plans", security(("api_key" = [])),
            params(
                ("id" = String, Path, description = "The plan (`pln_…`)."),
                ("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters; the same for each retry."),
            ),
            request_body = $body,
            responses(
                (status = 200, description = "The plan as it stands now.", body = PlanView),
                ChangeErrors,
                (status = 409, description = "The plan cannot become that as it stands, or the first request with this key still runs.", body = ProblemBody, content_type = "application/problem+json"),
                (status = 422, description = "A member is not valid, or the key belongs to another request.", body = ProblemBody, content_type = "application/problem+json"),
            ),
        )]
        pub async fn $name(
            State(app): State<Arc<App>>,
            caller: Caller,
            path: Result<Path<String>, PathRejection>,
            headers: HeaderMap,
            body: Body,
        ) -> Result<Response, Problem> {
            let verb = $path.rsplit('/').next().unwrap_or_default();
            let asked = Asked { app: &app, caller, verb, headers: &headers };
            asked.grant(path, body, |body| $read(body).map(|request| Wanted::$wish(request))).await
        }
    )*};
}

operations! {
    pause, "/v1/plans/{id}/pause", PausePlan, Pause, read_pause,
    #[doc = "Lets nothing fall due until the plan is resumed."]
    #[doc = ""]
    #[doc = "A charge that has not left yet does not leave; one that is under way ends as it ends."];
    resume, "/v1/plans/{id}/resume", ResumePlan, Resume, read_resume,
    #[doc = "Lets a paused plan go on."];
    cancel, "/v1/plans/{id}/cancel", CancelPlan, Cancel, read_cancel,
    #[doc = "Ends a plan now."]
    #[doc = ""]
    #[doc = "What is still to come is given up and open orders are closed; money that is found while closing them counts as paid."];
    pay_off, "/v1/plans/{id}/payoff", PayOffPlan, PayOff, read_pay_off,
    #[doc = "Makes all that is still to come of a fixed sum one installment that is due now."];
    give_back, "/v1/plans/{id}/give-back", PlanAmount, GiveBack, read_amount,
    #[doc = "Makes a plan cheaper by an amount."]
    #[doc = ""]
    #[doc = "First what is still to come becomes less, from the end on; then paid installments are refunded, the last first. All or nothing: never more than there is."];
    reprice, "/v1/plans/{id}/reprice", PlanAmount, Reprice, read_amount,
    #[doc = "Gives a subscription another price from its next period on."]
    #[doc = ""]
    #[doc = "The rest of the running period is charged (an `adjustment`) or credited by days."];
    charge_by, "/v1/plans/{id}/agreement", ChargePlanBy, ChargeBy, read_charge_by,
    #[doc = "Charges a plan by another agreement of the same payer."]
    #[doc = ""]
    #[doc = "A plan that was stopped because its agreement ended is resumed after that."];
}

/// A wish as it was read.
enum Wanted {
    Pause(PausePlan),
    Resume(ResumePlan),
    Cancel(CancelPlan),
    PayOff(PayOffPlan),
    GiveBack(PlanAmount),
    Reprice(PlanAmount),
    ChargeBy(ChargePlanBy),
}

/// A request about a plan.
struct Asked<'a> {
    app: &'a App,
    caller: Caller,
    verb: &'static str,
    headers: &'a HeaderMap,
}

impl Asked<'_> {
    async fn grant(
        self,
        path: Result<Path<String>, PathRejection>,
        body: Body,
        read: fn(&[u8]) -> Result<Wanted, Problem>,
    ) -> Result<Response, Problem> {
        let Self { app, caller, verb, headers } = self;
        let id = super::id(path)?;
        let Posted { body, keyed } =
            posted::json(app, caller, headers, &format!("/v1/plans/{id}/{verb}"), body).await?;
        let work = async {
            let wanted = read(&body)?;
            let file = super::owned(app, caller, id).await?;
            let (wish, agreement) = meant(app, caller, &file, wanted).await?;
            write(app, &keyed, &file, &wish, agreement.as_ref()).await
        };
        keyed.once(app, work).await
    }
}

/// The wish, and the agreement that the plan will have.
async fn meant(
    app: &App,
    caller: Caller,
    file: &PlanFile,
    wanted: Wanted,
) -> Result<(Wish, Option<Agreement>), Problem> {
    let wish = match wanted {
        Wanted::Pause(PausePlan { reason }) => Wish::Pause { reason },
        Wanted::Resume(ResumePlan { catch_up }) => Wish::Resume { catch_up },
        Wanted::Cancel(CancelPlan { reason, refund_unserved }) => {
            Wish::Cancel { reason, refund_unserved: refund_unserved.unwrap_or_default() }
        }
        Wanted::PayOff(PayOffPlan {}) => Wish::PayOff,
        Wanted::GiveBack(PlanAmount { minor }) => Wish::GiveBack { minor },
        Wanted::Reprice(PlanAmount { minor }) => {
            check_price(app, file, minor).await?;
            Wish::Reprice { minor }
        }
        Wanted::ChargeBy(ChargePlanBy { agreement: text }) => {
            let named = agreements::named(app, caller.merchant, &[text.as_str()]).await?.pop();
            let largest = largest_minor(file);
            let usable = draft::usable(named.as_ref(), &text, &file.plan, largest, app.clock.now());
            let agreement = usable.map_err(|why| Problem::member("/agreement", why))?;
            let Agreement { id, account, method, .. } = *agreement;
            return Ok((Wish::ChargeBy { agreement: id, account, method }, named));
        }
    };
    Ok((wish, show::agreement_of(app, &file.plan).await?))
}

/// The largest amount of the plan that may still be charged at once.
pub fn largest_minor(file: &PlanFile) -> i64 {
    let open = file.installments.iter().filter(|i| !i.state.is_final()).map(|i| i.minor).max().unwrap_or(0);
    match file.plan.terms {
        bursar_core::billing::Terms::Installments { .. } => open,
        bursar_core::billing::Terms::Subscription { .. } => open.max(terms::largest_minor(&file.plan.terms)),
    }
}

/// A price that the agreement does not allow would be declined every month.
async fn check_price(app: &App, file: &PlanFile, minor: i64) -> Result<(), Problem> {
    let agreement = show::agreement_of(app, &file.plan).await?;
    match agreement.filter(|a| minor > a.limit.minor) {
        Some(agreement) => {
            let limit = agreement.limit;
            let why = format!("the agreement allows {limit} for one charge: have the payer sign another one first");
            Err(Problem::member("/minor", why))
        }
        None => Ok(()),
    }
}

async fn write(
    app: &App,
    keyed: &KeyedRequest,
    file: &PlanFile,
    wish: &Wish,
    agreement: Option<&Agreement>,
) -> Result<Response, Problem> {
    let said = Mutex::new(String::new());
    let granted = app.desk.grant_plan(file.plan.id, wish, Source::Merchant, |after, change| {
        let now = app.clock.now();
        let answer = to_json(&PlanView::whole(after, agreement, now));
        change.idempotency = Some(keyed.row(StatusCode::OK, answer.clone(), now));
        *said.lock().unwrap_or_else(PoisonError::into_inner) = answer;
    });
    match granted.await? {
        PlanGranted::Written(_) => Ok(json(StatusCode::OK, said.into_inner().unwrap_or_else(PoisonError::into_inner))),
        PlanGranted::Duplicate => keyed.again(app).await,
        PlanGranted::NoSuchPlan => Err(super::no_such_plan()),
        PlanGranted::Refused(why) => {
            let state = Some(file.plan.state.name());
            Err(Problem::new(Kind::PlanRefuses, why).with(Facts { state, ..Facts::default() }))
        }
    }
}

fn whole<'a, T>(body: &'a [u8], read: impl FnOnce(&mut Reader<'a>) -> T) -> Result<T, Problem> {
    let mut reader = Reader::parse(body)?;
    let request = read(&mut reader);
    reader.finish()?;
    Ok(request)
}

/// The members of a pause.
///
/// # Errors
/// See [`Reader::parse`] and [`Reader::finish`].
pub fn read_pause(body: &[u8]) -> Result<PausePlan, Problem> {
    whole(body, |reader| PausePlan { reason: people::reason(reader) })
}

/// The members of a resumption.
///
/// # Errors
/// See [`Reader::parse`] and [`Reader::finish`].
pub fn read_resume(body: &[u8]) -> Result<ResumePlan, Problem> {
    whole(body, |reader| ResumePlan { catch_up: reader.boolean("catch_up").unwrap_or_default() })
}

/// The members of a cancellation.
///
/// # Errors
/// See [`Reader::parse`] and [`Reader::finish`].
pub fn read_cancel(body: &[u8]) -> Result<CancelPlan, Problem> {
    whole(body, |reader| CancelPlan {
        reason: people::reason(reader),
        refund_unserved: reader.optional_bool("refund_unserved"),
    })
}

/// An early payoff has no members: an empty object.
///
/// # Errors
/// See [`Reader::parse`] and [`Reader::finish`].
pub fn read_pay_off(body: &[u8]) -> Result<PayOffPlan, Problem> {
    whole(body, |_| PayOffPlan {})
}

/// The members of a gift or a price.
///
/// # Errors
/// See [`Reader::parse`] and [`Reader::finish`].
pub fn read_amount(body: &[u8]) -> Result<PlanAmount, Problem> {
    whole(body, |reader| {
        let minor = reader.integer("minor");
        if let Some(minor) = minor {
            checks::amount("minor", minor, reader);
        }
        PlanAmount { minor: minor.unwrap_or_default() }
    })
}

/// The members of a change of agreement.
///
/// # Errors
/// See [`Reader::parse`] and [`Reader::finish`].
pub fn read_charge_by(body: &[u8]) -> Result<ChargePlanBy, Problem> {
    whole(body, |reader| ChargePlanBy { agreement: reader.text("agreement").unwrap_or_default() })
}
