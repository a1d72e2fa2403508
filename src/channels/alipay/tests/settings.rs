//! Settings: what is taken, and what is said of a mistake.

use super::*;

fn wrong(change: impl FnOnce(&mut Value)) -> String {
    let mut value = settings(&["https://openapi.alipay.com".to_owned()]);
    change(&mut value);
    registry(Arc::new(ManualClock::at(NOW))).of(&account(value)).map(drop).unwrap_err().to_string()
}

fn set(member: &str, value: Value) -> String {
    wrong(|v| v[member] = value)
}

#[test]
fn wrong_settings_name_the_member_and_show_no_secret() {
    for (error, member) in [
        (set("app_id", json!("20 21")), "app_id"),
        (set("app_id", json!(2_021)), "app_id"),
        (set("seller_id", json!("2088")), "seller_id"),
        (set("seller_id", json!("208800000000000x")), "seller_id"),
        (set("private_key", json!("file:public")), "private_key"),
        (set("private_key", json!("file:missing")), "private_key"),
        (set("alipay_public_key", json!("file:key")), "alipay_public_key"),
        (set("alipay_public_key", json!("file:alipay.crt")), "alipay_public_key"),
        (set("return_url", json!("javascript:alert(1)")), "return_url"),
        (set("return_url", json!("shop.example")), "return_url"),
        (set("alipay_protocol", json!("v4")), "alipay_protocol"),
        (set("qr_product_code", json!("OTHER")), "qr_product_code"),
        (set("timeout_ms", json!(0)), "timeout_ms"),
        (set("base_urls", json!(["https://openapi.alipay.com/gateway.do"])), "base_urls"),
        (set("sandbox", json!(true)), "sandbox"),
        (set("app_certificate", json!("file:app.crt")), "alipay_public_key"),
        (wrong(|v| drop(v.as_object_mut().unwrap().remove("seller_id"))), "seller_id"),
        (wrong(|v| drop(v.as_object_mut().unwrap().remove("alipay_public_key"))), "alipay_public_key"),
    ] {
        assert!(error.contains(&format!("`{member}`")), "{member}: {error}");
        assert!(error.starts_with("channel account acc_"), "{error}");
        assert!(!error.contains("BEGIN"), "{error}");
    }
}

#[test]
fn wrong_certificates_name_their_member() {
    let wrong = |member: &str, value: Value| {
        let mut settings = super::certificates::certified(&["https://openapi.alipay.com".to_owned()]);
        settings[member] = value;
        registry(Arc::new(ManualClock::at(NOW))).of(&account(settings)).map(drop).unwrap_err().to_string()
    };
    for (member, value) in [
        ("app_certificate", json!("file:key")),
        ("app_certificate", Value::Null),
        ("alipay_certificates", json!([])),
        ("alipay_certificates", json!(["file:public"])),
        ("alipay_root_certificate", json!("file:public")),
    ] {
        let error = wrong(member, value);
        assert!(error.contains(&format!("`{member}`")), "{member}: {error}");
    }
}

#[test]
fn the_channels_key_may_be_bare_base64_as_its_pages_show_it() {
    let mut value = settings(&["https://openapi.alipay.com".to_owned()]);
    value["alipay_public_key"] = json!("file:bare");
    assert!(registry(Arc::new(ManualClock::at(NOW))).of(&account(value)).is_ok());
}

#[test]
fn an_adapter_shows_no_secret() {
    let shown = format!("{:?}", Fixture::alone().channel);
    assert!(shown.contains(APP_ID) && !shown.contains("PRIVATE"), "{shown}");
}
