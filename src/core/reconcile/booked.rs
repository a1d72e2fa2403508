//! What breaks and bills mean for the ledger, and what merchants are told of breaks: it knows accounts, and must never
//! know how postings are stored.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{Bill, BillKind, Break, BreakKind, BreakState};
use crate::channel::ChannelKind;
use crate::clock::Timestamp;
use crate::event::EventKind;
use crate::ledger::{Account, AccountKind, Posting};
use crate::money::{Currency, Money};

/// A transfer of `minor`; a negative one goes the other way, and none is made of zero.
fn transfer(subject: Uuid, debit: Account, credit: Account, minor: i64, currency: Currency) -> Option<Posting> {
    let amount = Money::new(minor.checked_abs().unwrap_or(i64::MAX), currency);
    let (debit, credit) = if minor < 0 { (credit, debit) } else { (debit, credit) };
    (minor != 0).then_some(Posting { subject, debit, credit, amount })
}

/// By how much what stands for a break has the channel's money without an owner: what a bill tells and our books do
/// not have, while a person is asked.
const fn unclaimed_minor(found: &Break) -> i64 {
    match (found.kind, found.state) {
        (BreakKind::MissingHere | BreakKind::RefundMissingHere, BreakState::Parked) => found.amount_minor,
        _ => 0,
    }
}

/// What of a break was written off.
const fn written_off_minor(found: &Break) -> i64 {
    match found.state {
        BreakState::WrittenOff => found.amount_minor,
        _ => 0,
    }
}

/// The postings of a break that was `before` (`None`: it was not) and is `after`.
pub fn postings_of(before: Option<&Break>, after: &Break) -> Vec<Posting> {
    // What is found in another currency takes back what was booked in the first.
    if let Some(before) = before.filter(|b| b.currency != after.currency) {
        let nothing = Break { state: BreakState::Open, ..before.clone() };
        let back = postings_of(Some(before), &nothing);
        return back.into_iter().chain(postings_of(None, after)).collect();
    }
    let clearing = Account { kind: AccountKind::Clearing, owner: after.account.uuid() };
    let unclaimed = Account { kind: AccountKind::Unclaimed, owner: after.account.uuid() };
    let written_off = Account { kind: AccountKind::WrittenOff, owner: after.merchant.uuid() };
    let more = |of: fn(&Break) -> i64| of(after).saturating_sub(before.map_or(0, of));
    [(unclaimed, more(unclaimed_minor)), (written_off, more(written_off_minor))]
        .into_iter()
        .filter_map(|(account, minor)| transfer(after.id.uuid(), clearing, account, minor, after.currency))
        .collect()
}

/// The postings of a bill of `channel` whose lines were all taken in: what the channel kept, paid out, and moved
/// otherwise. Captures and refunds are booked by what they are observations of.
pub fn postings_of_bill(bill: &Bill, channel: ChannelKind) -> Vec<Posting> {
    let of = |kind| Account { kind, owner: bill.account.uuid() };
    let clearing = of(AccountKind::Clearing);
    // Where trades have a bill of their own, the other tells of the same fees again.
    let (has_fees, has_payouts) = match channel.bills() {
        [_] => (true, true),
        _ => (bill.kind == BillKind::Trade, bill.kind == BillKind::Funds),
    };
    let minor = |has: bool, minor: i64| if has { minor } else { 0 };
    let moved = [
        (of(AccountKind::Fees), clearing, minor(has_fees, bill.news.fee_minor)),
        (of(AccountKind::InTransit), clearing, minor(has_payouts, bill.news.payout_minor)),
        (clearing, of(AccountKind::Unclaimed), minor(has_payouts, bill.news.other_minor)),
    ];
    let id = bill.id.uuid();
    moved.into_iter().filter_map(|(debit, credit, minor)| transfer(id, debit, credit, minor, bill.currency)).collect()
}

/// The body of a webhook about a break: see [`crate::event::body`].
pub fn event_body(kind: EventKind, found: &Break, at: Timestamp) -> Value {
    json!({
        "type": kind.name(),
        "timestamp": at,
        "sequence": found.event_count,
        "data": {
            "break_id": found.id, "account_id": found.account, "kind": found.kind, "state": found.state,
            "day": found.day, "amount_minor": found.amount_minor, "currency": found.currency,
            "number": found.number, "question": found.text,
            "ended_why": found.ended.as_ref().map(|(why, _)| why),
            "ended_by": found.ended.as_ref().map(|(_, by)| by),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bank::Day;
    use crate::id::{ChannelAccountId, MerchantId};
    use crate::reconcile::BreakSubject;

    fn found(kind: BreakKind, state: BreakState, minor: i64) -> Break {
        Break {
            id: kind.id_of(Uuid::from_u128(9)),
            account: ChannelAccountId(Uuid::from_u128(1)),
            merchant: MerchantId(Uuid::from_u128(2)),
            kind,
            state,
            day: Day::from_number(20_000),
            amount_minor: minor,
            currency: Currency::CNY,
            subject_kind: BreakSubject::Line,
            subject: Uuid::from_u128(9),
            line: None,
            number: String::new(),
            text: String::new(),
            ended: None,
            proposal: None,
            opened_at: Timestamp::default(),
            changed_at: Timestamp::default(),
            event_count: 0,
            version: 0,
        }
    }

    fn kinds(postings: &[Posting]) -> Vec<(AccountKind, AccountKind, i64)> {
        postings.iter().map(|p| (p.debit.kind, p.credit.kind, p.amount.minor)).collect()
    }

    #[test]
    fn money_of_nobody_is_unclaimed_until_somebody_answers() {
        use AccountKind::{Clearing, Unclaimed, WrittenOff};
        let parked = found(BreakKind::MissingHere, BreakState::Parked, 500);
        assert_eq!(kinds(&postings_of(None, &parked)), [(Clearing, Unclaimed, 500)]);
        let accepted = Break { state: BreakState::Resolved, ..parked.clone() };
        assert_eq!(kinds(&postings_of(Some(&parked), &accepted)), [(Unclaimed, Clearing, 500)]);
        let kept = Break { state: BreakState::WrittenOff, ..parked.clone() };
        let postings = postings_of(Some(&parked), &kept);
        assert_eq!(kinds(&postings), [(Unclaimed, Clearing, 500), (Clearing, WrittenOff, 500)]);
        let more = Break { amount_minor: 700, ..parked.clone() };
        assert_eq!(kinds(&postings_of(Some(&parked), &more)), [(Clearing, Unclaimed, 200)]);
        let other = Break { currency: "USD".parse().unwrap(), ..parked.clone() };
        let postings = postings_of(Some(&parked), &other);
        assert_eq!(kinds(&postings), [(Unclaimed, Clearing, 500), (Clearing, Unclaimed, 500)]);
        assert_eq!(postings.iter().map(|p| p.amount.currency.code()).collect::<Vec<_>>(), ["CNY", "USD"]);
        let gone = found(BreakKind::RefundMissingHere, BreakState::Parked, -500);
        assert_eq!(kinds(&postings_of(None, &gone)), [(Unclaimed, Clearing, 500)]);
    }

    #[test]
    fn a_difference_is_booked_only_when_it_is_written_off() {
        use AccountKind::{Clearing, WrittenOff};
        let parked = found(BreakKind::MissingAtChannel, BreakState::Parked, -800);
        assert!(postings_of(None, &parked).is_empty());
        let lost = Break { state: BreakState::WrittenOff, ..parked.clone() };
        assert_eq!(kinds(&postings_of(Some(&parked), &lost)), [(WrittenOff, Clearing, 800)]);
        let healed = Break { state: BreakState::Healed, ..parked.clone() };
        assert!(postings_of(Some(&parked), &healed).is_empty());
    }
}
