//! Books in a simulated history: movements are kept as the real stores keep them; bills, and what follows from them,
//! it has none of, and says so.

use async_trait::async_trait;
use bursar_core::Timestamp;
use bursar_core::bank::Day;
use bursar_core::id::{BillId, BreakId, ChannelAccountId, MerchantId, ReconciliationId};
use bursar_core::reconcile::{Bill, Break, BreakKind, BreakState, LegSide, Movement, PaymentSide, Reconciliation};
use bursar_store::{BillLineRow, Books, BreakFilter, Change, DayFilter, Result, StoreError, ToldLine};
use uuid::Uuid;

use super::memory::Memory;
use super::tables::Tables;

impl Tables {
    /// Writes the movements of `change`, each once.
    pub fn write_movements(&mut self, change: &Change) {
        for movement in &change.books.movements {
            self.movements.entry((movement.subject, movement.kind)).or_insert(*movement);
        }
    }
}

#[async_trait]
impl Books for Memory {
    async fn movements_of(&self, subjects: &[Uuid]) -> Result<Vec<(Movement, bool)>> {
        let wanted = subjects.to_vec();
        let find = move |s: &mut super::state::State| {
            let rows = s.tables.movements.values().filter(|m| wanted.contains(&m.subject));
            rows.map(|m| (*m, false)).collect()
        };
        self.world.database(self.pid, "read movements", find).await
    }

    async fn unmatched_movements(
        &self,
        _: ChannelAccountId,
        _: (Day, Day),
        _: Option<Uuid>,
        _: u32,
    ) -> Result<Vec<Movement>> {
        Ok(Vec::new())
    }

    async fn unmatched_transfers(&self, _: MerchantId, _: (Day, Day), _: u32) -> Result<Vec<Movement>> {
        Ok(Vec::new())
    }

    async fn payment_sides(&self, _: &[Uuid]) -> Result<Vec<PaymentSide>> {
        Ok(Vec::new())
    }

    async fn leg_sides(&self, _: &[Uuid]) -> Result<Vec<LegSide>> {
        Ok(Vec::new())
    }

    async fn put_bill_part(&self, _: BillId, _: i32, _: Vec<u8>) -> Result<()> {
        Err(StoreError::Misuse("a simulated history has no bills".to_owned()))
    }

    async fn bill_part(&self, _: BillId, _: i32) -> Result<Option<Vec<u8>>> {
        Ok(None)
    }

    async fn bill(&self, _: BillId) -> Result<Option<Bill>> {
        Ok(None)
    }

    async fn bills(&self, _: &DayFilter) -> Result<Vec<Bill>> {
        Ok(Vec::new())
    }

    async fn bill_lines(&self, _: BillId, _: u32, _: u32) -> Result<Vec<BillLineRow>> {
        Ok(Vec::new())
    }

    async fn lines_about(&self, _: ChannelAccountId, _: &[Uuid]) -> Result<Vec<ToldLine>> {
        Ok(Vec::new())
    }

    async fn lines_numbered(&self, _: ChannelAccountId, _: &[String]) -> Result<Vec<ToldLine>> {
        Ok(Vec::new())
    }

    async fn captures_numbered(&self, _: ChannelAccountId, _: &[String]) -> Result<Vec<ToldLine>> {
        Ok(Vec::new())
    }

    async fn lines_withdrawn(&self, _: &Bill, _: u32) -> Result<Vec<ToldLine>> {
        Ok(Vec::new())
    }

    async fn open_payouts(&self, _: ChannelAccountId, _: Day, _: u32) -> Result<Vec<Movement>> {
        Ok(Vec::new())
    }

    async fn reconciliation(&self, _: ReconciliationId) -> Result<Option<Reconciliation>> {
        Ok(None)
    }

    async fn reconciliations(&self, _: &DayFilter) -> Result<Vec<Reconciliation>> {
        Ok(Vec::new())
    }

    async fn stuck_reconciliations(&self, _: Timestamp, _: u32) -> Result<Vec<(ReconciliationId, MerchantId)>> {
        Ok(Vec::new())
    }

    async fn reconciliations_under_way(&self, _: u32) -> Result<Vec<Reconciliation>> {
        Ok(Vec::new())
    }

    async fn breaks_of(&self, _: &[BreakId]) -> Result<Vec<Break>> {
        Ok(Vec::new())
    }

    async fn breaks(&self, _: &BreakFilter) -> Result<Vec<Break>> {
        Ok(Vec::new())
    }

    async fn break_counts(&self) -> Result<Vec<(BreakKind, BreakState, u64)>> {
        Ok(Vec::new())
    }
}
