//! Bills of WeChat that are told wrongly on request, and what is told of what seldom happens.

use super::bills::{ALL, GIVEN_MS, HOUR_MS, mchid};
use super::{START_MS, stage, stage_with};
use crate::{BillFlaw, BillName, Channel, FeeTerms, LineFlaw, PayMode};

#[tokio::test]
async fn each_line_can_be_told_wrongly_and_rightly_again() {
    let stage = stage().await;
    stage.paid("order-0001").await;
    stage.paid("order-0002").await;
    stage.refund("order-0002", "r-1", 3_000).await;
    stage.becomes("r-1", "SUCCESS").await;
    stage.at(GIVEN_MS + 24 * HOUR_MS);
    let before = stage.bill(ALL).await.unwrap().text;
    let payouts = stage.sandbox.payouts();
    let distort = |number: &str, flaw| stage.sandbox.distort(mchid(), number, flaw).unwrap();
    for (flaw, count, amount, currency, fee) in [
        (LineFlaw::LeftOut, 2, "88.00", "CNY", "0.53000"),
        (LineFlaw::Doubled, 4, "88.00", "CNY", "0.53000"),
        (LineFlaw::Amount(-7), 3, "87.93", "CNY", "0.53000"),
        (LineFlaw::Currency("HKD".into()), 3, "88.00", "HKD", "0.53000"),
        (LineFlaw::Fee(2), 3, "88.00", "CNY", "0.55000"),
        (LineFlaw::NextDay, 2, "88.00", "CNY", "0.53000"),
    ] {
        distort("order-0001", flaw.clone());
        let rows = stage.rows().await;
        let row = rows.iter().find(|row| row[6] == "order-0001").unwrap_or(&rows[0]);
        let seen = (rows.len(), row[12].as_str(), row[11].as_str(), row[22].as_str());
        assert_eq!(seen, (count, amount, currency, fee), "{flaw:?}");
    }
    let late = stage.bill("tradebill?bill_date=2026-11-23").await.unwrap().rows();
    assert_eq!((late.len(), late[0][0].as_str(), late[0][6].as_str()), (1, "2026-11-23 00:00:05", "order-0001"));
    stage.sandbox.undistort(mchid(), "order-0001").unwrap();
    distort("r-1", LineFlaw::LeftOut);
    assert_eq!(stage.rows().await.len(), 2);
    assert_eq!(stage.sandbox.bill_flaws().lines.len(), 1);
    stage.sandbox.undistort(mchid(), "r-1").unwrap();
    assert_eq!(stage.bill(ALL).await.unwrap().text, before);
    assert_eq!(stage.sandbox.payouts(), payouts, "money is paid as it was taken");
    assert!(stage.sandbox.undistort(mchid(), "r-1").is_err());
    assert!(stage.sandbox.distort(mchid(), "nobody", LineFlaw::LeftOut).is_err());
}

#[tokio::test]
async fn a_whole_bill_can_be_spoilt_and_mended() {
    let stage = stage().await;
    stage.paid("order-0001").await;
    stage.at(START_MS + 24 * HOUR_MS);
    stage.paid("order-0002").await;
    stage.at(GIVEN_MS + 24 * HOUR_MS);
    let name = |funds| BillName {
        channel: Channel::Wechat,
        account: mchid().to_owned(),
        day: "2026-11-23".parse().unwrap(),
        funds,
    };
    let query = "tradebill?bill_date=2026-11-23&tar_type=GZIP";
    let whole = stage.bill(query).await.unwrap();
    let spoilt = async |flaw| {
        stage.sandbox.spoil_bill(name(false), flaw).unwrap();
        stage.bill(query).await.unwrap()
    };
    let wrong = spoilt(BillFlaw::WrongDigest).await;
    assert_eq!((wrong.is_whole, &wrong.text), (false, &whole.text));
    let cut = spoilt(BillFlaw::CutOff).await;
    assert!(cut.is_whole && whole.text.starts_with(&cut.text) && cut.text.len() <= whole.text.len() / 2);
    assert_eq!(spoilt(BillFlaw::Totals).await.totals()[1], "88.01");
    let other = spoilt(BillFlaw::OtherDay).await.rows();
    assert_eq!((other.len(), other[0][6].as_str()), (1, "order-0001"));
    assert_ne!(spoilt(BillFlaw::OtherAccount).await.rows()[0][2], mchid());
    let garbage = spoilt(BillFlaw::Garbage { lines: 9 }).await;
    assert_eq!(garbage.text.lines().count(), whole.text.lines().count() + 9);
    stage.sandbox.mend_bill(&name(false)).unwrap();
    assert_eq!(stage.bill(query).await.unwrap().text, whole.text);
    assert!(stage.sandbox.mend_bill(&name(false)).is_err());
    stage.sandbox.spoil_bill(name(true), BillFlaw::Totals).unwrap();
    assert_eq!(stage.bill("fundflowbill?bill_date=2026-11-23").await.unwrap().totals()[2], "88.01");
    assert_eq!(stage.bill(query).await.unwrap().text, whole.text, "the other bill is whole");
}

#[tokio::test]
async fn a_refund_that_comes_back_is_told_and_so_is_a_second_charge_and_fees_of_their_own() {
    let terms = FeeTerms { basis_points: 38, fixed_minor: 0, returned: false };
    let stage = stage_with(|config| {
        config.fees.insert(mchid().to_owned(), terms);
    })
    .await;
    stage.paid("order-0001").await;
    stage.sandbox.pay(mchid(), "order-0001", PayMode::Again).unwrap();
    stage.tagged("order-0001", "r-1", 3_000, "reversed").await;
    stage.becomes("r-1", "ABNORMAL").await;
    stage.at(GIVEN_MS);
    let rows = stage.rows().await;
    assert_eq!(rows.len(), 3);
    assert_ne!(rows[0][5], rows[1][5], "each charge has its own number");
    assert_eq!([&rows[0][22], &rows[0][23]], ["0.33000", "0.38%"]);
    assert_eq!([&rows[2][16], &rows[2][19], &rows[2][22]], ["30.00", "ABNORMAL", "0.00000"]);
    let net = 2 * 8_800 - 2 * 33;
    assert_eq!(stage.sandbox.payouts()[0].amount_minor, net);
}
