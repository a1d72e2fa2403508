//! What merchants want of plans that run: each wish, what it changes, and the words in which it is refused.

use bursar_core::Timestamp;
use bursar_core::billing::{InstallmentState, PlanState};
use bursar_core::decline::{Decline, DeclineClass};
use bursar_core::id::PlanId;
use bursar_store::{Answer as Answered, Change, Extent};
use serde_json::{Value, json};

use super::plans::monthly;
use super::{Answer, House, text};

impl House {
    /// Writes the plan as `change` makes it, as the job that follows it would.
    async fn plan_becomes(&self, plan: &Value, change: impl FnOnce(&mut bursar_core::billing::PlanFile)) {
        let id: PlanId = text(&plan["id"]).parse().unwrap();
        let mut file = self.store.plan(id, Extent::All).await.unwrap().unwrap();
        change(&mut file);
        let mut write = Change::default();
        write.billing.installments = file.installments.into_iter().map(|i| (id, i)).collect();
        write.billing.plans.push(file.plan);
        assert_eq!(self.store.commit(&[write]).await.unwrap(), [Answered::Committed]);
    }

    /// A plan whose installments fall due.
    pub async fn active_plan(&self, number: &str, changes: &Value) -> Value {
        let plan = self.plan(number, changes).await;
        self.plan_becomes(&plan, |file| file.plan.state = PlanState::Active).await;
        plan
    }

    pub async fn wish(&self, plan: &Value, verb: &str, key: &str, body: &Value) -> Answer {
        self.post(&format!("/v1/plans/{}/{verb}", text(&plan["id"])), key, body.to_string()).await
    }
}

fn refused(answer: Answer, words: &str, state: &str) {
    let answer = answer.expect(409);
    assert_eq!((answer.problem().as_str(), &answer.json()["state"]), ("plan-refuses", &json!(state)));
    assert!(text(&answer.json()["detail"]).contains(words), "{}", answer.text());
}

#[tokio::test]
async fn a_plan_is_paused_resumed_and_cancelled_and_says_so_each_time() {
    let house = House::new().await;
    let plan = house.active_plan("p-1", &json!({})).await;
    let paused = house.wish(&plan, "pause", "k1", &json!({ "reason": "on holiday" })).await.expect(200);
    let shown = paused.json();
    assert_eq!((&shown["state"], &shown["reason"]), (&json!("paused"), &json!("on holiday")));
    assert!(text(&shown["next"]).contains("until somebody resumes it"), "{}", shown["next"]);
    let before = house.fingerprint().await;
    let again = house.wish(&plan, "pause", "k1", &json!({ "reason": "on holiday" })).await.expect(200);
    assert_eq!(again.bytes, paused.bytes);
    refused(
        house.wish(&plan, "pause", "k2", &json!({ "reason": "x" })).await,
        "only an active one is paused",
        "paused",
    );
    assert_eq!(house.fingerprint().await, before);
    let resumed = house.wish(&plan, "resume", "k3", &json!({ "catch_up": true })).await.expect(200).json();
    assert_eq!((&resumed["state"], resumed.get("reason")), (&json!("active"), None));
    assert!(text(&resumed["next"]).contains("33.33 CNY are due on 2026-11-30"), "{}", resumed["next"]);
    let cancelled = house.wish(&plan, "cancel", "k4", &json!({ "reason": "moved" })).await.expect(200).json();
    assert_eq!((&cancelled["state"], &cancelled["upcoming"]), (&json!("cancelled"), &json!([])));
    assert!(text(&cancelled["next"]).contains("final"), "{}", cancelled["next"]);
    refused(house.wish(&plan, "resume", "k5", &json!({ "catch_up": true })).await, "it has ended", "cancelled");
}

#[tokio::test]
async fn a_payoff_makes_the_rest_one_installment_of_today() {
    let house = House::new().await;
    let plan = house.plan("p-1", &json!({})).await;
    refused(house.wish(&plan, "payoff", "k0", &json!({})).await, "only an active one is paid off", "draft");
    house.plan_becomes(&plan, |file| file.plan.state = PlanState::Active).await;
    let after = house.wish(&plan, "payoff", "k1", &json!({})).await.expect(200).json();
    let last = after["installments"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(
        (&last["kind"], &last["due_on"], &last["amount_minor"]),
        (&json!("payoff"), &json!("2026-11-22"), &json!(10_000))
    );
    assert_eq!(after["open_minor"], 10_000);
    refused(
        house.wish(&house.active_plan("p-2", &monthly(&json!({}))).await, "payoff", "k2", &json!({})).await,
        "a subscription has no sum",
        "active",
    );
}

#[tokio::test]
async fn giving_back_shrinks_what_is_to_come_and_never_more_than_there_is() {
    let house = House::new().await;
    let plan = house.active_plan("p-1", &json!({})).await;
    let after = house.wish(&plan, "give-back", "k1", &json!({ "minor": 3_400 })).await.expect(200).json();
    let minors: Vec<_> = after["upcoming"].as_array().unwrap().iter().map(|u| u["amount_minor"].clone()).collect();
    assert_eq!(minors, [json!(3_333), json!(3_267)]);
    refused(house.wish(&plan, "give-back", "k2", &json!({ "minor": 6_601 })).await, "there are 6600", "active");
    for bad in [json!({ "minor": 0 }), json!({ "minor": -1 }), json!({ "minor": 1.5 }), json!({})] {
        assert_eq!(house.wish(&plan, "give-back", "k3", &bad).await.expect(422).pointers(), ["/minor"], "{bad}");
    }
}

#[tokio::test]
async fn a_new_price_holds_from_the_next_period_on_and_must_be_within_the_agreement() {
    let house = House::new().await;
    let agreement = house.signed("a0", &json!({ "limit_minor": 4_000 })).await;
    let mut changes = monthly(&json!({}));
    changes["agreement"] = agreement["id"].clone();
    let plan = house.active_plan("p-1", &changes).await;
    let after = house.wish(&plan, "reprice", "k1", &json!({ "minor": 4_000 })).await.expect(200).json();
    assert_eq!((&after["terms"]["minor"], &after["upcoming"][0]["amount_minor"]), (&json!(4_000), &json!(4_000)));
    let dear = house.wish(&plan, "reprice", "k2", &json!({ "minor": 4_001 })).await.expect(422);
    assert_eq!(dear.pointers(), ["/minor"]);
    assert!(dear.text().contains("40.00"), "{}", dear.text());
    let parts = house.active_plan("p-2", &json!({})).await;
    refused(house.wish(&parts, "reprice", "k3", &json!({ "minor": 1 })).await, "no price of a period", "active");
}

#[tokio::test]
async fn another_agreement_must_be_the_same_payers_and_large_enough() {
    let house = House::new().await;
    let small = house.signed("a0", &json!({ "limit_minor": 3_333 })).await;
    let other = house.signed("a1", &json!({ "payer": "family-li" })).await;
    let good = house.signed("a2", &json!({})).await;
    let plan = house.active_plan("p-1", &json!({})).await;
    let charge_by = async |agreement: &Value, key: &str| {
        house.wish(&plan, "agreement", key, &json!({ "agreement": agreement["id"] })).await
    };
    let before = house.fingerprint().await;
    assert_eq!(charge_by(&small, "k1").await.expect(422).pointers(), ["/agreement"]);
    assert!(charge_by(&other, "k2").await.expect(422).text().contains("family-li"));
    let nonsense = house.wish(&plan, "agreement", "k3", &json!({ "agreement": "x" })).await.expect(422);
    assert!(nonsense.text().contains("not one of your agreements"));
    assert_eq!(house.fingerprint().await, before);
    let after = charge_by(&good, "k4").await.expect(200).json();
    assert_eq!((&after["agreement"], &after["method"]), (&good["id"], &json!("card_debit")));
}

#[tokio::test]
async fn a_plan_says_why_it_is_not_done_and_what_happens_next() {
    let house = House::new().await;
    let plan = house.active_plan("p-1", &json!({})).await;
    let decline = Decline { class: DeclineClass::InsufficientFunds, reason: "51".into() };
    let retry = Timestamp::parse_rfc3339("2026-12-01T02:00:00Z").unwrap();
    house
        .plan_becomes(&plan, |file| {
            let first = &mut file.installments[0];
            first.state = InstallmentState::RetryWait;
            first.tries = 1;
            first.next_at = Some(retry);
            first.decline = Some(decline.clone());
        })
        .await;
    let shown = house.get(&format!("/v1/plans/{}", text(&plan["id"]))).await.expect(200).json();
    assert_eq!(
        text(&shown["next"]),
        "Installment 1 (33.33 CNY) was declined (insufficient_funds: 51); it is charged again at \
         2026-12-01T02:00:00.000Z; the payer can pay order p-1-1 by hand. Next: 33.33 CNY are due on 2026-12-30 and \
         asked for at 2026-12-30T02:00:00.000Z at the earliest."
    );
    assert_eq!(shown["installments"][0]["decline"], json!({ "class": "insufficient_funds", "reason": "51" }));
    house.plan_becomes(&plan, |file| file.installments[0].state = InstallmentState::Overdue).await;
    let shown = house.get(&format!("/v1/plans/{}", text(&plan["id"]))).await.expect(200).json();
    assert!(text(&shown["next"]).contains("is written off at 2027-01-29T02:00:00.000Z"), "{}", shown["next"]);
}
