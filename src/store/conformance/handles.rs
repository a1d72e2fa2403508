//! Two handles on one database, as two processes have them.

use bursar_core::job::{JobKind, Queue};

use super::world::*;
use super::{Db, on_both};
use crate::{Answer, Settlement};

on_both! {
    what_one_handle_writes_the_other_reads_and_settles
    two_handles_write_at_once_without_errors
}

async fn what_one_handle_writes_the_other_reads_and_settles(db: &Db) {
    let another = db.another().await;
    let (order, payment) = opened(&*db.store, merchant(), "1").await;
    assert_eq!(another.dossier(order.id).await.unwrap().unwrap().payments, [payment]);
    let owner = uuid();
    let claimed = claim(&*another, owner, Queue::Money, 1).await;
    assert_eq!(claim(&*db.store, uuid(), Queue::Money, 1).await, []);
    // A settlement may come through any handle: the fence is what counts.
    assert_eq!(one(&*db.store, settling(&claimed[0], owner, Settlement::Done)).await, Answer::Committed);
    assert_eq!(one(&*another, settling(&claimed[0], owner, Settlement::Done)).await, Answer::Fenced);
    another.close().await;
}

async fn two_handles_write_at_once_without_errors(db: &Db) {
    let another = db.another().await;
    let m = merchant();
    let mut tasks = tokio::task::JoinSet::new();
    for i in 0..40 {
        let store = if i % 2 == 0 { db.store.clone() } else { another.clone() };
        tasks.spawn(async move {
            let changes: Vec<_> = (0..10).map(|j| opening(m, &format!("{i}-{j}"))).collect();
            let answers = store.commit(&changes).await.unwrap();
            assert_eq!(answers, [Answer::Committed; 10]);
            claim(&*store, uuid(), Queue::Money, 5).await.len()
        });
    }
    let claimed: usize = tasks.join_all().await.into_iter().sum();
    assert!(claimed > 0 && claimed <= 200);
    assert_eq!(db.store.counts().await.unwrap().jobs, [(JobKind::CreatePayment, 400)]);
    another.close().await;
}
