//! The days of the month: it knows what families and agencies do when, and must never know what became of it.

use bursar_core::Clock as _;
use bursar_core::billing::{InstallmentState, PlanFile};
use bursar_core::channel::ChannelKind;
use bursar_core::clock::HOUR_MS;
use bursar_core::id::{OrderId, ScheduleId};
use bursar_core::order::OrderState;
use bursar_sandbox::EndedBy;
use bursar_store::Extent;
use serde_json::json;

use super::Month;
use super::cast::{DAYS, Deed};
use super::count::{Books, Report, count};
use super::sign::Member;
use crate::play::leap::leap;

/// Things are done, and paid by hand, at noon.
const NOON_MS: i64 = 12 * HOUR_MS;
/// The last day ends at this time, when nobody is charged any more.
const EVENING_MS: i64 = 22 * HOUR_MS;
/// What was declined in the last days has so many days more.
const DAYS_AFTER: i64 = 15;

/// Lives through the month.
pub(super) async fn live(month: &Month<'_>, members: &[Member]) -> anyhow::Result<()> {
    for day in 0..DAYS {
        month.live_until(month.at(day, NOON_MS)).await?;
        for member in members {
            act(month, member, day).await?;
        }
        let paid = pay_by_hand(month, members).await?;
        (month.means.tell)(&format!("day {} of {DAYS}: {paid} installments paid by hand at noon", day + 1));
    }
    month.live_until(month.at(DAYS - 1, EVENING_MS)).await
}

/// What was due has the time that it needs; then everything is counted.
pub(super) async fn come_to_rest(
    month: &Month<'_>,
    members: &[Member],
    schedule: Option<ScheduleId>,
) -> anyhow::Result<Report> {
    let until = month.at(DAYS - 1 + DAYS_AFTER, EVENING_MS);
    let books = Books { members, schedule, ended_at: month.at(DAYS - 1, EVENING_MS) };
    loop {
        pay_by_hand(month, members).await?;
        let report = count(month, &books).await?;
        if report.is_at_rest() || month.rest().await.is_err() {
            return Ok(report);
        }
        if report.waits_for_a_day() && month.means.clock.now() < until {
            leap(month.means.program.store.as_ref(), month.means.clock, until).await?;
        }
    }
}

async fn act(month: &Month<'_>, member: &Member, today: i64) -> anyhow::Result<()> {
    let (verb, body) = match member.family.deed {
        Some(Deed::Leaves(day)) if day == today => {
            let (account, number) = member.at_channel()?;
            let ended = month.means.sandbox.end_agreement(account, &number, EndedBy::Payer);
            return ended.map_err(anyhow::Error::msg);
        }
        Some(Deed::Rests(day, _)) if day == today => ("pause", json!({ "reason": "holidays" })),
        Some(Deed::Rests(_, day)) if day == today => ("resume", json!({ "catch_up": true })),
        Some(Deed::PaysOff(day)) if day == today => ("payoff", json!({})),
        Some(Deed::Cancels(day)) if day == today => {
            ("cancel", json!({ "reason": "the family moves", "refund_unserved": true }))
        }
        _ => return Ok(()),
    };
    let path = format!("/v1/plans/{}/{verb}", member.plan()?);
    month.ask(&member.actor, &path, &body, &[200]).await.map(drop)
}

/// Installments that no charge follows for are paid by their payers; how many it was begun for.
async fn pay_by_hand(month: &Month<'_>, members: &[Member]) -> anyhow::Result<usize> {
    let store = month.means.program.store.as_ref();
    let mut begun = 0;
    for member in members {
        let Some(file) = store.plan(member.plan()?, Extent::All).await? else { continue };
        for order in asked(&file) {
            let Some(dossier) = store.dossier(order).await? else { continue };
            let open = matches!(dossier.order.state, OrderState::Created | OrderState::Paying);
            if !open || dossier.payments.iter().any(|p| !p.state.is_final()) {
                continue;
            }
            let path = format!("/v1/orders/{order}/pick");
            let by_wechat = json!({ "method": "wechat_native", "account_id": member.actor.till(ChannelKind::Wechat) });
            // Somebody else may have been faster: the next look shows it.
            month.ask(&member.actor, &path, &by_wechat, &[201, 409]).await?;
            begun += 1;
        }
    }
    Ok(begun)
}

/// The orders of the plan that wait for their payer.
fn asked(file: &PlanFile) -> impl Iterator<Item = OrderId> {
    let by_hand = file.plan.agreement.is_none();
    file.installments.iter().filter_map(move |i| match i.state {
        InstallmentState::Overdue => i.order,
        InstallmentState::Charging if by_hand => i.order,
        _ => None,
    })
}
