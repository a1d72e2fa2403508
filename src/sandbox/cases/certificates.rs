//! Platform certificates: download, use and rotation.

use x509_parser::prelude::{FromDer, X509Certificate};

use super::merchant::{Answer, header, open, verifies};
use super::stage;

/// The listed certificates: serial and RSA public key.
fn listed(answer: &Answer) -> Vec<(String, Vec<u8>)> {
    let json = answer.json();
    let read = |entry: &serde_json::Value| {
        let text = open(&entry["encrypt_certificate"]);
        let (_, pem) = x509_parser::pem::parse_x509_pem(&text).unwrap();
        let (_, certificate) = X509Certificate::from_der(&pem.contents).unwrap();
        let serial = certificate.raw_serial().iter().map(|byte| format!("{byte:02X}")).collect::<String>();
        assert_eq!(entry["serial_no"], serial.as_str());
        assert!(entry["expire_time"].as_str().unwrap() > "2026-11-22T09:00:00+08:00");
        (serial, certificate.public_key().raw.to_vec())
    };
    json["data"].as_array().unwrap().iter().map(read).collect()
}

#[tokio::test]
async fn a_merchant_in_certificate_mode_downloads_verifies_and_follows_a_rotation() {
    let mut stage = stage().await;
    stage.shop.answer_key = None;
    let download =
        async |stage: &super::Stage| stage.shop.call("GET", "/v3/certificates", String::new()).await.unwrap();
    let genuine = |answer: &Answer, known: &[(String, Vec<u8>)]| {
        let serial = header(&answer.headers, "wechatpay-serial");
        known.iter().any(|(it, key)| *it == serial && verifies(&answer.headers, &answer.body, key))
    };

    let first = download(&stage).await;
    let before = listed(&first);
    assert_eq!(before.len(), 1);
    assert!(genuine(&first, &before), "the list is verified with the certificate inside");

    let serial = stage.sandbox.rotate_certificate().await.unwrap();
    let query = stage.shop.query("order-0001").await;
    assert_eq!(header(&query.headers, "wechatpay-serial"), serial);
    assert!(!genuine(&query, &before), "an unknown serial asks for a new download");

    let after = listed(&download(&stage).await);
    assert_eq!(after.iter().map(|(serial, _)| serial).collect::<Vec<_>>(), [&before[0].0, &serial]);
    assert!(genuine(&query, &after));

    stage.sandbox.rotate_certificate().await.unwrap();
    let last = listed(&download(&stage).await);
    assert_eq!(last.len(), 2, "two are valid at once");
    assert_eq!(last[0].0, serial);
}

#[tokio::test]
async fn the_serial_of_the_request_chooses_the_key_of_the_answer() {
    let mut stage = stage().await;
    assert!(stage.shop.query("order-0001").await.is_genuine());
    stage.shop.answer_key = None;
    let answer = stage.shop.query("order-0001").await;
    assert!(!header(&answer.headers, "wechatpay-serial").starts_with("PUB_KEY_ID_"));
}
