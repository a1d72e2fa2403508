//! Cash as the API shows it: it knows names of members, and must never show the payer's code.

use bursar_core::Timestamp;
use bursar_core::cash::{Collection, CollectionState, Drawer, DrawerLimits, HandIn, HandInState};
use bursar_core::clock::HOUR_MS;
use bursar_core::id::{ChannelAccountId, CollectionId, HandInId, OrderId, PaymentId};
use serde::Serialize;
use utoipa::ToSchema;

/// Cash that a worker says to have taken.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = CashCollection)]
pub struct CollectionView {
    /// Its id (`col_…`): made of `client_id`.
    #[schema(value_type = String)]
    pub id: CollectionId,
    /// What the collector's device calls it.
    #[schema(value_type = String, example = "0192f5d0-7c1e-7b1a-9d5e-3f2a1b0c4d5e")]
    pub client_id: String,
    /// For which order (`ord_…`).
    #[schema(value_type = String)]
    pub order_id: OrderId,
    /// For which payment of it (`pay_…`).
    #[schema(value_type = String)]
    pub payment_id: PaymentId,
    /// The cash account (`acc_…`).
    #[schema(value_type = String)]
    pub account_id: ChannelAccountId,
    /// Who took it.
    pub worker: String,
    /// `claimed`, `confirmed`, `handed_in`, `banked`, `disputed` or `refused`.
    #[schema(value_type = String, example = "claimed")]
    pub state: CollectionState,
    /// What stays, in minor units.
    pub amount_minor: i64,
    /// What the payer handed over, in minor units.
    pub tendered_minor: i64,
    /// What he got back at once, in minor units.
    pub change_minor: i64,
    /// ISO 4217 code.
    #[schema(example = "CNY")]
    pub currency: String,
    /// When it was taken, by the device's clock.
    #[schema(value_type = String, format = DateTime)]
    pub collected_at: Timestamp,
    /// When we learned of it.
    #[schema(value_type = String, format = DateTime)]
    pub received_at: Timestamp,
    /// What the collector noted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub note: Option<String>,
    /// Who confirmed it: a person, or `payer` (with his code).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub confirmed_by: Option<String>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, nullable = false)]
    pub confirmed_at: Option<Timestamp>,
    /// Who disputed it, and why; or who refused it, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub why: Option<String>,
    /// The hand-in that took it (`hin_…`).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub hand_in_id: Option<HandInId>,
}

impl From<&Collection> for CollectionView {
    fn from(row: &Collection) -> Self {
        Self {
            id: row.id,
            client_id: row.id.uuid().to_string(),
            order_id: row.order,
            payment_id: row.payment,
            account_id: row.account,
            worker: row.worker.clone(),
            state: row.state,
            amount_minor: row.amount.minor,
            tendered_minor: row.tendered_minor,
            change_minor: row.change_minor,
            currency: row.amount.currency.code().to_owned(),
            collected_at: row.collected_at,
            received_at: row.received_at,
            note: row.note.clone(),
            confirmed_by: row.confirmed_by.clone(),
            confirmed_at: row.confirmed_at,
            why: row.why.clone(),
            hand_in_id: row.hand_in,
        }
    }
}

/// A collection as it was taken down.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = CashCollectionTaken)]
pub struct TakenView {
    /// The collection.
    pub collection: CollectionView,
    /// Whether its worker now carries more, or for longer, than he may: he is to hand in before he is sent to
    /// collect again. What he has taken is taken down all the same.
    pub over_limit: bool,
    /// What workers say to have taken for this payment and nobody has confirmed yet, in minor units.
    pub claimed_minor: i64,
}

/// A page of collections.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = CashCollectionPage)]
pub struct CollectionPage {
    /// By id.
    pub collections: Vec<CollectionView>,
    /// Leads to the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub next_cursor: Option<String>,
}

/// What a worker has not handed in. Amounts are minor units.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = CashDrawer)]
pub struct DrawerView {
    /// The collector.
    pub worker: String,
    /// ISO 4217 code.
    pub currency: String,
    /// What a hand-in must bring: confirmed, less what was paid out of it.
    pub on_hand_minor: i64,
    /// Confirmed and not handed in.
    pub confirmed_minor: i64,
    /// Said to be taken, and not confirmed yet.
    pub claimed_minor: i64,
    /// Disputed.
    pub disputed_minor: i64,
    /// Given back to payers out of it.
    pub paid_out_minor: i64,
    /// All that he carries by his own word: what the limit is about.
    pub carried_minor: i64,
    /// When the oldest of it was taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, nullable = false)]
    pub since: Option<Timestamp>,
    /// How much he may carry.
    pub limit_minor: i64,
    /// For how many hours.
    pub limit_hours: i64,
    /// Whether he carries more, or for longer.
    pub over_limit: bool,
    /// Whether he may be sent to collect: not while `over_limit`.
    pub may_collect: bool,
    /// Why he may not.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub why: Option<String>,
}

impl DrawerView {
    /// `drawer` as it is judged by `limits` now.
    pub fn new(drawer: &Drawer, limits: DrawerLimits, now: Timestamp) -> Self {
        let why = drawer.check_limits(limits, now).err().map(|why| why.to_string());
        Self {
            worker: drawer.worker.clone(),
            currency: drawer.currency.code().to_owned(),
            on_hand_minor: drawer.sum_minor(),
            confirmed_minor: drawer.confirmed_minor,
            claimed_minor: drawer.claimed_minor,
            disputed_minor: drawer.disputed_minor,
            paid_out_minor: drawer.paid_out_minor,
            carried_minor: drawer.carried_minor(),
            since: drawer.oldest_at,
            limit_minor: limits.most_minor,
            limit_hours: limits.within_ms.div_euclid(HOUR_MS),
            over_limit: why.is_some(),
            may_collect: why.is_none(),
            why,
        }
    }
}

/// The drawers of a cash account.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = CashDrawers)]
pub struct DrawersView {
    /// One for each worker who has something.
    pub drawers: Vec<DrawerView>,
}

/// A worker's cash, counted by somebody else. Amounts are minor units.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = CashHandIn)]
pub struct HandInView {
    /// Its id (`hin_…`).
    #[schema(value_type = String)]
    pub id: HandInId,
    /// The cash account (`acc_…`).
    #[schema(value_type = String)]
    pub account_id: ChannelAccountId,
    /// The collector.
    pub worker: String,
    /// ISO 4217 code.
    pub currency: String,
    /// `counted` (a third person must approve it), `approved` or `banked`.
    #[schema(value_type = String, example = "approved")]
    pub state: HandInState,
    /// What must be there.
    pub expected_minor: i64,
    /// What is there.
    pub counted_minor: i64,
    /// What is there too much, or (below zero) too little.
    pub variance_minor: i64,
    /// Who counted it.
    pub received_by: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub received_at: Timestamp,
    /// The bag or receipt that it went into.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub bag: Option<String>,
    /// Who agreed to the count; `bursar` when nothing was missing or too much.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub approved_by: Option<String>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, nullable = false)]
    pub approved_at: Option<Timestamp>,
    /// By what the bank knows the deposit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub bank_reference: Option<String>,
    /// Who brought it there.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub banked_by: Option<String>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, nullable = false)]
    pub banked_at: Option<Timestamp>,
}

impl From<&HandIn> for HandInView {
    fn from(row: &HandIn) -> Self {
        Self {
            id: row.id,
            account_id: row.account,
            worker: row.worker.clone(),
            currency: row.currency.code().to_owned(),
            state: row.state,
            expected_minor: row.expected_minor,
            counted_minor: row.counted_minor,
            variance_minor: row.variance_minor,
            received_by: row.received_by.clone(),
            received_at: row.received_at,
            bag: row.bag.clone(),
            approved_by: row.approved_by.clone(),
            approved_at: row.approved_at,
            bank_reference: row.bank_reference.clone(),
            banked_by: row.banked_by.clone(),
            banked_at: row.banked_at,
        }
    }
}

/// A page of hand-ins.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = CashHandInPage)]
pub struct HandInPage {
    /// Newest first.
    pub hand_ins: Vec<HandInView>,
    /// Leads to the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub next_cursor: Option<String>,
}
