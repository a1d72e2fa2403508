//! The face that every channel shows: it knows what can be asked of a channel, and must never know how
//! one of them is asked.

use std::fmt::Debug;

use async_trait::async_trait;
use bursar_core::Timestamp;
use bursar_core::agreement::Agreement;
use bursar_core::bank::Day;
use bursar_core::money::Money;
use bursar_core::observation::PayCode;
use bursar_core::order::Order;
use bursar_core::payment::Payment;
use bursar_core::reconcile::FeeRule;
use bursar_core::sharing::Sharing;

use crate::bill::{BillError, BillFile, BillLines, BillRequest, Fetched};
use crate::headers::HeaderLookup;
use crate::notice::{Notice, NotificationRefusal, Reply};
use bursar_core::refund::Leg;

use crate::outcome::{
    AgreementStanding, Closed, Outcome, RefundStanding, Refusal, ReturnStanding, ShareStanding, Standing, Why,
};

/// What a channel needs to know in order to make a payment payable. Every attempt for the same payment
/// must give the same values: the same number with other values is a conflict at the channel.
#[derive(Clone, Copy, Debug)]
pub struct CreateRequest<'a> {
    /// The order that is paid.
    pub order: &'a Order,
    /// The payment; its number is what the channel will know it by.
    pub payment: &'a Payment,
    /// By which the payer is charged, when the payment's method debits; it is signed.
    pub agreement: Option<&'a Agreement>,
    /// Where the channel shall tell us of it: public, without a query.
    pub notify_url: &'a str,
}

/// What a channel needs to know in order to offer an agreement to its payer. Every attempt for the same agreement
/// must give the same values.
#[derive(Clone, Copy, Debug)]
pub struct SignRequest<'a> {
    /// The agreement; its number is what the channel will know it by.
    pub agreement: &'a Agreement,
    /// Where the channel shall tell us of it: public, without a query.
    pub notify_url: &'a str,
}

/// A charge through an agreement that the payer must be told of before.
#[derive(Clone, Copy, Debug)]
pub struct Announcement<'a> {
    /// The agreement; it is signed.
    pub agreement: &'a Agreement,
    /// Most that will be charged.
    pub amount: Money,
    /// The first day on which it will be.
    pub from: Day,
    /// On how many days it may be, the first included.
    pub days: u8,
}

/// What a channel needs to know in order to give money back. Every attempt for the same leg must give the
/// same values.
#[derive(Clone, Copy, Debug)]
pub struct RefundRequest<'a> {
    /// The payment whose money goes back.
    pub payment: &'a Payment,
    /// The leg; its number is what the channel will know the refund by.
    pub leg: &'a Leg,
    /// Why, as the payer reads it.
    pub reason: &'a str,
    /// Where the channel shall tell us of it: public, without a query.
    pub notify_url: &'a str,
}

/// A bank account that a payer names for money that his own account does not take. Lives only until it is
/// sealed for the channel; must never be stored or logged.
#[derive(Clone, PartialEq, Eq)]
pub struct Payee {
    /// The bank, in the channel's words.
    pub bank: String,
    /// The number of the account or card.
    pub account: String,
    /// Whose account it is.
    pub name: String,
}

impl Debug for Payee {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Payee(…)")
    }
}

fn no_sharing() -> Refusal {
    Refusal::ours("SHARING", "this channel has no profit sharing, or the account does not use it")
}

/// One merchant's account on one channel.
///
/// Calls end within their time-outs, keep to the account's rate and breaker, and are safe to repeat
/// with the same number. Dropping the future of a call leaves its result unknown.
#[async_trait]
pub trait Channel: Send + Sync + Debug {
    /// Makes the payment payable. Safe to repeat: the channel answers with a fresh code.
    async fn create(&self, request: &CreateRequest<'_>) -> Outcome<PayCode>;

    /// Asks where the payment stands.
    async fn query(&self, payment: &Payment) -> Outcome<Standing>;

    /// Asks the channel to take no more money for the payment, and to let go what it holds. Safe to repeat.
    async fn close(&self, payment: &Payment) -> Outcome<Closed>;

    /// Asks the channel to take the payment's amount of what it holds for it, which may be more, and to let the rest
    /// go. Where that makes a new thing at the channel, what becomes of it is told to `notify_url`. Safe to repeat.
    async fn capture(&self, _payment: &Payment, _notify_url: &str) -> Outcome<Standing> {
        Outcome::Refused(Refusal::ours("CAPTURE", "this channel takes the money at once; nothing is held"))
    }

    /// Tells the channel that the payer has paid by another way, at `paid_at`, what it holds or collects: it takes no more
    /// money for the payment, and lets go what it holds. Safe to repeat.
    async fn paid_elsewhere(&self, payment: &Payment, _paid_at: Timestamp) -> Outcome<Closed> {
        self.close(payment).await
    }

    /// Asks for money back. Safe to repeat with the same number: it takes effect at most once.
    async fn refund(&self, request: &RefundRequest<'_>) -> Outcome<RefundStanding>;

    /// Asks where the refund of `payment` by `leg` stands.
    async fn query_refund(&self, payment: &Payment, leg: &Leg) -> Outcome<RefundStanding>;

    /// Offers an agreement to its payer. Safe to repeat: the channel answers with a fresh code.
    async fn sign(&self, _request: &SignRequest<'_>) -> Outcome<PayCode> {
        Outcome::Refused(Refusal::ours("AGREEMENT", "this account has no agreements"))
    }

    /// Asks where an agreement stands.
    async fn query_agreement(&self, _agreement: &Agreement) -> Outcome<AgreementStanding> {
        Outcome::Refused(Refusal::ours("AGREEMENT", "this account has no agreements"))
    }

    /// Asks the channel to end an agreement, whether it is signed or not. Safe to repeat. What it has come to is
    /// asked for afterwards.
    async fn end_agreement(&self, _agreement: &Agreement) -> Outcome<()> {
        Outcome::Refused(Refusal::ours("AGREEMENT", "this account has no agreements"))
    }

    /// Has the channel tell a payer that he will be charged. Safe to repeat.
    async fn announce(&self, _announcement: &Announcement<'_>) -> Outcome<()> {
        Outcome::Refused(Refusal::ours("AGREEMENT", "this channel tells nobody before"))
    }

    /// Asks the channel to pay a refund whose money came back from the payer's bank to `payee` instead, as
    /// [`Channel::seal_payee`] sealed him. `refund_id` is the channel's own number. Safe to repeat: a channel
    /// refuses it once the refund is under way again, which a query tells.
    async fn refund_second_way(
        &self,
        _request: &RefundRequest<'_>,
        _refund_id: &str,
        _payee: &str,
    ) -> Outcome<RefundStanding> {
        Outcome::Refused(Refusal::ours("SECOND_WAY", "this channel has no second way to give money back"))
    }

    /// Seals `payee` so that only the channel can read it: what comes out may be stored.
    ///
    /// # Errors
    /// Why it cannot be sealed now, in words for the caller.
    async fn seal_payee(&self, _payee: &Payee) -> Result<String, String> {
        Err("this channel pays refunds to no other account than the payer's own".to_owned())
    }

    /// Most of an order's money that may be shared with others, in basis points; `None`: the account shares nothing.
    fn shares_at_most(&self) -> Option<u32> {
        None
    }

    /// Gives receivers their shares of `payment`, and the rest to the merchant. Safe to repeat with the same number.
    async fn share(&self, _payment: &Payment, _sharing: &Sharing) -> Outcome<ShareStanding> {
        Outcome::Refused(no_sharing())
    }

    /// Asks where the shares of `payment` stand.
    async fn query_share(&self, _payment: &Payment, _sharing: &Sharing) -> Outcome<ShareStanding> {
        Outcome::Refused(no_sharing())
    }

    /// Gives the merchant what is kept for shares of `payment`; gives the channel's number of that. Safe to repeat.
    async fn unfreeze(&self, _payment: &Payment, _sharing: &Sharing) -> Outcome<String> {
        Outcome::Refused(no_sharing())
    }

    /// Pulls a share back by the return of this number. Safe to repeat.
    async fn return_share(&self, _sharing: &Sharing, _n: u8) -> Outcome<ReturnStanding> {
        Outcome::Refused(no_sharing())
    }

    /// Asks where the return of this number stands.
    async fn query_return(&self, _sharing: &Sharing, _n: u8) -> Outcome<ReturnStanding> {
        Outcome::Refused(no_sharing())
    }

    /// Our number of the payment that the channel knows by `channels_number`; `None` when it is none of ours.
    async fn number_of(&self, _channels_number: &str) -> Outcome<Option<String>> {
        Outcome::Done(None)
    }

    /// Fetches a bill of a day: all of it, into a file.
    async fn fetch_bill(&self, _request: BillRequest) -> Outcome<Fetched> {
        Outcome::Refused(Refusal::ours("BILL", "this channel issues no bills"))
    }

    /// Reads a bill that was fetched, or that a person brought.
    ///
    /// # Errors
    /// Why it is not taken, when its beginning tells that already.
    fn read_bill(&self, _request: BillRequest, _file: &BillFile) -> Result<Box<dyn BillLines>, BillError> {
        Err(BillError::at("the channel", "it issues no bills"))
    }

    /// What the account's contract lets the channel keep; `None` where nobody has said.
    fn fees(&self) -> Option<FeeRule> {
        None
    }

    /// Verifies a message over its raw bytes, then decrypts and reads it. CPU only.
    ///
    /// # Errors
    /// Why the message is not taken. [`NotificationRefusal::UnknownSerial`] may be cured by
    /// [`Channel::refresh_keys`].
    fn read_notification(
        &self,
        headers: &dyn HeaderLookup,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Notice, NotificationRefusal>;

    /// The same for a message that was verified when it was stored: its age is not judged again, its
    /// signature is.
    ///
    /// # Errors
    /// Why the message is not taken.
    fn reread_notification(&self, headers: &dyn HeaderLookup, body: &[u8]) -> Result<Notice, NotificationRefusal>;

    /// The names of the headers that prove a message: these must be stored with its body.
    fn proof_headers(&self) -> &'static [&'static str];

    /// Fetches the channel's current verification keys, when they are of the kind that is fetched.
    /// Bounded in rate, so that it may be called for every message with an unknown key.
    ///
    /// # Errors
    /// Why they could not be fetched. The keys that are known stay in force.
    async fn refresh_keys(&self) -> Result<(), Why> {
        Ok(())
    }

    /// What the channel wants to hear after a message was stored.
    fn acknowledge(&self) -> Reply;

    /// What the channel wants to hear when a message is not taken.
    fn refuse(&self, why: &NotificationRefusal) -> Reply;

    /// What the channel wants to hear when we cannot take any message now; it shall send it again.
    fn unavailable(&self) -> Reply;
}
