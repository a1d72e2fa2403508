//! Schedules: each due instant fires once, whoever fires it, and nothing is lost.

use std::collections::BTreeSet;
use std::sync::Arc;

use bursar_core::channel::Method;
use bursar_core::clock::{DAY_MS, HOUR_MS, MINUTE_MS, ManualClock, SECOND_MS};
use bursar_core::id::{ChannelAccountId, MerchantId, OrderId, ScheduleId};
use bursar_core::job::{JobKey, JobKind, Queue};
use bursar_core::merchant::MerchantPolicy;
use bursar_core::payment::PayerDetails;
use bursar_core::schedule::{CatchUp, Draft, Fire, FireKind, OrderTemplate, Schedule, ScheduleState, Template, Tender};
use bursar_core::{Currency, Money, Timestamp};

use super::office::Office;
use super::world::*;
use super::{Db, on_both};
use crate::desk::schedules::{Fired, Ran, Rescheduled};
use crate::desk::{Desk, Run};
use crate::{Answer, Change, ClaimRequest, ScheduleFilter, ScheduleGauges, ScheduleRows, Settlement, Store};

on_both! {
    every_column_of_a_schedule_and_its_fires_is_read_back
    a_name_is_taken_once_per_merchant_and_free_again_after_it_was_removed
    a_schedule_that_has_moved_on_is_stale_and_an_instant_that_was_fired_a_duplicate
    schedules_are_found_by_merchant_state_name_and_what_is_overdue
    active_schedules_without_a_job_are_stuck
    of_twenty_who_fire_one_instant_one_writes_and_all_are_answered_alike
    three_workers_with_skewed_clocks_fire_everything_once_after_three_days_of_downtime
    an_instant_that_somebody_named_before_is_passed_over
    an_order_of_an_earlier_schedule_of_that_name_is_not_opened_again
    pausing_resuming_and_removing_takes_and_gives_the_job
    a_template_whose_account_is_not_the_merchants_opens_nothing
}

/// The first instant of the day after [`NOW`] that is a whole hour.
const MORNING: Timestamp = Timestamp::from_millis(1_700_038_800_000);

fn offers() -> Tender {
    Tender::Offers { methods: vec![Method::WechatNative, Method::Cash], customer: Some("c-1".to_owned()) }
}

fn daily(merchant: MerchantId, name: &str, catch_up: CatchUp, tender: Tender) -> Schedule {
    let template = Template::Order(OrderTemplate {
        amount: Money::new(12_800, Currency::CNY),
        description: "日常保洁 2 小时".to_owned(),
        tender,
        life_s: 1_800,
        service: None,
        region: None,
    });
    let draft = Draft { merchant, name, cron: "0 0 9 * * *", zone: "UTC" };
    let chance = bursar_core::chance::SeededChance::new(7);
    let schedule = draft.schedule(catch_up, template, NOW, &chance).unwrap();
    Schedule { id: ScheduleId(uuid()), ..schedule }
}

async fn added(desk: &Desk, schedule: Schedule) -> Schedule {
    let (answer, schedule) = desk.add_schedule(schedule, |_, _| {}).await.unwrap();
    assert_eq!(answer, Answer::Committed);
    schedule
}

/// The office with a clock that shows `now`.
fn at(office: &Office, store: &Arc<dyn Store>, now: Timestamp) -> Desk {
    Desk { clock: Arc::new(ManualClock::at(now)), ..office.also(store).desk }
}

async fn stored(store: &dyn Store, id: ScheduleId) -> Schedule {
    store.schedule(id).await.unwrap().unwrap()
}

async fn every_column_of_a_schedule_and_its_fires_is_read_back(db: &Db) {
    let payer = PayerDetails { openid: Some("o-1".to_owned()), ..PayerDetails::default() };
    let named = Tender::Named { method: Method::WechatJsapi, account: ChannelAccountId(uuid()), payer };
    let full = Schedule {
        last_due_at: Some(NOW.plus_ms(-1)),
        last_fired_at: Some(NOW.plus_ms(-2)),
        fired_count: 3,
        skipped_count: 4,
        ..daily(merchant(), "a.b:c_d-e", CatchUp::Once, named)
    };
    let plain = daily(full.merchant, "plain", CatchUp::All { at_most: 5 }, offers());
    let fire = Fire {
        schedule: full.id,
        due_at: MORNING,
        order: OrderId(uuid()),
        kind: FireKind::External,
        fired_at: NOW.plus_ms(7),
    };
    let schedules = ScheduleRows { new: vec![full.clone(), plain.clone()], fires: vec![fire], ..Default::default() };
    assert_eq!(one(&*db.store, Change { schedules, ..Change::default() }).await, Answer::Committed);
    assert_eq!(stored(&*db.store, full.id).await, Schedule { version: 1, ..full.clone() });
    assert_eq!(stored(&*db.store, plain.id).await, Schedule { version: 1, ..plain });
    assert_eq!(db.store.fires(full.id, None, 9).await.unwrap(), [fire]);
    assert_eq!(db.store.fires(full.id, Some(MORNING), 9).await.unwrap(), []);
    assert_eq!(db.store.fires_between(full.id, MORNING, MORNING).await.unwrap(), [fire]);
    assert_eq!(db.store.fires_between(full.id, NOW, MORNING.plus_ms(-1)).await.unwrap(), []);
    // And every column that changes.
    let next = Schedule {
        version: 1,
        next_due_at: None,
        last_due_at: Some(NOW),
        last_fired_at: None,
        fired_count: 8,
        skipped_count: 9,
        removed_at: Some(NOW),
        state: ScheduleState::Removed,
        ..full
    };
    let schedules = ScheduleRows { updated: vec![next.clone()], ..Default::default() };
    assert_eq!(one(&*db.store, Change { schedules, ..Change::default() }).await, Answer::Committed);
    assert_eq!(stored(&*db.store, next.id).await, Schedule { version: 2, ..next });
    assert_eq!(db.store.schedule(ScheduleId(uuid())).await.unwrap(), None);
}

async fn a_name_is_taken_once_per_merchant_and_free_again_after_it_was_removed(db: &Db) {
    let office = Office::open(&db.store, MerchantPolicy::default()).await;
    let first = added(&office.desk, daily(office.merchant, "n", CatchUp::Once, offers())).await;
    let again = |merchant| office.desk.add_schedule(daily(merchant, "n", CatchUp::Once, offers()), |_, _| {});
    assert_eq!(again(office.merchant).await.unwrap().0, Answer::Duplicate);
    assert_eq!(again(merchant()).await.unwrap().0, Answer::Committed);
    for _ in 0..2 {
        let gone = office.desk.reschedule(first.id, Schedule::removed, |_, _| {}).await.unwrap();
        assert!(matches!(gone, Rescheduled::Written(_) | Rescheduled::Refused(_)), "{gone:?}");
    }
    let second = again(office.merchant).await.unwrap();
    assert_eq!(second.0, Answer::Committed);
    assert_eq!(again(office.merchant).await.unwrap().0, Answer::Duplicate);
    // Twice in one call, and many at once.
    let change = || {
        let schedules =
            ScheduleRows { new: vec![daily(office.merchant, "m", CatchUp::Once, offers())], ..Default::default() };
        Change { schedules, ..Change::default() }
    };
    let answers = db.store.commit(&[change(), change()]).await.unwrap();
    assert_eq!(answers, [Answer::Committed, Answer::Duplicate]);
}

async fn a_schedule_that_has_moved_on_is_stale_and_an_instant_that_was_fired_a_duplicate(db: &Db) {
    let office = Office::open(&db.store, MerchantPolicy::default()).await;
    let row = added(&office.desk, daily(office.merchant, "n", CatchUp::Once, offers())).await;
    let fire = |n| Fire {
        schedule: row.id,
        due_at: MORNING.plus_ms(n * SECOND_MS),
        order: OrderId(uuid()),
        kind: FireKind::Regular,
        fired_at: NOW,
    };
    let change = |version, fire| {
        let schedules =
            ScheduleRows { new: vec![], updated: vec![Schedule { version, ..row.fired(NOW) }], fires: vec![fire] };
        Change { schedules, ..opening(office.merchant, &uuid().to_string()) }
    };
    assert_eq!(one(&*db.store, change(1, fire(0))).await, Answer::Committed);
    let stale = change(1, fire(1));
    assert_eq!(one(&*db.store, stale.clone()).await, Answer::Stale);
    assert_eq!(db.store.order_by_number(office.merchant, &stale.new_orders[0].number).await.unwrap(), None);
    assert_eq!(one(&*db.store, change(2, fire(0))).await, Answer::Duplicate);
    // Both: a repeated fire is told so.
    assert_eq!(one(&*db.store, change(1, fire(0))).await, Answer::Duplicate);
    // In one call the second finds what the first has written.
    let answers = db.store.commit(&[change(2, fire(2)), change(2, fire(3)), change(3, fire(2))]).await.unwrap();
    assert_eq!(answers, [Answer::Committed, Answer::Stale, Answer::Duplicate]);
    assert_eq!(stored(&*db.store, row.id).await.version, 3);
    assert_eq!(db.store.fires(row.id, None, 9).await.unwrap().len(), 2);
}

async fn schedules_are_found_by_merchant_state_name_and_what_is_overdue(db: &Db) {
    let office = Office::open(&db.store, MerchantPolicy::default()).await;
    let (m, desk) = (office.merchant, &office.desk);
    let active = added(desk, daily(m, "active", CatchUp::Once, offers())).await;
    let paused = added(desk, daily(m, "paused", CatchUp::Once, offers())).await;
    let removed = added(desk, daily(m, "removed", CatchUp::Once, offers())).await;
    let foreign = added(desk, daily(merchant(), "active", CatchUp::Once, offers())).await;
    desk.reschedule(paused.id, |s, _| s.paused(), |_, _| {}).await.unwrap();
    desk.reschedule(removed.id, Schedule::removed, |_, _| {}).await.unwrap();
    let all = ScheduleFilter { merchant: Some(m), limit: 9, ..Default::default() };
    let ids = async |filter: ScheduleFilter| -> Vec<ScheduleId> {
        db.store.schedules(&filter).await.unwrap().into_iter().map(|s| s.id).collect()
    };
    assert_eq!(ids(all.clone()).await, [paused.id, active.id]);
    assert_eq!(ids(ScheduleFilter { limit: 1, ..all.clone() }).await, [paused.id]);
    assert_eq!(ids(ScheduleFilter { before: Some(paused.id), ..all.clone() }).await, [active.id]);
    assert_eq!(ids(ScheduleFilter { state: Some(ScheduleState::Removed), ..all.clone() }).await, [removed.id]);
    assert_eq!(ids(ScheduleFilter { name: Some("active".to_owned()), ..all.clone() }).await, [active.id]);
    assert_eq!(ids(ScheduleFilter { due_before: Some(MORNING), ..all.clone() }).await, []);
    assert_eq!(ids(ScheduleFilter { due_before: Some(MORNING.plus_ms(1)), ..all.clone() }).await, [active.id]);
    assert_eq!(ids(ScheduleFilter { merchant: None, ..all }).await, [foreign.id, paused.id, active.id]);
    let overdue = async |now: Timestamp| -> BTreeSet<ScheduleId> {
        db.store.overdue_schedules(now, 9).await.unwrap().into_iter().map(|s| s.id).collect()
    };
    assert_eq!(overdue(MORNING.plus_ms(5 * MINUTE_MS)).await, BTreeSet::new());
    assert_eq!(overdue(MORNING.plus_ms(5 * MINUTE_MS + 1)).await, [active.id, foreign.id].into());
    let gauges = db.store.schedule_gauges(MORNING.plus_ms(DAY_MS)).await.unwrap();
    assert_eq!(gauges, ScheduleGauges { overdue: 2, last_fired_at: None });
    desk.fire_schedule(active.id, NOW, FireKind::RunNow, |_, _, _| {}).await.unwrap();
    let gauges = db.store.schedule_gauges(MORNING).await.unwrap();
    assert_eq!(gauges, ScheduleGauges { overdue: 0, last_fired_at: Some(NOW) });
}

async fn active_schedules_without_a_job_are_stuck(db: &Db) {
    let office = Office::open(&db.store, MerchantPolicy::default()).await;
    let row = added(&office.desk, daily(office.merchant, "n", CatchUp::Once, offers())).await;
    let later = MORNING.plus_ms(1);
    assert_eq!(db.store.stuck_schedules(later, 9).await.unwrap(), []);
    assert!(db.store.cancel_job(JobKey::schedule(JobKind::FireSchedule, row.id)).await.unwrap());
    assert_eq!(db.store.stuck_schedules(MORNING, 9).await.unwrap(), []);
    assert_eq!(db.store.stuck_schedules(later, 9).await.unwrap(), [(row.id, office.merchant)]);
    office.desk.reschedule(row.id, |s, _| s.paused(), |_, _| {}).await.unwrap();
    assert_eq!(db.store.stuck_schedules(later, 9).await.unwrap(), []);
}

async fn of_twenty_who_fire_one_instant_one_writes_and_all_are_answered_alike(db: &Db) {
    let office = Office::open(&db.store, MerchantPolicy::default()).await;
    let row = added(&office.desk, daily(office.merchant, "n", CatchUp::Once, offers())).await;
    let another = db.another().await;
    let mut tasks = tokio::task::JoinSet::new();
    for i in 0..20_i64 {
        let desk = at(&office, if i % 2 == 0 { &db.store } else { &another }, MORNING.plus_ms(i));
        tasks.spawn(async move {
            match desk.fire_schedule(row.id, MORNING, FireKind::External, |_, _, _| {}).await.unwrap() {
                Fired::Written(_, fire) => (true, fire),
                Fired::Known(_, fire) => (false, fire),
                other => panic!("{other:?}"),
            }
        });
    }
    let fired = tasks.join_all().await;
    assert_eq!(fired.iter().filter(|(written, _)| *written).count(), 1);
    assert!(fired.iter().all(|(_, fire)| *fire == fired[0].1), "{fired:?}");
    assert_eq!(db.store.order_by_number(office.merchant, "n-20231115T090000Z").await.unwrap(), Some(fired[0].1.order));
    let (row, jobs) = (stored(&*db.store, row.id).await, db.store.counts().await.unwrap().jobs);
    assert_eq!((row.fired_count, row.last_due_at, row.next_due_at), (1, None, Some(MORNING)));
    assert!(jobs.contains(&(JobKind::ExpireOrder, 1)), "{jobs:?}");
    another.close().await;
}

/// Claims and runs jobs of schedules until none is due by this worker's clock.
async fn work(desk: &Desk, store: &dyn Store, now: Timestamp) {
    let owner = uuid();
    loop {
        let request = ClaimRequest { owner, wanted: vec![(Queue::Money, 1)], now, lease_ms: 60_000 };
        let Some(claimed) = store.claim(&request).await.unwrap().pop() else { return };
        if claimed.key.kind != JobKind::FireSchedule {
            continue;
        }
        let run = Run { settle: settle(&claimed, owner, Settlement::Hold) };
        match desk.run_schedule(ScheduleId(claimed.key.subject), &run).await.unwrap() {
            Ran::Settled => {}
            Ran::Wait(due_at) => {
                let again = Settlement::Again { due_at, step: 0, why: String::new() };
                assert_eq!(one(store, settling(&claimed, owner, again)).await, Answer::Committed);
            }
            other => panic!("{other:?}"),
        }
    }
}

async fn three_workers_with_skewed_clocks_fire_everything_once_after_three_days_of_downtime(db: &Db) {
    let office = Office::open(&db.store, MerchantPolicy::default()).await;
    let catch_up = CatchUp::All { at_most: 10 };
    let row = added(&office.desk, daily(office.merchant, "n", catch_up, offers())).await;
    let another = db.another().await;
    // Three days of nothing, a day with everybody at work, one with nobody, and a day more.
    for hours in [72, 75, 96, 120, 121] {
        let now = MORNING.plus_ms(hours * HOUR_MS);
        let mut workers = tokio::task::JoinSet::new();
        for (i, skew) in [-40, 0, 40].into_iter().enumerate() {
            let store = if i == 1 { another.clone() } else { db.store.clone() };
            let now = now.plus_ms(skew * SECOND_MS);
            let desk = at(&office, &store, now);
            workers.spawn(async move { work(&desk, &*store, now).await });
        }
        workers.join_all().await;
    }
    let mut fires = db.store.fires(row.id, None, 99).await.unwrap();
    fires.reverse();
    let due: Vec<Timestamp> = fires.iter().map(|f| f.due_at).collect();
    assert_eq!(due, (0..6).map(|day| MORNING.plus_ms(day * DAY_MS)).collect::<Vec<_>>());
    let kinds: Vec<FireKind> = fires.iter().map(|f| f.kind).collect();
    assert_eq!(kinds[..3], [FireKind::CatchUp; 3]);
    // The fourth is due at the very moment at which they begin: by the clock of whoever is fastest it is late or not.
    assert_eq!(kinds[4..], [FireKind::Regular; 2]);
    let row = stored(&*db.store, row.id).await;
    assert_eq!((row.fired_count, row.skipped_count, row.last_due_at), (6, 0, due.last().copied()));
    assert_eq!(row.next_due_at, Some(MORNING.plus_ms(6 * DAY_MS)));
    let orders: BTreeSet<OrderId> = fires.iter().map(|f| f.order).collect();
    assert_eq!(orders.len(), 6);
    another.close().await;
}

async fn an_instant_that_somebody_named_before_is_passed_over(db: &Db) {
    let office = Office::open(&db.store, MerchantPolicy::default()).await;
    let row = added(&office.desk, daily(office.merchant, "n", CatchUp::Once, offers())).await;
    let early = at(&office, &db.store, MORNING.plus_ms(-1_000));
    let fired = early.fire_schedule(row.id, MORNING, FireKind::External, |_, _, _| {}).await.unwrap();
    assert!(matches!(fired, Fired::Written(..)), "{fired:?}");
    let now = MORNING.plus_ms(1_000);
    work(&at(&office, &db.store, now), &*db.store, now).await;
    let row = stored(&*db.store, row.id).await;
    assert_eq!((row.fired_count, row.last_due_at), (1, Some(MORNING)));
    assert_eq!(row.next_due_at, Some(MORNING.plus_ms(DAY_MS)));
    assert_eq!(db.store.fires(row.id, None, 9).await.unwrap().len(), 1);
}

async fn an_order_of_an_earlier_schedule_of_that_name_is_not_opened_again(db: &Db) {
    let office = Office::open(&db.store, MerchantPolicy::default()).await;
    let first = added(&office.desk, daily(office.merchant, "n", CatchUp::Once, offers())).await;
    let desk = at(&office, &db.store, MORNING);
    let fire = |id| desk.fire_schedule(id, MORNING, FireKind::RunNow, |_, _, _| {});
    let Fired::Written(_, before) = fire(first.id).await.unwrap() else { panic!("not fired") };
    desk.reschedule(first.id, Schedule::removed, |_, _| {}).await.unwrap();
    let second = added(&desk, daily(office.merchant, "n", CatchUp::Once, offers())).await;
    let Fired::Written(_, after) = fire(second.id).await.unwrap() else { panic!("not fired") };
    assert_eq!((before.order, before.due_at), (after.order, after.due_at));
    assert!(matches!(fire(first.id).await.unwrap(), Fired::Known(..)));
    let other = desk.fire_schedule(first.id, NOW, FireKind::RunNow, |_, _, _| {}).await.unwrap();
    assert!(matches!(other, Fired::Refused(_)), "{other:?}");
    let missing = desk.fire_schedule(ScheduleId(uuid()), NOW, FireKind::RunNow, |_, _, _| {}).await.unwrap();
    assert!(matches!(missing, Fired::Missing), "{missing:?}");
    // A key that was taken before writes nothing.
    assert_eq!(
        one(&*db.store, Change { idempotency: Some(idempotency(office.merchant, "k")), ..Change::default() }).await,
        Answer::Committed
    );
    let keyed =
        |_: &Schedule, _: &Fire, change: &mut Change| change.idempotency = Some(idempotency(office.merchant, "k"));
    let fired = desk.fire_schedule(second.id, NOW, FireKind::RunNow, keyed).await.unwrap();
    assert!(matches!(fired, Fired::Duplicate), "{fired:?}");
    assert_eq!(db.store.fires(second.id, None, 9).await.unwrap().len(), 1);
}

async fn pausing_resuming_and_removing_takes_and_gives_the_job(db: &Db) {
    let office = Office::open(&db.store, MerchantPolicy::default()).await;
    let row = added(&office.desk, daily(office.merchant, "n", CatchUp::default(), offers())).await;
    let due = async || {
        let jobs = db.store.jobs(&crate::JobFilter { limit: 9, ..Default::default() }).await.unwrap();
        let ours = jobs.into_iter().filter(|j| j.key == JobKey::schedule(JobKind::FireSchedule, row.id));
        ours.map(|j| j.due_at).collect::<Vec<_>>()
    };
    assert_eq!(due().await, [MORNING]);
    office.desk.reschedule(row.id, |s, _| s.paused(), |_, _| {}).await.unwrap();
    assert_eq!(due().await, []);
    let later = at(&office, &db.store, MORNING.plus_ms(10 * DAY_MS + 1));
    // A run that began before it was paused finds nothing to do.
    let owner = uuid();
    let lost = Run {
        settle: crate::Settle {
            key: JobKey::schedule(JobKind::FireSchedule, row.id),
            owner,
            fence: 1,
            how: Settlement::Hold,
        },
    };
    assert_eq!(later.run_schedule(row.id, &lost).await.unwrap(), Ran::Rest);
    later.reschedule(row.id, Schedule::resumed, |_, _| {}).await.unwrap();
    assert_eq!(due().await, [MORNING.plus_ms(11 * DAY_MS)]);
    // What fell due meanwhile was not wanted; a run without a lease writes nothing.
    let row = stored(&*db.store, row.id).await;
    assert_eq!((row.fired_count, row.skipped_count), (0, 0));
    let much_later = at(&office, &db.store, MORNING.plus_ms(12 * DAY_MS));
    assert_eq!(much_later.run_schedule(row.id, &lost).await.unwrap(), Ran::Fenced);
    assert_eq!(db.store.fires(row.id, None, 9).await.unwrap(), []);
    later.reschedule(row.id, Schedule::removed, |_, _| {}).await.unwrap();
    assert_eq!(due().await, []);
    assert_eq!(stored(&*db.store, row.id).await.state, ScheduleState::Removed);
}

async fn a_template_whose_account_is_not_the_merchants_opens_nothing(db: &Db) {
    let office = Office::open(&db.store, MerchantPolicy::default()).await;
    let other = Office::open(&db.store, MerchantPolicy::default()).await;
    let by = |account| Tender::Named { method: Method::WechatNative, account, payer: PayerDetails::default() };
    let own = added(&office.desk, daily(office.merchant, "own", CatchUp::Once, by(office.account))).await;
    let foreign = added(&office.desk, daily(office.merchant, "foreign", CatchUp::Once, by(other.account))).await;
    let fired = office.desk.fire_schedule(own.id, NOW, FireKind::RunNow, |_, _, _| {}).await.unwrap();
    let Fired::Written(_, fire) = fired else { panic!("{fired:?}") };
    let dossier = db.store.dossier(fire.order).await.unwrap().unwrap();
    assert_eq!((dossier.payments.len(), dossier.payments[0].account), (1, office.account));
    let error = office.desk.fire_schedule(foreign.id, NOW, FireKind::RunNow, |_, _, _| {}).await.unwrap_err();
    assert!(error.to_string().contains(&other.account.to_string()), "{error}");
    assert_eq!(db.store.fires(foreign.id, None, 9).await.unwrap(), []);
}
