//! The calls about refunds: it knows what each of them is about, what is lawful in WeChat's words and what
//! it is answered; what happens to the money is the common books'.

use crate::books::State;
use crate::fates::Subject;
use crate::orders::{Order, Orders};
use crate::own::Own;
use crate::refund_books::RefundState;
use crate::refunds::{NewRefund, Refund, Unlawful};
use crate::shared::Shared;
use crate::wechat::answer::Answer;
use crate::wechat::application::Application;
use crate::wechat::front::{OrderFacts, RefundFacts};
use crate::wechat::platform::SignWith;
use crate::wechat::refund;
use crate::wechat::refund_body::{Of, RefundBody};
use crate::wechat::refusal::Refusal;
use crate::{Channel, RefundLimits, RefundMix, pace};

/// A call whose request is well formed.
#[derive(Debug)]
pub(crate) enum RefundCall {
    Ask(Box<RefundBody>),
    Query(String),
    Apply(Box<Application>),
}

impl RefundCall {
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Ask(_) => "refund",
            Self::Query(_) => "query_refund",
            Self::Apply(_) => "apply_abnormal_refund",
        }
    }

    pub(crate) fn subject(&self) -> Subject<'_> {
        match self {
            Self::Ask(body) => Subject::Refund { number: &body.out_refund_no, operation: 1 },
            Self::Query(number) => Subject::Refund { number, operation: 2 },
            Self::Apply(application) => Subject::Refund { number: &application.out_refund_no, operation: 3 },
        }
    }
}

/// What a refund request is judged by, besides its body.
struct Terms<'a> {
    now_ms: i64,
    mchid: &'a str,
    fate: u64,
    sign_with: SignWith,
    mix: &'a RefundMix,
    limits: &'a RefundLimits,
}

impl Shared {
    /// Carries out a call of the merchant `mchid`.
    pub(super) fn wechat_refund(
        &self,
        mchid: &str,
        call: RefundCall,
        fate: u64,
        sign_with: SignWith,
    ) -> Result<Answer, Refusal> {
        match call {
            RefundCall::Ask(body) => {
                let (mix, limits) = (&self.refunds, &self.refund_limits);
                let terms = Terms { now_ms: self.pace.now_ms(), mchid, fate, sign_with, mix, limits };
                let mut orders = self.orders();
                let (position, fresh) = ask(&mut orders, *body, &terms)?;
                let answer = show(orders.refunds.list.get(position));
                drop(orders);
                if fresh {
                    self.tally.change(|counters| counters.refunds += 1);
                    self.refund_under_way(position);
                }
                answer
            }
            RefundCall::Query(number) => {
                let orders = self.orders();
                let position = orders.refunds.position(Channel::Wechat, mchid, &number);
                show(position.and_then(|position| orders.refunds.list.get(position)))
            }
            RefundCall::Apply(application) => {
                application.check_readable(&self.wechat.platform())?;
                let mut orders = self.orders();
                let position = apply(&mut orders, mchid, &application)?;
                let answer = show(orders.refunds.list.get(position));
                drop(orders);
                self.refund_under_way(position);
                answer
            }
        }
    }
}

fn show(refund: Option<&Refund>) -> Result<Answer, Refusal> {
    let found = refund.and_then(|one| Some((one, one.own.get::<RefundFacts>()?)));
    let (one, facts) = found.ok_or_else(|| Refusal::no_such_resource("refund"))?;
    Ok(Answer::ok(&refund::write(one, facts)))
}

/// The rules of a refund request: gives the refund's position and whether it is new. The same number with
/// the same content is one refund.
fn ask(orders: &mut Orders, body: RefundBody, terms: &Terms<'_>) -> Result<(usize, bool), Refusal> {
    let (channel, mchid) = (Channel::Wechat, terms.mchid);
    if let Some(position) = orders.refunds.position(channel, mchid, &body.out_refund_no) {
        let known = orders.refunds.list.get(position).and_then(|one| one.own.get::<RefundFacts>());
        let same = known.is_some_and(|known| known.body.whole == body.whole);
        let other = || Refusal::invalid("out_refund_no was used with other parameters").with_number(268_498_688);
        return same.then_some((position, false)).ok_or_else(other);
    }
    let no_such_order = || Refusal::no_such_resource("order");
    let (position, transaction_id) = match &body.of {
        Of::Number(number) => {
            // A service order's number is none of an order: its charge has the channel's own number only.
            let of_order = |position: &usize| {
                orders.list.get(*position).is_some_and(|order| order.own.get::<OrderFacts>().is_some())
            };
            (orders.position(channel, mchid, number).filter(of_order), None)
        }
        Of::Transaction(id) => (orders.position_of(channel, mchid, id), Some(id.clone())),
    };
    let position = position.ok_or_else(no_such_order)?;
    orders.at(position, terms.now_ms).ok_or_else(no_such_order)?;
    let order = orders.list.get(position).ok_or_else(no_such_order)?;
    may_be_refunded(orders, order, &body, terms)?;
    // What receivers of shares have is not the merchant's to give back.
    let back: i64 = orders.refunds.of(order).map(|one| one.tab.claimed_minor()).sum();
    let held = orders.shares.held_by_others_minor(position, terms.now_ms);
    if held > 0 && back.saturating_add(body.refund_fen) > order.amount_minor.saturating_sub(held) {
        return Err(Refusal::new(403, "NOT_ENOUGH", "shares of the order must be returned first"));
    }

    let behaviour = terms.mix.choose(body.reason.as_deref().unwrap_or_default(), terms.fate);
    let scope = (channel, mchid, body.out_refund_no.as_str());
    if orders.refunds.is_short(scope, (behaviour, terms.fate), terms.mix, terms.now_ms) {
        return Err(Refusal::new(403, "NOT_ENOUGH", "the balance of the merchant is too low"));
    }
    let day: String = pace::beijing_digits(terms.now_ms).chars().take(8).collect();
    let refund_id = format!("50000{:05}{day}{:010}", terms.fate % 100_000, orders.next_serial());
    let accepted = orders.accept_refund(NewRefund {
        order: position,
        number: body.out_refund_no.clone(),
        scope: body.out_refund_no.clone(),
        refund_id,
        transaction_id,
        amount_minor: body.refund_fen,
        reason: body.reason.clone(),
        behaviour,
        fate: terms.fate,
        now_ms: terms.now_ms,
        own: Own::new(RefundFacts { body, sign_with: terms.sign_with }),
    });
    Ok((accepted.ok_or_else(no_such_order)?, true))
}

fn may_be_refunded(orders: &Orders, order: &Order, body: &RefundBody, terms: &Terms<'_>) -> Result<(), Refusal> {
    if order.tab.state() != State::Success {
        return Err(Refusal::invalid("the order is not paid"));
    }
    if body.total_fen != order.amount_minor {
        return Err(Refusal::invalid("amount.total is not the order's"));
    }
    orders.refunds.lawful(order, body.refund_fen, terms.now_ms, terms.limits).map_err(|why| match why {
        Unlawful::Late => Refusal::invalid("the order was paid too long ago"),
        Unlawful::Often => Refusal::invalid("the order was refunded too many times"),
        Unlawful::Excessive => Refusal::invalid("the refunds exceed what was paid"),
        Unlawful::Soon => Refusal::new(429, "FREQUENCY_LIMITED", "refunds of one order must be further apart"),
    })
}

/// An abnormal refund is sent to a bank card; gives its position.
fn apply(orders: &mut Orders, mchid: &str, application: &Application) -> Result<usize, Refusal> {
    let no_such_refund = || Refusal::no_such_resource("refund");
    let position = orders.refunds.position_of(Channel::Wechat, mchid, &application.refund_id);
    let position = position.ok_or_else(no_such_refund)?;
    let refund = orders.refunds.list.get_mut(position).ok_or_else(no_such_refund)?;
    if refund.number != application.out_refund_no {
        return Err(Refusal::invalid("refund_id and out_refund_no name two refunds"));
    }
    if refund.tab.state != RefundState::Abnormal {
        return Err(Refusal::invalid("the refund is not abnormal"));
    }
    refund.tab.apply();
    Ok(position)
}
