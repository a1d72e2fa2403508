//! `order`: orders, and what people say about them.

use bursar_core::decide::QuestionKind;
use bursar_core::id::{OrderId, PaymentId};
use bursar_core::observation::{Claim, Observation, Source, Subject};
use bursar_core::order::{Dossier, OrderState};
use bursar_core::payment::{Payment, PaymentState};
use bursar_store::desk::Taken;
use bursar_store::{OrderFilter, Settlement};
use clap::{Subcommand, ValueEnum};
use serde_json::json;

use super::{Done, Failure, Globals, output, questions, story};
use crate::compose::{self, Program};

#[derive(Subcommand, Debug)]
pub(crate) enum Order {
    /// One order with its refunds and everything that happened to it.
    Show {
        /// Its id (ord_…).
        order: OrderId,
    },
    /// Orders, newest first.
    List {
        /// Only in this state.
        #[arg(long)]
        state: Option<OrderState>,
        /// Only this merchant's number.
        #[arg(long)]
        number: Option<String>,
        /// At most so many.
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
    /// Close an unpaid order through the close protocol. Parts of it that are paid go back.
    Close {
        /// Its id (ord_…).
        order: OrderId,
        /// Why; the merchant reads it.
        #[arg(long)]
        reason: String,
    },
    /// Answer what shall happen to money that came for a closed order.
    LateMoney {
        /// The order (ord_…).
        order: OrderId,
        /// keep: the order becomes paid after all. refund: the money goes back now.
        #[arg(value_enum)]
        answer: LateMoneyAnswer,
        /// Who says so.
        #[arg(long)]
        by: String,
        /// Which payment (pay_…), when there are several.
        #[arg(long)]
        payment: Option<PaymentId>,
    },
    /// Take what is held for the payer.
    Capture {
        /// The order (ord_…).
        order: OrderId,
        /// Who says so.
        #[arg(long)]
        by: String,
        /// Which payment (pay_…), when several are authorized.
        #[arg(long)]
        payment: Option<PaymentId>,
        /// How much is taken, in minor units: what the service came to. Without it all that is held is taken.
        #[arg(long)]
        amount_minor: Option<i64>,
    },
    /// What waits for a person, oldest first, and how each is answered.
    Questions {
        /// At most so many.
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LateMoneyAnswer {
    Keep,
    Refund,
}

/// Longest name of a person.
const NAME_MAX_CHARS: usize = 64;

pub(crate) async fn run(globals: &Globals, verb: Order) -> Done {
    let program = compose::ready(&globals.config).await?;
    match verb {
        Order::Show { order } => match program.store.timeline(order).await? {
            Some(timeline) => {
                let sharing = program.store.sharing(order).await?;
                story::order(globals, &program, &timeline, sharing.as_ref())
            }
            None => Err(no_order(order)),
        },
        Order::List { state, number, limit } => {
            let filter = OrderFilter { state, number, limit: limit.min(1_000), ..OrderFilter::default() };
            story::orders(globals, &program.store.orders(&filter).await?)
        }
        Order::Close { order, reason } => close(globals, &program, order, &reason).await,
        Order::LateMoney { order, answer, by, payment } => {
            check_name(&by)?;
            late_money(globals, &program, order, answer, by, payment).await
        }
        Order::Capture { order, by, payment, amount_minor } => {
            check_name(&by)?;
            capture(globals, &program, order, (by, amount_minor), payment).await
        }
        Order::Questions { limit } => questions::list(globals, &program, limit.min(1_000)).await,
    }
}

/// An order that does not exist.
pub(super) fn no_order(id: OrderId) -> Failure {
    Failure::not_found(format!("there is no order {id}"))
}

/// A person's name in `--by`.
pub(super) fn check_name(by: &str) -> Done {
    bursar_core::text::check("--by", by, NAME_MAX_CHARS).map_err(Failure::usage)
}

/// Takes in what an operator says; how the order stands then.
pub(super) async fn say_about(
    program: &Program,
    subject: impl Into<Subject>,
    claim: Claim,
) -> Result<Dossier, Failure> {
    let observation = Observation::new(Source::Operator, program.clock.now(), claim);
    match program.desk.observe(subject, &observation, None, None, |_| Settlement::Done).await? {
        Taken::Written(dossier) => Ok(*dossier),
        Taken::Fenced | Taken::Duplicate | Taken::NoSuchSubject => Err(Failure::not_found("it is not there any more")),
    }
}

async fn close(globals: &Globals, program: &Program, id: OrderId, reason: &str) -> Done {
    bursar_core::text::check("reason", reason, 127).map_err(Failure::usage)?;
    let found = program.store.dossier(id).await?;
    let Some(dossier) = found else { return Err(no_order(id)) };
    if dossier.order.state.is_final() {
        return Err(Failure::conflict(format!("order {id} is {} already", dossier.order.state.name())));
    }
    say_about(program, id, Claim::CloseRequested { reason: reason.to_owned() }).await?;
    let text = format!("order {id} is being closed; it ends closed, or paid if the payer was faster");
    if globals.json { output::json(&json!({ "order": id, "closing": true })) } else { output::line(&text) }
}

async fn capture(
    globals: &Globals,
    program: &Program,
    id: OrderId,
    (by, minor): (String, Option<i64>),
    named: Option<PaymentId>,
) -> Done {
    let Some(dossier) = program.store.dossier(id).await? else { return Err(no_order(id)) };
    let held = dossier.payments.iter().filter(|p| p.state == PaymentState::Authorized);
    let held: Vec<PaymentId> = held.map(|p| p.id).filter(|p| named.is_none_or(|n| n == *p)).collect();
    let payment = match held.as_slice() {
        [only] => *only,
        [] => return Err(Failure::conflict(format!("no payment of order {id} is authorized"))),
        _ => return Err(Failure::usage("several payments are authorized: name one with --payment")),
    };
    let most = dossier.payment(payment).map_or(0, |p| p.amount.minor);
    if let Some(minor) = minor.filter(|minor| !(1..=most).contains(minor)) {
        return Err(Failure::usage(format!("--amount-minor must be 1 to {most}, what is held; {minor} is not")));
    }
    let after = say_about(program, payment, Claim::CaptureRequested { by, minor }).await?;
    if globals.json {
        return output::json(&story::brief(&after));
    }
    output::line(&format!("{payment} is being captured; `bursar order show {id}` tells when it has been"))
}

async fn late_money(
    globals: &Globals,
    program: &Program,
    id: OrderId,
    answer: LateMoneyAnswer,
    by: String,
    named: Option<PaymentId>,
) -> Done {
    let Some(timeline) = program.store.timeline(id).await? else { return Err(no_order(id)) };
    let asked =
        |p: &&Payment| timeline.questions.iter().any(|q| q.kind == QuestionKind::LateMoney && q.subject == p.id.uuid());
    let dossier = &timeline.dossier;
    let waiting: Vec<&Payment> = dossier.payments.iter().filter(asked).collect();
    let payment = match (named, waiting.as_slice()) {
        (_, []) => {
            let state = dossier.order.state.name();
            return Err(Failure::conflict(format!("order {id} is {state} and no question about late money is open")));
        }
        (Some(named), all) => all
            .iter()
            .find(|p| p.id == named)
            .copied()
            .ok_or_else(|| Failure::conflict(format!("no question about late money of {named} is open")))?,
        (None, [only]) => only,
        (None, all) => {
            let all: Vec<_> = all.iter().map(|p| p.id.to_string()).collect();
            return Err(Failure::usage(format!(
                "several payments came late; name one by --payment: {}",
                all.join(", ")
            )));
        }
    };
    let keep = answer == LateMoneyAnswer::Keep;
    if keep && !makes_whole(dossier) {
        return Err(Failure::conflict(format!(
            "{} is not the whole amount of order {id} ({}): it can only go back",
            payment.amount, dossier.order.amount
        )));
    }
    let after = say_about(program, payment.id, Claim::LateMoneyAnswered { keep, by }).await?;
    if globals.json {
        return output::json(&story::brief(&after));
    }
    let text = if after.order.state == OrderState::Paid {
        format!("order {id} is paid after all")
    } else {
        format!("the money of {} goes back; `bursar order show {id}` tells how far it is", payment.id)
    };
    output::line(&text)
}

/// Whether what was captured and not given back is the whole order.
fn makes_whole(dossier: &Dossier) -> bool {
    let captured = dossier.payments.iter().filter(|p| p.state == PaymentState::Captured && p.returned_minor == 0);
    captured.map(Payment::taken_minor).fold(0, i64::saturating_add) >= dossier.order.amount.minor
}
