//! WeChat Pay, API v3: it knows which file speaks which part of the dialect, and must never know what
//! follows from an answer.
//!
//! Order of reading: `settings`, `sign` and `transport` (out), `verify`, `certificates` and `aead` (in),
//! `errors` (every code and its meaning), `call` (how an answer is judged), then one file per call; `agreement`,
//! `contract`, `debit` and `declines` for charges by agreements; `score_settings`, `service_order`, `score` and
//! `score_end` for pay after service; `bill` for the bills of a day.

mod aead;
mod agreement;
mod bill;
mod call;
mod certificates;
mod close;
mod contract;
mod create;
mod debit;
mod declines;
mod errors;
mod notification;
mod number;
mod payee;
mod query;
mod refund;
mod refunded;
mod score;
mod score_end;
mod score_settings;
mod service_order;
mod settings;
mod share;
mod share_back;
mod sign;
mod transaction;
mod transport;
mod verify;

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
use bursar_core::sharing::Sharing;
use serde_json::json;
use tokio::runtime::Handle;

use self::aead::ApiKey;
use self::certificates::Keyring;
use self::score::ScoreAccount;
pub(crate) use self::settings::Settings;
use self::settings::{Agreements, Keys, ProfitSharing};
use self::transaction::Payee;
use self::transport::Transport;
use crate::bill::{BillError, BillFile, BillLines, BillRequest, Fetched};
use crate::channel::{Announcement, Channel, CreateRequest, Payee as BankPayee, RefundRequest, SignRequest};
use crate::counters::Verb;
use crate::headers::HeaderLookup;
use crate::notice::{Notice, NotificationRefusal, Reply};
use crate::outcome::{
    AgreementStanding, Closed, Outcome, RefundStanding, Refusal, RefusalClass, ReturnStanding, ShareStanding, Standing,
    Why,
};
use crate::parts::Parts;

/// The adapter of one account.
#[derive(Debug)]
pub(crate) struct Wechat {
    account: ChannelAccountId,
    payee: Payee,
    transport: Arc<Transport>,
    keyring: Arc<Keyring>,
    api: Arc<ApiKey>,
    agreements: Option<Agreements>,
    score: Option<ScoreAccount>,
    fees: Option<FeeRule>,
    sharing: Option<ProfitSharing>,
}

fn refused(code: &str, message: &str, class: RefusalClass) -> Refusal {
    Refusal { code: code.into(), message: message.into(), class }
}

fn bad_number() -> Refusal {
    refused("NUMBER", "a number has 6 to 32 characters of 0-9 A-Z a-z _ - | *", RefusalClass::Definite)
}

/// Longest notification address that the channel takes, in bytes.
const MAX_NOTIFY_URL_BYTES: usize = 255;

fn check_notify_url(url: &str) -> Result<(), Refusal> {
    if url.len() <= MAX_NOTIFY_URL_BYTES && !url.contains('?') {
        return Ok(());
    }
    let message = "the notification address is longer than 255 bytes or has a query; mend `public_url`";
    Err(refused("NOTIFY_URL", message, RefusalClass::Configuration))
}

impl Wechat {
    fn new(account: ChannelAccountId, settings: Settings, keys: Keys, parts: Parts) -> Self {
        let Keys { signing, api, channel, front } = keys;
        Self {
            account,
            keyring: Arc::new(Keyring::new(channel, settings.own.download_certificates)),
            transport: Arc::new(Transport::new(&settings, signing, parts)),
            fees: settings.common.fees,
            agreements: settings.own.agreements,
            sharing: settings.own.sharing,
            score: settings.own.score.map(|settings| ScoreAccount { settings, key: front }),
            payee: Payee { mchid: settings.own.mchid, appid: settings.own.appid },
            api: Arc::new(api),
        }
    }

    fn now(&self) -> Timestamp {
        self.transport.parts().clock.now()
    }

    async fn fetch_keys(&self) -> Result<(), Why> {
        fetch_keys(&self.keyring, &self.transport, &self.api).await
    }

    fn ended<T>(&self, verb: Verb, outcome: Outcome<T>) -> Outcome<T> {
        self.transport.parts().ended(verb, outcome)
    }
}

async fn fetch_keys(keyring: &Keyring, transport: &Transport, api: &ApiKey) -> Result<(), Why> {
    let result = keyring.refresh(transport, api).await;
    let counters = &transport.parts().counters;
    match &result {
        Ok(false) => {}
        Ok(true) => counters.count(Verb::Keys, "done"),
        Err(why) => {
            counters.count(Verb::Keys, why.kind.name());
            tracing::warn!(%why, "platform certificates could not be fetched");
        }
    }
    result.map(drop)
}

#[async_trait]
impl Channel for Wechat {
    #[tracing::instrument(name = "channel.create", skip_all, fields(account = %self.account, number = %request.payment.number(), status, request_id))]
    async fn create(&self, request: &CreateRequest<'_>) -> Outcome<PayCode> {
        let outcome = match request.payment.method {
            Method::WechatDebit => self.debit(request).await,
            Method::WechatScore => self.create_score(request).await,
            _ => self.create_order(request).await,
        };
        self.ended(Verb::Create, outcome)
    }

    #[tracing::instrument(name = "channel.query", skip_all, fields(account = %self.account, number = %payment.number(), status, request_id))]
    async fn query(&self, payment: &Payment) -> Outcome<Standing> {
        let outcome =
            if payment.method.holds() { self.query_score(payment).await } else { self.query_order(payment).await };
        self.ended(Verb::Query, outcome)
    }

    #[tracing::instrument(name = "channel.close", skip_all, fields(account = %self.account, number = %payment.number(), status, request_id))]
    async fn close(&self, payment: &Payment) -> Outcome<Closed> {
        let outcome =
            if payment.method.holds() { self.cancel_score(payment).await } else { self.close_order(payment).await };
        self.ended(Verb::Close, outcome)
    }

    #[tracing::instrument(name = "channel.paid_elsewhere", skip_all, fields(account = %self.account, number = %payment.number(), status, request_id))]
    async fn paid_elsewhere(&self, payment: &Payment, paid_at: Timestamp) -> Outcome<Closed> {
        if !payment.method.holds() {
            return self.close(payment).await;
        }
        let outcome = self.pay_score_elsewhere(payment, paid_at).await;
        self.ended(Verb::Close, outcome)
    }

    #[tracing::instrument(name = "channel.capture", skip_all, fields(account = %self.account, number = %payment.number(), status, request_id))]
    async fn capture(&self, payment: &Payment, _notify_url: &str) -> Outcome<Standing> {
        let outcome = if payment.method.holds() {
            self.complete_score(payment).await
        } else {
            Outcome::Refused(Refusal::ours("CAPTURE", "this way takes the money at once; nothing is held"))
        };
        self.ended(Verb::Capture, outcome)
    }

    #[tracing::instrument(name = "channel.refund", skip_all, fields(account = %self.account, number = %request.leg.number(), status, request_id))]
    async fn refund(&self, request: &RefundRequest<'_>) -> Outcome<RefundStanding> {
        let outcome = self.refund_payment(request).await;
        self.ended(Verb::Refund, outcome)
    }

    #[tracing::instrument(name = "channel.query_refund", skip_all, fields(account = %self.account, number = %leg.number(), status, request_id))]
    async fn query_refund(&self, _payment: &Payment, leg: &Leg) -> Outcome<RefundStanding> {
        let outcome = self.ask_refund(&leg.number()).await;
        self.ended(Verb::QueryRefund, outcome)
    }

    #[tracing::instrument(name = "channel.sign", skip_all, fields(account = %self.account, number = %request.agreement.number(), status, request_id))]
    async fn sign(&self, request: &SignRequest<'_>) -> Outcome<PayCode> {
        let outcome = self.offer(request).await;
        self.ended(Verb::Sign, outcome)
    }

    #[tracing::instrument(name = "channel.query_agreement", skip_all, fields(account = %self.account, number = %agreement.number(), status, request_id))]
    async fn query_agreement(&self, agreement: &Agreement) -> Outcome<AgreementStanding> {
        let outcome = self.ask_agreement(agreement).await;
        self.ended(Verb::QueryAgreement, outcome)
    }

    #[tracing::instrument(name = "channel.end_agreement", skip_all, fields(account = %self.account, number = %agreement.number(), status, request_id))]
    async fn end_agreement(&self, agreement: &Agreement) -> Outcome<()> {
        let outcome = self.terminate(agreement).await;
        self.ended(Verb::EndAgreement, outcome)
    }

    #[tracing::instrument(name = "channel.announce", skip_all, fields(account = %self.account, number = %announcement.agreement.number(), status, request_id))]
    async fn announce(&self, announcement: &Announcement<'_>) -> Outcome<()> {
        let outcome = self.tell_payer(announcement).await;
        self.ended(Verb::Announce, outcome)
    }

    #[tracing::instrument(name = "channel.refund_second_way", skip_all, fields(account = %self.account, number = %request.leg.number(), status, request_id))]
    async fn refund_second_way(
        &self,
        request: &RefundRequest<'_>,
        refund_id: &str,
        payee: &str,
    ) -> Outcome<RefundStanding> {
        let outcome = self.refund_to_card(request, refund_id, payee).await;
        self.ended(Verb::SecondWay, outcome)
    }

    fn shares_at_most(&self) -> Option<u32> {
        self.sharing.map(|settings| settings.most_basis_points)
    }

    #[tracing::instrument(name = "channel.share", skip_all, fields(account = %self.account, number = %sharing.number(), status, request_id))]
    async fn share(&self, payment: &Payment, sharing: &Sharing) -> Outcome<ShareStanding> {
        let outcome = self.share_out(payment, sharing).await;
        self.ended(Verb::Share, outcome)
    }

    #[tracing::instrument(name = "channel.query_share", skip_all, fields(account = %self.account, number = %sharing.number(), status, request_id))]
    async fn query_share(&self, payment: &Payment, sharing: &Sharing) -> Outcome<ShareStanding> {
        let outcome = self.ask_share(payment, sharing).await;
        self.ended(Verb::QueryShare, outcome)
    }

    #[tracing::instrument(name = "channel.unfreeze", skip_all, fields(account = %self.account, number = %sharing.unfreeze_number(), status, request_id))]
    async fn unfreeze(&self, payment: &Payment, sharing: &Sharing) -> Outcome<String> {
        let outcome = self.free_rest(payment, sharing).await;
        self.ended(Verb::Unfreeze, outcome)
    }

    #[tracing::instrument(name = "channel.return_share", skip_all, fields(account = %self.account, number = %sharing.return_number(n), status, request_id))]
    async fn return_share(&self, sharing: &Sharing, n: u8) -> Outcome<ReturnStanding> {
        let outcome = self.pull_back(sharing, n).await;
        self.ended(Verb::ReturnShare, outcome)
    }

    #[tracing::instrument(name = "channel.query_return", skip_all, fields(account = %self.account, number = %sharing.return_number(n), status, request_id))]
    async fn query_return(&self, sharing: &Sharing, n: u8) -> Outcome<ReturnStanding> {
        let outcome = self.ask_return(sharing, n).await;
        self.ended(Verb::QueryReturn, outcome)
    }

    async fn seal_payee(&self, payee: &BankPayee) -> Result<String, String> {
        self.seal_bank_payee(payee).await
    }

    #[tracing::instrument(name = "channel.fetch_bill", skip_all, fields(account = %self.account, kind = %request.kind, day = %request.day, status, request_id))]
    async fn fetch_bill(&self, request: BillRequest) -> Outcome<Fetched> {
        let outcome = self.download_bill(request).await;
        self.ended(Verb::Bill, outcome)
    }

    fn read_bill(&self, request: BillRequest, file: &BillFile) -> Result<Box<dyn BillLines>, BillError> {
        bill::read(request, &self.payee.mchid, file)
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
        let result = self.read_message(headers, body, Some(now));
        if matches!(result, Err(NotificationRefusal::UnknownSerial(_)))
            && self.keyring.may_fetch(self.now())
            && let Ok(runtime) = Handle::try_current()
        {
            // The channel sends it again within seconds; by then the key is known.
            let (keyring, transport, api) = (self.keyring.clone(), self.transport.clone(), self.api.clone());
            runtime.spawn(async move { fetch_keys(&keyring, &transport, &api).await });
        }
        result
    }

    fn reread_notification(&self, headers: &dyn HeaderLookup, body: &[u8]) -> Result<Notice, NotificationRefusal> {
        self.read_message(headers, body, None)
    }

    fn proof_headers(&self) -> &'static [&'static str] {
        verify::PROOF
    }

    async fn refresh_keys(&self) -> Result<(), Why> {
        self.fetch_keys().await
    }

    fn acknowledge(&self) -> Reply {
        Reply { status: 204, content_type: "", body: String::new() }
    }

    fn refuse(&self, why: &NotificationRefusal) -> Reply {
        let status = if matches!(why, NotificationRefusal::Unreadable(_)) { 400 } else { 401 };
        fail(status, &why.to_string())
    }

    fn unavailable(&self) -> Reply {
        fail(503, "not taken now, send it again")
    }
}

fn fail(status: u16, message: &str) -> Reply {
    let body = json!({ "code": "FAIL", "message": message }).to_string();
    Reply { status, content_type: "application/json", body }
}
