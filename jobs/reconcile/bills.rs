//! Getting a bill: it knows what is done with each answer of the channel, and must never look at a line.

use bursar_channels::bill::check;
use bursar_channels::{BillError, BillFile, BillRequest, Fetched, Outcome};
use bursar_core::id::BillId;
use bursar_core::money::Currency;
use bursar_core::reconcile::{Bill, BillKind, BillState, BillSums};
use bursar_store::{Answer, Change, DayFilter};
use uuid::Uuid;

use super::Work;
use crate::observe::JobError;

/// Bytes of one part of a file in the database.
const PART_BYTES: usize = 256 * 1024;
/// Most issues of the bills of one day that are looked at: channels issue one again once or twice.
const MAX_ISSUES: u32 = 200;

/// Why a bill is waited for.
pub(super) struct Wait {
    pub cause: Cause,
    pub why: String,
}

/// What kind of reason it is.
pub(super) enum Cause {
    /// The channel has not made it yet.
    NotReady,
    /// The channel gave no answer; it asks for so many milliseconds.
    NoAnswer(Option<i64>),
    /// The channel refuses it, or what it gives cannot be used.
    Wrong,
}

impl Work<'_> {
    /// The bills of this day and kind, the latest issue first.
    pub(super) async fn issues(&self, kind: BillKind) -> Result<Vec<Bill>, JobError> {
        let day = Some(self.run.day);
        let account = Some(self.account.id);
        let filter = DayFilter { account, from: day, until: day, limit: MAX_ISSUES, merchant: None };
        let mut bills = self.context.desk.gatherer.store().bills(&filter).await?;
        bills.retain(|bill| bill.kind == kind);
        bills.sort_by_key(|bill| std::cmp::Reverse(bill.issue));
        Ok(bills)
    }

    /// Fetches a bill and keeps it, unless the same file is here. `Some`: what is waited for.
    pub(super) async fn fetch(&mut self, kind: BillKind) -> Result<Option<Wait>, JobError> {
        // One that a person brought, or that was fetched before we were stopped, is taken in first.
        if self.issues(kind).await?.first().is_some_and(|bill| bill.state == BillState::Stored) {
            return Ok(None);
        }
        let request = BillRequest { kind, day: self.run.day };
        let fetched = match self.channel.fetch_bill(request).await {
            Outcome::Done(fetched) => fetched,
            Outcome::Refused(refusal) => {
                return Ok(Some(Wait { cause: Cause::Wrong, why: format!("the {kind} bill was refused: {refusal}") }));
            }
            Outcome::Unknown(why) => {
                let cause = Cause::NoAnswer(why.retry_after_ms);
                return Ok(Some(Wait { cause, why: format!("the {kind} bill was not fetched: {why}") }));
            }
        };
        match fetched {
            Fetched::NotReady(words) => {
                Ok(Some(Wait { cause: Cause::NotReady, why: format!("the {kind} bill is not made yet: {words}") }))
            }
            Fetched::Empty => self.nothing_happened(kind).await,
            Fetched::Ready(file) => match self.keep(request, file, "channel").await? {
                Ok(_) => Ok(None),
                Err(error) => {
                    let why = format!("the {kind} bill was not used: {error}");
                    Ok(Some(Wait { cause: Cause::Wrong, why }))
                }
            },
        }
    }

    /// The channel says that there is no bill. Where we know better it may just be late.
    async fn nothing_happened(&self, kind: BillKind) -> Result<Option<Wait>, JobError> {
        let day = self.run.day;
        let late = self.now() >= self.account.channel.bill_late_at(day);
        let store = self.context.desk.gatherer.store();
        let ours = store.unmatched_movements(self.account.id, (day, day), None, 1).await?;
        if kind == BillKind::Funds || late || ours.is_empty() {
            return Ok(None);
        }
        let why = format!("the channel has no {kind} bill of {day}, but our books have payments of that day");
        Ok(Some(Wait { cause: Cause::NotReady, why }))
    }

    /// Reads a file once to its end and keeps it as the next issue; the latest one when it is the same file.
    pub(super) async fn keep(
        &mut self,
        request: BillRequest,
        file: BillFile,
        source: &str,
    ) -> Result<Result<Bill, BillError>, JobError> {
        let issues = self.issues(request.kind).await?;
        if let Some(same) = issues.first().filter(|bill| bill.digest == file.digest) {
            return Ok(Ok(same.clone()));
        }
        let channel = self.channel.clone();
        let read = tokio::task::spawn_blocking(move || {
            let outcome = channel.read_bill(request, &file).and_then(checked);
            (file, outcome)
        });
        let (file, outcome) =
            read.await.map_err(|_| JobError::Configuration("the reading of a bill ended".to_owned()))?;
        let (sums, currency) = match outcome {
            Ok(read) => read,
            Err(error) => return Ok(Err(error)),
        };
        let issue = issues.first().map_or(0, |bill| bill.issue).saturating_add(1);
        let bill = Bill {
            id: bill_id(self.account.id.uuid(), request, issue, &file.digest),
            account: self.account.id,
            merchant: self.account.merchant,
            kind: request.kind,
            day: request.day,
            issue,
            digest: file.digest.clone(),
            name: file.name.clone(),
            bytes: i64::try_from(file.bytes).unwrap_or(i64::MAX),
            sums,
            news: BillSums::default(),
            currency: currency.unwrap_or(Currency::CNY),
            source: source.to_owned(),
            fetched_at: self.now(),
            state: BillState::Stored,
            taken: 0,
            version: 0,
        };
        let store = self.context.desk.gatherer.store();
        let (mut n, mut offset) = (0, 0_u64);
        while offset < file.bytes {
            let part = file.part(offset, PART_BYTES).map_err(BillError::from);
            let part = match part {
                Ok(part) => part,
                Err(error) => return Ok(Err(error)),
            };
            offset = offset.saturating_add(u64::try_from(part.len().max(1)).unwrap_or(u64::MAX));
            store.put_bill_part(bill.id, n, part).await?;
            n += 1;
        }
        let mut change = Change::default();
        change.books.new_bills.push(bill.clone());
        match self.context.desk.gatherer.commit(change).await? {
            Answer::Committed => Ok(Ok(Bill { version: 1, ..bill })),
            // Somebody else has kept one meanwhile.
            Answer::Duplicate | Answer::Stale | Answer::Fenced => {
                Ok(Ok(self.issues(request.kind).await?.into_iter().next().unwrap_or(bill)))
            }
        }
    }
}

/// What a bill's lines come to, and their currency.
fn checked(mut lines: Box<dyn bursar_channels::BillLines>) -> Result<(BillSums, Option<Currency>), BillError> {
    let Some(first) = lines.next()? else { return Ok((BillSums::default(), None)) };
    let currency = first.currency.parse().ok();
    let rest = check(lines)?;
    let one = BillSums::default().with(&first);
    let sums = BillSums {
        lines: rest.lines.saturating_add(one.lines),
        captured_minor: rest.captured_minor.saturating_add(one.captured_minor),
        refunded_minor: rest.refunded_minor.saturating_add(one.refunded_minor),
        fee_minor: rest.fee_minor.saturating_add(one.fee_minor),
        payout_minor: rest.payout_minor.saturating_add(one.payout_minor),
        other_minor: rest.other_minor.saturating_add(one.other_minor),
    };
    Ok((sums, currency))
}

/// The id of a bill: the same for the same file as the same issue of an account, kind and day.
fn bill_id(account: Uuid, request: BillRequest, issue: i32, digest: &[u8]) -> BillId {
    let mut bytes = [0_u8; 16];
    bytes.iter_mut().zip(digest).for_each(|(to, from)| *to = *from);
    let [day, issue] = [u128::from(request.day.number().unsigned_abs()), u128::from(issue.unsigned_abs())];
    let number = (issue << 64) | (day << 8) | u128::from(request.kind.code().unsigned_abs());
    BillId(Uuid::from_u128(u128::from_be_bytes(bytes) ^ account.as_u128() ^ number))
}
