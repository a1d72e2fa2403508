//! Refunds in the audit: number by number against the sandbox's books. It knows what each side calls the
//! same thing, and must never forgive a difference.

use std::collections::HashMap;

use bursar_core::channel::ChannelKind;
use bursar_core::order::{Dossier, OrderState};
use bursar_core::payment::Payment;
use bursar_core::refund::{Leg, LegState, Refund, RefundCause, RefundState, Route};
use bursar_sandbox::{Channel, RefundEntry};
use serde::Serialize;

use super::{Audit, Known, Theirs};

/// What became of refunds.
#[derive(Clone, Debug, Default, Serialize)]
pub struct RefundAudit {
    /// Asked for by merchants, and taken on the books.
    pub requested: u64,
    /// Of all refunds: the payer has all of it.
    pub succeeded: u64,
    /// Of those asked for: less than the whole of their order.
    pub partial: u64,
    /// Legs that reached the payer by the channel's second way.
    pub second_way: u64,
    /// Legs that carried on what another leg had failed to do.
    pub rerouted: u64,
    /// Legs that a person transferred.
    pub transferred_by_hand: u64,
    /// Refunds of money that came for closed orders.
    pub late_money: u64,
    /// Refunds of money that came twice.
    pub duplicates: u64,
    /// Refunds of parts of orders that did not become whole.
    pub incomplete: u64,
    /// Legs whose money came back after it had arrived.
    pub reversed: u64,
    /// Refunds that ended without the payer having all of it.
    pub failed: u64,
    /// Legs of refunds by people on the channel's own pages, known from its bills.
    pub elsewhere: u64,
    /// Refunds that have not ended.
    pub open: u64,
    /// Of them, those that wait for a person.
    pub waiting: u64,
}

/// Refunds by people on the channel's own pages, by the number of their payment.
pub(super) fn on_the_pages(refunds: &[RefundEntry]) -> HashMap<&str, Vec<&RefundEntry>> {
    let mut found: HashMap<&str, Vec<&RefundEntry>> = HashMap::new();
    for entry in refunds.iter().filter(|r| r.by_hand) {
        found.entry(entry.out_trade_no.as_str()).or_default().push(entry);
    }
    found
}

/// Adds the refunds of one order to the audit, and its legs that the sandbox knows to `known`.
pub(super) fn weigh<'a>(audit: &mut Audit, dossier: &Dossier, theirs: &Theirs<'a>, known: &mut Known<'a>) {
    for refund in &dossier.refunds {
        count(&mut audit.refunds, dossier, refund);
        for leg in refund.legs.iter().filter(|l| l.route == Route::Channel) {
            let number = leg.number();
            let mut entry = theirs.refunds.get(number.as_str()).copied();
            if entry.is_none() {
                // No number of ours stands on those: each counts once, for a leg of its amount.
                let of = dossier.payment(leg.payment).and_then(|p| theirs.on_the_pages.get(p.number().as_str()));
                let of = of.into_iter().flatten().filter(|e| e.amount_minor == leg.amount.minor);
                entry = of.copied().find(|e| !known.refunds.contains(e.out_refund_no.as_str()));
                audit.refunds.elsewhere += u64::from(entry.is_some());
            }
            known.refunds.extend(entry.map(|e| e.out_refund_no.as_str()));
            audit.channel_effects_doubled += entry.map_or(0, doubled);
            if !same(leg, entry) {
                let payment = dossier.payment(leg.payment);
                let words = format!(
                    "{} ({}) is {} here; the sandbox says {}",
                    leg.id,
                    payment.map_or("no payment", |p| p.method.name()),
                    leg.state.name(),
                    entry.map_or("nothing".to_owned(), |e| format!(
                        "{} with {} of {} minor units given back",
                        e.state, e.succeeded_minor, e.amount_minor
                    )),
                );
                audit.differs(payment.map_or(ChannelKind::Wechat, |p| p.method.channel()), words);
            }
        }
    }
}

fn count(sums: &mut RefundAudit, dossier: &Dossier, refund: &Refund) {
    let voided = refund.state == RefundState::Voided;
    match refund.cause {
        RefundCause::Requested => {
            sums.requested += 1;
            sums.partial += u64::from(refund.amount.minor < dossier.captured_minor());
        }
        RefundCause::LateMoney => sums.late_money += 1,
        RefundCause::Duplicate => sums.duplicates += 1,
        RefundCause::Incomplete => sums.incomplete += u64::from(!voided),
    }
    match refund.state {
        RefundState::Succeeded => sums.succeeded += 1,
        RefundState::PartiallySucceeded | RefundState::Failed | RefundState::Rejected => sums.failed += 1,
        RefundState::Parked | RefundState::AwaitingApproval => sums.waiting += 1,
        RefundState::Prepared | RefundState::Running | RefundState::Voided => {}
    }
    sums.open += u64::from(!refund.state.is_final());
    for leg in &refund.legs {
        let succeeded = leg.state == LegState::Succeeded;
        sums.second_way += u64::from(succeeded && leg.evidence.second_accepted_at.is_some());
        sums.rerouted += u64::from(leg.replaces.is_some() && leg.state != LegState::Abandoned);
        sums.transferred_by_hand += u64::from(succeeded && leg.route == Route::Transfer);
        sums.reversed += u64::from(leg.state == LegState::Reversed);
    }
}

/// Effects of a number beyond the first. What came back does not count.
fn doubled(entry: &RefundEntry) -> u64 {
    u64::from(entry.effects.saturating_sub(entry.reversals).saturating_sub(1))
}

/// Whether both sides say the same of a leg. One that is under way may be behind, but not ahead.
fn same(leg: &Leg, entry: Option<&RefundEntry>) -> bool {
    let state = entry.map(|e| e.state.as_str());
    let given = entry.map_or(0, |e| e.succeeded_minor);
    let stripe = entry.is_some_and(|e| e.channel == Channel::Stripe);
    let alike = match leg.state {
        LegState::Succeeded => state == Some("SUCCESS") && given == leg.amount.minor,
        LegState::Stranded | LegState::Reversed => state == Some("ABNORMAL"),
        // Cards know no second way: what the payer's bank sends back has failed.
        LegState::Failed => state == Some("CLOSED") || (state == Some("ABNORMAL") && stripe && given == 0),
        LegState::NotPossible | LegState::Abandoned => state.is_none(),
        LegState::Reserved
        | LegState::Sending
        | LegState::Unknown
        | LegState::Processing
        | LegState::WaitingFunds
        | LegState::SecondWay
        | LegState::AwaitingTransfer
        | LegState::Held => given == 0,
    };
    alike && entry.is_none_or(|e| e.amount_minor == leg.amount.minor)
}

fn succeeded_minor<'a>(legs: impl Iterator<Item = &'a Leg>) -> i64 {
    legs.filter(|l| l.state == LegState::Succeeded).map(|l| l.amount.minor).fold(0, i64::saturating_add)
}

/// Minor units of a payment that went back through its channel.
pub(super) fn through_channel_minor(dossier: &Dossier, payment: &Payment) -> i64 {
    succeeded_minor(dossier.legs().filter(|l| l.payment == payment.id && l.route == Route::Channel))
}

/// Minor units that went back by bank transfer: the channel still holds them.
pub(super) fn transferred_minor(dossier: &Dossier) -> i64 {
    succeeded_minor(dossier.legs().filter(|l| l.route == Route::Transfer))
}

/// What a settled order brings its merchant: the amount of a paid one less what went back on request. What
/// came twice never was the merchant's.
pub(super) fn worth_minor(dossier: &Dossier) -> i64 {
    if dossier.order.state != OrderState::Paid {
        return 0;
    }
    let wanted = dossier.refunds.iter().filter(|r| r.cause != RefundCause::Duplicate);
    dossier.order.amount.minor.saturating_sub(succeeded_minor(wanted.flat_map(|r| &r.legs)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bursar_core::id::{LegId, PaymentId, RefundId};
    use bursar_core::refund::LegEvidence;
    use bursar_core::{Currency, Money, Timestamp};
    use uuid::Uuid;

    fn leg(state: LegState) -> Leg {
        Leg {
            id: LegId(Uuid::nil()),
            refund: RefundId(Uuid::nil()),
            payment: PaymentId(Uuid::nil()),
            sequence: 1,
            route: Route::Channel,
            amount: Money::new(500, Currency::CNY),
            replaces: None,
            state,
            evidence: LegEvidence::default(),
            version: 1,
            due_at: None,
            created_at: Timestamp::from_millis(0),
        }
    }

    fn entry(state: &str, effects: u32, reversals: u32) -> RefundEntry {
        RefundEntry {
            out_refund_no: leg(LegState::Reserved).number(),
            out_trade_no: "1".to_owned(),
            channel: bursar_sandbox::Channel::Wechat,
            account: "2".to_owned(),
            refund_id: "3".to_owned(),
            reason: None,
            amount_minor: 500,
            state: state.to_owned(),
            succeeded_minor: 500 * i64::from(effects.saturating_sub(reversals)),
            effects,
            reversals,
            applications: 0,
            created_at_ms: 0,
            succeeded_at_ms: None,
            notifications_accepted: 0,
            by_hand: false,
        }
    }

    #[test]
    fn both_sides_must_say_the_same_of_what_has_ended() {
        let (arrived, came_back) = (entry("SUCCESS", 1, 0), entry("ABNORMAL", 1, 1));
        let (closed, sent_back) = (entry("CLOSED", 0, 0), entry("ABNORMAL", 0, 0));
        let lawful = [
            (LegState::Succeeded, Some(&arrived)),
            (LegState::Reversed, Some(&came_back)),
            (LegState::Stranded, Some(&sent_back)),
            (LegState::Failed, Some(&closed)),
            (LegState::NotPossible, None),
            (LegState::Abandoned, None),
        ];
        let all = [None, Some(&arrived), Some(&came_back), Some(&closed)];
        for (state, theirs) in lawful {
            assert!(same(&leg(state), theirs), "{state:?} {theirs:?}");
            for other in all.into_iter().filter(|o| o.map(|e| &e.state) != theirs.map(|e| &e.state)) {
                assert!(!same(&leg(state), other), "{state:?} {other:?}");
            }
        }
    }

    #[test]
    fn money_that_we_do_not_know_of_and_other_amounts_are_differences() {
        for state in LegState::ALL.into_iter().filter(|s| *s != LegState::Succeeded) {
            assert!(!same(&leg(state), Some(&entry("SUCCESS", 1, 0))), "{state:?}");
        }
        let by_card = RefundEntry { channel: Channel::Stripe, ..entry("ABNORMAL", 0, 0) };
        assert!(same(&leg(LegState::Failed), Some(&by_card)));
        assert!(!same(&leg(LegState::Succeeded), Some(&entry("SUCCESS", 2, 0))));
        let other = RefundEntry { amount_minor: 499, ..entry("PROCESSING", 0, 0) };
        assert!(!same(&leg(LegState::Processing), Some(&other)));
        assert!(same(&leg(LegState::Processing), Some(&entry("PROCESSING", 0, 0))));
    }

    #[test]
    fn a_number_with_two_effects_is_doubled_unless_one_came_back() {
        assert_eq!(doubled(&entry("SUCCESS", 1, 0)), 0);
        assert_eq!(doubled(&entry("SUCCESS", 2, 1)), 0);
        assert_eq!(doubled(&entry("SUCCESS", 2, 0)), 1);
        assert_eq!(doubled(&entry("SUCCESS", 4, 1)), 2);
    }
}
