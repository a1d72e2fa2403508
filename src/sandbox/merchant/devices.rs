//! What customers' devices do with what they are given to pay with: they open pages, post forms and hand orders to
//! the channels' apps. It knows the shapes in which the API hands a payment over, and must never know whether the
//! customer then pays (that is the sandbox's payers').

use bursar_core::Chance;
use bursar_core::clock::Timestamp;
use serde_json::{Value, json};

use super::town::Town;
use crate::SandboxError;

/// Of so many customers one never opens what he was given, and one opens it twice.
const NEVER_OF: u64 = 12;
const TWICE_OF: u64 = 8;

/// What a customer's device opens; `None` when nothing is to be opened.
pub(super) fn door(code: &Value) -> Option<Value> {
    let text = |pointer: &str| code.pointer(pointer).and_then(Value::as_str);
    match text("/kind")? {
        "redirect" => Some(json!({ "url": text("/url")? })),
        "form" => Some(json!({ "form": { "action": text("/action")?, "fields": code.get("fields")? } })),
        // Alipay's app takes a text, UnionPay's a number, and the page with a card form a secret.
        "sdk" => ["order_string", "tn", "client_secret"]
            .iter()
            .find_map(|name| text(&format!("/fields/{name}")))
            .map(|found| json!({ "order_string": found })),
        _ => None,
    }
}

impl Town {
    /// A customer of `payment` has `door` before him.
    pub(super) async fn meet(
        &self,
        order: &Value,
        payment: &str,
        door: &Value,
        chance: &dyn Chance,
    ) -> Result<(), SandboxError> {
        let times = match (chance.below(NEVER_OF), chance.below(TWICE_OF)) {
            _ if self.exact => 1,
            (0, _) => 0,
            (_, 0) => 2,
            _ => 1,
        };
        if times == 0 {
            self.diary.note("doors_left_alone");
        }
        for time in 0..times {
            let (status, answer) = self.open(door).await?;
            match status {
                200 => self.diary.note("doors_opened"),
                // He has paid meanwhile, or the order has ended.
                _ if time > 0 => self.diary.note("doors_closed_again"),
                // The last moment may pass on the way.
                _ if expires_at(order).is_none_or(|at| at <= self.clock.now()) => self.diary.note("doors_too_late"),
                _ => self.diary.surprise(format!("{payment} could not be opened: {status} {answer}")),
            }
        }
        Ok(())
    }
}

pub(super) fn expires_at(order: &Value) -> Option<Timestamp> {
    Timestamp::parse_rfc3339(order.get("expires_at")?.as_str()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_code_is_opened_as_a_device_opens_it() {
        let cases = [
            (json!({"kind": "qr_code", "url": "weixin://x"}), None),
            (json!({"kind": "transfer", "fields": {}}), None),
            (json!({"kind": "redirect", "url": "http://x"}), Some(json!({"url": "http://x"}))),
            (
                json!({"kind": "form", "action": "http://x", "fields": {"a": "b"}}),
                Some(json!({"form": {"action": "http://x", "fields": {"a": "b"}}})),
            ),
            (json!({"kind": "sdk", "fields": {"order_string": "a=b"}}), Some(json!({"order_string": "a=b"}))),
            (json!({"kind": "sdk", "fields": {"tn": "7"}}), Some(json!({"order_string": "7"}))),
            (json!({"kind": "sdk", "fields": {"client_secret": "s"}}), Some(json!({"order_string": "s"}))),
        ];
        for (code, expected) in cases {
            assert_eq!(door(&code), expected, "{code}");
        }
        assert_eq!(door(&json!({"kind": "form"})), None);
    }
}
