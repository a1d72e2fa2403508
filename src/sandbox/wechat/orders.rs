//! The orders and the rules of the channel over them: create, query and close. It knows what is
//! lawful when, and must never read a clock, send anything or draw faults.

use std::collections::HashMap;

use serde_json::Value;

use crate::BookEntry;
use crate::books::{State, Tab};
use crate::payer::Behaviour;
use crate::wechat::body::CreateBody;
use crate::wechat::platform::SignWith;
use crate::wechat::refunds::Refunds;
use crate::wechat::refusal::Refusal;
use crate::wechat::transaction;

/// Unpaid orders close by themselves after seven days.
const UNPAID_LIFE_MS: i64 = 7 * 24 * 3_600_000;

/// One order.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) body: CreateBody,
    pub(crate) tab: Tab,
    pub(crate) behaviour: Behaviour,
    /// The order's own seeded number, from which everything about it is drawn.
    pub(crate) fate: u64,
    /// The last moment at which a payer can start to pay.
    pub(crate) expires_at_ms: i64,
    /// What the merchant verifies with, as seen when the order was created.
    pub(crate) sign_with: SignWith,
    pub(crate) notifications_accepted: u32,
    /// The positions of its refunds, in the order of their acceptance.
    pub(crate) refunds: Vec<usize>,
}

/// All orders; one is named by its position, which never changes.
#[derive(Debug, Default)]
pub(crate) struct Orders {
    pub(crate) list: Vec<Order>,
    by_number: HashMap<String, usize>,
    by_transaction: HashMap<String, usize>,
    /// Under the same lock as their orders: what is refunded depends on what was paid.
    pub(crate) refunds: Refunds,
    /// Runs through codes and transaction numbers, so that none is given twice.
    pub(crate) serial: u64,
}

/// What came of a close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closing {
    /// Closed, now or before.
    Closed,
    /// Closed, while money was in flight that will surface.
    ClosedInFlight(usize),
    /// Paid before.
    Paid,
    /// The payer's money arrives at this very moment: take it, and answer as paid.
    PaidJustNow(usize),
}

/// One merchant's number as a key of all merchants.
pub(crate) fn key(mchid: &str, number: &str) -> String {
    format!("{mchid}\n{number}")
}

impl Orders {
    pub(crate) fn position(&self, mchid: &str, out_trade_no: &str) -> Option<usize> {
        self.by_number.get(&key(mchid, out_trade_no)).copied()
    }

    /// The order by its number, closed first if it has outlived the channel's patience.
    pub(crate) fn by_number(&mut self, mchid: &str, out_trade_no: &str, now_ms: i64) -> Option<&mut Order> {
        let position = self.position(mchid, out_trade_no)?;
        self.at(position, now_ms)
    }

    pub(crate) fn position_of_transaction(&self, mchid: &str, transaction_id: &str) -> Option<usize> {
        self.by_transaction.get(&key(mchid, transaction_id)).copied()
    }

    /// The order as a query shows it.
    pub(crate) fn show(&mut self, position: Option<usize>, now_ms: i64) -> Result<Value, Refusal> {
        let position = position.ok_or_else(Refusal::no_such_order)?;
        self.at(position, now_ms).ok_or_else(Refusal::no_such_order)?;
        let order = self.list.get(position).ok_or_else(Refusal::no_such_order)?;
        Ok(transaction::write(order, self.refunds.stand_against(order)))
    }

    pub(crate) fn at(&mut self, position: usize, now_ms: i64) -> Option<&mut Order> {
        let order = self.list.get_mut(position)?;
        let end_ms = order.tab.created_at_ms.saturating_add(UNPAID_LIFE_MS);
        if order.tab.state() == State::NotPay && now_ms >= end_ms {
            order.tab.close(end_ms);
        }
        Some(order)
    }

    pub(crate) fn insert(&mut self, order: Order) -> usize {
        let position = self.list.len();
        self.by_number.insert(key(&order.body.mchid, &order.body.out_trade_no), position);
        self.list.push(order);
        position
    }

    /// Takes the payer's money and gives the transaction number.
    pub(crate) fn charge(&mut self, position: usize, now_ms: i64) {
        self.serial += 1;
        let serial = self.serial;
        let Some(order) = self.list.get_mut(position) else { return };
        let day: String = crate::pace::beijing_digits(now_ms).chars().take(8).collect();
        let transaction_id = format!("42000{:05}{day}{serial:010}", order.fate % 100_000);
        self.by_transaction.insert(key(&order.body.mchid, &transaction_id), position);
        order.tab.take_money(now_ms, transaction_id);
    }

    /// The rules of a close; the caller carries out what it says about money.
    pub(crate) fn close(
        &mut self,
        mchid: &str,
        out_trade_no: &str,
        now_ms: i64,
        min_age_ms: i64,
    ) -> Result<Closing, Refusal> {
        let position = self.position(mchid, out_trade_no).ok_or_else(Refusal::no_such_order)?;
        let order = self.at(position, now_ms).ok_or_else(Refusal::no_such_order)?;
        match order.tab.state() {
            State::Success => Ok(Closing::Paid),
            State::Closed => Ok(Closing::Closed),
            State::NotPay if now_ms.saturating_sub(order.tab.created_at_ms) < min_age_ms => {
                Err(Refusal::invalid("the order is too young to be closed"))
            }
            State::NotPay if order.behaviour == Behaviour::Closing => Ok(Closing::PaidJustNow(position)),
            State::NotPay => {
                order.tab.close(now_ms);
                let in_flight = order.behaviour == Behaviour::InFlight;
                Ok(if in_flight { Closing::ClosedInFlight(position) } else { Closing::Closed })
            }
        }
    }

    /// The books, in the order of creation.
    pub(crate) fn entries(&mut self, now_ms: i64) -> Vec<BookEntry> {
        for position in 0..self.list.len() {
            self.at(position, now_ms);
        }
        self.list.iter().map(|order| order.entry(&self.refunds)).collect()
    }
}

impl Order {
    fn entry(&self, refunds: &Refunds) -> BookEntry {
        BookEntry {
            out_trade_no: self.body.out_trade_no.clone(),
            mchid: self.body.mchid.clone(),
            description: self.body.description.clone(),
            amount_minor: self.body.total_fen,
            state: self.tab.state().word(refunds.stand_against(self)).to_owned(),
            charges: self.tab.charges,
            captured_minor: self.body.total_fen.saturating_mul(i64::from(self.tab.charges)),
            refunded_minor: refunds.refunded_minor(self),
            failed_attempts: self.tab.failed_attempts,
            transaction_id: self.tab.transaction_id.clone(),
            created_at_ms: self.tab.created_at_ms,
            paid_at_ms: self.tab.paid_at_ms,
            closed_at_ms: self.tab.closed_at_ms,
            notifications_accepted: self.notifications_accepted,
        }
    }
}
