//! Schedules against a slow and simple reading of time: minute by minute, for ten years, where clocks change.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp as Instant};

use super::*;
use crate::chance::{Chance, SeededChance};
use crate::channel::Method;
use crate::clock::{HOUR_MS, SECOND_MS, Timestamp};
use crate::id::MerchantId;
use crate::{Currency, Money};

/// Half an hour forwards, an hour, and one at midnight; and Beijing, which never changes.
const ZONES: [&str; 5] = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "Asia/Shanghai"];
/// Monthly, on the last day, in the hours that are skipped and repeated, on days of the week, on leap days.
const CRONS: [&str; 9] = [
    "0 0 9 1 * *",
    "0 30 2 L * ?",
    "0 30 2 * * *",
    "0 0,15,45 0-3 * * *",
    "30 1 * * *",
    "15 2 * * MON-FRI",
    "0 */40 1-2 * * 0,6",
    "0 0 0 * * *",
    "0 0 12 29 2 *",
];

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

fn template() -> Template {
    Template::Order(OrderTemplate {
        amount: Money::new(12_800, Currency::CNY),
        description: "Home cleaning".to_owned(),
        tender: Tender::Offers { methods: vec![Method::WechatNative], customer: None },
        life_s: 1_800,
        service: None,
        region: None,
    })
}

fn schedule(cron: &str, zone: &str, catch_up: CatchUp, now: Timestamp) -> Schedule {
    let draft = Draft { merchant: MerchantId::fresh(now, &SeededChance::new(1)), name: "monthly", cron, zone };
    draft.schedule(catch_up, template(), now, &SeededChance::new(2)).unwrap()
}

/// Whether a local minute is one of the expression's, read plainly.
fn named(cron: &Cron, local: DateTime) -> bool {
    cron.names(local.date()) && cron.local(local) == Some(local)
}

/// What must be fired after `from` up to `until`, of each expression: each local minute once, the first time that it
/// is or is past.
fn expected(zone: &str, from: Timestamp, until: Timestamp) -> Vec<Vec<Timestamp>> {
    let crons: Vec<Cron> = CRONS.iter().map(|cron| cron.parse().unwrap()).collect();
    let zone = TimeZone::get(zone).unwrap();
    let local = |ms: i64| zone.to_datetime(Instant::from_millisecond(ms).unwrap());
    let (mut now, mut found) = (from.as_millis(), vec![Vec::new(); crons.len()]);
    let mut seen = local(now);
    while now < until.as_millis() {
        now += MINUTE_MS;
        let here = local(now);
        let mut due = vec![false; crons.len()];
        while seen < here {
            seen = seen.checked_add(SignedDuration::from_mins(1)).unwrap();
            crons.iter().zip(&mut due).for_each(|(cron, due)| *due |= named(cron, seen));
        }
        let fires = found.iter_mut().zip(due).filter(|(_, due)| *due);
        fires.for_each(|(found, _)| found.push(Timestamp::from_millis(now)));
    }
    found
}

/// Fires as three workers would who look when they like, on clocks that differ by up to two minutes, one of whom
/// comes back after three days now and then. Each commit is guarded by the version: one wins.
fn played(mut row: Schedule, until: Timestamp, seed: u64) -> (Vec<Timestamp>, Schedule) {
    let (chance, mut now, mut fired) = (SeededChance::new(seed), row.created_at, Vec::new());
    while now < until {
        let pause = if chance.below(400) == 0 { 3 * DAY_MS } else { 20 * HOUR_MS };
        now = now.plus_ms(i64::try_from(chance.below(u64::try_from(pause).unwrap())).unwrap() + 1).min(until);
        for _ in 0..3 {
            let skew = i64::try_from(chance.below(4)).unwrap() * MINUTE_MS - 2 * MINUTE_MS;
            let own = if now == until { until } else { now.plus_ms(skew).min(until) };
            let calendar = row.calendar().unwrap();
            while let Step::Fire { due_at, skipped, next_due_at, .. } = step(&row, &calendar, own) {
                assert_eq!(skipped, 0);
                fired.push(due_at);
                row = row.advanced(Some(due_at), skipped, next_due_at).fired(own);
            }
        }
    }
    (fired, row)
}

#[test]
fn over_ten_years_everything_that_is_due_is_fired_exactly_once_where_clocks_change() {
    let (from, until) = (at("2026-01-01T00:00:00Z"), at("2036-01-01T00:00:00Z"));
    let mut sum = 0;
    let of_zone = |zone| CRONS.iter().zip(expected(zone, from, until)).map(move |(cron, wanted)| (zone, cron, wanted));
    for (seed, (zone, cron, wanted)) in (1..).zip(ZONES.into_iter().flat_map(of_zone)) {
        let row = schedule(cron, zone, CatchUp::All { at_most: CATCH_UP_MAX }, from);
        let (fired, row) = played(row, until, seed);
        assert_eq!(fired, wanted, "{cron} in {zone}");
        assert_eq!((row.fired_count, row.skipped_count), (i64::try_from(wanted.len()).unwrap(), 0));
        let calendar = row.calendar().unwrap();
        assert_eq!(calendar.count(from, until), u64::try_from(wanted.len()).unwrap(), "{cron} in {zone}");
        sum += wanted.len();
    }
    println!("{sum} instants in {} zones over ten years: fired == expected", ZONES.len());
    assert!(sum > 50_000);
}

#[test]
fn counting_and_the_latest_are_what_walking_finds() {
    let (from, until) = (at("2026-01-01T00:00:00Z"), at("2027-06-01T00:00:00Z"));
    let chance = SeededChance::new(9);
    for (zone, cron) in ZONES.iter().flat_map(|z| CRONS.iter().map(move |c| (z, c))) {
        let calendar = Calendar::new(cron, zone).unwrap();
        let all = calendar.between(from, until, usize::MAX);
        for _ in 0..20 {
            let draw =
                || from.plus_ms(i64::try_from(chance.below(u64::try_from(until.since_ms(from)).unwrap())).unwrap());
            let (a, b) = (draw(), draw());
            let inside: Vec<_> = all.iter().copied().filter(|at| a < *at && *at <= b).collect();
            assert_eq!(calendar.count(a, b), u64::try_from(inside.len()).unwrap(), "{cron} {zone} {a} {b}");
            let most = usize::try_from(chance.below(9)).unwrap() + 1;
            let (latest, earlier) = calendar.latest(a, b, most);
            assert_eq!(latest, inside[inside.len().saturating_sub(most)..], "{cron} {zone} {a} {b}");
            assert_eq!(usize::try_from(earlier).unwrap(), inside.len().saturating_sub(most));
        }
    }
}

#[test]
fn a_skipped_time_fires_at_the_change_and_a_repeated_one_once() {
    let next = |cron: &str, zone: &str, after: &str| Calendar::new(cron, zone).unwrap().next(at(after)).unwrap();
    // Berlin 2026-03-29: 02:00 becomes 03:00 at 01:00Z. 2026-10-25: 02:30 is at 00:30Z and at 01:30Z.
    assert_eq!(next("0 30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z"), at("2026-03-29T01:00:00Z"));
    assert_eq!(next("0 30 2 * * *", "Europe/Berlin", "2026-03-29T01:00:00Z"), at("2026-03-30T00:30:00Z"));
    assert_eq!(next("0 30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z"), at("2026-10-25T00:30:00Z"));
    assert_eq!(next("0 30 2 * * *", "Europe/Berlin", "2026-10-25T00:30:00Z"), at("2026-10-26T01:30:00Z"));
    // A later time that exists is not passed over because an earlier one was moved beyond it.
    assert_eq!(next("0 15,45 2,3 * * *", "Europe/Berlin", "2026-03-29T00:59:00Z"), at("2026-03-29T01:00:00Z"));
    assert_eq!(next("0 15,45 2,3 * * *", "Europe/Berlin", "2026-03-29T01:00:00Z"), at("2026-03-29T01:15:00Z"));
    // Samoa had no 2011-12-30.
    assert_eq!(next("0 0 9 30 12 *", "Pacific/Apia", "2011-12-29T00:00:00Z"), at("2011-12-30T10:00:00Z"));
    // From one leap day over the end of a century to the next.
    assert_eq!(next("0 0 0 29 2 *", "UTC", "2096-03-01T00:00:00Z"), at("2104-02-29T00:00:00Z"));
}

#[test]
fn what_was_missed_is_fired_or_skipped_as_the_policy_says_and_counted() {
    let (made, now) = (at("2026-11-01T00:00:00Z"), at("2026-11-22T09:02:00Z"));
    let owed = |catch_up, cron| {
        let row = schedule(cron, "UTC", catch_up, made);
        due(&row, &row.calendar().unwrap(), now)
    };
    let next = Some(at("2026-11-23T09:00:00Z"));
    let daily = "0 0 9 * * *";
    let all = owed(CatchUp::All { at_most: 50 }, daily);
    assert_eq!((all.to_fire.len(), all.skipped, all.next_due_at), (22, 0, next));
    assert_eq!(all.to_fire[0], at("2026-11-01T09:00:00Z"));
    let some = owed(CatchUp::All { at_most: 3 }, daily);
    let wanted = ["2026-11-20T09:00:00Z", "2026-11-21T09:00:00Z", "2026-11-22T09:00:00Z"].map(at);
    assert_eq!((some.to_fire, some.skipped), (wanted.to_vec(), 19));
    let once = owed(CatchUp::Once, daily);
    assert_eq!((once.to_fire, once.skipped, once.next_due_at), (vec![at("2026-11-22T09:00:00Z")], 21, next));
    // Two minutes late is not missed; half an hour is.
    let skip = owed(CatchUp::Skip, daily);
    assert_eq!((skip.to_fire, skip.skipped), (vec![at("2026-11-22T09:00:00Z")], 21));
    let skip = owed(CatchUp::Skip, "0 30 8 * * *");
    assert_eq!((skip.to_fire, skip.skipped, skip.next_due_at), (vec![], 22, Some(at("2026-11-23T08:30:00Z"))));
    let row = schedule("0 30 8 * * *", "UTC", CatchUp::Skip, made);
    let wanted = Step::Skip { skipped: 22, next_due_at: Some(at("2026-11-23T08:30:00Z")) };
    assert_eq!(step(&row, &row.calendar().unwrap(), now), wanted);
}

#[test]
fn ten_years_of_minutes_are_counted_and_never_iterated() {
    let (made, now) = (at("2026-01-01T00:00:00Z"), at("2036-01-01T00:00:30Z"));
    for zone in ["UTC", "Europe/Berlin"] {
        let row = schedule("* * * * *", zone, CatchUp::All { at_most: CATCH_UP_MAX }, made);
        let owed = due(&row, &row.calendar().unwrap(), now);
        // In autumn an hour is repeated, in spring one is skipped: both times 60 minutes fire less, but for one.
        let lost = if zone == "UTC" { 0 } else { 10 * 60 };
        let minutes = u64::try_from(now.since_ms(made) / MINUTE_MS).unwrap() - lost;
        assert_eq!(owed.skipped + 1_000, minutes, "{zone}");
        assert_eq!((owed.to_fire.len(), owed.to_fire[999]), (1_000, at("2036-01-01T00:00:00Z")));
    }
}

#[test]
fn a_clock_that_jumps_back_fires_nothing_and_one_that_jumped_ahead_is_seen_and_set_right() {
    let made = at("2026-11-01T00:00:00Z");
    let row = schedule("0 0 9 * * *", "UTC", CatchUp::Once, made);
    let calendar = row.calendar().unwrap();
    let Step::Fire { due_at, skipped, next_due_at, .. } = step(&row, &calendar, at("2027-11-01T10:00:00Z")) else {
        panic!("a year later something is due")
    };
    let row = row.advanced(Some(due_at), skipped, next_due_at).fired(made);
    let now = at("2026-11-02T10:00:00Z");
    assert_eq!(step(&row, &calendar, now), Step::Wait(at("2027-11-02T09:00:00Z")));
    assert!(row.is_ahead(now) && !row.is_overdue(now));
    let mended = row.resumed(now).unwrap();
    assert_eq!(mended.next_due_at, Some(at("2026-11-03T09:00:00Z")));
    assert!(!mended.is_ahead(now));
    // One that is not ahead goes on where it stands: to resume it twice skips nothing.
    let late = at("2026-11-20T10:00:00Z");
    assert_eq!(mended.resumed(late).unwrap(), mended);
    assert!(mended.is_overdue(late));
}

#[test]
fn a_paused_schedule_owes_nothing_and_a_removed_one_can_do_nothing() {
    let (made, now) = (at("2026-11-01T00:00:00Z"), at("2026-11-22T09:02:00Z"));
    let row = schedule("0 0 9 * * *", "UTC", CatchUp::default(), made);
    let paused = row.paused().unwrap();
    assert_eq!(step(&paused, &row.calendar().unwrap(), now), Step::Rest);
    assert_eq!(paused.resumed(now).unwrap().next_due_at, Some(at("2026-11-23T09:00:00Z")));
    let removed = row.removed(now).unwrap();
    assert_eq!(removed.paused(), Err(Unschedulable::Removed));
    assert_eq!(removed.check_fire(now, now), Err(Unschedulable::Removed));
    assert_eq!(row.check_fire(now.plus_ms(1), now), Err(Unschedulable::Fraction(now.plus_ms(1))));
    assert!(matches!(row.check_fire(now.plus_ms(HOUR_MS), now), Err(Unschedulable::Ahead(_))));
    assert_eq!(row.check_fire(now.plus_ms(30 * SECOND_MS), now), Ok(()));
    let old = at("1999-11-22T09:02:00Z");
    assert_eq!(row.check_fire(old, now), Err(Unschedulable::TooOld(old)));
}

#[test]
fn a_backfill_is_of_the_past_and_of_at_most_a_year_of_days() {
    let (made, now) = (at("2026-11-01T00:00:00Z"), at("2026-11-22T09:00:00Z"));
    let daily = schedule("0 0 9 * * *", "UTC", CatchUp::default(), made);
    // Before it was made, and both ends included.
    let found = daily.backfill(at("2026-10-30T09:00:00Z"), now, now).unwrap();
    assert_eq!((found.len(), found[0], found[23]), (24, at("2026-10-30T09:00:00Z"), now));
    assert_eq!(daily.backfill(made, made, now), Ok(vec![]));
    assert_eq!(daily.backfill(made, now.plus_ms(1), now), Err(Unschedulable::Ahead(now.plus_ms(1))));
    assert!(matches!(daily.backfill(now, made, now), Err(Unschedulable::Backwards { .. })));
    assert_eq!(daily.backfill(at("2025-11-22T09:00:00Z"), now, now).unwrap().len(), 366);
    assert_eq!(daily.backfill(at("2025-11-21T09:00:00Z"), now, now), Err(Unschedulable::TooMany { count: 367 }));
    let minutely = schedule("* * * * *", "UTC", CatchUp::default(), made);
    let year = minutely.backfill(at("2025-11-22T09:00:30Z"), now, now);
    assert_eq!(year, Err(Unschedulable::TooMany { count: 525_600 }));
    assert_eq!(
        minutely.backfill(at("1000-01-01T00:00:00Z"), now, now),
        Err(Unschedulable::TooOld(at("1000-01-01T00:00:00Z")))
    );
    assert_eq!(daily.removed(now).unwrap().backfill(made, now, now), Err(Unschedulable::Removed));
}

#[test]
fn the_due_instant_is_in_the_number_of_the_order() {
    let made = at("2026-11-01T00:00:00Z");
    let row = schedule("0 30 9 * * *", "Asia/Shanghai", CatchUp::default(), made);
    let due_at = row.next_due_at.unwrap();
    let (order, payments) = row.template.open(&row, due_at, due_at.plus_ms(5), &SeededChance::new(3));
    assert_eq!(order.number, "monthly-20261101T013000Z");
    assert_eq!((order.amount, order.offers.len(), payments.len()), (Money::new(12_800, Currency::CNY), 1, 0));
    assert_eq!(order.expires_at, due_at.plus_ms(5 + 1_800 * SECOND_MS));
    assert!(format!("{}-20261101T013000Z", "n".repeat(NAME_MAX_CHARS)).len() <= 64);
}

#[test]
fn every_wrong_member_is_named_with_its_reason() {
    let now = at("2026-11-01T00:00:00Z");
    let why = |name: &str, cron: &str, zone: &str| -> Vec<(&str, String)> {
        let draft = Draft { merchant: MerchantId::fresh(now, &SeededChance::new(1)), name, cron, zone };
        draft.check(now).err().unwrap_or_default().into_iter().map(|w| (w.member, w.why)).collect()
    };
    assert_eq!(why("a", "0 0 9 * * *", "Asia/Shanghai"), []);
    for (cron, word) in [
        ("* * 31 2 *", "never fires"),
        ("0 0 0 30 FEB ?", "never fires"),
        ("often", "has 1 fields"),
        ("", "has 0 fields"),
        ("0 0 0 * * * 2026", "has 7 fields"),
        ("0 60 * * * *", "`60` is not 0 to 59"),
        ("0 0 24 * * *", "`24` is not 0 to 23"),
        ("0 0 0 0 * *", "`0` is not 1 to 31"),
        ("0 0 0 * 13 *", "`13` is not 1 to 12"),
        ("0 0 0 * * 8", "`8` is not 0 to 7"),
        ("0 0 0 * * FRI-MON", "comes after"),
        ("0 */0 * * * *", "a step is"),
        ("0 1,, * * * *", "`` is not"),
        ("0 +1 * * * *", "`+1` is not"),
        ("0 0 9 1 * MON", "not both"),
        ("* * * * * *", "at most once a minute"),
        ("0,30 * * * * *", "at most once a minute"),
    ] {
        let wrong = why("a", cron, "UTC");
        assert!(wrong.len() == 1 && wrong[0].0 == "cron" && wrong[0].1.contains(word), "{cron}: {wrong:?}");
    }
    let long = "1,".repeat(400);
    assert!(why("a", &long, "UTC")[0].1.contains("at most 512"));
    for zone in ["Mars/Base", "", "UTC+8", "../etc/passwd", "Asia/shanghai\0"] {
        let wrong = why("a", "0 9 * * *", zone);
        assert!(wrong.len() == 1 && wrong[0].0 == "zone", "{zone}: {wrong:?}");
    }
    let all: Vec<_> = why("a b", "x", "y").into_iter().map(|(member, _)| member).collect();
    assert_eq!(all, ["name", "zone", "cron"]);
}

#[test]
fn five_fields_are_read_as_second_0_and_sunday_is_0_and_7() {
    for (five, six) in
        [("30 9 * * 1", "0 30 9 * * MON"), ("0 0 * * 7", "0 0 0 * * sun"), ("0 0 * * 5-7", "0 0 0 ? * 0,5,6")]
    {
        let upcoming = |cron: &str| Calendar::new(cron, "UTC").unwrap().upcoming(at("2026-11-22T00:00:00Z"), 9);
        assert_eq!(upcoming(five), upcoming(six));
        assert_eq!(upcoming(five).len(), 9);
    }
    let monday = Calendar::new("30 9 * * 1", "Asia/Shanghai").unwrap();
    assert_eq!(monday.next(at("2026-11-22T00:00:00Z")), Some(at("2026-11-23T01:30:00Z")));
    assert_eq!("30 9 * * 1".parse::<Cron>().unwrap().to_string(), "0 30 9 * * 1");
    assert_eq!("all=5".parse(), Ok(CatchUp::All { at_most: 5 }));
    for bad in ["all=0", "all=x", "all=1001", "once=2", "never", ""] {
        assert!(bad.parse::<CatchUp>().is_err(), "{bad}");
    }
    for policy in [CatchUp::All { at_most: 7 }, CatchUp::Once, CatchUp::Skip] {
        assert_eq!(CatchUp::from_code(policy.code(), policy.at_most()), Some(policy));
        assert_eq!(policy.to_string().parse(), Ok(policy));
    }
}

#[test]
fn a_template_is_read_back_as_it_was_written() {
    let text = serde_json::to_string(&template()).unwrap();
    assert_eq!(serde_json::from_str::<Template>(&text).unwrap(), template());
}
