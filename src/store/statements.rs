//! What is asked of a database about statements of banks: it knows the questions, and must never know how they
//! are answered.

use async_trait::async_trait;
use bursar_core::bank::{LineRow, StatementRow};
use bursar_core::id::{ChannelAccountId, LineId, MerchantId, PaymentId, StatementId};
use bursar_core::observation::Subject;
use bursar_core::{Money, Timestamp};
use uuid::Uuid;

use crate::dialect::Dialect;
use crate::read::bank;
use crate::{LikeLine, LineFilter, Result};

/// Statements and their lines. They are written by [`crate::Change`] and never deleted: they are books.
#[async_trait]
pub trait Statements: Send + Sync {
    /// Statements of an account that were received before this one (time and id of the last page's end), newest
    /// first.
    async fn statements(
        &self,
        account: ChannelAccountId,
        before: Option<(Timestamp, StatementId)>,
        limit: u32,
    ) -> Result<Vec<StatementRow>>;
    /// The statement at this place of the file with this digest, when the account has taken it in.
    async fn statement_of_file(
        &self,
        account: ChannelAccountId,
        digest: &[u8],
        ordinal: i32,
    ) -> Result<Option<StatementRow>>;
    /// Identity and identity as a whole of those lines of the account that have one of `identities` as either;
    /// at most 5000.
    async fn lines_known(
        &self,
        account: ChannelAccountId,
        identities: &[String],
    ) -> Result<Vec<(String, Option<String>)>>;
    /// One line.
    async fn line(&self, id: LineId) -> Result<Option<LineRow>>;
    /// Lines; unknown ids are left out.
    async fn lines_by_ids(&self, ids: &[LineId]) -> Result<Vec<LineRow>>;
    /// Lines that match, by id, at most `filter.limit`.
    async fn lines(&self, filter: &LineFilter) -> Result<Vec<LineRow>>;
    /// Lines that were given to a payment, leg or line (the 128 bits of its id), in the order in which they were
    /// seen.
    async fn lines_of(&self, subject: Uuid, limit: u32) -> Result<Vec<LineRow>>;
    /// Lines like another, those booked last first.
    async fn lines_like(&self, like: &LikeLine) -> Result<Vec<LineRow>>;
    /// A merchant's payments and legs that have one of `references`; at most 100.
    async fn by_reference(&self, merchant: MerchantId, references: &[String]) -> Result<Vec<(String, Subject)>>;
    /// Payments by transfer of exactly this amount that have not ended, created at or after `since`, oldest
    /// first.
    async fn open_transfers(
        &self,
        account: ChannelAccountId,
        amount: Money,
        since: Timestamp,
        limit: u32,
    ) -> Result<Vec<PaymentId>>;
    /// Lines seen before `before` to which a job owes something and that have none (not even a parked one),
    /// oldest first, with their merchant.
    async fn stuck_lines(&self, before: Timestamp, limit: u32) -> Result<Vec<(LineId, MerchantId)>>;
}

#[async_trait]
impl<D: Dialect> Statements for D {
    async fn statements(
        &self,
        account: ChannelAccountId,
        before: Option<(Timestamp, StatementId)>,
        limit: u32,
    ) -> Result<Vec<StatementRow>> {
        bank::statements(self, account, before, limit).await
    }
    async fn statement_of_file(
        &self,
        account: ChannelAccountId,
        digest: &[u8],
        ordinal: i32,
    ) -> Result<Option<StatementRow>> {
        bank::statement_of_file(self, account, digest, ordinal).await
    }
    async fn lines_known(
        &self,
        account: ChannelAccountId,
        identities: &[String],
    ) -> Result<Vec<(String, Option<String>)>> {
        bank::lines_known(self, account, identities).await
    }
    async fn line(&self, id: LineId) -> Result<Option<LineRow>> {
        Ok(bank::lines_by_ids(self, &[id]).await?.pop())
    }
    async fn lines_by_ids(&self, ids: &[LineId]) -> Result<Vec<LineRow>> {
        bank::lines_by_ids(self, ids).await
    }
    async fn lines(&self, filter: &LineFilter) -> Result<Vec<LineRow>> {
        bank::lines(self, filter).await
    }
    async fn lines_of(&self, subject: Uuid, limit: u32) -> Result<Vec<LineRow>> {
        bank::lines_of(self, subject, limit).await
    }
    async fn lines_like(&self, like: &LikeLine) -> Result<Vec<LineRow>> {
        bank::lines_like(self, like).await
    }
    async fn by_reference(&self, merchant: MerchantId, references: &[String]) -> Result<Vec<(String, Subject)>> {
        bank::by_reference(self, merchant, references).await
    }
    async fn open_transfers(
        &self,
        account: ChannelAccountId,
        amount: Money,
        since: Timestamp,
        limit: u32,
    ) -> Result<Vec<PaymentId>> {
        bank::open_transfers(self, account, amount, since, limit).await
    }
    async fn stuck_lines(&self, before: Timestamp, limit: u32) -> Result<Vec<(LineId, MerchantId)>> {
        bank::stuck_lines(self, before, limit).await
    }
}
