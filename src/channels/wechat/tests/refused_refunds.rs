//! What an error answer to a refund means, and how a no is made sure before it is believed.

use super::calls::shown;
use super::refunds::{captured, leg, peer, processing, refund, refund_of, shown_refund};
use super::*;
use crate::outcome::{Refusal, RefusalClass};
use crate::wechat::errors::{Meaning, TABLE};

/// What a refund makes of a 4xx with this code when the number is not known, for an old payment and for a
/// young one.
fn expected(code: &str, meaning: Meaning) -> [&'static str; 2] {
    match meaning {
        Meaning::System => ["system_error"; 2],
        Meaning::TooMany if code == "FREQUENCY_LIMITED" => ["TooSoon"; 2],
        Meaning::TooMany => ["rate_limited"; 2],
        Meaning::Later => ["TooSoon"; 2],
        Meaning::NoFunds => ["NoFunds"; 2],
        Meaning::Account => ["Configuration"; 2],
        Meaning::Paid => ["unreadable"; 2],
        Meaning::InUse => ["NumberInUse"; 2],
        Meaning::Absent => ["Definite", "TooSoon"],
        Meaning::Wrong | Meaning::Invalid | Meaning::Closed => ["Definite"; 2],
    }
}

#[tokio::test]
async fn every_code_of_the_table_means_the_same_signed_and_unsigned_when_the_number_is_not_known() {
    for (code, meaning) in TABLE {
        for sign in [false, true] {
            let (posted, asked) = (error(400, code), error(404, "RESOURCE_NOT_EXISTS"));
            let peer = if sign { peer(signed(posted), signed(asked)).await } else { peer(posted, asked).await };
            let fixture = Fixture::at(&[peer.url()]);
            let [old, young] = expected(code, *meaning);
            assert_eq!(shown(refund(&fixture).await), old, "{code}");
            assert_eq!(shown(refund_of(&fixture, &captured(60_000)).await), young, "{code}");
            let asks = peer.seen().iter().filter(|s| s.method == "GET").count();
            let doubtful = [old, young].iter().filter(|o| ["Definite", "NumberInUse"].contains(o)).count();
            assert_eq!(asks, doubtful, "{code}: only what would lead to another way is asked about");
        }
    }
}

#[tokio::test]
async fn a_no_is_not_believed_when_the_channel_knows_the_number() {
    for code in ["INVALID_REQUEST", "PARAM_ERROR", "USER_ACCOUNT_ABNORMAL", "RULE_LIMIT", "REFUND_FEE_MISMATCH"] {
        let peer = peer(error(400, code), shown_refund(|_| ())).await;
        let fixture = Fixture::at(&[peer.url()]);
        assert_eq!(refund(&fixture).await, Outcome::Done(processing()), "{code}");
        assert_eq!((fixture.count("refund", "done"), fixture.count("query_refund", "done")), (1, 1));
    }
}

#[tokio::test]
async fn a_no_that_cannot_be_confirmed_is_unknown_and_never_called_unsent() {
    for (asked, want) in [
        (Canned::new(503, ""), WhyKind::ServerError),
        (error(429, "FREQUENCY_LIMITED"), WhyKind::RateLimited),
        (error(401, "SIGN_ERROR"), WhyKind::Unreadable),
        (signed(Canned::new(200, "{}")), WhyKind::Unreadable),
        (signed_with(error(404, "RESOURCE_NOT_EXISTS"), OTHER_KEY, KEY_ID, NOW), WhyKind::BadSignature),
    ] {
        let peer = peer(error(400, "INVALID_REQUEST"), asked).await;
        assert_eq!(kind(refund(&Fixture::at(&[peer.url()])).await), (want, false));
    }
    // The question is turned away by our own limit: it was not sent, but the refund was.
    let peer = peer(error(400, "INVALID_REQUEST"), error(404, "RESOURCE_NOT_EXISTS")).await;
    let mut settings = settings(&[peer.url()]);
    settings["rate_per_second"] = json!(1);
    let fixture = Fixture::with(settings);
    let question = (captured(0), leg());
    drop(futures::future::join_all((0..3).map(|_| fixture.channel.query_refund(&question.0, &question.1))).await);
    assert_eq!(kind(refund(&fixture).await), (WhyKind::RateLimited, false));
}

#[tokio::test]
async fn other_content_under_the_same_number_is_told_by_the_channels_words() {
    let said = |code: &str| {
        let body = json!({"code": code, "message": "订单金额或退款金额与之前请求不一致，请核实后再试"});
        Canned::new(400, body.to_string())
    };
    for code in ["INVALID_REQUEST", "PARAM_ERROR"] {
        let peer = peer(said(code), error(404, "RESOURCE_NOT_EXISTS")).await;
        let Outcome::Refused(Refusal { class, .. }) = refund(&Fixture::at(&[peer.url()])).await else { panic!() };
        assert_eq!(class, RefusalClass::NumberInUse);
    }
}

#[tokio::test]
async fn too_many_is_a_sure_no_only_in_the_words_that_say_so() {
    let answers = [
        (error(429, "FREQUENCY_LIMITED"), "TooSoon"),
        (signed(error(429, "FREQUENCY_LIMITED")), "TooSoon"),
        (signed_with(error(429, "FREQUENCY_LIMITED"), OTHER_KEY, KEY_ID, NOW), "rate_limited"),
        (error(429, "RATELIMIT_EXCEEDED"), "rate_limited"),
        (error(429, "INVALID_REQUEST"), "rate_limited"),
        (Canned::new(429, "<html>"), "rate_limited"),
        (error(500, "FREQUENCY_LIMITED"), "server_error"),
    ];
    for (canned, want) in answers {
        let peer = peer(canned.clone(), Canned::new(500, "")).await;
        assert_eq!(shown(refund(&Fixture::at(&[peer.url()])).await), want, "{canned:?}");
        assert_eq!(peer.seen().len(), 1);
    }
    let peer = peer(error(429, "RATELIMIT_EXCEEDED").with("Retry-After", "7"), Canned::new(500, "")).await;
    let Outcome::Unknown(why) = refund(&Fixture::at(&[peer.url()])).await else { panic!() };
    assert_eq!((why.retry_after_ms, why.not_sent), (Some(7_000), false));
}

#[tokio::test]
async fn statuses_without_a_known_code_are_never_a_no() {
    for (status, body, want) in [
        (400, r#"{"code":"REQUEST_BLOCKED","message":"m"}"#, WhyKind::Unreadable),
        (404, "<html>not found</html>", WhyKind::Unreadable),
        (403, "", WhyKind::Unreadable),
        (302, "", WhyKind::Unreadable),
        (200, r#"{"status":"SUCCESS"}"#, WhyKind::BadSignature),
        (500, r#"{"code":"SYSTEM_ERROR","message":"m"}"#, WhyKind::SystemError),
        (500, r#"{"code":"NOT_ENOUGH","message":"m"}"#, WhyKind::ServerError),
        (502, "<html>bad gateway</html>", WhyKind::ServerError),
    ] {
        let canned = Canned::new(status, body);
        let peer = peer(canned.clone(), canned).await;
        let fixture = Fixture::at(&[peer.url()]);
        assert_eq!(kind(refund(&fixture).await), (want, false), "{status} {body}");
        assert_eq!(kind(fixture.channel.query_refund(&captured(0), &leg()).await), (want, false), "{status} {body}");
        assert_eq!(peer.seen().len(), 2, "nothing is repeated");
    }
    for body in ["", "{", "[]", r#"{"status":"SUCCESS"}"#] {
        let canned = signed(Canned::new(200, body));
        let peer = peer(canned.clone(), canned).await;
        let fixture = Fixture::at(&[peer.url()]);
        assert_eq!(kind(refund(&fixture).await), (WhyKind::Unreadable, false), "{body}");
        assert_eq!(
            kind(fixture.channel.query_refund(&captured(0), &leg()).await),
            (WhyKind::Unreadable, false),
            "{body}"
        );
    }
}
