//! A dry run: it knows what a day's bills would come to, and must never write.

use std::collections::BTreeMap;

use bursar_channels::{BillRequest, Fetched, Outcome};
use bursar_core::bank::Day;
use bursar_core::merchant::ChannelAccount;
use bursar_core::reconcile::{BillKind, BreakKind, Difference, Reconciliation, Verdict};
use uuid::Uuid;

use super::Work;
use super::batch::BATCH;
use super::examine::{Fate, Page, examine};
use crate::JobContext;
use crate::observe::JobError;

/// Most differences that are named.
const NAMED: usize = 100;

/// What a day's bills would come to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Preview {
    /// Lines of bills.
    pub lines: u64,
    /// Of them those that agree with our books.
    pub agreed: u64,
    /// Of them those that our books would be mended by.
    pub mended: u64,
    /// Differences by kind, those that would be mended included.
    pub found: BTreeMap<BreakKind, u64>,
    /// The first of them, with the number that people look for.
    pub differences: Vec<(String, Difference)>,
    /// What kept a bill from being looked at.
    pub notes: Vec<String>,
}

/// Fetches the bills of `account` for `day` and looks at them beside our books. Writes nothing.
///
/// # Errors
/// When our own side failed.
pub async fn preview(context: &JobContext, account: &ChannelAccount, day: Day) -> Result<Preview, JobError> {
    let (channel, _) = context.channel(account.id).await?;
    let run = Reconciliation::beginning(account, day, context.now());
    let work = Work {
        context,
        entries: context.entries().await?,
        account: std::sync::Arc::new(account.clone()),
        channel,
        run,
    };
    let mut preview = Preview::default();
    for kind in account.channel.bills() {
        work.look_at(*kind, &mut preview).await?;
    }
    Ok(preview)
}

impl Work<'_> {
    async fn look_at(&self, kind: BillKind, preview: &mut Preview) -> Result<(), JobError> {
        let request = BillRequest { kind, day: self.run.day };
        let file = match self.channel.fetch_bill(request).await {
            Outcome::Done(Fetched::Ready(file)) => file,
            Outcome::Done(Fetched::Empty) => {
                preview.notes.push(format!("the channel has no {kind} bill of that day: nothing happened"));
                return Ok(());
            }
            Outcome::Done(Fetched::NotReady(words)) => {
                preview.notes.push(format!("the {kind} bill is not made yet: {words}"));
                return Ok(());
            }
            Outcome::Refused(refusal) => {
                preview.notes.push(format!("the {kind} bill was refused: {refusal}"));
                return Ok(());
            }
            Outcome::Unknown(why) => {
                preview.notes.push(format!("the {kind} bill was not fetched: {why}"));
                return Ok(());
            }
        };
        // No bill that is kept has this id: every line is looked at as a new one would be.
        let (id, fees) = (bursar_core::id::BillId(Uuid::nil()), self.channel.fees());
        let page = Page { bill: id, account: self.account.id, kind, day: self.run.day, issue: i32::MAX, fees };
        let mut lines = match self.channel.read_bill(request, &file) {
            Ok(lines) => lines,
            Err(error) => {
                preview.notes.push(format!("the {kind} bill cannot be used: {error}"));
                return Ok(());
            }
        };
        let before = preview.clone();
        loop {
            let mut batch = Vec::with_capacity(BATCH);
            while batch.len() < BATCH {
                match lines.next() {
                    Ok(Some(line)) => batch.push(line),
                    Ok(None) => break,
                    Err(error) => {
                        *preview = before;
                        preview.notes.push(format!("the {kind} bill cannot be used: {error}"));
                        return Ok(());
                    }
                }
            }
            if batch.is_empty() {
                return Ok(());
            }
            let looked = examine(self.context.desk.gatherer.store().as_ref(), &page, batch).await?;
            looked.seen.iter().for_each(|seen| {
                preview.lines += 1;
                let number = if seen.line.number.is_empty() { &seen.line.channel_id } else { &seen.line.number };
                let (found, mended) = match &seen.fate {
                    Fate::Taken | Fate::ToldAgain(_) | Fate::Judged(Verdict::Agrees | Verdict::Told) => (None, false),
                    Fate::Twice(found) | Fate::Judged(Verdict::Differs(found)) => (Some(found), false),
                    Fate::Judged(
                        Verdict::Mends { found, .. }
                        | Verdict::Recovers { found, .. }
                        | Verdict::RecoversRefund { found, .. },
                    ) => (Some(found), true),
                };
                preview.agreed += u64::from(found.is_none() && seen.fee.is_none());
                preview.mended += u64::from(mended);
                for found in found.into_iter().chain(&seen.fee) {
                    *preview.found.entry(found.kind).or_default() += 1;
                    if preview.differences.len() < NAMED {
                        preview.differences.push((number.clone(), found.clone()));
                    }
                }
            });
        }
    }
}
