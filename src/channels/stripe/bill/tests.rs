//! Balance transactions as the channel shows them, read from a file; and what is no such file, or another one.

use bursar_core::Timestamp;
use bursar_core::id::ChannelAccountId;
use bursar_core::reconcile::{BillKind, BillLine, EntryKind, EntryStatus};
use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use super::read;
use crate::bill::{BillError, BillFile, BillRequest};

const OURS: &str = "01jd7z0000000000000000000a";
const LEG: &str = "01jd7z0000000000000000000b";
/// 2026-11-22T10:11:12Z.
const AT: i64 = 1_795_342_272;

fn account() -> ChannelAccountId {
    ChannelAccountId(Uuid::from_u128(7))
}

fn entry(id: &str, kind: &str, amount: i64, fee: i64, source: Value) -> Value {
    json!({
        "id": id, "object": "balance_transaction", "amount": amount, "fee": fee, "net": amount - fee, "currency": "hkd",
        "created": AT, "available_on": AT + 86_400, "exchange_rate": null, "reporting_category": kind, "type": kind,
        "status": "pending", "source": source, "fee_details": [{"amount": fee, "type": "stripe_fee"}], "new": {"a": [1]},
    })
}

fn charge() -> Value {
    let metadata = json!({"bursar_payment": OURS, "bursar_order": "ord_1", "bursar_order_number": "A-1"});
    let source = json!({
        "id": "ch_1", "object": "charge", "amount": 2000, "amount_captured": 1234, "currency": "hkd", "livemode": false,
        "payment_intent": "pi_1", "metadata": metadata, "status": "succeeded",
    });
    entry("txn_1", "charge", 1234, 60, source)
}

fn refund() -> Value {
    let source = json!({
        "id": "re_1", "object": "refund", "amount": 500, "currency": "hkd", "charge": "ch_1", "payment_intent": "pi_1",
        "metadata": {"bursar_leg": LEG, "bursar_payment": OURS}, "status": "succeeded",
    });
    entry("txn_2", "refund", -500, 0, source)
}

fn file(entries: &[Value]) -> String {
    let head = json!({"account": account(), "day": "2026-11-22"});
    let lines: String = entries.iter().map(|entry| format!("{entry}\n")).collect();
    format!("{head}\n{lines}{{\"transactions\":{}}}\n", entries.len())
}

fn lines_of(text: &str) -> Result<Vec<BillLine>, BillError> {
    let request = BillRequest { kind: BillKind::Trade, day: "2026-11-22".parse().unwrap() };
    let mut lines = read(request, account(), &BillFile::of("bill", text.as_bytes()).unwrap())?;
    let mut all = Vec::new();
    while let Some(line) = lines.next()? {
        all.push(line);
    }
    assert_eq!(lines.next(), Ok(None), "after the end there is nothing");
    Ok(all)
}

fn one(entry: Value) -> BillLine {
    lines_of(&file(&[entry])).unwrap().remove(0)
}

fn captured() -> BillLine {
    BillLine {
        ordinal: 1,
        kind: EntryKind::Capture,
        status: EntryStatus::Done,
        number: OURS.to_owned(),
        payment_number: None,
        payment_channel_id: None,
        channel_id: "pi_1".to_owned(),
        amount_minor: 1234,
        currency: "HKD".to_owned(),
        fee_minor: 60,
        at: Timestamp::from_millis(AT * 1_000),
        order_number: Some("A-1".to_owned()),
    }
}

fn refunded() -> BillLine {
    BillLine {
        kind: EntryKind::Refund,
        number: LEG.to_owned(),
        payment_number: Some(OURS.to_owned()),
        payment_channel_id: Some("pi_1".to_owned()),
        channel_id: "re_1".to_owned(),
        amount_minor: 500,
        fee_minor: 0,
        order_number: None,
        ..captured()
    }
}

fn with(mut entry: Value, path: &str, value: Value) -> Value {
    *entry.pointer_mut(path).unwrap() = value;
    entry
}

#[test]
fn payments_and_refunds_are_read_by_the_ids_that_answers_tell() {
    let text = file(&[charge(), refund()]);
    assert_eq!(lines_of(&text), Ok(vec![captured(), BillLine { ordinal: 2, ..refunded() }]));
    assert_eq!(lines_of(&file(&[])), Ok(Vec::new()));
    assert_eq!(lines_of(&file(&[charge(), charge()])).unwrap().len(), 2, "the same transaction twice is left in");
    let stranger = one(with(charge(), "/source/metadata", json!({})));
    assert_eq!((stranger.number.as_str(), stranger.order_number), ("", None));
    assert_eq!(one(with(charge(), "/source/payment_intent", json!({"id": "pi_1"}))), captured());
    assert_eq!(one(with(charge(), "/source/payment_intent", json!(null))).channel_id, "ch_1");
    assert_eq!(one(with(charge(), "/type", json!("payment"))), captured());
    let shown_as_id = one(with(charge(), "/source", json!("ch_1")));
    assert_eq!((shown_as_id.channel_id.as_str(), shown_as_id.number.as_str()), ("txn_1", ""));
}

#[test]
fn what_the_payer_paid_is_told_in_his_currency() {
    let line = one(with(charge(), "/source/currency", json!("cny")));
    assert_eq!((line.currency.as_str(), line.amount_minor, line.fee_minor), ("CNY", 1234, 60));
    let line = one(with(refund(), "/source/currency", json!("cny")));
    assert_eq!((line.currency.as_str(), line.amount_minor), ("CNY", 500));
}

#[test]
fn refunds_have_come_as_far_as_they_say_and_may_come_back() {
    for (status, expected) in [
        ("succeeded", EntryStatus::Done),
        ("pending", EntryStatus::Pending),
        ("requires_action", EntryStatus::Pending),
        ("failed", EntryStatus::Failed),
        ("canceled", EntryStatus::Failed),
    ] {
        assert_eq!(one(with(refund(), "/source/status", json!(status))).status, expected, "{status}");
    }
    let back = entry("txn_3", "refund_failure", 500, 0, refund()["source"].clone());
    assert_eq!(one(back), BillLine { status: EntryStatus::Failed, ..refunded() });
}

#[test]
fn what_else_moved_the_balance_is_told_by_its_kind() {
    let dispute = json!({"id": "dp_1", "object": "dispute", "amount": 1234, "metadata": {}, "payment_intent": "pi_1"});
    let of = |id: &str, category: &str, amount: i64| {
        with(entry(id, "adjustment", amount, 0, dispute.clone()), "/reporting_category", json!(category))
    };
    let payout = json!({"id": "po_1", "object": "payout", "amount": 700, "currency": "hkd"});
    for (entry, kind, amount, id) in [
        // One dispute moves money more than once.
        (of("txn_7", "dispute", -1234), EntryKind::Dispute, 1234, "txn_7"),
        (of("txn_8", "dispute_reversal", 1234), EntryKind::Dispute, -1234, "txn_8"),
        (of("txn_9", "other_adjustment", -7), EntryKind::Other, -7, "txn_9"),
        (entry("txn_9", "payout", -700, 0, payout.clone()), EntryKind::Payout, 700, "po_1"),
        (entry("txn_9", "payout", 700, 0, payout.clone()), EntryKind::Other, 700, "txn_9"),
        (entry("txn_9", "payout_failure", 700, 0, payout), EntryKind::Other, 700, "txn_9"),
        (entry("txn_9", "stripe_fee", -30, 0, Value::Null), EntryKind::Fee, 30, "txn_9"),
        (entry("txn_9", "something_new", -5, 0, Value::Null), EntryKind::Other, -5, "txn_9"),
    ] {
        let line = one(entry);
        assert_eq!((line.kind, line.amount_minor, line.channel_id.as_str()), (kind, amount, id));
    }
}

#[test]
fn what_is_wrong_is_named() {
    let good = file(&[charge(), refund()]);
    let head = good.lines().next().unwrap();
    for (text, words) in [
        (
            good.replace(&account().to_string(), &ChannelAccountId(Uuid::from_u128(8)).to_string()),
            "about the account acc_",
        ),
        (good.replace("2026-11-22", "2026-11-21"), "the bill is of 2026-11-21, not of 2026-11-22"),
        (file(&[with(charge(), "/created", json!(AT - 86_400))]), "the bill is of 2026-11-21, not of 2026-11-22"),
        (file(&[with(charge(), "/amount", json!("?"))]), "line 2: invalid type"),
        (file(&[with(charge(), "/net", json!(7))]), "line 2: its net is 7, not its amount 1234 without its fee 60"),
        (file(&[with(charge(), "/object", json!("charge"))]), "line 2: it is no balance transaction"),
        (file(&[entry("txn_1", "charge", -5, 0, Value::Null)]), "line 2: its amount -5 has the wrong sign"),
        (file(&[json!({"id": "txn_1", "object": "?", "amount": "?"})]), "line 2: invalid type"),
        (
            good.replace("{\"transactions\":2}", "{\"transactions\":3}"),
            "the count of transactions is 3 by its summary and 2",
        ),
        (good.replace("{\"transactions\":2}\n", ""), "cut off: its last line is missing"),
        (format!("{good}{head}\n"), "the file goes on after its end"),
        (good.replacen(head, &format!("{head}\n{head}"), 1), "line 2: missing field"),
        (String::new(), "cut off: the bill is empty"),
        ("hello\n".repeat(1_000_000), "line 1: it should say whose the file is and of which day"),
        ("x".repeat(100_000), "line 1: it is longer than 65536 bytes"),
    ] {
        let error = lines_of(&text).unwrap_err().to_string();
        assert!(error.contains(words), "{error} instead of {words}");
    }
    let request = BillRequest { kind: BillKind::Funds, day: "2026-11-22".parse().unwrap() };
    assert!(read(request, account(), &BillFile::of("bill", good.as_bytes()).unwrap()).is_err());
}

#[test]
fn wherever_a_file_is_cut_off_it_is_not_taken() {
    let good = file(&[charge(), refund()]);
    for end in 0..good.len() {
        let found = lines_of(&good[..end]);
        assert!(matches!(found, Err(BillError::CutOff(_))), "{end}: {found:?}");
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_back_exactly(
        rows in prop::collection::vec((any::<bool>(), 0..i64::from(i32::MAX), -1_000..1_000_i64), 0..20),
    ) {
        let entry = |(back, amount, fee): &(bool, i64, i64)| {
            let signed = if *back { -amount } else { *amount };
            let (template, net) = (if *back { refund() } else { charge() }, signed - fee);
            with(with(with(template, "/amount", json!(signed)), "/fee", json!(fee)), "/net", json!(net))
        };
        let entries: Vec<Value> = rows.iter().map(entry).collect();
        let found = lines_of(&file(&entries)).unwrap();
        prop_assert_eq!(found.len(), rows.len());
        for (index, (line, (back, amount, fee))) in found.iter().zip(&rows).enumerate() {
            let template = if *back { refunded() } else { captured() };
            let ordinal = u32::try_from(index).unwrap() + 1;
            prop_assert_eq!(line, &BillLine { ordinal, amount_minor: *amount, fee_minor: *fee, ..template });
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in ".{0,200}") {
        drop(lines_of(&text));
        drop(lines_of(&file(&[json!(text)])));
    }
}
