//! The face that every channel's front shows to the rest of the sandbox: it knows what the common parts
//! (payers, refunds, the outbox of notifications) ask of a channel's dialect, and must never know a dialect.

use std::time::Duration;

use http::HeaderMap;

use crate::SandboxError;
use crate::agreements::{Agreement, AgreementNews};
use crate::bills::movement::What;
use crate::bills::terms::BillTerms;
use crate::by_hand::{HandMade, HandRefund, Sale, Sold};
use crate::door::{Door, Opened};
use crate::orders::{Happened, Order, Orders};
use crate::refunds::Refund;
use crate::shared::Shared;
use crate::timers::About;

/// A channel's dialect, as far as the common parts need it. What only the front itself needs (its HTTP
/// interface, its signatures, its rules about orders) is not here.
///
/// `tells`, `tells_refund` and `transaction_id` are called under the lock of the orders and must not take it.
pub(crate) trait Front: Send + Sync {
    /// The channel's number for a payment that is made now. `serial` is used once only.
    fn transaction_id(&self, order: &Order, now_ms: i64, serial: u64) -> String;

    /// Whether the merchant is notified when this happens to the order.
    fn tells(&self, order: &Order, what: Happened) -> bool;

    /// Whether the merchant is notified when something happens to the refund.
    fn tells_refund(&self, refund: &Refund) -> bool;

    /// Whether the merchant is notified when this happens to the agreement. Called under the lock of the orders, as
    /// the two below are.
    fn tells_agreement(&self, agreement: &Agreement, what: AgreementNews) -> bool;

    /// The payer has signed: the front may note what follows in its words.
    fn agreement_signed(&self, _agreement: &mut Agreement, _now_ms: i64) {}

    /// A debit under it has succeeded.
    fn agreement_charged(&self, _agreement: &mut Agreement, _now_ms: i64) {}

    /// Whether a declined debit is the end of its order.
    fn decline_closes(&self) -> bool {
        true
    }

    /// Writes a notification, signed at this moment; `None` when there is nobody to write to. `forged`: with
    /// a signature that a careful merchant refuses.
    fn letter(&self, world: &Shared, about: About, forged: bool) -> Result<Option<Letter>, SandboxError>;

    /// Whether an answer to a notification acknowledges it.
    fn acknowledged(&self, status: u16, body: &[u8]) -> bool;

    /// Waits after failed attempts to notify, in seconds of the sandbox clock; when they are used up, the
    /// channel gives up.
    fn waits_s(&self) -> &'static [i64];

    /// A merchant who has not answered a notification after this real time has failed.
    fn answer_within(&self) -> Duration {
        Duration::from_secs(5)
    }

    /// Money was taken or reserved, whether the merchant is told or not. Called under the lock of the orders.
    fn takes_note(&self, _world: &Shared, _position: usize, _order: &Order, _what: Happened) {}

    /// Something is due that the front asked for ([`crate::timers::Due::Errand`]).
    fn runs_errand(&self, _world: &Shared, _position: usize, _errand: u8) {}

    /// What the channel's documents say of its bills and payouts.
    fn bills(&self) -> BillTerms;

    /// The currency of an order, as the channel writes it.
    fn currency(&self, _order: &Order) -> String {
        "CNY".to_owned()
    }

    /// What the payer's bank withdrew and gave back: what, when and how much.
    fn complaints(&self, _order: &Order) -> Vec<(What, i64, i64)> {
        Vec::new()
    }

    /// A sale of the merchant's elsewhere; `None` when there is no such account or the number cannot be one.
    fn sold_elsewhere(&self, orders: &Orders, sale: &Sale<'_>) -> Option<Sold>;

    /// A refund that a person makes on the channel's own pages.
    fn refunded_by_hand(&self, order: &Order, wish: &HandRefund<'_>) -> Option<HandMade>;

    /// A payer's device opens what the merchant shows; `None` when it is nothing of this channel.
    fn open(&self, world: &Shared, door: &Door) -> Option<Result<Opened, String>>;
}

/// A notification ready to be posted.
#[derive(Clone, Debug)]
pub(crate) struct Letter {
    pub(crate) url: String,
    /// With the content type, and the signature where headers carry it.
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}
