//! What postings come to: sums, statements of accounts, and the proof that the ledger agrees with the payments.

use bursar_core::Currency;
use bursar_core::ledger::{Account, AccountKind};
use bursar_core::merchant::MerchantPolicy;
use bursar_core::observation::{Claim, Source};
use bursar_core::refund::RefundCause;
use uuid::Uuid;

use super::office::{Office, request};
use super::world::*;
use super::{Db, on_both};
use crate::ledger::before;
use crate::proof::prove;

on_both! {
    the_trial_balance_sums_both_sides_of_each_account
    a_statement_of_an_account_runs_from_what_it_held_before_in_pages
    the_proof_holds_for_orders_in_every_state
    the_proof_names_what_was_changed_behind_our_back
}

/// Two paid orders, one of them with a refund; one that is open; one whose answer is unknown.
async fn some_orders(db: &Db) -> Office {
    let office = Office::open(&db.store, MerchantPolicy::default()).await;
    office.paid(&[1_000]).await;
    let paid = office.paid(&[700, 300]).await;
    let refunded = office.refund(paid.order.id, &request(250)).await.unwrap();
    // The other refund was prepared in case the order would not become whole.
    let wished = refunded.refunds.iter().find(|r| r.cause == RefundCause::Requested).unwrap();
    office.succeed(wished.legs[0].id).await;
    office.order(&[500], false).await;
    let lost = office.order(&[40], false).await.payments[0].id;
    office.say(lost, Source::Intent, 20, Claim::Sending).await;
    office.say(lost, Source::Create, 30, Claim::NoAnswer { why: "time-out".to_owned() }).await;
    office
}

async fn the_trial_balance_sums_both_sides_of_each_account(db: &Db) {
    let office = some_orders(db).await;
    let all = db.store.trial_balance(None).await.unwrap();
    assert_eq!(all.iter().map(crate::ledger::Balance::minor).sum::<i64>(), 0);
    let of = |kind: AccountKind| all.iter().find(|b| b.account.kind == kind).map(|b| (b.minor(), b.currency));
    assert_eq!(of(AccountKind::Receivable), Some((500, Currency::CNY)));
    assert_eq!(of(AccountKind::Clearing), Some((1_750, Currency::CNY)));
    assert_eq!(of(AccountKind::Suspense), Some((40, Currency::CNY)));
    assert_eq!(of(AccountKind::Earnings), Some((-2_290, Currency::CNY)));
    assert_eq!(of(AccountKind::RefundsPayable), Some((0, Currency::CNY)));
    let clearing = all.iter().find(|b| b.account.kind == AccountKind::Clearing).unwrap();
    assert_eq!((clearing.debit_minor, clearing.credit_minor), (2_000, 250));
    let nets = db.store.balances().await.unwrap();
    assert_eq!(nets.len(), all.len());
    let mine = db.store.trial_balance(Some(&[office.merchant.uuid()])).await.unwrap();
    let wanted: Vec<_> = all.iter().filter(|b| b.account.owner == office.merchant.uuid()).copied().collect();
    assert_eq!(mine, wanted);
    assert_eq!(db.store.trial_balance(Some(&[uuid()])).await.unwrap(), []);
}

async fn a_statement_of_an_account_runs_from_what_it_held_before_in_pages(db: &Db) {
    let office = some_orders(db).await;
    let account = Account { kind: AccountKind::Clearing, owner: office.account.uuid() };
    let (start, end) = (NOW.plus_ms(-1), NOW.plus_ms(1_000_000));
    let all = db.store.entries(account, Currency::CNY, before(start), end, 100).await.unwrap();
    assert_eq!(all.iter().map(|e| e.effect_on(account)).sum::<i64>(), 1_750);
    assert!(all.windows(2).all(|w| w[0].place() < w[1].place()), "{all:?}");
    let mut paged = Vec::new();
    let mut after = before(start);
    loop {
        let page = db.store.entries(account, Currency::CNY, after, end, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        after = last.place();
        let opening = db.store.balance_before(account, Currency::CNY, page[0].place()).await.unwrap();
        assert_eq!(opening, paged.iter().map(|e: &crate::ledger::Entry| e.effect_on(account)).sum::<i64>());
        paged.extend(page);
    }
    assert_eq!(paged, all);
    let last = all.last().unwrap();
    let none = db.store.entries(account, Currency::CNY, last.place(), end, 9).await.unwrap();
    assert_eq!(none, []);
    assert_eq!(db.store.entries(account, "USD".parse().unwrap(), before(start), end, 9).await.unwrap(), []);
    assert_eq!(db.store.entries(account, Currency::CNY, before(start), last.at, 9).await.unwrap().len() + 1, {
        let later = all.iter().filter(|e| e.at == last.at).count();
        assert!(later >= 1);
        all.len() - later + 1
    });
    let everything = db.store.entries_between((Uuid::nil(), 0), start, end, 1_000).await.unwrap();
    assert!(everything.len() > all.len());
    let key = |e: &crate::ledger::Entry| (e.posting.subject, e.sequence);
    assert!(everything.windows(2).all(|w| key(&w[0]) < key(&w[1])));
    let rest = db.store.entries_between(key(&everything[2]), start, end, 1_000).await.unwrap();
    assert_eq!(rest, everything[3..]);
}

async fn the_proof_holds_for_orders_in_every_state(db: &Db) {
    assert!(prove(&*db.store).await.unwrap().holds(), "an empty ledger holds");
    some_orders(db).await;
    let proof = prove(&*db.store).await.unwrap();
    assert!(proof.holds(), "{proof:?}");
    assert_eq!((proof.orders, proof.payments, proof.legs), (4, 5, 2));
}

async fn the_proof_names_what_was_changed_behind_our_back(db: &Db) {
    let office = some_orders(db).await;
    let first = db.store.dossiers_after(None, 1).await.unwrap().remove(0);
    let payment = first.payments[0].id.uuid();
    let literal = |id: Uuid| db.literal(id);
    db.meddle(&format!("update posting set amount_minor = amount_minor + 7 where subject = {}", literal(payment)))
        .await;
    let proof = prove(&*db.store).await.unwrap();
    assert!(!proof.holds() && proof.unbalanced.is_empty());
    assert!(proof.differences.iter().all(|d| d.subject == payment && d.order == Some(first.order.id)), "{proof:?}");
    let clearing = Account { kind: AccountKind::Clearing, owner: office.account.uuid() };
    let found = proof.differences.iter().find(|d| d.account == clearing).unwrap();
    assert_eq!((found.expected_minor, found.posted_minor, found.currency), (1_000, 1_007, Currency::CNY));
    db.meddle(&format!("update posting set amount_minor = amount_minor - 7 where subject = {}", literal(payment)))
        .await;
    assert!(prove(&*db.store).await.unwrap().holds());

    db.meddle(&format!("delete from posting where subject = {}", literal(payment))).await;
    let proof = prove(&*db.store).await.unwrap();
    assert!(
        proof.differences.iter().any(|d| d.account == clearing && (d.expected_minor, d.posted_minor) == (1_000, 0))
    );

    db.meddle(&format!("delete from payment where id = {}", literal(payment))).await;
    assert!(prove(&*db.store).await.unwrap().holds(), "neither is there");
    let other = db.store.dossiers_after(Some(first.order.id), 1).await.unwrap().remove(0).payments[0].id.uuid();
    db.meddle(&format!("delete from payment where id = {}", literal(other))).await;
    let proof = prove(&*db.store).await.unwrap();
    assert!(
        proof.different > 0 && proof.differences.iter().all(|d| d.order.is_none() && d.subject == other),
        "{proof:?}"
    );
}
