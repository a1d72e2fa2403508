//! Agreements: how a card is opened for charges, asked about and closed.

use bursar_core::agreement::{Agreement, Signature};
use bursar_core::observation::PayCode;

use super::*;
use crate::channel::SignRequest;
use crate::debit::tests::{agreement as agreement_of, signed as signed_by};
use crate::outcome::{AgreementStanding, RefusalClass};

pub(super) const NOTIFY_URL: &str = "https://pay.example/notify/unionpay/acc_1";
pub(super) const TOKEN: &str = "6235240000760877254";
const CODE: &str = "00000000000000000000000004";

pub(super) fn agreement() -> Agreement {
    agreement_of(&payment(Method::UnionpayDebit))
}

pub(super) fn with_tokens(hosts: &[String]) -> Value {
    let mut value = settings(hosts);
    value["agreements"] = json!({"tr_id": "62000000001"});
    value
}

pub(super) fn shown<T: std::fmt::Debug>(outcome: Outcome<T>) -> String {
    match outcome {
        Outcome::Done(value) => format!("{value:?}"),
        Outcome::Refused(refusal) => format!("{:?}", refusal.class),
        Outcome::Unknown(why) => why.kind.name().to_owned(),
    }
}

async fn sign(fixture: &Fixture, agreement: &Agreement) -> Outcome<PayCode> {
    fixture.channel.sign(&SignRequest { agreement, notify_url: NOTIFY_URL }).await
}

#[tokio::test]
async fn a_card_is_opened_on_the_channels_page_by_a_signed_form_without_any_call() {
    let peer = peer(&[]).await;
    let fixture = Fixture::with(with_tokens(&[peer.url()]));
    let Outcome::Done(PayCode::Form { action, fields }) = sign(&fixture, &agreement()).await else { panic!() };
    assert_eq!(action, format!("{}/gateway/api/frontTransReq.do", peer.url()));
    let want = members(&[
        ("txnType", "79"),
        ("txnSubType", "00"),
        ("bizType", "000902"),
        ("channelType", "07"),
        ("orderId", CODE),
        ("txnTime", TXN_TIME),
        ("frontUrl", "https://shop.example/back"),
        ("backUrl", NOTIFY_URL),
        ("tokenPayData", "{trId=62000000001&tokenType=01}"),
    ]);
    assert_eq!(verified(fields), want);
    fixture.clock.advance_ms(10 * HOUR_MS);
    let Outcome::Done(PayCode::Form { fields, .. }) = sign(&fixture, &agreement()).await else { panic!() };
    assert_eq!(verified(fields), want, "the same whatever the time");
    assert_eq!((peer.seen().len(), fixture.count("sign", "done")), (0, 2));
}

#[tokio::test]
async fn without_the_settings_nothing_is_called_and_the_refusal_names_them() {
    let peer = peer(&[]).await;
    let fixture = Fixture::at(&[peer.url()]);
    let signed = signed_by(agreement(), TOKEN);
    for outcome in [
        sign(&fixture, &agreement()).await.map(drop),
        fixture.channel.query_agreement(&agreement()).await.map(drop),
        fixture.channel.end_agreement(&signed).await,
    ] {
        let Outcome::Refused(refusal) = outcome else { panic!("{outcome:?}") };
        assert!(refusal.class == RefusalClass::Definite && refusal.message.contains("`agreements`"), "{refusal}");
    }
    let mut nowhere = with_tokens(&[peer.url()]);
    nowhere.as_object_mut().unwrap().remove("front_url");
    let Outcome::Refused(refusal) = sign(&Fixture::with(nowhere), &agreement()).await else { panic!() };
    assert!(refusal.message.contains("`front_url`"), "{refusal}");
    let mut wrong = settings(&[peer.url()]);
    wrong["agreements"] = json!({"tr_id": "6 2"});
    let error = registry(Arc::new(ManualClock::at(NOW))).of(&account(wrong)).unwrap_err().to_string();
    assert!(error.contains("agreements.tr_id"), "{error}");
    assert!(peer.seen().is_empty());
}

fn opened(more: &[(&str, &str)]) -> Canned {
    let mut all = about(
        CODE,
        TXN_TIME,
        &[
            ("txnType", "78"),
            ("txnSubType", "02"),
            ("bizType", "000902"),
            ("activateStatus", "1"),
            (
                "tokenPayData",
                "{token=6235240000760877254&trId=62000000001&tokenType=01&tokenBegin=20270115160100\
                 &tokenEnd=20320115160100&tokenLevel=10}",
            ),
        ],
    );
    all.extend(members(more));
    signed(all)
}

fn says(code: &str) -> Canned {
    signed(about(CODE, TXN_TIME, &[("txnType", "78"), ("respCode", code), ("respMsg", "in words")]))
}

#[tokio::test]
async fn an_opened_card_is_known_by_its_token() {
    let peer = peer(&[(BACK, opened(&[]))]).await;
    let fixture = Fixture::with(with_tokens(&[peer.url()]));
    let at = |text| Timestamp::parse_rfc3339(text).unwrap();
    let signature = Signature {
        channel_id: TOKEN.into(),
        payer_id: None,
        signed_at: at("2027-01-15T16:01:00+08:00"),
        ends_at: Some(at("2032-01-15T16:01:00+08:00")),
    };
    let standing = fixture.channel.query_agreement(&agreement()).await;
    assert_eq!(standing, Outcome::Done(AgreementStanding::Signed(signature)));
    let want = members(&[
        ("txnType", "78"),
        ("txnSubType", "02"),
        ("bizType", "000902"),
        ("channelType", "07"),
        ("orderId", CODE),
        ("txnTime", TXN_TIME),
    ]);
    assert_eq!(sent(&peer.seen()[0]), want);
}

#[tokio::test]
async fn a_card_that_is_not_open_is_unsigned_and_one_that_was_has_ended() {
    let signed = signed_by(agreement(), TOKEN);
    for canned in [says("34"), says("77"), says("79"), opened(&[("activateStatus", "0")])] {
        let peer = peer(&[(BACK, canned)]).await;
        let fixture = Fixture::with(with_tokens(&[peer.url()]));
        assert_eq!(shown(fixture.channel.query_agreement(&agreement()).await), "Unsigned");
        assert_eq!(shown(fixture.channel.query_agreement(&signed).await), "system_error", "signed a moment ago");
        fixture.clock.advance_ms(HOUR_MS);
        assert!(shown(fixture.channel.query_agreement(&signed).await).starts_with("Ended"));
    }
    for (canned, want) in [
        (says("05"), "system_error"),
        (says("99"), "system_error"),
        (says("37"), "rate_limited"),
        (says("Z9"), "unreadable"),
        (says("31"), "Configuration"),
        (opened(&[("tokenPayData", "{trId=62000000001}")]), "unreadable"),
        (opened(&[("orderId", "another0")]), "unreadable"),
        (Canned::new(500, ""), "server_error"),
    ] {
        let peer = peer(&[(BACK, canned)]).await;
        let fixture = Fixture::with(with_tokens(&[peer.url()]));
        fixture.clock.advance_ms(HOUR_MS);
        assert_eq!(shown(fixture.channel.query_agreement(&signed).await), want);
    }
}

/// What ending comes to when the channel answers the deletion with `code`, and then a question with `asked`.
async fn end(agreement: &Agreement, code: &'static str, asked: Canned) -> (String, Vec<Members>) {
    let peer = Peer::start(move |seen: &Seen| {
        let call = sent(seen);
        if call["txnType"] == "78" {
            return asked.clone();
        }
        signed(about(&call["orderId"], &call["txnTime"], &[("txnType", "74"), ("respCode", code), ("respMsg", "w")]))
    })
    .await;
    let fixture = Fixture::with(with_tokens(&[peer.url()]));
    fixture.clock.advance_ms(HOUR_MS);
    let found = shown(fixture.channel.end_agreement(agreement).await);
    (found, peer.seen().iter().map(sent).collect())
}

#[tokio::test]
async fn a_token_is_deleted_by_a_transaction_of_its_own_and_twice_is_done() {
    let signed = signed_by(agreement(), TOKEN);
    let (found, calls) = end(&signed, "00", says("99")).await;
    assert_eq!(found, "()");
    let want = members(&[
        ("txnType", "74"),
        ("txnSubType", "01"),
        ("bizType", "000902"),
        ("channelType", "07"),
        ("orderId", "00000000000000000000000004e"),
        ("txnTime", "20270115170000"),
        ("tokenPayData", "{token=6235240000760877254&trId=62000000001}"),
    ]);
    assert_eq!(calls, [want]);
    for (code, asked, want) in [
        ("34", says("34"), "()"),
        ("12", says("77"), "()"),
        ("99", says("77"), "()"),
        ("10", opened(&[]), "Definite"),
        ("99", opened(&[]), "system_error"),
        ("12", opened(&[]), "unreadable"),
        ("99", Canned::new(500, ""), "system_error"),
    ] {
        assert_eq!(end(&signed, code, asked).await.0, want, "{code}");
    }
    // Nobody had seen the signature yet: it is looked for first.
    let (found, calls) = end(&agreement(), "00", opened(&[])).await;
    assert_eq!((found.as_str(), calls.len(), calls[1]["tokenPayData"].contains(TOKEN)), ("()", 2, true));
    assert_eq!(end(&agreement(), "00", says("34")).await.1.len(), 1, "nothing to delete");
}
