//! Refunds and questions about them: what is sent, what each state means, and how a no is made sure.

use bursar_core::refund::RefundReceipt;

use super::*;

fn processing() -> Outcome<RefundStanding> {
    Outcome::Done(RefundStanding::Processing { refund_id: REFUND.into() })
}

fn succeeded() -> Outcome<RefundStanding> {
    let (refund_id, currency) = (REFUND.to_owned(), "HKD".to_owned());
    Outcome::Done(RefundStanding::Succeeded(RefundReceipt { refund_id, amount_minor: 500, currency, refunded_at: NOW }))
}

/// A peer that answers what is posted with one thing and what is asked with another.
async fn peer(posted: Canned, asked: Canned) -> Peer {
    Peer::start(move |s: &Seen| if s.method == "POST" { posted.clone() } else { asked.clone() }).await
}

async fn refunded(posted: Canned, asked: Canned) -> (Outcome<RefundStanding>, Vec<String>) {
    let peer = peer(posted, asked).await;
    let outcome = Fixture::at(&peer).refund(&open(Method::Card), &leg(), "不满意").await;
    (outcome, trace(&peer))
}

#[tokio::test]
async fn a_refund_is_asked_for_under_the_number_of_its_leg() {
    let peer = peer(ok(&refund("succeeded")), Canned::new(500, "")).await;
    let fixture = Fixture::at(&peer);
    for _ in 0..2 {
        assert_eq!(fixture.refund(&open(Method::Card), &leg(), " 不满意\n").await, succeeded());
    }
    let seen = peer.seen();
    assert_eq!((seen[0].method.as_str(), seen[0].target.as_str()), ("POST", "/v1/refunds"));
    assert_eq!(seen[0].header("idempotency-key"), leg().number());
    let want = strings([
        ("payment_intent", INTENT),
        ("amount", "500"),
        ("reason", "requested_by_customer"),
        ("metadata[bursar_leg]", &leg().number()),
        ("metadata[bursar_payment]", &number()),
        ("metadata[bursar_reason]", "不满意"),
    ]);
    assert_eq!(body(&seen[0]), want);
    assert_eq!(seen[0].body, seen[1].body);
    assert_eq!(fixture.count("refund", "done"), 2);
}

#[tokio::test]
async fn every_state_of_an_answer_has_its_meaning() {
    for status in ["pending", "requires_action"] {
        assert_eq!(refunded(ok(&refund(status)), Canned::new(500, "")).await.0, processing(), "{status}");
    }
    for status in ["failed", "canceled"] {
        let (outcome, _) = refunded(ok(&refund(status)), Canned::new(500, "")).await;
        assert!(matches!(outcome, Outcome::Done(RefundStanding::Closed(_))), "{status}");
    }
    assert_eq!(kind(refunded(ok(&refund("new")), Canned::new(500, "")).await.0), (WhyKind::Unreadable, false));
    let mut other = refund("succeeded");
    other["metadata"] = json!({"bursar_leg": "another"});
    assert_eq!(kind(refunded(ok(&other), Canned::new(500, "")).await.0), (WhyKind::Unreadable, false));
}

#[tokio::test]
async fn a_repeated_answer_is_out_of_date_and_the_refund_itself_is_read() {
    let replayed = ok(&refund("succeeded")).with("Idempotent-Replayed", "true");
    let (outcome, calls) = refunded(replayed, ok(&refund("failed"))).await;
    assert!(matches!(outcome, Outcome::Done(RefundStanding::Closed(_))), "its money came back meanwhile");
    assert_eq!(calls, ["POST /v1/refunds", &format!("GET /v1/refunds/{REFUND}")]);
}

#[tokio::test]
async fn a_no_is_believed_only_when_the_refund_is_not_found() {
    for code in ["charge_already_refunded", "charge_disputed", "parameter_invalid_integer", "resource_missing", ""] {
        let no = || error(400, "invalid_request_error", code);
        let (outcome, calls) = refunded(no(), list(&[])).await;
        assert_eq!(shown(outcome), "Definite", "{code}");
        assert_eq!(calls, ["POST /v1/refunds", "GET /v1/refunds"]);
        // It was this very refund that has used everything up.
        assert_eq!(refunded(no(), list(&[refund("succeeded")])).await.0, succeeded(), "{code}");
        let (outcome, _) = refunded(no(), error(500, "api_error", "")).await;
        assert_eq!(kind(outcome), (WhyKind::ServerError, false), "{code}: neither confirmed nor disproved");
        let (outcome, _) = refunded(no(), error(429, "invalid_request_error", "rate_limit")).await;
        assert_eq!(kind(outcome), (WhyKind::RateLimited, false), "{code}: the call itself was sent");
    }
    assert_eq!(shown(refunded(error(400, "idempotency_error", ""), list(&[])).await.0), "NumberInUse");
    assert_eq!(refunded(error(400, "idempotency_error", ""), list(&[refund("pending")])).await.0, processing());
}

#[tokio::test]
async fn what_is_no_final_no_is_said_as_it_is() {
    for (canned, want) in [
        (error(400, "invalid_request_error", "balance_insufficient"), "NoFunds"),
        (error(401, "invalid_request_error", ""), "Configuration"),
        (error(409, "idempotency_error", "idempotency_key_in_use"), "system_error"),
        (error(500, "api_error", ""), "server_error"),
        (error(400, "something_new", ""), "unreadable"),
        (error(400, "invalid_request_error", "charge_disputed").with("Stripe-Should-Retry", "true"), "system_error"),
    ] {
        let (outcome, calls) = refunded(canned, Canned::new(500, "")).await;
        assert_eq!((shown(outcome).as_str(), calls.len()), (want, 1));
    }
    let many = error(429, "invalid_request_error", "rate_limit").with("Retry-After", "3");
    let Outcome::Unknown(why) = refunded(many, Canned::new(500, "")).await.0 else { panic!() };
    assert_eq!((why.kind, why.not_sent, why.retry_after_ms), (WhyKind::RateLimited, true, Some(3_000)));
}

#[tokio::test]
async fn old_trouble_is_never_worked_around_with_another_key() {
    let old = || error(500, "api_error", "").with("Idempotent-Replayed", "true");
    let (outcome, calls) = refunded(old(), list(&[])).await;
    assert_eq!(kind(outcome), (WhyKind::ServerError, false));
    assert_eq!(calls, ["POST /v1/refunds", "GET /v1/refunds"]);
    assert_eq!(refunded(old(), list(&[refund("pending")])).await.0, processing());
}

#[tokio::test]
async fn old_trouble_gives_way_to_the_next_key_when_its_refund_would_have_shown_for_long() {
    let second = format!("{}-2", leg().number());
    let listed = |refunds: &'static [&'static str]| {
        let second = second.clone();
        Peer::start(move |s: &Seen| match (s.method.as_str(), s.header("idempotency-key")) {
            ("GET", _) => list(&refunds.iter().map(|state| refund(state)).collect::<Vec<_>>()),
            (_, key) if key == second => ok(&refund("pending")),
            _ => error(500, "api_error", "").with("Idempotent-Replayed", "true"),
        })
    };
    let mut old = leg();
    old.evidence.no_answer_at = Some(NOW);
    for (passed_ms, shown, posts) in [(299_000, &[][..], 1), (300_000, &[][..], 2), (300_000, &["pending"][..], 1)] {
        let peer = listed(shown).await;
        let fixture = Fixture::at(&peer);
        fixture.clock.advance_ms(passed_ms);
        let outcome = fixture.refund(&open(Method::Card), &old, "").await;
        let sent = trace(&peer).iter().filter(|call| call.starts_with("POST")).count();
        assert_eq!((sent, outcome == processing()), (posts, passed_ms == 300_000), "{passed_ms} {shown:?}");
    }
}

#[tokio::test]
async fn a_want_of_funds_that_is_repeated_gives_way_to_the_next_key_and_one_that_is_fresh_does_not() {
    let short = || error(400, "invalid_request_error", "balance_insufficient");
    let second = format!("{}-2", leg().number());
    let third = format!("{}-3", leg().number());
    let peer = Peer::start(move |s: &Seen| match s.header("idempotency-key") {
        key if key == leg().number() || key == second => short().with("Idempotent-Replayed", "true"),
        key if key == third => short(),
        other => panic!("{other}"),
    })
    .await;
    assert_eq!(shown(Fixture::at(&peer).refund(&open(Method::Card), &leg(), "").await), "NoFunds");
    assert_eq!(peer.seen().len(), 3);

    let peer = Peer::start(move |_| short().with("Idempotent-Replayed", "true")).await;
    assert_eq!(shown(Fixture::at(&peer).refund(&open(Method::Card), &leg(), "").await), "NoFunds");
    assert_eq!(peer.seen().len(), 24, "not for ever");
}

#[tokio::test]
async fn when_the_channel_may_have_forgotten_the_key_the_refund_is_looked_for_first() {
    for (asked, want, calls) in [(list(&[refund("succeeded")]), succeeded(), 1), (list(&[]), processing(), 2)] {
        let peer = peer(ok(&refund("pending")), asked).await;
        let fixture = Fixture::at(&peer);
        fixture.clock.advance_ms(20 * HOUR_MS);
        assert_eq!(fixture.refund(&open(Method::Card), &leg(), "").await, want);
        assert_eq!(peer.seen().len(), calls);
    }
    let peer = peer(ok(&refund("pending")), error(500, "api_error", "")).await;
    let fixture = Fixture::at(&peer);
    fixture.clock.advance_ms(20 * HOUR_MS);
    assert_eq!(kind(fixture.refund(&open(Method::Card), &leg(), "").await), (WhyKind::ServerError, true));
    assert_eq!(trace(&peer), ["GET /v1/refunds"], "without certainty nothing is sent");
}

#[tokio::test]
async fn what_cannot_be_asked_for_is_refused_without_a_call() {
    let peer = Peer::start(|_| Canned::new(500, "")).await;
    let fixture = Fixture::at(&peer);
    for (minor, code) in [(0, "HKD"), (-1, "HKD"), (1235, "HKD"), (100, "CNY")] {
        let leg = Leg { amount: Money::new(minor, code.parse::<Currency>().unwrap()), ..leg() };
        assert_eq!(shown(fixture.refund(&open(Method::Card), &leg, "").await), "Definite", "{minor} {code}");
    }
    assert!(peer.seen().is_empty());
}

#[tokio::test]
async fn a_refund_is_asked_for_by_its_id_or_found_among_those_of_its_payment() {
    let mut known = leg();
    known.evidence.refund_id = Some(REFUND.to_owned());
    let peer = Peer::start(|s| {
        if s.target.contains("payment_intent=") { list(&[refund("pending")]) } else { ok(&refund("succeeded")) }
    })
    .await;
    let fixture = Fixture::at(&peer);
    assert_eq!(fixture.channel.query_refund(&open(Method::Card), &known).await, succeeded());
    assert_eq!(fixture.channel.query_refund(&open(Method::Card), &leg()).await, processing());
    let seen = peer.seen();
    assert_eq!(seen[0].target, format!("/v1/refunds/{REFUND}?"));
    let query = members(seen[1].target.split_once('?').unwrap().1);
    assert_eq!(query, strings([("payment_intent", INTENT), ("limit", "100")]));

    let absent = Peer::start(|s| match s.target.as_str() {
        target if target.starts_with("/v1/refunds?") => list(&[]),
        _ => error(404, "invalid_request_error", "resource_missing"),
    })
    .await;
    let fixture = Fixture::at(&absent);
    for leg in [known, leg()] {
        assert_eq!(
            fixture.channel.query_refund(&open(Method::Card), &leg).await,
            Outcome::Done(RefundStanding::Absent)
        );
    }
}
