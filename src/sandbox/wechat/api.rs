//! One request from arrival to answer: it knows the order of the steps (verify, read, fault, effect,
//! sign) and leaves each of them to the file that knows it.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::any;

use crate::Channel;
use crate::fates::Drawn;
use crate::misbehave::{self, Busy};
use crate::serve::hang_up;
use crate::shared::Shared;
use crate::wechat::account::Merchant;
use crate::wechat::answer::Answer;
use crate::wechat::create::{Terms, create};
use crate::wechat::front::OrderFacts;
use crate::wechat::operation::Call;
use crate::wechat::platform::SignWith;
use crate::wechat::refusal::Refusal;
use crate::wechat::verify::{self, Received};
use crate::wechat::{certificates, sign, transaction};

/// No request of this API needs more: the largest member is `goods_detail`.
const BODY_LIMIT_BYTES: usize = 256 * 1024;

/// Everything below `/v3`.
pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/v3/{*rest}", any(serve))
}

async fn serve(State(world): State<Arc<Shared>>, request: Request) -> Response {
    if !world.request_arrives() {
        return hang_up();
    }
    let (head, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_LIMIT_BYTES).await else {
        let refusal = Refusal::new(400, "PARAM_ERROR", "the body is too large or ended early");
        return refuse(&world, SignWith::Certificate, &refusal);
    };
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
    let received = Received { method: head.method.as_str(), target, headers: &head.headers, body: &body };

    let with = match verify::wanted_key(&received, &world.wechat.platform()) {
        Ok(with) => with,
        Err(refusal) => return refuse(&world, SignWith::Certificate, &refusal),
    };
    let (merchant, call) = match admit(&world, &received) {
        Ok(admitted) => admitted,
        Err(refusal) => return refuse(&world, with, &refusal),
    };

    let drawn = world.draw(merchant.asker(), call.subject());
    let fault = world.struck(drawn.request);
    let busy = |busy| Answer::refused(&in_words(busy)).respond(&world, with);
    if let Some(response) = misbehave::before_effect(&world, fault, drawn.request, busy).await {
        return response;
    }
    let answer = match perform(&world, merchant, call, drawn, with) {
        Ok(answer) => answer,
        Err(refusal) => {
            world.tally.refusal(refusal.code);
            Answer::refused(&refusal)
        }
    };
    let Some(reply) = answer.signed(&world, with) else { return hang_up() };
    misbehave::after_effect(&world, fault, drawn.request, reply, |reply, as_probe| {
        // Files are not signed.
        if reply.headers.contains_key("wechatpay-signature") {
            sign::spoil(&mut reply.headers, as_probe);
        }
    })
    .await
}

fn admit<'w>(world: &'w Shared, received: &Received<'_>) -> Result<(&'w Merchant, Call), Refusal> {
    verify::plain_headers(received)?;
    let known = |mchid: &str| world.wechat.merchant(mchid);
    let merchant = verify::merchant(received, known, world.pace.now_seconds())?;
    let call = Call::read(received, merchant)?;
    world.tally.operation(call.name());
    Ok((merchant, call))
}

fn refuse(world: &Shared, with: SignWith, refusal: &Refusal) -> Response {
    world.tally.refusal(refusal.code);
    Answer::refused(refusal).respond(world, with)
}

fn in_words(busy: Busy) -> Refusal {
    match busy {
        Busy::Error => Refusal::new(500, "SYSTEM_ERROR", "the system is busy; try again"),
        Busy::TooMany => Refusal::new(429, "FREQUENCY_LIMITED", "too many requests; slow down"),
    }
}

fn perform(
    world: &Shared,
    merchant: &Merchant,
    call: Call,
    drawn: Drawn,
    sign_with: SignWith,
) -> Result<Answer, Refusal> {
    let now_ms = world.pace.now_ms();
    let mchid = merchant.account.mchid.as_str();
    match call {
        Call::Create(body) => {
            let terms = Terms { now_ms, fate: drawn.fate, sign_with, payers: &world.payers };
            let created = create(&mut world.orders(), *body, &terms)?;
            if let Some(position) = created.fresh {
                world.payer_arrives(position);
            }
            Ok(Answer::ok(&created.answer))
        }
        Call::QueryByNumber(number) => {
            let mut orders = world.orders();
            let position = orders.position(Channel::Wechat, mchid, &number);
            Ok(Answer::ok(&transaction::show(&mut orders, position, now_ms)?))
        }
        Call::QueryByTransaction(id) => {
            let mut orders = world.orders();
            let position = orders.position_of(Channel::Wechat, mchid, &id);
            Ok(Answer::ok(&transaction::show(&mut orders, position, now_ms)?))
        }
        Call::Close(number) => close(world, merchant, &number, now_ms),
        Call::Contract(call) => world.wechat_contract(merchant, *call, drawn.fate, sign_with),
        Call::Service(call) => world.wechat_service(mchid, *call, drawn.fate, sign_with),
        Call::Share(call) => world.wechat_share(merchant, *call, drawn.fate),
        Call::Refund(call) => world.wechat_refund(mchid, call, drawn.fate, sign_with),
        Call::Bill(call) => world.wechat_bill(mchid, call),
        Call::Certificates => certificates::list(&world.wechat.platform(), &merchant.account.apiv3_key)
            .map(|listed| Answer::ok(&listed))
            .map_err(|error| Refusal::new(500, "SYSTEM_ERROR", error.to_string())),
    }
}

fn close(world: &Shared, merchant: &Merchant, number: &str, now_ms: i64) -> Result<Answer, Refusal> {
    let account = &merchant.account;
    let mut orders = world.orders();
    let position = orders.position(Channel::Wechat, &account.mchid, number).ok_or_else(Refusal::no_such_order)?;
    let order = orders.at(position, now_ms).ok_or_else(Refusal::no_such_order)?;
    if order.debit.is_some_and(|debit| debit.pending) {
        return Err(Refusal::invalid("a debit under way cannot be closed"));
    }
    if order.own.get::<OrderFacts>().is_none() {
        return Err(Refusal::no_such_order());
    }
    let is_open = order.tab.closed_at_ms.is_none() && order.tab.charges == 0;
    if is_open && now_ms.saturating_sub(order.tab.created_at_ms) < account.close_min_age_ms {
        return Err(Refusal::invalid("the order is too young to be closed"));
    }
    let closing = orders.close(position, now_ms).ok_or_else(Refusal::no_such_order)?;
    drop(orders);
    if world.carry_out(closing) {
        Ok(Answer::no_content())
    } else {
        Err(Refusal::new(400, "ORDER_PAID", "the order is paid and cannot be closed"))
    }
}
