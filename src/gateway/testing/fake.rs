//! A channel for tests: it verifies and reads messages like a real one, in a dialect of its own.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_trait::async_trait;
use aws_lc_rs::digest;
use bursar_channels::{
    Channel, Closed, CounterRow, CreateRequest, HeaderLookup, Notice, NotificationRefusal, Outcome, Payee,
    RefundRequest, RefundStanding, Reply, Standing, Why, WhyKind,
};
use bursar_core::Timestamp;
use bursar_core::merchant::ChannelAccount;
use bursar_core::observation::PayCode;
use bursar_core::payment::Payment;
use bursar_core::refund::Leg;
use serde_json::Value;

use crate::Adapters;

const NAMES: &[&str] = &["X-Serial", "X-Time", "X-Proof"];
pub const SERIAL: &str = "serial-1";
/// Known only after the keys were fetched again.
pub const NEW_SERIAL: &str = "serial-2";

/// A bank for which the seal fails.
pub const UNKNOWN_BANK: &str = "Bank of Nowhere";

#[derive(Debug, Default)]
pub struct FakeAdapters {
    pub refreshed: Arc<AtomicU64>,
    pub sealed: Arc<AtomicU64>,
    pub broken: AtomicBool,
}

impl Adapters for FakeAdapters {
    fn adapter(&self, account: &ChannelAccount) -> Result<Arc<dyn Channel>, String> {
        if self.broken.load(Ordering::SeqCst) {
            return Err("the key file cannot be read".into());
        }
        let (refreshed, sealed) = (self.refreshed.clone(), self.sealed.clone());
        Ok(Arc::new(Fake { mchid: account.id.bare(), refreshed, sealed }))
    }

    fn counters(&self) -> Vec<CounterRow> {
        vec![CounterRow { channel: "fake", verb: "create", outcome: "done", count: 0 }]
    }
}

#[derive(Debug)]
struct Fake {
    mchid: String,
    refreshed: Arc<AtomicU64>,
    sealed: Arc<AtomicU64>,
}

/// The proof of a message.
pub fn proof(serial: &str, time: &str, body: &[u8]) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in [b"secret|".as_slice(), serial.as_bytes(), b"|", time.as_bytes(), b"|", body] {
        context.update(part);
    }
    context.finish().as_ref().iter().fold(String::new(), |mut out, b| {
        let _ = write!(out, "{b:02x}");
        out
    })
}

impl Fake {
    fn read(
        &self,
        headers: &dyn HeaderLookup,
        body: &[u8],
        now: Option<Timestamp>,
    ) -> Result<Notice, NotificationRefusal> {
        let get = |name: &'static str| headers.header(name).ok_or(NotificationRefusal::MissingHeader(name));
        let (serial, time, given) = (get("X-Serial")?, get("X-Time")?, get("X-Proof")?);
        if given.starts_with("SIGNTEST") {
            return Err(NotificationRefusal::Probe);
        }
        let known = serial == SERIAL || (serial == NEW_SERIAL && self.refreshed.load(Ordering::SeqCst) > 0);
        if !known {
            return Err(NotificationRefusal::UnknownSerial(serial.into()));
        }
        let at = Timestamp::from_millis(time.parse().unwrap_or(0));
        if now.is_some_and(|now| now.since_ms(at).abs() >= 300_000) {
            return Err(NotificationRefusal::Stale);
        }
        if proof(serial, time, body) != given {
            return Err(NotificationRefusal::BadSignature);
        }
        let value: Value = serde_json::from_slice(body).map_err(|e| NotificationRefusal::Unreadable(e.to_string()))?;
        let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        if text("mchid") != self.mchid {
            return Err(NotificationRefusal::Foreign);
        }
        let (channel_id, number) = (text("id"), text("number"));
        Ok(match text("event").as_str() {
            "payment" => Notice::Payment { channel_id, number, standing: Standing::Unpaid, at },
            "refund" => {
                Notice::Refund { channel_id, number, standing: RefundStanding::Closed("by the bank".into()), at }
            }
            other => Notice::Other { channel_id, event: other.to_owned() },
        })
    }
}

fn nothing<T>() -> Outcome<T> {
    Outcome::Unknown(Why::new(WhyKind::NotConnected, "the gateway never calls a channel"))
}

#[async_trait]
impl Channel for Fake {
    async fn create(&self, _request: &CreateRequest<'_>) -> Outcome<PayCode> {
        nothing()
    }

    async fn query(&self, _payment: &Payment) -> Outcome<Standing> {
        nothing()
    }

    async fn close(&self, _payment: &Payment) -> Outcome<Closed> {
        nothing()
    }

    async fn refund(&self, _request: &RefundRequest<'_>) -> Outcome<RefundStanding> {
        nothing()
    }

    async fn query_refund(&self, _payment: &Payment, _leg: &Leg) -> Outcome<RefundStanding> {
        nothing()
    }

    async fn refund_second_way(&self, _: &RefundRequest<'_>, _: &str, _: &str) -> Outcome<RefundStanding> {
        nothing()
    }

    /// A seal that nobody can open; careless words when it cannot be made.
    async fn seal_payee(&self, payee: &Payee) -> Result<String, String> {
        if payee.bank == UNKNOWN_BANK {
            let Payee { bank, account, name } = payee;
            return Err(format!("the bank {bank} of {name} ({account}) is not known to the channel"));
        }
        self.sealed.fetch_add(1, Ordering::SeqCst);
        let said = format!("{}|{}|{}", payee.bank, payee.account, payee.name);
        Ok(format!("sealed:{}:{}", self.mchid, proof("payee", "", said.as_bytes())))
    }

    fn read_notification(
        &self,
        headers: &dyn HeaderLookup,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Notice, NotificationRefusal> {
        self.read(headers, body, Some(now))
    }

    fn reread_notification(&self, headers: &dyn HeaderLookup, body: &[u8]) -> Result<Notice, NotificationRefusal> {
        self.read(headers, body, None)
    }

    fn proof_headers(&self) -> &'static [&'static str] {
        NAMES
    }

    async fn refresh_keys(&self) -> Result<(), Why> {
        self.refreshed.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    fn acknowledge(&self) -> Reply {
        Reply { status: 200, content_type: "text/plain", body: "GOT IT".into() }
    }

    fn refuse(&self, why: &NotificationRefusal) -> Reply {
        Reply { status: 401, content_type: "text/plain", body: format!("NO: {}", why.name()) }
    }

    fn unavailable(&self) -> Reply {
        Reply { status: 503, content_type: "text/plain", body: "LATER".into() }
    }
}
