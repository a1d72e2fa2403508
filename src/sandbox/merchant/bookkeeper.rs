//! The merchant's bookkeeper: fetches the bank's files, imports them, and says whose the lines are that nobody could
//! tell. It asks the customer (who knows what he meant), and must never look at the merchant's books.

use std::time::Duration;

use bursar_core::Chance;
use bursar_core::chance::SeededChance;
use bursar_core::id::ChannelAccountId;
use serde_json::{Value, json};

use super::api::refused;
use super::feed::Backend;
use super::town::Town;
use crate::{Meaning, SandboxError, Transfer};

/// How often the bank is asked for news.
const LOOK_EVERY: Duration = Duration::from_millis(400);
/// Of so many files one is imported twice.
const TWICE_OF: u64 = 4;
/// Of so many looks one finds something on the account that has nothing to do with orders.
const STRANGE_OF: u64 = 8;

/// A merchant's bank account.
#[derive(Clone, Debug)]
pub struct BankAccount {
    /// Whose.
    pub backend: Backend,
    /// Its id.
    pub account: ChannelAccountId,
    /// Its number at the bank.
    pub number: String,
}

/// Keeps the books of bank accounts, until it is stopped from outside. What goes wrong is in the diary.
pub async fn keep_books(town: Town, accounts: Vec<BankAccount>) {
    let chance = SeededChance::new(town.seed ^ 0x626f_6f6b);
    loop {
        for account in &accounts {
            if let Err(error) = town.look_at_account(account, &chance).await {
                town.diary.surprise(error.to_string());
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

impl Town {
    async fn look_at_account(&self, account: &BankAccount, chance: &dyn Chance) -> Result<(), SandboxError> {
        let strange = |name, text, amount_minor| {
            let (account, meaning) = (account.number.as_str(), Meaning::Other);
            Transfer { account, amount_minor, name, text, meaning }
        };
        // Only with other news, so that the account comes to rest.
        if !self.exact && self.bank.has_news(&account.number) && chance.below(STRANGE_OF) == 0 {
            match chance.below(2) {
                0 => drop(self.bank.pay_out(&strange("物业公司", "办公室房租", 500_000))),
                _ => {
                    drop(self.bank.receive(&strange("银行", "结息", 1 + i64::try_from(chance.below(900)).unwrap_or(0))))
                }
            }
        }
        if let Some(file) = self.bank.next_file(&account.number) {
            let path = format!("/v1/bank/{}/statements?name={}", account.account, file.name);
            let times = if !self.exact && chance.below(TWICE_OF) == 0 { 2 } else { 1 };
            for time in 0..times {
                let key = format!("{}-{}-{time}", account.account, file.name);
                let (status, answer) = self.upload(&account.backend, &path, &key, &file.bytes).await?;
                let known = answer.get("already_imported").and_then(Value::as_bool);
                match (status, known) {
                    (200, Some(known)) if known == (time > 0) => {
                        self.diary.note(if known { "statements_known_already" } else { "statements" });
                    }
                    _ => self.diary.surprise(format!("{path}, {}. time: {status} {answer}", time + 1)),
                }
            }
        }
        self.decide(account).await
    }

    /// Looks at the lines of which nobody could tell whose they are.
    async fn decide(&self, account: &BankAccount) -> Result<(), SandboxError> {
        let path = format!("/v1/bank/{}/lines", account.account);
        let seen = self.get(&account.backend, &format!("{path}?state=suspense&limit=100")).await?;
        let lines = seen.get("lines").and_then(Value::as_array).cloned().unwrap_or_default();
        for line in lines {
            let text = |name: &str| line.get(name).and_then(Value::as_str).unwrap_or_default();
            let (id, serial) = (text("id"), text("bank_reference"));
            let by = "会计 Chen";
            let (verb, body) = match self.bank.meaning_of(serial) {
                Some(Meaning::Payment(payment)) => ("assign", json!({ "payment": payment, "by": by })),
                Some(Meaning::Leg(leg)) => ("assign", json!({ "leg": leg, "by": by })),
                Some(Meaning::TakesBack(of)) => match self.line_of(account, &of).await? {
                    Some(line) => ("assign", json!({ "line": line, "by": by })),
                    None => return Err(refused(&format!("{id} takes {of} back, which is no line"))),
                },
                Some(Meaning::Other) => ("ignore", json!({ "reason": "nothing of an order", "by": by })),
                None => return Err(refused(&format!("{id} has a number that the bank does not know: {line}"))),
            };
            let deed = if verb == "assign" { "lines_assigned" } else { "lines_ignored" };
            match self.post(&account.backend, &format!("{path}/{id}/{verb}"), &format!("{id}-{verb}"), &body).await? {
                (200, _) => self.diary.note(deed),
                // A job was faster.
                (409, _) => {}
                (status, answer) => self.diary.surprise(format!("{id} {verb}: {status} {answer}")),
            }
        }
        Ok(())
    }

    /// The line that the bank knows by this number.
    async fn line_of(&self, account: &BankAccount, serial: &str) -> Result<Option<String>, SandboxError> {
        let mut cursor = String::new();
        loop {
            let path = format!("/v1/bank/{}/lines?limit=100{cursor}", account.account);
            let seen = self.get(&account.backend, &path).await?;
            let lines = seen.get("lines").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            let found = lines.iter().find(|l| l.get("bank_reference").and_then(Value::as_str) == Some(serial));
            if let Some(found) = found {
                return Ok(found.get("id").and_then(Value::as_str).map(str::to_owned));
            }
            match seen.get("next_cursor").and_then(Value::as_str) {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(None),
            }
        }
    }
}
