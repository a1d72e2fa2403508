//! The face of bills to whoever runs a sandbox: payouts, and what shall be wrong with bills. It knows which flaw makes
//! sense where, and must never write a bill.

use crate::bills::flaws::{BillFlaw, BillFlaws, BillName, LineFlaw};
use crate::bills::payouts::Payout;
use crate::shared::Shared;
use crate::{Channel, Sandbox};

/// Why a line cannot be struck.
pub(crate) const NO_SUCH_LINE: &str = "there is no such order or refund";
/// Why nothing can be mended.
pub(crate) const NOT_FLAWED: &str = "there is nothing wrong with it";

impl Sandbox {
    /// What the channels paid to the merchants' banks until now, in the order of time: the net of each day, on the
    /// next day. The same on every call; whoever plays the bank hands each on once, by its reference.
    pub fn payouts(&self) -> Vec<Payout> {
        self.world.payouts()
    }

    /// What the line of an order or refund becomes in the bill of its day, from the next fetch on. `account`: the
    /// merchant's number on the channel; `number`: the merchant's number of the order, else of the refund. Bills of
    /// funds and payouts stay as the books are.
    ///
    /// # Errors
    /// A sentence that says why that cannot be: there is no such line, or its channel's bills tell no currency.
    pub fn distort(&self, account: &str, number: &str, flaw: LineFlaw) -> Result<(), &'static str> {
        self.world.distort(account, number, flaw)
    }

    /// The line is told as it is again: the next fetch of its day's bill gives another file.
    ///
    /// # Errors
    /// When nothing was wrong with it.
    pub fn undistort(&self, account: &str, number: &str) -> Result<(), &'static str> {
        if self.world.flaws.mend_line(account, number) { Ok(()) } else { Err(NOT_FLAWED) }
    }

    /// Spoils a whole bill, from the next fetch on; what was wrong with it before is forgotten.
    ///
    /// # Errors
    /// A sentence that says why the channel's bill cannot be spoilt so.
    pub fn spoil_bill(&self, bill: BillName, flaw: BillFlaw) -> Result<(), &'static str> {
        self.world.spoil_bill(bill, flaw)
    }

    /// The bill is whole again.
    ///
    /// # Errors
    /// When nothing was wrong with it.
    pub fn mend_bill(&self, bill: &BillName) -> Result<(), &'static str> {
        if self.world.flaws.mend_bill(bill) { Ok(()) } else { Err(NOT_FLAWED) }
    }

    /// Everything that is wrong with bills now.
    pub fn bill_flaws(&self) -> BillFlaws {
        self.world.flaws.all()
    }
}

impl Shared {
    pub(crate) fn distort(&self, account: &str, number: &str, flaw: LineFlaw) -> Result<(), &'static str> {
        let orders = self.orders();
        let order = orders.list.iter().find(|one| one.account == account && one.number == number);
        let refund = orders.refunds.list.iter().find(|one| one.account == account && one.number == number);
        let (channel, is_refund) = match (order, refund) {
            (Some(order), _) => (order.channel, false),
            (None, Some(refund)) => (refund.channel, true),
            (None, None) => return Err(NO_SUCH_LINE),
        };
        drop(orders);
        if matches!(flaw, LineFlaw::Currency(_)) && !self.front(channel).bills().tells_currency {
            return Err("the channel's bills tell no currency");
        }
        self.flaws.set_line(account, is_refund, number, flaw);
        Ok(())
    }

    pub(crate) fn spoil_bill(&self, bill: BillName, flaw: BillFlaw) -> Result<(), &'static str> {
        let has_funds = matches!(bill.channel, Channel::Wechat | Channel::Alipay);
        let is_list = bill.channel == Channel::Stripe;
        match flaw {
            _ if bill.funds && !has_funds => return Err("the channel has no bill of funds"),
            BillFlaw::WrongDigest if bill.channel != Channel::Wechat => return Err("the channel tells no digest"),
            BillFlaw::Totals if is_list => return Err("the channel's list has no totals"),
            BillFlaw::CutOff if is_list => return Err("the channel's lists are cut by the fault `truncated_body`"),
            BillFlaw::OtherAccount if is_list => return Err("the channel's list names no account"),
            _ => {}
        }
        self.flaws.set_bill(bill, flaw);
        Ok(())
    }
}
