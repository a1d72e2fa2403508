//! The refunds and the rules of the channel over them: it knows what is lawful when, and must never read
//! a clock, send anything or draw faults.

use std::collections::HashMap;

use crate::books::State;
use crate::refund::{RefundBehaviour, RefundMix};
use crate::refund_books::{RefundEntry, RefundState, RefundTab};
use crate::wechat::orders::{Order, Orders, key};
use crate::wechat::platform::SignWith;
use crate::wechat::refund_body::{Of, RefundBody};
use crate::wechat::refusal::Refusal;
use crate::{RefundLimits, pace};

/// One refund.
#[derive(Debug)]
pub(crate) struct Refund {
    pub(crate) body: RefundBody,
    pub(crate) mchid: String,
    pub(crate) out_trade_no: String,
    pub(crate) transaction_id: String,
    pub(crate) refund_id: String,
    pub(crate) tab: RefundTab,
    pub(crate) behaviour: RefundBehaviour,
    /// The refund's own seeded number, from which everything about it is drawn.
    pub(crate) fate: u64,
    /// What the merchant verifies with, as seen when the refund was asked for.
    pub(crate) sign_with: SignWith,
    /// What happened to it, in order; each is told to the merchant by itself.
    pub(crate) events: Vec<Event>,
    pub(crate) notifications_accepted: u32,
}

/// Something that happened to a refund.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) state: RefundState,
    pub(crate) at_ms: i64,
}

/// All refunds; one is named by its position, which never changes.
#[derive(Debug, Default)]
pub(crate) struct Refunds {
    pub(crate) list: Vec<Refund>,
    by_number: HashMap<String, usize>,
    by_id: HashMap<String, usize>,
    /// When a number was first refused because the balance was too low.
    first_short_ms: HashMap<String, i64>,
}

/// What a refund request is judged by, besides its body.
pub(crate) struct RefundTerms<'a> {
    pub(crate) now_ms: i64,
    pub(crate) mchid: &'a str,
    pub(crate) fate: u64,
    pub(crate) sign_with: SignWith,
    pub(crate) mix: &'a RefundMix,
    pub(crate) limits: &'a RefundLimits,
}

/// A refund that was accepted, now or before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Accepted {
    pub(crate) position: usize,
    pub(crate) fresh: bool,
}

impl Orders {
    /// The rules of a refund request. The same number with the same content is one refund.
    pub(crate) fn refund(&mut self, body: RefundBody, terms: &RefundTerms<'_>) -> Result<Accepted, Refusal> {
        let number = key(terms.mchid, &body.out_refund_no);
        if let Some(position) = self.refunds.by_number.get(&number).copied() {
            let same = self.refunds.list.get(position).is_some_and(|known| known.body.whole == body.whole);
            let other = || Refusal::invalid("out_refund_no was used with other parameters").with_number(268_498_688);
            return same.then_some(Accepted { position, fresh: false }).ok_or_else(other);
        }
        let order = match &body.of {
            Of::Number(number) => self.position(terms.mchid, number),
            Of::Transaction(id) => self.position_of_transaction(terms.mchid, id),
        };
        let order = order.ok_or_else(|| Refusal::no_such_resource("order"))?;
        let behaviour = terms.mix.choose(body.reason.as_deref().unwrap_or_default(), terms.fate);
        {
            let found = self.at(order, terms.now_ms).ok_or_else(|| Refusal::no_such_resource("order"))?;
            may_be_refunded(found, &body, terms)?;
        }
        let found = self.list.get(order).ok_or_else(|| Refusal::no_such_resource("order"))?;
        self.refunds.may_refund(found, &body, terms)?;
        self.refunds.check_funds(&number, behaviour, terms)?;
        Ok(self.accept(order, body, behaviour, terms))
    }

    fn accept(
        &mut self,
        order: usize,
        body: RefundBody,
        behaviour: RefundBehaviour,
        terms: &RefundTerms<'_>,
    ) -> Accepted {
        self.serial += 1;
        let position = self.refunds.list.len();
        let day: String = pace::beijing_digits(terms.now_ms).chars().take(8).collect();
        let refund_id = format!("50000{:05}{day}{:010}", terms.fate % 100_000, self.serial);
        let (out_trade_no, last_transaction) = match self.list.get_mut(order) {
            Some(order) => {
                order.refunds.push(position);
                (order.body.out_trade_no.clone(), order.tab.transaction_id.clone().unwrap_or_default())
            }
            None => Default::default(),
        };
        let transaction_id = match &body.of {
            Of::Transaction(id) => id.clone(),
            Of::Number(_) => last_transaction,
        };
        self.refunds.by_number.insert(key(terms.mchid, &body.out_refund_no), position);
        self.refunds.by_id.insert(key(terms.mchid, &refund_id), position);
        self.refunds.list.push(Refund {
            tab: RefundTab::opened(body.refund_fen, terms.now_ms),
            body,
            mchid: terms.mchid.to_owned(),
            out_trade_no,
            transaction_id,
            refund_id,
            behaviour,
            fate: terms.fate,
            sign_with: terms.sign_with,
            events: Vec::new(),
            notifications_accepted: 0,
        });
        Accepted { position, fresh: true }
    }
}

fn may_be_refunded(order: &Order, body: &RefundBody, terms: &RefundTerms<'_>) -> Result<(), Refusal> {
    let paid_at_ms = order.tab.paid_at_ms.filter(|_| order.tab.state() == State::Success);
    let paid_at_ms = paid_at_ms.ok_or_else(|| Refusal::invalid("the order is not paid"))?;
    if body.total_fen != order.body.total_fen {
        return Err(Refusal::invalid("amount.total is not the order's"));
    }
    if terms.now_ms.saturating_sub(paid_at_ms) > terms.limits.window_ms {
        return Err(Refusal::invalid("the order was paid too long ago"));
    }
    Ok(())
}

impl Refunds {
    pub(crate) fn by_number(&self, mchid: &str, out_refund_no: &str) -> Option<&Refund> {
        self.list.get(*self.by_number.get(&key(mchid, out_refund_no))?)
    }

    fn of<'a>(&'a self, order: &'a Order) -> impl Iterator<Item = &'a Refund> {
        order.refunds.iter().filter_map(|position| self.list.get(*position))
    }

    /// The rules between a new refund and those before it.
    fn may_refund(&self, order: &Order, body: &RefundBody, terms: &RefundTerms<'_>) -> Result<(), Refusal> {
        if order.refunds.len() >= terms.limits.per_order {
            return Err(Refusal::invalid("the order was refunded too many times"));
        }
        let claimed = self.of(order).fold(body.refund_fen, |sum, one| sum.saturating_add(one.tab.claimed_minor()));
        if claimed > order.body.total_fen {
            return Err(Refusal::invalid("the refunds exceed what was paid"));
        }
        let since = |one: &Refund| terms.now_ms.saturating_sub(one.tab.created_at_ms);
        if self.of(order).any(|one| since(one) < terms.limits.interval_ms) {
            return Err(Refusal::new(429, "FREQUENCY_LIMITED", "refunds of one order must be further apart"));
        }
        Ok(())
    }

    /// The merchant's balance: too low for a while, for refunds that are fated so.
    fn check_funds(
        &mut self,
        number: &str,
        behaviour: RefundBehaviour,
        terms: &RefundTerms<'_>,
    ) -> Result<(), Refusal> {
        let Some(short_ms) = terms.mix.without_funds_ms(behaviour, terms.fate) else { return Ok(()) };
        let first_ms = *self.first_short_ms.entry(number.to_owned()).or_insert(terms.now_ms);
        if terms.now_ms < first_ms.saturating_add(short_ms) {
            return Err(Refusal::new(403, "NOT_ENOUGH", "the balance of the merchant is too low"));
        }
        Ok(())
    }

    /// An abnormal refund is sent to a bank card; gives its position.
    pub(crate) fn apply(&mut self, mchid: &str, refund_id: &str, out_refund_no: &str) -> Result<usize, Refusal> {
        let position = self.by_id.get(&key(mchid, refund_id)).copied();
        let position = position.ok_or_else(|| Refusal::no_such_resource("refund"))?;
        let refund = self.list.get_mut(position).ok_or_else(|| Refusal::no_such_resource("refund"))?;
        if refund.body.out_refund_no != out_refund_no {
            return Err(Refusal::invalid("refund_id and out_refund_no name two refunds"));
        }
        if refund.tab.state != RefundState::Abnormal {
            return Err(Refusal::invalid("the refund is not abnormal"));
        }
        refund.tab.apply();
        Ok(position)
    }

    /// Whether some refund of the order succeeded or is under way.
    pub(crate) fn stand_against(&self, order: &Order) -> bool {
        self.of(order).any(|refund| refund.tab.state != RefundState::Closed)
    }

    /// What the payer of the order got back and kept.
    pub(crate) fn refunded_minor(&self, order: &Order) -> i64 {
        self.of(order).fold(0, |sum, refund| sum.saturating_add(refund.tab.succeeded_minor()))
    }

    /// The books, in the order of acceptance.
    pub(crate) fn entries(&self) -> Vec<RefundEntry> {
        self.list.iter().map(Refund::entry).collect()
    }
}

impl Refund {
    fn entry(&self) -> RefundEntry {
        RefundEntry {
            out_refund_no: self.body.out_refund_no.clone(),
            out_trade_no: self.out_trade_no.clone(),
            mchid: self.mchid.clone(),
            refund_id: self.refund_id.clone(),
            reason: self.body.reason.clone(),
            amount_minor: self.tab.amount_minor,
            state: self.tab.state.name().to_owned(),
            succeeded_minor: self.tab.succeeded_minor(),
            effects: self.tab.effects,
            reversals: self.tab.reversals,
            applications: self.tab.applications,
            created_at_ms: self.tab.created_at_ms,
            succeeded_at_ms: self.tab.succeeded_at_ms,
            notifications_accepted: self.notifications_accepted,
        }
    }
}
