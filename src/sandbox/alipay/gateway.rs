//! One request from arrival to answer: it knows the order of the steps (verify, read, fault, effect, sign) and
//! leaves each of them to the file that knows it.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::any;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header;
use serde_json::{Value, json};

use crate::alipay::account::App;
use crate::alipay::agreement_body::PayBody;
use crate::alipay::answer::{self, Answer};
use crate::alipay::call::Call;
use crate::alipay::keys::Mode;
use crate::alipay::order_body::Kind;
use crate::alipay::params::{self, Params};
use crate::alipay::refusal::Refusal;
use crate::alipay::verify::{self, Verified};
use crate::alipay::{agreement, bill, debit, freeze, freeze_pay, page, refund, trade};
use crate::dice;
use crate::faults::RequestFault;
use crate::misbehave::{self, Busy};
use crate::reply::Reply;
use crate::serve::hang_up;
use crate::shared::Shared;

/// No request needs more: the largest member is `goods_detail`.
const BODY_LIMIT_BYTES: usize = 256 * 1024;

/// The gateway has one path.
pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new().route(page::PATH, any(serve)).merge(bill::routes())
}

async fn serve(State(world): State<Arc<Shared>>, request: Request) -> Response {
    if !world.request_arrives() {
        return hang_up();
    }
    let (head, body) = request.into_parts();
    let kind = head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let params = match axum::body::to_bytes(body, BODY_LIMIT_BYTES).await {
        Ok(form) => params::read(head.uri.query().unwrap_or_default(), &form, kind),
        Err(_) => Err(Refusal::invalid("parameter", "请求过大").without_signature()),
    };
    let params = match params {
        Ok(params) => params,
        Err(refusal) => return refuse(&world, Mode::PublicKey, &refusal),
    };
    let method = params.get("method").cloned().unwrap_or_default();
    if Kind::of_page(&method).is_some() || method == agreement::PAGE_METHOD {
        return page::shown(&world, &params).respond();
    }
    let mode = verify::mode(&params);
    let admitted = verify::app(&world.alipay, &params).and_then(|app| Ok((app, admit(&world, app, &params)?)));
    let (app, request) = match admitted {
        Ok(admitted) => admitted,
        Err(refusal) => return refuse(&world, mode, &refusal),
    };
    let call = match Call::read(&method, &request.biz_content) {
        Ok(call) => call,
        Err(refusal) => return respond(&world, &method, mode, Err(refusal)),
    };
    world.tally.operation(call.name());
    let host = head.headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    play(&world, &method, app, (&request, host), call).await
}

fn admit<'w>(world: &'w Shared, app: &'w App, params: &Params) -> Result<Verified<'w>, Refusal> {
    verify::verify(&world.alipay, app, params, Some(world.pace.now_ms()))
}

/// Effect and answer, with the fault that strikes them.
async fn play(world: &Shared, method: &str, app: &App, (request, host): (&Verified<'_>, &str), call: Call) -> Response {
    let mode = request.mode;
    let drawn = world.draw(app.asker(), call.subject());
    let fault = world.struck(drawn.request);
    let coin = dice::below(drawn.request >> 40, 2) == 0;
    let cancels = matches!(call, Call::Cancel(_));
    let busy = |busy| respond(world, method, mode, Err(in_words(busy, coin, cancels)));
    if let Some(response) = misbehave::before_effect(world, fault, drawn.request, busy).await {
        return response;
    }
    let mut answer = perform(world, (request, host), call, drawn.fate);
    if let Err(refusal) = &answer {
        world.tally.refusal(&refusal.sub_code);
    }
    let mut fault = fault;
    if fault == Some(RequestFault::LostAnswer) && coin {
        // The gateway lost the answer of the system behind it: it took effect, and nobody says so.
        (answer, fault) = (Err(in_words(Busy::Error, dice::below(drawn.request >> 48, 2) == 0, cancels)), None);
    }
    let Some(reply) = answer::write(world, method, mode, &answer) else { return hang_up() };
    misbehave::after_effect(world, fault, drawn.request, reply, answer::spoil).await
}

fn in_words(busy: Busy, coin: bool, cancels: bool) -> Refusal {
    match (busy, coin) {
        (Busy::TooMany, _) => Refusal::limited(),
        (Busy::Error, true) => Refusal::unavailable(),
        // The code of a cancel has its own spelling.
        (Busy::Error, false) if cancels => Refusal::business("AQC.SYSTEM_ERROR", "系统错误"),
        (Busy::Error, false) => Refusal::business("ACQ.SYSTEM_ERROR", "系统错误"),
    }
}

fn perform(world: &Shared, (request, host): (&Verified<'_>, &str), call: Call, fate: u64) -> Answer {
    match call {
        Call::Precreate(body) => {
            let created = trade::create(world, request, *body, fate)?;
            let shown = trade::code(&world.orders(), created.position)?;
            if created.fresh {
                world.payer_arrives(created.position);
            }
            Ok(shown)
        }
        Call::Query(which) => trade::query(world, request, &which),
        Call::Close(which) => trade::close(world, request, &which),
        Call::Cancel(which) => trade::cancel(world, request, &which),
        Call::Refund(body) => refund::ask(world, request, &body, fate),
        Call::QueryRefund(query) => refund::query(world, request, &query),
        Call::Pay(body) => match *body {
            PayBody::Agreement(body) => debit::pay(world, request, body, fate),
            PayBody::Frozen { order, auth_no, complete } => {
                freeze_pay::pay(world, request, order, &auth_no, complete, fate)
            }
        },
        Call::Voucher(body) => freeze::voucher(world, request, *body),
        Call::QueryHold(frozen) => freeze::query(world, request, &frozen),
        Call::CancelHold(frozen) => freeze::cancel(world, request, &frozen),
        Call::Unfreeze(wish) => freeze::unfreeze(world, request, &wish),
        Call::QueryAgreement(named) => agreement::query(world, request, &named),
        Call::Unsign(named) => agreement::unsign(world, request, &named),
        Call::Modify(no, day) => agreement::modify(world, request, &no, day),
        Call::Certificate(sn) => certificate(world, &sn),
        Call::Bill(wish) => bill::ask(world, request, &wish, host),
    }
}

/// The certificate as text in base64.
fn certificate(world: &Shared, sn: &str) -> Result<Value, Refusal> {
    let keys = world.alipay.keys();
    let found = keys.certificates.iter().find(|certificate| certificate.sn == sn);
    let found = found.ok_or_else(|| Refusal::business("CERT_NOT_EXIST", "证书不存在"))?;
    Ok(json!({ "alipay_cert_content": STANDARD.encode(&found.pem) }))
}

fn respond(world: &Shared, method: &str, mode: Mode, answer: Answer) -> Response {
    if let Err(refusal) = &answer {
        world.tally.refusal(&refusal.sub_code);
    }
    answer::write(world, method, mode, &answer).map_or_else(hang_up, Reply::respond)
}

fn refuse(world: &Shared, mode: Mode, refusal: &Refusal) -> Response {
    world.tally.refusal(&refusal.sub_code);
    answer::refuse(world, mode, refusal).map_or_else(hang_up, Reply::respond)
}
