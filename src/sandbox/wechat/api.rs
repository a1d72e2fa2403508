//! One request from arrival to answer: it knows the order of the steps (verify, read, fault, effect,
//! sign) and leaves each of them to the file that knows it.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;

use crate::serve::hang_up;
use crate::shared::Shared;
use crate::wechat::account::Merchant;
use crate::wechat::answer::Answer;
use crate::wechat::create::Terms;
use crate::wechat::fates::Drawn;
use crate::wechat::operation::Call;
use crate::wechat::orders::Closing;
use crate::wechat::platform::SignWith;
use crate::wechat::refusal::Refusal;
use crate::wechat::verify::{self, Received};
use crate::wechat::{certificates, misbehave};

/// No request of this API needs more: the largest member is `goods_detail`.
const BODY_LIMIT_BYTES: usize = 256 * 1024;

/// Serves everything below `/v3`.
pub(crate) async fn serve(State(world): State<Arc<Shared>>, request: Request) -> Response {
    world.tally.change(|counters| counters.requests += 1);
    if world.is_out() {
        world.tally.fault("outage");
        return hang_up();
    }
    let (head, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_LIMIT_BYTES).await else {
        let refusal = Refusal::new(400, "PARAM_ERROR", "the body is too large or ended early");
        return refuse(&world, SignWith::Certificate, &refusal);
    };
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
    let received = Received { method: head.method.as_str(), target, headers: &head.headers, body: &body };

    let with = match verify::wanted_key(&received, &world.platform()) {
        Ok(with) => with,
        Err(refusal) => return refuse(&world, SignWith::Certificate, &refusal),
    };
    let (merchant, call) = match admit(&world, &received) {
        Ok(admitted) => admitted,
        Err(refusal) => return refuse(&world, with, &refusal),
    };

    let drawn = world.fates().draw(&merchant.account.mchid, merchant.ordinal, &call);
    let fault = world.faults().strikes_request(drawn.request);
    if let Some(fault) = fault {
        world.tally.fault(fault.name());
    }
    if let Some(response) = misbehave::before_effect(&world, fault, drawn.request, with).await {
        return response;
    }
    let answer = match perform(&world, merchant, call, drawn, with) {
        Ok(answer) => answer,
        Err(refusal) => {
            world.tally.refusal(refusal.code);
            Answer::refused(&refusal)
        }
    };
    misbehave::after_effect(&world, fault, drawn.request, with, answer).await
}

fn admit<'w>(world: &'w Shared, received: &Received<'_>) -> Result<(&'w Merchant, Call), Refusal> {
    verify::plain_headers(received)?;
    let known = |mchid: &str| world.merchants.get(mchid);
    let merchant = verify::merchant(received, known, world.pace.now_seconds())?;
    let call = Call::read(received, merchant)?;
    world.tally.operation(call.name());
    Ok((merchant, call))
}

fn refuse(world: &Shared, with: SignWith, refusal: &Refusal) -> Response {
    world.tally.refusal(refusal.code);
    Answer::refused(refusal).signed(world, with).respond_whole()
}

fn perform(
    world: &Shared,
    merchant: &Merchant,
    call: Call,
    drawn: Drawn,
    sign_with: SignWith,
) -> Result<Answer, Refusal> {
    let now_ms = world.pace.now_ms();
    let mchid = merchant.account.mchid.as_str();
    match call {
        Call::Create(body) => {
            let terms = Terms { now_ms, fate: drawn.fate, sign_with, payers: &world.payers };
            let created = world.orders().create(*body, &terms)?;
            if let Some(position) = created.fresh {
                world.payer_arrives(position);
            }
            Ok(Answer::ok(&created.answer))
        }
        Call::QueryByNumber(number) => {
            let mut orders = world.orders();
            let position = orders.position(mchid, &number);
            Ok(Answer::ok(&orders.show(position, now_ms)?))
        }
        Call::QueryByTransaction(id) => {
            let mut orders = world.orders();
            let position = orders.position_of_transaction(mchid, &id);
            Ok(Answer::ok(&orders.show(position, now_ms)?))
        }
        Call::Close(number) => {
            let closing = world.orders().close(mchid, &number, now_ms, merchant.account.close_min_age_ms)?;
            let paid = || Refusal::new(400, "ORDER_PAID", "the order is paid and cannot be closed");
            match closing {
                Closing::Closed => Ok(Answer::no_content()),
                Closing::ClosedInFlight(position) => {
                    world.money_in_flight(position);
                    Ok(Answer::no_content())
                }
                Closing::Paid => Err(paid()),
                Closing::PaidJustNow(position) => {
                    world.money_beats_the_close(position);
                    Err(paid())
                }
            }
        }
        Call::Refund(call) => world.refund_call(mchid, call, drawn.fate, sign_with),
        Call::Certificates => certificates::list(&world.platform(), &merchant.account.apiv3_key)
            .map(|listed| Answer::ok(&listed))
            .map_err(|error| Refusal::new(500, "SYSTEM_ERROR", error.to_string())),
    }
}
