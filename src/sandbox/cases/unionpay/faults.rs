//! Every fault of a request, as a merchant sees it and as the books have it.

use std::collections::BTreeSet;

use super::merchant::Answer;
use super::{Desk, desk_with};
use crate::Faults;

const ALWAYS: u32 = 10_000;

async fn struck(faults: Faults) -> Desk {
    desk_with(|config| config.faults = faults).await
}

async fn order(desk: &Desk, n: u32) -> reqwest::Result<Answer> {
    let form = desk.merchant.purchase(&format!("order{n:04}")).with("reqReserved", "[payer:never]");
    desk.merchant.try_send("appTransReq.do", &form).await
}

/// The codes of forty orders; a broken connection counts as `broken`, an error page by its status.
async fn codes(desk: &Desk) -> BTreeSet<String> {
    let mut codes = BTreeSet::new();
    for n in 0..40 {
        codes.insert(match order(desk, n).await {
            Err(_) => "broken".to_owned(),
            Ok(answer) if answer.status != 200 => answer.status.to_string(),
            Ok(answer) => {
                assert!(answer.is_genuine());
                answer.code()
            }
        });
    }
    codes
}

fn set(codes: &[&str]) -> BTreeSet<String> {
    codes.iter().map(|code| (*code).to_owned()).collect()
}

#[tokio::test]
async fn an_answer_is_lost_on_its_way_or_inside_the_network_after_the_effect() {
    let desk = struck(Faults { lost_answer_after_effect: ALWAYS, ..Faults::calm() }).await;
    assert_eq!(codes(&desk).await, set(&["03", "04", "05", "broken"]));
    assert_eq!(desk.sandbox.books().len(), 40);
    desk.sandbox.set_faults(Faults::calm());
    assert_eq!(order(&desk, 0).await.unwrap().code(), "12");
}

#[tokio::test]
async fn a_failing_system_answers_a_page_or_a_code_without_effect() {
    let desk = struck(Faults { server_error: ALWAYS, ..Faults::calm() }).await;
    assert_eq!(codes(&desk).await, set(&["03", "04", "05", "06", "502"]));
    assert!(desk.sandbox.books().is_empty());
}

#[tokio::test]
async fn a_time_out_breaks_the_connection_without_effect() {
    let desk = struck(Faults { timeout_before_effect: ALWAYS, ..Faults::calm() }).await;
    assert_eq!(codes(&desk).await, set(&["broken"]));
    assert!(desk.sandbox.books().is_empty());
}

#[tokio::test]
async fn too_many_requests_are_told_so_without_effect() {
    let desk = struck(Faults { too_many_requests: ALWAYS, ..Faults::calm() }).await;
    assert_eq!(codes(&desk).await, set(&["06"]));
    assert!(desk.sandbox.books().is_empty());
    assert_eq!(desk.merchant.query(&desk.merchant.purchase("order0001")).await.code(), "37");
}

#[tokio::test]
async fn a_truncated_body_ends_early_after_the_effect() {
    let desk = struck(Faults { truncated_body: ALWAYS, ..Faults::calm() }).await;
    for n in 0..20 {
        assert!(!order(&desk, n).await.is_ok_and(|answer| answer.is_genuine()));
    }
    assert_eq!(desk.sandbox.books().len(), 20);
}

#[tokio::test]
async fn a_wrong_signature_is_damaged_or_of_a_stranger_or_of_a_neighbour_though_the_answer_is_right() {
    let desk = struck(Faults { bad_signature: ALWAYS, ..Faults::calm() }).await;
    let mut certificates = BTreeSet::new();
    for n in 0..40 {
        let answer = order(&desk, n).await.unwrap();
        assert_eq!((answer.code().as_str(), answer.is_genuine()), ("00", false));
        certificates.insert(answer.get("signPubKeyCert"));
    }
    assert_eq!(certificates.len(), 3);
    assert_eq!(desk.sandbox.books().len(), 40);
}

#[tokio::test]
async fn a_browser_meets_the_same_faults() {
    for (faults, placed) in [
        (Faults { lost_answer_after_effect: ALWAYS, ..Faults::calm() }, 1),
        (Faults { timeout_before_effect: ALWAYS, ..Faults::calm() }, 0),
    ] {
        let desk = struck(faults).await;
        let form = desk.merchant.purchase("order0001").with("reqReserved", "[payer:never]");
        assert!(desk.merchant.try_send("frontTransReq.do", &form).await.is_err());
        assert_eq!(desk.sandbox.books().len(), placed);
    }
}

#[tokio::test]
async fn an_outage_breaks_every_connection() {
    let desk = struck(Faults::calm()).await;
    desk.sandbox.set_outage(true);
    assert!(order(&desk, 0).await.is_err());
    desk.sandbox.set_outage(false);
    assert_eq!(order(&desk, 0).await.unwrap().code(), "00");
}
