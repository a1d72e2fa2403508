//! Debits under a contract: it knows when one is accepted in WeChat's words; whether the payer's side pays is decided
//! later, and not here.

use serde_json::json;

use crate::agreements::{Agreement, DebitCall};
use crate::books::State;
use crate::debiting::When;
use crate::orders::{NewOrder, Order};
use crate::own::Own;
use crate::payer::Behaviour;
use crate::shared::Shared;
use crate::wechat::account::{Merchant, PapayTerms};
use crate::wechat::answer::Answer;
use crate::wechat::body::CreateBody;
use crate::wechat::contract_body::ApplyBody;
use crate::wechat::front::{ContractFacts, OrderFacts};
use crate::wechat::notice::{Uncovered, day};
use crate::wechat::platform::SignWith;
use crate::wechat::refusal::Refusal;
use crate::{Channel, DebitOutcome};

impl Shared {
    /// Accepts a debit: the answer says no more than that.
    pub(super) fn wechat_debit(
        &self,
        merchant: &Merchant,
        body: ApplyBody,
        fate: u64,
        sign_with: SignWith,
    ) -> Result<Answer, Refusal> {
        let (mchid, now_ms) = (merchant.account.mchid.as_str(), self.pace.now_ms());
        let order = &body.order;
        let answer = json!({
            "out_trade_no": order.out_trade_no,
            "amount": { "total": order.total_fen, "currency": "CNY" },
        });
        let (number, amount_minor) = (order.out_trade_no.clone(), order.total_fen);
        let mut orders = self.orders();
        let found = orders.agreements.position_of(Channel::Wechat, mchid, &body.contract_id);
        let agreement = found.and_then(|position| orders.agreements.list.get(position));
        let name = agreement.map_or_else(|| body.contract_id.clone(), |one| one.number.clone());
        let call = DebitCall {
            channel: Channel::Wechat,
            account: mchid,
            agreement: &name,
            number: &number,
            amount_minor,
            at_ms: now_ms,
        };
        let known = orders.position(Channel::Wechat, mchid, &number).and_then(|position| orders.list.get(position));
        let judged = match known {
            Some(known) => may_repeat(known, order).map(|()| None),
            None => lawful(agreement, order.total_fen, &merchant.account.papay, now_ms).map(|()| found),
        };
        match judged {
            Err(refusal) => {
                orders.agreements.note(call, DebitOutcome::Refused(refusal.code.to_owned()));
                return Err(refusal);
            }
            Ok(None) => {
                orders.agreements.note(call, DebitOutcome::Repeated);
            }
            Ok(Some(agreement)) => {
                let payer = orders.agreements.list.get(agreement).map(|one| one.payer.clone());
                let order = CreateBody { openid: payer, ..body.order };
                let position = orders.enter_debit(agreement, new_order(order, fate, now_ms, sign_with));
                drop(orders);
                self.debit_entered(position, When::Later);
            }
        }
        Ok(Answer::ok(&answer))
    }
}

fn new_order(body: CreateBody, fate: u64, now_ms: i64, sign_with: SignWith) -> NewOrder {
    NewOrder {
        channel: Channel::Wechat,
        account: body.mchid.clone(),
        number: body.out_trade_no.clone(),
        description: body.description.clone(),
        amount_minor: body.total_fen,
        holds: false,
        behaviour: Behaviour::Never,
        fate,
        created_at_ms: now_ms,
        met: true,
        // Nobody pays it by himself, and it does not end by itself.
        expires_at_ms: now_ms,
        dies_at_ms: i64::MAX,
        own: Own::new(OrderFacts { body, sign_with }),
    }
}

/// The same number again: the same debit is welcome while it is under way.
fn may_repeat(known: &Order, body: &CreateBody) -> Result<(), Refusal> {
    let facts = known.own.get::<OrderFacts>();
    let same = facts.is_some_and(|known| known.body.kind == body.kind && known.body.whole == body.whole);
    match known.tab.state() {
        State::Success if same => Err(Refusal::new(400, "ORDER_PAID", "the order is paid")),
        State::Success => Err(Refusal::new(403, "OUT_TRADE_NO_USED", "out_trade_no is used by a paid order")),
        State::Closed => Err(Refusal::new(400, "ORDER_CLOSED", "the debit has failed; use a new number")),
        State::NotPay | State::Authorized if same => Ok(()),
        State::NotPay | State::Authorized => {
            Err(Refusal::invalid("out_trade_no was used with other parameters").with_number(268_498_688))
        }
    }
}

fn lawful(agreement: Option<&Agreement>, fen: i64, terms: &PapayTerms, now_ms: i64) -> Result<(), Refusal> {
    let rule = |why: &str| Err(Refusal::new(403, "RULE_LIMIT", why));
    let signed = agreement.filter(|one| one.signed_at_ms.is_some());
    let one = signed.ok_or_else(|| Refusal::no_such_resource("contract"))?;
    if !one.is_signed() {
        return Err(Refusal::new(403, "NO_AUTH", "the contract is over"));
    }
    if one.allows(fen).is_err() {
        return rule("the amount exceeds what the contract allows");
    }
    if !terms.needs_notice {
        return Ok(());
    }
    match one.own.get::<ContractFacts>().and_then(|facts| facts.notice) {
        None => rule("the payer was not told of this debit"),
        Some(notice) => match notice.covers(fen, day(now_ms)) {
            Ok(()) => Ok(()),
            Err(Uncovered::Early) => rule("the payer was told less than two days ago"),
            Err(Uncovered::Late) => rule("the days that the payer was told are over"),
            Err(Uncovered::Excessive) => rule("the amount exceeds what the payer was told"),
        },
    }
}
