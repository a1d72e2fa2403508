//! Starting, watching and stopping a sandbox: it knows the tasks that make one up, and must never know
//! a channel's rules.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::shared::{Shared, routes};
use crate::{
    AgreementEntry, BookEntry, Counters, DebitEntry, DisputeAct, DisputeEntry, Door, EndedBy, Faults, OpenedOrder,
    Purse, RefundEntry, SandboxConfig, SandboxError, ShareEntry, admin, notify, serve,
};

/// How an order is paid by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PayMode {
    /// As a payer would: only while the order is open and its last moment has not passed.
    Normal,
    /// As `normal`, but the merchant is never notified.
    Silent,
    /// Even after the close or the last moment: money that was in flight.
    Late,
    /// Takes money even when the order is paid: a double charge, to see whether it is found.
    Again,
    /// An attempt that fails; the payer tries again and then pays.
    Fail,
}

/// A running sandbox. Dropping it ends it as [`Sandbox::stop`] does, without waiting.
pub struct Sandbox {
    address: SocketAddr,
    pub(crate) world: Arc<Shared>,
    tasks: JoinSet<()>,
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Starts a sandbox on the current tokio runtime.
///
/// # Errors
/// When the address cannot be listened on, a merchant's key is damaged or a merchant is given twice.
pub async fn start(config: SandboxConfig) -> Result<Sandbox, SandboxError> {
    let listen = config.listen;
    let refused = |source| SandboxError::Listen { address: listen, source };
    let client = notify::client()?;
    let (outbox, inbox) = mpsc::unbounded_channel();
    let world = Arc::new(Shared::new(config, outbox)?);
    let listener = TcpListener::bind(listen).await.map_err(refused)?;
    let address = listener.local_addr().map_err(refused)?;

    let router = Router::new().nest("/_sandbox", admin::router()).merge(routes()).with_state(world.clone());
    let mut tasks = JoinSet::new();
    tasks.spawn(serve::run(listener, router));
    tasks.spawn(notify::run(world.clone(), client, inbox));
    let timed = world.clone();
    tasks.spawn(async move { timed.timers.run(&timed.pace, |due| timed.fire(due)).await });
    Ok(Sandbox { address, world, tasks })
}

impl Sandbox {
    /// `http://` and the address, without a slash at the end: the channel's host.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The channel's books, in the order of creation.
    pub fn books(&self) -> Vec<BookEntry> {
        self.world.orders().entries(self.world.pace.now_ms())
    }

    /// The channel's books of refunds, in the order of their acceptance.
    pub fn refunds(&self) -> Vec<RefundEntry> {
        self.world.orders().refunds.entries()
    }

    /// The channels' books of shares, in the order of the calls.
    pub fn shares(&self) -> Vec<ShareEntry> {
        self.world.share_entries()
    }

    /// The channels' agreements, in the order in which payers were shown them.
    pub fn agreements(&self) -> Vec<AgreementEntry> {
        self.world.orders().agreements.entries()
    }

    /// Every call for a debit under an agreement that reached a channel, in the order of arrival.
    pub fn debits(&self) -> Vec<DebitEntry> {
        self.world.orders().agreements.debits.clone()
    }

    /// The payer signs what he was shown, now. `account`: the merchant's number on the channel; `agreement`: the
    /// merchant's number of the agreement.
    ///
    /// # Errors
    /// A sentence that says why there is nothing to sign.
    pub fn sign(&self, account: &str, agreement: &str) -> Result<(), &'static str> {
        self.world.sign_number(Some(account), agreement)
    }

    /// Ends an agreement: the payer in the channel's app, or its time is over.
    ///
    /// # Errors
    /// A sentence that says why there is nothing to end.
    pub fn end_agreement(&self, account: &str, agreement: &str, by: EndedBy) -> Result<(), &'static str> {
        self.world.end_number(Some(account), agreement, by)
    }

    /// What the payer's purse holds from now on, whatever was drawn.
    ///
    /// # Errors
    /// When there is no such agreement, or it is over.
    pub fn set_purse(&self, account: &str, agreement: &str, purse: Purse) -> Result<(), &'static str> {
        self.world.set_purse_of(Some(account), agreement, purse)
    }

    /// What happened so far.
    pub fn counters(&self) -> Counters {
        self.world.counters()
    }

    /// Changes what goes wrong from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.world.set_faults(faults);
    }

    /// During an outage every request's connection breaks and notifications fail.
    pub fn set_outage(&self, on: bool) {
        self.world.set_outage(on);
    }

    /// Pays an order by hand. `account`: the merchant's number on the order's channel.
    ///
    /// # Errors
    /// A sentence that says why the order cannot be paid in this mode.
    pub fn pay(&self, account: &str, out_trade_no: &str, mode: PayMode) -> Result<(), &'static str> {
        self.world.pay_number(Some(account), out_trade_no, mode)
    }

    /// A payer's device opens what the merchant gave the payer to pay with; the payer's behaviour follows. An
    /// order that is opened again is the same order, and its payer acts once.
    ///
    /// # Errors
    /// A sentence that says why it cannot be opened, such as the channel's refusal.
    pub fn open(&self, door: &Door) -> Result<OpenedOrder, String> {
        self.world.open(door)
    }

    /// Where Stripe sends this account's messages from now on.
    ///
    /// # Errors
    /// When there is no such account.
    pub fn set_stripe_endpoint(&self, account: &str, url: &str) -> Result<(), &'static str> {
        self.world.stripe.account(account).ok_or("there is no such account")?.set_endpoint(url);
        Ok(())
    }

    /// A payer's complaint about an order on Stripe, or its end.
    ///
    /// # Errors
    /// A sentence that says why that is not possible.
    pub fn dispute(&self, account: &str, out_trade_no: &str, act: DisputeAct) -> Result<(), &'static str> {
        self.world.dispute_number(Some(account), out_trade_no, act)
    }

    /// All complaints of payers, in the order of their orders.
    pub fn disputes(&self) -> Vec<DisputeEntry> {
        self.world.dispute_entries()
    }

    /// Makes a new platform certificate of WeChat that signs from now on, while the one before stays valid;
    /// gives its serial. Takes a moment, as an RSA key is made.
    ///
    /// # Errors
    /// When the cryptographic library fails.
    pub async fn rotate_certificate(&self) -> Result<String, SandboxError> {
        let world = self.world.clone();
        tokio::task::spawn_blocking(move || world.wechat.rotate_certificate(world.pace.now_ms()))
            .await
            .unwrap_or(Err(SandboxError::Crypto("issuing a platform certificate")))
    }

    /// Makes a new certificate of Alipay that signs from now on, while the one before stays valid; gives the
    /// digest that names it.
    ///
    /// # Errors
    /// When the cryptographic library fails.
    pub async fn rotate_alipay_certificate(&self) -> Result<String, SandboxError> {
        let world = self.world.clone();
        tokio::task::spawn_blocking(move || world.alipay.rotate_certificate(world.pace.now_ms()))
            .await
            .unwrap_or(Err(SandboxError::Crypto("issuing a certificate of Alipay")))
    }

    /// Makes a new certificate of UnionPay, of the same authority, that signs from now on; gives its serial in
    /// decimal. Merchants need not be told: every message carries the certificate.
    ///
    /// # Errors
    /// When the cryptographic library fails.
    pub async fn rotate_unionpay_certificate(&self) -> Result<String, SandboxError> {
        let world = self.world.clone();
        tokio::task::spawn_blocking(move || world.unionpay.rotate_certificate())
            .await
            .unwrap_or(Err(SandboxError::Crypto("issuing a certificate of the network")))
    }

    /// Breaks all connections, stops all payers and notifications.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
    }
}
