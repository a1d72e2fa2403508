//! The orders of all channels, and what is true of them everywhere: numbers, life, close. It must never know
//! a channel's words, read a clock, send anything or draw faults.

use std::collections::{BTreeMap, HashMap};

use crate::agreements::Agreements;
use crate::books::{State, Tab};
use crate::debiting::Debit;
use crate::own::Own;
use crate::payer::Behaviour;
use crate::refunds::Refunds;
use crate::wechat::share_calls::ShareBooks;
use crate::{BookEntry, Channel, FeeTerms};

/// One order.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) channel: Channel,
    /// The merchant's account on the channel.
    pub(crate) account: String,
    /// The merchant's number: unique for an account.
    pub(crate) number: String,
    pub(crate) description: String,
    /// What the payer is asked for.
    pub(crate) amount_minor: i64,
    /// The payer's payment only reserves the money; the merchant captures it.
    pub(crate) holds: bool,
    pub(crate) tab: Tab,
    pub(crate) behaviour: Behaviour,
    /// The order's own seeded number, from which everything about it is drawn.
    pub(crate) fate: u64,
    /// When the payer's device first met the order. Some channels do not know an order before; the others
    /// set it when they create it.
    pub(crate) met_at_ms: Option<i64>,
    /// The last moment at which a payer can start to pay.
    pub(crate) expires_at_ms: i64,
    /// When it closes by itself if it is not paid.
    pub(crate) dies_at_ms: i64,
    /// What happened to it that the merchant is told, in order; each is told by itself.
    pub(crate) events: Vec<OrderEvent>,
    pub(crate) notifications_accepted: u32,
    /// The positions of its refunds, in the order of their acceptance.
    pub(crate) refunds: Vec<usize>,
    /// When it is a debit under an agreement.
    pub(crate) debit: Option<Debit>,
    /// In how many installments its payer pays the channel.
    pub(crate) installments: Option<u8>,
    /// The merchant's requests to the sandbox did not ask for it.
    pub(crate) foreign: bool,
    /// What only its front knows.
    pub(crate) own: Own,
}

/// What a front says of a new order. The rest follows from it.
pub(crate) struct NewOrder {
    pub(crate) channel: Channel,
    pub(crate) account: String,
    pub(crate) number: String,
    pub(crate) description: String,
    pub(crate) amount_minor: i64,
    pub(crate) holds: bool,
    pub(crate) behaviour: Behaviour,
    pub(crate) fate: u64,
    pub(crate) created_at_ms: i64,
    /// `false`: the channel knows it only from the moment when the payer's device meets it.
    pub(crate) met: bool,
    pub(crate) expires_at_ms: i64,
    pub(crate) dies_at_ms: i64,
    pub(crate) own: Own,
}

/// Something that happened to an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Happened {
    /// The payer's money was taken.
    Paid,
    /// The payer's money was reserved.
    Authorized,
    /// An attempt of the payer failed.
    Failed,
    /// The payer's side declined a debit.
    Declined,
    /// It closed by itself, at the end of its life.
    Expired,
    /// The merchant closed it.
    Closed,
    /// The payer complained to his bank.
    Disputed,
    /// His bank has decided.
    DisputeClosed,
}

/// Something that happened, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OrderEvent {
    pub(crate) what: Happened,
    pub(crate) at_ms: i64,
}

/// All orders; one is named by its position, which never changes.
#[derive(Debug, Default)]
pub(crate) struct Orders {
    pub(crate) list: Vec<Order>,
    by_number: HashMap<String, usize>,
    by_other_name: HashMap<String, usize>,
    /// Under the same lock as their orders: what is refunded depends on what was paid.
    pub(crate) refunds: Refunds,
    /// Likewise: what is debited depends on what was signed.
    pub(crate) agreements: Agreements,
    /// What accounts pay that have terms of their own.
    pub(crate) fees: BTreeMap<String, FeeTerms>,
    /// Likewise: what is refunded depends on what was shared.
    pub(crate) shares: ShareBooks,
    serial: u64,
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

/// An account's number as a key of all channels and accounts.
pub(crate) fn key(channel: Channel, account: &str, number: &str) -> String {
    format!("{}\n{account}\n{number}", channel.name())
}

impl Orders {
    /// No orders of accounts that pay so much.
    pub(crate) fn with_fees(fees: BTreeMap<String, FeeTerms>) -> Self {
        Self { fees, ..Self::default() }
    }

    /// Runs through codes and numbers of the channels, so that none is given twice.
    pub(crate) fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    pub(crate) fn position(&self, channel: Channel, account: &str, number: &str) -> Option<usize> {
        self.by_number.get(&key(channel, account, number)).copied()
    }

    /// The order by its number, closed first if it has outlived the channel's patience.
    pub(crate) fn by_number(
        &mut self,
        channel: Channel,
        account: &str,
        number: &str,
        now_ms: i64,
    ) -> Option<&mut Order> {
        let position = self.position(channel, account, number)?;
        self.at(position, now_ms)
    }

    /// The order by its transaction number or another name that its front gave it.
    pub(crate) fn position_of(&self, channel: Channel, account: &str, other_name: &str) -> Option<usize> {
        self.by_other_name.get(&key(channel, account, other_name)).copied()
    }

    /// Gives an order another name.
    pub(crate) fn call(&mut self, position: usize, other_name: &str) {
        if let Some(order) = self.list.get(position) {
            self.by_other_name.insert(key(order.channel, &order.account, other_name), position);
        }
    }

    pub(crate) fn at(&mut self, position: usize, now_ms: i64) -> Option<&mut Order> {
        let order = self.list.get_mut(position)?;
        if order.tab.state() == State::NotPay && now_ms >= order.dies_at_ms {
            order.tab.close(order.dies_at_ms);
        }
        Some(order)
    }

    pub(crate) fn insert(&mut self, new: NewOrder) -> usize {
        let position = self.list.len();
        self.by_number.insert(key(new.channel, &new.account, &new.number), position);
        self.list.push(Order {
            channel: new.channel,
            account: new.account,
            number: new.number,
            description: new.description,
            amount_minor: new.amount_minor,
            holds: new.holds,
            tab: Tab::opened(new.created_at_ms),
            behaviour: new.behaviour,
            fate: new.fate,
            met_at_ms: new.met.then_some(new.created_at_ms),
            expires_at_ms: new.expires_at_ms,
            dies_at_ms: new.dies_at_ms,
            events: Vec::new(),
            notifications_accepted: 0,
            refunds: Vec::new(),
            debit: None,
            installments: None,
            foreign: false,
            own: new.own,
        });
        position
    }

    /// The payer of an order pays the channel in so many installments. To the order's money it makes no difference.
    pub(crate) fn split(&mut self, position: usize, installments: Option<u8>) {
        if let Some(order) = self.list.get_mut(position) {
            order.installments = installments;
        }
    }

    /// What a close does to an order; `Shared::carry_out` does what follows for the money. The front has
    /// looked before whether the merchant may close it.
    pub(crate) fn close(&mut self, position: usize, now_ms: i64) -> Option<Closing> {
        let order = self.at(position, now_ms)?;
        Some(match order.tab.state() {
            State::Success => Closing::Paid,
            State::Closed => Closing::Closed,
            State::NotPay if order.behaviour == Behaviour::Closing => Closing::PaidJustNow(position),
            State::NotPay | State::Authorized => {
                let in_flight = order.behaviour == Behaviour::InFlight && order.tab.state() == State::NotPay;
                order.tab.close(now_ms);
                if in_flight { Closing::ClosedInFlight(position) } else { Closing::Closed }
            }
        })
    }

    /// The books, in the order of creation.
    pub(crate) fn entries(&mut self, now_ms: i64) -> Vec<BookEntry> {
        for position in 0..self.list.len() {
            self.at(position, now_ms);
        }
        self.list.iter().map(|order| order.entry(&self.refunds, &self.agreements)).collect()
    }
}

impl Order {
    /// Whether a payer can start to pay.
    pub(crate) fn is_payable(&self, now_ms: i64) -> bool {
        self.tab.state() == State::NotPay && now_ms < self.expires_at_ms && !self.tab.forgotten
    }

    fn entry(&self, refunds: &Refunds, agreements: &Agreements) -> BookEntry {
        BookEntry {
            channel: self.channel,
            account: self.account.clone(),
            out_trade_no: self.number.clone(),
            agreement: self
                .debit
                .and_then(|debit| agreements.list.get(debit.agreement))
                .map(|agreement| agreement.number.clone()),
            installments: self.installments,
            description: self.description.clone(),
            amount_minor: self.amount_minor,
            state: self.tab.state().word(refunds.stand_against(self)).to_owned(),
            charges: self.tab.charges,
            captured_minor: self.tab.captured_minor,
            refunded_minor: refunds.refunded_minor(self),
            failed_attempts: self.tab.failed_attempts,
            transaction_id: self.tab.transaction_id.clone(),
            created_at_ms: self.tab.created_at_ms,
            paid_at_ms: self.tab.paid_at_ms,
            closed_at_ms: self.tab.closed_at_ms,
            notifications_accepted: self.notifications_accepted,
            foreign: self.foreign,
            forgotten: self.tab.forgotten,
        }
    }
}
