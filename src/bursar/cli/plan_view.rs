//! Plans as people see them: it knows tables and JSON, and must never decide anything.

use bursar_core::Timestamp;
use bursar_core::agreement::Agreement;
use bursar_core::billing::{Installment, Plan, PlanFile};
use bursar_gateway::explain;
use bursar_gateway::limits::UPCOMING_MAX;
use bursar_gateway::plans::story::{self, PlanTimelineEntry};
use bursar_gateway::plans::upcoming::{Upcoming, upcoming};
use bursar_gateway::plans::view::PlanView;
use bursar_store::PlanTimeline;
use serde_json::{Value, json};

use super::{Done, Globals, output};

/// Plans without their schedules.
pub(super) fn list(globals: &Globals, plans: &[Plan]) -> Done {
    if globals.json {
        let of = |plan: &Plan| with_merchant(&PlanView::from(plan), plan);
        return output::json(&plans.iter().map(of).collect());
    }
    let row = |p: &Plan| {
        vec![
            p.id.to_string(),
            p.number.clone(),
            p.payer.clone(),
            p.state.name().to_owned(),
            p.due_at.map(|at| at.to_string()).unwrap_or_default(),
            p.description.clone(),
        ]
    };
    let head = ["PLAN", "NUMBER", "PAYER", "STATE", "LOOKED AT NEXT", "DESCRIPTION"];
    output::table(&head, &plans.iter().map(row).collect::<Vec<_>>())
}

/// One plan: its installments, and why it is not done and what happens next when.
pub(super) fn show(globals: &Globals, file: &PlanFile, agreement: Option<&Agreement>, now: Timestamp) -> Done {
    if globals.json {
        return output::json(&with_merchant(&PlanView::whole(file, agreement, now), &file.plan));
    }
    let plan = &file.plan;
    let by = match (plan.agreement, plan.debit) {
        (Some(id), Some((_, method))) => format!("by {method} through {id}"),
        _ => "by hand".to_owned(),
    };
    output::line(&format!(
        "{} {} of {}, {by}, in {}: {}",
        plan.id,
        plan.number,
        plan.payer,
        plan.zone,
        plan.state.name()
    ))?;
    output::table(
        &["#", "DUE", "AMOUNT", "STATE", "TRIES", "ORDER", ""],
        &file.installments.iter().map(|i| row(plan, i)).collect::<Vec<_>>(),
    )?;
    output::line(&explain::plan::next(file, agreement, now))
}

/// What happened to a plan, and what comes next.
pub(super) fn timeline(globals: &Globals, timeline: &PlanTimeline, now: Timestamp) -> Done {
    let (plan, next) = (&timeline.file.plan, story::next(timeline, now));
    let entries = story::entries(timeline);
    if globals.json {
        return output::json(&json!({
            "plan": plan.id, "merchant": plan.merchant, "state": plan.state, "timeline": entries,
            "orders_left_out": timeline.orders_left_out, "next": next,
        }));
    }
    let row = |e: &PlanTimelineEntry| {
        let seq = e.seq.map(|seq| seq.to_string()).unwrap_or_default();
        vec![e.at.to_string(), seq, e.what.clone(), e.by.clone().unwrap_or_default(), e.text.clone()]
    };
    output::table(&["TIME", "#", "WHAT", "BY", ""], &entries.iter().map(row).collect::<Vec<_>>())?;
    if timeline.orders_left_out > 0 {
        output::line(&format!("{} older orders are left out.", timeline.orders_left_out))?;
    }
    output::line("")?;
    output::line(&next)
}

/// What would fall due when.
pub(super) fn preview(globals: &Globals, file: &PlanFile, now: Timestamp) -> Done {
    if globals.json {
        return output::json(&with_merchant(&PlanView::preview(file, now), &file.plan));
    }
    let row = |u: &Upcoming| {
        let period = u.period_from.zip(u.period_until).map(|(from, until)| format!("{from} until before {until}"));
        vec![
            u.due_on.to_string(),
            file.plan.money(u.amount_minor).to_string(),
            u.at.to_string(),
            period.unwrap_or_default(),
        ]
    };
    let all = upcoming(file, now, UPCOMING_MAX);
    output::table(&["DUE", "AMOUNT", "AT THE EARLIEST", "FOR"], &all.iter().map(row).collect::<Vec<_>>())
}

fn with_merchant(view: &PlanView, plan: &Plan) -> Value {
    let mut value = serde_json::to_value(view).unwrap_or_default();
    if let Some(members) = value.as_object_mut() {
        members.insert("merchant".to_owned(), json!(plan.merchant));
    }
    value
}

fn row(plan: &Plan, installment: &Installment) -> Vec<String> {
    let next = installment.next_at.filter(|_| !installment.state.is_final()).map(|at| format!("next at {at}"));
    let decline = installment.decline.as_ref().map(|d| format!("{}: {}", d.class.name(), d.reason));
    let back = installment.given_back_minor();
    let back = (back > 0).then(|| format!("{} go back", plan.money(back)));
    let notes: Vec<String> = [next, decline, back].into_iter().flatten().collect();
    vec![
        installment.seq.to_string(),
        installment.due_on.to_string(),
        plan.money(installment.minor).to_string(),
        installment.state.name().to_owned(),
        installment.tries.to_string(),
        installment.order.map(|id| id.to_string()).unwrap_or_default(),
        notes.join(", "),
    ]
}
