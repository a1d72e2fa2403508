//! Certificate mode: digests, download and rotation.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use x509_parser::prelude::{FromDer, Pem, X509Certificate};

use super::super::merchant::text;
use super::app::{provisioned, sn, sn_of};
use super::{Stage, stage};
use crate::PayMode;

/// The RSA public key of a certificate, as it verifies.
fn key_of(der: &[u8]) -> Vec<u8> {
    let (_, certificate) = X509Certificate::from_der(der).unwrap();
    certificate.public_key().raw.to_vec()
}

fn first_der(text: &str) -> Vec<u8> {
    Pem::iter_from_buffer(text.as_bytes()).next().unwrap().unwrap().contents
}

async fn certified() -> Stage {
    let mut stage = stage().await;
    stage.app.certificates = true;
    stage
}

#[tokio::test]
async fn answers_in_certificate_mode_name_the_certificate_that_signed_them() {
    let stage = certified().await;
    let answer = stage.app.query("order_1").await;
    assert_eq!(answer.cert_sn(), Some(sn(&provisioned().alipay_cert)));
    assert!(answer.is_signed_with(&key_of(&first_der(&text(&provisioned().alipay_cert)))));
    assert!(!answer.is_genuine(), "the key of the other mode does not sign here");
}

#[tokio::test]
async fn the_files_are_a_chain_to_the_root_that_counts() {
    let roots = text(&provisioned().alipay_root_cert);
    let roots: Vec<Vec<u8>> = Pem::iter_from_buffer(roots.as_bytes()).map(|block| block.unwrap().contents).collect();
    assert_eq!(roots.len(), 2, "one of another algorithm that must be skipped");
    let (_, root) = X509Certificate::from_der(&roots[1]).unwrap();
    for path in [&provisioned().alipay_cert, &provisioned().app_cert] {
        let der = first_der(&text(path));
        let (_, certificate) = X509Certificate::from_der(&der).unwrap();
        assert_eq!(certificate.issuer(), root.subject());
        assert!(root.is_ca() && !certificate.is_ca());
    }
}

#[tokio::test]
async fn after_a_rotation_the_new_certificate_is_downloaded_by_its_digest() {
    let stage = certified().await;
    let fresh = stage.sandbox.rotate_alipay_certificate().await.unwrap();
    let answer = stage.app.query("order_1").await;
    assert_eq!(answer.cert_sn(), Some(fresh.clone()));
    assert_ne!(fresh, sn(&provisioned().alipay_cert));

    let download =
        async |sn: &str| stage.app.call("alipay.open.app.alipaycert.download", &json!({ "alipay_cert_sn": sn })).await;
    let content = download(&fresh).await.node()["alipay_cert_content"].as_str().unwrap().to_owned();
    let der = first_der(&String::from_utf8(STANDARD.decode(content).unwrap()).unwrap());
    assert_eq!(sn_of(&der), fresh);
    assert!(answer.is_signed_with(&key_of(&der)));
    assert_eq!(download(&sn(&provisioned().alipay_cert)).await.code(), "10000", "the one before stays valid");
    assert_eq!(download("00").await.code(), "40004");

    // Notifications are signed with it too, and do not say so.
    stage.app.precreate("order_1", "cleaning [payer:never]").await;
    stage.pay("order_1", PayMode::Normal).unwrap();
    stage.until("told", || stage.receiver.count() == 1).await;
    let letter = stage.receiver.letters().remove(0);
    assert!(letter.is_signed_with(&key_of(&der)));
    assert_eq!(letter.get("alipay_cert_sn"), "");
}

#[tokio::test]
async fn certificates_rotate_over_http() {
    let stage = certified().await;
    let (status, body) = stage.app.admin("rotate-certificate?channel=alipay", &json!({})).await;
    assert_eq!(status, 200);
    assert_eq!(stage.app.query("order_1").await.cert_sn().as_deref(), body["serial"].as_str());
    assert_eq!(stage.sandbox.world.alipay.keys().certificate_sns().len(), 2);
}
