//! Bills of WeChat as a merchant fetches them, and what the books have to do with them.

use std::io::Read;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

use super::merchant::{header, keys};
use super::{START_MS, Stage, stage, stage_with};
use crate::Channel;

pub const HOUR_MS: i64 = 3_600_000;
/// 2026-11-23T10:00:00+08:00.
pub const GIVEN_MS: i64 = START_MS + 25 * HOUR_MS;
const DAY: &str = "bill_date=2026-11-22";
pub const ALL: &str = "tradebill?bill_date=2026-11-22&tar_type=GZIP";

pub fn mchid() -> &'static str {
    &keys().provisioned.mchid
}

/// A bill as it came, and whether the digest was its own.
pub struct Bill {
    pub text: String,
    pub is_whole: bool,
}

impl Bill {
    /// The cells of each row between the names and the totals.
    pub fn rows(&self) -> Vec<Vec<String>> {
        let rows = self.text.split("\r\n").skip(1).take_while(|line| line.starts_with('`'));
        rows.map(cells).collect()
    }

    pub fn totals(&self) -> Vec<String> {
        let lines: Vec<_> = self.text.split("\r\n").collect();
        assert_eq!(lines[lines.len() - 1], "", "the last line is ended too");
        cells(lines[lines.len() - 2])
    }
}

fn cells(line: &str) -> Vec<String> {
    line.strip_prefix('`').unwrap_or(line).split(",`").map(str::to_owned).collect()
}

impl Stage {
    pub fn at(&self, ms: i64) {
        self.clock.advance_ms(ms - self.now_ms());
    }

    pub async fn bill(&self, query: &str) -> Result<Bill, String> {
        let asked = self.shop.call("GET", &format!("/v3/bill/{query}"), String::new()).await.unwrap();
        assert!(asked.is_genuine());
        if asked.status != 200 {
            return Err(asked.code());
        }
        let said = asked.json();
        assert_eq!(said["hash_type"], "SHA1");
        let url = said["download_url"].as_str().unwrap();
        let target = url.strip_prefix(&self.sandbox.base_url()).unwrap();
        let file = self.shop.call("GET", target, String::new()).await.unwrap();
        assert_eq!((file.status, header(&file.headers, "wechatpay-signature")), (200, String::new()));
        let mut bytes = file.body;
        if query.contains("GZIP") {
            let packed = std::mem::take(&mut bytes);
            flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut bytes).unwrap();
        }
        let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, &bytes);
        let hash: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Bill { is_whole: said["hash_value"] == hash.as_str(), text: String::from_utf8(bytes).unwrap() })
    }

    pub async fn rows(&self) -> Vec<Vec<String>> {
        self.bill(ALL).await.unwrap().rows()
    }
}

#[tokio::test]
async fn a_bill_of_a_payment_and_a_refund_is_written_byte_by_byte() {
    let stage = stage().await;
    stage.paid("order-0001").await;
    stage.refund("order-0001", "r@1", 3_000).await;
    stage.becomes("r@1", "SUCCESS").await;
    stage.at(GIVEN_MS);
    let bill = stage.bill(ALL).await.unwrap();
    let (entry, refund) = (stage.entry("order-0001"), stage.refund_entry("r@1"));
    let (paid, id) = (stage.shop.query("order-0001").await.json(), entry.transaction_id.unwrap());
    let who = format!("`{},`{}", keys().provisioned.appid, mchid());
    let openid = paid["payer"]["openid"].as_str().unwrap();
    let back = crate::alipay::moment::write(refund.succeeded_at_ms.unwrap());
    let expected = [
        "\u{feff}交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,\
         应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,\
         费率,订单金额,申请退款金额,费率备注"
            .to_owned(),
        format!(
            "`2026-11-22 09:00:00,{who},`0,`,`{id},`order-0001,`{openid},`NATIVE,`SUCCESS,`OTHERS,`CNY,`88.00,`0.00,`0,\
             `0,`0.00,`0.00,`,`,`cleaning [payer:never],`,`0.53000,`0.60%,`88.00,`0.00,`"
        ),
        format!(
            "`{back},{who},`0,`,`{id},`order-0001,`{openid},`NATIVE,`REFUND,`OTHERS,`CNY,`0.00,`0.00,`{},`r@1,`30.00,\
             `0.00,`ORIGINAL,`SUCCESS,`cleaning [payer:never],`,`-0.18000,`0.60%,`0.00,`30.00,`",
            refund.refund_id
        ),
        "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额".to_owned(),
        "`2.0,`88.00,`30.00,`0.00,`0.35000,`88.00,`30.00".to_owned(),
        String::new(),
    ];
    assert_eq!(bill.text, expected.join("\r\n"));
    assert!(bill.is_whole);
    assert!(bill.rows().iter().all(|row| row.len() == 27));

    let paid = stage.bill(&format!("tradebill?{DAY}&bill_type=SUCCESS")).await.unwrap();
    assert_eq!((paid.rows().len(), paid.rows()[0].len(), paid.totals()[4].as_str()), (1, 20, "0.53000"));
    let back = stage.bill(&format!("tradebill?{DAY}&bill_type=REFUND&tar_type=GZIP")).await.unwrap();
    assert_eq!((back.rows().len(), back.rows()[0].len(), back.totals()[4].as_str()), (1, 28, "0.18000"));
}

#[tokio::test]
async fn bills_can_be_had_from_ten_on_and_for_three_months_and_their_links_for_five_minutes() {
    let stage = stage().await;
    stage.paid("order-0001").await;
    for (ms, query, code) in [
        (START_MS, "tradebill?bill_date=2026-11-22", "PARAM_ERROR"),
        (START_MS, "tradebill?bill_date=2026-11-20", "NO_STATEMENT_EXIST"),
        (START_MS, "fundflowbill?bill_date=2026-11-20&account_type=BASIC", "NO_STATEMENT_EXIST"),
        (START_MS, "tradebill?bill_date=2026-07-22", "PARAM_ERROR"),
        (START_MS, "tradebill?bill_date=20261121", "PARAM_ERROR"),
        (START_MS, "tradebill?bill_date=2026-11-21", "STATEMENT_CREATING"),
        (GIVEN_MS - 1, "tradebill?bill_date=2026-11-22", "STATEMENT_CREATING"),
        (GIVEN_MS, "tradebill?bill_date=2026-11-22&bill_type=REFUND", "NO_STATEMENT_EXIST"),
        (GIVEN_MS, "fundflowbill?bill_date=2026-11-22&account_type=FEES", "NO_STATEMENT_EXIST"),
        (GIVEN_MS, "tradebill?bill_date=2026-11-22&tar_type=ZIP", "PARAM_ERROR"),
        (GIVEN_MS, "tradebill?bill_date=2026-11-22&sub_mchid=1", "PARAM_ERROR"),
    ] {
        stage.at(ms);
        assert_eq!(stage.bill(query).await.err().as_deref(), Some(code), "{query} at {ms}");
    }
    assert_eq!(stage.rows().await.len(), 1);
    let asked = stage.shop.call("GET", &format!("/v3/bill/{ALL}"), String::new()).await.unwrap().json();
    let url = asked["download_url"].as_str().unwrap().to_owned();
    let target = url.strip_prefix(&stage.sandbox.base_url()).unwrap();
    stage.clock.advance_ms(5 * 60_000 - 1);
    assert_eq!(stage.shop.call("GET", target, String::new()).await.unwrap().status, 200);
    let forged = stage.shop.send("GET", target, String::new(), "WECHATPAY2-SHA256-RSA2048 x").await.unwrap();
    assert_eq!(forged.code(), "SIGN_ERROR", "files are for the merchant only");
    stage.clock.advance_ms(1);
    assert_eq!(stage.shop.call("GET", target, String::new()).await.unwrap().code(), "INVALID_REQUEST");
}

#[tokio::test]
async fn what_is_paid_at_midnight_is_of_the_new_day() {
    let stage = stage().await;
    let midnight_ms = START_MS + 15 * HOUR_MS;
    for (ms, number) in [(midnight_ms - 1, "order-0001"), (midnight_ms, "order-0002")] {
        stage.at(ms);
        stage.paid(number).await;
    }
    stage.at(GIVEN_MS + 24 * HOUR_MS);
    assert_eq!(stage.rows().await.iter().map(|row| row[6].clone()).collect::<Vec<_>>(), ["order-0001"]);
    let next = stage.bill("tradebill?bill_date=2026-11-23").await.unwrap();
    assert_eq!(
        (next.rows().len(), next.rows()[0][6].as_str(), next.rows()[0][0].as_str()),
        (1, "order-0002", "2026-11-23 00:00:00")
    );
}

#[tokio::test]
async fn a_day_sums_to_the_books_and_its_net_is_paid_out_on_the_next() {
    let stage = stage().await;
    for number in ["order-0001", "order-0002", "order-0003", "order-0004"] {
        stage.paid(number).await;
    }
    stage.sandbox.take_foreign(Channel::Wechat, mchid(), "till-77", 12_345).unwrap();
    let by_hand = stage.sandbox.refund_by_hand(mchid(), "order-0002", 8_800).unwrap();
    stage.sandbox.forget(mchid(), "order-0003").unwrap();
    stage.refund("order-0004", "r-1", 1).await;
    stage.becomes("r-1", "SUCCESS").await;
    stage.settle().await;
    super::eventually("the one refund of ours is told", || stage.receiver.letters().len() == 1).await;
    stage.at(GIVEN_MS);

    let bill = stage.bill(ALL).await.unwrap();
    let books = stage.sandbox.books();
    let known = || books.iter().filter(|entry| !entry.forgotten);
    let captured: i64 = known().map(|entry| entry.captured_minor).sum();
    let refunded: i64 = known().map(|entry| entry.refunded_minor).sum();
    assert_eq!((captured, refunded), (3 * 8_800 + 12_345, 8_801));
    let yuan = crate::alipay::amount::write;
    assert_eq!(bill.totals()[1..3], [yuan(captured), yuan(refunded)]);
    assert_eq!((bill.totals()[0].as_str(), bill.rows().len()), ("6.0", 6));
    assert!(bill.text.contains("`till-77,") && bill.text.contains(&by_hand) && !bill.text.contains("order-0003"));

    let forgotten = stage.entry("order-0003");
    assert_eq!((forgotten.state.as_str(), forgotten.forgotten, forgotten.captured_minor), ("NOTPAY", true, 8_800));
    assert_eq!(stage.shop.query("order-0003").await.json()["trade_state"], "NOTPAY");
    assert!(stage.entry("till-77").foreign && stage.refund_entry(&by_hand).by_hand);
    assert_eq!(stage.shop.query("till-77").await.json()["trade_state"], "SUCCESS");
    assert_eq!(stage.receiver.letters().len(), 1, "of these three nobody is told");

    // 0.53 for each of three, of which the whole and a part come back, and 0.74.
    let fees = 3 * 53 + 74 - 53;
    let funds = stage.bill(&format!("fundflowbill?{DAY}")).await.unwrap();
    let net = captured - refunded - fees;
    let totals = funds.totals();
    assert_eq!(totals[2], yuan(captured + 53));
    assert_eq!(totals[4], yuan(refunded + fees + 53));
    let payouts = stage.sandbox.payouts();
    assert_eq!((payouts.len(), payouts[0].amount_minor, payouts[0].day.to_string()), (1, net, "2026-11-22".to_owned()));
    assert_eq!((payouts[0].payer.as_str(), payouts[0].currency.as_str()), ("财付通支付科技有限公司", "CNY"));
    assert_eq!(payouts[0].at_ms, START_MS + 22 * HOUR_MS);
    assert_eq!(stage.sandbox.payouts(), payouts);
    assert!(stage.sandbox.forget(mchid(), "order-0001").is_err(), "it was paid out");

    stage.at(GIVEN_MS + 24 * HOUR_MS);
    let next = stage.bill("fundflowbill?bill_date=2026-11-23").await.unwrap();
    assert_eq!((next.rows().len(), next.rows()[0][3].as_str(), next.rows()[0][5].as_str()), (1, "提现", "支出"));
    assert_eq!((next.rows()[0][6].clone(), next.rows()[0][7].as_str()), (yuan(net), "100000.00"));
    assert_eq!(stage.sandbox.payouts(), payouts, "nothing new");
}

#[tokio::test]
async fn a_service_order_is_told_under_a_number_that_wechat_made() {
    let stage = stage_with(super::faithful).await;
    stage.served("srv1", 15_000).await;
    stage.at(GIVEN_MS);
    let row = stage.rows().await.remove(0);
    assert_eq!((row[8].as_str(), row[12].as_str(), row[6].len()), ("AUTH", "150.00", 32));
    assert!(row[6].bytes().all(|byte| byte.is_ascii_digit()));
    let parts: Vec<_> = row[21].split('|').collect();
    assert_eq!((parts[0], parts[1].len(), parts[2]), ("wxzff", 28, "srv1"));
}
