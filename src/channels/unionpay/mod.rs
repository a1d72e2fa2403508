//! UnionPay, ACP 5.1.0: it knows which file speaks which part of the dialect, and must never know what follows
//! from an answer.
//!
//! Order of reading: `settings` and `identity` (who we are), `fields` and `sign` (how messages are written and
//! signed), `chain` and `verify` (whom we believe), `codes` (every code and its meaning), `call` (how an answer
//! is judged), `transaction` (what one says), then one file per call; `agreement`, `token`, `debit` and `declines` for
//! charges by agreements; `bill` for the file of a day.
//!
//! A transaction is known by merchant, number and time together. The number is ours for ever, and so is the
//! time: when the payment or the leg was made, whatever the time of the attempt, so that every attempt is the
//! same transaction. Not confirmed: whether the channel minds a time of some hours ago.
//!
//! There is no call that closes a payment. The channel is told the last moment to pay; what is not paid a while
//! after that never will be (`lapse_ms` of the channel's facts), and money that comes all the same goes back.

mod agreement;
mod bill;
mod call;
mod chain;
mod codes;
mod create;
mod debit;
mod declines;
mod fields;
mod identity;
mod notification;
mod query;
mod refund;
mod serial;
mod settings;
mod sign;
mod time;
mod token;
mod transaction;
mod verify;

#[cfg(test)]
mod tests;

use async_trait::async_trait;
use bursar_core::Timestamp;
use bursar_core::agreement::Agreement;
use bursar_core::channel::Method;
use bursar_core::id::ChannelAccountId;
use bursar_core::observation::PayCode;
use bursar_core::payment::Payment;
use bursar_core::reconcile::FeeRule;
use bursar_core::refund::Leg;
use url::Url;

use self::identity::Identity;
pub(crate) use self::settings::Settings;
use self::settings::{Keys, MAX_URL_BYTES, Own};
use self::verify::Keyring;
use crate::beijing;
use crate::bill::{BillError, BillFile, BillLines, BillRequest, Fetched};
use crate::channel::{Channel, CreateRequest, RefundRequest, SignRequest};
use crate::counters::Verb;
use crate::headers::HeaderLookup;
use crate::notice::{Notice, NotificationRefusal, Reply};
use crate::outcome::{AgreementStanding, Closed, Outcome, RefundStanding, Refusal, RefusalClass, Standing};
use crate::parts::Parts;
use crate::transport::Transport;

/// The adapter of one account.
#[derive(Debug)]
pub(crate) struct Unionpay {
    account: ChannelAccountId,
    own: Own,
    /// Where payers' browsers reach the channel.
    page: Url,
    /// Where it gives out files.
    files: Url,
    fees: Option<FeeRule>,
    identity: Identity,
    keyring: Keyring,
    transport: Transport,
}

/// `YYYYMMDDhhmmss` of a moment that names a transaction.
fn txn_time(at: Timestamp) -> Result<String, Refusal> {
    beijing::digits(at).ok_or_else(|| Refusal::ours("TXN_TIME", "the time of the transaction is beyond the calendar"))
}

fn check_notify_url(url: &str) -> Result<(), Refusal> {
    if url.len() <= MAX_URL_BYTES {
        return Ok(());
    }
    let refusal = Refusal::ours("NOTIFY_URL", "the notification address is longer than 256 bytes; mend `public_url`");
    Err(Refusal { class: RefusalClass::Configuration, ..refusal })
}

impl Unionpay {
    fn new(account: ChannelAccountId, settings: Settings, keys: Keys, parts: Parts) -> Self {
        Self {
            account,
            transport: Transport::new(&settings.common, parts),
            own: settings.own,
            page: settings.page,
            files: settings.files,
            fees: settings.common.fees,
            identity: keys.identity,
            keyring: Keyring::new(keys.trust),
        }
    }

    fn now(&self) -> Timestamp {
        self.transport.parts().now()
    }

    fn ended<T>(&self, verb: Verb, outcome: Outcome<T>) -> Outcome<T> {
        self.transport.parts().ended(verb, outcome)
    }
}

#[async_trait]
impl Channel for Unionpay {
    #[tracing::instrument(name = "channel.create", skip_all, fields(account = %self.account, number = %request.payment.number(), status))]
    async fn create(&self, request: &CreateRequest<'_>) -> Outcome<PayCode> {
        let outcome = self.create_payment(request).await;
        self.ended(Verb::Create, outcome)
    }

    #[tracing::instrument(name = "channel.query", skip_all, fields(account = %self.account, number = %payment.number(), status))]
    async fn query(&self, payment: &Payment) -> Outcome<Standing> {
        let outcome = self.query_payment(payment).await;
        self.ended(Verb::Query, outcome)
    }

    /// There is no such call: the payment lapses, unless it is a charge of a token.
    #[tracing::instrument(name = "channel.close", skip_all, fields(account = %self.account, number = %payment.number(), status))]
    async fn close(&self, payment: &Payment) -> Outcome<Closed> {
        let outcome = match payment.method {
            Method::UnionpayDebit => self.close_debit(payment).await,
            _ => Outcome::Done(Closed::NotPossible),
        };
        self.ended(Verb::Close, outcome)
    }

    #[tracing::instrument(name = "channel.refund", skip_all, fields(account = %self.account, number = %request.leg.number(), status))]
    async fn refund(&self, request: &RefundRequest<'_>) -> Outcome<RefundStanding> {
        let outcome = self.refund_payment(request).await;
        self.ended(Verb::Refund, outcome)
    }

    #[tracing::instrument(name = "channel.query_refund", skip_all, fields(account = %self.account, number = %leg.number(), status))]
    async fn query_refund(&self, _payment: &Payment, leg: &Leg) -> Outcome<RefundStanding> {
        let outcome = self.ask_refund(leg).await;
        self.ended(Verb::QueryRefund, outcome)
    }

    #[tracing::instrument(name = "channel.sign", skip_all, fields(account = %self.account, number = %request.agreement.number(), status))]
    async fn sign(&self, request: &SignRequest<'_>) -> Outcome<PayCode> {
        let outcome = self.offer(request);
        self.ended(Verb::Sign, outcome)
    }

    #[tracing::instrument(name = "channel.query_agreement", skip_all, fields(account = %self.account, number = %agreement.number(), status))]
    async fn query_agreement(&self, agreement: &Agreement) -> Outcome<AgreementStanding> {
        let outcome = self.ask_agreement(agreement).await;
        self.ended(Verb::QueryAgreement, outcome)
    }

    #[tracing::instrument(name = "channel.end_agreement", skip_all, fields(account = %self.account, number = %agreement.number(), status))]
    async fn end_agreement(&self, agreement: &Agreement) -> Outcome<()> {
        let outcome = self.delete_token(agreement).await;
        self.ended(Verb::EndAgreement, outcome)
    }

    #[tracing::instrument(name = "channel.fetch_bill", skip_all, fields(account = %self.account, kind = %request.kind, day = %request.day, status))]
    async fn fetch_bill(&self, request: BillRequest) -> Outcome<Fetched> {
        let outcome = self.download_bill(request).await;
        self.ended(Verb::Bill, outcome)
    }

    fn read_bill(&self, request: BillRequest, file: &BillFile) -> Result<Box<dyn BillLines>, BillError> {
        bill::read(request, &self.own.mer_id, file)
    }

    fn fees(&self) -> Option<FeeRule> {
        self.fees
    }

    fn read_notification(
        &self,
        _headers: &dyn HeaderLookup,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Notice, NotificationRefusal> {
        self.read_message(body, Some(now))
    }

    fn reread_notification(&self, _headers: &dyn HeaderLookup, body: &[u8]) -> Result<Notice, NotificationRefusal> {
        self.read_message(body, None)
    }

    /// None: the proof is in the body.
    fn proof_headers(&self) -> &'static [&'static str] {
        &[]
    }

    fn acknowledge(&self) -> Reply {
        reply(200, "ok")
    }

    fn refuse(&self, why: &NotificationRefusal) -> Reply {
        reply(if matches!(why, NotificationRefusal::Unreadable(_)) { 400 } else { 401 }, "fail")
    }

    fn unavailable(&self) -> Reply {
        reply(503, "fail")
    }
}

fn reply(status: u16, body: &str) -> Reply {
    Reply { status, content_type: "text/plain; charset=utf-8", body: body.to_owned() }
}
