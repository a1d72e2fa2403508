//! What the suite must be told of a way to pay. Nothing else in the suite knows a channel.

use bursar_core::Currency;
use bursar_core::channel::{ChannelKind, Method};
use bursar_core::observation::PayCode;
use bursar_sandbox::{Door, Provisioned, Sandbox};
use serde_json::Value;

use super::{Case, Teller};

/// A way to pay.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Its name in reports.
    pub name: &'static str,
    /// How the payer pays.
    pub method: Method,
    /// Where money comes from.
    pub(super) side: Side,
    /// Cases that do not exist for it, each with the reason.
    pub not_applicable: &'static [(Case, &'static str)],
}

impl Row {
    /// The channel.
    pub const fn channel(&self) -> ChannelKind {
        self.method.channel()
    }

    /// Why this case does not exist here; `None`: it does.
    pub fn not_applicable(&self, case: Case) -> Option<&'static str> {
        match (case, self.side) {
            (Case::Void | Case::CaptureLess | Case::LostCapture, _) if !self.method.holds() => {
                return Some("the money is taken at once: nothing is held");
            }
            (Case::Pieces, Side::Remote(_)) => return Some("the channel takes the whole amount or nothing"),
            (Case::Installments, _) if self.method.installment_rules(Currency::CNY).is_none() => {
                return Some("nobody grants this way installments in yuan");
            }
            _ => {}
        }
        self.not_applicable.iter().find(|(c, _)| *c == case).map(|(_, why)| *why)
    }
}

/// Where money comes from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Side {
    /// A channel that is called, played by the sandbox.
    Remote(&'static dyn Remote),
    /// People bring it, and somebody tells of it.
    ByHand(&'static dyn Teller),
}

/// A channel that is called, as the sandbox plays it.
pub(super) trait Remote: Sync + std::fmt::Debug {
    /// The settings of an account with these keys, whose channel is at `base_url`.
    fn settings(&self, keys: &Provisioned, base_url: &str) -> Value;

    /// The merchant's number at the channel.
    fn merchant<'a>(&self, keys: &'a Provisioned) -> &'a str;

    /// What the merchant sets up at the channel besides: messages shall go to `notify_url`.
    fn opened(&self, _sandbox: &Sandbox, _keys: &Provisioned, _notify_url: &str) {}

    /// What the payer's device opens when it is given `code`; `None`: the channel's own app knows the order by
    /// itself.
    fn door(&self, code: &PayCode) -> Option<Door> {
        match code {
            PayCode::QrCode { url } => Some(Door::Qr(url.clone())),
            PayCode::Redirect { url } => Some(Door::Url(url.clone())),
            PayCode::Form { action, fields } => Some(Door::Form { action: action.clone(), fields: fields.clone() }),
            PayCode::Sdk { fields } => fields.values().next().cloned().map(Door::OrderString),
            PayCode::Transfer { .. } | PayCode::Cash { .. } | PayCode::Debit => None,
        }
    }

    /// Whether refunds have a number of the channel's own. Otherwise they are known by ours.
    fn numbers_refunds(&self) -> bool {
        true
    }

    /// How long an order lives that is to end, in seconds. Short where it cannot be closed and ends by itself.
    fn ending_s(&self) -> u64 {
        3 * 3_600
    }

    /// Whether a code whose answer was lost can be had again. Otherwise that payment ends unpaid.
    fn code_can_be_had_again(&self) -> bool {
        true
    }
}
