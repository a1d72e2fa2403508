//! Payouts: what a channel pays to the merchant's bank for each day. It computes them from the books by the clock, the
//! same on every call, and must never move money in a bank by itself.

use std::collections::BTreeMap;

use bursar_core::bank::Day;
use serde::{Deserialize, Serialize};

use crate::bills::terms::{BillTerms, digits};
use crate::orders::Orders;
use crate::shared::Shared;
use crate::{Channel, dice};

/// What a channel paid out for a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payout {
    /// The channel.
    pub channel: Channel,
    /// The merchant's account on it.
    pub account: String,
    /// The day whose net it is, as the channel counts days. What an earlier day was short of is taken off.
    pub day: Day,
    /// How much, in minor units; above 0.
    pub amount_minor: i64,
    /// ISO 4217, in capitals.
    pub currency: String,
    /// When, in milliseconds since the epoch.
    pub at_ms: i64,
    /// The channel's number of it.
    pub reference: String,
    /// Who pays, as a bank's statement names it.
    pub payer: String,
}

/// Whose net, in which currency.
type Key = (Channel, String, String);

impl Shared {
    /// Everything that was paid out until now, in the order of time.
    pub(crate) fn payouts(&self) -> Vec<Payout> {
        self.payouts_in(&self.orders(), None)
    }

    /// The same where the orders are held; of one account when one is named.
    pub(crate) fn payouts_in(&self, orders: &Orders, only: Option<(Channel, &str)>) -> Vec<Payout> {
        let mut nets: BTreeMap<Key, BTreeMap<Day, i64>> = BTreeMap::new();
        for (position, order) in orders.list.iter().enumerate() {
            if only.is_some_and(|(channel, account)| order.channel != channel || order.account != account) {
                continue;
            }
            let front = self.front(order.channel);
            let (terms, fees) = (front.bills(), self.fee_terms(order.channel, &order.account));
            for one in orders.movements_of(position, front, &fees) {
                let net = one.net_minor();
                let days = nets.entry((order.channel, order.account.clone(), one.currency)).or_default();
                *days.entry(terms.day(one.at_ms)).or_default() += net;
            }
        }
        let mut found: Vec<_> = nets.into_iter().flat_map(|(key, days)| self.paid_of(&key, days)).collect();
        found.sort_by_key(|one| one.at_ms);
        found
    }

    fn paid_of(&self, (channel, account, currency): &Key, days: BTreeMap<Day, i64>) -> Vec<Payout> {
        let (terms, now_ms) = (self.front(*channel).bills(), self.pace.now_ms());
        let mut found = Vec::new();
        let mut owed_minor = 0_i64;
        for (day, net_minor) in days {
            owed_minor = owed_minor.saturating_add(net_minor);
            let at_ms = terms.pays_ms(day);
            // Whoever owes the channel is paid nothing until later days have made up for it.
            if owed_minor <= 0 || at_ms > now_ms {
                continue;
            }
            found.push(Payout {
                channel: *channel,
                account: account.clone(),
                day,
                amount_minor: owed_minor,
                currency: currency.to_ascii_uppercase(),
                at_ms,
                reference: reference(&terms, account, currency, day),
                payer: terms.payer.to_owned(),
            });
            owed_minor = 0;
        }
        found
    }

    /// Whether what happened at this moment was paid out.
    pub(crate) fn is_paid_out(&self, channel: Channel, at_ms: i64) -> bool {
        let terms = self.front(channel).bills();
        terms.pays_ms(terms.day(at_ms)) <= self.pace.now_ms()
    }
}

fn reference(terms: &BillTerms, account: &str, currency: &str, day: Day) -> String {
    let day_number = u64::try_from(day.number()).unwrap_or(0);
    let draw = dice::draw(&[dice::text(account), dice::text(currency), day_number, 72]);
    format!("{}{}{:010}", terms.reference, digits(day), draw % 10_000_000_000)
}
