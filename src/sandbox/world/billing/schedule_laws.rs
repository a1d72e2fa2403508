//! What must hold of schedules: each instant that its wall clock shows was fired once, and what was missed was treated as
//! its policy says. Instants are found day by day; it must never use the calendar that it judges.

use std::collections::BTreeSet;

use bursar_core::clock::{HOUR_MS, MINUTE_MS, Timestamp};
use bursar_core::schedule::CatchUp;

use super::almanac::{at_the_wall, on_the_wall, shown};
use super::cast::{Clockwork, Days};
use super::figures::Figures;
use crate::world::state::{BEGIN_MS, State};

const LAW: &str = "schedules";
/// Fires of the last hour may be under way.
const UNDER_WAY_MS: i64 = HOUR_MS;

/// The instants that a wall clock shows, after `from` and not after `until`.
fn instants(clockwork: &Clockwork, from_ms: i64, until_ms: i64) -> BTreeSet<i64> {
    let mut found = BTreeSet::new();
    let mut day = on_the_wall(clockwork.zone, from_ms - 48 * HOUR_MS).0;
    let last = on_the_wall(clockwork.zone, until_ms).0.next();
    while day <= last {
        let named = match clockwork.on {
            Days::Weekday(weekday) => day.weekday() == weekday,
            Days::Monthday(number) => day.day == number,
        };
        if named {
            found.extend(at_the_wall(clockwork.zone, day, clockwork.minute));
        }
        day = day.next();
    }
    found.retain(|at| from_ms < *at && *at <= until_ms);
    found
}

/// Checks all schedules.
pub(super) fn check(state: &mut State, figures: &mut Figures) {
    for (nth, clockwork) in state.billing.clockworks.clone().into_iter().enumerate() {
        if state.billing.done.contains_key(&format!("schedule {nth}")) {
            one(state, &clockwork, figures);
        } else {
            state.violated(LAW, format!("{} was never taken", clockwork.row.name));
        }
    }
}

fn one(state: &mut State, clockwork: &Clockwork, figures: &mut Figures) {
    let (id, name) = (clockwork.row.id, clockwork.row.name.clone());
    let expected = instants(clockwork, BEGIN_MS, state.now - UNDER_WAY_MS);
    let fires: Vec<i64> = {
        let range =
            state.tables.fires.range((id, Timestamp::from_millis(i64::MIN))..=(id, Timestamp::from_millis(i64::MAX)));
        range.map(|(_, f)| f.due_at.as_millis()).filter(|at| *at <= state.now - UNDER_WAY_MS).collect()
    };
    figures.fires_expected += u64::try_from(expected.len()).unwrap_or(0);
    figures.fires += u64::try_from(fires.len()).unwrap_or(0);
    for at in fires.iter().filter(|at| !expected.contains(at)) {
        state
            .violated(LAW, format!("{name} fired for {}, at which it is not due ({})", shown(*at), clockwork.row.zone));
    }
    let prefix = format!("{name}-");
    let orders = state.tables.orders.values().filter(|o| o.installment.is_none() && o.number.starts_with(&prefix));
    let (orders, all) = (orders.count(), state.tables.fires.keys().filter(|(of, _)| *of == id).count());
    if orders != all {
        state.violated(LAW, format!("{name} fired {all} times, and opened {orders} orders"));
    }
    let missed: Vec<i64> = expected.iter().filter(|at| !fires.contains(at)).copied().collect();
    figures.fires_skipped += u64::try_from(missed.len()).unwrap_or(0);
    let skipped = state.tables.schedules.get(&id).map_or(0, |s| s.skipped_count);
    if i64::try_from(missed.len()) != Ok(skipped) {
        state.violated(LAW, format!("{name} counts {skipped} as skipped; they are {}", missed.len()));
    }
    for at in missed {
        let text = format!("{name} was not fired for {} ({:?})", shown(at), clockwork.row.catch_up);
        match clockwork.row.catch_up {
            CatchUp::All { .. } => state.violated(LAW, text),
            // The latest of those that were missed is fired.
            CatchUp::Once if !expected.iter().any(|later| *later > at && fires.contains(later)) => {
                state.violated(LAW, text);
            }
            CatchUp::Once | CatchUp::Skip => {
                let heavy = state.billing.load.is_heavy();
                if !heavy && !state.billing.was_down(at, at + 5 * MINUTE_MS) {
                    state.violated(LAW, format!("{text}, and somebody was at work"));
                }
            }
        }
    }
}
