//! Bills that a person brings: it knows how one is kept as a fetched one would be, and must never fetch.

use bursar_channels::{BillError, BillFile, BillRequest};
use bursar_core::merchant::ChannelAccount;
use bursar_core::reconcile::{Bill, Reconciliation};

use super::Work;
use crate::JobContext;
use crate::observe::JobError;

/// Keeps a bill's file that a person brought, as the next issue of its day; the reconciliation of that day takes it
/// in. The same file again is the same bill. Nothing of a file that cannot be used is kept.
///
/// # Errors
/// When our own side failed.
pub async fn import(
    context: &JobContext,
    account: &ChannelAccount,
    request: BillRequest,
    file: BillFile,
    by: &str,
) -> Result<Result<Bill, BillError>, JobError> {
    let (channel, _) = context.channel(account.id).await?;
    let run = Reconciliation::beginning(account, request.day, context.now());
    let account = std::sync::Arc::new(account.clone());
    let mut work = Work { context, entries: context.entries().await?, account, channel, run };
    work.keep(request, file, by).await
}
