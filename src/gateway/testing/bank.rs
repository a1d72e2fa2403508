//! Statements of banks through the API: files in, lines out, and what people say about them.

use std::sync::Arc;

use axum::body::Body;
use bursar_core::Chance;
use bursar_core::bank::{LineRow, LineState, LineSubject};
use bursar_core::channel::ChannelKind;
use bursar_core::id::{ChannelAccountId, LineId, MerchantId};
use bursar_core::job::JobKind;
use bursar_core::merchant::ChannelAccount;
use bursar_store::Store;
use serde_json::{Value, json};

use super::{Answer, House, START, order_with, text};
use crate::GatewaySettings;

const FILE: &str = ":20:A\n:25:6222020200112233\n:28C:7/1\n:60F:C261122CNY100,\n\
:61:2611221122C88,NTRFX//B1\n:86:往来款\n:61:2611221122D5,NTRFY//B2\n:86:手续费\n:62F:C261122CNY183,\n-\n";

impl House {
    /// A bank account of `merchant`.
    pub async fn bank_account(store: &Arc<dyn Store>, merchant: MerchantId, chance: &dyn Chance) -> ChannelAccountId {
        let account = ChannelAccount {
            id: ChannelAccountId::fresh(START, chance),
            merchant,
            channel: ChannelKind::Bank,
            settings: json!({ "account_number": "6222020200112233", "account_name": "甲", "bank_name": "乙" }),
            facts: None,
            created_at: START,
        };
        store.put_account(&account).await.unwrap();
        account.id
    }

    /// A payment by transfer to the bank account.
    pub async fn transfer_payment(&self) -> String {
        let body = order_with(&json!({ "number": "n-transfer", "method": "bank_transfer", "account_id": self.bank }));
        let order = self.post("/v1/orders", "key-transfer", body.to_string()).await.expect(201).json();
        text(&order["payments"][0]["id"]).to_owned()
    }

    /// Imports the file and leaves its lines to a person: the one that came in, and the one that went out.
    pub async fn suspended_lines(&self) -> (String, String) {
        let path = format!("/v1/bank/{}", self.bank);
        let headers = [("idempotency-key", "key-file")];
        self.send(self.request("POST", &format!("{path}/statements"), &headers, FILE)).await.expect(200);
        let lines = self.get(&format!("{path}/lines")).await.expect(200).json()["lines"].clone();
        let of = |way: &str| {
            let line = lines.as_array().unwrap().iter().find(|l| l["direction"] == way).unwrap();
            text(&line["id"]).parse::<LineId>().unwrap()
        };
        let (credit, debit) = (of("credit"), of("debit"));
        for id in [credit, debit] {
            let judge = |row: &LineRow| Ok::<_, ()>(row.suspended("nobody", START));
            self.desk.judge_line(id, judge, |_, _| {}).await.unwrap();
        }
        (credit.to_string(), debit.to_string())
    }
}

struct Bank {
    house: House,
    account: ChannelAccountId,
}

impl Bank {
    async fn new() -> Self {
        Self::with(GatewaySettings::default()).await
    }

    async fn with(settings: GatewaySettings) -> Self {
        let house = House::with(settings).await;
        Self { account: house.bank, house }
    }

    fn path(&self, rest: &str) -> String {
        format!("/v1/bank/{}/{rest}", self.account)
    }

    async fn import(&self, query: &str, file: impl Into<Body>) -> Answer {
        let key = self.house.desk.chance.next_u64().to_string();
        self.import_as(&key, query, file).await
    }

    async fn import_as(&self, key: &str, query: &str, file: impl Into<Body>) -> Answer {
        let path = self.path(&format!("statements{query}"));
        self.house.send(self.house.request("POST", &path, &[("idempotency-key", key)], file)).await
    }

    async fn lines(&self, query: &str) -> Value {
        self.house.get(&self.path(&format!("lines{query}"))).await.expect(200).json()["lines"].clone()
    }

    async fn say(&self, line: &str, verb: &str, key: &str, body: &Value) -> Answer {
        self.house.post(&self.path(&format!("lines/{line}/{verb}")), key, body.to_string()).await
    }
}

#[tokio::test]
async fn a_file_is_taken_in_once_and_every_line_gets_a_job() {
    let bank = Bank::new().await;
    let first = bank.import("?name=day.sta&format=auto", FILE).await.expect(200).json();
    assert_eq!(first["already_imported"], false);
    let statement = &first["statements"][0];
    assert_eq!((&statement["lines_total"], &statement["lines_new"]), (&json!(2), &json!(2)));
    assert_eq!((&statement["number"], &statement["format"]), (&json!("7/1"), &json!("mt940")));
    assert_eq!((&statement["opening_minor"], &statement["closing_minor"]), (&json!(10_000), &json!(18_300)));
    assert!(text(&statement["imported_by"]).starts_with("key_"));
    let jobs =
        || async { bank.house.jobs().await.into_iter().filter(|j| j.key.kind == JobKind::MatchStatementLine).count() };
    assert_eq!(jobs().await, 2);
    let again = bank.import("?name=other.sta", FILE).await.expect(200).json();
    assert_eq!((&again["already_imported"], &again["statements"][0]), (&json!(true), statement));
    assert_eq!((jobs().await, bank.lines("").await.as_array().unwrap().len()), (2, 2));
    // Another file about the same entries is a new version with nothing new.
    let longer = bank.import("", FILE.replace(":20:A", ":20:B")).await.expect(200).json();
    let statement = &longer["statements"][0];
    assert_eq!((&statement["version"], &statement["lines_new"]), (&json!(2), &json!(0)));
    assert_eq!(jobs().await, 2);
}

#[tokio::test]
async fn a_repeated_upload_gets_the_first_answer() {
    let bank = Bank::new().await;
    let first = bank.import_as("k1", "", FILE).await.expect(200);
    let second = bank.import_as("k1", "", FILE).await.expect(200);
    assert_eq!(
        (second.bytes.clone(), &second.headers["idempotency-replayed"]),
        (first.bytes.clone(), &"true".parse().unwrap())
    );
    let other = bank.import_as("k1", "", FILE.replace("C88", "C89")).await.expect(422);
    assert_eq!(other.problem(), "idempotency-key-reused");
    let keyless = bank.house.request("POST", &bank.path("statements"), &[], FILE);
    assert_eq!(bank.house.send(keyless).await.expect(400).problem(), "missing-idempotency-key");
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_with_the_place_and_changes_nothing() {
    let bank = Bank::new().await;
    let before = bank.house.fingerprint().await;
    for (query, file, detail) in [
        ("", FILE.replace("C88,", "C88,005"), "line 5, :61:"),
        ("", FILE.replace("6222020200112233", "6222020200119999"), "not about"),
        ("", "%PDF-1.7".to_owned(), "PDF"),
        ("?format=camt", FILE.to_owned(), "camt"),
        ("?format=csv", FILE.to_owned(), "statement_mapping"),
        ("?format=xls", FILE.to_owned(), "`xls` is not a format"),
        ("", String::new(), "empty"),
    ] {
        let answer = bank.import(query, file).await.expect(422);
        assert_eq!(answer.problem(), "statement-not-read", "{query}");
        assert!(text(&answer.json()["detail"]).contains(detail), "{query}: {}", answer.json());
    }
    assert_eq!(bank.import("?x=1", FILE).await.expect(400).problem(), "invalid-parameter");
    assert_eq!(bank.lines("").await, json!([]));
    assert_eq!(bank.house.fingerprint().await, before);
}

#[tokio::test]
async fn files_have_a_limit_of_their_own() {
    let settings = GatewaySettings { statement_limit_bytes: FILE.len(), ..GatewaySettings::default() };
    let bank = Bank::with(settings).await;
    bank.import("", FILE).await.expect(200);
    assert_eq!(bank.import("", format!("{FILE} ")).await.expect(413).problem(), "body-too-large");
    let none = Bank::with(GatewaySettings { max_imports: 0, ..GatewaySettings::default() }).await;
    assert_eq!(none.import("", FILE).await.expect(503).problem(), "overloaded");
}

#[tokio::test]
async fn accounts_of_others_and_of_other_channels_do_not_exist() {
    let bank = Bank::new().await;
    bank.import("", FILE).await.expect(200);
    for path in ["statements", "lines"] {
        bank.house.get_as_other(&bank.path(path)).await.expect(404);
        bank.house.get(&format!("/v1/bank/{}/{path}", bank.house.account)).await.expect(404);
        bank.house.get(&format!("/v1/bank/x/{path}")).await.expect(404);
    }
    let line = text(&bank.lines("").await[0]["id"]).to_owned();
    let body = json!({ "by": "Li Na", "reason": "x" });
    let path = bank.path(&format!("lines/{line}/ignore"));
    bank.house.post_as_other(&path, "k", &body).await.expect(404);
    bank.say("lin_01jd7z00000000000000000000", "ignore", "k", &body).await.expect(404);
    bank.say("x", "ignore", "k", &body).await.expect(404);
}

#[tokio::test]
async fn lists_come_in_pages_and_by_state() {
    let bank = Bank::new().await;
    bank.house.suspended_lines().await;
    bank.house.clock.advance_ms(1_000);
    bank.import("", FILE.replace(":28C:7/1", ":28C:8/1")).await.expect(200);
    let page = bank.house.get(&bank.path("lines?limit=1")).await.expect(200).json();
    let next = format!("lines?limit=1&cursor={}", text(&page["next_cursor"]));
    let second = bank.house.get(&bank.path(&next)).await.expect(200).json();
    assert_ne!(page["lines"][0]["id"], second["lines"][0]["id"]);
    assert!(second.get("next_cursor").is_none());
    let waiting = bank.lines("?state=suspense").await;
    assert_eq!((waiting.as_array().unwrap().len(), &waiting[0]["why"]), (2, &json!("nobody")));
    assert_eq!(bank.lines("?state=settled").await, json!([]));
    assert_eq!(bank.house.get(&bank.path("lines?state=lost")).await.expect(400).problem(), "invalid-parameter");
    let newest = bank.house.get(&bank.path("statements?limit=1")).await.expect(200).json();
    assert_eq!(newest["statements"][0]["number"], "8/1");
    let older = bank.path(&format!("statements?cursor={}", text(&newest["next_cursor"])));
    let older = bank.house.get(&older).await.expect(200).json();
    assert_eq!(older["statements"][0]["number"], "7/1");
    assert!(older.get("next_cursor").is_none());
}

#[tokio::test]
async fn a_person_says_whose_a_line_is_once() {
    let bank = Bank::new().await;
    let (line, payment) = (bank.house.suspended_lines().await.0, bank.house.transfer_payment().await);
    let body = json!({ "payment": payment, "by": "Li Na" });
    let given = bank.say(&line, "assign", "k1", &body).await.expect(200).json();
    assert_eq!((&given["state"], &given["payment_id"]), (&json!("matched"), &json!(payment)));
    assert_eq!((&given["matched_by"], &given["decided_by"]), (&json!("person"), &json!("Li Na")));
    assert_eq!(bank.say(&line, "assign", "k1", &body).await.expect(200).json(), given);
    let again = bank.say(&line, "assign", "k2", &body).await.expect(409);
    assert_eq!((again.problem().as_str(), &again.json()["state"]), ("line-not-open", &json!("matched")));
    let row = bank.house.store.line(line.parse().unwrap()).await.unwrap().unwrap();
    assert_eq!((row.state, row.subject), (LineState::Matched, Some(LineSubject::Payment(payment.parse().unwrap()))));
    let jobs = bank.house.jobs().await;
    assert!(jobs.iter().any(|j| j.key.kind == JobKind::MatchStatementLine && j.key.subject == row.id.uuid()));
}

#[tokio::test]
async fn a_line_that_was_ignored_can_still_be_assigned() {
    let bank = Bank::new().await;
    let (line, payment) = (bank.house.suspended_lines().await.0, bank.house.transfer_payment().await);
    let body = json!({ "by": "Li Na", "reason": "a gift" });
    let ignored = bank.say(&line, "ignore", "k1", &body).await.expect(200).json();
    assert_eq!((&ignored["state"], &ignored["why"]), (&json!("ignored"), &json!("a gift")));
    assert_eq!(bank.say(&line, "ignore", "k2", &body).await.expect(409).problem(), "line-not-open");
    let body = json!({ "payment": payment, "by": "Wang Fang" });
    assert_eq!(bank.say(&line, "assign", "k3", &body).await.expect(200).json()["state"], "matched");
}

#[tokio::test]
async fn bad_members_and_things_of_elsewhere_are_refused_and_change_nothing() {
    let bank = Bank::new().await;
    let (line, payment) = (bank.house.suspended_lines().await.0, bank.house.transfer_payment().await);
    let order = bank.house.order("n-wechat").await;
    let elsewhere = text(&order["payments"][0]["id"]).to_owned();
    let debit = bank.lines("").await.as_array().unwrap().iter().find(|l| l["direction"] == "debit").unwrap().clone();
    let before = (bank.lines("").await, bank.house.fingerprint().await);
    for (verb, body, pointer) in [
        ("assign", json!({ "by": "L" }), ""),
        ("assign", json!({ "by": "L", "payment": payment, "line": debit["id"] }), ""),
        ("assign", json!({ "payment": payment }), "/by"),
        ("assign", json!({ "by": "L", "payment": "x" }), "/payment"),
        ("assign", json!({ "by": "L", "payment": elsewhere }), "/payment"),
        ("assign", json!({ "by": "L", "leg": "rfl_01jd7z00000000000000000000" }), "/leg"),
        ("assign", json!({ "by": "L", "line": "lin_01jd7z00000000000000000000" }), "/line"),
        ("assign", json!({ "by": "L", "line": line }), ""),
        ("assign", json!({ "by": "bursar", "payment": payment }), "/by"),
        ("assign", json!({ "by": "L", "payment": payment, "x": 1 }), "/x"),
        ("ignore", json!({ "by": "L" }), "/reason"),
        ("ignore", json!({ "by": "L", "reason": "a\u{0}" }), "/reason"),
    ] {
        let answer = bank.say(&line, verb, "k1", &body).await.expect(422);
        assert_eq!(answer.pointers(), [pointer], "{verb} {body}");
    }
    bank.house
        .send(bank.house.request("POST", &bank.path(&format!("lines/{line}/ignore")), &[], "{}"))
        .await
        .expect(415);
    assert_eq!((bank.lines("").await, bank.house.fingerprint().await), before);
}
