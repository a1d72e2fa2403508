//! Messages: which are believed, and what they lead to.

use bursar_core::observation::Dispute;

use super::*;
use crate::notice::{About, Notice, NotificationRefusal};
use crate::stripe::signature::tests::sign;

fn event(kind: &str, object: &Value) -> Value {
    json!({
        "id": "evt_1Q", "object": "event", "api_version": "2024-06-20", "created": NOW.as_seconds() - 5,
        "data": {"object": object, "previous_attributes": {"status": "x"}}, "livemode": false, "pending_webhooks": 1,
        "request": {"id": null, "idempotency_key": null}, "type": kind,
    })
}

fn signed(secret: &str, at: Timestamp, body: &[u8]) -> Vec<(String, String)> {
    let header = format!("t={},v1={},v0=00", at.as_seconds(), sign(secret, at.as_seconds(), body));
    vec![("Stripe-Signature".to_owned(), header)]
}

fn fixture() -> Fixture {
    Fixture::with(settings("http://127.0.0.1:9"))
}

fn read(event: &Value) -> Result<Notice, NotificationRefusal> {
    let body = event.to_string().into_bytes();
    fixture().channel.read_notification(&signed(HOOK, NOW, &body), &body, NOW)
}

fn look(about: About) -> Result<Notice, NotificationRefusal> {
    Ok(Notice::Look { channel_id: "evt_1Q".into(), about, at: NOW.plus_ms(-5_000) })
}

fn other(kind: &str) -> Result<Notice, NotificationRefusal> {
    Ok(Notice::Other { channel_id: "evt_1Q".into(), event: kind.into() })
}

#[test]
fn of_payments_and_refunds_only_the_number_is_read_whatever_the_message_says() {
    for kind in
        ["succeeded", "payment_failed", "canceled", "processing", "requires_action", "amount_capturable_updated"]
    {
        let kind = format!("payment_intent.{kind}");
        assert_eq!(read(&event(&kind, &intent(|_| ()))), look(About::Payment(number())), "{kind}");
    }
    let charge = json!({"id": "ch_1", "object": "charge", "metadata": {"bursar_payment": number()}, "refunded": true});
    assert_eq!(read(&event("charge.refunded", &charge)), look(About::Payment(number())));
    let setup = json!({"id": "seti_1", "object": "setup_intent", "metadata": {"bursar_agreement": "a1"}});
    for kind in ["succeeded", "canceled", "setup_failed", "requires_action"] {
        let kind = format!("setup_intent.{kind}");
        assert_eq!(read(&event(&kind, &setup)), look(About::Agreement("a1".into())), "{kind}");
    }
    for kind in ["refund.created", "refund.updated", "refund.failed", "charge.refund.updated"] {
        assert_eq!(read(&event(kind, &refund("failed"))), look(About::Refund(leg().number())), "{kind}");
    }
}

#[test]
fn what_bears_no_mark_of_ours_and_what_is_not_handled_is_other() {
    let unmarked = intent(|v| v["metadata"] = json!({"order": "A1"}));
    assert_eq!(read(&event("payment_intent.succeeded", &unmarked)), other("payment_intent.succeeded"));
    assert_eq!(read(&event("payment_intent.succeeded", &json!({"id": "pi_1"}))), other("payment_intent.succeeded"));
    for kind in ["charge.succeeded", "payout.paid", "setup_intent.succeeded", "customer.created"] {
        assert_eq!(read(&event(kind, &json!({"id": "x_1"}))), other(kind));
    }
}

fn dispute(status: &str) -> Value {
    json!({
        "id": "du_1Q", "object": "dispute", "amount": 1234, "charge": "ch_1", "currency": "hkd", "metadata": {},
        "payment_intent": INTENT, "reason": "fraudulent", "status": status,
    })
}

#[test]
fn a_dispute_names_the_intent_and_how_it_stands() {
    for (kind, status, won) in [
        ("created", "needs_response", None),
        ("updated", "under_review", None),
        ("updated", "a_new_status", None),
        ("closed", "won", Some(true)),
        ("closed", "lost", Some(false)),
        ("funds_withdrawn", "needs_response", None),
    ] {
        let notice = read(&event(&format!("charge.dispute.{kind}"), &dispute(status)));
        let dispute = Dispute { id: "du_1Q".into(), amount_minor: 1234, reason: "fraudulent".into(), won };
        let about = About::ChannelsPayment(INTENT.into());
        let want = Notice::Dispute { channel_id: "evt_1Q".into(), about, dispute, at: NOW.plus_ms(-5_000) };
        assert_eq!(notice, Ok(want), "{status}");
    }
}

#[test]
fn a_mere_inquiry_and_a_charge_without_an_intent_are_other() {
    for status in ["warning_needs_response", "warning_under_review", "warning_closed"] {
        assert_eq!(read(&event("charge.dispute.created", &dispute(status))), other("charge.dispute.created"));
    }
    let mut without = dispute("lost");
    without["payment_intent"] = json!(null);
    assert_eq!(read(&event("charge.dispute.closed", &without)), other("charge.dispute.closed"));
    without["payment_intent"] = json!({"id": INTENT, "object": "payment_intent"});
    assert!(matches!(read(&event("charge.dispute.closed", &without)), Ok(Notice::Dispute { .. })));
}

#[test]
fn a_message_of_the_other_mode_or_of_another_account_is_foreign() {
    let mut live = event("payment_intent.succeeded", &intent(|_| ()));
    live["livemode"] = json!(true);
    assert_eq!(read(&live), Err(NotificationRefusal::Foreign));
    let mut connected = event("payment_intent.succeeded", &intent(|_| ()));
    connected["account"] = json!("acct_1");
    assert_eq!(read(&connected), Err(NotificationRefusal::Foreign));
    let mut own = settings("http://127.0.0.1:9");
    own["account"] = json!("acct_1");
    let body = connected.to_string().into_bytes();
    let notice = Fixture::with(own).channel.read_notification(&signed(HOOK, NOW, &body), &body, NOW);
    assert_eq!(notice, look(About::Payment(number())));
}

#[test]
fn both_secrets_are_in_force_while_one_is_rolled_and_others_are_not() {
    let body = event("payment_intent.succeeded", &intent(|_| ())).to_string().into_bytes();
    let fixture = fixture();
    for secret in [HOOK, NEXT_HOOK] {
        let notice = fixture.channel.read_notification(&signed(secret, NOW, &body), &body, NOW);
        assert_eq!(notice, look(About::Payment(number())));
    }
    let forged = fixture.channel.read_notification(&signed("whsec_other", NOW, &body), &body, NOW);
    assert_eq!(forged, Err(NotificationRefusal::BadSignature));
    let mut changed = body.clone();
    changed.push(b' ');
    let notice = fixture.channel.read_notification(&signed(HOOK, NOW, &body), &changed, NOW);
    assert_eq!(notice, Err(NotificationRefusal::BadSignature));
}

#[test]
fn an_old_message_is_refused_when_it_comes_and_read_when_it_was_stored() {
    let body = event("payment_intent.succeeded", &intent(|_| ())).to_string().into_bytes();
    let (fixture, headers) = (fixture(), signed(HOOK, NOW.plus_ms(-301_000), &body));
    assert_eq!(fixture.channel.read_notification(&headers, &body, NOW), Err(NotificationRefusal::Stale));
    assert_eq!(fixture.channel.reread_notification(&headers, &body), look(About::Payment(number())));
    assert_eq!(fixture.channel.proof_headers(), ["Stripe-Signature"]);
}

#[test]
fn a_signed_message_that_cannot_be_read_says_so() {
    let fixture = fixture();
    let mut bodies: Vec<Vec<u8>> = [&b""[..], b"{", b"[]", b"{}", b"\xff"].map(<[u8]>::to_vec).to_vec();
    for member in ["id", "type", "created", "livemode", "data"] {
        let mut event = event("payment_intent.succeeded", &intent(|_| ()));
        drop(event.as_object_mut().unwrap().remove(member));
        bodies.push(event.to_string().into_bytes());
    }
    let mut foreign_id = event("payment_intent.succeeded", &intent(|_| ()));
    foreign_id["id"] = json!("../evt_1");
    bodies.push(foreign_id.to_string().into_bytes());
    bodies.push(event("charge.dispute.created", &json!({"id": "du_1"})).to_string().into_bytes());
    for body in bodies {
        let notice = fixture.channel.read_notification(&signed(HOOK, NOW, &body), &body, NOW);
        assert!(matches!(notice, Err(NotificationRefusal::Unreadable(_))), "{notice:?}");
    }
}

#[test]
fn the_channel_is_told_in_its_own_way() {
    let channel = fixture().channel;
    assert_eq!(channel.acknowledge().status, 200);
    assert_eq!(channel.refuse(&NotificationRefusal::BadSignature).status, 401);
    assert_eq!(channel.refuse(&NotificationRefusal::Unreadable("x".into())).status, 400);
    assert_eq!(channel.unavailable().status, 503);
}
