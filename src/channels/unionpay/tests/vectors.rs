//! Our signing, verifying and reading against messages that another implementation made with our test keys.

use super::*;
use crate::notice::Notice;
use crate::unionpay::chain::Trust;
use crate::unionpay::verify::Keyring;

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../testdata/unionpay/vectors.json")).unwrap()
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).unwrap().as_str().unwrap()
}

#[test]
fn a_request_is_written_and_signed_as_another_implementation_does() {
    let v = vectors();
    let members: Members = serde_json::from_value(v["request"]["fields"].clone()).unwrap();
    let fields = fields(&members);
    assert_eq!(fields.canonical(), text(&v, "/request/canonical"));
    let key = SigningKey::read(MERCHANT_KEY.as_bytes()).unwrap();
    let signature = key.sign(sign::message(&fields.canonical()).as_bytes()).unwrap();
    assert_eq!(signature, text(&v, "/request/signature"));
}

#[test]
fn an_answer_of_another_implementation_is_read_and_believed() {
    let v = vectors();
    let answer = Fields::read_answer(text(&v, "/answer").as_bytes()).unwrap();
    let keyring = Keyring::new(Trust::new(&[ROOT.as_bytes()], &[MIDDLE.as_bytes()], false, false).unwrap());
    assert_eq!(keyring.verify(&answer, Some(NOW)), Ok(()));
    assert_eq!(answer.text("cardTransData"), "{a=b&c=d}");
    assert_eq!(answer.text("origRespMsg"), "成功[0000000]");
}

#[test]
fn a_notification_of_another_implementation_is_read_and_believed() {
    let v = vectors();
    let channel = Fixture::at(&["http://127.0.0.1:1".to_owned()]).channel;
    let body = text(&v, "/notification");
    let headers: Vec<(String, String)> = Vec::new();
    let notice = channel.read_notification(&headers, body.as_bytes(), NOW).unwrap();
    let Notice::Payment { number, standing: Standing::Paid(receipt), .. } = notice else { panic!("{notice:?}") };
    assert_eq!((number.as_str(), receipt.amount_minor, receipt.currency.as_str()), (NUMBER, 1234, "CNY"));
}
