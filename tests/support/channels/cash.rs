//! Cash as the suite meets it: collected by one, confirmed by the payer's code or by another, given back out of the
//! drawer.

use async_trait::async_trait;
use bursar_core::channel::Method;
use bursar_core::id::{CollectionId, RefundId};
use bursar_core::observation::PayCode;
use bursar_core::payment::Payment;
use bursar_core::refund::Leg;
use serde_json::{Value, json};
use uuid::Uuid;

use super::cell::Cell;
use super::{Case, Row, Side, Teller};

pub(super) const COLLECTED: Row = Row {
    name: "cash",
    method: Method::Cash,
    side: Side::ByHand(&Cash),
    not_applicable: &[
        (Case::Fail, "a payer who has no money with him is not told of: nothing was collected"),
        (Case::Query, "nobody can be asked but people, and they tell by themselves"),
        (Case::LostCreate, "nobody is called: the payer's code is made here"),
        (Case::LostRefund, "nobody is called: a person hands the money over, and says so before"),
        (Case::ForgedAnswers, "nobody is asked, so nobody answers"),
        (Case::LateUnheard, "nobody can be asked: what no collector tells is not known"),
    ],
};

const WORKER: &str = "w-1007";

#[derive(Debug)]
struct Cash;

/// What the collector's device calls this telling: always the same.
fn client_id(payment: &Payment, telling: &str) -> CollectionId {
    let told = telling.bytes().fold(0_u128, |sum, byte| sum * 251 + u128::from(byte));
    CollectionId(Uuid::from_u128(payment.id.uuid().as_u128() ^ told))
}

fn code(payment: &Payment) -> String {
    let Some(PayCode::Cash { code }) = payment.evidence.code() else { panic!("{:?}", payment.evidence.code()) };
    code.clone()
}

async fn collect(cell: &Cell, payment: &Payment, minor: i64, id: CollectionId) -> u16 {
    // The device writes down once when it was.
    let collected_at = payment.created_at.to_string();
    let said = json!({
        "client_id": id.uuid().to_string(), "worker": WORKER, "tendered_minor": minor + 1_200, "change_minor": 1_200,
        "collected_at": collected_at,
    });
    cell.post(&format!("/v1/orders/{}/collections", payment.order), &cell.key(), &said).await.0
}

async fn confirm(cell: &Cell, id: CollectionId, said: &Value) -> u16 {
    cell.post(&format!("/v1/collections/{id}/confirm"), &cell.key(), said).await.0
}

#[async_trait]
impl Teller for Cash {
    fn settings(&self) -> Value {
        json!({ "drawer_limit_minor": 10_000_000 })
    }

    async fn came(&self, cell: &Cell, payment: &Payment, minor: i64, telling: &str) -> u16 {
        let id = client_id(payment, telling);
        assert_eq!(collect(cell, payment, minor, id).await, 201);
        match confirm(cell, id, &json!({ "code": code(payment) })).await {
            // Somebody was faster.
            409 => 200,
            status => status,
        }
    }

    /// The device was offline and sends it once more; a person confirms what the payer has confirmed.
    async fn came_again(&self, cell: &Cell, payment: &Payment, minor: i64, telling: &str) -> u16 {
        let id = client_id(payment, telling);
        assert_eq!(collect(cell, payment, minor, id).await, 201);
        match confirm(cell, id, &json!({ "by": "Li Na" })).await {
            409 => 200,
            status => status,
        }
    }

    async fn gave_back(&self, cell: &Cell, refund: RefundId, leg: &Leg) -> u16 {
        let said = json!({ "leg": leg.id, "worker": WORKER, "by": "Li Na", "proof": "receipt 0042" });
        match cell.post(&format!("/v1/refunds/{refund}/paid-out"), &cell.key(), &said).await.0 {
            // It was paid out already.
            409 => 200,
            status => status,
        }
    }

    async fn forged(&self, cell: &Cell, payment: &Payment) -> Vec<u16> {
        let id = client_id(payment, "forged");
        assert_eq!(collect(cell, payment, payment.amount.minor, id).await, 201);
        let wrong = if code(payment) == "000000" { "000001" } else { "000000" };
        let path = format!("/v1/collections/{id}/confirm");
        let other = &cell.house.stage.actors[0].api_key;
        let by_other = cell.house.post_as(other, &path, &cell.key(), &json!({ "code": code(payment) })).await.0;
        let refused = vec![
            confirm(cell, id, &json!({ "code": wrong })).await,
            confirm(cell, id, &json!({ "by": WORKER })).await,
            by_other,
        ];
        let said = json!({ "by": "Li Na", "reason": "the customer says that nobody came" });
        assert_eq!(cell.post(&format!("/v1/collections/{id}/refuse"), &cell.key(), &said).await.0, 200);
        refused
    }

    async fn unclear(&self, cell: &Cell, payment: &Payment, minor: i64) {
        let id = client_id(payment, "unclear");
        assert_eq!(collect(cell, payment, minor, id).await, 201);
        let said = json!({ "by": "Zhang San", "reason": "the customer says he paid 100 yuan" });
        assert_eq!(cell.post(&format!("/v1/collections/{id}/dispute"), &cell.key(), &said).await.0, 200);
    }

    async fn cleared(&self, cell: &Cell, payment: &Payment) {
        assert_eq!(confirm(cell, client_id(payment, "unclear"), &json!({ "by": "Li Na" })).await, 200);
    }
}
