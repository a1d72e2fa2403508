//! What a payer's device can open: a page, a code to scan, an app's order or a form. It knows these shapes
//! and asks the fronts whose it is; it must never know a channel's rules.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Channel;
use crate::shared::Shared;

/// What the merchant gave the payer to pay with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Door {
    /// A page to be opened in a browser.
    Url(String),
    /// The text of a QR code.
    Qr(String),
    /// What a merchant's app hands to the channel's app.
    OrderString(String),
    /// A form that the payer's browser posts.
    Form {
        /// Where to.
        action: String,
        /// Its fields, not encoded.
        fields: BTreeMap<String, String>,
    },
}

/// What a payer's device has opened, by its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opened {
    Order(usize),
    Agreement(usize),
}

/// An order, or an agreement, that a payer's device has opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenedOrder {
    /// The channel.
    pub channel: Channel,
    /// The merchant's account on it.
    pub account: String,
    /// The merchant's number of the order, or of the agreement.
    pub out_trade_no: String,
    /// The channel's own number of the agreement, when it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreement_id: Option<String>,
}

impl Shared {
    /// A payer's device opens what the merchant gave the payer; the payer's behaviour follows.
    ///
    /// The error is a sentence that says why that is not possible.
    pub(crate) fn open(&self, door: &Door) -> Result<OpenedOrder, String> {
        let found = self.fronts().into_iter().find_map(|front| front.open(self, door));
        let opened = found.unwrap_or_else(|| Err("no channel of this sandbox knows it".to_owned()))?;
        let orders = self.orders();
        Ok(match opened {
            Opened::Order(position) => {
                let order = orders.list.get(position).ok_or("the order does not exist")?;
                let (account, out_trade_no) = (order.account.clone(), order.number.clone());
                OpenedOrder { channel: order.channel, account, out_trade_no, agreement_id: None }
            }
            Opened::Agreement(position) => {
                let one = orders.agreements.list.get(position).ok_or("the agreement does not exist")?;
                let (account, out_trade_no) = (one.account.clone(), one.number.clone());
                OpenedOrder { channel: one.channel, account, out_trade_no, agreement_id: Some(one.id.clone()) }
            }
        })
    }
}
