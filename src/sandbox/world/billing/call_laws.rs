//! What must hold of every charge that a channel was asked for: when, how often, after what. By the channel's books and
//! the moments at which Bursar knew something; it must never use the decision that it judges.

use std::collections::BTreeMap;

use bursar_core::channel::Method;
use bursar_core::clock::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};
use bursar_core::decide::QuestionKind;
use bursar_core::decline::DeclineClass;
use bursar_core::id::{OrderId, PlanId};

use super::almanac::{Ymd, at_the_wall, on_the_wall, shown};
use super::cast::{Contract, Payer};
use super::figures::Figures;
use super::laws::{granted, rows, ymd};
use super::ledger::Call;
use super::moods::Load;
use super::report::BillingSetup;
use super::town::SKEW_MS;
use super::wishes::Story;
use crate::world::cast::merchant;
use crate::world::state::State;

/// The hours in which nobody is charged: before and from, in minutes of the day.
const DAYTIME: (i64, i64) = (8 * 60, 22 * 60);
/// Who looks, stands still, and calls: what he knew may be as old as this.
const STALE_MS: i64 = 7 * MINUTE_MS;
/// The days after the due day on which want of money is tried again.
const LISTED: [i64; 6] = [1, 3, 5, 8, 11, 14];
/// A charge is made within this of its time, where somebody is at work and little goes wrong.
const PROMPT_MS: i64 = 2 * HOUR_MS;

/// One installment's calls, and whose they are.
struct Case<'a> {
    payer: &'a Payer,
    contract: &'a Contract,
    order: Option<OrderId>,
    due: Option<Ymd>,
    calls: Vec<Call>,
}

/// Checks all calls.
pub(super) fn check(state: &mut State, setup: &BillingSetup, figures: &mut Figures) {
    let payers = state.billing.payers.clone();
    let mut by_order: BTreeMap<String, Vec<Call>> = BTreeMap::new();
    for call in std::mem::take(&mut state.billing.calls) {
        figures.calls += 1;
        if let Some(class) = call.declined {
            *figures.declines.entry(class).or_default() += 1;
        }
        by_order.entry(call.order.clone()).or_default().push(call);
    }
    figures.notices += u64::try_from(state.billing.notices.values().map(Vec::len).sum::<usize>()).unwrap_or(0);
    let mut of_agreement: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for payer in &payers {
        for contract in &payer.contracts {
            for row in rows(state, contract) {
                let named = format!("{}-{}", contract.number, row.seq);
                let Some(calls) = by_order.remove(&named) else { continue };
                let order = state.tables.numbers.get(&(merchant(0), named)).copied();
                let due = Some(ymd(row.due_on));
                for call in calls.iter().filter(|c| c.method == Method::CardDebit) {
                    of_agreement.entry(call.agreement.clone()).or_default().push(call.at_ms);
                }
                let case = Case { payer, contract, order, due, calls };
                figures.retries += u64::try_from(case.calls.len().saturating_sub(1)).unwrap_or(0);
                for call in &case.calls {
                    at_night(state, setup, &case, call, figures);
                    in_order(state, &case, call);
                    channel_rules(state, &case, call);
                }
                course(state, setup, &case);
                prompt(state, setup, &case);
            }
        }
    }
    for order in by_order.keys() {
        state.violated("fired-equals-expected", format!("the channel was asked to charge {order}, which nobody owes"));
    }
    budget(state, of_agreement);
}

/// Nobody is charged at night: by the channel's clock, and the payer's.
fn at_night(state: &mut State, setup: &BillingSetup, case: &Case<'_>, call: &Call, figures: &mut Figures) {
    // Who stands still for minutes between his last look and his call cannot know the time.
    let wrong_ms = if setup.load == Load::Heavy { STALE_MS } else { 0 };
    let by_day = |at_ms: i64| {
        let (_, minute) = on_the_wall(case.payer.zone, at_ms);
        DAYTIME.0 <= minute && minute < DAYTIME.1
    };
    if by_day(call.at_ms) {
        return;
    }
    if by_day(call.at_ms + wrong_ms) || by_day(call.at_ms - wrong_ms) {
        figures.at_the_edge += 1;
        return;
    }
    figures.at_night += 1;
    let (day, minute) = on_the_wall(case.payer.zone, call.at_ms);
    let text = format!("{} on {day} at {:02}:{:02} in {}", call.order, minute / 60, minute % 60, case.payer.zone);
    state.violated("never-at-night", text);
}

/// No call leaves that something known forbids.
fn in_order(state: &mut State, case: &Case<'_>, call: &Call) {
    let Some(sent) = state.billing.sending_ms.get(&call.payment).copied() else {
        return state.violated("number first", format!("{} was called before that was written", call.payment));
    };
    let paid = case.order.and_then(|id| state.billing.captured_ms.get(&id)).copied();
    if paid.is_some_and(|paid| paid < sent) {
        let text = format!("{} was paid, and charged at {}", call.order, shown(call.at_ms));
        state.violated("not-charged-after-paid-by-hand", text);
    }
    let ended = case.payer.debit.and_then(|(id, _)| state.billing.ended_seen_ms.get(&id)).copied();
    if ended.is_some_and(|ended| ended + STALE_MS < sent) {
        let text = format!("{} was charged at {} by an agreement that had ended", call.order, shown(call.at_ms));
        state.violated("not-charged-after-end-of-agreement", text);
    }
    let id: PlanId = case.contract.id;
    let pauses = state.billing.pauses.get(&id).cloned().unwrap_or_default();
    if pauses.iter().any(|(from, until)| from + STALE_MS < sent && sent + STALE_MS < *until) {
        let text = format!("{} was charged at {} while its plan stood still", call.order, shown(call.at_ms));
        state.violated("never-while-paused", text);
    }
    // Before that moment nobody has wished that it goes on, whatever our books say.
    if let Story::Pause { until_ms, .. } = case.contract.story
        && granted(state, case.contract, 0).is_some_and(|from| from + STALE_MS < sent && sent < until_ms)
    {
        let text = format!("{} was charged at {} in a pause that was granted", call.order, shown(call.at_ms));
        state.violated("never-while-paused", text);
    }
    if state.billing.over_ms.get(&id).is_some_and(|over| over + STALE_MS < sent) {
        state.violated("never-after-the-end", format!("{} was charged at {}", call.order, shown(call.at_ms)));
    }
}

/// What the channels demand: notices two days before, and windows.
fn channel_rules(state: &mut State, case: &Case<'_>, call: &Call) {
    let (day, _) = on_the_wall(case.payer.zone, call.at_ms);
    if call.declined == Some(DeclineClass::Agreement) {
        return;
    }
    match call.method {
        Method::WechatDebit => {
            let notices = state.billing.notices.get(&call.agreement).cloned().unwrap_or_default();
            let told = notices.iter().any(|notice| {
                // The notice was meant for a day by a clock that was minutes off.
                let days: Vec<i64> = [-STALE_MS, STALE_MS]
                    .map(|skew| on_the_wall(case.payer.zone, notice.at_ms + skew).0.ordinal())
                    .into_iter()
                    .collect();
                let after = days.into_iter().map(|told| day.ordinal() - told);
                notice.minor >= call.minor && after.into_iter().any(|n| (2..=4).contains(&n))
            });
            if !told {
                state.violated("notice", format!("{} is charged on {day}, and was not announced for it", call.order));
            }
        }
        Method::AlipayDebit => {
            let late = case.due.map(|due| day.ordinal() - due.ordinal());
            if late.is_some_and(|late| !(-5..=0).contains(&late)) {
                state.violated("window", format!("{} is charged on {day}, {late:?} days after its day", call.order));
            }
        }
        _ => {}
    }
}

/// Card schemes take eight tries in thirty days by one agreement.
fn budget(state: &mut State, of_agreement: BTreeMap<String, Vec<i64>>) {
    // What we count by begins minutes before the call, by clocks that are minutes off.
    const WINDOW_MS: i64 = 30 * DAY_MS - HOUR_MS;
    for (agreement, mut tries) in of_agreement {
        tries.sort_unstable();
        let ninth = tries.iter().zip(tries.iter().skip(8)).find(|(first, ninth)| *ninth - *first < WINDOW_MS);
        if let Some((_, ninth)) = ninth {
            state.violated("budget", format!("{agreement} is tried for the ninth time at {}", shown(*ninth)));
        }
    }
}

/// What follows a decline is what its class allows.
fn course(state: &mut State, setup: &BillingSetup, case: &Case<'_>) {
    let law = "declines-follow-course";
    let light = setup.load == Load::Light;
    let wall = |call: &Call| on_the_wall(case.payer.zone, call.at_ms).0.ordinal();
    let Some(first) = case.calls.first() else { return };
    // Where the channel is asked before the due day, its days are counted from the first try.
    let base = case.due.map_or(wall(first), |due| due.ordinal().min(wall(first)));
    for (nth, (call, next)) in (1..).zip(case.calls.iter().zip(case.calls.iter().skip(1))) {
        let (at, then) = (wall(call) - base, wall(next) - base);
        let Some(class) = call.declined else {
            state.violated("once-per-installment", format!("{} is charged again after it was paid", call.order));
            continue;
        };
        let again = |why: &str| format!("{} was declined ({}), and is tried {why}", call.order, class.name());
        let by_days = match class {
            DeclineClass::InsufficientFunds => true,
            DeclineClass::Technical => nth >= 3,
            _ => {
                state.violated(law, again("again all the same"));
                continue;
            }
        };
        if !by_days {
            let soonest = if light { 40 * MINUTE_MS } else { 0 };
            if next.at_ms - call.at_ms < soonest {
                state.violated(law, again("within minutes"));
            }
            continue;
        }
        // A channel that takes nothing after the due day is asked each day before it.
        if call.method == Method::AlipayDebit {
            if then <= at || (light && then != at + 1 && !state.billing.was_down(call.at_ms, next.at_ms)) {
                state.violated(
                    law,
                    again(&format!("{then} days after the first time, the time before {at} days after")),
                );
            }
            continue;
        }
        // Notices, budgets and days without anybody at work put a try off; nothing brings one forward.
        let undisturbed =
            light && call.method == Method::UnionpayDebit && !state.billing.was_down(call.at_ms, next.at_ms);
        let earliest = LISTED.into_iter().find(|day| *day >= at && (*day > at || wall(call) > base));
        if undisturbed && !LISTED.contains(&then) {
            state.violated(law, again(&format!("{then} days after its day")));
        }
        if earliest.is_none_or(|day| then < day) || then < at {
            state.violated(law, again(&format!("{then} days after its day, the time before {at} days after")));
        }
    }
    suspicion_is_asked_about(state, setup, case);
}

/// A charge that looks like fraud is a person's matter.
fn suspicion_is_asked_about(state: &mut State, setup: &BillingSetup, case: &Case<'_>) {
    let suspicious = case.calls.last().is_some_and(|c| c.declined == Some(DeclineClass::Risk));
    let Some(order) = case.order.filter(|_| suspicious) else { return };
    let asked = state.billing.asked.contains(&(order.uuid(), QuestionKind::ChargeAtRisk));
    let settled = setup.load == Load::Heavy
        && state.tables.orders.get(&order).is_some_and(|o| o.state == bursar_core::order::OrderState::Paid);
    let ended = state.billing.over_ms.contains_key(&case.contract.id) && setup.load == Load::Heavy;
    if !asked && !settled && !ended {
        let number = case.calls.last().map(|c| c.order.clone()).unwrap_or_default();
        state.violated("declines-follow-course", format!("{number} looked like fraud, and nobody was asked"));
    }
}

/// The first charge is made on its day, at its time; never before.
fn prompt(state: &mut State, setup: &BillingSetup, case: &Case<'_>) {
    let law = "on-its-day";
    let (Some(first), Some(due)) = (case.calls.first(), case.due) else { return };
    let number = first.order.clone();
    let regular = case.contract.dues().iter().any(|d| d.day == due);
    if !regular || case.contract.story != Story::None {
        return;
    }
    let early = if first.method == Method::AlipayDebit { 2 } else { 0 };
    // Counted back day by day.
    let mut day = due;
    for _ in 0..early {
        day = before(day);
    }
    let Some(planned) = at_the_wall(case.payer.zone, day, case.payer.charged_at) else { return };
    if first.at_ms < planned - SKEW_MS - SECOND_MS {
        state.violated(law, format!("{number} is charged at {}, before its time", shown(first.at_ms)));
    }
    let bound = matches!(first.method, Method::UnionpayDebit | Method::AlipayDebit);
    if setup.load == Load::Heavy || !bound || state.billing.was_down(planned - HOUR_MS, first.at_ms) {
        return;
    }
    // Late in the evening a trouble may put it off to the next morning.
    let evening = case.payer.charged_at + PROMPT_MS / MINUTE_MS >= DAYTIME.1;
    let latest = planned + if evening { 13 * HOUR_MS } else { PROMPT_MS };
    if first.at_ms > latest {
        let text = format!("{number}, planned for {}, is charged at {}", shown(planned), shown(first.at_ms));
        state.violated(law, text);
    }
}

fn before(day: Ymd) -> Ymd {
    if day.day > 1 {
        return Ymd { day: day.day - 1, ..day };
    }
    let month = Ymd { day: 31, ..day }.months_later(-1);
    Ymd { day: super::almanac::length(month.year, month.month), ..month }
}
