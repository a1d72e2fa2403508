//! The channel of the tests: it signs what it says and checks what it hears.

use std::collections::BTreeMap;

use super::{CHANNEL, CHANNEL_KEY, MER_ID, MERCHANT_KEY, NUMBER, QUERY_ID, TXN_TIME};
use crate::rsa::SigningKey;
use crate::testing::{Canned, Peer, Seen};
use crate::unionpay::fields::SIGNATURE;
use crate::unionpay::sign;
use crate::{Outcome, Standing};

/// Members by name, as the channel sends them.
pub(super) type Members = BTreeMap<String, String>;

pub(super) fn members(pairs: &[(&str, &str)]) -> Members {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// `members` as the owner of `key` and `certificate` signs them. Written apart from the adapter's own.
pub(super) fn signed_with(mut members: Members, key: &str, certificate: &str) -> Members {
    members.insert("signPubKeyCert".into(), certificate.trim().replace('\n', "\r\n"));
    let parts: Vec<_> = members.iter().filter(|(_, v)| !v.is_empty()).map(|(k, v)| format!("{k}={v}")).collect();
    let key = SigningKey::read(key.as_bytes()).unwrap();
    let signature = key.sign(sign::message(&parts.join("&")).as_bytes()).unwrap();
    members.insert(SIGNATURE.into(), signature);
    members
}

/// Members as they stand in the body of an answer.
pub(super) fn raw(members: &Members) -> Canned {
    let parts: Vec<_> = members.iter().map(|(k, v)| format!("{k}={v}")).collect();
    Canned::new(200, parts.join("&"))
}

pub(super) fn signed(members: Members) -> Canned {
    raw(&signed_with(members, CHANNEL_KEY, CHANNEL))
}

/// What each answer and notification about the transaction `number`, `txn_time` has.
pub(super) fn about(number: &str, txn_time: &str, more: &[(&str, &str)]) -> Members {
    let mut all = members(&[
        ("version", "5.1.0"),
        ("encoding", "UTF-8"),
        ("signMethod", "01"),
        ("accessType", "0"),
        ("merId", MER_ID),
        ("orderId", number),
        ("txnTime", txn_time),
        ("respCode", "00"),
        ("respMsg", "成功[0000000]"),
    ]);
    all.extend(members(more));
    all
}

/// What an answer about the paid payment has.
pub(super) fn paid(more: &[(&str, &str)]) -> Members {
    let mut all = about(
        NUMBER,
        TXN_TIME,
        &[
            ("txnType", "01"),
            ("txnSubType", "01"),
            ("bizType", "000201"),
            ("origRespCode", "00"),
            ("origRespMsg", "成功[0000000]"),
            ("queryId", QUERY_ID),
            ("txnAmt", "1234"),
            ("currencyCode", "156"),
            ("settleAmt", "1200"),
            ("settleCurrencyCode", "156"),
            ("settleDate", "0115"),
            ("traceNo", "784649"),
            ("traceTime", "0115160030"),
            ("accNo", "6216261000000000018"),
            ("cardTransData", "{a=b&c={d=e}}"),
        ],
    );
    all.extend(members(more));
    all
}

/// An answer to the question about the payment, when its payer has not confirmed it yet.
pub(super) fn absent() -> Canned {
    signed(about(NUMBER, TXN_TIME, &[("respCode", "34"), ("respMsg", "查无此交易[2600000]"), ("txnType", "00")]))
}

pub(super) const ABSENT: Outcome<Standing> = Outcome::Done(Standing::Absent);

/// What was sent, without its signature, which is checked.
pub(super) fn sent(seen: &Seen) -> Members {
    assert_eq!(seen.method, "POST");
    assert_eq!(seen.header("content-type"), "application/x-www-form-urlencoded; charset=UTF-8");
    verified(url::form_urlencoded::parse(&seen.body).into_owned().collect())
}

/// `members` without their signature, which is the merchant's.
pub(super) fn verified(mut members: Members) -> Members {
    let signature = members.remove(SIGNATURE).unwrap();
    let parts: Vec<_> = members.iter().map(|(k, v)| format!("{k}={v}")).collect();
    let key = SigningKey::read(MERCHANT_KEY.as_bytes()).unwrap();
    // This padding is deterministic: the same message has one signature.
    assert_eq!(signature, key.sign(sign::message(&parts.join("&")).as_bytes()).unwrap());
    assert_eq!(members.remove("certId").unwrap(), "69903319369");
    for (name, value) in [("version", "5.1.0"), ("encoding", "UTF-8"), ("signMethod", "01"), ("accessType", "0")] {
        assert_eq!(members.remove(name).unwrap(), value);
    }
    assert_eq!(members.remove("merId").unwrap(), MER_ID);
    members
}

/// A peer that answers each path with what stands beside it.
pub(super) async fn peer(answers: &[(&'static str, Canned)]) -> Peer {
    let answers: Vec<_> = answers.to_vec();
    Peer::start(move |seen: &Seen| {
        let found = answers.iter().find(|(path, _)| *path == seen.target);
        found.map_or_else(|| Canned::new(404, ""), |(_, canned)| canned.clone())
    })
    .await
}

pub(super) const QUERY: &str = "/gateway/api/queryTrans.do";
pub(super) const BACK: &str = "/gateway/api/backTransReq.do";
pub(super) const APP: &str = "/gateway/api/appTransReq.do";
