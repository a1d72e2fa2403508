//! Service orders (pay after service): it knows in which state what can be done to one and what is collected when; that
//! a payer confirms is the common payers'.

use serde_json::Value;

use crate::books::State;
use crate::front::Front;
use crate::orders::{Happened, NewOrder, Order, Orders};
use crate::own::Own;
use crate::pace::beijing_digits;
use crate::shared::Shared;
use crate::timers::Due;
use crate::wechat::answer::Answer;
use crate::wechat::platform::SignWith;
use crate::wechat::refusal::Refusal;
use crate::wechat::service_body::{Deed, ServiceBody};
use crate::wechat::service_calls::ServiceNamed;
use crate::wechat::service_view::{state, write};
use crate::{Channel, dice};

/// How long a payer may take to confirm.
const UNCONFIRMED_LIFE_MS: i64 = 30 * 24 * 3_600_000;
/// The payer's money is asked for: the number of the errand.
pub(crate) const COLLECTS: u8 = 0;
/// Asked for in the introduction: the payer's money is never found.
const NEVER: &str = "[collect:never]";

/// What WeChat keeps of a service order.
pub(crate) struct ServiceFacts {
    pub(crate) body: ServiceBody,
    pub(crate) sign_with: SignWith,
    pub(super) order_id: String,
    package: String,
    /// What is to be collected, and what it is made of, once the merchant has said so.
    pub(super) completed: Option<(i64, Value)>,
    pub(super) reason: Option<String>,
    /// When the payer paid elsewhere, as the merchant said it.
    pub(super) elsewhere: Option<String>,
}

fn no_such_service() -> Refusal {
    Refusal::new(404, "ORDER_NOT_EXIST", "the service order does not exist")
}

fn find(orders: &mut Orders, mchid: &str, number: &str, service_id: &str, now_ms: i64) -> Result<usize, Refusal> {
    let position = orders.position(Channel::Wechat, mchid, number).ok_or_else(no_such_service)?;
    orders.at(position, now_ms).ok_or_else(no_such_service)?;
    let facts = orders.list.get(position).and_then(|order| order.own.get::<ServiceFacts>());
    let ours = facts.is_some_and(|facts| facts.body.service_id == service_id);
    ours.then_some(position).ok_or_else(no_such_service)
}

/// The end of a service that had none when it was ordered must be told, to the second: after the payer agreed, and not in
/// the time to come.
fn check_end(
    facts: &ServiceFacts,
    end_time: Option<&str>,
    agreed_at_ms: Option<i64>,
    now_ms: i64,
) -> Result<(), Refusal> {
    let refused = |why| Err(Refusal::parameter("/time_range/end_time", why));
    let Some(end) = end_time else {
        let known = facts.body.whole.pointer("/time_range/end_time").is_some();
        return if known { Ok(()) } else { refused("is missing: the order was made without one") };
    };
    if end.len() != 14 || !end.bytes().all(|byte| byte.is_ascii_digit()) {
        return refused("must look like 20180608103456");
    }
    // Digits of one length are in the order of time.
    if agreed_at_ms.is_some_and(|at_ms| end <= beijing_digits(at_ms).as_str()) {
        return refused("is not after the start of the service");
    }
    if end > beijing_digits(now_ms).as_str() {
        return refused("is later than this call");
    }
    Ok(())
}

fn show(orders: &Orders, position: usize, with_package: bool) -> Result<Answer, Refusal> {
    let order = orders.list.get(position).ok_or_else(no_such_service)?;
    let facts = order.own.get::<ServiceFacts>().ok_or_else(no_such_service)?;
    let mut written = write(order, facts);
    if let Some(members) = written.as_object_mut().filter(|_| with_package) {
        members.insert("package".to_owned(), facts.package.clone().into());
    }
    Ok(Answer::ok(&written))
}

impl Shared {
    pub(super) fn wechat_new_service(
        &self,
        mchid: &str,
        body: ServiceBody,
        fate: u64,
        sign_with: SignWith,
    ) -> Result<Answer, Refusal> {
        let now_ms = self.pace.now_ms();
        let mut orders = self.orders();
        if let Some(position) = orders.position(Channel::Wechat, mchid, &body.out_order_no) {
            let facts = orders.list.get(position).and_then(|order| order.own.get::<ServiceFacts>());
            if !facts.is_some_and(|facts| facts.body.whole == body.whole) {
                let other = "out_order_no was used with other parameters";
                return Err(Refusal::invalid(other).with_number(268_498_688));
            }
            return show(&orders, position, true);
        }
        let day: String = beijing_digits(now_ms).chars().take(8).collect();
        let order_id = format!("15646{day}{:05}{:010}", fate % 100_000, orders.next_serial());
        let package = format!("DJIOSQPYWDxsjdldeuwhdodwxasd_dDiodnwjh9we{:016x}", dice::draw(&[fate, 69]));
        let ends_ms = now_ms.saturating_add(UNCONFIRMED_LIFE_MS);
        let names = [order_id.clone(), package.clone()];
        let position = orders.insert(NewOrder {
            channel: Channel::Wechat,
            account: mchid.to_owned(),
            number: body.out_order_no.clone(),
            description: body.introduction.clone(),
            amount_minor: body.risk_fen,
            holds: true,
            behaviour: self.payers.choose(&body.introduction, dice::draw(&[fate, 1])),
            fate,
            created_at_ms: now_ms,
            met: true,
            expires_at_ms: ends_ms,
            dies_at_ms: ends_ms,
            own: Own::new(ServiceFacts {
                body,
                sign_with,
                order_id,
                package,
                completed: None,
                reason: None,
                elsewhere: None,
            }),
        });
        names.iter().for_each(|name| orders.call(position, name));
        let answer = show(&orders, position, true);
        drop(orders);
        self.payer_arrives(position);
        answer
    }

    pub(super) fn wechat_show_service(
        &self,
        mchid: &str,
        named: &ServiceNamed,
        service_id: &str,
    ) -> Result<Answer, Refusal> {
        let now_ms = self.pace.now_ms();
        let mut orders = self.orders();
        let number = match named {
            ServiceNamed::Number(number) => number.clone(),
            ServiceNamed::Query(id) => {
                let position = orders.position_of(Channel::Wechat, mchid, id).ok_or_else(no_such_service)?;
                orders.list.get(position).ok_or_else(no_such_service)?.number.clone()
            }
        };
        let position = find(&mut orders, mchid, &number, service_id, now_ms)?;
        show(&orders, position, false)
    }

    /// Does it if its time has come; done before in the same way, it is done.
    pub(super) fn wechat_do_service(
        &self,
        mchid: &str,
        number: &str,
        service_id: &str,
        deed: Deed,
    ) -> Result<Answer, Refusal> {
        let now_ms = self.pace.now_ms();
        let mut orders = self.orders();
        let position = find(&mut orders, mchid, number, service_id, now_ms)?;
        let order = orders.list.get_mut(position).ok_or_else(no_such_service)?;
        let now = order.own.get::<ServiceFacts>().map(|facts| state(order, facts)).ok_or_else(no_such_service)?;
        let agreed_at_ms = order.tab.authorized_at_ms;
        let facts = order.own.get_mut::<ServiceFacts>().ok_or_else(no_such_service)?;
        let known = facts.completed.as_ref().map(|(fen, _)| *fen);
        let mut collects = false;
        match (deed, now) {
            (Deed::Complete { total_fen, .. }, _) if total_fen > facts.body.risk_fen => {
                return Err(Refusal::parameter("/total_amount", "is more than the payer was asked to secure"));
            }
            (Deed::Complete { total_fen, items, end_time }, ("DOING", Some("USER_CONFIRM"))) => {
                check_end(facts, end_time.as_deref(), agreed_at_ms, now_ms)?;
                facts.completed = Some((total_fen, items));
                collects = total_fen > 0;
                if !collects {
                    order.tab.close(now_ms);
                }
            }
            (Deed::Complete { total_fen, .. }, ("DOING" | "DONE", _)) if known == Some(total_fen) => {}
            (Deed::Modify { total_fen, items }, ("DOING", Some("MCH_COMPLETE")))
                if known.is_some_and(|known| total_fen <= known) =>
            {
                facts.completed = Some((total_fen, items));
                if total_fen == 0 {
                    order.tab.close(now_ms);
                }
            }
            (Deed::Cancel { reason }, ("CREATED", _) | ("DOING", Some("USER_CONFIRM"))) => {
                facts.reason = Some(reason);
                order.tab.close(now_ms);
            }
            (Deed::Cancel { .. }, ("REVOKED", _)) => {}
            (Deed::Paid { paid_time }, ("DOING", Some("MCH_COMPLETE"))) => {
                facts.elsewhere = Some(paid_time);
                order.tab.close(now_ms);
            }
            (Deed::Paid { .. }, ("DONE", _)) if facts.elsewhere.is_some() => {}
            (Deed::Pay, ("DOING", Some("MCH_COMPLETE"))) => collects = true,
            (_, (word, description)) => {
                let code = match word {
                    "DONE" => "ORDER_DONE",
                    "REVOKED" => "ORDER_CANCELED",
                    _ => "INVALID_ORDER_STATE",
                };
                let stands = description.unwrap_or(word);
                return Err(Refusal::new(400, code, format!("that cannot be done to a service order in {stands}")));
            }
        }
        if collects {
            self.collect_service_soon(position, order);
        }
        show(&orders, position, false)
    }

    fn collect_service_soon(&self, position: usize, order: &Order) {
        let draw = dice::draw(&[order.fate, 64]);
        let wait_ms = dice::within(draw, self.payers.agreements.pending_ms);
        let due_ms = self.pace.now_ms().saturating_add(wait_ms);
        self.timers.add(due_ms, Due::Errand { order: position, errand: COLLECTS });
    }

    /// The payer's money is asked for: what the merchant wants by now, once.
    pub(super) fn wechat_collects(&self, position: usize) {
        let now_ms = self.pace.now_ms();
        let mut orders = self.orders();
        let serial = orders.next_serial();
        let Some(order) = orders.list.get_mut(position) else { return };
        let facts = order.own.get::<ServiceFacts>();
        let total_fen = facts.and_then(|facts| facts.completed.as_ref()).map(|(fen, _)| *fen);
        let open = order.tab.state() == State::Authorized && !order.description.contains(NEVER);
        let Some(total_fen) = total_fen.filter(|fen| open && *fen > 0) else { return };
        let transaction_id = self.wechat.transaction_id(order, now_ms, serial);
        // What is paid is what was collected; the rest of the security is let go.
        order.amount_minor = total_fen;
        order.tab.take_money(now_ms, transaction_id.clone(), total_fen);
        self.tally.change(|counters| counters.payments += 1);
        self.tell(position, order, Happened::Paid);
        orders.call(position, &transaction_id);
    }
}
