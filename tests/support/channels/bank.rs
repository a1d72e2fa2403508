//! Bank transfers as the suite meets them: files of the bank, taken in by the gateway.

use async_trait::async_trait;
use bursar_core::bank::{LineState, reference};
use bursar_core::channel::Method;
use bursar_core::id::RefundId;
use bursar_core::payment::Payment;
use bursar_core::refund::Leg;
use bursar_store::LineFilter;
use serde_json::{Value, json};

use super::cell::{Cell, WITHIN};
use super::{Case, Row, Side, Teller};
use crate::support::branch::{ACCOUNT, Entry, file};
use crate::until;

pub(super) const TRANSFER: Row = Row {
    name: "bank",
    method: Method::BankTransfer,
    side: Side::ByHand(&Bank),
    not_applicable: &[
        (Case::Fail, "a transfer that fails is between the payer and his bank: nobody tells us"),
        (Case::Query, "nobody can be asked: what came is on the statement, or it did not come"),
        (Case::LostCreate, "nobody is called: what the payer is told is written here"),
        (Case::LostRefund, "nobody is called: a person transfers the money, and the statement tells"),
        (Case::ForgedAnswers, "nobody is asked, so nobody answers"),
        (Case::LateUnheard, "nobody can be asked: what no statement tells is not known"),
    ],
};

#[derive(Debug)]
struct Bank;

fn yuan(minor: i64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}

/// Gives a file to the gateway, which reads one at a time.
async fn give(cell: &Cell, api_key: &str, text: &str) -> u16 {
    let path = format!("/v1/bank/{}/statements", cell.account());
    until("the gateway takes the file", WITHIN, || async {
        let body = ("application/octet-stream", text.to_owned());
        let (status, answer) = cell.house.post_file(api_key, &path, &cell.key(), body).await;
        assert!(status != 200 || answer["statements"][0]["lines_total"] == 1, "{answer}");
        (status != 503).then_some(status)
    })
    .await
}

/// A file of today with one entry.
fn today(cell: &Cell, whole_day: bool, entry: &Entry<'_>) -> String {
    let now = cell.house.stage.program.clock.now().to_string();
    file(whole_day, &cell.key(), std::slice::from_ref(entry)).replace("2026-11-22", &now[..10])
}

impl Bank {
    async fn tell(cell: &Cell, payment: &Payment, minor: i64, telling: &str, whole_day: bool) -> u16 {
        let (words, number) = (reference(payment.id.uuid()), format!("{}{telling}", payment.id.bare()));
        let text = today(cell, whole_day, &Entry::received(&yuan(minor), &number, &words));
        give(cell, &cell.actor.api_key, &text).await
    }
}

#[async_trait]
impl Teller for Bank {
    fn settings(&self) -> Value {
        json!({ "account_number": ACCOUNT, "account_name": "某家政服务有限公司", "bank_name": "中国工商银行" })
    }

    async fn came(&self, cell: &Cell, payment: &Payment, minor: i64, telling: &str) -> u16 {
        Self::tell(cell, payment, minor, telling, false).await
    }

    /// What the advice told is on the day's statement too.
    async fn came_again(&self, cell: &Cell, payment: &Payment, minor: i64, telling: &str) -> u16 {
        Self::tell(cell, payment, minor, telling, true).await
    }

    async fn gave_back(&self, cell: &Cell, _: RefundId, leg: &Leg) -> u16 {
        let (words, number) = (reference(leg.id.uuid()), leg.id.bare());
        let text = today(cell, false, &Entry::paid(&yuan(leg.amount.minor), &number, &words));
        give(cell, &cell.actor.api_key, &text).await
    }

    async fn forged(&self, cell: &Cell, payment: &Payment) -> Vec<u16> {
        let words = reference(payment.id.uuid());
        let amount = yuan(payment.amount.minor);
        let right = today(cell, false, &Entry::received(&amount, "forged", &words));
        let (own, other) = (&cell.actor.api_key, &cell.house.stage.actors[0].api_key);
        vec![
            give(cell, own, &right.replace(ACCOUNT, "6222020200119999")).await,
            give(cell, own, &right[..right.len() / 2]).await,
            give(cell, own, &right.replace(&amount, "88.001")).await,
            give(cell, other, &right).await,
        ]
    }

    async fn unclear(&self, cell: &Cell, _: &Payment, minor: i64) {
        let entry = today(cell, false, &Entry::received(&yuan(minor), "unclear", "谢谢"));
        assert_eq!(give(cell, &cell.actor.api_key, &entry).await, 200);
        suspended(cell).await;
    }

    async fn cleared(&self, cell: &Cell, payment: &Payment) {
        let (account, line) = (cell.account(), suspended(cell).await);
        let said = json!({ "payment": payment.id, "by": "Li Na" });
        let (status, answer) = cell.post(&format!("/v1/bank/{account}/lines/{line}/assign"), &cell.key(), &said).await;
        assert_eq!(status, 200, "{answer}");
    }
}

/// The line about which people are asked.
async fn suspended(cell: &Cell) -> String {
    let filter = LineFilter { account: cell.account(), state: Some(LineState::Suspense), after: None, limit: 1 };
    until("a line is in suspense", WITHIN, || async {
        let lines = cell.house.stage.program.store.lines(&filter).await.expect("the lines");
        lines.first().map(|line| line.id.to_string())
    })
    .await
}
