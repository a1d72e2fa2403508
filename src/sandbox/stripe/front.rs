//! Stripe as the rest of the sandbox sees it: its accounts, what is kept of an object, and what the common parts ask of
//! its dialect.

use std::collections::{BTreeMap, HashMap};

use crate::agreements::{Agreement, AgreementNews};
use crate::bills::movement::What;
use crate::bills::terms::BillTerms;
use crate::by_hand::{HandMade, HandRefund, Sale, Sold};
use crate::door::{Door, Opened};
use crate::fates::Asker;
use crate::front::{Front, Letter};
use crate::orders::{Happened, Order, Orders};
use crate::refunds::Refund;
use crate::shared::Shared;
use crate::stripe::account::Account;
use crate::stripe::by_hand;
use crate::stripe::customers::Customers;
use crate::stripe::debit::Saved;
use crate::stripe::disputes::{self, DisputeFacts};
use crate::stripe::ends::HOLD_LASTS_MS;
use crate::stripe::idempotency::Keys;
use crate::stripe::installments::Allowed;
use crate::stripe::setup::SetupFacts;
use crate::timers::{About, Due};
use crate::{Channel, FeeTerms, SandboxError, StripeAccount};

/// Waits after failed attempts, in seconds of the sandbox clock. The documents say "up to three days with an
/// exponential back-off" and give no steps; these last a little less than three days.
pub(crate) const WAITS_S: [i64; 9] = [300, 1_800, 7_200, 18_000, 36_000, 36_000, 43_200, 43_200, 43_200];

/// The authorisation lapses.
pub(crate) const LAPSES: u8 = 0;
/// The payer complains.
pub(crate) const COMPLAINS: u8 = 1;
/// The complaint is decided.
pub(crate) const DECIDED: u8 = 2;

/// Balance transactions and payouts.
pub(crate) const BILLS: BillTerms = BillTerms {
    early_ms: 0,
    pays_after_ms: 14 * 3_600_000,
    payer: "STRIPE",
    reference: "po_3S",
    fees: FeeTerms::new(290, 30, false),
    tells_currency: true,
};

/// The front.
pub(crate) struct Stripe {
    accounts: HashMap<String, Account>,
    by_key: HashMap<String, (String, KeyKind)>,
    pub(crate) keys: Keys,
    pub(crate) customers: Customers,
}

/// What a key of an account may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyKind {
    /// The merchant's: everything.
    Secret,
    /// The payer's page's: what a client secret opens.
    Publishable,
}

/// What Stripe keeps of an intent.
#[derive(Debug)]
pub(crate) struct OrderFacts {
    /// `pi_…`.
    pub(crate) id: String,
    pub(crate) client_secret: String,
    pub(crate) currency: String,
    pub(crate) capture_method: &'static str,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) suffix: Option<String>,
    /// The payer's bank wants to see him before it says yes.
    pub(crate) asks_payer: bool,
    /// The payer's bank is being asked.
    pub(crate) processing: bool,
    /// The card that it is charged to without the payer.
    pub(crate) saved: Option<Saved>,
    /// The payer may pay in installments.
    pub(crate) installments: Option<Allowed>,
    pub(crate) cancel_reason: Option<&'static str>,
    pub(crate) dispute: Option<DisputeFacts>,
}

/// What Stripe keeps of a refund.
#[derive(Debug)]
pub(crate) struct RefundFacts {
    pub(crate) intent: String,
    pub(crate) charge: String,
    pub(crate) currency: String,
    pub(crate) reason: Option<&'static str>,
    pub(crate) metadata: BTreeMap<String, String>,
}

impl OrderFacts {
    /// The id of the intent's charge.
    pub(crate) fn charge_id(&self) -> String {
        self.id.replacen("pi_", "ch_", 1)
    }
}

impl Stripe {
    pub(crate) fn new(accounts: Vec<StripeAccount>) -> Result<Self, SandboxError> {
        let (mut known, mut by_key) = (HashMap::new(), HashMap::new());
        for (ordinal, account) in (0..).zip(accounts) {
            let id = account.id.clone();
            let keys = [(&account.secret_key, KeyKind::Secret), (&account.publishable_key, KeyKind::Publishable)];
            for (key, kind) in keys {
                by_key.insert(key.clone(), (id.clone(), kind));
            }
            if known.insert(id.clone(), Account::new(account, ordinal)).is_some() {
                return Err(SandboxError::Config(format!("the Stripe account {id} is given twice")));
            }
        }
        Ok(Self { accounts: known, by_key, keys: Keys::default(), customers: Customers::default() })
    }

    pub(crate) fn account(&self, id: &str) -> Option<&Account> {
        self.accounts.get(id)
    }

    /// Whose key it is.
    pub(crate) fn bearer(&self, key: &str) -> Option<(&Account, KeyKind)> {
        let (id, kind) = self.by_key.get(key)?;
        Some((self.accounts.get(id)?, *kind))
    }
}

impl Account {
    pub(crate) fn asker(&self) -> Asker<'_> {
        Asker { channel: Channel::Stripe, account: &self.given.id, ordinal: self.ordinal }
    }
}

impl Front for Stripe {
    fn transaction_id(&self, order: &Order, _: i64, _: u64) -> String {
        order.own.get::<OrderFacts>().map(|facts| facts.id.clone()).unwrap_or_default()
    }

    fn tells(&self, _: &Order, _: Happened) -> bool {
        true
    }

    /// A setup intent that ends unsigned is canceled by a call, of which the caller knows.
    fn tells_agreement(&self, _: &Agreement, _: AgreementNews) -> bool {
        true
    }

    /// The intent can be charged again.
    fn decline_closes(&self) -> bool {
        false
    }

    fn tells_refund(&self, _: &Refund) -> bool {
        true
    }

    fn letter(&self, world: &Shared, about: About, forged: bool) -> Result<Option<Letter>, SandboxError> {
        Ok(self.write_letter(world, about, forged))
    }

    fn acknowledged(&self, status: u16, _: &[u8]) -> bool {
        (200..300).contains(&status)
    }

    fn waits_s(&self) -> &'static [i64] {
        &WAITS_S
    }

    fn bills(&self) -> BillTerms {
        BILLS
    }

    fn sold_elsewhere(&self, orders: &Orders, sale: &Sale<'_>) -> Option<Sold> {
        Some(by_hand::sold(orders, self.account(sale.account)?, sale))
    }

    fn refunded_by_hand(&self, order: &Order, wish: &HandRefund<'_>) -> Option<HandMade> {
        by_hand::refunded(order, wish)
    }

    fn currency(&self, order: &Order) -> String {
        order.own.get::<OrderFacts>().map_or_else(|| "hkd".to_owned(), |facts| facts.currency.clone())
    }

    fn complaints(&self, order: &Order) -> Vec<(What, i64, i64)> {
        let Some(dispute) = order.own.get::<OrderFacts>().and_then(|facts| facts.dispute.as_ref()) else {
            return Vec::new();
        };
        let won = dispute.decided_at_ms.filter(|_| dispute.won == Some(true));
        let opened = (What::Dispute, dispute.opened_at_ms, dispute.amount_minor);
        [Some(opened), won.map(|at_ms| (What::DisputeWon, at_ms, dispute.amount_minor))].into_iter().flatten().collect()
    }

    /// The payer's page is given the client secret.
    fn open(&self, world: &Shared, door: &Door) -> Option<Result<Opened, String>> {
        let Door::OrderString(secret) = door else { return None };
        if let Some((id, _)) = secret.split_once("_secret_").filter(|(id, _)| id.starts_with("seti_")) {
            let orders = world.orders();
            let of = |account: &String| orders.agreements.position_of(Channel::Stripe, account, id);
            let found = self.accounts.keys().find_map(of).filter(|position| {
                let facts = orders.agreements.list.get(*position).and_then(|one| one.own.get::<SetupFacts>());
                facts.is_some_and(|facts| facts.client_secret == *secret)
            });
            return Some(found.map(Opened::Agreement).ok_or_else(|| "there is no such client secret".to_owned()));
        }
        let (id, _) = secret.split_once("_secret_").filter(|(id, _)| id.starts_with("pi_"))?;
        let mut orders = world.orders();
        let found = self.accounts.keys().find_map(|account| orders.position_of(Channel::Stripe, account, id));
        let position = found.filter(|position| {
            let facts = orders.list.get(*position).and_then(|order| order.own.get::<OrderFacts>());
            facts.is_some_and(|facts| facts.client_secret == *secret)
        });
        let Some(position) = position else { return Some(Err("there is no such client secret".to_owned())) };
        let now_ms = world.pace.now_ms();
        if let Some(order) = orders.at(position, now_ms) {
            order.met_at_ms.get_or_insert(now_ms);
        }
        Some(Ok(Opened::Order(position)))
    }

    fn takes_note(&self, world: &Shared, position: usize, order: &Order, what: Happened) {
        let now_ms = world.pace.now_ms();
        match what {
            Happened::Authorized => {
                world.timers.add(now_ms.saturating_add(HOLD_LASTS_MS), Due::Errand { order: position, errand: LAPSES });
            }
            Happened::Paid if disputes::is_fated(order) => {
                let due_ms = now_ms.saturating_add(disputes::complains_after_ms(order));
                world.timers.add(due_ms, Due::Errand { order: position, errand: COMPLAINS });
            }
            _ => {}
        }
    }

    fn runs_errand(&self, world: &Shared, position: usize, errand: u8) {
        match errand {
            LAPSES => world.hold_lapses(position),
            COMPLAINS => world.payer_complains_by_fate(position),
            DECIDED => world.complaint_is_decided_by_fate(position),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schedule_of_attempts_lasts_almost_three_days() {
        let hours = WAITS_S.iter().sum::<i64>() / 3_600;
        assert!((60..72).contains(&hours), "{hours}");
    }
}
