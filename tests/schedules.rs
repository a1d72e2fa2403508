//! A merchant's schedule from its making to the orders that it opens: on time, after a lost queue, after months in
//! which nobody was there.

use bursar_core::channel::Method;
use bursar_core::clock::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};
use bursar_core::id::ScheduleId;
use bursar_core::job::{JobKey, JobKind, NewJob};
use bursar_core::order::OrderState;
use bursar_core::payment::{PayerDetails, PaymentState};
use bursar_core::schedule::{CatchUp, Draft, Fire, FireKind, OrderTemplate, Schedule, Template, Tender};
use bursar_core::{Currency, Money};
use bursar_store::{Answer, Change};
use bursar_tests::Branch;

/// A schedule that opens orders by transfer, on the first of each month at 09:30 in Shanghai.
async fn monthly(branch: &Branch, catch_up: CatchUp) -> ScheduleId {
    let payer = PayerDetails { name: Some("张三".to_owned()), ..PayerDetails::default() };
    let template = Template::Order(OrderTemplate {
        amount: Money::new(680_000, Currency::CNY),
        description: "住家阿姨 月费".to_owned(),
        tender: Tender::Named { method: Method::BankTransfer, account: branch.account.id, payer },
        life_s: 7 * DAY_MS / SECOND_MS,
        service: None,
        region: None,
    });
    let (merchant, now) = (branch.account.merchant, branch.clock_now());
    let wish = Draft { merchant, name: "nanny", cron: "30 9 1 * *", zone: "Asia/Shanghai" };
    let schedule = wish.schedule(catch_up, template, now, branch.desk.chance.as_ref()).unwrap();
    let (answer, row) = branch.desk.add_schedule(schedule, |_, _| {}).await.unwrap();
    assert_eq!(answer, Answer::Committed);
    row.id
}

async fn row(branch: &Branch, id: ScheduleId) -> Schedule {
    branch.store.schedule(id).await.unwrap().unwrap()
}

/// Its fires, the earliest first.
async fn fires(branch: &Branch, id: ScheduleId) -> Vec<Fire> {
    let mut fires = branch.store.fires(id, None, 1_000).await.unwrap();
    fires.reverse();
    fires
}

#[tokio::test]
async fn each_month_opens_its_order_once_and_a_payable_one() {
    let branch = Branch::open().await;
    let id = monthly(&branch, CatchUp::default()).await;
    // From November 22 to the next November, looking in every few hours.
    for _ in 0..(365 * 4) {
        branch.later(6 * HOUR_MS).await;
    }
    let fires = fires(&branch, id).await;
    assert_eq!(fires.len(), 12);
    for fire in &fires {
        let order = branch.store.dossier(fire.order).await.unwrap().unwrap();
        assert!(fire.fired_at.since_ms(fire.due_at) < 6 * HOUR_MS);
        assert_eq!(order.order.number, row(&branch, id).await.order_number(fire.due_at));
        assert_eq!((order.order.state, order.payments[0].state), (OrderState::Paying, PaymentState::AwaitingPayer));
    }
    assert_eq!(row(&branch, id).await.order_number(fires[0].due_at), "nanny-20261201T013000Z");
    let found = row(&branch, id).await;
    assert_eq!((found.fired_count, found.skipped_count), (12, 0));
}

#[tokio::test]
async fn a_lost_queue_delays_a_fire_and_loses_none() {
    let branch = Branch::open().await;
    let id = monthly(&branch, CatchUp::default()).await;
    let due_at = row(&branch, id).await.next_due_at.unwrap();
    assert!(branch.store.cancel_job(JobKey::schedule(JobKind::FireSchedule, id)).await.unwrap());
    branch.later(due_at.since_ms(branch.clock_now()) + MINUTE_MS).await;
    assert_eq!(fires(&branch, id).await, []);
    let sweep = JobKey::new(JobKind::SweepStuck, uuid::Uuid::nil());
    let job = NewJob::new(sweep, branch.account.merchant, branch.clock_now());
    branch.desk.gatherer.commit(Change { jobs: vec![job], ..Change::default() }).await.unwrap();
    branch.work().await;
    let fired = fires(&branch, id).await;
    assert_eq!(fired.iter().map(|f| (f.due_at, f.kind)).collect::<Vec<_>>(), [(due_at, FireKind::Regular)]);
    // And it goes on.
    branch.later(31 * DAY_MS).await;
    assert_eq!(fires(&branch, id).await.len(), 2);
}

#[tokio::test]
async fn after_months_without_anybody_the_policy_says_what_is_made_up_for() {
    for (catch_up, wanted, skipped) in [
        (CatchUp::All { at_most: 31 }, 6, 0),
        (CatchUp::All { at_most: 2 }, 2, 4),
        (CatchUp::Once, 1, 5),
        (CatchUp::Skip, 0, 6),
    ] {
        let branch = Branch::open().await;
        let id = monthly(&branch, catch_up).await;
        // From November 22 to May 21.
        branch.later(180 * DAY_MS).await;
        let found = fires(&branch, id).await;
        assert_eq!(found.len(), wanted, "{catch_up}");
        assert!(found.iter().all(|f| f.kind == FireKind::CatchUp), "{catch_up}");
        let schedule = row(&branch, id).await;
        assert_eq!((schedule.fired_count, schedule.skipped_count), (wanted as i64, skipped), "{catch_up}");
        // The next is on time, whatever was before.
        branch.clock.advance_ms(schedule.next_due_at.unwrap().since_ms(branch.clock_now()));
        branch.work().await;
        assert_eq!(fires(&branch, id).await.last().map(|f| f.kind), Some(FireKind::Regular), "{catch_up}");
    }
}
