//! The merchant's cashier: counts what workers hand in, has differences approved, brings it to the bank, and gives
//! cash back to customers. It knows the drawers as the API shows them, and must never know who has paid.

use std::time::Duration;

use bursar_core::Chance;
use bursar_core::chance::SeededChance;
use bursar_core::id::ChannelAccountId;
use serde_json::{Value, json};

use super::api::refused;
use super::cash::Pockets;
use super::feed::Backend;
use super::town::Town;
use crate::SandboxError;

/// How often drawers are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(700);
/// Of so many drawers with something in them one is handed in at a look.
const HAND_IN_OF: u64 = 4;
/// Of so many hand-ins one is short by [`SHORT_MINOR`].
const SHORT_OF: u64 = 6;
const SHORT_MINOR: i64 = 100;

/// A merchant's cash account.
#[derive(Clone, Debug)]
pub struct CashAccount {
    /// Whose.
    pub backend: Backend,
    /// Its id.
    pub account: ChannelAccountId,
}

/// Takes cash over from workers, until it is stopped from outside. What goes wrong is in the diary.
pub async fn take_cash_over(town: Town, accounts: Vec<CashAccount>) {
    let chance = SeededChance::new(town.seed ^ 0x6361_7368);
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        for account in &accounts {
            if let Err(error) = town.look_at_drawers(account, &chance).await {
                town.diary.surprise(error.to_string());
            }
        }
    }
}

impl Town {
    async fn drawers(&self, account: &CashAccount) -> Result<Vec<Value>, SandboxError> {
        let seen = self.get(&account.backend, &format!("/v1/cash/{}/drawers", account.account)).await?;
        Ok(seen.get("drawers").and_then(Value::as_array).cloned().unwrap_or_default())
    }

    async fn look_at_drawers(&self, account: &CashAccount, chance: &dyn Chance) -> Result<(), SandboxError> {
        for drawer in self.drawers(account).await? {
            let minor = |name: &str| drawer.get(name).and_then(Value::as_i64).unwrap_or_default();
            let over = drawer.get("over_limit").and_then(Value::as_bool).unwrap_or_default();
            let worker = drawer.get("worker").and_then(Value::as_str).unwrap_or_default();
            if minor("confirmed_minor") > 0 && (over || chance.below(HAND_IN_OF) == 0) {
                self.hand_in(account, worker, chance).await?;
            }
        }
        Ok(())
    }

    async fn hand_in(&self, account: &CashAccount, worker: &str, chance: &dyn Chance) -> Result<(), SandboxError> {
        let hands = self.pockets.hands(account.account, worker).await;
        let drawers = self.drawers(account).await?;
        let own = drawers.iter().find(|d| d.get("worker").and_then(Value::as_str) == Some(worker));
        let on_hand = own.and_then(|d| d.get("on_hand_minor")).and_then(Value::as_i64).unwrap_or_default();
        if on_hand <= SHORT_MINOR {
            return Ok(());
        }
        let short_minor = if chance.below(SHORT_OF) == 0 { SHORT_MINOR } else { 0 };
        let number = chance.below(u64::MAX);
        let body = json!({
            "worker": worker, "counted_minor": on_hand - short_minor, "received_by": "出纳 Zhao",
            "bag": format!("B-{number:x}"),
        });
        let path = format!("/v1/cash/{}/hand-ins", account.account);
        let (status, answer) = self.post(&account.backend, &path, &format!("hand-in-{number:x}"), &body).await?;
        let expected = answer.get("expected_minor").and_then(Value::as_i64);
        let (201, Some(id), Some(expected)) = (status, answer.get("id").and_then(Value::as_str), expected) else {
            return Err(refused(&format!("{path}: {status} {answer}")));
        };
        if expected != on_hand {
            self.diary.surprise(format!("{id}: {on_hand} minor units were in the drawer, {expected} are expected"));
        }
        hands.empty(expected);
        self.diary.note("hand_ins");
        if short_minor > 0 {
            self.diary.note("hand_ins_short");
            self.on_hand_in(account, id, "approve", &json!({ "by": "店长 Wang" })).await?;
        }
        self.on_hand_in(account, id, "banked", &json!({ "by": "出纳 Zhao", "reference": format!("DEP {number:x}") }))
            .await
    }

    async fn on_hand_in(&self, account: &CashAccount, id: &str, verb: &str, body: &Value) -> Result<(), SandboxError> {
        let path = format!("/v1/hand-ins/{id}/{verb}");
        match self.post(&account.backend, &path, &format!("{id}-{verb}"), body).await? {
            (200, _) => Ok(()),
            (status, answer) => Err(refused(&format!("{path}: {status} {answer}"))),
        }
    }

    /// Gives a customer cash back out of some worker's drawer: `false` when no drawer has enough, or the leg does
    /// not wait for it.
    ///
    /// # Errors
    /// When the gateway does not answer.
    pub async fn give_cash_back(
        &self,
        account: &CashAccount,
        refund: &str,
        leg: &str,
        minor: i64,
    ) -> Result<bool, SandboxError> {
        for worker in Pockets::workers() {
            let hands = self.pockets.hands(account.account, &worker).await;
            if hands.carries_minor() < minor {
                continue;
            }
            let proof = format!("receipt {}", leg.get(..12).unwrap_or(leg));
            let body = json!({ "leg": leg, "worker": worker, "by": "出纳 Zhao", "proof": proof });
            let path = format!("/v1/refunds/{refund}/paid-out");
            match self.post(&account.backend, &path, &format!("{leg}-{worker}"), &body).await? {
                (200, _) => {
                    hands.give_for(leg, minor);
                    self.diary.note("cash_given_back");
                    return Ok(true);
                }
                (409, _) => {}
                (status, answer) => self.diary.surprise(format!("{path}: {status} {answer}")),
            }
        }
        Ok(false)
    }
}
