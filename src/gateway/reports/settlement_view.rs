//! The settlement of days as the API shows it: it knows names of members and columns, and must never guess what is not
//! known.

use bursar_core::Timestamp;
use bursar_core::bank::Day;
use bursar_core::id::{ChannelAccountId, MerchantId};
use serde::Serialize;
use utoipa::ToSchema;

use super::table::{Cell, csv};

/// Money that a channel has paid out.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = SettlementPayout)]
pub struct PayoutView {
    /// How much, in minor units.
    pub amount_minor: i64,
    /// When it left the channel, by the channel's clock.
    #[schema(value_type = String, format = DateTime)]
    pub paid_out_at: Timestamp,
    /// The day on which the bank booked it; `null` when that is not known.
    #[schema(value_type = Option<String>, format = Date)]
    pub arrived_on: Option<Day>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub why: Option<String>,
}

/// What one channel account came to on one of its business days. Amounts in minor units.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = SettlementRow)]
pub struct SettlementRow {
    /// Whose.
    #[schema(value_type = String)]
    pub merchant: MerchantId,
    /// The account.
    #[schema(value_type = String)]
    pub account_id: ChannelAccountId,
    /// Its channel.
    #[schema(example = "wechat")]
    pub channel: &'static str,
    /// The channel's business day.
    #[schema(value_type = String, format = Date)]
    pub day: Day,
    /// ISO 4217 code.
    #[schema(example = "CNY")]
    pub currency: String,
    /// What payers paid, by our books.
    pub gross_minor: i64,
    /// What went back to them; refunds that came back are taken off.
    pub refunds_minor: i64,
    /// What went back by a person's transfer instead: other money than the channel's.
    pub refunded_elsewhere_minor: i64,
    /// What the channel kept, by its bill; `null` when that is not known.
    pub fees_minor: Option<i64>,
    /// Gross less refunds less fees; `null` while the fees are not known.
    pub net_minor: Option<i64>,
    /// Why fees and net are not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub why: Option<String>,
    /// What the day comes to by the channel's bill, to be compared with `net_minor`.
    pub bill_net_minor: Option<i64>,
    /// What the channel paid out on that day, mostly of days before.
    pub paid_out_minor: i64,
    /// The same one by one.
    pub payouts: Vec<PayoutView>,
}

/// The settlement of days.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Settlement)]
pub struct SettlementView {
    /// The first business day.
    #[schema(value_type = String, format = Date)]
    pub from: Day,
    /// The last one.
    #[schema(value_type = String, format = Date)]
    pub to: Day,
    /// By day, account and currency; days on which nothing moved are left out.
    pub rows: Vec<SettlementRow>,
}

/// When the payouts of a row have arrived: once all have, on the last day.
pub fn arrived_on(row: &SettlementRow) -> Option<Day> {
    let days: Option<Vec<Day>> = row.payouts.iter().map(|p| p.arrived_on).collect();
    days.and_then(|days| days.into_iter().max())
}

impl SettlementView {
    /// The rows for a spreadsheet.
    pub fn csv(&self) -> String {
        let head = [
            "day",
            "merchant",
            "account_id",
            "channel",
            "currency",
            "gross_minor",
            "refunds_minor",
            "refunded_elsewhere_minor",
            "fees_minor",
            "net_minor",
            "bill_net_minor",
            "paid_out_minor",
            "arrived_on",
            "why",
        ];
        let row = |r: &SettlementRow| -> Vec<Cell> {
            let unknown = r.why.clone().or_else(|| r.payouts.iter().find_map(|p| p.why.clone()));
            vec![
                r.day.to_string().into(),
                r.merchant.to_string().into(),
                r.account_id.to_string().into(),
                r.channel.to_owned().into(),
                r.currency.clone().into(),
                r.gross_minor.into(),
                r.refunds_minor.into(),
                r.refunded_elsewhere_minor.into(),
                r.fees_minor.into(),
                r.net_minor.into(),
                r.bill_net_minor.into(),
                r.paid_out_minor.into(),
                arrived_on(r).map(|d| d.to_string()).into(),
                unknown.into(),
            ]
        };
        csv(&head, &self.rows.iter().map(row).collect::<Vec<_>>())
    }
}
