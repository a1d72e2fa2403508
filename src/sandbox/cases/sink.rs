//! The pretend merchant's receiver of webhooks: events of every kind count for the sequence.

use std::sync::Arc;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bursar_core::chance::SeededChance;
use serde_json::json;

use crate::merchant::Sink;

async fn tell(sink: &Sink, sequence: i64, kind: &str) -> u16 {
    let body = json!({ "type": kind, "sequence": sequence, "data": { "order_id": "order-1" } }).to_string();
    let id = format!("evt-{sequence}");
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"secret of the shop");
    let tag = hmac::sign(&key, format!("{id}.1795309200.{body}").as_bytes());
    let request = reqwest::Client::builder().no_proxy().build().unwrap().post(sink.url());
    let request = request.header("webhook-id", id).header("webhook-timestamp", "1795309200");
    let request = request.header("webhook-signature", format!("v1,{}", STANDARD.encode(tag))).body(body);
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn events_of_refunds_and_of_unknown_kinds_are_accepted_and_counted_for_the_sequence() {
    let secret = format!("whsec_{}", STANDARD.encode("secret of the shop"));
    let sink = Sink::start(&[secret], 0, Arc::new(SeededChance::new(1))).await.unwrap();
    assert_eq!(tell(&sink, 1, "order.paid").await, 204);
    for (sequence, kind) in
        (3..).zip(["refund.created", "refund.succeeded", "refund.failed", "refund.parked", "order.praised"])
    {
        assert_eq!(tell(&sink, sequence, kind).await, 204, "{kind}");
    }
    assert_eq!(sink.told().gaps(), 1, "the second is missing");
    assert_eq!(tell(&sink, 2, "refund.created").await, 204);
    let told = sink.told();
    assert_eq!((told.gaps(), told.forged, told.deliveries.len()), (0, 0, 7));
    assert_eq!(told.paid["order-1"], 1);
}
