//! How an order looks to its merchant: it knows what is shown, and must never show a payer's data, a
//! credential, or another merchant's row.

use std::collections::BTreeMap;

use bursar_core::Timestamp;
use bursar_core::channel::Method;
use bursar_core::decline::{Decline, DeclineClass};
use bursar_core::id::{AgreementId, ChannelAccountId, OrderId, PaymentId, PlanId, RefundId};
use bursar_core::installments::{FeesFrom, Installments};
use bursar_core::observation::PayCode;
use bursar_core::order::{Dossier, OrderState, RefundOverlay};
use bursar_core::payment::{Payment, PaymentState};
use bursar_core::refund::{Refund, RefundCause, RefundState};
use serde::Serialize;
use utoipa::ToSchema;

use super::shares::ShareView;

/// An order with its payments and refunds.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Order)]
pub struct OrderView {
    /// Its id.
    #[schema(value_type = String, example = "ord_01kaqv0x5sfj3te9v9v5vyr7b8")]
    pub id: OrderId,
    /// The merchant's own number.
    pub number: String,
    /// `created`, `paying`, `partially_paid`, `paid`, `closing` or `closed`.
    #[schema(value_type = String, example = "paying")]
    pub state: OrderState,
    /// What is owed, in minor units.
    pub amount_minor: i64,
    /// ISO 4217 code.
    pub currency: String,
    /// What for.
    pub description: String,
    /// The last moment to pay.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// When it was accepted.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Why it closed or is being closed.
    pub close_reason: Option<String>,
    /// Whether money came after it was closed.
    pub late_money: bool,
    /// Whether a part of the amount is kept when the rest does not come.
    pub part_payment: bool,
    /// What kind of service it is for, in the merchant's own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub service: Option<String>,
    /// Where, in the merchant's own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub region: Option<String>,
    /// The ways among which the payer chooses; `/v1/orders/{id}/methods` tells which he can.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub offers: Vec<Method>,
    /// The installment that it is, when a plan opened it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub installment: Option<InstallmentKeyView>,
    /// Whether a payer's complaint to his bank is open.
    pub disputed: bool,
    /// `none`, `partially_refunded` or `refunded`: how much of the captured money payers got back.
    #[schema(value_type = String, example = "none")]
    pub refund_status: RefundOverlay,
    /// Minor units that payers got back.
    pub refunded_minor: i64,
    /// Its payments, in the order in which they are taken.
    pub payments: Vec<PaymentView>,
    /// Its refunds, oldest first, without those that were only prepared.
    pub refunds: Vec<RefundBrief>,
    /// Who gets a share of its money once it is paid.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shares: Vec<ShareView>,
}

/// A refund of an order, in short.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = RefundBrief)]
pub struct RefundBrief {
    /// Its id; `/v1/refunds/{id}` tells all of it.
    #[schema(value_type = String, example = "rfd_01kaqv0x5sfj3te9v9v5vyr7b9")]
    pub id: RefundId,
    /// `awaiting_approval`, `running`, `parked`, `succeeded`, `partially_succeeded`, `failed` or `rejected`.
    #[schema(value_type = String, example = "running")]
    pub state: RefundState,
    /// `requested`, `late_money`, `duplicate` or `incomplete`.
    #[schema(value_type = String, example = "requested")]
    pub cause: RefundCause,
    /// Why, for people.
    pub reason: String,
    /// How much, in minor units.
    pub amount_minor: i64,
    /// How much of it the payer has, in minor units.
    pub succeeded_minor: i64,
    /// When it was asked for.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

impl From<&Refund> for RefundBrief {
    fn from(refund: &Refund) -> Self {
        Self {
            id: refund.id,
            state: refund.state,
            cause: refund.cause,
            reason: refund.reason.clone(),
            amount_minor: refund.amount.minor,
            succeeded_minor: refund.succeeded_minor(),
            created_at: refund.created_at,
        }
    }
}

/// One payment of an order.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Payment)]
pub struct PaymentView {
    /// Its id.
    #[schema(value_type = String, example = "pay_01kaqv0x5sfj3te9v9v5vyr7b9")]
    pub id: PaymentId,
    /// How the payer pays.
    #[schema(value_type = String, example = "wechat_native")]
    pub method: Method,
    /// `new`, `sending`, `unknown`, `awaiting_payer`, `authorized`, `capturing`, `closing`, `captured`,
    /// `declined`, `closed`, `capture_reversed` or `integrity_hold`.
    #[schema(value_type = String, example = "awaiting_payer")]
    pub state: PaymentState,
    /// What is to be taken, in minor units.
    pub amount_minor: i64,
    /// What has come of it, in minor units: of a transfer or of cash that may be less or more. Cash counts when it is
    /// confirmed.
    pub taken_minor: i64,
    /// What workers say to have collected of it and nobody has confirmed yet, in minor units; there when the order is
    /// read and the payment is by cash.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub claimed_minor: Option<i64>,
    /// What of it was given back or is set aside for refunds under way, in minor units.
    pub returned_minor: i64,
    /// Through which channel account.
    #[schema(value_type = String)]
    pub account_id: ChannelAccountId,
    /// The installments in which the channel offers it to the payer, when it was asked to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub installments: Option<InstallmentsView>,
    /// The agreement that the payer is charged by, when he is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub agreement: Option<AgreementId>,
    /// Why the payer was not charged, when the channel said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub decline: Option<DeclineView>,
    /// What the payer needs in order to pay; there while the state is `awaiting_payer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<PayCodeView>,
    /// The channel's number of the payment, when money was taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction_id: Option<String>,
    /// When the payer paid, by the channel's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub paid_at: Option<Timestamp>,
}

/// Installments that the channel grants the payer: the merchant is paid the whole amount at once.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = Installments)]
pub struct InstallmentsView {
    /// In how many parts.
    #[schema(example = 6)]
    pub count: u8,
    /// `payer` or `merchant`: who pays what the channel asks for them. Absent where the contract says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false, example = "payer")]
    pub fees: Option<FeesFrom>,
}

impl From<Installments> for InstallmentsView {
    fn from(installments: Installments) -> Self {
        Self { count: installments.count, fees: installments.fees }
    }
}

/// Why a payer was not charged by his agreement.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Decline)]
pub struct DeclineView {
    /// `hard` (the way to pay is gone), `insufficient_funds`, `technical`, `risk`, `payer_must_act`, `agreement` (it
    /// does not hold any more) or `terms` (it does not allow this charge).
    #[schema(value_type = String, example = "insufficient_funds")]
    pub class: DeclineClass,
    /// The channel's code and words.
    pub reason: String,
}

impl From<&Decline> for DeclineView {
    fn from(decline: &Decline) -> Self {
        Self { class: decline.class, reason: decline.reason.clone() }
    }
}

/// Which installment of which plan an order is.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = InstallmentKey)]
pub struct InstallmentKeyView {
    /// The plan.
    #[schema(value_type = String, example = "pln_01kaqv0x5sfj3te9v9v5vyr7b8")]
    pub plan: PlanId,
    /// The installment's number in it, from 1.
    pub seq: u32,
}

/// What the payer needs in order to pay.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = PayCode)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum PayCodeView {
    /// Show `url` as a QR code.
    QrCode {
        /// The text of the code.
        url: String,
    },
    /// Send the payer's browser to `url`.
    Redirect {
        /// The page.
        url: String,
    },
    /// Hand `fields` to the channel's front-end SDK as they are.
    Sdk {
        /// Names and values as the SDK wants them, signature included.
        fields: BTreeMap<String, String>,
    },
    /// Have the payer's browser post `fields` as a form to `action`.
    Form {
        /// The channel's page.
        action: String,
        /// Names and values of the form, signature included.
        fields: BTreeMap<String, String>,
    },
    /// Show the payer where to transfer the money, and the reference by which it is recognised.
    Transfer {
        /// Names and values: account, its holder, bank, reference.
        fields: BTreeMap<String, String>,
    },
    /// Somebody comes and collects it; tell the payer the code, with which he confirms the amount.
    Cash {
        /// The code.
        code: String,
    },
}

impl PayCodeView {
    /// How `code` is shown; `None`: the payer needs nothing, because he is charged by his agreement.
    pub fn of(code: &PayCode) -> Option<Self> {
        Some(match code {
            PayCode::QrCode { url } => Self::QrCode { url: url.clone() },
            PayCode::Redirect { url } => Self::Redirect { url: url.clone() },
            PayCode::Sdk { fields } => Self::Sdk { fields: fields.clone() },
            PayCode::Form { action, fields } => Self::Form { action: action.clone(), fields: fields.clone() },
            PayCode::Transfer { fields } => Self::Transfer { fields: fields.clone() },
            PayCode::Cash { code } => Self::Cash { code: code.clone() },
            PayCode::Debit => return None,
        })
    }
}

impl From<&Payment> for PaymentView {
    fn from(payment: &Payment) -> Self {
        let payable = payment.state == PaymentState::AwaitingPayer;
        Self {
            id: payment.id,
            method: payment.method,
            state: payment.state,
            amount_minor: payment.amount.minor,
            taken_minor: payment.taken_minor().max(payment.part_minor()),
            claimed_minor: None,
            returned_minor: payment.returned_minor,
            account_id: payment.account,
            installments: payment.installments.map(InstallmentsView::from),
            agreement: payment.agreement,
            decline: payment.evidence.declined.as_ref().map(|(_, decline)| decline.into()),
            code: payment.evidence.code().filter(|_| payable).and_then(PayCodeView::of),
            transaction_id: payment.evidence.transaction_id().map(str::to_owned),
            paid_at: payment.evidence.paid_at(),
        }
    }
}

impl From<&Dossier> for OrderView {
    fn from(dossier: &Dossier) -> Self {
        let order = &dossier.order;
        let told = |r: &&Refund| !matches!(r.state, RefundState::Prepared | RefundState::Voided);
        Self {
            id: order.id,
            number: order.number.clone(),
            state: order.state,
            amount_minor: order.amount.minor,
            currency: order.amount.currency.code().to_owned(),
            description: order.description.clone(),
            expires_at: order.expires_at,
            created_at: order.created_at,
            close_reason: order.close_reason.clone(),
            late_money: order.late_money,
            part_payment: order.part_payment,
            service: order.service.clone(),
            region: order.region.clone(),
            offers: order.offers.clone(),
            installment: order.installment.map(|i| InstallmentKeyView { plan: i.plan, seq: i.seq }),
            disputed: dossier.is_disputed(),
            refund_status: dossier.overlay(),
            refunded_minor: dossier.refunded_minor(),
            payments: dossier.payments.iter().map(PaymentView::from).collect(),
            refunds: dossier.refunds.iter().filter(told).map(RefundBrief::from).collect(),
            shares: order.shares.iter().map(ShareView::from).collect(),
        }
    }
}

/// A page of orders.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = OrderPage)]
pub struct OrderPage {
    /// Newest first.
    pub orders: Vec<OrderView>,
    /// Send it as `cursor`, with the same filters, for the next page; `null` on the last page.
    pub next_cursor: Option<String>,
}

/// Any answer as JSON text.
pub fn to_json(value: &impl Serialize) -> String {
    // Serialising these types cannot fail: no maps with keys that are not strings, no IO.
    serde_json::to_string(value).unwrap_or_default()
}
