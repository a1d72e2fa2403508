//! Reconciliation through the API: what bills told, and what people say about differences.

use bursar_core::id::BillId;
use bursar_core::job::JobKind;
use bursar_core::merchant::MerchantPolicy;
use bursar_core::money::Currency;
use bursar_core::reconcile::{
    Bill, BillKind, BillLine, BillState, BillSums, Break, BreakKind, BreakState, BreakSubject, EntryKind, EntryStatus,
    Reconciliation, RunState,
};
use bursar_store::{Answer as Commit, BillLineRow, BreakFilter, Change, DayFilter, LineVerdict};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Answer, House, START, payment_id, text};

const DAY: &str = "2026-11-21";

impl House {
    fn bill(&self, id: u128) -> Bill {
        Bill {
            id: BillId(Uuid::from_u128(id)),
            account: self.account,
            merchant: self.merchant,
            kind: BillKind::Trade,
            day: DAY.parse().unwrap(),
            issue: 1,
            digest: vec![0xab; 32],
            name: "bill.csv".into(),
            bytes: 9,
            sums: BillSums { lines: 3, captured_minor: 900, ..BillSums::default() },
            news: BillSums::default(),
            currency: Currency::CNY,
            source: "channel".into(),
            fetched_at: START,
            state: BillState::Done,
            taken: 3,
            version: 0,
        }
    }

    fn parked(&self, kind: BreakKind, about: Uuid, minor: i64, bill: BillId, ordinal: u32) -> Break {
        Break {
            id: kind.id_of(about),
            account: self.account,
            merchant: self.merchant,
            kind,
            state: BreakState::Parked,
            day: DAY.parse().unwrap(),
            amount_minor: minor,
            currency: Currency::CNY,
            subject_kind: BreakSubject::Payment,
            subject: about,
            line: Some((bill.uuid(), ordinal)),
            number: "1234".into(),
            text: "What is right?".into(),
            ended: None,
            proposal: None,
            opened_at: START,
            changed_at: START,
            event_count: 0,
            version: 0,
        }
    }

    /// A bill of three lines, each of which has opened a break that is parked: one of 1 yuan about a payment of ours,
    /// and two of 90 yuan about nothing of ours.
    pub async fn parked_breaks(&self) -> [String; 3] {
        let order = self.order("n-break").await;
        let abouts = [payment_id(&order).uuid(), Uuid::from_u128(77), Uuid::from_u128(78)];
        let bill = self.bill(5);
        let mut change = Change::default();
        let mut ids = [const { String::new() }; 3];
        for (n, about) in abouts.into_iter().enumerate() {
            let ordinal = u32::try_from(n + 1).unwrap();
            let line = BillLine {
                ordinal,
                kind: EntryKind::Capture,
                status: EntryStatus::Done,
                number: format!("number-{ordinal}"),
                payment_number: None,
                payment_channel_id: None,
                channel_id: format!("channel-{ordinal}"),
                amount_minor: 12_900,
                currency: "CNY".into(),
                fee_minor: 77,
                at: START,
                order_number: None,
            };
            let subject = (n == 0).then_some(about);
            let verdict = LineVerdict::Broken;
            change.books.new_lines.push(BillLineRow { bill: bill.id, line, subject, verdict, issue: 1 });
            let (kind, minor) = if n == 0 { (BreakKind::Amount, 100) } else { (BreakKind::MissingHere, 9_000) };
            let found = self.parked(kind, about, minor, bill.id, ordinal);
            ids[n] = found.id.to_string();
            change.books.new_breaks.push(found);
        }
        change.books.new_bills.push(bill);
        assert_eq!(self.desk.gatherer.commit(change).await.unwrap(), Commit::Committed);
        ids
    }

    /// Every break, bill and reconciliation, as text.
    pub async fn books(&self) -> String {
        let limit = 5_000;
        let breaks = self.store.breaks(&BreakFilter { limit, ..BreakFilter::default() }).await.unwrap();
        let filter = DayFilter { limit, ..DayFilter::default() };
        let bills = self.store.bills(&filter).await.unwrap();
        format!("{breaks:?} {bills:?} {:?}", self.store.reconciliations(&filter).await.unwrap())
    }

    async fn judged(&self, found: &str, verb: &str, key: &str, body: &Value) -> Answer {
        self.post(&format!("/v1/breaks/{found}/{verb}"), key, body.to_string()).await
    }
}

fn word(how: &str, by: &str) -> Value {
    json!({ "how": how, "by": by, "reason": "looked into it" })
}

async fn house() -> House {
    House::with_policy(MerchantPolicy { approval_above_minor: Some(5_000), ..MerchantPolicy::default() }).await
}

#[tokio::test]
async fn a_break_is_shown_with_the_line_that_told_it_and_what_our_books_have() {
    let house = house().await;
    let [small, large, _] = house.parked_breaks().await;
    let shown = house.get(&format!("/v1/breaks/{small}")).await.expect(200).json();
    let found = &shown["break"];
    assert_eq!((&found["kind"], &found["state"], &found["day"]), (&json!("amount"), &json!("parked"), &json!(DAY)));
    assert_eq!((&found["amount_minor"], &found["question"]), (&json!(100), &json!("What is right?")));
    assert_eq!((&shown["line"]["ordinal"], &shown["line"]["amount_minor"]), (&json!(1), &json!(12_900)));
    assert_eq!((&shown["line"]["number"], &shown["line"]["verdict"]), (&json!("number-1"), &json!("broken")));
    assert_eq!((&shown["ours"]["amount_minor"], &shown["ours"]["payment_id"]), (&json!(12_800), &found["payment_id"]));
    assert_eq!(shown["line"]["payment_id"], found["payment_id"]);
    let stranger = house.get(&format!("/v1/breaks/{large}")).await.expect(200).json();
    assert_eq!((stranger.get("ours"), &stranger["line"]["ordinal"]), (None, &json!(2)));
    for path in [format!("/v1/breaks/{small}"), "/v1/breaks/x".into(), "/v1/bills/x".into(), "/v1/bills/x/lines".into()]
    {
        house.get_as_other(&path).await.expect(404);
    }
    house.get("/v1/breaks/brk_01jd7z00000000000000000000").await.expect(404);
    assert_eq!(house.get_as_other("/v1/breaks").await.expect(200).json()["breaks"], json!([]));
}

#[tokio::test]
async fn breaks_are_listed_by_what_is_asked_and_in_pages() {
    let house = house().await;
    let [small, large, other] = house.parked_breaks().await;
    let ids = async |query: &str| {
        let page = house.get(&format!("/v1/breaks{query}")).await.expect(200).json();
        page["breaks"].as_array().unwrap().iter().map(|b| text(&b["id"]).to_owned()).collect::<Vec<_>>()
    };
    let mut all = vec![small.clone(), large.clone(), other.clone()];
    all.sort();
    assert_eq!(ids("").await, all);
    assert_eq!(ids("?kind=amount").await, [small.as_str()]);
    assert_eq!(ids(&format!("?account={}&day={DAY}&state=parked&open=true", house.account)).await, all);
    for none in ["?state=healed", "?day=2026-11-20", &format!("?account={}", house.bank)] {
        assert!(ids(none).await.is_empty(), "{none}");
    }
    house.judged(&small, "end", "k1", &word("accept", "Li Na")).await.expect(200);
    assert_eq!((ids("?open=true").await.len(), ids("?state=resolved").await), (2, vec![small]));
    let page = house.get("/v1/breaks?limit=2").await.expect(200).json();
    let cursor = text(&page["next_cursor"]);
    assert_eq!(ids(&format!("?limit=2&cursor={cursor}")).await, all[2..]);
    for bad in
        [&format!("?cursor={cursor}&open=true"), "?kind=x", "?state=x", "?open=1", "?day=x", "?account=x", "?x=1"]
    {
        let answer = house.get(&format!("/v1/breaks{bad}")).await.expect(400);
        assert_eq!(answer.problem(), "invalid-parameter", "{bad}");
    }
}

#[tokio::test]
async fn one_person_ends_what_is_small_and_once() {
    let house = house().await;
    let [small, ..] = house.parked_breaks().await;
    let first = house.judged(&small, "end", "k1", &word("accept", "Li Na")).await.expect(200);
    let ended = first.json();
    assert_eq!((&ended["state"], &ended["ended_by"]), (&json!("resolved"), &json!("Li Na")));
    assert_eq!(ended["ended_why"], "looked into it");
    assert_eq!(house.judged(&small, "end", "k1", &word("accept", "Li Na")).await.expect(200).bytes, first.bytes);
    let again = house.judged(&small, "end", "k2", &word("accept", "Li Na")).await.expect(409);
    assert_eq!((again.problem().as_str(), &again.json()["state"]), ("break-refuses", &json!("resolved")));
    assert_eq!(house.get(&format!("/v1/breaks/{small}")).await.expect(200).json()["break"], ended);
}

#[tokio::test]
async fn what_is_given_up_or_large_wants_a_second_person() {
    let house = house().await;
    let [small, large, other] = house.parked_breaks().await;
    // Small, but given up; and accepted, but large.
    for (found, how) in [(&small, "write_off"), (&large, "accept")] {
        let proposed = house.judged(found, "end", &format!("e-{found}"), &word(how, "Li Na")).await.expect(200).json();
        assert_eq!((&proposed["state"], &proposed["proposal"]["by"]), (&json!("parked"), &json!("Li Na")));
        for verb in ["agree", "refuse"] {
            let same = house.judged(found, verb, "k-same", &json!({ "by": "li na" })).await.expect(409);
            assert_eq!(same.problem(), "break-refuses");
            assert!(text(&same.json()["detail"]).contains("second person"), "{}", same.text());
        }
    }
    let agreed = house.judged(&small, "agree", "k2", &json!({ "by": "Wang Fang" })).await.expect(200).json();
    assert_eq!((&agreed["state"], &agreed["ended_by"]), (&json!("written_off"), &json!("Li Na and Wang Fang")));
    let refused = house.judged(&large, "refuse", "k3", &json!({ "by": "Wang Fang" })).await.expect(200).json();
    assert_eq!((&refused["state"], refused.get("proposal")), (&json!("parked"), None));
    let nobody = house.judged(&other, "agree", "k4", &json!({ "by": "Wang Fang" })).await.expect(409);
    assert!(text(&nobody.json()["detail"]).contains("nobody has proposed"), "{}", nobody.text());
    // What was given up is in the ledger.
    assert!(house.store.balances().await.unwrap().iter().any(|(_, owner, _, _)| *owner == house.merchant.uuid()));
}

#[tokio::test]
async fn bad_words_and_breaks_of_others_change_nothing() {
    let house = house().await;
    let [small, ..] = house.parked_breaks().await;
    let before = house.fingerprint().await;
    for (verb, body, pointer) in [
        ("end", json!({ "by": "L", "reason": "x" }), "/how"),
        ("end", json!({ "how": "forget", "by": "L", "reason": "x" }), "/how"),
        ("end", json!({ "how": "accept", "reason": "x" }), "/by"),
        ("end", json!({ "how": "accept", "by": "bursar", "reason": "x" }), "/by"),
        ("end", json!({ "how": "accept", "by": "L", "reason": " " }), "/reason"),
        ("agree", json!({}), "/by"),
        ("refuse", json!({ "by": "L", "reason": "x" }), "/reason"),
    ] {
        let answer = house.judged(&small, verb, "k1", &body).await.expect(422);
        assert_eq!(answer.pointers(), [pointer], "{verb} {body}");
    }
    for verb in ["end", "agree", "refuse"] {
        let body = if verb == "end" { word("accept", "Li Na") } else { json!({ "by": "Li Na" }) };
        house.post_as_other(&format!("/v1/breaks/{small}/{verb}"), "k", &body).await.expect(404);
        house.judged("brk_01jd7z00000000000000000000", verb, "k", &body).await.expect(404);
        house.judged("x", verb, "k", &body).await.expect(404);
    }
    assert_eq!(house.fingerprint().await, before);
}

#[tokio::test]
async fn bills_tell_what_they_come_to_and_their_lines_come_in_pages() {
    let house = house().await;
    house.parked_breaks().await;
    let bills =
        house.get(&format!("/v1/bills?account={}&from={DAY}&until={DAY}", house.account)).await.expect(200).json();
    assert_eq!((bills["bills"].as_array().unwrap().len(), &bills["complete"]), (1, &json!(true)));
    let bill = &bills["bills"][0];
    assert_eq!((&bill["sums"]["lines"], &bill["sums"]["captured_minor"]), (&json!(3), &json!(900)));
    assert_eq!((&bill["file_sha256"], &bill["source"]), (&json!("ab".repeat(32)), &json!("channel")));
    let path = format!("/v1/bills/{}", text(&bill["id"]));
    assert_eq!(&house.get(&path).await.expect(200).json(), bill);
    let page = house.get(&format!("{path}/lines?limit=2")).await.expect(200).json();
    let next = format!("{path}/lines?limit=2&cursor={}", text(&page["next_cursor"]));
    let last = house.get(&next).await.expect(200).json();
    let ordinals =
        |page: &Value| page["lines"].as_array().unwrap().iter().map(|l| l["ordinal"].clone()).collect::<Vec<_>>();
    assert_eq!((ordinals(&page), ordinals(&last)), (vec![json!(1), json!(2)], vec![json!(3)]));
    assert!(last.get("next_cursor").is_none());
    for path in [path.clone(), format!("{path}/lines")] {
        house.get_as_other(&path).await.expect(404);
    }
    for none in ["from=2026-11-22", "until=2026-11-20"] {
        assert_eq!(house.get(&format!("/v1/bills?{none}")).await.expect(200).json()["bills"], json!([]));
    }
    for bad in ["/v1/bills?from=x", "/v1/bills?from=2026-11-02&until=2026-11-01", &format!("{path}/lines?cursor=x")] {
        assert_eq!(house.get(bad).await.expect(400).problem(), "invalid-parameter", "{bad}");
    }
}

#[tokio::test]
async fn a_day_is_reconciled_when_it_is_over_and_once_more_when_somebody_asks() {
    let house = house().await;
    let begin = |account: String, day: &str| json!({ "account": account, "day": day }).to_string();
    let ours = || house.account.to_string();
    let first = house.post("/v1/reconciliations", "k1", begin(ours(), DAY)).await.expect(202);
    let run = first.json();
    assert_eq!((&run["state"], &run["day"]), (&json!("waiting"), &json!(DAY)));
    assert_eq!(house.post("/v1/reconciliations", "k1", begin(ours(), DAY)).await.expect(202).bytes, first.bytes);
    let jobs = house.jobs().await;
    assert_eq!(jobs.iter().filter(|j| j.key.kind == JobKind::Reconcile).count(), 1);
    let listed = house.get(&format!("/v1/reconciliations?account={}", house.account)).await.expect(200).json();
    assert_eq!((&listed["reconciliations"][0], &listed["complete"]), (&run, &json!(true)));
    assert_eq!(house.get_as_other("/v1/reconciliations").await.expect(200).json()["reconciliations"], json!([]));
    // Done, it is begun once more.
    let id = Reconciliation::id_of(house.account, DAY.parse().unwrap());
    let run = house.store.reconciliation(id).await.unwrap().unwrap();
    let mut change = Change::default();
    change.books.runs.push(Reconciliation { state: RunState::Done, due_at: None, ..run });
    assert_eq!(house.desk.gatherer.commit(change).await.unwrap(), Commit::Committed);
    let again = house.post("/v1/reconciliations", "k2", begin(ours(), DAY)).await.expect(202).json();
    assert_eq!((&again["id"], &again["state"]), (&json!(id), &json!("waiting")));
    let before = house.fingerprint().await;
    let early = house.post("/v1/reconciliations", "k3", begin(ours(), "2026-11-22")).await.expect(409);
    assert_eq!(early.problem(), "day-not-over");
    assert!(text(&early.json()["detail"]).contains("2026-11-22T16:00:00"), "{}", early.text());
    let nobodys = begin("acc_01jd7z00000000000000000000".into(), DAY);
    assert_eq!(house.post("/v1/reconciliations", "k3", nobodys).await.expect(422).pointers(), ["/account"]);
    for (body, pointer) in [(begin("x".into(), DAY), "/account"), (begin(ours(), "21.11."), "/day")] {
        assert_eq!(house.post("/v1/reconciliations", "k3", body).await.expect(422).pointers(), [pointer]);
    }
    let other = json!({ "account": house.account, "day": DAY });
    let answer = house.post_as_other("/v1/reconciliations", "k", &other).await.expect(422);
    assert_eq!(answer.pointers(), ["/account"]);
    assert_eq!(house.fingerprint().await, before);
}

#[tokio::test]
async fn metrics_count_breaks_and_days_that_are_late_or_failed() {
    let house = house().await;
    let metrics = async || house.get("/metrics").await.expect(200).text();
    assert!(metrics().await.contains("bursar_breaks{kind=\"missing_here\",state=\"parked\"} 0\n"));
    house.parked_breaks().await;
    house
        .post("/v1/reconciliations", "k1", json!({ "account": house.account, "day": DAY }).to_string())
        .await
        .expect(202);
    let text = metrics().await;
    assert!(text.contains("bursar_breaks{kind=\"missing_here\",state=\"parked\"} 2\n"), "{text}");
    // It is 17:00 in Beijing: the bill of yesterday is late since 14:00.
    assert!(text.contains("bursar_reconciliations_late 1\n"), "{text}");
    let id = Reconciliation::id_of(house.account, DAY.parse().unwrap());
    let run = house.store.reconciliation(id).await.unwrap().unwrap();
    let mut change = Change::default();
    change.books.runs.push(Reconciliation { state: RunState::Failed, ..run });
    house.desk.gatherer.commit(change).await.unwrap();
    assert!(metrics().await.contains("bursar_reconciliations_failed 1\n"));
}
