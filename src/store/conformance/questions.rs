//! Questions about money that comes late or goes back: asked once, closed when they are answered or pointless.

use bursar_core::decide::{Question, QuestionKind};
use bursar_core::job::{JobKey, JobKind};
use bursar_core::merchant::{AfterClose, MerchantPolicy};
use bursar_core::observation::{Claim, Source};
use bursar_core::order::OrderState;
use bursar_core::refund::{RefundCause, RefundClaim};

use super::office::*;
use super::world::*;
use super::{Db, on_both};
use crate::{Answer, Change};

on_both! {
    questions_are_closed_and_asked_anew
    late_money_goes_back_by_itself_once
    a_question_about_late_money_is_answered_and_closed
    a_want_of_funds_is_asked_about_until_the_channel_takes_it_on
}

async fn questions_are_closed_and_asked_anew(db: &Db) {
    let office = Office::open(&db.store, MerchantPolicy::default()).await;
    let dossier = office.paid(&[12_345]).await;
    let dossier = office.refund(dossier.order.id, &request(7)).await.unwrap();
    let (payment, leg) = (dossier.payments[0].id.uuid(), dossier.refunds[0].legs[0].id.uuid());
    let refund = dossier.refunds[0].id.uuid();
    let ask = |subject, kind, text: &str| Question { subject, kind, text: text.to_owned() };
    use QuestionKind::{NoFunds, Overpaid, TransferDue};
    let questions = vec![
        ask(leg, NoFunds, "a"),
        ask(leg, TransferDue, "b"),
        ask(payment, Overpaid, "c"),
        ask(refund, Overpaid, "r"),
    ];
    assert_eq!(one(&*db.store, Change { questions, ..Change::default() }).await, Answer::Committed);
    let open = async || {
        let mut open: Vec<_> = db.store.parked(Some(office.merchant), 9).await.unwrap();
        assert!(open.iter().all(|q| q.about == dossier.order.id.into()));
        open.sort_by(|a, b| a.text.cmp(&b.text));
        open.into_iter().map(|q| (q.subject, q.text)).collect::<Vec<_>>()
    };
    let named = |list: &[(uuid::Uuid, &str)]| list.iter().map(|(s, t)| (*s, (*t).to_owned())).collect::<Vec<_>>();
    assert_eq!(open().await, named(&[(leg, "a"), (leg, "b"), (payment, "c"), (refund, "r")]));
    // One is closed, one is asked anew with other words, and one that is not open is closed in vain.
    let change = Change {
        answered: vec![(leg, NoFunds), (leg, TransferDue), (payment, NoFunds)],
        questions: vec![ask(leg, TransferDue, "d")],
        ..Change::default()
    };
    assert_eq!(one(&*db.store, change).await, Answer::Committed);
    assert_eq!(open().await, named(&[(payment, "c"), (leg, "d"), (refund, "r")]));
    // Asked by one change and answered by the next of the same call.
    let asked = Change { questions: vec![ask(leg, NoFunds, "e")], ..Change::default() };
    let answered = Change { answered: vec![(leg, NoFunds), (refund, Overpaid)], ..Change::default() };
    assert_eq!(db.store.commit(&[asked, answered]).await.unwrap(), [Answer::Committed; 2]);
    assert_eq!(open().await, named(&[(payment, "c"), (leg, "d")]));
    assert_eq!(db.store.timeline(dossier.order.id).await.unwrap().unwrap().questions.len(), 2);
}

/// An order that closed before it was paid.
async fn closed(office: &Office) -> bursar_core::order::Dossier {
    let dossier = office.order(&[12_345], false).await;
    let why = Claim::CloseRequested { reason: "expired".to_owned() };
    let dossier = office.say(only(&dossier), Source::Clock, 5, why).await;
    assert_eq!(dossier.order.state, OrderState::Closed);
    dossier
}

async fn late_money_goes_back_by_itself_once(db: &Db) {
    let office = Office::open(&db.store, MerchantPolicy::default()).await;
    let dossier = closed(&office).await;
    let payment = dossier.payments[0].clone();
    let dossier = office.say(payment.id, Source::Notification, 9, Claim::Paid(receipt(&payment))).await;
    office.stored(&dossier).await;
    let again = office.say(payment.id, Source::Query, 11, Claim::Paid(receipt(&payment))).await;
    assert_eq!(again.refunds.len(), 1);
    let refund = &dossier.refunds[0];
    assert_eq!((refund.id, refund.late), (RefundCause::LateMoney.refund_of(payment.id), true));
    assert_eq!(office.jobs(refund.legs[0].id).await, [JobKind::SendRefund]);
    office.succeed(refund.legs[0].id).await;
    assert_eq!(office.balances().await, [].into());
}

async fn a_question_about_late_money_is_answered_and_closed(db: &Db) {
    let after_close = AfterClose::Park { deadline_ms: 60_000 };
    let office = Office::open(&db.store, MerchantPolicy { after_close, ..MerchantPolicy::default() }).await;
    let dossier = closed(&office).await;
    let payment = dossier.payments[0].clone();
    let dossier = office.say(payment.id, Source::Notification, 9, Claim::Paid(receipt(&payment))).await;
    office.stored(&dossier).await;
    assert!(dossier.refunds.is_empty());
    let asked = db.store.parked(Some(office.merchant), 9).await.unwrap();
    assert_eq!(
        asked.iter().map(|q| (q.subject, q.kind)).collect::<Vec<_>>(),
        [(payment.id.uuid(), QuestionKind::LateMoney)]
    );
    assert_eq!(asked[0].about, dossier.order.id.into());
    assert!(db.store.book_lines(None, 9).await.unwrap()[0].parked);
    assert!(office.jobs(payment.id).await.contains(&JobKind::SettleLateMoney));
    // The sweep takes it for settled: its job is of the kind that it owes.
    assert_eq!(db.store.stuck(NOW.plus_ms(1_000_000), 9).await.unwrap(), []);
    assert!(db.store.cancel_job(JobKey::payment(JobKind::SettleLateMoney, payment.id)).await.unwrap());
    assert_eq!(db.store.stuck(NOW.plus_ms(1_000_000), 9).await.unwrap(), [payment.id]);
    let answer = Claim::LateMoneyAnswered { keep: false, by: "mei".to_owned() };
    let dossier = office.say(payment.id, Source::Operator, 70, answer).await;
    office.stored(&dossier).await;
    assert_eq!(dossier.refunds[0].amount.minor, 12_345);
    assert_eq!(db.store.parked(None, 9).await.unwrap(), []);
    assert!(!db.store.book_lines(None, 9).await.unwrap()[0].parked);
}

async fn a_want_of_funds_is_asked_about_until_the_channel_takes_it_on(db: &Db) {
    let office = Office::open(&db.store, MerchantPolicy::default()).await;
    let order = office.paid(&[12_345]).await.order.id;
    let leg = office.refund(order, &request(45)).await.unwrap().refunds[0].legs[0].id;
    office.say(leg, Source::Intent, 20, Claim::Refund(RefundClaim::Sending)).await;
    let dossier = office.say_refund(leg, 30, RefundClaim::NoFunds { reason: "NOT_ENOUGH".to_owned() }).await;
    office.stored(&dossier).await;
    let t = db.store.timeline(order).await.unwrap().unwrap();
    let asked: Vec<_> = t.questions.iter().map(|q| (q.subject, q.kind, q.about.order())).collect();
    assert_eq!(asked, [(leg.uuid(), QuestionKind::NoFunds, Some(order))]);
    assert_eq!(db.store.parked(Some(office.merchant), 9).await.unwrap(), t.questions);
    assert_eq!(db.store.parked(Some(merchant()), 9).await.unwrap(), []);
    assert!(db.store.refund_lines(None, 9).await.unwrap()[0].parked);
    assert_eq!(db.store.counts().await.unwrap().parked, 1);
    office.say(leg, Source::Intent, 40, Claim::Refund(RefundClaim::Sending)).await;
    let dossier = office.say_refund(leg, 50, RefundClaim::Processing { refund_id: "5030".to_owned() }).await;
    office.stored(&dossier).await;
    assert_eq!(db.store.parked(None, 9).await.unwrap(), []);
}
