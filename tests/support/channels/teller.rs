//! What the suite must be told of a channel whose money people bring: how it is told that money came or went.

use async_trait::async_trait;
use bursar_core::id::RefundId;
use bursar_core::payment::Payment;
use bursar_core::refund::Leg;
use serde_json::Value;

use super::cell::Cell;

/// A channel that nobody calls. Each telling gives the status of the API's answer.
#[async_trait]
pub(super) trait Teller: Sync + std::fmt::Debug {
    /// The settings of an account.
    fn settings(&self) -> Value;

    /// Tells that so many fen came for the payment. The same `telling` is the same money.
    async fn came(&self, cell: &Cell, payment: &Payment, minor: i64, telling: &str) -> u16;

    /// Tells the same money in other words.
    async fn came_again(&self, cell: &Cell, payment: &Payment, minor: i64, telling: &str) -> u16;

    /// Tells that the money of a leg was given back.
    async fn gave_back(&self, cell: &Cell, refund: RefundId, leg: &Leg) -> u16;

    /// Tells that the payment's money came in ways that must be refused.
    async fn forged(&self, cell: &Cell, payment: &Payment) -> Vec<u16>;

    /// Tells of so many fen in a way that leaves a question to people.
    async fn unclear(&self, cell: &Cell, payment: &Payment, minor: i64);

    /// People answer it: the money is the payment's.
    async fn cleared(&self, cell: &Cell, payment: &Payment);
}
