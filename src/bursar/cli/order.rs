//! `order`: what became of an order, in words and tables.

use bursar_core::id::OrderId;
use bursar_core::observation::{Claim, Observation, Source};
use bursar_core::order::{Dossier, OrderState};
use bursar_store::{OrderFilter, Settlement, Timeline};
use clap::Subcommand;
use serde_json::{Value, json};

use super::{Done, Failure, Globals, output};
use crate::compose::{self, Program};

#[derive(Subcommand, Debug)]
pub(crate) enum Order {
    /// One order with everything that happened to it.
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
    /// Close an unpaid order through the close protocol.
    Close {
        /// Its id (ord_…).
        order: OrderId,
        /// Why; the merchant reads it.
        #[arg(long)]
        reason: String,
    },
}

pub(crate) async fn run(globals: &Globals, verb: Order) -> Done {
    let program = compose::ready(&globals.config).await?;
    match verb {
        Order::Show { order } => match program.store.timeline(order).await? {
            Some(timeline) => show(globals, &program, &timeline),
            None => Err(Failure::not_found(format!("there is no order {order}"))),
        },
        Order::List { state, number, limit } => {
            let filter = OrderFilter { state, number, limit: limit.min(1_000), ..OrderFilter::default() };
            list(globals, &program.store.orders(&filter).await?)
        }
        Order::Close { order, reason } => close(globals, &program, order, &reason).await,
    }
}

async fn close(globals: &Globals, program: &Program, id: OrderId, reason: &str) -> Done {
    bursar_core::text::check("reason", reason, 127).map_err(Failure::usage)?;
    let found = program.store.dossier(id).await?;
    let Some(dossier) = found else { return Err(Failure::not_found(format!("there is no order {id}"))) };
    if dossier.order.state.is_final() {
        return Err(Failure::conflict(format!("order {id} is {} already", dossier.order.state.name())));
    }
    for payment in dossier.payments.iter().filter(|p| !p.state.is_final()) {
        let claim = Claim::CloseRequested { reason: reason.to_owned() };
        let observation = Observation::new(Source::Operator, program.clock.now(), claim);
        program.desk.observe(payment.id, &observation, None, None, |_| Settlement::Done).await?;
    }
    let text = format!("order {id} is being closed; it ends closed, or paid if the payer was faster");
    if globals.json { output::json(&json!({ "order": id, "closing": true })) } else { output::line(&text) }
}

fn brief(dossier: &Dossier) -> Value {
    let order = &dossier.order;
    json!({
        "id": order.id, "merchant": order.merchant, "number": order.number, "state": order.state,
        "amount_minor": order.amount.minor, "currency": order.amount.currency, "late_money": order.late_money,
        "created_at": order.created_at, "expires_at": order.expires_at, "close_reason": order.close_reason,
        "payments": dossier.payments.iter().map(|p| json!({
            "id": p.id, "method": p.method, "state": p.state, "due_at": p.due_at,
            "transaction_id": p.evidence.paid.as_ref().map(|r| r.transaction_id.clone()),
        })).collect::<Vec<_>>(),
    })
}

fn list(globals: &Globals, dossiers: &[Dossier]) -> Done {
    if globals.json {
        return output::json(&dossiers.iter().map(brief).collect());
    }
    let rows: Vec<_> = dossiers
        .iter()
        .map(|d| {
            let o = &d.order;
            let late = if o.late_money { " (late money)" } else { "" };
            let state = format!("{}{late}", o.state.name());
            vec![
                o.id.to_string(),
                o.number.clone(),
                o.amount.to_string(),
                state,
                o.created_at.to_string(),
                o.description.clone(),
            ]
        })
        .collect();
    output::table(&["ORDER", "NUMBER", "AMOUNT", "STATE", "CREATED", "DESCRIPTION"], &rows)
}

/// Everything that happened, one line each, by time.
fn entries(timeline: &Timeline) -> Vec<(bursar_core::Timestamp, &'static str, String)> {
    let mut all = Vec::new();
    for o in &timeline.observations {
        let source =
            serde_json::to_value(o.source).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default();
        let text = match &o.claim {
            Claim::Refused { reason } | Claim::AttemptFailed { reason } | Claim::CloseRequested { reason } => {
                format!("{source}: {} ({reason})", o.claim.name())
            }
            Claim::NoAnswer { why } | Claim::NotSent { why } => format!("{source}: {} ({why})", o.claim.name()),
            Claim::Paid(receipt) => format!("{source}: paid, transaction {}", receipt.transaction_id),
            other => format!("{source}: {}", other.name()),
        };
        all.push((o.seen_at, "observed", text));
    }
    for p in &timeline.postings {
        let (debit, credit) = (p.posting.debit.kind.name(), p.posting.credit.kind.name());
        all.push((p.at, "posted", format!("{} from {credit} to {debit}", p.posting.amount)));
    }
    for d in &timeline.deliveries {
        let outcome = match (d.endpoint, d.delivered_at, d.given_up_at) {
            (None, _, _) => "no endpoint".to_owned(),
            (_, Some(at), _) => format!("delivered {at}, attempts {}", d.attempts),
            (_, _, Some(at)) => format!("given up {at}: {}", d.last_error.as_deref().unwrap_or("")),
            _ => format!("not delivered yet, attempts {}", d.attempts),
        };
        all.push((d.created_at, "event", format!("{} #{}: {outcome}", d.kind.name(), d.sequence)));
    }
    for q in &timeline.questions {
        all.push((q.opened_at, "asked", q.text.clone()));
    }
    for j in &timeline.jobs {
        all.push((j.due_at, "due", format!("{} {}", j.key.kind.name(), j.note.as_deref().unwrap_or(""))));
    }
    all.sort_by_key(|(at, _, _)| *at);
    all
}

fn show(globals: &Globals, program: &Program, timeline: &Timeline) -> Done {
    let next = bursar_gateway::explain::next(timeline, program.clock.now());
    if globals.json {
        let rows =
            entries(timeline).into_iter().map(|(at, kind, text)| json!({ "at": at, "kind": kind, "text": text }));
        let rows: Value = rows.collect();
        return output::json(&json!({ "order": brief(&timeline.dossier), "timeline": rows, "next": next }));
    }
    list(globals, std::slice::from_ref(&timeline.dossier))?;
    output::line("")?;
    let rows: Vec<_> =
        entries(timeline).into_iter().map(|(at, kind, text)| vec![at.to_string(), kind.to_owned(), text]).collect();
    output::table(&["TIME", "WHAT", ""], &rows)?;
    output::line("")?;
    output::line(&next)
}
