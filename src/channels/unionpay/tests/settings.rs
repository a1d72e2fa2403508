//! Settings: which are taken, and what is said of the others.

use super::*;
use crate::unionpay::identity::Identity;

fn refused(change: impl FnOnce(&mut Value)) -> String {
    let mut value = settings(&["http://127.0.0.1:1".to_owned()]);
    change(&mut value);
    registry(Arc::new(ManualClock::at(NOW))).of(&account(value)).unwrap_err().to_string()
}

fn with_pfx(pfx: &str, password: &str) -> impl FnOnce(&mut Value) {
    let (pfx, password) = (pfx.to_owned(), password.to_owned());
    move |value| {
        for member in ["private_key", "certificate"] {
            value.as_object_mut().unwrap().remove(member);
        }
        value["sign_pfx"] = json!(pfx);
        value["sign_password"] = json!(password);
    }
}

#[tokio::test]
async fn a_pfx_of_today_and_one_of_old_sign_as_the_key_in_a_pem_does() {
    for pfx in ["file:pfx", "file:legacy_pfx"] {
        let peer = peer(&[(QUERY, absent())]).await;
        let mut value = settings(&[peer.url()]);
        with_pfx(pfx, "file:password")(&mut value);
        assert_eq!(Fixture::with(value).query().await, ABSENT, "{pfx}");
        // Checks certificate number and signature.
        sent(&peer.seen()[0]);
    }
}

#[test]
fn a_pfx_that_does_not_open_is_refused_with_a_way_out_and_without_the_password() {
    for (pfx, password) in [
        ("file:pfx", "file:wrong_password"),
        ("file:legacy_pfx", "file:wrong_password"),
        ("file:key", "file:password"),
        ("file:root", "file:password"),
    ] {
        let error = refused(with_pfx(pfx, password));
        assert!(error.contains("`sign_pfx`") && error.contains("openssl pkcs12"), "{error}");
        assert!(!error.contains("000001"), "{error}");
    }
    assert!(refused(with_pfx("file:nothing", "file:password")).contains("`sign_pfx`"));
    assert!(refused(with_pfx("file:pfx", "file:nothing")).contains("`sign_password`"));
}

#[test]
fn a_pfx_whose_outermost_length_is_left_open_is_refused_and_not_misread() {
    // As BER allows and some tools write it: 30 80 … 00 00 instead of 30 82 length ….
    let der = include_bytes!("../../testdata/unionpay/merchant.pfx");
    assert_eq!(der[..2], [0x30, 0x82]);
    let ber = [&[0x30, 0x80], &der[4..], &[0, 0]].concat();
    assert!(Identity::from_pfx(der, "000000").is_ok());
    assert!(Identity::from_pfx(&ber, "000000").unwrap_err().contains("openssl"));
}

#[test]
fn a_key_and_a_certificate_that_do_not_belong_together_are_refused() {
    let error = refused(|value| value["private_key"] = json!("file:other_key"));
    assert!(error.contains("`certificate`") && error.contains("belongs"), "{error}");
    let error = refused(|value| value["certificate"] = json!("file:root"));
    assert!(error.contains("`certificate`"), "{error}");
}

#[test]
fn a_certificate_is_found_among_others() {
    let key = SigningKey::read(MERCHANT_KEY.as_bytes()).unwrap();
    let bundle = format!("{ROOT}{MIDDLE}{}", include_str!("../../testdata/unionpay/merchant.pem"));
    assert_eq!(Identity::from_pem(key, bundle.as_bytes()).unwrap().cert_id, "69903319369");
}

#[test]
fn a_mistake_is_named_by_its_member() {
    for (member, value, words) in [
        ("mer_id", json!("77729005811004"), "`mer_id`"),
        ("mer_id", json!("77729005811004/"), "`mer_id`"),
        ("front_url", json!("shop"), "`front_url`"),
        ("front_url", json!("javascript:alert(1)"), "`front_url`"),
        ("front_url", json!(format!("https://shop.example/{}", "x".repeat(256))), "`front_url`"),
        ("page_base_url", json!("https://shop.example/path"), "`page_base_url`"),
        ("page_base_url", json!("http://channel.example"), "`page_base_url`"),
        ("root_certificates", json!([]), "`root_certificates`"),
        ("root_certificates", json!(["file:key"]), "`root_certificates`"),
        ("root_certificates", json!(["file:channel"]), "`root_certificates`"),
        ("root_certificates", json!(["file:nothing"]), "`root_certificates`"),
        ("middle_certificates", json!(["file:channel"]), "`middle_certificates`"),
        ("middle_certificates", json!(vec!["file:middle"; 9]), "`middle_certificates`"),
        ("certificate", json!(null), "`private_key` and `certificate`"),
        ("sign_pfx", json!("file:pfx"), "`sign_pfx` and `sign_password`"),
        ("test_names", json!("yes"), "`test_names`"),
        ("mchid", json!("1"), "`mchid`"),
    ] {
        let error = refused(|settings| settings[member] = value.clone());
        assert!(error.contains(words), "{member} {value}: {error}");
    }
}

#[test]
fn nothing_that_is_shown_holds_a_key() {
    let fixture = Fixture::at(&["http://127.0.0.1:1".to_owned()]);
    let shown = format!("{:?}", fixture.channel);
    assert!(shown.contains("SigningKey(..)") && !shown.contains("PRIVATE"), "{shown}");
}
