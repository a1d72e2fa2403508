//! The audit channel by channel: it knows what of an order belongs to which channel, and must never compare
//! books.

use std::collections::{BTreeMap, BTreeSet};

use bursar_core::channel::ChannelKind;
use bursar_core::order::{Dossier, OrderState};
use bursar_core::payment::Payment;
use bursar_core::refund::LegState;
use serde::Serialize;
use serde_json::{Value, json};

/// How one channel did. An order with payments on two channels counts on both.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ChannelAudit {
    /// Orders with a payment on it.
    pub orders: u64,
    /// Of them, those that it brought money for and that are paid.
    pub paid: u64,
    /// Of them, those that are closed.
    pub closed: u64,
    /// Of them, those for which it brought money after they were closed.
    pub late_money: u64,
    /// Payments of which something went back.
    pub refunded: u64,
    /// Minor units that it brought.
    pub captured_minor: i64,
    /// Minor units that went back of what it brought, by whatever way.
    pub refunded_minor: i64,
    /// Payments that are not final (and not held for a person).
    pub unknown: u64,
    /// Differences between its books and ours.
    pub differences: u64,
}

impl ChannelAudit {
    /// Whether its books and ours agree.
    pub const fn books_agree(&self) -> bool {
        self.differences == 0
    }

    /// For programs.
    pub fn to_json(&self) -> Value {
        json!({
            "orders": self.orders, "paid": self.paid, "closed": self.closed, "late_money": self.late_money,
            "refunded": self.refunded, "captured_minor": self.captured_minor, "refunded_minor": self.refunded_minor,
            "unknown": self.unknown, "books_agree": self.books_agree(),
        })
    }
}

/// Adds one order to the sums of its channels.
pub(super) fn count(sums: &mut BTreeMap<&'static str, ChannelAudit>, dossier: &Dossier) {
    let state = dossier.order.state;
    let channels: BTreeSet<ChannelKind> = dossier.payments.iter().map(|p| p.method.channel()).collect();
    for channel in channels {
        let sum = sums.entry(channel.name()).or_default();
        let payments = || dossier.payments.iter().filter(|p| p.method.channel() == channel);
        let brought = payments().any(|p| p.taken_minor() > 0);
        sum.orders += 1;
        sum.paid += u64::from(brought && state == OrderState::Paid);
        sum.closed += u64::from(state == OrderState::Closed);
        sum.late_money += u64::from(brought && dossier.order.late_money);
        for payment in payments() {
            let back_minor = given_back_minor(dossier, payment);
            sum.refunded += u64::from(back_minor > 0);
            sum.captured_minor += payment.taken_minor();
            sum.refunded_minor += back_minor;
            sum.unknown += u64::from(!payment.state.is_final());
        }
    }
}

fn given_back_minor(dossier: &Dossier, payment: &Payment) -> i64 {
    let legs = dossier.legs().filter(|leg| leg.payment == payment.id && leg.state == LegState::Succeeded);
    legs.map(|leg| leg.amount.minor).fold(0, i64::saturating_add)
}
