//! Shares of orders in a simulated history: it knows their rows as the real stores do, and must never know what is to
//! be done with one.

use async_trait::async_trait;
use bursar_core::id::OrderId;
use bursar_core::sharing::Sharing;
use bursar_store::{Change, Result, Sharings};

use super::memory::{Memory, some};
use super::tables::Tables;

impl Tables {
    /// Whether shares in `change` have moved on, or are there already.
    pub fn sharings_moved(&self, change: &Change) -> bool {
        let version = |s: &Sharing| self.sharings.get(&s.order).map_or(0, |row| row.version);
        change.sharings.iter().any(|s| version(s) != s.version)
    }

    /// Writes the shares of `change`.
    pub fn write_sharings(&mut self, change: &Change) {
        for sharing in &change.sharings {
            self.sharings.insert(sharing.order, Sharing { version: sharing.version + 1, ..sharing.clone() });
        }
    }
}

#[async_trait]
impl Sharings for Memory {
    async fn sharing(&self, order: OrderId) -> Result<Option<Sharing>> {
        self.world.database(self.pid, "read shares", |s| s.tables.sharings.get(&order).cloned()).await
    }
    async fn sharings_after(&self, after: Option<OrderId>, limit: u32) -> Result<Vec<Sharing>> {
        let found = |s: &mut super::state::State| {
            let later = s.tables.sharings.values().filter(|row| after.is_none_or(|id| row.order > id));
            later.take(some(limit)).cloned().collect()
        };
        self.world.database(self.pid, "read shares", found).await
    }
}
