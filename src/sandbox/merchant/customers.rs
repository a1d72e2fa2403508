//! The customers of a play, order by order: it knows when each has something to pay with before him and when the
//! merchant's staff loses patience, and must never know how a customer pays.

use std::collections::HashSet;
use std::time::Duration;

use bursar_core::Chance;
use bursar_core::chance::SeededChance;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::api::refused;
use super::devices::{door, expires_at};
use super::feed::{Backend, Placed};
use super::town::Town;
use crate::SandboxError;

/// The first wait for the next look at an order, and the longest; each is twice the one before.
const LOOK_AFTER: (Duration, Duration) = (Duration::from_millis(100), Duration::from_millis(1_600));
/// How long staff waits for money by hand after the last moment to pay, in clock milliseconds: from, and how much
/// more at most.
const GRACE_MS: (u64, u64) = (15_000, 60_000);
/// Of so many amounts that are held one is let go.
const LET_GO_OF: u64 = 7;

/// A customer's affair with one payment: what he and the merchant know of it.
#[derive(Clone, Debug)]
pub(super) struct Affair {
    pub(super) town: Town,
    pub(super) backend: Backend,
    pub(super) order: Placed,
    /// `pay_…`.
    pub(super) payment: String,
    /// Which of the order's payments.
    pub(super) nth: u64,
    pub(super) amount_minor: i64,
    pub(super) code: Value,
    /// The order as it was seen last.
    pub(super) seen: watch::Receiver<Value>,
}

impl Affair {
    /// The affair with the `nth` payment of an order; `None` while the customer has nothing to pay with.
    pub(super) fn new(
        (town, backend): (&Town, &Backend),
        order: &Placed,
        (payment, nth): (&Value, u64),
        seen: &watch::Receiver<Value>,
    ) -> Option<Self> {
        Some(Self {
            town: town.clone(),
            backend: backend.clone(),
            order: order.clone(),
            payment: payment.get("id")?.as_str()?.to_owned(),
            nth,
            amount_minor: payment.get("amount_minor").and_then(Value::as_i64).unwrap_or_default(),
            code: payment.get("code")?.clone(),
            seen: seen.clone(),
        })
    }

    /// What the customer was given to pay with.
    pub(super) fn kind(&self) -> Option<&str> {
        self.code.get("kind").and_then(Value::as_str)
    }

    /// The customer's device opens what he was given, if it is to be opened.
    pub(super) async fn meet(&self, order: &Value, chance: &dyn Chance) -> Result<(), SandboxError> {
        match door(&self.code) {
            Some(door) => self.town.meet(order, &self.payment, &door, chance).await,
            None => Ok(()),
        }
    }

    /// Draws of its own, whatever other customers do.
    pub(super) fn chance(&self) -> SeededChance {
        SeededChance::new(self.town.seed ^ (u64::from(self.order.number) << 20) ^ (self.nth << 56) ^ 0x6166_6661)
    }

    /// Waits until the order is as `holds` wants it.
    pub(super) async fn until(&mut self, holds: impl Fn(&Value) -> bool) -> Result<(), SandboxError> {
        let seen = self.seen.wait_for(|order| holds(order)).await;
        seen.map(drop).map_err(|e| refused(&format!("{}: {e}", self.order.order)))
    }

    /// Where the payment stands.
    pub(super) fn payment_state<'a>(&self, order: &'a Value) -> &'a str {
        let all = order.get("payments").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let own = all.iter().find(|p| p.get("id").and_then(Value::as_str) == Some(self.payment.as_str()));
        own.and_then(|p| p.get("state")).and_then(Value::as_str).unwrap_or_default()
    }
}

/// Lets the customers of `orders` do what it takes to pay, and the merchants' staff what it takes to get the money,
/// until `orders` ends and each affair is over.
///
/// # Errors
/// When gateway or sandbox do not answer.
pub async fn attend_all(
    backends: &[Backend],
    town: &Town,
    mut orders: mpsc::UnboundedReceiver<Placed>,
) -> Result<(), SandboxError> {
    let mut running: JoinSet<Result<(), SandboxError>> = JoinSet::new();
    loop {
        tokio::select! {
            next = orders.recv() => {
                let Some(order) = next else { break };
                let needs = order.methods.iter().any(|method| !scanned(method.name()));
                let Some(backend) = backends.get(order.backend).filter(|_| needs) else { continue };
                let (town, backend) = (town.clone(), backend.clone());
                running.spawn(async move { attend(&town, &backend, order).await });
            }
            Some(done) = running.join_next() => done.map_err(|e| refused(&e.to_string()))??,
        }
    }
    while let Some(done) = running.join_next().await {
        done.map_err(|e| refused(&e.to_string()))??;
    }
    Ok(())
}

/// Whether a way needs a code only, which the sandbox's payers scan by themselves.
fn scanned(method: &str) -> bool {
    matches!(method, "wechat_native" | "alipay_qr")
}

/// Whether staff has to look after payments by this way.
fn by_hand(method: &str) -> bool {
    matches!(method, "bank_transfer" | "cash" | "card_hold" | "wechat_score" | "alipay_hold")
}

/// Looks at an order until its customer has been given all that he could be and nobody has anything to do.
async fn attend(town: &Town, backend: &Backend, order: Placed) -> Result<(), SandboxError> {
    // Orders of a feed are drawn apart, whichever comes first.
    let chance = SeededChance::new(town.seed ^ (u64::from(order.number) << 20) ^ 0x6f70_656e);
    let grace_ms = i64::try_from(GRACE_MS.0 + chance.below(GRACE_MS.1)).unwrap_or(0);
    let watched = order.methods.iter().any(|method| by_hand(method.name()));
    let (tell, seen) = watch::channel(Value::Null);
    let (mut given, mut stories) = (HashSet::new(), JoinSet::new());
    let mut staff = Staff { town, backend, order: &order, decided: HashSet::new() };
    let (mut wait, longest) = LOOK_AFTER;
    loop {
        tokio::time::sleep(wait).await;
        wait = wait.saturating_mul(2).min(longest);
        let now = town.get(backend, &format!("/v1/orders/{}", order.order)).await?;
        // Before stories begin: the first thing that they do is to look.
        tell.send_replace(now.clone());
        let payments = now.get("payments").and_then(Value::as_array).cloned().unwrap_or_default();
        for (payment, nth) in payments.iter().zip(0..) {
            let Some(affair) = Affair::new((town, backend), &order, (payment, nth), &seen) else { continue };
            if !given.insert(affair.payment.clone()) {
                continue;
            }
            match affair.kind() {
                Some("transfer") => drop(stories.spawn(super::transfers::transfer(affair))),
                Some("cash") => drop(stories.spawn(super::collect::collect(affair))),
                _ => affair.meet(&now, &chance).await?,
            }
        }
        staff.look_at_holds(&payments, &chance).await?;
        let overdue = expires_at(&now).is_some_and(|at| at.plus_ms(grace_ms) <= town.clock.now());
        let closing = now.get("state").is_some_and(|state| state == "closing");
        if watched && overdue && !closing && !ended(&now) {
            staff.close_overdue().await?;
        }
        let over = ended(&now);
        let dealt_with = payments.iter().filter(|payment| is_dealt_with(payment)).count() >= order.methods.len();
        while let Some(done) = stories.try_join_next() {
            done.map_err(|e| refused(&e.to_string()))??;
        }
        if stories.is_empty() && (over || (dealt_with && !watched)) {
            return Ok(());
        }
    }
}

/// The merchant's staff, about one order.
struct Staff<'a> {
    town: &'a Town,
    backend: &'a Backend,
    order: &'a Placed,
    decided: HashSet<String>,
}

impl Staff<'_> {
    /// Takes what is held, or lets it go.
    async fn look_at_holds(&mut self, payments: &[Value], chance: &dyn Chance) -> Result<(), SandboxError> {
        let held = payments.iter().filter(|p| p.get("state").is_some_and(|state| state == "authorized"));
        for payment in held.filter_map(|p| p.get("id").and_then(Value::as_str)) {
            if !self.decided.insert(payment.to_owned()) {
                continue;
            }
            let order = self.order.order;
            let (path, body, deed) = if chance.below(LET_GO_OF) == 0 {
                (format!("/v1/orders/{order}/close"), json!({ "reason": "service not given" }), "holds_let_go")
            } else {
                (format!("/v1/orders/{order}/capture"), json!({ "by": "客服 Li", "payment": payment }), "captures")
            };
            let key = format!("{payment}-{deed}");
            match self.town.post(self.backend, &path, &key, &body).await? {
                (200..300, _) => self.town.diary.note(deed),
                // Another payment of the order was faster, or it is at its end.
                (409 | 422, _) => self.town.diary.note("holds_overtaken"),
                (status, answer) => self.town.diary.surprise(format!("{path}: {status} {answer}")),
            }
        }
        Ok(())
    }

    /// Nobody can be asked whether money by hand still comes: staff decides that it does not.
    async fn close_overdue(&mut self) -> Result<(), SandboxError> {
        let order = self.order.order;
        // Each try is a wish of its own: what was refused once may be possible later.
        let key = format!("{order}-overdue-{}", self.decided.len());
        if self.decided.len() > 50 {
            return Ok(());
        }
        self.decided.insert(key.clone());
        let body = json!({ "reason": "not paid in time" });
        match self.town.post(self.backend, &format!("/v1/orders/{order}/close"), &key, &body).await? {
            (200..300, _) => self.town.diary.note("closed_overdue"),
            (409, _) => {}
            (status, answer) => self.town.diary.surprise(format!("{order} could not be closed: {status} {answer}")),
        }
        Ok(())
    }
}

pub(super) fn ended(order: &Value) -> bool {
    matches!(order.get("state").and_then(Value::as_str), Some("paid" | "closed"))
}

/// Whether the customer of a payment has it before him, or will never have.
fn is_dealt_with(payment: &Value) -> bool {
    let state = payment.get("state").and_then(Value::as_str).unwrap_or_default();
    // A payment whose answer was lost may be known to be unpaid before its code is.
    payment.get("code").is_some() || !matches!(state, "new" | "sending" | "unknown" | "awaiting_payer")
}

#[cfg(test)]
mod tests {
    use super::*;

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
