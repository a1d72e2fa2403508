//! Alipay, the open platform's gateway (and its REST protocol for the calls that have one): it knows which file
//! speaks which part of the dialect, and must never know what follows from an answer.
//!
//! Order of reading: `settings`, `form`, `operation` and `gateway` (out), `envelope`, `keyring`, `certificate`
//! and `serial` (in), `errors` (every code and its meaning), `call` (how an answer is judged), then `create`,
//! `query`, `refund` and `notification`; `agreement`, `debit` and `declines` for charges by agreements; `frozen`, `hold` and
//! `hold_end` for pre-authorisations; `bill` for the bills of a day. The channel's `cancel` of trades is not spoken: it gives money back where a close
//! only refuses to take more.

mod agreement;
mod bill;
mod call;
mod certificate;
mod create;
mod debit;
mod declines;
mod envelope;
mod errors;
mod form;
mod frozen;
mod gateway;
mod hold;
mod hold_end;
mod keyring;
mod notification;
mod operation;
mod query;
mod refund;
mod serial;
mod settings;
mod trade;
mod yuan;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use bursar_core::Timestamp;
use bursar_core::agreement::Agreement;
use bursar_core::channel::Method;
use bursar_core::id::ChannelAccountId;
use bursar_core::observation::PayCode;
use bursar_core::payment::Payment;
use bursar_core::reconcile::FeeRule;
use bursar_core::refund::Leg;
use tokio::runtime::Handle;

use self::gateway::Gateway;
use self::keyring::Keyring;
pub(crate) use self::settings::Settings;
use self::settings::{Agreements, HoldProduct, Keys, QrProduct};
use crate::bill::{BillError, BillFile, BillLines, BillRequest, Fetched};
use crate::channel::{Channel, CreateRequest, RefundRequest, SignRequest};
use crate::counters::Verb;
use crate::headers::HeaderLookup;
use crate::hold_days::HoldDays;
use crate::notice::{Notice, NotificationRefusal, Reply};
use crate::outcome::{AgreementStanding, Closed, Outcome, RefundStanding, Refusal, Standing, Why};
use crate::parts::Parts;

/// Who the payee must be.
#[derive(Clone, Debug)]
struct Payee {
    app_id: String,
    seller_id: String,
}

/// The adapter of one account.
#[derive(Debug)]
pub(crate) struct Alipay {
    account: ChannelAccountId,
    payee: Payee,
    qr_product: QrProduct,
    hold_product: HoldProduct,
    hold_days: HoldDays,
    return_url: Option<String>,
    agreements: Option<Agreements>,
    fees: Option<FeeRule>,
    gateway: Arc<Gateway>,
    keyring: Arc<Keyring>,
}

impl Alipay {
    fn new(account: ChannelAccountId, settings: Settings, keys: Keys, parts: Parts) -> Self {
        Self {
            account,
            qr_product: settings.own.qr_product_code,
            hold_product: settings.own.hold_product_code,
            hold_days: settings.own.hold_days,
            return_url: settings.own.return_url.clone(),
            agreements: settings.own.agreements.clone(),
            fees: settings.common.fees,
            gateway: Arc::new(Gateway::new(&settings, keys.signing, keys.certified, parts)),
            keyring: Arc::new(keys.keyring),
            payee: Payee { app_id: settings.own.app_id, seller_id: settings.own.seller_id },
        }
    }

    fn ended<T>(&self, verb: Verb, outcome: Outcome<T>) -> Outcome<T> {
        self.gateway.parts().ended(verb, outcome)
    }

    async fn fetch_keys(&self) -> Result<(), Why> {
        fetch_keys(&self.keyring, &self.gateway).await
    }
}

async fn fetch_keys(keyring: &Keyring, gateway: &Gateway) -> Result<(), Why> {
    let result = keyring.fetch(gateway).await;
    let counters = &gateway.parts().counters;
    match &result {
        Ok(false) => {}
        Ok(true) => counters.count(Verb::Keys, "done"),
        Err(why) => {
            counters.count(Verb::Keys, why.kind.name());
            tracing::warn!(%why, "a certificate of the channel could not be fetched");
        }
    }
    result.map(drop)
}

#[async_trait]
impl Channel for Alipay {
    #[tracing::instrument(name = "channel.create", skip_all, fields(account = %self.account, number = %request.payment.number(), status, request_id))]
    async fn create(&self, request: &CreateRequest<'_>) -> Outcome<PayCode> {
        let outcome = match request.payment.method {
            Method::AlipayDebit => self.debit(request).await,
            Method::AlipayHold => self.create_hold(request).await,
            _ => self.create_trade(request).await,
        };
        self.ended(Verb::Create, outcome)
    }

    #[tracing::instrument(name = "channel.query", skip_all, fields(account = %self.account, number = %payment.number(), status, request_id))]
    async fn query(&self, payment: &Payment) -> Outcome<Standing> {
        let outcome =
            if payment.method.holds() { self.query_hold(payment).await } else { self.query_trade(payment).await };
        self.ended(Verb::Query, outcome)
    }

    #[tracing::instrument(name = "channel.close", skip_all, fields(account = %self.account, number = %payment.number(), status, request_id))]
    async fn close(&self, payment: &Payment) -> Outcome<Closed> {
        let outcome =
            if payment.method.holds() { self.release_hold(payment).await } else { self.close_trade(payment).await };
        self.ended(Verb::Close, outcome)
    }

    #[tracing::instrument(name = "channel.capture", skip_all, fields(account = %self.account, number = %payment.number(), status, request_id))]
    async fn capture(&self, payment: &Payment, notify_url: &str) -> Outcome<Standing> {
        let outcome = if payment.method.holds() {
            self.take_hold(payment, notify_url).await
        } else {
            Outcome::Refused(Refusal::ours("CAPTURE", "this way takes the money at once; nothing is held"))
        };
        self.ended(Verb::Capture, outcome)
    }

    #[tracing::instrument(name = "channel.refund", skip_all, fields(account = %self.account, number = %request.leg.number(), status, request_id))]
    async fn refund(&self, request: &RefundRequest<'_>) -> Outcome<RefundStanding> {
        let outcome = self.refund_trade(request).await;
        self.ended(Verb::Refund, outcome)
    }

    #[tracing::instrument(name = "channel.query_refund", skip_all, fields(account = %self.account, number = %leg.number(), status, request_id))]
    async fn query_refund(&self, payment: &Payment, leg: &Leg) -> Outcome<RefundStanding> {
        let outcome = self.ask_refund(payment, leg).await;
        self.ended(Verb::QueryRefund, outcome)
    }

    #[tracing::instrument(name = "channel.sign", skip_all, fields(account = %self.account, number = %request.agreement.number(), status, request_id))]
    async fn sign(&self, request: &SignRequest<'_>) -> Outcome<PayCode> {
        let outcome = self.offer(request);
        self.ended(Verb::Sign, outcome)
    }

    #[tracing::instrument(name = "channel.query_agreement", skip_all, fields(account = %self.account, number = %agreement.number(), status, request_id))]
    async fn query_agreement(&self, agreement: &Agreement) -> Outcome<AgreementStanding> {
        let outcome = self.ask_agreement(agreement).await;
        self.ended(Verb::QueryAgreement, outcome)
    }

    #[tracing::instrument(name = "channel.end_agreement", skip_all, fields(account = %self.account, number = %agreement.number(), status, request_id))]
    async fn end_agreement(&self, agreement: &Agreement) -> Outcome<()> {
        let outcome = self.unsign(agreement).await;
        self.ended(Verb::EndAgreement, outcome)
    }

    #[tracing::instrument(name = "channel.fetch_bill", skip_all, fields(account = %self.account, kind = %request.kind, day = %request.day, status, request_id))]
    async fn fetch_bill(&self, request: BillRequest) -> Outcome<Fetched> {
        let outcome = self.download_bill(request).await;
        self.ended(Verb::Bill, outcome)
    }

    fn read_bill(&self, request: BillRequest, file: &BillFile) -> Result<Box<dyn BillLines>, BillError> {
        bill::read(request, &self.payee.seller_id, file)
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
        let result = self.read_message(body, Some(now));
        if matches!(result, Err(NotificationRefusal::UnknownSerial(_)))
            && self.keyring.may_fetch(self.gateway.now())
            && let Ok(runtime) = Handle::try_current()
        {
            // The channel sends it again within minutes; by then the certificate is known.
            let (keyring, gateway) = (self.keyring.clone(), self.gateway.clone());
            runtime.spawn(async move { fetch_keys(&keyring, &gateway).await });
        }
        result
    }

    fn reread_notification(&self, _headers: &dyn HeaderLookup, body: &[u8]) -> Result<Notice, NotificationRefusal> {
        self.read_message(body, None)
    }

    /// None: everything that proves a message stands in its body.
    fn proof_headers(&self) -> &'static [&'static str] {
        &[]
    }

    async fn refresh_keys(&self) -> Result<(), Why> {
        self.fetch_keys().await
    }

    /// Exactly these seven bytes; anything else is a failure to the channel.
    fn acknowledge(&self) -> Reply {
        reply(200, "success")
    }

    fn refuse(&self, why: &NotificationRefusal) -> Reply {
        reply(if matches!(why, NotificationRefusal::Unreadable(_)) { 400 } else { 401 }, "failure")
    }

    fn unavailable(&self) -> Reply {
        reply(503, "failure")
    }
}

fn reply(status: u16, body: &str) -> Reply {
    Reply { status, content_type: "text/plain", body: body.to_owned() }
}
