//! The calls of profit sharing: it knows what is lawful and how it is answered, and must never know who of us asked.
//!
//! Results come after a while of the sandbox's clock. Two kinds of receivers make trouble, by their numbers: one that
//! ends in `000` takes nothing (`CLOSED`), and one that ends in `999` gives nothing back (`FAILED`).

use serde_json::{Value, json};

use crate::Channel;
use crate::books::State;
use crate::fates::Subject;
use crate::orders::{Order, Orders};
use crate::share_books::{ShareEntry, ShareResult};
use crate::shared::Shared;
use crate::wechat::account::Merchant;
use crate::wechat::answer::Answer;
use crate::wechat::front::OrderFacts;
use crate::wechat::refusal::Refusal;
use crate::wechat::share_body::text;

/// How long the channel works on a share or a return, in milliseconds of its clock.
const WORKS_MS: i64 = 1_500;
/// Most of an order that is shared, in basis points: what every merchant may.
const MOST_BASIS_POINTS: i64 = 3_000;

/// A call whose request is well formed.
#[derive(Debug)]
pub(crate) enum ShareCall {
    Add { whole: Value, key: Option<String> },
    Share(Value),
    Query { number: String, transaction_id: String },
    Unfreeze(Value),
    Return(Value),
    QueryReturn { number: String, out_order_no: String },
}

/// A part of an order for somebody.
#[derive(Debug)]
struct Line {
    kind: String,
    account: String,
    amount_minor: i64,
    description: String,
    ready_at_ms: i64,
}

/// A call that shares, or frees the rest.
#[derive(Debug)]
struct Sharing {
    mchid: String,
    number: String,
    share_id: String,
    order: usize,
    lines: Vec<Line>,
    /// What it gave to the merchant himself.
    freed_minor: Option<i64>,
    whole: Value,
}

/// A call that gives back.
#[derive(Debug)]
struct Return {
    number: String,
    return_id: String,
    sharing: usize,
    line: usize,
    amount_minor: i64,
    ready_at_ms: i64,
    whole: Value,
}

/// The books of shares, under the lock of the orders.
#[derive(Debug, Default)]
pub(crate) struct ShareBooks {
    receivers: Vec<(String, String, String)>,
    list: Vec<Sharing>,
    returns: Vec<Return>,
}

impl Line {
    fn result(&self, now_ms: i64) -> ShareResult {
        match now_ms >= self.ready_at_ms {
            false => ShareResult::Pending,
            true if self.account.ends_with("000") => ShareResult::Closed,
            true => ShareResult::Success,
        }
    }
}

impl Return {
    fn fails(&self, line: &Line) -> bool {
        line.kind == "MERCHANT_ID" && self.amount_minor > 0 && line.account.ends_with("999")
    }
}

impl ShareCall {
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Add { .. } => "add_receiver",
            Self::Share(_) => "share",
            Self::Query { .. } => "query_share",
            Self::Unfreeze(_) => "unfreeze",
            Self::Return(_) => "return_share",
            Self::QueryReturn { .. } => "query_return",
        }
    }

    pub(crate) fn subject(&self) -> Subject<'_> {
        match self {
            Self::Add { whole, .. } => Subject::Refund { number: text(whole, "account"), operation: 11 },
            Self::Share(whole) => Subject::Refund { number: text(whole, "out_order_no"), operation: 12 },
            Self::Query { number, .. } => Subject::Refund { number, operation: 13 },
            Self::Unfreeze(whole) => Subject::Refund { number: text(whole, "out_order_no"), operation: 14 },
            Self::Return(whole) => Subject::Refund { number: text(whole, "out_return_no"), operation: 15 },
            Self::QueryReturn { number, .. } => Subject::Refund { number, operation: 16 },
        }
    }
}

impl ShareBooks {
    fn of_order(&self, order: usize) -> impl Iterator<Item = (usize, &Sharing)> {
        self.list.iter().enumerate().filter(move |(_, s)| s.order == order)
    }

    fn position(&self, mchid: &str, number: &str) -> Option<usize> {
        self.list.iter().position(|s| s.mchid == mchid && s.number == number)
    }

    /// Minor units of a line that went back, or are on their way back.
    fn returned_minor(&self, sharing: usize, line: usize) -> i64 {
        let Some(of) = self.list.get(sharing).and_then(|s| s.lines.get(line)) else { return 0 };
        let mine = self.returns.iter().filter(|r| r.sharing == sharing && r.line == line && !r.fails(of));
        mine.map(|r| r.amount_minor).sum()
    }

    /// Minor units of an order that are shared, or are about to be; closed ones are the merchant's.
    fn shared_minor(&self, order: usize) -> i64 {
        let lines = self.of_order(order).flat_map(|(_, s)| &s.lines);
        lines.filter(|l| !l.account.ends_with("000")).map(|l| l.amount_minor).sum()
    }

    /// Whether the rest of an order was given to the merchant.
    fn is_freed(&self, order: usize) -> bool {
        self.of_order(order).any(|(_, s)| s.freed_minor.is_some())
    }

    /// Minor units of an order that merchants got and have to give back before it is refunded whole. What a person
    /// got, or a receiver does not give, is the merchant's own loss.
    pub(crate) fn held_by_others_minor(&self, order: usize, now_ms: i64) -> i64 {
        let mut held = 0;
        for (position, sharing) in self.of_order(order) {
            for (n, line) in sharing.lines.iter().enumerate() {
                let gone = line.kind != "MERCHANT_ID"
                    || line.account.ends_with("999")
                    || line.result(now_ms) == ShareResult::Closed;
                if !gone {
                    let back = self.returns.iter().filter(|r| r.sharing == position && r.line == n);
                    let back: i64 = back.filter(|r| now_ms >= r.ready_at_ms).map(|r| r.amount_minor).sum();
                    held += line.amount_minor - back;
                }
            }
        }
        held
    }

    /// Everything, in the order of the calls.
    pub(crate) fn entries(&self, orders: &[Order], now_ms: i64) -> Vec<ShareEntry> {
        let mut entries = Vec::new();
        for (position, sharing) in self.list.iter().enumerate() {
            for (n, line) in sharing.lines.iter().enumerate() {
                let asked = self.returns.iter().filter(|r| r.sharing == position && r.line == n);
                let back = asked.clone().filter(|r| now_ms >= r.ready_at_ms && !r.fails(line));
                entries.push(ShareEntry {
                    channel: Channel::Wechat,
                    account: sharing.mchid.clone(),
                    out_trade_no: orders.get(sharing.order).map(|o| o.number.clone()).unwrap_or_default(),
                    number: sharing.number.clone(),
                    receiver_kind: line.kind.clone(),
                    receiver: line.account.clone(),
                    amount_minor: line.amount_minor,
                    result: line.result(now_ms),
                    returned_minor: back.map(|r| r.amount_minor).sum(),
                    returns: u32::try_from(asked.count()).unwrap_or(u32::MAX),
                });
            }
        }
        entries
    }
}

impl Shared {
    /// Carries out a call of a merchant.
    pub(super) fn wechat_share(&self, merchant: &Merchant, call: ShareCall, fate: u64) -> Result<Answer, Refusal> {
        let (now_ms, mchid) = (self.pace.now_ms(), merchant.account.mchid.as_str());
        if let ShareCall::Add { whole, .. } | ShareCall::Share(whole) = &call
            && !merchant.account.appids.iter().any(|appid| appid == text(whole, "appid"))
        {
            return Err(Refusal::new(400, "APPID_MCHID_NOT_MATCH", "appid is not bound to mchid"));
        }
        match call {
            ShareCall::Add { whole, key } => {
                self.check_sealed_name(&whole, key.as_deref())?;
                let mut orders = self.orders();
                let of = |name: &str| text(&whole, name).to_owned();
                let receiver = (mchid.to_owned(), of("type"), of("account"));
                if !orders.shares.receivers.contains(&receiver) {
                    orders.shares.receivers.push(receiver);
                }
                let answer = json!({
                    "type": of("type"), "account": of("account"), "relation_type": of("relation_type"),
                });
                Ok(Answer::ok(&answer))
            }
            ShareCall::Share(whole) => {
                let mut orders = self.orders();
                let position = share(&mut orders, mchid, whole, now_ms, fate)?;
                Ok(Answer::ok(&shown(&orders, position, now_ms)?))
            }
            ShareCall::Unfreeze(whole) => {
                let mut orders = self.orders();
                let position = unfreeze(&mut orders, mchid, whole, fate)?;
                Ok(Answer::ok(&shown(&orders, position, now_ms)?))
            }
            ShareCall::Query { number, transaction_id } => {
                let orders = self.orders();
                let order = orders.position_of(Channel::Wechat, mchid, &transaction_id);
                let found = orders.shares.position(mchid, &number);
                let found = found.filter(|at| orders.shares.list.get(*at).map(|s| s.order) == order);
                let position = found.ok_or_else(|| Refusal::no_such_resource("profit sharing order"))?;
                Ok(Answer::ok(&shown(&orders, position, now_ms)?))
            }
            ShareCall::Return(whole) => {
                let mut orders = self.orders();
                let position = give_back(&mut orders.shares, mchid, whole, now_ms, fate)?;
                Ok(Answer::ok(&shown_return(&orders.shares, position, now_ms)?))
            }
            ShareCall::QueryReturn { number, out_order_no } => {
                let orders = self.orders();
                let sharing = orders.shares.position(mchid, &out_order_no);
                let found = orders.shares.returns.iter().position(|r| r.number == number && Some(r.sharing) == sharing);
                let position = found.ok_or_else(|| Refusal::no_such_resource("return"))?;
                Ok(Answer::ok(&shown_return(&orders.shares, position, now_ms)?))
            }
        }
    }

    fn check_sealed_name(&self, whole: &Value, key: Option<&str>) -> Result<(), Refusal> {
        let Some(sealed) = whole.get("name").and_then(Value::as_str) else { return Ok(()) };
        let missing = || Refusal::new(400, "PARAM_ERROR", "Wechatpay-Serial must name the key that encrypts");
        let platform = self.wechat.platform();
        let opened = platform.named(key.ok_or_else(missing)?).and_then(|key| key.open(sealed));
        let name = opened.and_then(|bytes| String::from_utf8(bytes).ok()).filter(|name| !name.trim().is_empty());
        name.map(drop).ok_or_else(|| Refusal::parameter("/name", "cannot be decrypted"))
    }
}

/// The order that a call is about: paid, and made to be shared.
fn shareable(orders: &Orders, mchid: &str, whole: &Value) -> Result<usize, Refusal> {
    let position = orders.position_of(Channel::Wechat, mchid, text(whole, "transaction_id"));
    let position = position.ok_or_else(|| Refusal::no_such_resource("order"))?;
    let order = orders.list.get(position).ok_or_else(|| Refusal::no_such_resource("order"))?;
    if order.tab.state() != State::Success {
        return Err(Refusal::invalid("the order is not paid"));
    }
    let asked =
        order.own.get::<OrderFacts>().and_then(|f| f.body.whole.pointer("/settle_info/profit_sharing").cloned());
    if asked != Some(Value::Bool(true)) {
        return Err(Refusal::invalid("the order was not made to be shared"));
    }
    if orders.shares.is_freed(position) {
        return Err(Refusal::invalid("the sharing of the order is finished"));
    }
    Ok(position)
}

/// Minor units of an order that are still frozen.
fn frozen_minor(orders: &Orders, position: usize) -> i64 {
    let Some(order) = orders.list.get(position) else { return 0 };
    let back: i64 = orders.refunds.of(order).map(|r| r.tab.claimed_minor()).sum();
    order.amount_minor - back - orders.shares.shared_minor(position)
}

/// The same number with the same content is one call.
fn repeated(orders: &Orders, mchid: &str, whole: &Value) -> Result<Option<usize>, Refusal> {
    let Some(position) = orders.shares.position(mchid, text(whole, "out_order_no")) else { return Ok(None) };
    let same = orders.shares.list.get(position).is_some_and(|known| known.whole == *whole);
    let other = || Refusal::invalid("out_order_no was used with other parameters").with_number(268_498_688);
    same.then_some(Some(position)).ok_or_else(other)
}

fn share(orders: &mut Orders, mchid: &str, whole: Value, now_ms: i64, fate: u64) -> Result<usize, Refusal> {
    if let Some(position) = repeated(orders, mchid, &whole)? {
        return Ok(position);
    }
    let order = shareable(orders, mchid, &whole)?;
    let receivers = whole.get("receivers").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut lines = Vec::new();
    for (n, receiver) in receivers.iter().enumerate() {
        let of = |name: &str| text(receiver, name).to_owned();
        let known = (mchid.to_owned(), of("type"), of("account"));
        if !orders.shares.receivers.contains(&known) {
            return Err(Refusal::invalid(format!("the receiver {n} was not added")));
        }
        lines.push(Line {
            kind: of("type"),
            account: of("account"),
            amount_minor: receiver.get("amount").and_then(Value::as_i64).unwrap_or_default(),
            description: of("description"),
            ready_at_ms: now_ms.saturating_add(WORKS_MS),
        });
    }
    let asked: i64 = lines.iter().map(|l| l.amount_minor).sum();
    let whole_minor = orders.list.get(order).map_or(0, |o| o.amount_minor);
    let most = whole_minor.saturating_mul(MOST_BASIS_POINTS) / 10_000;
    if orders.shares.shared_minor(order).saturating_add(asked) > most {
        return Err(Refusal::new(403, "RULE_LIMIT", "more than the contract lets the merchant share"));
    }
    let frozen = frozen_minor(orders, order);
    if asked > frozen {
        return Err(Refusal::new(403, "NOT_ENOUGH", "less than that is left to be shared"));
    }
    let frees = whole.get("unfreeze_unsplit") == Some(&Value::Bool(true));
    let sharing = Sharing {
        mchid: mchid.to_owned(),
        number: text(&whole, "out_order_no").to_owned(),
        share_id: format!("30008450{:05}{:010}", fate % 100_000, orders.next_serial()),
        order,
        lines,
        freed_minor: frees.then_some(frozen - asked),
        whole,
    };
    orders.shares.list.push(sharing);
    Ok(orders.shares.list.len() - 1)
}

fn unfreeze(orders: &mut Orders, mchid: &str, whole: Value, fate: u64) -> Result<usize, Refusal> {
    if let Some(position) = repeated(orders, mchid, &whole)? {
        return Ok(position);
    }
    let order = shareable(orders, mchid, &whole)?;
    let freed_minor = Some(frozen_minor(orders, order));
    let share_id = format!("30008460{:05}{:010}", fate % 100_000, orders.next_serial());
    let number = text(&whole, "out_order_no").to_owned();
    let sharing = Sharing { mchid: mchid.to_owned(), number, share_id, order, lines: Vec::new(), freed_minor, whole };
    orders.shares.list.push(sharing);
    Ok(orders.shares.list.len() - 1)
}

fn give_back(books: &mut ShareBooks, mchid: &str, whole: Value, now_ms: i64, fate: u64) -> Result<usize, Refusal> {
    let number = text(&whole, "out_return_no").to_owned();
    let mine = |r: &Return| r.number == number && books.list.get(r.sharing).is_some_and(|s| s.mchid == mchid);
    if let Some(position) = books.returns.iter().position(mine) {
        let same = books.returns.get(position).is_some_and(|known| known.whole == whole);
        let other = || Refusal::invalid("out_return_no was used with other parameters").with_number(268_498_688);
        return same.then_some(position).ok_or_else(other);
    }
    let sharing = books.position(mchid, text(&whole, "out_order_no"));
    let sharing = sharing.ok_or_else(|| Refusal::no_such_resource("profit sharing order"))?;
    let of = books.list.get(sharing).map(|s| &s.lines);
    let giver = text(&whole, "return_mchid");
    let found = of.and_then(|lines| lines.iter().position(|l| l.kind == "MERCHANT_ID" && l.account == giver));
    let line = found.ok_or_else(|| Refusal::invalid("return_mchid got nothing of this order"))?;
    let got = of.and_then(|lines| lines.get(line)).filter(|l| l.result(now_ms) == ShareResult::Success);
    let got = got.ok_or_else(|| Refusal::invalid("return_mchid has nothing of this order"))?.amount_minor;
    let amount_minor = whole.get("amount").and_then(Value::as_i64).unwrap_or_default();
    if books.returned_minor(sharing, line).saturating_add(amount_minor) > got {
        return Err(Refusal::invalid("more than return_mchid got"));
    }
    let return_id = format!("30008470{:05}{:06}", fate % 100_000, books.returns.len());
    let ready_at_ms = now_ms.saturating_add(WORKS_MS);
    books.returns.push(Return { number, return_id, sharing, line, amount_minor, ready_at_ms, whole });
    Ok(books.returns.len() - 1)
}

fn shown(orders: &Orders, position: usize, now_ms: i64) -> Result<Value, Refusal> {
    let none = || Refusal::no_such_resource("profit sharing order");
    let sharing = orders.shares.list.get(position).ok_or_else(none)?;
    let order = orders.list.get(sharing.order).ok_or_else(none)?;
    let line = |l: &Line| {
        let (result, reason) = match l.result(now_ms) {
            ShareResult::Pending => ("PENDING", None),
            ShareResult::Success => ("SUCCESS", None),
            ShareResult::Closed => ("CLOSED", Some("ACCOUNT_ABNORMAL")),
        };
        let mut shown = json!({
            "type": l.kind, "account": l.account, "amount": l.amount_minor, "description": l.description,
            "result": result, "detail_id": format!("36011111111{}", sharing.share_id),
        });
        if let (Some(reason), Some(members)) = (reason, shown.as_object_mut()) {
            members.insert("fail_reason".to_owned(), json!(reason));
        }
        shown
    };
    let mut receivers: Vec<Value> = sharing.lines.iter().map(line).collect();
    if let Some(freed) = sharing.freed_minor.filter(|minor| *minor > 0) {
        receivers.push(json!({
            "type": "MERCHANT_ID", "account": sharing.mchid, "amount": freed, "description": "解冻给分账方",
            "result": "SUCCESS", "detail_id": format!("36022222222{}", sharing.share_id),
        }));
    }
    let pending = sharing.lines.iter().any(|l| l.result(now_ms) == ShareResult::Pending);
    Ok(json!({
        "transaction_id": order.tab.transaction_id, "out_order_no": sharing.number, "order_id": sharing.share_id,
        "state": if pending { "PROCESSING" } else { "FINISHED" }, "receivers": receivers,
    }))
}

fn shown_return(books: &ShareBooks, position: usize, now_ms: i64) -> Result<Value, Refusal> {
    let none = || Refusal::no_such_resource("return");
    let found = books.returns.get(position).ok_or_else(none)?;
    let sharing = books.list.get(found.sharing).ok_or_else(none)?;
    let line = sharing.lines.get(found.line).ok_or_else(none)?;
    let (result, reason) = match now_ms >= found.ready_at_ms {
        false => ("PROCESSING", None),
        true if found.fails(line) => ("FAILED", Some("PAYER_ACCOUNT_ABNORMAL")),
        true => ("SUCCESS", None),
    };
    let mut shown = json!({
        "order_id": sharing.share_id, "out_order_no": sharing.number, "out_return_no": found.number,
        "return_id": found.return_id, "return_mchid": line.account, "amount": found.amount_minor,
        "description": text(&found.whole, "description"), "result": result,
    });
    if let (Some(reason), Some(members)) = (reason, shown.as_object_mut()) {
        members.insert("fail_reason".to_owned(), json!(reason));
    }
    Ok(shown)
}
