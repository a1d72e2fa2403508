//! The jobs: a file per job. They know the sequence *load, ask the channel, observe, commit*, and must
//! never know how a job is stored, claimed or retried after a crash.
//!
//! Each file reads like its neighbour: what its subject is, what it must not do, and `run`. Everything
//! that a run learns goes through [`bursar_store::Desk::observe`]; how it goes on is its [`Outcome`].
//!
//! To add a job, touch exactly: `src/core/job.rs` (its kind), a new file here, and [`run`] below.

mod ask;
pub mod capture_payment;
pub mod close_payment;
mod context;
pub mod create_payment;
pub mod deliver_webhook;
pub mod expire_order;
pub mod fire_schedule;
pub mod follow_agreement;
pub mod follow_plan;
pub mod handle_notification;
pub mod match_statement_line;
mod observe;
pub mod plan_reconciliations;
pub mod poll_payment;
mod poll_refund;
pub mod prove_day;
pub mod prune;
pub mod reconcile;
pub mod self_test;
pub mod send_refund;
pub mod settle_late_money;
pub mod share_payment;
pub mod sweep_stuck;
pub mod watch_payment;

use bursar_core::job::JobKind;

pub use context::{Housekeeping, JobContext, JobSettings};
pub use observe::{JobError, Outcome, Running};

/// Runs one claimed job.
///
/// # Errors
/// When our own side failed (database, configuration): the run ended badly and is tried again with
/// back-off. What a *channel* does is never an error here, but an observation.
pub async fn run(context: &JobContext, job: &Running) -> Result<Outcome, JobError> {
    match job.claimed.key.kind {
        JobKind::CreatePayment => create_payment::run(context, job).await,
        JobKind::HandleNotification => handle_notification::run(context, job).await,
        JobKind::PollPayment => poll_payment::run(context, job).await,
        JobKind::ClosePayment => close_payment::run(context, job).await,
        JobKind::WatchPayment => watch_payment::run(context, job).await,
        JobKind::SendRefund => send_refund::run(context, job).await,
        JobKind::PollRefund => poll_refund::run(context, job).await,
        JobKind::SettleLateMoney => settle_late_money::run(context, job).await,
        JobKind::CapturePayment => capture_payment::run(context, job).await,
        JobKind::ExpireOrder => expire_order::run(context, job).await,
        JobKind::MatchStatementLine => match_statement_line::run(context, job).await,
        JobKind::FireSchedule => fire_schedule::run(context, job).await,
        JobKind::DeliverWebhook => deliver_webhook::run(context, job).await,
        JobKind::SweepStuck => sweep_stuck::run(context, job).await,
        JobKind::Prune => prune::run(context, job).await,
        JobKind::ProveDay => prove_day::run(context, job).await,
        JobKind::PlanReconciliations => plan_reconciliations::run(context, job).await,
        JobKind::Reconcile => reconcile::run(context, job).await,
        JobKind::SelfTest => self_test::run(context, job).await,
        JobKind::SharePayment => share_payment::run(context, job).await,
        JobKind::FollowAgreement => follow_agreement::run(context, job).await,
        JobKind::FollowPlan => follow_plan::run(context, job).await,
    }
}
