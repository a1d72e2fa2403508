//! The timeline of a plan: what is told, in which order, who did it, and why the rules decided so.

use bursar_core::Timestamp;
use bursar_core::billing::wishes::Wish;
use bursar_core::decline::{Decline, DeclineClass};
use bursar_core::id::{OrderId, PaymentId, PlanId};
use bursar_core::job::{JobKind, Queue};
use bursar_core::observation::{Claim, Receipt, Source};
use bursar_core::order::Dossier;
use bursar_store::desk::Run;
use bursar_store::desk::billing::{Followed, PlanGranted};
use bursar_store::{ClaimRequest, Extent, Settle, Settlement};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{House, text};

impl House {
    /// Runs the jobs that follow plans until none is due, as a worker would.
    async fn follow_plans(&self) {
        let owner = Uuid::from_u128(9);
        loop {
            let now = bursar_core::Clock::now(self.clock.as_ref());
            let request = ClaimRequest { owner, wanted: vec![(Queue::Money, 50)], now, lease_ms: 1 };
            let claimed = self.store.claim(&request).await.unwrap();
            let due: Vec<_> = claimed.iter().filter(|c| c.key.kind == JobKind::FollowPlan).collect();
            if due.is_empty() {
                return;
            }
            for job in due {
                let run = Run { settle: Settle { key: job.key, owner, fence: job.fence, how: Settlement::Hold } };
                let followed = self.desk.follow_plan(PlanId(job.key.subject), &run).await.unwrap();
                assert!(matches!(followed, Followed::Written), "{followed:?}");
            }
        }
    }

    async fn plan_timeline(&self, plan: &Value) -> Value {
        self.get(&format!("/v1/plans/{}/timeline", text(&plan["id"]))).await.expect(200).json()
    }

    /// The order of an installment.
    async fn order_of(&self, plan: &Value, seq: u32) -> Dossier {
        let id: PlanId = text(&plan["id"]).parse().unwrap();
        let file = self.store.plan(id, Extent::All).await.unwrap().unwrap();
        let order: OrderId = file.installment(seq).unwrap().order.unwrap();
        self.store.dossier(order).await.unwrap().unwrap()
    }

    /// The last charge is declined, and the plan looks at it.
    async fn declined(&self, plan: &Value, class: DeclineClass, reason: &str) -> PaymentId {
        let payment = self.order_of(plan, 1).await.payments.last().unwrap().id;
        self.observe(payment, Claim::Sending).await;
        let decline = Decline { class, reason: reason.to_owned() };
        self.observe(payment, Claim::Declined { decline, ended: true }).await;
        self.follow_plans().await;
        payment
    }

    fn wait_until(&self, at: &str) {
        let at = Timestamp::parse_rfc3339(at).unwrap();
        let now = bursar_core::Clock::now(self.clock.as_ref());
        self.clock.advance_ms(at.as_millis() - now.as_millis());
    }
}

/// A plan of three parts, the first today, charged by a saved card.
async fn charged(house: &House) -> Value {
    let agreement = house.signed("a-1", &json!({})).await;
    let every = json!({ "every": 1, "unit": "month" });
    let parts = json!({ "total_minor": 10_000, "count": 3, "first_on": "today", "every": every });
    let plan = house.plan("p-1", &json!({ "agreement": agreement["id"], "installments": parts })).await;
    house.follow_plans().await;
    plan
}

fn entry<'a>(view: &'a Value, kind: &str, what: &str) -> Vec<&'a Value> {
    let all = view["entries"].as_array().unwrap().iter();
    all.filter(|e| e["kind"] == kind && e["what"] == what).collect()
}

/// The one entry of this kind, with its words and who did it.
fn only<'a>(view: &'a Value, kind: &str, what: &str) -> (&'a str, &'a str) {
    let found = entry(view, kind, what);
    assert_eq!(found.len(), 1, "{kind} {what} in {view:#}");
    (text(&found[0]["text"]), found[0]["by"].as_str().unwrap_or_default())
}

#[tokio::test]
async fn a_plan_tells_its_charges_its_declines_and_why_each_was_followed_by_what() {
    let house = House::new().await;
    let plan = charged(&house).await;
    let view = house.plan_timeline(&plan).await;
    let (words, who) = only(&view, "plan", "created");
    assert!(words.starts_with("100.00 CNY in 3 installments, charged by card_debit; "), "{words}");
    assert!(words.contains("1, 3, 5, 8, 11, 14 days after its day at 10:00, never before 08:00"), "{words}");
    assert_eq!(who, "");
    assert_eq!(only(&view, "agreement", "signed").1, "payer");
    let active = ("it is active: its installments fall due", "bursar");
    assert_eq!(only(&view, "decision", "plan_active"), active);
    assert!(
        only(&view, "installment", "due").0.contains("installment 1 (33.33 CNY, due on 2026-11-22) became order p-1-1")
    );

    // Too little money: the next day of the plan, in its own hours.
    let first = house.declined(&plan, DeclineClass::InsufficientFunds, "insufficient_funds: too little").await;
    let view = house.plan_timeline(&plan).await;
    let told = entry(&view, "decline", "insufficient_funds")[0];
    assert_eq!((&told["text"], &told["by"]), (&json!("insufficient_funds: too little"), &json!("channel")));
    assert_eq!((&told["seq"], &told["payment_id"]), (&json!(1), &json!(first)));
    let (words, who) = only(&view, "decision", "charge_again");
    assert!(
        words.starts_with("it is charged again at 2026-11-23T02:00:00.000Z at the earliest (too little money"),
        "{words}"
    );
    assert!(words.ends_with("between 08:00 and 22:00 in Asia/Shanghai)"), "{words}");
    assert_eq!(who, "bursar");
    let tried = entry(&view, "charge", "begun");
    assert!(
        tried.len() == 1
            && text(&tried[0]["text"]).starts_with("charge 1 of installment 1: 33.33 CNY by card_debit through agr_")
    );
    assert!(text(&view["next"]).contains("charged again at 2026-11-23T02:00:00.000Z"), "{}", view["next"]);

    // The card is gone: only the payer can help.
    house.wait_until("2026-11-23T02:00:00Z");
    house.follow_plans().await;
    house.declined(&plan, DeclineClass::Hard, "stolen_card: gone").await;
    let view = house.plan_timeline(&plan).await;
    assert_eq!(entry(&view, "charge", "begun").len(), 2);
    let (words, _) = only(&view, "decision", "stop");
    assert!(
        words.starts_with("it is not charged again by itself (the way to pay is gone: stolen_card: gone): "),
        "{words}"
    );
    assert!(words.contains("the payer can pay it by hand until 2027-01-21T02:00:00.000Z"), "{words}");
    let overdue = "installment 1 is overdue: not charged again by itself, the payer may still pay by hand";
    assert_eq!(only(&view, "decision", "installments_overdue").0, overdue);

    // He does.
    house.clock.advance_ms(60_000);
    let order = house.order_of(&plan, 1).await.order.id;
    let pick = json!({ "method": "wechat_native" });
    let picked = house.post(&format!("/v1/orders/{order}/pick"), "p-1", pick.to_string()).await.expect(201).json();
    let payment: PaymentId = text(&picked["payments"][2]["id"]).parse().unwrap();
    house.accept_payment(payment).await;
    let paid_at = bursar_core::Clock::now(house.clock.as_ref());
    house
        .observe(
            payment,
            Claim::Paid(Receipt {
                transaction_id: "4200".into(),
                amount_minor: 3_333,
                currency: "CNY".into(),
                payee_matches: true,
                paid_at,
            }),
        )
        .await;
    house.follow_plans().await;
    let view = house.plan_timeline(&plan).await;
    assert_eq!(only(&view, "charge", "by_hand"), ("the payer chose wechat_native for 33.33 CNY", "payer"));
    assert_eq!(only(&view, "paid", "paid"), ("33.33 CNY by wechat_native, transaction 4200", "payer"));
    for event in
        ["plan.activated", "installment.due", "installment.retrying", "installment.overdue", "installment.paid"]
    {
        assert_eq!(entry(&view, "event", event).len(), 1, "{event}");
    }
    let times: Vec<&str> = view["entries"].as_array().unwrap().iter().map(|e| text(&e["at"])).collect();
    assert!(times.is_sorted(), "{times:?}");
    let kinds: Vec<(&str, &str)> =
        view["entries"].as_array().unwrap().iter().map(|e| (text(&e["kind"]), text(&e["what"]))).collect();
    let at = |wanted: (&str, &str)| kinds.iter().position(|k| *k == wanted).unwrap_or_else(|| panic!("{wanted:?}"));
    let story = [
        ("plan", "created"),
        ("installment", "due"),
        ("decline", "insufficient_funds"),
        ("decision", "charge_again"),
        ("decline", "hard"),
        ("decision", "stop"),
        ("decision", "installments_overdue"),
        ("charge", "by_hand"),
        ("paid", "paid"),
    ];
    assert!(story.map(at).is_sorted(), "{kinds:?}");
}

#[tokio::test]
async fn who_wanted_what_of_a_plan_is_told_and_what_became_of_it() {
    let house = House::new().await;
    let plan = charged(&house).await;
    house.wish(&plan, "pause", "k1", &json!({ "reason": "on holiday" })).await.expect(200);
    house.wish(&plan, "resume", "k2", &json!({ "catch_up": true })).await.expect(200);
    house.wish(&plan, "give-back", "k3", &json!({ "minor": 3_334 })).await.expect(200);
    // The same request once more is the same wish.
    house.wish(&plan, "give-back", "k3", &json!({ "minor": 3_334 })).await.expect(200);
    // One that is refused was never granted.
    assert_eq!(house.wish(&plan, "reprice", "k4", &json!({ "minor": 5 })).await.status, 409);
    let id: PlanId = text(&plan["id"]).parse().unwrap();
    let end = Wish::Cancel { reason: "moved away".into(), refund_unserved: false };
    let granted = house.desk.grant_plan(id, &end, Source::Operator, |_, _| {}).await.unwrap();
    assert!(matches!(granted, PlanGranted::Written(_)), "{granted:?}");
    let view = house.plan_timeline(&plan).await;
    let wishes: Vec<_> = view["entries"].as_array().unwrap().iter().filter(|e| e["kind"] == "wish").collect();
    let wishes: Vec<_> = wishes.iter().map(|e| (text(&e["what"]), text(&e["by"]), text(&e["text"]))).collect();
    assert_eq!(
        wishes,
        [
            ("pause_asked", "merchant", "nothing shall fall due until it is resumed: on holiday"),
            ("resume_asked", "merchant", "it shall go on, and what was missed is asked for"),
            ("give_back_asked", "merchant", "it shall be cheaper by 33.34 CNY"),
            ("cancel_asked", "operator", "it shall end: moved away"),
        ]
    );
    assert_eq!(only(&view, "decision", "plan_paused").0, "it is paused (on holiday): nothing is charged");
    assert_eq!(only(&view, "decision", "plan_cancelled").0, "it is cancelled (moved away)");
    let voided: Vec<_> = entry(&view, "decision", "installments_voided").iter().map(|e| text(&e["text"])).collect();
    assert_eq!(voided, ["installment 3 will not be asked for", "installment 2 will not be asked for"]);
    assert_eq!(view["state"], "cancelled");
    assert!(text(&view["next"]).starts_with("It was cancelled (moved away)"), "{}", view["next"]);
}

#[tokio::test]
async fn a_question_about_a_plan_comes_first_and_nobody_sees_anothers_timeline() {
    let house = House::new().await;
    let plan = charged(&house).await;
    house.declined(&plan, DeclineClass::Risk, "fraudulent: looks like fraud").await;
    let view = house.plan_timeline(&plan).await;
    let asked = entry(&view, "question", "charge_at_risk");
    assert_eq!((asked.len(), &asked[0]["seq"]), (1, &json!(1)), "{view:#}");
    assert_eq!(asked[0]["order_id"], json!(house.order_of(&plan, 1).await.order.id));
    assert!(
        text(&view["next"]).starts_with("A person must answer: The charge of p-1-1 was declined"),
        "{}",
        view["next"]
    );
    let (words, _) = only(&view, "decision", "stop");
    assert!(
        words.contains("(it looks like fraud: fraudulent: looks like fraud): a person is asked to look at it"),
        "{words}"
    );
    let path = format!("/v1/plans/{}/timeline", text(&plan["id"]));
    assert_eq!(house.get_as_other(&path).await.status, 404);
    assert_eq!(house.get("/v1/plans/pln_00000000000000000000000000/timeline").await.status, 404);
    assert_eq!(view.get("orders_left_out"), None);
}
