//! What is wrong in a day, and what must be found of it: it knows every kind of break and how it comes about at a
//! channel, and must never look into how one is found.

use std::collections::BTreeSet;

use bursar::play::audit::{ByHand, compare};
use bursar_core::channel::ChannelKind;
use bursar_core::order::OrderState;
use bursar_core::payment::PaymentState;
use bursar_core::reconcile::{BreakKind, BreakState, RunState};
use bursar_core::refund::RefundState;
use bursar_sandbox::{LineFlaw, PayMode};

use super::town::{Silence, Town, sandboxes};

/// What is found: kind, where it stands, and the number that people look for.
type Found = BTreeSet<(BreakKind, BreakState, String)>;

async fn found(silence: &Silence) -> Found {
    silence.breaks().await.into_iter().map(|b| (b.kind, b.state, b.number)).collect()
}

fn expect(list: &[(BreakKind, BreakState, &str)]) -> Found {
    list.iter().map(|(kind, state, number)| (*kind, *state, (*number).to_owned())).collect()
}

/// A day with one break of every kind: each is found, nothing else is, a machine heals what it can, a person is asked
/// about the rest, and a second look finds nothing new.
///
/// # Panics
/// When that is not so.
pub async fn reconcile_a_seeded_day(channel: ChannelKind, database: Option<String>) {
    use BreakKind::*;
    use BreakState::{Healed, Open, Parked};
    let town = Town::open(channel, database).await;
    let (_, fine) = town.paid(12_300).await;
    let (given, _) = town.paid(5_000).await;
    town.refunded(given, 2_000).await;
    let (_, left_out) = town.paid(10_100).await;
    let (_, forgotten) = town.paid(10_200).await;
    let (_, amount) = town.paid(10_300).await;
    let (_, currency) = town.paid(10_400).await;
    let (_, fee) = town.paid(10_500).await;
    let (_, doubled) = town.paid(10_600).await;
    let (_, midnight) = town.paid(10_700).await;
    let (by_hand_order, by_hand) = town.paid(10_800).await;
    let (missing_there, _) = town.paid(10_900).await;
    let missing_there = town.refunded(missing_there, 900).await;
    let (silent_order, silent) = town.payable(11_000).await;
    // The others' bills have no currency; Stripe's settles in another one lawfully, and the charge's counts.
    let tells_currency = channel == ChannelKind::Wechat;
    let has_funds = channel.bills().len() > 1;

    let silence = town.fall_silent().await;
    let (sandbox, merchant) = (silence.sandbox(), silence.merchant());
    let strike = |number: &str, flaw| sandbox.distort(&merchant, number, flaw).expect("a line to strike");
    strike(&left_out.number(), LineFlaw::LeftOut);
    strike(&amount.number(), LineFlaw::Amount(100));
    strike(&fee.number(), LineFlaw::Fee(7));
    strike(&doubled.number(), LineFlaw::Doubled);
    strike(&midnight.number(), LineFlaw::NextDay);
    strike(&missing_there, LineFlaw::LeftOut);
    if tells_currency {
        strike(&currency.number(), LineFlaw::Currency("USD".to_owned()));
    }
    sandbox.forget(&merchant, &forgotten.number()).expect("a payment to forget");
    sandbox.pay(&merchant, &silent.number(), PayMode::Normal).expect("the payer pays");
    let stranger = "SHOP2027010500000001";
    sandbox.take_foreign(sandboxes(channel), &merchant, stranger, 4_400).expect("a sale elsewhere");
    let hand = sandbox.refund_by_hand(&merchant, &by_hand.number(), 800).expect("a refund by hand");
    let day = silence.today();

    // The first night.
    let run = silence.reconcile(day).await;
    assert_eq!(run.state, RunState::Done);
    let (left_out, forgotten, amount, currency, fee, doubled, midnight, silent_number) = (
        left_out.number(),
        forgotten.number(),
        amount.number(),
        currency.number(),
        fee.number(),
        doubled.number(),
        midnight.number(),
        silent.number(),
    );
    let (today, tomorrow) = (day.to_string(), day.plus_days(1).to_string());
    let always = [
        (MissingHere, Parked, stranger),
        (StatusChannelPaid, Healed, silent_number.as_str()),
        (Amount, Parked, amount.as_str()),
        (Fee, Parked, fee.as_str()),
        (DuplicateLine, Parked, doubled.as_str()),
        (RefundMissingHere, Healed, hand.as_str()),
    ];
    let mut wanted = expect(&always);
    if tells_currency {
        wanted.extend(expect(&[(Currency, Parked, currency.as_str())]));
    }
    if has_funds {
        // The bill of funds is as the books are: what was struck in the other one shows in the sums.
        wanted.extend(expect(&[(Settlement, Parked, today.as_str())]));
    }
    let lasting = wanted.clone();
    wanted.extend(expect(&[
        (CrossDay, Open, left_out.as_str()),
        (CrossDay, Open, forgotten.as_str()),
        (CrossDay, Open, midnight.as_str()),
        (CrossDay, Open, missing_there.as_str()),
    ]));
    assert_eq!(found(&silence).await, wanted, "the first night of {}", channel.name());
    assert_eq!(run.figures.found_in_all(), u64::try_from(wanted.len()).expect("few"));
    assert_eq!(run.figures.healed, 2);

    // What a machine could mend is mended, through the same door as everything else.
    assert_eq!(silence.state(&silent).await, PaymentState::Captured);
    let paid = silence.store().dossier(silent_order).await.expect("the database").expect("the order");
    assert_eq!(paid.order.state, OrderState::Paid);
    let back = silence.store().dossier(by_hand_order).await.expect("the database").expect("the order");
    assert_eq!(
        back.refunds.iter().map(|r| (r.state, r.amount.minor)).collect::<Vec<_>>(),
        [(RefundState::Succeeded, 800)]
    );
    assert_eq!(silence.state(&fine).await, PaymentState::Captured);

    // The next day's bill has what was told across midnight.
    silence.reconcile(day.plus_days(1)).await;
    let mut wanted = lasting.clone();
    wanted.extend(expect(&[
        (CrossDay, Open, left_out.as_str()),
        (CrossDay, Open, forgotten.as_str()),
        (CrossDay, Healed, midnight.as_str()),
        (CrossDay, Open, missing_there.as_str()),
    ]));
    if has_funds {
        wanted.extend(expect(&[(Settlement, Parked, tomorrow.as_str())]));
    }
    assert_eq!(found(&silence).await, wanted, "the second night of {}", channel.name());

    // Three days later no bill can have the rest any more: the channel was asked, and now a person is.
    for later in 2..=3 {
        silence.reconcile(day.plus_days(later)).await;
    }
    let mut wanted = lasting;
    wanted.extend(expect(&[
        (MissingAtChannel, Parked, left_out.as_str()),
        (StatusWePaid, Parked, forgotten.as_str()),
        (CrossDay, Healed, midnight.as_str()),
        (RefundMissingThere, Parked, missing_there.as_str()),
    ]));
    if has_funds {
        wanted.extend(expect(&[(Settlement, Parked, tomorrow.as_str())]));
    }
    assert_eq!(found(&silence).await, wanted, "the fourth night of {}", channel.name());

    // A second look at each day finds nothing new, and changes nothing.
    let before = silence.breaks().await;
    for again in 0..=3 {
        let run = silence.reconcile(day.plus_days(again)).await;
        assert_eq!(run.state, RunState::Done);
    }
    let after = silence.breaks().await;
    let moved: Vec<_> = after.iter().filter(|b| !before.contains(b)).map(|b| (b.kind, &b.number, &b.text)).collect();
    assert!(after == before, "{moved:#?}");
    balanced(&silence).await;
    silence.stage.sandbox.stop().await;
}

/// The ledger sums to nothing.
async fn balanced(silence: &Silence) {
    let balances = silence.store().balances().await.expect("the ledger");
    assert_eq!(balances.iter().map(|(_, _, _, minor)| minor).sum::<i64>(), 0, "{balances:?}");
}

/// The database is put back to what it was ten minutes ago: what happened since is found in the channel's bill, and
/// the books agree with the channel's payment by payment and refund by refund. `copy` makes a copy of a database and
/// gives its address.
///
/// # Panics
/// When that is not so.
pub async fn restore_from_ten_minutes_ago(
    channel: ChannelKind,
    database: Option<String>,
    copy: impl AsyncFn(&str) -> String,
) {
    let town = Town::open(channel, database).await;
    let (early, _) = town.paid(12_000).await;
    let (_, waiting) = town.payable(13_000).await;
    let silence = town.fall_silent().await;
    silence.store().close().await;
    let backup = copy(&silence.database()).await;

    // Ten minutes go by: a refund, a payment of an order that the backup has, and orders that it has not.
    let town = silence.over(None).await.wake().await;
    town.refunded(early, 2_000).await;
    town.sandbox().pay(&town.merchant(), &waiting.number(), PayMode::Normal).expect("the payer pays");
    let (lost_order, lost) = town.paid(14_000).await;
    let (lost_refunded, _) = town.paid(15_000).await;
    town.refunded(lost_refunded, 5_000).await;
    let number = town.house.dossier(lost_order).await.order.number;

    let silence = town.fall_silent().await;
    silence.store().close().await;
    let silence = silence.over(Some(backup)).await;
    assert!(silence.store().dossier(lost_order).await.expect("the database").is_none(), "the backup does not have it");
    let day = silence.today();
    silence.reconcile(day).await;
    let kinds: Vec<(BreakKind, BreakState)> = silence.breaks().await.iter().map(|b| (b.kind, b.state)).collect();
    assert!(kinds.iter().all(|(_, state)| *state == BreakState::Healed), "{kinds:?}");
    assert_eq!(kinds.len(), 5, "two payments lost, one not known, two refunds: {kinds:?}");

    assert_eq!(silence.state(&waiting).await, PaymentState::Captured);
    assert_eq!(silence.state(&lost).await, PaymentState::Captured);
    // Where the bill tells our order's number, the lost order has it again.
    let merchant = silence.stage.actors[0].merchant;
    let by_number = silence.store().order_by_number(merchant, &number).await.expect("the database");
    assert_eq!(by_number.is_some(), channel != ChannelKind::Alipay, "{number}");

    let store = silence.store();
    let (books, refunds) = (silence.sandbox().books(), silence.sandbox().refunds());
    let audit = compare(store, &silence.stage.actors, &books, &refunds, &ByHand::default()).await.expect("the books");
    assert!(audit.books_agree(), "{audit:#?}");
    assert_eq!((audit.channel_effects_doubled, audit.out_of_money, audit.parked), (0, 0, 0), "{audit:#?}");
    balanced(&silence).await;
    silence.stage.sandbox.stop().await;
}
