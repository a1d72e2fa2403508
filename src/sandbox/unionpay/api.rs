//! One request from arrival to answer: it knows the order of the steps (verify, read, fault, effect, sign)
//! and leaves each of them to the file that knows it.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use axum::routing::post;

use crate::door::Opened;
use crate::fates::{Drawn, Subject};
use crate::faults::RequestFault;
use crate::misbehave::{self, Busy};
use crate::reply::Reply;
use crate::serve::hang_up;
use crate::shared::Shared;
use crate::unionpay::account::UnionpayMerchant;
use crate::unionpay::answer;
use crate::unionpay::fields::Fields;
use crate::unionpay::refusal::{BUSY, Refusal, SLOW_DOWN, SUCCESS, UNKNOWN, message};
use crate::unionpay::request::{Call, Named, Purchase, Way};
use crate::unionpay::story::echo;
use crate::unionpay::token_request::Opening;
use crate::unionpay::verify;
use crate::{Channel, dice};

const FRONT_SERVICE: &str = "frontTransReq.do";
const FILE_SERVICE: &str = "fileTransReq.do";
/// Where a payer's browser posts its form.
pub(crate) const FRONT_PATH: &str = "/gateway/api/frontTransReq.do";
/// No request of this gateway needs more: its longest field has 1,024 characters.
const BODY_LIMIT_BYTES: usize = 64 * 1024;
const PLAIN_FORM: &str = "application/x-www-form-urlencoded";

/// The services below `/gateway/api`.
pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/gateway/api/{service}", post(serve)).route("/", post(serve_file))
}

/// Files have a host of their own, whose root is called.
async fn serve_file(world: State<Arc<Shared>>, request: Request) -> Response {
    serve(world, Path(FILE_SERVICE.to_owned()), request).await
}

async fn serve(State(world): State<Arc<Shared>>, Path(service): Path<String>, request: Request) -> Response {
    if !world.request_arrives() {
        return hang_up();
    }
    let (head, body) = request.into_parts();
    let kind = head.headers.get(http::header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let body = axum::body::to_bytes(body, BODY_LIMIT_BYTES).await.unwrap_or_default();
    let form = Fields::from_form(&body).filter(|_| kind.is_some_and(|kind| kind.starts_with(PLAIN_FORM)));
    let Some(fields) = form else {
        return send(&world, &Fields::default(), Err(Refusal::format("form")), false);
    };
    // A browser is shown a page, a server is given fields.
    let browser = service == FRONT_SERVICE;
    let (merchant, call) = match admit(&world, &service, &fields) {
        Ok(admitted) => admitted,
        Err(refusal) => return send(&world, &fields, Err(refusal), browser),
    };
    let is_query = matches!(call, Call::Query(_) | Call::AskToken(_) | Call::File(_));
    let drawn = draw(&world, merchant, &call);
    let mut fault = world.struck(drawn.request);
    let busy = |busy| {
        let code = busy_code(&busy, is_query, drawn.request);
        send(&world, &fields, Err(Refusal::new(code, message(code))), browser)
    };
    if let Some(response) = misbehave::before_effect(&world, fault, drawn.request, busy).await {
        return response;
    }
    let mut outcome = perform(&world, merchant, call, &fields, drawn);
    if let Err(refusal) = &outcome {
        world.tally.refusal(&format!("unionpay.{}", refusal.code));
    }
    // Half of the answers that get lost are lost inside the network: it says that it does not know.
    if fault == Some(RequestFault::LostAnswer) && !browser && dice::below(drawn.request >> 32, 2) == 0 {
        fault = None;
        outcome = Ok(answer::saying(echo(&fields), pick(&UNKNOWN, drawn.request >> 40)));
    }
    let Some((reply, plain)) = written(&world, &fields, outcome, browser) else { return hang_up() };
    misbehave::after_effect(&world, fault, drawn.request, reply, |reply, coin| {
        let spoilt = plain.map(|plain| answer::forged(plain, &world.unionpay.keys(), coin, drawn.request >> 33));
        if let Some(Ok(spoilt)) = spoilt {
            *reply = spoilt;
        }
    })
    .await
}

/// A token is shown to its payer, who decides when to sign.
fn offer(world: &Shared, merchant: &UnionpayMerchant, opening: Opening, fate: u64) -> Result<usize, Refusal> {
    let (position, fresh) = world.unionpay_open(merchant, opening, fate)?;
    if fresh {
        world.signer_arrives(position);
    }
    Ok(position)
}

/// A payer's browser posts a form: gives its order, or its token.
pub(crate) fn place_front(world: &Shared, fields: &Fields) -> Result<Opened, Refusal> {
    let (merchant, call) = admit(world, FRONT_SERVICE, fields)?;
    let drawn = draw(world, merchant, &call);
    match call {
        Call::Purchase(purchase) => {
            Ok(Opened::Order(world.unionpay_purchase(merchant, *purchase, drawn.fate)?.position))
        }
        Call::Open(opening) => Ok(Opened::Agreement(offer(world, merchant, *opening, drawn.fate)?)),
        _ => Err(Refusal::format("txnType")),
    }
}

fn admit<'w>(world: &'w Shared, service: &str, fields: &Fields) -> Result<(&'w UnionpayMerchant, Call), Refusal> {
    let merchant = verify::merchant(fields, |mer_id| world.unionpay.merchant(mer_id))?;
    let call = Call::read(service, fields)?;
    world.tally.operation(call.operation());
    Ok((merchant, call))
}

fn draw(world: &Shared, merchant: &UnionpayMerchant, call: &Call) -> Drawn {
    let subject = match call {
        Call::Purchase(it) => {
            let Purchase { name, said, amount_fen, .. } = it.as_ref();
            Subject::Create { number: &name.order_id, description: said, amount_minor: *amount_fen }
        }
        Call::Return(back) => Subject::Refund { number: &back.name.order_id, operation: if back.void { 3 } else { 1 } },
        Call::Open(opening) => {
            Subject::Create { number: &opening.name.order_id, description: &opening.said, amount_minor: 0 }
        }
        Call::Debit(it) => {
            Subject::Create { number: &it.name.order_id, description: &it.said, amount_minor: it.amount_fen }
        }
        Call::AskToken(_) | Call::Unbind(_) | Call::File(_) => Subject::Other,
        Call::Query(Named::QueryId(_)) => Subject::Other,
        Call::Query(Named::Name(name)) => {
            let refund = world.orders().refunds.position(Channel::Unionpay, &merchant.mer_id, &name.unique()).is_some();
            let number = name.order_id.as_str();
            if refund { Subject::Refund { number, operation: 2 } } else { Subject::Order { number, operation: 2 } }
        }
    };
    world.draw(merchant.asker(), subject)
}

fn perform(
    world: &Shared,
    merchant: &UnionpayMerchant,
    call: Call,
    fields: &Fields,
    drawn: Drawn,
) -> Result<Fields, Refusal> {
    let mut told = echo(fields);
    match call {
        Call::Purchase(purchase) => {
            let way = purchase.way;
            let placed = world.unionpay_purchase(merchant, *purchase, drawn.fate)?;
            if way == Way::App {
                told.set("tn", placed.tn);
            }
        }
        Call::Return(back) => told.set("queryId", world.unionpay_return(merchant, *back, drawn.fate)?),
        Call::Open(opening) if opening.by_server => {
            let (position, _) = world.unionpay_open(merchant, *opening, drawn.fate)?;
            told = world.unionpay_opened(position, fields)?;
        }
        Call::Open(opening) => {
            offer(world, merchant, *opening, drawn.fate)?;
        }
        Call::AskToken(named) => told = world.unionpay_ask_token(merchant, &named, fields)?,
        Call::Unbind(unbinding) => world.unionpay_unbind(merchant, &unbinding)?,
        // It says its own code.
        Call::Debit(debit) => return world.unionpay_debit(merchant, *debit, fields, drawn.fate),
        Call::File(wish) => return world.unionpay_file(merchant, &wish, fields),
        Call::Query(named) => told = world.unionpay_query(merchant, &named, fields)?,
    }
    Ok(answer::saying(told, SUCCESS))
}

/// Every refusal before the books, and every fault that is told in words.
fn send(world: &Shared, fields: &Fields, outcome: Result<Fields, Refusal>, browser: bool) -> Response {
    if let Err(refusal) = &outcome {
        world.tally.refusal(&format!("unionpay.{}", refusal.code));
    }
    written(world, fields, outcome, browser).map_or_else(hang_up, |(reply, _)| reply.respond())
}

/// The answer, and its fields where it has a signature.
fn written(
    world: &Shared,
    fields: &Fields,
    outcome: Result<Fields, Refusal>,
    browser: bool,
) -> Option<(Reply, Option<Fields>)> {
    if browser {
        return Some((answer::page(fields, outcome.as_ref().map(|_| ())), None));
    }
    let plain = outcome.unwrap_or_else(|refusal| answer::refused(echo(fields), &refusal));
    match answer::signed(plain.clone(), &world.unionpay.keys().genuine) {
        Ok(reply) => Some((reply, Some(plain))),
        Err(error) => {
            tracing::error!(%error, "the sandbox cannot sign its answer and hangs up");
            None
        }
    }
}

/// A failing system says that it is busy, or that it does not know; here it has done nothing in either case.
fn busy_code(busy: &Busy, is_query: bool, draw: u64) -> &'static str {
    match busy {
        Busy::TooMany if is_query => SLOW_DOWN,
        Busy::TooMany => BUSY,
        Busy::Error if dice::below(draw >> 34, 2) == 0 => BUSY,
        Busy::Error => pick(&UNKNOWN, draw >> 40),
    }
}

fn pick(codes: &[&'static str; 3], draw: u64) -> &'static str {
    let [first, second, third] = *codes;
    match draw % 3 {
        0 => first,
        1 => second,
        _ => third,
    }
}
