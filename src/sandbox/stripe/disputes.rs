//! Disputes: it knows when a payer complains, how that ends and how a dispute is shown. The money that the payer's
//! bank withdraws meanwhile moves on the balance only: in the books, the payment stays captured.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::books::State;
use crate::orders::{Happened, Order, Orders};
use crate::shared::Shared;
use crate::stripe::account::Account;
use crate::stripe::front::{DECIDED, OrderFacts};
use crate::stripe::params::Paging;
use crate::stripe::refusal::Refusal;
use crate::stripe::show::{self, seconds};
use crate::timers::Due;
use crate::{Channel, dice};

/// From the payment to the complaint, in milliseconds of the sandbox clock. In life it is weeks.
const COMPLAINS_AFTER_MS: (i64, i64) = (20_000, 60_000);
/// From the complaint to its end.
const DECIDED_AFTER_MS: (i64, i64) = (30_000, 120_000);

/// What an operator of the sandbox makes of a dispute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisputeAct {
    /// The payer complains to his bank.
    Open,
    /// The bank decides for the merchant.
    Won,
    /// The bank decides for the payer.
    Lost,
}

/// A dispute as the channel's books have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisputeEntry {
    /// The merchant's account.
    pub account: String,
    /// The merchant's number of the order.
    pub out_trade_no: String,
    /// The channel's number of the dispute.
    pub dispute_id: String,
    /// What is disputed, in minor units.
    pub amount_minor: i64,
    /// How it ended; `None` while it is open.
    pub won: Option<bool>,
}

/// What is kept of a dispute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DisputeFacts {
    pub(crate) id: String,
    pub(crate) amount_minor: i64,
    pub(crate) opened_at_ms: i64,
    pub(crate) won: Option<bool>,
    pub(crate) decided_at_ms: Option<i64>,
}

/// The end that is asked for in the description: `[dispute:won]`, `[dispute:lost]`, or `[dispute:open]` for none.
fn fated(order: &Order) -> Option<Option<bool>> {
    let (_, rest) = order.description.split_once("[dispute:")?;
    match rest.split_once(']')?.0 {
        "open" => Some(None),
        "won" => Some(Some(true)),
        "lost" => Some(Some(false)),
        _ => None,
    }
}

pub(crate) fn is_fated(order: &Order) -> bool {
    fated(order).is_some()
}

pub(crate) fn complains_after_ms(order: &Order) -> i64 {
    dice::within(dice::draw(&[order.fate, 44]), COMPLAINS_AFTER_MS)
}

/// A dispute as it stood when this had happened.
pub(crate) fn show(facts: &OrderFacts, dispute: &DisputeFacts, won: Option<bool>) -> Value {
    let status = match won {
        None => "needs_response",
        Some(true) => "won",
        Some(false) => "lost",
    };
    json!({
        "id": dispute.id,
        "object": "dispute",
        "amount": dispute.amount_minor,
        "charge": facts.charge_id(),
        "created": seconds(dispute.opened_at_ms),
        "currency": facts.currency,
        "is_charge_refundable": false,
        "livemode": false,
        "metadata": {},
        "payment_intent": facts.id,
        "reason": "product_not_received",
        "status": status,
    })
}

/// The disputes of an account, newest order first.
fn all<'a>(orders: &'a Orders, account: &'a str) -> impl Iterator<Item = (&'a OrderFacts, &'a DisputeFacts)> {
    let ours = move |order: &&Order| order.channel == Channel::Stripe && order.account == account;
    orders.list.iter().rev().filter(ours).filter_map(|order| {
        let facts = order.own.get::<OrderFacts>()?;
        Some((facts, facts.dispute.as_ref()?))
    })
}

impl Shared {
    pub(super) fn payer_complains_by_fate(&self, position: usize) {
        if self.dispute_at(position, DisputeAct::Open).is_err() {
            return;
        }
        let orders = self.orders();
        if let Some(order) = orders.list.get(position).filter(|order| fated(order).flatten().is_some()) {
            let wait_ms = dice::within(dice::draw(&[order.fate, 45]), DECIDED_AFTER_MS);
            let due_ms = self.pace.now_ms().saturating_add(wait_ms);
            self.timers.add(due_ms, Due::Errand { order: position, errand: DECIDED });
        }
    }

    pub(super) fn complaint_is_decided_by_fate(&self, position: usize) {
        let won = self.orders().list.get(position).and_then(fated).flatten();
        if let Some(won) = won {
            // An operator may have decided it before.
            let _ = self.dispute_at(position, if won { DisputeAct::Won } else { DisputeAct::Lost });
        }
    }

    /// The same for the order of that number: of `account`, else the oldest that has it.
    pub(crate) fn dispute_number(
        &self,
        account: Option<&str>,
        number: &str,
        act: DisputeAct,
    ) -> Result<(), &'static str> {
        let is_it = |order: &Order| {
            let ours = order.channel == Channel::Stripe && order.number == number;
            ours && account.is_none_or(|account| order.account == account)
        };
        let found = self.orders().list.iter().position(is_it);
        self.dispute_at(found.ok_or(crate::payment::NO_SUCH_ORDER)?, act)
    }

    fn dispute_at(&self, position: usize, act: DisputeAct) -> Result<(), &'static str> {
        let now_ms = self.pace.now_ms();
        let mut orders = self.orders();
        let back = orders.list.get(position).map_or(0, |order| orders.refunds.refunded_minor(order));
        let order = orders.list.get_mut(position).ok_or(crate::payment::NO_SUCH_ORDER)?;
        let (paid, left) = (order.tab.state() == State::Success, order.tab.captured_minor.saturating_sub(back));
        let facts = order.own.get_mut::<OrderFacts>().ok_or(crate::payment::NO_SUCH_ORDER)?;
        let what = match (act, &mut facts.dispute) {
            (DisputeAct::Open, Some(_)) => return Err("the order is disputed already"),
            (DisputeAct::Open, None) if !paid || left <= 0 => return Err("there is no money to dispute"),
            (DisputeAct::Open, none) => {
                let id = facts.id.replacen("pi_", "du_", 1);
                *none =
                    Some(DisputeFacts { id, amount_minor: left, opened_at_ms: now_ms, won: None, decided_at_ms: None });
                Happened::Disputed
            }
            (_, Some(dispute)) if dispute.won.is_none() => {
                (dispute.won, dispute.decided_at_ms) = (Some(act == DisputeAct::Won), Some(now_ms));
                Happened::DisputeClosed
            }
            _ => return Err("no dispute is open"),
        };
        self.tell(position, order, what);
        Ok(())
    }

    /// All disputes, as books.
    pub(crate) fn dispute_entries(&self) -> Vec<DisputeEntry> {
        let orders = self.orders();
        let entry = |order: &Order| {
            let dispute = order.own.get::<OrderFacts>()?.dispute.clone()?;
            Some(DisputeEntry {
                account: order.account.clone(),
                out_trade_no: order.number.clone(),
                dispute_id: dispute.id,
                amount_minor: dispute.amount_minor,
                won: dispute.won,
            })
        };
        orders.list.iter().filter_map(entry).collect()
    }

    pub(super) fn stripe_retrieve_dispute(&self, account: &Account, id: &str) -> Result<Value, Refusal> {
        let orders = self.orders();
        let found = all(&orders, &account.given.id).find(|(_, dispute)| dispute.id == id);
        let (facts, dispute) = found.ok_or_else(|| Refusal::no_such("dispute", id))?;
        Ok(show(facts, dispute, dispute.won))
    }

    pub(super) fn stripe_list_disputes(
        &self,
        account: &Account,
        intent: Option<&str>,
        paging: &Paging,
    ) -> Result<Value, Refusal> {
        let orders = self.orders();
        let fits = |facts: &OrderFacts| intent.is_none_or(|intent| facts.id == intent);
        let found: Vec<_> = all(&orders, &account.given.id).filter(|(facts, _)| fits(facts)).collect();
        let (page, has_more) = paging.cut(found, |(_, dispute)| &dispute.id)?;
        let data = page.into_iter().map(|(facts, dispute)| show(facts, dispute, dispute.won)).collect();
        Ok(show::list("list", "/v1/disputes", data, has_more))
    }
}
