//! Statements of banks in a simulated history: it has none, and says so; nothing waits for one.

use async_trait::async_trait;
use bursar_core::bank::{LineRow, StatementRow};
use bursar_core::id::{ChannelAccountId, LineId, MerchantId, PaymentId, StatementId};
use bursar_core::observation::Subject;
use bursar_core::{Money, Timestamp};
use bursar_store::{LikeLine, LineFilter, Result, Statements};
use uuid::Uuid;

use super::memory::{Memory, has_not};

#[async_trait]
impl Statements for Memory {
    async fn statements(
        &self,
        _: ChannelAccountId,
        _: Option<(Timestamp, StatementId)>,
        _: u32,
    ) -> Result<Vec<StatementRow>> {
        Ok(Vec::new())
    }

    async fn statement_of_file(&self, _: ChannelAccountId, _: &[u8], _: i32) -> Result<Option<StatementRow>> {
        Ok(None)
    }

    async fn lines_known(&self, _: ChannelAccountId, _: &[String]) -> Result<Vec<(String, Option<String>)>> {
        Ok(Vec::new())
    }

    async fn line(&self, _: LineId) -> Result<Option<LineRow>> {
        Ok(None)
    }

    async fn lines_by_ids(&self, _: &[LineId]) -> Result<Vec<LineRow>> {
        Ok(Vec::new())
    }

    async fn lines(&self, _: &LineFilter) -> Result<Vec<LineRow>> {
        Ok(Vec::new())
    }

    async fn lines_of(&self, _: Uuid, _: u32) -> Result<Vec<LineRow>> {
        Ok(Vec::new())
    }

    async fn lines_like(&self, _: &LikeLine) -> Result<Vec<LineRow>> {
        Ok(Vec::new())
    }

    async fn by_reference(&self, _: MerchantId, _: &[String]) -> Result<Vec<(String, Subject)>> {
        has_not("references")
    }

    async fn open_transfers(&self, _: ChannelAccountId, _: Money, _: Timestamp, _: u32) -> Result<Vec<PaymentId>> {
        has_not("references")
    }

    async fn stuck_lines(&self, _: Timestamp, _: u32) -> Result<Vec<(LineId, MerchantId)>> {
        Ok(Vec::new())
    }
}
