//! Customers who pay what they owe as soon as they have something to pay with, as measurements need them: it knows in
//! which order they come, and must never know how one pays.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{Mutex, mpsc, watch};
use tokio::task::{JoinError, JoinSet};

use super::api::refused;
use super::customers::{Affair, ended};
use super::feed::{Backend, Placed};
use super::town::Town;
use crate::SandboxError;

/// How often somebody has looked at an order, in the diary.
pub const LOOKS: &str = "looks";
/// People who look what there is to pay with. Orders are dealt with in the order in which they came, so that whoever
/// is behind waits instead of looking too: looks cost the merchant's program more than the payment would.
const LOOKERS: usize = 8;
/// From a look that found nothing to the next.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(50);

type Queue = Arc<Mutex<mpsc::UnboundedReceiver<Placed>>>;

/// Lets the customers of `orders` pay, until `orders` ends and everybody has done what he can.
///
/// # Errors
/// When gateway or sandbox do not answer, or an order ends before its customer could pay.
pub async fn pay_all(
    backends: &[Backend],
    town: &Town,
    orders: mpsc::UnboundedReceiver<Placed>,
) -> Result<(), SandboxError> {
    let orders = Arc::new(Mutex::new(orders));
    let mut lookers = JoinSet::new();
    for _ in 0..LOOKERS {
        lookers.spawn(look(town.clone(), backends.to_vec(), orders.clone()));
    }
    while let Some(done) = lookers.join_next().await {
        over(done)?;
    }
    Ok(())
}

fn over(done: Result<Result<(), SandboxError>, JoinError>) -> Result<(), SandboxError> {
    done.map_err(|e| refused(&e.to_string()))?
}

/// Gives one customer after the other what he is to pay with. What he then does keeps nobody waiting.
async fn look(town: Town, backends: Vec<Backend>, orders: Queue) -> Result<(), SandboxError> {
    let mut paying = JoinSet::new();
    loop {
        let next = orders.lock().await.recv().await;
        let Some(order) = next else { break };
        let Some(backend) = backends.get(order.backend) else { return Err(refused("an order of nobody")) };
        let (affair, seen) = given(&town, backend, &order).await?;
        paying.spawn(pay(affair, seen));
        while let Some(done) = paying.try_join_next() {
            over(done)?;
        }
    }
    while let Some(done) = paying.join_next().await {
        over(done)?;
    }
    Ok(())
}

/// Waits until the customer of `order` has something to pay with, and gives the order as it then is.
async fn given(town: &Town, backend: &Backend, order: &Placed) -> Result<(Affair, Value), SandboxError> {
    loop {
        town.diary.note(LOOKS);
        let now = town.get(backend, &format!("/v1/orders/{}", order.order)).await?;
        let (_, seen) = watch::channel(now.clone());
        let first = now.pointer("/payments/0");
        if let Some(affair) = first.and_then(|first| Affair::new((town, backend), order, (first, 0), &seen)) {
            return Ok((affair, now));
        }
        if ended(&now) {
            return Err(refused(&format!("{} ended before it could be paid: {now}", order.order)));
        }
        tokio::time::sleep(LOOK_AGAIN_AFTER).await;
    }
}

async fn pay(affair: Affair, order: Value) -> Result<(), SandboxError> {
    match affair.kind() {
        Some("transfer") => super::transfers::transfer(affair).await,
        Some("cash") => super::collect::collect(affair).await,
        _ => affair.meet(&order, &affair.chance()).await,
    }
}
