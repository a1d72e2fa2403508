//! What a transaction says, by its members.

use bursar_core::Timestamp;
use bursar_core::observation::Receipt;
use bursar_core::refund::RefundReceipt;

use crate::outcome::{RefundStanding, Standing, WhyKind};
use crate::unionpay::codes::Said;
use crate::unionpay::fields::Fields;
use crate::unionpay::transaction::Transaction;

const NOW: Timestamp = Timestamp::from_millis(9);

fn fields(change: &[(&str, &str)]) -> Fields {
    let mut fields = Fields::default();
    for (name, value) in [
        ("merId", "777"),
        ("txnType", "01"),
        ("queryId", "442401051450467846498"),
        ("txnAmt", "1234"),
        ("currencyCode", "156"),
        ("txnTime", "20261122090000"),
        ("traceTime", "1122090130"),
        ("origRespCode", "00"),
        ("origRespMsg", "in words"),
    ] {
        fields.set(name, value);
    }
    for (name, value) in change {
        fields.set(name, *value);
    }
    fields
}

fn standing(change: &[(&str, &str)]) -> Result<Standing, WhyKind> {
    let fields = fields(change);
    let said = Said::about_original(&fields);
    Transaction::new(&fields, &said, "777", NOW).standing(false).map_err(|why| why.kind)
}

fn refund(change: &[(&str, &str)]) -> Result<RefundStanding, WhyKind> {
    let mut fields = fields(&[("txnType", "04")]);
    for (name, value) in change {
        fields.set(name, *value);
    }
    let said = Said::about_original(&fields);
    Transaction::new(&fields, &said, "777", NOW).refund_standing().map_err(|why| why.kind)
}

fn receipt() -> Receipt {
    Receipt {
        transaction_id: "442401051450467846498".into(),
        amount_minor: 1234,
        currency: "CNY".into(),
        payee_matches: true,
        paid_at: Timestamp::parse_rfc3339("2026-11-22T01:01:30Z").unwrap(),
    }
}

#[test]
fn a_payment_is_paid_open_or_unknown_by_its_code() {
    for code in ["00", "A6"] {
        assert_eq!(standing(&[("origRespCode", code)]), Ok(Standing::Paid(receipt())), "{code}");
    }
    for code in ["03", "04", "05"] {
        assert_eq!(standing(&[("origRespCode", code)]), Err(WhyKind::SystemError), "{code}");
    }
    for code in ["01", "33", "42", "60", "64", "71", "79"] {
        let want = Standing::AttemptFailed(format!("{code}: in words"));
        assert_eq!(standing(&[("origRespCode", code)]), Ok(want), "{code}");
    }
    assert_eq!(standing(&[("origRespCode", "34")]), Ok(Standing::Absent));
    for code in ["", "12", "98", "0", "000", "a6", "Z1"] {
        assert_eq!(standing(&[("origRespCode", code)]), Err(WhyKind::Unreadable), "{code}");
    }
}

#[test]
fn another_amount_currency_or_merchant_is_a_receipt_that_says_so() {
    let paid = |name, value| standing(&[(name, value)]);
    assert_eq!(paid("txnAmt", "1233"), Ok(Standing::Paid(Receipt { amount_minor: 1233, ..receipt() })));
    assert_eq!(paid("currencyCode", "840"), Ok(Standing::Paid(Receipt { currency: "840".into(), ..receipt() })));
    assert_eq!(paid("merId", "778"), Ok(Standing::Paid(Receipt { payee_matches: false, ..receipt() })));
    assert_eq!(standing(&[("merId", "778"), ("origRespCode", "60")]), Err(WhyKind::Unreadable));
}

#[test]
fn paid_without_a_number_or_an_amount_is_not_read_as_anything_else() {
    for (name, value) in [
        ("queryId", ""),
        ("queryId", "../x"),
        ("txnAmt", ""),
        ("txnAmt", "-1"),
        ("txnAmt", "+1"),
        ("txnAmt", "12.34"),
        ("txnAmt", "1234567890123"),
        ("txnType", ""),
        ("txnType", "04"),
    ] {
        assert_eq!(standing(&[(name, value)]), Err(WhyKind::Unreadable), "{name} {value}");
    }
}

#[test]
fn money_is_not_overlooked_for_want_of_a_date() {
    let sent_at = Timestamp::parse_rfc3339("2026-11-22T01:00:00Z").unwrap();
    for (name, paid_at) in [("traceTime", sent_at), ("txnTime", NOW)] {
        assert_eq!(standing(&[(name, "")]), Ok(Standing::Paid(Receipt { paid_at, ..receipt() })));
    }
}

#[test]
fn a_refund_is_done_under_way_given_up_or_unknown_by_its_code() {
    let done = RefundReceipt {
        refund_id: receipt().transaction_id,
        amount_minor: 1234,
        currency: "CNY".into(),
        refunded_at: receipt().paid_at,
    };
    for txn_type in ["04", "31"] {
        assert_eq!(refund(&[("txnType", txn_type)]), Ok(RefundStanding::Succeeded(done.clone())));
    }
    assert_eq!(refund(&[("currencyCode", "")]), Ok(RefundStanding::Succeeded(done)));
    let under_way = RefundStanding::Processing { refund_id: receipt().transaction_id };
    for code in ["03", "04", "05"] {
        assert_eq!(refund(&[("origRespCode", code)]), Ok(under_way.clone()), "{code}");
    }
    for code in ["33", "35", "36", "60", "64"] {
        let want = RefundStanding::Closed(format!("{code}: in words"));
        assert_eq!(refund(&[("origRespCode", code)]), Ok(want), "{code}");
    }
    for code in ["01", "02", "06", "99"] {
        assert_eq!(refund(&[("origRespCode", code)]), Err(WhyKind::SystemError), "{code}");
    }
    for change in [("origRespCode", "Z1"), ("origRespCode", "42"), ("txnType", "01"), ("merId", "778")] {
        assert_eq!(refund(&[change]), Err(WhyKind::Unreadable), "{change:?}");
    }
}

proptest::proptest! {
    #[test]
    fn amounts_of_up_to_twelve_digits_come_back_exactly(minor in 1_i64..=999_999_999_999) {
        let found = standing(&[("txnAmt", &minor.to_string())]);
        proptest::prop_assert_eq!(found, Ok(Standing::Paid(Receipt { amount_minor: minor, ..receipt() })));
    }
}
