//! What happens on a channel without any request of the merchant to this sandbox: a sale of his elsewhere, a refund by a
//! person on the channel's own pages, a payment that the channel forgets. It knows what becomes of the books, and must
//! never know a channel's words.

use crate::books::State;
use crate::orders::{NewOrder, Order};
use crate::own::Own;
use crate::payer::Behaviour;
use crate::payment::NO_SUCH_ORDER;
use crate::refunds::NewRefund;
use crate::shared::Shared;
use crate::{Channel, RefundBehaviour, RefundLimits, Sandbox, dice};

/// What sales elsewhere are called.
pub(crate) const ELSEWHERE: &str = "门店消费";
/// The reason of refunds by hand.
pub(crate) const ON_THE_PAGES: &str = "商户平台退款";

/// A sale elsewhere, as its front needs it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sale<'a> {
    pub(crate) account: &'a str,
    pub(crate) number: &'a str,
    pub(crate) amount_minor: i64,
    pub(crate) fate: u64,
    pub(crate) serial: u64,
    pub(crate) now_ms: i64,
}

/// What a front makes of a sale: its own facts, and the other names of the order.
pub(crate) struct Sold {
    pub(crate) own: Own,
    pub(crate) names: Vec<String>,
}

/// A refund by hand, as its front needs it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HandRefund<'a> {
    /// The number that the channel gives in the merchant's place.
    pub(crate) number: &'a str,
    pub(crate) amount_minor: i64,
    pub(crate) fate: u64,
    pub(crate) serial: u64,
    pub(crate) now_ms: i64,
}

/// What a front makes of it.
pub(crate) struct HandMade {
    pub(crate) own: Own,
    /// The channel's number.
    pub(crate) refund_id: String,
    /// As the merchant's pages show it.
    pub(crate) number: String,
    /// As in [`NewRefund`].
    pub(crate) scope: String,
}

impl Sandbox {
    /// The merchant sells something elsewhere: a capture under a number that none of his requests to this sandbox
    /// named. He is not notified. The books show it as `foreign`.
    ///
    /// # Errors
    /// A sentence that says why not: no such account, or a number that is used or that the channel does not allow.
    pub fn take_foreign(
        &self,
        channel: Channel,
        account: &str,
        number: &str,
        amount_minor: i64,
    ) -> Result<(), &'static str> {
        self.world.take_foreign(channel, account, number, amount_minor)
    }

    /// A person refunds an order on the channel's own pages, at once; the merchant is not notified. Gives the number
    /// that the channel wrote in the place of the merchant's. The books of refunds show it as `by_hand`.
    ///
    /// # Errors
    /// A sentence that says why not.
    pub fn refund_by_hand(&self, account: &str, out_trade_no: &str, amount_minor: i64) -> Result<String, &'static str> {
        self.world.refund_by_hand(Some(account), out_trade_no, amount_minor)
    }

    /// The channel forgets a payment: queries say that the order is not paid, and no bill and no payout has it. The
    /// books show what was really taken, and that it is `forgotten`.
    ///
    /// # Errors
    /// A sentence that says why not, such as a day that was paid out.
    pub fn forget(&self, account: &str, out_trade_no: &str) -> Result<(), &'static str> {
        self.world.forget(Some(account), out_trade_no)
    }
}

impl Shared {
    pub(crate) fn take_foreign(
        &self,
        channel: Channel,
        account: &str,
        number: &str,
        amount_minor: i64,
    ) -> Result<(), &'static str> {
        if amount_minor <= 0 {
            return Err("the amount must be above 0");
        }
        let now_ms = self.pace.now_ms();
        let mut orders = self.orders();
        if orders.position(channel, account, number).is_some() {
            return Err("there is an order of this number");
        }
        let (fate, serial) = (dice::draw(&[dice::text(account), dice::text(number), 74]), orders.next_serial());
        let sale = Sale { account, number, amount_minor, fate, serial, now_ms };
        let sold = self.front(channel).sold_elsewhere(&orders, &sale);
        let sold = sold.ok_or("there is no such account, or the channel does not allow such a number")?;
        let position = orders.insert(NewOrder {
            channel,
            account: account.to_owned(),
            number: number.to_owned(),
            description: ELSEWHERE.to_owned(),
            amount_minor,
            holds: false,
            behaviour: Behaviour::Never,
            fate,
            created_at_ms: now_ms,
            met: true,
            expires_at_ms: now_ms,
            dies_at_ms: i64::MAX,
            own: sold.own,
        });
        sold.names.iter().for_each(|name| orders.call(position, name));
        if let Some(order) = orders.list.get_mut(position) {
            order.foreign = true;
        }
        self.collect(&mut orders, position, false);
        Ok(())
    }

    pub(crate) fn refund_by_hand(
        &self,
        account: Option<&str>,
        number: &str,
        amount_minor: i64,
    ) -> Result<String, &'static str> {
        let now_ms = self.pace.now_ms();
        let mut orders = self.orders();
        let is_it = |order: &Order| order.number == number && account.is_none_or(|account| order.account == account);
        let position = orders.list.iter().position(is_it).ok_or(NO_SUCH_ORDER)?;
        let serial = orders.next_serial();
        let order = orders.list.get(position).ok_or(NO_SUCH_ORDER)?;
        // A person need not wait between two refunds.
        let limits = RefundLimits { interval_ms: 0, ..self.refund_limits };
        let lawful = amount_minor > 0 && orders.refunds.lawful(order, amount_minor, now_ms, &limits).is_ok();
        if order.tab.state() != State::Success || !lawful {
            return Err("the order is not paid, or so much cannot be refunded");
        }
        let fate = dice::draw(&[order.fate, serial, 75]);
        let given = format!("8{}{:010}", crate::pace::beijing_digits(now_ms), serial % 10_000_000_000);
        let wish = HandRefund { number: &given, amount_minor, fate, serial, now_ms };
        let made = self.front(order.channel).refunded_by_hand(order, &wish).ok_or(NO_SUCH_ORDER)?;
        let number = made.number.clone();
        let accepted = orders.accept_refund(NewRefund {
            order: position,
            number: made.number,
            scope: made.scope,
            refund_id: made.refund_id,
            transaction_id: None,
            amount_minor,
            reason: Some(ON_THE_PAGES.to_owned()),
            behaviour: RefundBehaviour::Success,
            fate,
            now_ms,
            own: made.own,
        });
        let accepted = accepted.ok_or(NO_SUCH_ORDER)?;
        if let Some(refund) = orders.refunds.list.get_mut(accepted) {
            refund.by_hand = true;
        }
        drop(orders);
        self.tally.change(|counters| counters.refunds += 1);
        self.refund_moves(accepted, 0);
        Ok(number)
    }

    pub(crate) fn forget(&self, account: Option<&str>, number: &str) -> Result<(), &'static str> {
        let mut orders = self.orders();
        let is_it = |order: &Order| order.number == number && account.is_none_or(|account| order.account == account);
        let position = orders.list.iter().position(is_it).ok_or(NO_SUCH_ORDER)?;
        let order = orders.list.get_mut(position).ok_or(NO_SUCH_ORDER)?;
        if order.tab.state() != State::Success {
            return Err("the order is not paid");
        }
        // A payout that was told stays what it was.
        if order.tab.takings.iter().any(|taking| self.is_paid_out(order.channel, taking.at_ms)) {
            return Err("the payment was paid out");
        }
        order.tab.forget();
        Ok(())
    }
}
