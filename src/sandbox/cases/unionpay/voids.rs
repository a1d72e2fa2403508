//! Voids: the whole amount, on the same day of the network, at once.

use super::desk;

const HOUR_MS: i64 = 3_600_000;

#[tokio::test]
async fn a_void_gives_the_whole_amount_back_at_once_and_is_told() {
    let desk = desk().await;
    let id = desk.paid("order0001").await;
    let form = desk.merchant.void(&id, "void00001", 8_800).with("reqReserved", "[refund:closed]");
    assert_eq!(desk.merchant.send("backTransReq.do", &form).await.code(), "00");
    assert_eq!(desk.merchant.query(&form).await.original(), "00");
    assert_eq!((desk.refund_entry("void00001").effects, desk.entry("order0001").refunded_minor), (1, 8_800));
    assert_eq!(desk.merchant.send("backTransReq.do", &form).await.code(), "12");
    let again = desk.merchant.void(&id, "void00002", 8_800);
    assert_eq!(desk.merchant.send("backTransReq.do", &again).await.code(), "35");
    let refund = desk.merchant.refund(&id, "refund0001", 1);
    assert_eq!(desk.merchant.send("backTransReq.do", &refund).await.code(), "33");
    desk.settled_and_told(1).await;
    assert_eq!(desk.inbox.notices()[0]["txnType"], "31");
    assert_eq!(desk.sandbox.counters().refund_effects, 1);
}

#[tokio::test]
async fn a_part_is_not_voided_nor_what_was_refunded_or_never_paid() {
    let desk = desk().await;
    let id = desk.paid("order0001").await;
    let part = desk.merchant.void(&id, "void00001", 8_799);
    assert_eq!(desk.merchant.send("backTransReq.do", &part).await.code(), "36");
    desk.refunded(&id, "refund0001", 1, "success").await;
    let whole = desk.merchant.void(&id, "void00002", 8_800);
    assert_eq!(desk.merchant.send("backTransReq.do", &whole).await.code(), "35");
    let unpaid = desk.ordered("order0002", "never").await;
    let of_unpaid = desk.merchant.void("", "void00003", 8_800).without("origQryId").with("origOrderId", "order0002");
    let of_unpaid = of_unpaid.with("origTxnTime", unpaid.get("txnTime"));
    assert_eq!(desk.merchant.send("backTransReq.do", &of_unpaid).await.code(), "35");
}

#[tokio::test]
async fn the_day_of_a_void_ends_at_23_00_and_then_a_refund_is_the_way() {
    let desk = desk().await;
    let (early, late) = (desk.paid("order0001").await, desk.paid("order0002").await);
    // 09:00 and almost fourteen hours.
    desk.clock.advance_ms(14 * HOUR_MS - 1_000);
    let in_time = desk.merchant.void(&early, "void00001", 8_800);
    assert_eq!(desk.merchant.send("backTransReq.do", &in_time).await.code(), "00");
    desk.clock.advance_ms(1_000);
    let too_late = desk.merchant.void(&late, "void00002", 8_800);
    assert_eq!(desk.merchant.send("backTransReq.do", &too_late).await.code(), "35");
    desk.refunded(&late, "refund0001", 8_800, "success").await;
    // What is paid after 23:00 belongs to the next day until its 23:00.
    let night = desk.paid("order0003").await;
    desk.clock.advance_ms(23 * HOUR_MS);
    let next_day = desk.merchant.void(&night, "void00003", 8_800);
    assert_eq!(desk.merchant.send("backTransReq.do", &next_day).await.code(), "00");
}
