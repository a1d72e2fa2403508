//! Bills of Alipay as a merchant fetches and unpacks them, and what the books have to do with them.

use std::io::{Cursor, Read};

use encoding_rs::GBK;
use serde_json::json;

use super::app::provisioned;
use super::{HOUR_MS, START_MS, Stage, stage};
use crate::alipay::amount::write as yuan;
use crate::{BillFlaw, BillName, Channel, LineFlaw};

/// 2026-11-23T09:00:00+08:00.
const GIVEN_MS: i64 = START_MS + 24 * HOUR_MS;

/// Names and texts of an archive's members, in their order.
type Files = Vec<(String, String)>;

fn unpacked(bytes: Vec<u8>) -> Files {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut files = Vec::new();
    for nth in 0..archive.len() {
        let mut file = archive.by_index(nth).unwrap();
        let name = GBK.decode(file.name_raw()).0.into_owned();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        let (text, _, damaged) = GBK.decode(&bytes);
        assert!(!damaged);
        files.push((name, text.into_owned()));
    }
    files
}

/// The cells of the rows of a list.
fn rows(text: &str) -> Vec<Vec<String>> {
    let list = text.split("\r\n").skip(5).take_while(|line| !line.starts_with('#'));
    list.map(|line| line.split(',').map(|cell| cell.trim_end_matches('\t').to_owned()).collect()).collect()
}

impl Stage {
    fn at(&self, ms: i64) {
        self.clock.advance_ms(ms - self.now_ms());
    }

    async fn link(&self, kind: &str, day: &str) -> Result<String, String> {
        let biz = json!({ "bill_type": kind, "bill_date": day });
        let answer = self.app.call("alipay.data.dataservice.bill.downloadurl.query", &biz).await;
        assert!(answer.is_genuine());
        match answer.node()["bill_download_url"].as_str() {
            Some(url) => Ok(url.to_owned()),
            None => Err(answer.sub_code()),
        }
    }

    async fn fetch(&self, url: &str) -> (u16, Vec<u8>) {
        let response = reqwest::Client::builder().no_proxy().build().unwrap().get(url).send().await.unwrap();
        (response.status().as_u16(), response.bytes().await.unwrap().to_vec())
    }

    /// The files of the 22nd.
    async fn bill(&self, kind: &str) -> Files {
        let url = self.link(kind, "2026-11-22").await.unwrap();
        let (status, bytes) = self.fetch(&url).await;
        assert_eq!(status, 200);
        unpacked(bytes)
    }
}

#[tokio::test]
async fn a_bill_of_trades_is_written_byte_by_byte_with_its_summary_first() {
    let stage = stage().await;
    stage.paid("order_1").await;
    stage.clock.advance_ms(60_000);
    stage.app.refund("order_1", "r_1", "30.00", "ill [refund:success]").await;
    stage.at(GIVEN_MS);
    let files = stage.bill("trade").await;
    let who = format!("{}0156", provisioned().seller_id);
    let names: Vec<_> = files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, [format!("{who}_20261122_业务明细(汇总).csv"), format!("{who}_20261122_业务明细.csv")]);
    let trade = stage.entry("order_1").transaction_id.unwrap();
    let expected = [
        "#支付宝业务明细查询".to_owned(),
        format!("#账号：[{who}]"),
        "#起始日期：[2026年11月22日 00:00:00]   终止日期：[2026年11月23日 00:00:00]".to_owned(),
        "#-----------------------------------------业务明细列表----------------------------------------".to_owned(),
        "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,订单金额（元）,\
         商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,券名称,\
         商家红包消费金额（元）,卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注"
            .to_owned(),
        format!(
            "{trade}\t,order_1\t,交易\t,cleaning [payer:never]\t,2026-11-22 09:00:00\t,2026-11-22 09:00:00\t,\t,\t,\t,\t,\
             *三(san***@sandbox.example)\t,88.00,88.00,0.00,0.00,0.00,0.00,0.00,\t,0.00,0.00,\t,-0.53,0.00,\t"
        ),
        format!(
            "{trade}\t,order_1\t,退款\t,cleaning [payer:never]\t,2026-11-22 09:00:00\t,2026-11-22 09:01:00\t,\t,\t,\t,\t,\
             *三(san***@sandbox.example)\t,-30.00,-30.00,0.00,0.00,0.00,0.00,0.00,\t,0.00,0.00,r_1\t,0.18,0.00,\
             ill [refund:success]\t"
        ),
        "#----------------------------------------业务明细列表结束-------------------------------------".to_owned(),
        "#交易合计：1笔，商家实收共88.00元，商家优惠共0.00元".to_owned(),
        "#退款合计：1笔，商家实收退款共-30.00元，商家优惠退款共0.00元".to_owned(),
        "#导出时间：[2026年11月23日 09:00:00]".to_owned(),
        String::new(),
    ];
    assert_eq!(files[1].1, expected.join("\r\n"));
    assert_eq!(rows(&files[0].1)[0][2..6], ["1", "1", "58.00", "58.00"]);
}

#[tokio::test]
async fn bills_can_be_had_from_nine_on_and_their_links_for_thirty_seconds() {
    let stage = stage().await;
    stage.paid("order_1").await;
    for (kind, day, code) in [
        ("trade", "2026-11-21", "NO_BILL_DATA"),
        ("signcustomer", "2026-11-21", "NO_BILL_DATA"),
        ("trade", "2026-11-22", "isp.bill_not_exist"),
        ("trade", "2026-11", "INVAILID_ARGUMENTS"),
        ("merchant_act", "2026-11-21", "TYPE_NOT_SUPPORTED"),
        ("trade", "2019-11-21", "BILL_DATE_BEFORE_REGISTRATION"),
    ] {
        assert_eq!(stage.link(kind, day).await, Err(code.to_owned()), "{kind} {day}");
    }
    stage.at(GIVEN_MS - 1);
    assert!(stage.link("trade", "2026-11-22").await.is_err());
    stage.at(GIVEN_MS);
    let url = stage.link("trade", "2026-11-22").await.unwrap();
    stage.clock.advance_ms(29_999);
    assert_eq!(stage.fetch(&url).await.0, 200);
    stage.clock.advance_ms(1);
    assert_eq!(stage.fetch(&url).await.0, 403);
}

#[tokio::test]
async fn a_day_ends_at_midnight_sums_to_the_books_and_is_paid_out_on_the_next() {
    let stage = stage().await;
    let app_id = &provisioned().app_id;
    stage.paid("order_1").await;
    stage.paid("order_2").await;
    stage.paid("order_3").await;
    stage.sandbox.take_foreign(Channel::Alipay, app_id, "till_77", 12_345).unwrap();
    let by_hand = stage.sandbox.refund_by_hand(app_id, "order_2", 300).unwrap();
    stage.sandbox.forget(app_id, "order_3").unwrap();
    assert_eq!(stage.app.status("order_3").await, "WAIT_BUYER_PAY");
    assert_eq!(stage.app.status("till_77").await, "TRADE_SUCCESS");
    stage.at(START_MS + 15 * HOUR_MS - 1);
    stage.paid("order_4").await;
    stage.at(START_MS + 15 * HOUR_MS);
    stage.paid("order_5").await;
    stage.at(GIVEN_MS);
    let files = stage.bill("trade").await;
    let told = rows(&files[1].1);
    let numbers: Vec<_> = told.iter().map(|row| row[1].as_str()).collect();
    assert_eq!(numbers, ["order_1", "order_2", "order_2", "till_77", "order_4"]);
    assert!(files[1].1.contains(&by_hand));
    let captured = 3 * 8_800 + 12_345;
    let books: i64 = stage.sandbox.books().iter().filter(|e| !e.forgotten).map(|e| e.captured_minor).sum();
    assert_eq!(books, captured + 8_800, "and what was paid at midnight");
    assert!(files[1].1.contains(&format!("#交易合计：4笔，商家实收共{}元", yuan(captured))));

    let fees = 3 * 53 + 74 - 2;
    let net = captured - 300 - fees;
    let funds = rows(&stage.bill("signcustomer").await[1].1);
    let kinds: Vec<_> = funds.iter().map(|row| row[10].as_str()).collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == "收费").count(), 5);
    assert_eq!((kinds[0], kinds[1], funds[0].len()), ("在线支付", "收费", 12));
    assert_eq!(funds.last().unwrap()[8], yuan(10_000_000 + net), "the balance at the end");
    stage.at(GIVEN_MS + 24 * HOUR_MS);
    let payouts = stage.sandbox.payouts();
    assert_eq!((payouts.len(), payouts[0].amount_minor, payouts[1].amount_minor), (2, net, 8_800 - 53));
    assert_eq!((payouts[0].at_ms, payouts[0].account.as_str()), (START_MS + 23 * HOUR_MS, app_id.as_str()));
    let url = stage.link("signcustomer", "2026-11-23").await.unwrap();
    let next = rows(&unpacked(stage.fetch(&url).await.1)[1].1);
    let paid = next.iter().find(|row| row[10] == "提现").unwrap();
    assert_eq!((paid[7].clone(), paid[1].as_str()), (yuan(-net), payouts[0].reference.as_str()));
}

#[tokio::test]
async fn lines_and_bills_are_told_wrongly_on_request() {
    let stage = stage().await;
    let app_id = provisioned().app_id.as_str();
    stage.paid("order_1").await;
    stage.paid("order_2").await;
    stage.at(GIVEN_MS);
    let whole = stage.bill("trade").await;
    for (flaw, count, amount, fee) in [
        (LineFlaw::LeftOut, 1, "88.00", "-0.53"),
        (LineFlaw::Doubled, 3, "88.00", "-0.53"),
        (LineFlaw::Amount(1), 2, "88.01", "-0.53"),
        (LineFlaw::Fee(-1), 2, "88.00", "-0.52"),
        (LineFlaw::NextDay, 1, "88.00", "-0.53"),
    ] {
        stage.sandbox.distort(app_id, "order_1", flaw.clone()).unwrap();
        let rows = rows(&stage.bill("trade").await[1].1);
        assert_eq!((rows.len(), rows[0][11].as_str(), rows[0][22].as_str()), (count, amount, fee), "{flaw:?}");
    }
    assert!(stage.sandbox.distort(app_id, "order_1", LineFlaw::Currency("HKD".into())).is_err());
    stage.sandbox.undistort(app_id, "order_1").unwrap();
    let bill = BillName {
        channel: Channel::Alipay,
        account: app_id.to_owned(),
        day: "2026-11-22".parse().unwrap(),
        funds: false,
    };
    let spoil = |flaw| stage.sandbox.spoil_bill(bill.clone(), flaw);
    assert!(spoil(BillFlaw::WrongDigest).is_err());
    spoil(BillFlaw::CutOff).unwrap();
    assert!(!stage.bill("trade").await[1].1.contains("交易合计"));
    spoil(BillFlaw::Totals).unwrap();
    assert!(stage.bill("trade").await[1].1.contains("商家实收共176.01元"));
    spoil(BillFlaw::OtherAccount).unwrap();
    assert!(!stage.bill("trade").await[1].1.contains(&provisioned().seller_id));
    spoil(BillFlaw::OtherDay).unwrap();
    assert_eq!(
        stage.link("trade", "2026-11-22").await,
        Err("NO_BILL_DATA".to_owned()),
        "nothing was sold the day before"
    );
    spoil(BillFlaw::Garbage { lines: 3 }).unwrap();
    assert_eq!(rows(&stage.bill("trade").await[1].1).len(), 5);
    stage.sandbox.mend_bill(&bill).unwrap();
    assert_eq!(stage.bill("trade").await, whole);
}
