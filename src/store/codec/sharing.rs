//! Shares: it knows their columns and JSON texts, and must never know which database they come from.

use std::collections::BTreeMap;

use bursar_core::id::{ChannelAccountId, MerchantId, OrderId, PaymentId};
use bursar_core::sharing::{CallEvidence, Ended, SharePart, ShareReturn, Sharing};
use serde::{Deserialize, Serialize};

use super::{Reading, to_json};
use crate::Result;
use crate::value::Record;

/// What changes of a sharing.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Course {
    #[serde(default)]
    share: CallEvidence,
    #[serde(default)]
    unfreeze: CallEvidence,
    #[serde(default)]
    ended: BTreeMap<u8, Ended>,
    #[serde(default)]
    returns: Vec<ShareReturn>,
}

/// A sharing's column `course`.
pub fn course_json(sharing: &Sharing) -> Result<String> {
    to_json(&Course {
        share: sharing.share.clone(),
        unfreeze: sharing.unfreeze.clone(),
        ended: sharing.ended.clone(),
        returns: sharing.returns.clone(),
    })
}

/// An order's column `shares`.
pub fn shares_json(shares: &[SharePart]) -> Result<Option<String>> {
    if shares.is_empty() { Ok(None) } else { to_json(&shares).map(Some) }
}

/// A row of `sharing`.
pub fn sharing(record: &Record) -> Result<Sharing> {
    let row = Reading { record, table: "sharing" };
    let Course { share, unfreeze, ended, returns } = row.json("course")?;
    let currency: String = row.get("currency")?;
    Ok(Sharing {
        order: OrderId(row.get("order_id")?),
        payment: PaymentId(row.get("payment")?),
        merchant: MerchantId(row.get("merchant")?),
        account: ChannelAccountId(row.get("account")?),
        currency: currency.parse().map_err(|e: String| record.corrupt("sharing", "currency", e))?,
        lines: row.json("lines")?,
        share,
        unfreeze,
        ended,
        returns,
        version: row.get("version")?,
        created_at: row.time("created_at")?,
    })
}
