//! Customers who pay cash, and the workers who collect it: it knows what workers tell the program and how it is
//! confirmed, and must never know how cash is handed in.

use bursar_core::Chance;
use bursar_core::chance::SeededChance;
use bursar_core::id::ChannelAccountId;
use serde_json::{Value, json};

use super::api::refused;
use super::cash::{Hands, Pockets};
use super::customers::{Affair, ended};
use crate::SandboxError;

/// What happens between a customer and a worker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Plan {
    /// The customer tells the worker his code.
    ByCode,
    /// Staff confirms what the worker says.
    ByStaff,
    /// The code is mistyped first.
    WrongCode,
    /// Half now, the rest later.
    TwoPieces,
    /// A tip.
    TooMuch,
    /// The worker is offline, and tells it later.
    Offline,
    /// The worker is offline so long that the order is closed when he tells it.
    TooLate,
    /// The worker says something wrong first, which staff contradicts.
    Wrong,
    Never,
}

/// Of 100 customers so many.
const PLANS: [(u64, Plan); 9] = [
    (34, Plan::ByCode),
    (20, Plan::ByStaff),
    (6, Plan::WrongCode),
    (8, Plan::TwoPieces),
    (6, Plan::TooMuch),
    (8, Plan::Offline),
    (6, Plan::TooLate),
    (6, Plan::Wrong),
    (6, Plan::Never),
];

impl Plan {
    fn draw(chance: &dyn Chance) -> Self {
        let mut point = chance.below(100);
        for (weight, plan) in PLANS {
            if point < weight {
                return plan;
            }
            point -= weight;
        }
        Self::Never
    }
}

/// Notes that customers have, in minor units.
const NOTE_MINOR: i64 = 10_000;
/// Of so many collections a device sends one twice.
const TOLD_TWICE_OF: u64 = 4;

/// Who confirms.
enum Confirmer {
    Code(String),
    Staff,
}

/// A customer and a worker at the door.
struct Door {
    affair: Affair,
    account: ChannelAccountId,
    worker: String,
    chance: SeededChance,
    /// Counts the collections.
    nth: u32,
}

/// A customer pays (or does not) in cash.
pub(super) async fn collect(affair: Affair) -> Result<(), SandboxError> {
    let chance = affair.chance();
    let plan = if affair.town.exact { Plan::ByCode } else { Plan::draw(&chance) };
    let code = affair.code.get("code").and_then(Value::as_str).unwrap_or_default().to_owned();
    let (worker, amount) = (Pockets::worker(affair.order.number, affair.town.workers), affair.amount_minor);
    let town = affair.town.clone();
    let account = account_of(&affair)?;
    if !town.exact {
        town.wait_ms(6_000 + chance.below(90_000)).await;
    }
    let mut door = Door { affair, account, worker, chance, nth: 0 };
    match plan {
        Plan::Never => town.diary.note("cash_never_paid"),
        Plan::ByCode => door.pays(amount, Some(Confirmer::Code(code))).await?,
        Plan::ByStaff => door.pays(amount, Some(Confirmer::Staff)).await?,
        Plan::TooMuch => door.pays(amount + 500, Some(Confirmer::Staff)).await?,
        Plan::WrongCode => {
            let collection = door.pays_and_is_told(amount).await?;
            door.is_mistyped(&collection, &code).await?;
            door.confirm(&collection, Confirmer::Code(code)).await?;
        }
        Plan::TwoPieces => {
            let first = (amount / 2).max(1);
            door.pays(first, Some(Confirmer::Staff)).await?;
            town.wait_ms(30_000).await;
            if amount > first {
                door.pays(amount - first, Some(Confirmer::Code(code))).await?;
            }
        }
        Plan::Offline => door.is_offline(amount, 120_000).await?,
        Plan::TooLate => {
            door.affair.until(ended).await?;
            // One who has paid by another way had nothing collected.
            if door.affair.seen.borrow().get("state").is_some_and(|state| state == "closed") {
                door.is_offline(amount, 5_000).await?;
            }
        }
        Plan::Wrong => {
            door.is_contradicted(amount).await?;
            door.pays(amount, Some(Confirmer::Staff)).await?;
        }
    }
    Ok(())
}

fn account_of(affair: &Affair) -> Result<ChannelAccountId, SandboxError> {
    let seen = affair.seen.borrow();
    let payments = seen.get("payments").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let own = payments.iter().find(|p| p.get("id").and_then(Value::as_str) == Some(affair.payment.as_str()));
    let account = own.and_then(|p| p.get("account_id")).and_then(Value::as_str).unwrap_or_default();
    account.parse().map_err(|e: String| refused(&format!("{}: {e}", affair.payment)))
}

impl Door {
    async fn hands(&self) -> Hands {
        self.affair.town.pockets.hands(self.account, &self.worker).await
    }

    /// The customer hands over `amount_minor`, the worker tells it, and somebody confirms it.
    async fn pays(&mut self, amount_minor: i64, confirmer: Option<Confirmer>) -> Result<(), SandboxError> {
        let collection = self.pays_and_is_told(amount_minor).await?;
        match confirmer {
            Some(confirmer) => self.confirm(&collection, confirmer).await,
            None => Ok(()),
        }
    }

    async fn pays_and_is_told(&mut self, amount_minor: i64) -> Result<String, SandboxError> {
        let hands = self.hands().await;
        hands.take_for(&self.affair.payment, amount_minor);
        let body = self.claim(amount_minor);
        self.tell(&body).await
    }

    /// The worker has no connection when he collects: nobody hears of it for a while.
    async fn is_offline(&mut self, amount_minor: i64, for_ms: u64) -> Result<(), SandboxError> {
        // What is in his pocket shows in no drawer meanwhile, so he holds it in his hands.
        let hands = self.hands().await;
        let body = self.claim(amount_minor);
        self.affair.town.wait_ms(for_ms).await;
        hands.take_for(&self.affair.payment, amount_minor);
        self.affair.town.diary.note("collections_told_later");
        let collection = self.tell(&body).await?;
        drop(hands);
        self.confirm(&collection, Confirmer::Staff).await
    }

    /// What the worker's device says: made once, when the cash changes hands.
    fn claim(&mut self, amount_minor: i64) -> Value {
        self.nth += 1;
        let mut bytes = [0_u8; 16];
        self.chance.fill(&mut bytes);
        let client_id = uuid::Builder::from_random_bytes(bytes).into_uuid();
        let tendered_minor = (amount_minor + NOTE_MINOR - 1) / NOTE_MINOR * NOTE_MINOR;
        json!({
            "client_id": client_id.to_string(),
            "payment": self.affair.payment,
            "worker": self.worker,
            "tendered_minor": tendered_minor,
            "change_minor": tendered_minor - amount_minor,
            "collected_at": self.affair.town.clock.now(),
        })
    }

    /// Sends what the worker says, perhaps twice; the collection's id.
    async fn tell(&self, body: &Value) -> Result<String, SandboxError> {
        let (town, order) = (&self.affair.town, self.affair.order.order);
        let path = format!("/v1/orders/{order}/collections");
        let mut told = Vec::new();
        let times = if !town.exact && self.chance.below(TOLD_TWICE_OF) == 0 { 2 } else { 1 };
        for time in 0..times {
            let key = format!("{}-collected-{}-{time}", self.affair.payment, self.nth);
            let (status, answer) = town.post(&self.affair.backend, &path, &key, body).await?;
            let id = answer.pointer("/collection/id").and_then(Value::as_str).map(str::to_owned);
            match (status, id) {
                (201, Some(id)) => told.push(id),
                _ => return Err(refused(&format!("{path}: {status} {answer}"))),
            }
        }
        town.diary.note("collections");
        told.dedup();
        match (told.pop(), told.is_empty()) {
            (Some(id), true) => Ok(id),
            _ => Err(refused(&format!("{path}: one collection became two"))),
        }
    }

    async fn act(&self, collection: &str, verb: &str, nth: u32, body: &Value) -> Result<(u16, Value), SandboxError> {
        let path = format!("/v1/collections/{collection}/{verb}");
        self.affair.town.post(&self.affair.backend, &path, &format!("{collection}-{verb}-{nth}"), body).await
    }

    async fn confirm(&self, collection: &str, confirmer: Confirmer) -> Result<(), SandboxError> {
        let _hands = self.hands().await;
        let (body, deed) = match confirmer {
            Confirmer::Code(code) => (json!({ "code": code }), "collections_confirmed_by_code"),
            Confirmer::Staff => (json!({ "by": "客服 Li" }), "collections_confirmed_by_staff"),
        };
        match self.act(collection, "confirm", 2, &body).await? {
            (200, _) => self.affair.town.diary.note(deed),
            (status, answer) => {
                self.affair.town.diary.surprise(format!("{collection} could not be confirmed: {status} {answer}"));
            }
        }
        Ok(())
    }

    /// Somebody mistypes the customer's code.
    async fn is_mistyped(&self, collection: &str, code: &str) -> Result<(), SandboxError> {
        let wrong: String = code.chars().rev().collect();
        let wrong = if wrong == code { "000001".to_owned() } else { wrong };
        match self.act(collection, "confirm", 1, &json!({ "code": wrong })).await? {
            (422, _) => self.affair.town.diary.note("codes_mistyped"),
            (status, answer) => {
                self.affair.town.diary.surprise(format!("{collection} with a wrong code: {status} {answer}"));
            }
        }
        Ok(())
    }

    /// The worker says something that never was; staff contradicts and refuses it.
    async fn is_contradicted(&mut self, amount_minor: i64) -> Result<(), SandboxError> {
        let _hands = self.hands().await;
        let body = self.claim(amount_minor + 10_000);
        let collection = self.tell(&body).await?;
        for (verb, by) in [("dispute", "客服 Li"), ("refuse", "店长 Wang")] {
            let body = json!({ "by": by, "reason": "the customer says that he has not paid yet" });
            let (status, answer) = self.act(&collection, verb, 1, &body).await?;
            if status != 200 {
                self.affair.town.diary.surprise(format!("{collection} {verb}: {status} {answer}"));
            }
        }
        self.affair.town.diary.note("collections_contradicted");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weights_are_percentages() {
        assert_eq!(PLANS.iter().map(|(weight, _)| weight).sum::<u64>(), 100);
    }
}
