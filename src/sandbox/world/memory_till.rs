//! Cash in a simulated history: it has none, and says so.

use async_trait::async_trait;
use bursar_core::cash::{Collection, Drawer, HandIn, Payout};
use bursar_core::id::{ChannelAccountId, CollectionId, HandInId, LegId, PaymentId};
use bursar_store::{Contents, HandInFilter, Result, Till};

use super::memory::Memory;

#[async_trait]
impl Till for Memory {
    async fn collection(&self, _: CollectionId) -> Result<Option<Collection>> {
        Ok(None)
    }

    async fn collections_of(&self, _: PaymentId) -> Result<Vec<Collection>> {
        Ok(Vec::new())
    }

    async fn drawer(&self, _: ChannelAccountId, _: Option<&str>) -> Result<Contents> {
        Ok(Contents::default())
    }

    async fn drawers(&self, _: ChannelAccountId) -> Result<Vec<Drawer>> {
        Ok(Vec::new())
    }

    async fn hand_in(&self, _: HandInId) -> Result<Option<HandIn>> {
        Ok(None)
    }

    async fn taken_by(&self, _: HandInId) -> Result<Contents> {
        Ok(Contents::default())
    }

    async fn hand_ins(&self, _: &HandInFilter) -> Result<Vec<HandIn>> {
        Ok(Vec::new())
    }

    async fn payout_of(&self, _: LegId) -> Result<Option<Payout>> {
        Ok(None)
    }
}
