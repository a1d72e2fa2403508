//! What a fire opens: it knows how an order is made of a template and a due instant, and must never know how an
//! order goes on.

use serde::{Deserialize, Serialize};

use super::row::Schedule;
use crate::chance::Chance;
use crate::channel::Method;
use crate::clock::{SECOND_MS, Timestamp};
use crate::id::{ChannelAccountId, OrderId, PaymentId};
use crate::money::Money;
use crate::order::{Order, OrderState};
use crate::payment::{Evidence, PayerDetails, Payment, PaymentState};

/// What a fire does.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Template {
    /// Opens an order.
    Order(OrderTemplate),
}

/// An order that is opened again and again.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderTemplate {
    /// What is owed each time.
    pub amount: Money,
    /// What for, as the payer reads it.
    pub description: String,
    /// How it is paid.
    pub tender: Tender,
    /// From the fire to the last moment to pay, in seconds.
    pub life_s: i64,
    /// See [`Order::service`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// See [`Order::region`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
}

/// How the orders of a template are paid.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Tender {
    /// The payer chooses.
    Offers {
        /// Among these.
        methods: Vec<Method>,
        /// The merchant's own number of the payer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        customer: Option<String>,
    },
    /// One way.
    Named {
        /// How.
        method: Method,
        /// Through which account of the merchant.
        account: ChannelAccountId,
        /// What the method must know of the payer.
        #[serde(default)]
        payer: PayerDetails,
    },
}

impl Template {
    /// The order and its payments that a fire of `schedule` for `due_at` opens now.
    pub fn open(
        &self,
        schedule: &Schedule,
        due_at: Timestamp,
        now: Timestamp,
        chance: &dyn Chance,
    ) -> (Order, Vec<Payment>) {
        let Self::Order(template) = self;
        let (offers, payer) = match &template.tender {
            Tender::Offers { methods, customer } => (methods.clone(), customer.clone()),
            Tender::Named { .. } => (Vec::new(), None),
        };
        let order = Order {
            id: OrderId::fresh(now, chance),
            merchant: schedule.merchant,
            number: schedule.order_number(due_at),
            amount: template.amount,
            description: template.description.clone(),
            state: OrderState::Created,
            close_reason: None,
            late_money: false,
            installment: None,
            shares: Vec::new(),
            part_payment: false,
            service: template.service.clone(),
            region: template.region.clone(),
            offers,
            payer,
            due_at: None,
            expires_at: now.plus_ms(template.life_s.saturating_mul(SECOND_MS)),
            event_count: 0,
            version: 0,
            created_at: now,
        };
        let payments = match &template.tender {
            Tender::Offers { .. } => Vec::new(),
            Tender::Named { method, account, payer } => vec![Payment {
                id: PaymentId::fresh(now, chance),
                order: order.id,
                merchant: schedule.merchant,
                account: *account,
                method: *method,
                amount: template.amount,
                payer: payer.clone(),
                state: PaymentState::New,
                evidence: Evidence::default(),
                returned_minor: 0,
                installments: None,
                agreement: None,
                version: 0,
                due_at: None,
                created_at: now,
            }],
        };
        (order, payments)
    }
}
