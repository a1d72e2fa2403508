//! What must hold when a town's time is over: what was due by the calendar was asked for, once, and paid once; nothing
//! is stuck. By naive arithmetic over both sides' books; it must never use the decision that it judges.

use std::collections::{BTreeMap, BTreeSet};

use bursar_core::billing::{Installment, InstallmentKind, InstallmentState, PlanState};
use bursar_core::clock::DAY_MS;
use bursar_core::decide::QuestionKind;
use bursar_core::id::OrderId;
use bursar_core::job::{JobKey, JobKind};
use bursar_core::payment::Payment;
use bursar_core::refund::Leg;

use super::almanac::{Ymd, on_the_wall};
use super::cast::{Contract, Kind, Payer};
use super::figures::Figures;
use super::report::BillingSetup;
use super::wishes::Story;
use super::{call_laws, schedule_laws, sum_laws};
use crate::world::faults::Fault;
use crate::world::laws as order_laws;
use crate::world::state::State;

/// Around a change of mind it is open on which side of it a day falls: charges may begin days before, and the change
/// is seen with the next look, which may come days later when nobody is at work.
const NEAR_DAYS: i64 = 9;
/// What is not paid for so long is written off by then, and stops its plan.
const WRITTEN_OFF_DAYS: (i64, i64) = (50, 75);

/// Whether an installment must have been asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Must {
    Yes,
    No,
    Open,
}

/// Checks everything; violations go to the state.
pub(super) fn check(state: &mut State, setup: &BillingSetup) -> Figures {
    let mut figures = Figures { towns: 1, payers: setup.payers.into(), ..Figures::default() };
    let payers = state.billing.payers.clone();
    for payer in &payers {
        for contract in &payer.contracts {
            fired_as_expected(state, payer, contract, &mut figures);
            not_stuck(state, contract, &mut figures);
            events_have_no_gaps(state, contract);
            sum_laws::check(state, contract, &mut figures);
        }
        ends_are_seen(state, payer);
    }
    call_laws::check(state, setup, &mut figures);
    schedule_laws::check(state, &mut figures);
    no_strangers(state);
    order_laws::check_one_by_one(state);
    count(state, &mut figures);
    figures
}

/// A day as three numbers, of a row of ours.
pub(super) fn ymd(day: bursar_core::bank::Day) -> Ymd {
    Ymd::new(day.year().into(), day.month().into(), day.day().into())
}

/// When a wish about a contract was on the books.
pub(super) fn granted(state: &State, contract: &Contract, which: usize) -> Option<i64> {
    let (index, nth) = place(state, contract)?;
    state.billing.done.get(&format!("wish {index} {nth} {which}")).copied()
}

fn place(state: &State, contract: &Contract) -> Option<(usize, usize)> {
    let payers = state.billing.payers.iter().enumerate();
    let mut all = payers.flat_map(|(i, p)| p.contracts.iter().enumerate().map(move |(n, c)| (i, n, c.id)));
    all.find(|(.., id)| *id == contract.id).map(|(i, n, _)| (i, n))
}

/// The installments of a contract, as our rows have them.
pub(super) fn rows(state: &State, contract: &Contract) -> Vec<Installment> {
    state.tables.installments.range((contract.id, 0)..=(contract.id, u32::MAX)).map(|(_, i)| i.clone()).collect()
}

/// Every installment of every period exactly once, by the calendar.
fn fired_as_expected(state: &mut State, payer: &Payer, contract: &Contract, figures: &mut Figures) {
    let law = "fired-equals-expected";
    let rows = rows(state, contract);
    let number = &contract.number;
    let opened: Vec<((u32, usize), Vec<OrderId>)> = {
        let all = state.billing.opened.range((contract.id, 0)..=(contract.id, u32::MAX));
        all.map(|((_, seq), orders)| ((*seq, orders.len()), orders.clone())).collect()
    };
    for ((seq, times), orders) in &opened {
        if *times != 1 {
            state.violated(law, format!("{number}-{seq} has {times} orders"));
        }
        let named = format!("{number}-{seq}");
        for order in orders {
            let other = state.tables.orders.get(order).filter(|o| o.number != named).map(|o| o.number.clone());
            if let Some(other) = other {
                state.violated(law, format!("the order of {named} is numbered {other}"));
            }
        }
    }
    let mut fired: BTreeMap<Ymd, usize> = BTreeMap::new();
    for row in rows.iter().filter(|r| r.kind == InstallmentKind::Regular) {
        let times = opened.iter().find(|((seq, _), _)| *seq == row.seq).map_or(0, |((_, times), _)| *times);
        *fired.entry(ymd(row.due_on)).or_default() += times;
    }
    fired.retain(|_, times| *times > 0);
    let dues = contract.dues();
    for due in &dues {
        let times = fired.remove(&due.day).unwrap_or(0);
        let must = must(state, payer, contract, &rows, due.day);
        figures.expected += u64::from(must == Must::Yes);
        figures.fired += u64::from(must == Must::Yes && times > 0);
        let fits = match must {
            Must::Yes => times == 1,
            Must::No => times == 0,
            Must::Open => times <= 1,
        };
        if !fits {
            let text = format!("{number}: due on {}, {must:?}, and fired {times} times", due.day);
            state.violated(law, text);
        }
    }
    for (day, times) in fired {
        state.violated(law, format!("{number}: fired {times} times on {day}, on which nothing is due"));
    }
    let paid = rows.iter().filter(|r| r.state == InstallmentState::Paid && r.kind == InstallmentKind::Regular);
    figures.paid += u64::try_from(paid.count()).unwrap_or(0);
}

fn must(state: &State, payer: &Payer, contract: &Contract, rows: &[Installment], day: Ymd) -> Must {
    let days_after = |at_ms: i64| day.ordinal() - on_the_wall(payer.zone, at_ms).0.ordinal();
    // From a moment on nothing, and around it either.
    let until = |at_ms: i64| match days_after(at_ms) {
        n if n > NEAR_DAYS => Must::No,
        n if n < -NEAR_DAYS => Must::Yes,
        _ => Must::Open,
    };
    let mut must = Must::Yes;
    let mut limit = |other: Must| {
        must = match (must, other) {
            (Must::No, _) | (_, Must::No) => Must::No,
            (Must::Open, _) | (_, Must::Open) => Must::Open,
            _ => Must::Yes,
        };
    };
    for row in rows.iter().filter(|r| r.state == InstallmentState::WrittenOff) {
        let late = day.ordinal() - ymd(row.due_on).ordinal();
        limit(match late {
            n if n >= WRITTEN_OFF_DAYS.1 => Must::No,
            n if n >= WRITTEN_OFF_DAYS.0 => Must::Open,
            _ => Must::Yes,
        });
    }
    for other in &payer.contracts {
        if let Story::PayerEnds { at_ms } = other.story
            && payer.debit.is_some()
        {
            limit(until(at_ms));
        }
    }
    let granted = |which| granted(state, contract, which);
    if let (Story::Pause { .. }, Some(from), Some(over)) =
        (contract.story, granted(0), state.billing.over_ms.get(&contract.id))
        && granted(1).is_none_or(|resumed| *over < resumed)
    {
        // What was open when it was paused was written off meanwhile, which ends it.
        limit(until(from));
    }
    match contract.story {
        Story::Cancel { .. } | Story::PayOff { .. } => granted(0).into_iter().for_each(|at| limit(until(at))),
        Story::GiveBack { .. } => granted(0).into_iter().for_each(|at| {
            // What is still to come becomes less, or nothing.
            limit(if days_after(at) < -NEAR_DAYS { Must::Yes } else { Must::Open });
        }),
        Story::Reprice { .. } => granted(0).into_iter().for_each(|at| {
            // A credit may pay for the next months.
            limit(if (-NEAR_DAYS..125).contains(&days_after(at)) { Must::Open } else { Must::Yes });
        }),
        Story::Pause { catch_up: false, .. } if matches!(contract.kind, Kind::Monthly { .. }) => {
            if let Some(from) = granted(0) {
                let until_ms = granted(1).unwrap_or(i64::MAX / 4);
                let (in_pause, over) = (days_after(from), days_after(until_ms));
                limit(match (in_pause, over) {
                    (a, b) if a > NEAR_DAYS && b < -NEAR_DAYS => Must::No,
                    (a, b) if a < -NEAR_DAYS || b > NEAR_DAYS => Must::Yes,
                    _ => Must::Open,
                });
            }
        }
        _ => {}
    }
    must
}

/// After quiet every plan has ended, or waits for a person who was asked, or has a moment and a job.
fn not_stuck(state: &mut State, contract: &Contract, figures: &mut Figures) {
    let law = "nothing-stuck";
    let Some(plan) = state.tables.plans.get(&contract.id).cloned() else {
        return state.violated(law, format!("{} was never taken", contract.number));
    };
    *figures.plans.entry(plan.state.name()).or_default() += 1;
    let asked = state.tables.questions.contains_key(&(plan.id.uuid(), QuestionKind::PlanStalled));
    if plan.state == PlanState::Paused && asked {
        return;
    }
    if !plan.state.is_final() {
        let job = state.tables.jobs.get(&JobKey::new(JobKind::FollowPlan, plan.id.uuid()));
        let job = job.map(|j| (j.due_at, j.question.clone()));
        let text = format!("{} is {} with {:?}, its job {job:?}", plan.number, plan.state.name(), plan.due_at);
        state.violated(law, text);
    }
    for row in rows(state, contract).iter().filter(|r| !r.state.is_final()) {
        let text =
            format!("{}-{} is {} in a plan that is {}", plan.number, row.seq, row.state.name(), plan.state.name());
        state.violated(law, text);
    }
}

/// What merchants are told of a plan has no gaps.
fn events_have_no_gaps(state: &mut State, contract: &Contract) {
    let Some(count) = state.tables.plans.get(&contract.id).map(|p| p.event_count) else { return };
    let about = bursar_store::About::Plan(contract.id);
    let mut told: Vec<i64> =
        state.tables.deliveries.values().filter(|d| d.about == about).map(|d| d.sequence).collect();
    told.sort_unstable();
    if told != (1..=count).collect::<Vec<_>>() {
        state.violated("plan-events", format!("{} has events {told:?} of {count}", contract.number));
    }
}

/// That a payer has ended his agreement is seen by the daily look.
fn ends_are_seen(state: &mut State, payer: &Payer) {
    let Some((id, _)) = payer.debit else { return };
    let ended = state.billing.mandates.get(&id.bare()).and_then(|m| m.ended_ms);
    let Some(ended) = ended.filter(|at| *at < state.now - 10 * DAY_MS) else { return };
    if !state.billing.ended_seen_ms.contains_key(&id) {
        state.violated("end-is-seen", format!("{} ended his agreement at {ended}, and nobody knows", payer.name));
    }
}

/// The channel has no payment and no refund that is none of ours.
fn no_strangers(state: &mut State) {
    let payments: BTreeSet<String> = state.tables.payments.values().map(Payment::number).collect();
    let legs: BTreeSet<String> = state.tables.legs.values().map(Leg::number).collect();
    let entries = state.books.entries.keys().filter(|n| !payments.contains(*n));
    let givings = state.books.givings.rows.keys().filter(|n| !legs.contains(*n));
    let strange: Vec<String> = entries.chain(givings).cloned().collect();
    for number in strange {
        state.violated("I2", format!("the channel has {number}, which is none of ours"));
    }
}

fn count(state: &State, figures: &mut Figures) {
    let faults = |fault| state.coverage.faults.get(&fault).copied().unwrap_or(0);
    figures.crashes = state.billing.deaths;
    figures.pauses = faults(Fault::Zombie) + faults(Fault::Sleeper);
    figures.down_days =
        u64::try_from(state.billing.down.iter().map(|(a, b)| (b - a) / DAY_MS).sum::<i64>()).unwrap_or(0);
    figures.steps = state.coverage.steps;
    for ((kind, _), n) in &state.coverage.endings {
        *figures.runs.entry(kind).or_default() += n;
    }
    for name in state.billing.done.keys().filter(|n| n.starts_with("wish ")) {
        let part = |nth: usize| name.split(' ').nth(nth).and_then(|t| t.parse::<usize>().ok());
        let contract = part(1).zip(part(2)).and_then(|(i, n)| state.billing.payers.get(i)?.contracts.get(n));
        let wish = contract.zip(part(3)).and_then(|(c, which)| c.story.wishes().into_iter().nth(which));
        if let Some((name, ..)) = wish {
            *figures.wishes.entry(name).or_default() += 1;
        }
    }
}
