//! What customers do with what they are given to pay with: they open pages, post forms and hand orders to the
//! channels' apps. It knows the shapes in which the API hands a payment over, and must never know whether the
//! customer then pays (that is the sandbox's payers').

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use bursar_core::Chance;
use bursar_core::chance::SeededChance;
use bursar_core::clock::{Clock, Timestamp};
use serde_json::{Value, json};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use super::api::{Api, refused};
use super::feed::{Backend, Feed, Placed};
use crate::SandboxError;

/// Customers who look at their orders in one moment.
const AT_ONCE: usize = 16;
/// The first wait for the next look at an order, and the longest; each is twice the one before.
const LOOK_AFTER: (Duration, Duration) = (Duration::from_millis(100), Duration::from_millis(1_600));
/// Of so many customers one never opens what he was given, and one opens it twice.
const NEVER_OF: u64 = 12;
const TWICE_OF: u64 = 8;

/// What the customers did.
#[derive(Clone, Debug, Default)]
pub struct Opened {
    /// Pages, forms and apps' orders that were opened.
    pub opened: u64,
    /// Those that were left alone.
    pub left_alone: u64,
    /// Those that came too late: the order was at its end.
    pub too_late: u64,
    /// What could not be opened although it should, in words.
    pub surprises: Vec<String>,
}

impl Opened {
    fn add(&mut self, other: Self) {
        self.opened += other.opened;
        self.left_alone += other.left_alone;
        self.too_late += other.too_late;
        self.surprises.extend(other.surprises);
    }
}

/// Where customers live.
#[derive(Clone, Debug)]
pub struct Town {
    /// The sandbox, without a slash at the end.
    pub sandbox: String,
    /// The clock of the program and of the sandbox.
    pub clock: Arc<dyn Clock>,
    /// Decides who opens what.
    pub seed: u64,
}

/// Lets the customers of `orders` do what it takes to pay, until `orders` ends and each has been given all that
/// it could be.
///
/// # Errors
/// When gateway or sandbox do not answer.
pub async fn open_all(
    feed: &Feed,
    backends: &[Backend],
    town: &Town,
    mut orders: mpsc::UnboundedReceiver<Placed>,
) -> Result<Opened, SandboxError> {
    let (gateway, sandbox) =
        (Api::new(&feed.gateway, AT_ONCE, feed.patient)?, Api::new(&town.sandbox, AT_ONCE, feed.patient)?);
    let street = Street { gateway, sandbox, town: town.clone(), gate: Arc::new(Semaphore::new(AT_ONCE)) };
    let (mut running, mut all) = (JoinSet::new(), Opened::default());
    loop {
        tokio::select! {
            next = orders.recv() => {
                let Some(order) = next else { break };
                let needs = order.methods.iter().any(|method| !scanned(method.name()));
                let Some(backend) = backends.get(order.backend).filter(|_| needs) else { continue };
                let (street, backend) = (street.clone(), backend.clone());
                running.spawn(async move { street.attend(&backend, &order).await });
            }
            Some(done) = running.join_next() => all.add(done.map_err(|e| refused(&e.to_string()))??),
        }
    }
    while let Some(done) = running.join_next().await {
        all.add(done.map_err(|e| refused(&e.to_string()))??);
    }
    Ok(all)
}

/// Whether a way needs a code only, which the sandbox's payers scan by themselves.
fn scanned(method: &str) -> bool {
    matches!(method, "wechat_native" | "alipay_qr")
}

#[derive(Clone, Debug)]
struct Street {
    gateway: Api,
    sandbox: Api,
    town: Town,
    gate: Arc<Semaphore>,
}

impl Street {
    /// Looks at an order until its customer has been given all that he could be.
    async fn attend(&self, backend: &Backend, order: &Placed) -> Result<Opened, SandboxError> {
        // Orders of a feed are drawn apart, whichever comes first.
        let chance = SeededChance::new(self.town.seed ^ (u64::from(order.number) << 20) ^ 0x6f70_656e);
        let (mut done, mut given) = (Opened::default(), HashSet::new());
        let (mut wait, longest) = LOOK_AFTER;
        loop {
            tokio::time::sleep(wait).await;
            wait = wait.saturating_mul(2).min(longest);
            let seen = self.look(backend, order).await?;
            let payments = seen.get("payments").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            for payment in payments {
                let Some(door) = payment.get("code").and_then(door) else { continue };
                let id = payment.get("id").and_then(Value::as_str).unwrap_or_default();
                if given.insert(id.to_owned()) {
                    self.meet(&seen, id, door, &chance, &mut done).await?;
                }
            }
            if ended(&seen) || payments.iter().filter(|payment| is_dealt_with(payment)).count() >= order.methods.len() {
                return Ok(done);
            }
        }
    }

    async fn look(&self, backend: &Backend, order: &Placed) -> Result<Value, SandboxError> {
        let _place = self.gate.acquire().await.map_err(|e| refused(&e.to_string()))?;
        match self.gateway.get(&backend.api_key, &format!("/v1/orders/{}", order.order)).await? {
            (200, seen) => Ok(seen),
            (status, seen) => Err(refused(&format!("{} cannot be read: {status} {seen}", order.order))),
        }
    }

    /// A customer has `door` before him.
    async fn meet(
        &self,
        order: &Value,
        payment: &str,
        door: Option<Value>,
        chance: &dyn Chance,
        done: &mut Opened,
    ) -> Result<(), SandboxError> {
        let Some(door) = door else { return Ok(()) };
        let times = match (chance.below(NEVER_OF), chance.below(TWICE_OF)) {
            (0, _) => 0,
            (_, 0) => 2,
            _ => 1,
        };
        done.left_alone += u64::from(times == 0);
        for _ in 0..times {
            let _place = self.gate.acquire().await.map_err(|e| refused(&e.to_string()))?;
            let (status, answer) = self.sandbox.post_plain("/_sandbox/open", &door).await?;
            match status {
                200 => done.opened += 1,
                // The last moment may pass on the way.
                _ if expires_at(order).is_none_or(|at| at <= self.town.clock.now()) => done.too_late += 1,
                _ => done.surprises.push(format!("{payment} could not be opened: {status} {answer}")),
            }
        }
        Ok(())
    }
}

/// What a customer's device opens; `None` inside when nothing is to be opened.
fn door(code: &Value) -> Option<Option<Value>> {
    let text = |pointer: &str| code.pointer(pointer).and_then(Value::as_str);
    let door = match text("/kind")? {
        "redirect" => Some(json!({ "url": text("/url")? })),
        "form" => Some(json!({ "form": { "action": text("/action")?, "fields": code.get("fields")? } })),
        // Alipay's app takes the text, UnionPay's a number.
        "sdk" => text("/fields/order_string").or_else(|| text("/fields/tn")).map(|t| json!({ "order_string": t })),
        _ => None,
    };
    Some(door)
}

fn ended(order: &Value) -> bool {
    matches!(order.get("state").and_then(Value::as_str), Some("paid" | "closed"))
}

/// Whether the customer of a payment has it before him, or will never have.
fn is_dealt_with(payment: &Value) -> bool {
    let state = payment.get("state").and_then(Value::as_str).unwrap_or_default();
    // A payment whose answer was lost may be known to be unpaid before its code is.
    payment.get("code").is_some() || !matches!(state, "new" | "sending" | "unknown" | "awaiting_payer")
}

fn expires_at(order: &Value) -> Option<Timestamp> {
    Timestamp::parse_rfc3339(order.get("expires_at")?.as_str()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_code_is_opened_as_a_device_opens_it() {
        let cases = [
            (json!({"kind": "qr_code", "url": "weixin://x"}), None),
            (json!({"kind": "redirect", "url": "http://x"}), Some(json!({"url": "http://x"}))),
            (
                json!({"kind": "form", "action": "http://x", "fields": {"a": "b"}}),
                Some(json!({"form": {"action": "http://x", "fields": {"a": "b"}}})),
            ),
            (json!({"kind": "sdk", "fields": {"order_string": "a=b"}}), Some(json!({"order_string": "a=b"}))),
            (json!({"kind": "sdk", "fields": {"tn": "7"}}), Some(json!({"order_string": "7"}))),
        ];
        for (code, expected) in cases {
            assert_eq!(door(&code), Some(expected), "{code}");
        }
        assert_eq!(door(&json!({"kind": "form"})), None);
    }

    #[test]
    fn a_payment_that_waits_for_its_turn_is_not_dealt_with() {
        for state in ["new", "sending", "unknown", "awaiting_payer"] {
            assert!(!is_dealt_with(&json!({ "state": state })), "{state}");
            assert!(is_dealt_with(&json!({ "state": state, "code": {} })), "{state}");
        }
        for state in ["authorized", "closing", "declined", "captured"] {
            assert!(is_dealt_with(&json!({ "state": state })), "{state}");
        }
    }
}
