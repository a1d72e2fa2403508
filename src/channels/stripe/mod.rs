//! Cards through Stripe: it knows which file speaks which part of the dialect, and must never know what follows from
//! an answer. No number of a card ever comes here: the payer's page gives it to the channel.
//!
//! Order of reading: `settings`, `form` and `call` (out), `errors` (every code and its meaning), `object`, `intent`
//! and `refunded` (what is read), `lookup` and `making`, then one file per call; `agreement`, `setup` and `declines` for
//! charges by agreements; `signature` and `notification` (in); `bill` for the balance of a day.

mod agreement;
mod bill;
mod call;
mod close;
mod create;
mod declines;
mod errors;
mod form;
mod intent;
mod lookup;
mod making;
mod notification;
mod object;
mod query;
mod refund;
mod refunded;
mod settings;
mod setup;
mod signature;

#[cfg(test)]
mod tests;

use async_trait::async_trait;
use bursar_core::Timestamp;
use bursar_core::agreement::Agreement;
use bursar_core::id::ChannelAccountId;
use bursar_core::observation::PayCode;
use bursar_core::payment::Payment;
use bursar_core::reconcile::FeeRule;
use bursar_core::refund::Leg;
use serde_json::json;

pub(crate) use self::settings::Settings;
use self::settings::{Keys, SecretKey};
use self::signature::EndpointSecret;
use crate::bill::{BillError, BillFile, BillLines, BillRequest, Fetched};
use crate::channel::{Channel, CreateRequest, RefundRequest, SignRequest};
use crate::counters::Verb;
use crate::headers::HeaderLookup;
use crate::limit::Limit;
use crate::notice::{Notice, NotificationRefusal, Reply};
use crate::outcome::{AgreementStanding, Closed, Outcome, RefundStanding, Standing};
use crate::parts::Parts;
use crate::transport::Transport;

/// Searches a second of this account from this process. The channel allows 20.
const SEARCHES_PER_SECOND: u32 = 15;

/// The adapter of one account.
#[derive(Debug)]
pub(crate) struct Stripe {
    account: ChannelAccountId,
    transport: Transport,
    search_limit: Limit,
    secret: SecretKey,
    webhook: Vec<EndpointSecret>,
    api_version: String,
    /// The channel's own id of the account, where messages of several arrive.
    own_account: Option<String>,
    publishable_key: Option<String>,
    statement_descriptor_suffix: Option<String>,
    fees: Option<FeeRule>,
}

impl Stripe {
    fn new(account: ChannelAccountId, settings: Settings, keys: Keys, parts: Parts) -> Self {
        let Settings { common, own } = settings;
        Self {
            account,
            fees: common.fees,
            transport: Transport::new(&common, parts),
            search_limit: Limit::new(SEARCHES_PER_SECOND),
            secret: keys.secret,
            webhook: keys.webhook,
            api_version: own.api_version,
            own_account: own.account,
            publishable_key: own.publishable_key,
            statement_descriptor_suffix: own.statement_descriptor_suffix,
        }
    }

    const fn parts(&self) -> &Parts {
        self.transport.parts()
    }

    fn now(&self) -> Timestamp {
        self.parts().now()
    }
}

#[async_trait]
impl Channel for Stripe {
    #[tracing::instrument(name = "channel.create", skip_all, fields(account = %self.account, number = %request.payment.number(), status, request_id))]
    async fn create(&self, request: &CreateRequest<'_>) -> Outcome<PayCode> {
        let outcome = self.create_intent(request).await;
        self.parts().ended(Verb::Create, outcome)
    }

    #[tracing::instrument(name = "channel.query", skip_all, fields(account = %self.account, number = %payment.number(), status, request_id))]
    async fn query(&self, payment: &Payment) -> Outcome<Standing> {
        let outcome = self.ask(payment).await;
        self.parts().ended(Verb::Query, outcome)
    }

    #[tracing::instrument(name = "channel.close", skip_all, fields(account = %self.account, number = %payment.number(), status, request_id))]
    async fn close(&self, payment: &Payment) -> Outcome<Closed> {
        let outcome = self.cancel(payment).await;
        self.parts().ended(Verb::Close, outcome)
    }

    #[tracing::instrument(name = "channel.capture", skip_all, fields(account = %self.account, number = %payment.number(), status, request_id))]
    async fn capture(&self, payment: &Payment, _notify_url: &str) -> Outcome<Standing> {
        let outcome = self.take_held(payment).await;
        self.parts().ended(Verb::Capture, outcome)
    }

    #[tracing::instrument(name = "channel.refund", skip_all, fields(account = %self.account, number = %request.leg.number(), status, request_id))]
    async fn refund(&self, request: &RefundRequest<'_>) -> Outcome<RefundStanding> {
        let outcome = self.refund_payment(request).await;
        self.parts().ended(Verb::Refund, outcome)
    }

    #[tracing::instrument(name = "channel.query_refund", skip_all, fields(account = %self.account, number = %leg.number(), status, request_id))]
    async fn query_refund(&self, payment: &Payment, leg: &Leg) -> Outcome<RefundStanding> {
        let outcome = self.ask_refund(payment, leg).await;
        self.parts().ended(Verb::QueryRefund, outcome)
    }

    #[tracing::instrument(name = "channel.sign", skip_all, fields(account = %self.account, number = %request.agreement.number(), status, request_id))]
    async fn sign(&self, request: &SignRequest<'_>) -> Outcome<PayCode> {
        let outcome = self.offer(request).await;
        self.parts().ended(Verb::Sign, outcome)
    }

    #[tracing::instrument(name = "channel.query_agreement", skip_all, fields(account = %self.account, number = %agreement.number(), status, request_id))]
    async fn query_agreement(&self, agreement: &Agreement) -> Outcome<AgreementStanding> {
        let outcome = self.ask_agreement(agreement).await;
        self.parts().ended(Verb::QueryAgreement, outcome)
    }

    #[tracing::instrument(name = "channel.end_agreement", skip_all, fields(account = %self.account, number = %agreement.number(), status, request_id))]
    async fn end_agreement(&self, agreement: &Agreement) -> Outcome<()> {
        let outcome = self.end(agreement).await;
        self.parts().ended(Verb::EndAgreement, outcome)
    }

    #[tracing::instrument(name = "channel.number_of", skip_all, fields(account = %self.account, status, request_id))]
    async fn number_of(&self, channels_number: &str) -> Outcome<Option<String>> {
        let outcome = self.number_on(channels_number).await;
        self.parts().ended(Verb::Query, outcome)
    }

    #[tracing::instrument(name = "channel.fetch_bill", skip_all, fields(account = %self.account, kind = %request.kind, day = %request.day, status, request_id))]
    async fn fetch_bill(&self, request: BillRequest) -> Outcome<Fetched> {
        let outcome = self.download_bill(request).await;
        self.parts().ended(Verb::Bill, outcome)
    }

    fn read_bill(&self, request: BillRequest, file: &BillFile) -> Result<Box<dyn BillLines>, BillError> {
        bill::read(request, self.account, file)
    }

    fn fees(&self) -> Option<FeeRule> {
        self.fees
    }

    fn read_notification(
        &self,
        headers: &dyn HeaderLookup,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Notice, NotificationRefusal> {
        self.read_message(headers, body, Some(now))
    }

    fn reread_notification(&self, headers: &dyn HeaderLookup, body: &[u8]) -> Result<Notice, NotificationRefusal> {
        self.read_message(headers, body, None)
    }

    fn proof_headers(&self) -> &'static [&'static str] {
        &[signature::SIGNATURE]
    }

    fn acknowledge(&self) -> Reply {
        Reply { status: 200, content_type: "application/json", body: json!({ "received": true }).to_string() }
    }

    fn refuse(&self, why: &NotificationRefusal) -> Reply {
        let status = if matches!(why, NotificationRefusal::Unreadable(_)) { 400 } else { 401 };
        reply(status, &why.to_string())
    }

    fn unavailable(&self) -> Reply {
        reply(503, "not taken now, send it again")
    }
}

/// The channel reads the status only; the words are for people who look at its pages.
fn reply(status: u16, message: &str) -> Reply {
    Reply { status, content_type: "application/json", body: json!({ "error": message }).to_string() }
}
