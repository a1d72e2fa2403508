//! What every job may use. It knows the rooms downstairs, and must never know who wakes a job.

use std::sync::Arc;

use bursar_channels::{Adapters, Channel, Teller};
use bursar_core::Timestamp;
use bursar_core::channel::ChannelKind;
use bursar_core::id::{ChannelAccountId, LegId, PaymentId};
use bursar_core::order::{Dossier, Order};
use bursar_core::payment::Payment;
use bursar_core::refund::{Leg, Refund};
use bursar_store::directory::Entries;
use bursar_store::{Desk, Retention};

use crate::observe::JobError;

/// Everything that jobs work with.
#[derive(Clone, Debug)]
pub struct JobContext {
    /// Reads and writes.
    pub desk: Desk,
    /// The channels' adapters.
    pub channels: Arc<dyn Adapters>,
    /// Webhooks out.
    pub merchants: Arc<dyn Teller>,
    /// Settings.
    pub settings: Arc<JobSettings>,
}

/// Settings of jobs.
#[derive(Clone, Debug)]
pub struct JobSettings {
    /// Where channels reach us, without a slash at the end: notifications go to
    /// `{public_url}/notify/{channel}/{account}`.
    pub public_url: String,
    /// The sweep gives a payment its job back when it has been overdue for so long, in milliseconds.
    pub sweep_grace_ms: i64,
    /// Most payments per sweep run.
    pub sweep_limit: u32,
    /// Most rows of each kind per prune run.
    pub prune_limit: u32,
    /// How long ended rows are kept, in milliseconds.
    pub keep_idempotency_ms: i64,
    /// See above.
    pub keep_deliveries_ms: i64,
    /// See above.
    pub keep_notifications_ms: i64,
    /// When the recurring housekeeping jobs run next.
    pub housekeeping: Arc<dyn Housekeeping>,
}

/// When recurring jobs are due: answered by the schedules, which live upstairs.
pub trait Housekeeping: Send + Sync + std::fmt::Debug {
    /// The next instant after `after` at which `kind` is due.
    fn next(&self, kind: bursar_core::job::JobKind, after: Timestamp) -> Timestamp;
}

/// A payment with its order and the adapter of its channel.
pub(crate) struct Subject {
    pub dossier: Dossier,
    pub payment: Payment,
    pub channel: Arc<dyn Channel>,
    pub facts: bursar_core::channel::ChannelFacts,
}

/// A leg of a refund with its surroundings and the adapter of its channel.
pub(crate) struct LegSubject {
    pub dossier: Dossier,
    pub refund: Refund,
    pub leg: Leg,
    pub payment: Payment,
    pub channel: Arc<dyn Channel>,
    pub facts: bursar_core::channel::ChannelFacts,
}

impl LegSubject {
    /// The same after something was written.
    pub(crate) fn renewed(&mut self, dossier: Dossier) -> Option<()> {
        let (refund, leg) = dossier.leg(self.leg.id).map(|(r, l)| (r.clone(), l.clone()))?;
        self.payment = dossier.payment(leg.payment)?.clone();
        (self.refund, self.leg, self.dossier) = (refund, leg, dossier);
        Some(())
    }
}

impl Subject {
    pub(crate) fn order(&self) -> &Order {
        &self.dossier.order
    }
}

impl JobContext {
    /// The present instant.
    pub fn now(&self) -> Timestamp {
        self.desk.clock.now()
    }

    /// Merchants, accounts and endpoints.
    pub(crate) async fn entries(&self) -> Result<Arc<Entries>, JobError> {
        Ok(self.desk.directory.entries().await?)
    }

    /// The adapter of an account.
    pub(crate) async fn channel(
        &self,
        account: ChannelAccountId,
    ) -> Result<(Arc<dyn Channel>, bursar_core::channel::ChannelFacts), JobError> {
        let entries = self.desk.directory.entries_with(|e| e.accounts.contains_key(&account)).await?;
        let account = entries
            .accounts
            .get(&account)
            .ok_or_else(|| JobError::Configuration(format!("channel account {account} does not exist")))?;
        let channel = self.channels.adapter(account).map_err(JobError::Configuration)?;
        Ok((channel, account.facts()))
    }

    /// The payment that a job is about; `None` when there is none (any more).
    pub(crate) async fn subject(&self, id: PaymentId) -> Result<Option<Subject>, JobError> {
        let Some(dossier) = self.desk.gatherer.dossier_of(id).await? else { return Ok(None) };
        let Some(payment) = dossier.payment(id).cloned() else { return Ok(None) };
        let (channel, facts) = self.channel(payment.account).await?;
        Ok(Some(Subject { dossier, payment, channel, facts }))
    }

    /// The leg that a job is about; `None` when there is none.
    pub(crate) async fn leg(&self, id: LegId) -> Result<Option<LegSubject>, JobError> {
        let Some(dossier) = self.desk.gatherer.dossier_of_leg(id).await? else { return Ok(None) };
        let Some((refund, leg)) = dossier.leg(id).map(|(r, l)| (r.clone(), l.clone())) else { return Ok(None) };
        let Some(payment) = dossier.payment(leg.payment).cloned() else { return Ok(None) };
        let (channel, facts) = self.channel(payment.account).await?;
        Ok(Some(LegSubject { dossier, refund, leg, payment, channel, facts }))
    }

    /// Where a payment's channel shall send its notifications.
    pub(crate) fn notify_url(&self, payment: &Payment) -> String {
        self.notify_url_of(payment.method.channel(), payment.account)
    }

    /// Where a channel shall send what it has to say to an account.
    pub(crate) fn notify_url_of(&self, channel: ChannelKind, account: ChannelAccountId) -> String {
        format!("{}/notify/{}/{account}", self.settings.public_url, channel.name())
    }

    /// Up to which instants ended rows may be deleted.
    pub(crate) fn retention(&self) -> Retention {
        let ago = |ms: i64| self.now().plus_ms(-ms);
        Retention {
            idempotency_before: ago(self.settings.keep_idempotency_ms),
            delivery_before: ago(self.settings.keep_deliveries_ms),
            notification_before: ago(self.settings.keep_notifications_ms),
        }
    }
}
