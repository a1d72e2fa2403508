//! The ledger as an operator meets it: proved each morning by a job, shown and verified on the command line, and loud
//! when somebody has changed it.

use std::process::Command;

use bursar_core::clock::{DAY_MS, HOUR_MS};
use bursar_core::id::PaymentId;
use bursar_core::job::{JobKey, JobKind, NewJob};
use bursar_core::ledger::{Account, AccountKind, Posting};
use bursar_core::observation::{Claim, Observation, Piece, Source};
use bursar_core::{Currency, Money};
use bursar_store::{Change, Settlement};
use bursar_tests::{Branch, binary};
use serde_json::Value;

/// What `bursar` says on stdout, and its exit code.
fn bursar(branch: &Branch, words: &[&str]) -> (String, i32) {
    let output = Command::new(binary()).args(["--database-url", &branch.url]).args(words).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let code = output.status.code().unwrap();
    assert!(code != 2 && code != 1, "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    (said, code)
}

fn json(branch: &Branch, words: &[&str]) -> (Value, i32) {
    let (said, code) = bursar(branch, &[&["--json"], words].concat());
    (serde_json::from_str(&said).unwrap_or_else(|e| panic!("{words:?}: {e}: {said}")), code)
}

/// Money comes for a payment.
async fn receive(branch: &Branch, payment: PaymentId, minor: i64) {
    let at = branch.clock_now();
    let line = format!("lin_{}", payment.bare());
    let piece = Piece { line, amount_minor: minor, currency: "CNY".into(), at };
    let seen = Observation::new(Source::Statement, at, Claim::Received(piece));
    branch.desk.observe(payment, &seen, None, None, |_| Settlement::Hold).await.unwrap();
    branch.work().await;
}

/// A day on which one order was paid, one was paid in part, and one was not, and the morning after.
async fn a_day_and_its_morning() -> Branch {
    let branch = Branch::open().await;
    let (paid, part) = (branch.order(12_800, None).await, branch.order(9_000, None).await);
    branch.order(500, None).await;
    receive(&branch, paid, 12_800).await;
    receive(&branch, part, 4_000).await;
    let job = JobKey::new(JobKind::ProveDay, uuid::Uuid::nil());
    branch.add_job(NewJob::new(job, branch.account.merchant, branch.clock_now().plus_ms(DAY_MS))).await;
    branch.later(DAY_MS + HOUR_MS).await;
    branch
}

#[tokio::test]
async fn the_morning_certifies_the_day_and_the_command_line_shows_and_verifies_it() {
    let branch = a_day_and_its_morning().await;
    let (shown, code) = json(&branch, &["ledger", "certificate", "--day", "2026-11-22"]);
    assert_eq!(code, 0);
    let certificate = &shown["certificate"];
    assert_eq!((&certificate["sequence"], &certificate["proof"]["holds"]), (&1.into(), &true.into()));
    assert_eq!(certificate["orders"][0]["minor"], 22_300);
    assert_eq!(
        (&certificate["movements"][0]["kind"], &certificate["movements"][0]["sum"]["minor"]),
        (&"receipt".into(), &16_800.into())
    );
    let (text, _) = bursar(&branch, &["ledger", "certificate"]);
    assert!(text.contains("agrees with 3 orders, 3 payments, 0 legs of refunds"), "{text}");
    let (verified, code) = json(&branch, &["ledger", "verify", "--all"]);
    assert_eq!((code, &verified["certificates"], &verified["head"]), (0, &1.into(), &shown["digest"]));
    assert_eq!(bursar(&branch, &["ledger", "certificate", "--day", "2026-11-21"]).1, 3);
    assert_eq!(bursar(&branch, &["ledger", "verify", "--day", "2026-11-21"]).1, 3);

    let (balances, _) = bursar(&branch, &["ledger", "balances"]);
    assert!(balances.lines().any(|l| l == "in all 0.00 CNY"), "{balances}");
    let account = branch.account.id.to_string();
    let (statement, _) = json(&branch, &["ledger", "account", "clearing", &account]);
    assert_eq!((&statement["opening_minor"], &statement["closing_minor"]), (&0.into(), &16_800.into()));
    assert_eq!(json(&branch, &["ledger", "prove"]).0["holds"], true);
}

#[tokio::test]
async fn reports_are_tables_for_people_and_for_spreadsheets() {
    let branch = a_day_and_its_morning().await;
    let days = ["--from", "2026-11-22", "--to", "2026-11-22"];
    let (table, _) =
        bursar(&branch, &[&["report", "insights", "--group-by", "method,day", "--csv"], &days[..]].concat());
    let mut lines = table.lines();
    assert!(lines.next().unwrap().starts_with("day,method,currency,payments,paid,"), "{table}");
    assert!(lines.next().unwrap().starts_with("2026-11-22,bank_transfer,CNY,3,1,0,10000,12800,10000,"), "{table}");
    let (text, _) = bursar(&branch, &[&["report", "insights"], &days[..]].concat());
    assert!(text.contains("100.00 %"), "{text}");
    let (settlement, _) = json(&branch, &[&["report", "settlement"], &days[..]].concat());
    let row = &settlement["rows"][0];
    assert_eq!(
        (&row["gross_minor"], &row["fees_minor"], &row["net_minor"]),
        (&16_800.into(), &0.into(), &16_800.into())
    );
}

#[tokio::test]
async fn what_was_posted_behind_our_back_is_found_and_named() {
    let branch = a_day_and_its_morning().await;
    let payment = branch.order(700, None).await;
    let order = branch.dossier(payment).await.order;
    // About the order itself, which has no money of its own; and back on the day that was certified.
    let of = |kind| Account { kind, owner: branch.account.merchant.uuid() };
    let posting = Posting {
        subject: order.id.uuid(),
        debit: of(AccountKind::Receivable),
        credit: of(AccountKind::Earnings),
        amount: Money::new(5, Currency::CNY),
    };
    let at = branch.clock_now().plus_ms(-DAY_MS);
    let change = Change { orders: vec![order], postings: vec![(posting, at)], ..Change::default() };
    branch.store.commit(&[change]).await.unwrap();
    let (proof, code) = json(&branch, &["ledger", "prove"]);
    assert_eq!((code, &proof["holds"], &proof["different"]), (6, &false.into(), &2.into()));
    let kinds: Vec<_> = proof["differences"].as_array().unwrap().iter().map(|d| d["kind"].clone()).collect();
    assert!(kinds.contains(&"receivable".into()) && kinds.contains(&"earnings".into()), "{proof}");
    let (verified, code) = json(&branch, &["ledger", "verify", "--day", "2026-11-22"]);
    assert_eq!(code, 6);
    assert!(verified["changed"][0]["what"].as_str().unwrap().starts_with("postings: "), "{verified}");
    branch.later(DAY_MS).await;
    let (shown, code) = json(&branch, &["ledger", "certificate"]);
    assert_eq!(
        (code, &shown["certificate"]["day"], &shown["certificate"]["proof"]["holds"]),
        (6, &"2026-11-23".into(), &false.into())
    );
}
