//! Our signing, verifying and naming against what another implementation made with our test keys.

use super::*;
use crate::alipay::certificate::named;
use crate::alipay::form::signed;
use crate::alipay::serial::of_roots;
use crate::headers::HeaderLines;
use crate::notice::Notice;
use crate::outcome::Standing;
use crate::testing::Peer;

pub(super) fn vectors() -> Value {
    serde_json::from_str(include_str!("../../testdata/alipay/vectors.json")).unwrap()
}

pub(super) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).unwrap().as_str().unwrap()
}

#[test]
fn certificates_have_the_names_that_another_implementation_gives_them() {
    let v = vectors();
    for (name, file) in [
        ("app", include_str!("../../testdata/alipay/app.crt")),
        ("alipay", include_str!("../../testdata/alipay/alipay.crt")),
        ("next", include_str!("../../testdata/alipay/next.crt")),
        ("expired", include_str!("../../testdata/alipay/expired.crt")),
        ("stranger", include_str!("../../testdata/alipay/stranger.crt")),
        ("forged", include_str!("../../testdata/alipay/forged.crt")),
    ] {
        assert_eq!(named(file.as_bytes()).unwrap().0, text(&v, &format!("/serials/{name}")), "{name}");
    }
    let roots = include_str!("../../testdata/alipay/root.crt");
    assert_eq!(roots.matches("BEGIN CERTIFICATE").count(), 4);
    assert_eq!(of_roots(roots).as_deref(), Some(text(&v, "/serials/root")));
    assert_eq!(of_roots("no certificate"), None);
}

#[tokio::test]
async fn a_question_is_signed_as_another_implementation_signs_it() {
    let v = vectors();
    let body = text(&v, "/answer").to_owned();
    let peer = Peer::start(move |_| Canned::new(200, body.clone())).await;
    let outcome = Fixture::at(&[peer.url()]).channel.query(&ours()).await;
    // The answer, too, was signed by another implementation; it holds an escaped slash and escaped characters.
    assert!(matches!(outcome, Outcome::Done(Standing::Paid(r)) if r.amount_minor == 1234));
    let all = asked(&peer.seen()[0]);
    assert_eq!(all["biz_content"], text(&v, "/query/biz_content"));
    assert_eq!(all["sign"], text(&v, "/query/signature"));
    let members: BTreeMap<&str, String> = all.iter().map(|(k, v)| (k.as_str(), v.clone())).collect();
    assert_eq!(signed(&members), text(&v, "/query/string"));
}

#[test]
fn a_rest_call_is_signed_as_another_implementation_signs_it() {
    let v = vectors();
    assert_eq!(sign(MERCHANT_KEY, text(&v, "/rest/message").as_bytes()), text(&v, "/rest/signature"));
}

#[test]
fn a_message_that_another_implementation_signed_is_read() {
    let v = vectors();
    let body = text(&v, "/notification");
    let notice = Fixture::alone().channel.read_notification(&HeaderLines(""), body.as_bytes(), NOW).unwrap();
    let Notice::Payment { channel_id, number, standing: Standing::Paid(receipt), at } = notice else {
        panic!("{notice:?}")
    };
    assert_eq!((channel_id.as_str(), at), ("2027011500222155958068450559358070", NOW));
    assert_eq!((number, receipt.amount_minor, receipt.transaction_id.as_str()), (ours().number(), 1234, TRADE_NO));
}
