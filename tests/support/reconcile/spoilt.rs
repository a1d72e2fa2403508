//! Bills that cannot be used: it knows how a whole bill can be spoilt and what nothing may come of it, and must never
//! look into how one is read.

use bursar_core::channel::ChannelKind;
use bursar_core::reconcile::{BillState, BreakKind, BreakState, RunFigures, RunState};
use bursar_sandbox::{BillFlaw, BillName, PayMode};
use bursar_store::ledger::Balance;
use bursar_store::{BreakFilter, DayFilter};

use super::town::{Silence, Town, sandboxes};

/// A spoilt bill, what becomes of its day, and the words that name the mistake.
struct Spoilt {
    flaw: BillFlaw,
    /// The bill of funds, where the one of trades is whole.
    funds: bool,
    state: RunState,
    words: &'static str,
}

const fn spoilt(flaw: BillFlaw, words: &'static str) -> Spoilt {
    Spoilt { flaw, funds: false, state: RunState::Failed, words }
}

/// The same of the bill of funds.
const fn funds(flaw: BillFlaw, words: &'static str) -> Spoilt {
    Spoilt { funds: true, ..spoilt(flaw, words) }
}

/// What can be wrong with whole bills of a channel. The bill of the day before needs one.
fn all(channel: ChannelKind) -> Vec<Spoilt> {
    use BillFlaw::{CutOff, Garbage, OtherAccount, OtherDay, Totals, WrongDigest};
    match channel {
        ChannelKind::Wechat => vec![
            // A download that came damaged is fetched again soon, without a person.
            Spoilt { state: RunState::Waiting, ..spoilt(WrongDigest, "the bill's digest is") },
            spoilt(CutOff, "the bill is cut off"),
            spoilt(Totals, "the bill does not add up"),
            spoilt(OtherDay, "the bill is of"),
            spoilt(OtherAccount, "the bill is about the account"),
            spoilt(Garbage { lines: 1_000_000 }, "this is no row of a bill"),
            Spoilt { funds: true, state: RunState::Waiting, ..spoilt(WrongDigest, "the bill's digest is") },
            funds(CutOff, "the bill is cut off"),
            funds(Totals, "the bill does not add up"),
            funds(Garbage { lines: 3_000 }, "this is no row of a bill"),
        ],
        ChannelKind::Alipay => vec![
            spoilt(CutOff, "the bill is cut off"),
            spoilt(Totals, "the bill does not add up"),
            spoilt(OtherDay, "the bill is of"),
            spoilt(OtherAccount, "the bill is about the account"),
            spoilt(Garbage { lines: 3_000 }, "line "),
            funds(CutOff, "the bill is cut off"),
            funds(Totals, "the bill does not add up"),
            funds(Garbage { lines: 3_000 }, "line "),
        ],
        ChannelKind::Unionpay => vec![
            spoilt(CutOff, "the bill is cut off"),
            spoilt(Totals, "the bill does not add up"),
            spoilt(OtherDay, "the bill is of"),
            spoilt(OtherAccount, "the bill is about the account"),
            spoilt(Garbage { lines: 3_000 }, "this layout is not known"),
        ],
        ChannelKind::Stripe => vec![spoilt(Garbage { lines: 3_000 }, "line "), spoilt(OtherDay, "the bill is of")],
        ChannelKind::Bank | ChannelKind::Cash => panic!("nobody is called there"),
    }
}

/// What there is of bills: nothing of it may change while a bill cannot be used.
#[derive(PartialEq, Eq, Debug)]
struct Kept {
    lines: usize,
    bills_taken: usize,
    breaks: usize,
    /// Every posting shows in it.
    ledger: Vec<Balance>,
}

impl Kept {
    async fn of(silence: &Silence) -> Self {
        let store = silence.store();
        let filter = DayFilter { account: Some(silence.account), limit: 1_000, ..DayFilter::default() };
        let bills = store.bills(&filter).await.expect("the database");
        let mut lines = 0;
        for bill in &bills {
            lines += store.bill_lines(bill.id, 0, 1_000).await.expect("the database").len();
        }
        let all = BreakFilter { account: Some(silence.account), limit: 1_000, ..BreakFilter::default() };
        Self {
            lines,
            bills_taken: bills.iter().filter(|b| b.state == BillState::Done || b.taken > 0).count(),
            breaks: store.breaks(&all).await.expect("the database").len(),
            ledger: store.trial_balance(None).await.expect("the ledger"),
        }
    }
}

/// Each day's bill is spoilt in another way: nothing of it is used, its run says what is wrong, and once the channel
/// has mended it the day is done and finds what it should.
///
/// # Panics
/// When that is not so.
pub async fn refuse_spoilt_bills(channel: ChannelKind, database: Option<String>) {
    let town = Town::open(channel, database).await;
    let (_, fine) = town.paid(12_300).await;
    let (_, silent) = town.payable(11_000).await;
    let silence = town.fall_silent().await;
    let (sandbox, merchant) = (silence.sandbox(), silence.merchant());
    sandbox.pay(&merchant, &silent.number(), PayMode::Normal).expect("the payer pays");
    let first = silence.today();
    for (n, case) in (0_i64..).zip(all(channel)) {
        // Noon of each day: there is always something that the bill tells and our books do not.
        let day = first.plus_days(n);
        silence.clock.leap_to(channel.day_bounds(day).0.plus_ms(12 * bursar_core::clock::HOUR_MS));
        let stranger = format!("SHOP20270105{n:08}");
        sandbox.take_foreign(sandboxes(channel), &merchant, &stranger, 4_400).expect("a sale elsewhere");
        let mut wanted = vec![(BreakKind::MissingHere, BreakState::Parked, stranger.clone())];
        if n == 0 {
            wanted.push((BreakKind::StatusChannelPaid, BreakState::Healed, silent.number()));
        }
        refuse(&silence, day, &case, &mut wanted).await;
        assert_eq!(silence.payment(&fine).await.taken_minor(), 12_300);
        assert_eq!(silence.payment(&silent).await.taken_minor(), 11_000, "mended on the first day");
    }
    silence.stage.sandbox.stop().await;
}

async fn refuse(
    silence: &Silence,
    day: bursar_core::bank::Day,
    case: &Spoilt,
    wanted: &mut Vec<(BreakKind, BreakState, String)>,
) {
    let (channel, sandbox) = (silence.channel, silence.sandbox());
    let what = format!("{} on {day}: {:?}{}", channel.name(), case.flaw, if case.funds { " of funds" } else { "" });
    let name = BillName { channel: sandboxes(channel), account: silence.merchant(), day, funds: case.funds };
    sandbox.spoil_bill(name.clone(), case.flaw).expect(&what);
    let before = Kept::of(silence).await;
    // However often it is asked for.
    for _ in 0..2 {
        let run = silence.attempt(day).await;
        let note = run.note.as_deref().unwrap_or_default();
        assert_eq!(run.state, case.state, "{what}: {note}");
        assert!(note.contains(case.words), "{what}: {note}");
        assert_eq!(run.figures, RunFigures::default(), "{what}");
    }
    assert_eq!(Kept::of(silence).await, before, "{what}: something of it was used");
    let filter = DayFilter {
        account: Some(silence.account),
        from: Some(day),
        until: Some(day),
        limit: 10,
        ..Default::default()
    };
    // Where trades and funds have bills of their own, the one that is whole is kept for when the other is.
    let bills = silence.store().bills(&filter).await.expect("the database");
    assert_eq!(bills.len(), usize::from(case.funds), "{what}: {bills:?}");

    sandbox.mend_bill(&name).expect(&what);
    let run = silence.reconcile(day).await;
    assert_eq!(run.state, RunState::Done, "{what}: {:?}", run.note);
    assert_eq!(run.note, None, "{what}");
    let breaks = silence.breaks().await;
    let mut found: Vec<_> = breaks.into_iter().filter(|b| b.day == day).map(|b| (b.kind, b.state, b.number)).collect();
    found.sort();
    wanted.sort();
    assert_eq!(&found, wanted, "{what}, when it was mended");
}
