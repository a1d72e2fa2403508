//! What is wrong in the shadow merchant's days: it knows every kind of break and how it comes about, and must never
//! look into how one is found.

use bursar_core::Timestamp;
use bursar_core::bank::Day;
use bursar_core::decide::RefundRequest;
use bursar_core::id::RefundId;
use bursar_core::observation::{Claim, Source};
use bursar_core::payment::Payment;
use bursar_core::reconcile::{BillKind, BillLine, BreakKind, BreakState, EntryKind, EntryStatus};
use bursar_core::refund::{Allocation, RefundClaim};
use bursar_store::desk::Granted;

use super::Found;
use super::channel::{FEES, Shadow, receipt_of, refund_receipt_of};
use super::shadow::Books;
use crate::observe::JobError;

/// A number that is none of ours: a sale by another system of the merchant.
const STRANGER: &str = "SELF-TEST-STRANGER-1";
/// A refund that somebody made on the channel's own pages.
const BY_HAND: &str = "SELF-TEST-BY-HAND-1";

/// A line about money that was taken.
fn capture(payment: &Payment, at: Timestamp) -> BillLine {
    BillLine {
        ordinal: 0,
        kind: EntryKind::Capture,
        status: EntryStatus::Done,
        number: payment.number(),
        payment_number: None,
        payment_channel_id: None,
        channel_id: receipt_of(payment, at).transaction_id,
        amount_minor: payment.amount.minor,
        currency: payment.amount.currency.code().to_owned(),
        fee_minor: FEES.of_capture(payment.amount.minor),
        at,
        order_number: None,
    }
}

/// Lines that say how many they are.
fn counted(lines: Vec<BillLine>) -> Vec<BillLine> {
    (1..).zip(lines).map(|(ordinal, line)| BillLine { ordinal, ..line }).collect()
}

/// Writes our side of `day` into `books`; gives the channel's side, and what must be found after four nights.
pub(super) async fn sow(books: &Books, day: Day) -> Result<(Shadow, Found), JobError> {
    use BreakKind::{
        Amount, CrossDay, Currency, DuplicateLine, Fee, MissingAtChannel, MissingHere, RefundMissingHere,
        RefundMissingThere, Settlement, StatusChannelPaid, StatusWePaid,
    };
    use BreakState::{Healed, Parked};
    let at = books.now();
    let mut bill = Vec::new();
    let mut found = Found::new();
    let mut seed = |kind, state, number: String| {
        found.insert((kind, state, number));
    };
    // Fine.
    let fine = books.paid(10_000).await?;
    bill.push(capture(&fine, at));

    let silent = books.payable(10_100).await?;
    bill.push(capture(&silent, at));
    seed(StatusChannelPaid, Healed, silent.number());

    let other = books.paid(10_200).await?;
    let amount_minor = other.amount.minor.saturating_add(100);
    bill.push(BillLine { amount_minor, fee_minor: FEES.of_capture(amount_minor), ..capture(&other, at) });
    seed(Amount, Parked, other.number());

    let other = books.paid(10_300).await?;
    bill.push(BillLine { currency: "USD".to_owned(), ..capture(&other, at) });
    seed(Currency, Parked, other.number());

    let other = books.paid(10_400).await?;
    let line = capture(&other, at);
    bill.push(BillLine { fee_minor: line.fee_minor.saturating_add(7), ..line });
    seed(Fee, Parked, other.number());

    let other = books.paid(10_500).await?;
    bill.push(capture(&other, at));
    bill.push(capture(&other, at));
    seed(DuplicateLine, Parked, other.number());

    let stranger = capture(&fine, at);
    bill.push(BillLine { number: STRANGER.to_owned(), channel_id: format!("4200{STRANGER}"), ..stranger });
    seed(MissingHere, Parked, STRANGER.to_owned());

    let payment = books.paid(10_600).await?;
    bill.push(capture(&payment, at));
    bill.push(BillLine {
        kind: EntryKind::Refund,
        number: BY_HAND.to_owned(),
        payment_number: Some(payment.number()),
        payment_channel_id: Some(receipt_of(&payment, at).transaction_id),
        channel_id: format!("5030{BY_HAND}"),
        amount_minor: 600,
        fee_minor: FEES.of_refund(600),
        ..capture(&payment, at)
    });
    seed(RefundMissingHere, Healed, BY_HAND.to_owned());

    let midnight = books.paid(10_700).await?;
    let next = vec![capture(&midnight, at)];
    seed(CrossDay, Healed, midnight.number());

    let left_out = books.paid(10_800).await?;
    seed(MissingAtChannel, Parked, left_out.number());

    let forgotten = books.paid(10_900).await?;
    seed(StatusWePaid, Parked, forgotten.number());

    let payment = books.paid(11_000).await?;
    bill.push(capture(&payment, at));
    seed(RefundMissingThere, Parked, given_back(books, &payment, 900).await?);

    // The bill of funds comes to something else than the lines of trade.
    let funds = vec![capture(&fine, at)];
    seed(Settlement, Parked, day.to_string());

    let tomorrow = day.plus_days(1);
    let bills = [
        ((BillKind::Trade, day), bill),
        ((BillKind::Funds, day), funds),
        ((BillKind::Trade, tomorrow), next.clone()),
        ((BillKind::Funds, tomorrow), next),
    ];
    let bills = bills.into_iter().map(|(key, lines)| (key, counted(lines))).collect();
    Ok((Shadow { bills, forgotten: [forgotten.id].into() }, found))
}

/// A refund of ours that has arrived; its number.
async fn given_back(books: &Books, payment: &Payment, minor: i64) -> Result<String, JobError> {
    let wrong = |what: &str| JobError::Configuration(format!("the self-test's refund {what}"));
    let request = RefundRequest {
        id: RefundId::fresh(books.now(), books.desk.chance.as_ref()),
        amount_minor: Some(minor),
        allocation: Allocation::Reverse,
        reason: "self-test".to_owned(),
        by: "self-test".to_owned(),
        payee: None,
    };
    let Granted::Written(dossier) = books.desk.refund(payment.order, &request, |_, _| {}).await? else {
        return Err(wrong("was not granted"));
    };
    let Some(leg) = dossier.legs().next().cloned() else { return Err(wrong("has no leg")) };
    let claim = Claim::Refund(RefundClaim::Succeeded(refund_receipt_of(&leg, books.now())));
    books.say(leg.id, Source::Refund, claim).await?;
    Ok(leg.number())
}
