//! One request from arrival to answer: it knows the order of the steps (key, version, members, idempotency, fault,
//! effect) and leaves each of them to the file that knows it.

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::any;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, Method, header};

use crate::dice;
use crate::misbehave::{self, Busy};
use crate::serve::hang_up;
use crate::shared::Shared;
use crate::stripe::account::Account;
use crate::stripe::answer::{of, refuse, reply, request_id};
use crate::stripe::front::KeyKind;
use crate::stripe::idempotency::{Kept, LONGEST, Met, Turn};
use crate::stripe::operation::Call;
use crate::stripe::params::Params;
use crate::stripe::refusal::Refusal;
use crate::stripe::setup::SetupFacts;

/// No request of this API needs more.
const BODY_LIMIT_BYTES: usize = 256 * 1024;

/// One of so many answers of trouble is kept under its idempotency key.
const KEPT_TROUBLE: u64 = 4;

/// Everything below `/v1`.
pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/v1/{*rest}", any(serve))
}

/// A request that was admitted.
struct Admitted<'w> {
    account: &'w Account,
    call: Call,
    /// The idempotency key and what was asked with it.
    key: Option<(String, String)>,
}

async fn serve(State(world): State<Arc<Shared>>, request: Request) -> Response {
    if !world.request_arrives() {
        return hang_up();
    }
    let (head, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_LIMIT_BYTES).await else {
        return told(&world, &Refusal::invalid("", "the body is too large or ended early"));
    };
    let path = head.uri.path().strip_prefix("/v1/").unwrap_or_default();
    let query = head.uri.query().unwrap_or_default();
    let Admitted { account, call, key } = match admit(&world, &head.method, path, query, &head.headers, &body) {
        Ok(admitted) => admitted,
        Err(refusal) => return told(&world, &refusal),
    };
    let (first, before) = match meet(&world, account, key) {
        Ok(met) => met,
        Err(refusal) => return told(&world, &refusal),
    };

    let drawn = call.draw(&world, account);
    let fault = world.struck(drawn.request);
    let fails = OnceLock::new();
    let busy = |busy| {
        let refusal = if busy == Busy::Error { Refusal::broken() } else { Refusal::too_many() };
        let answer = of(&refusal);
        // Now and then the trouble comes after the work has begun: then it is kept, and told again.
        if busy == Busy::Error && before.is_none() && dice::below(drawn.request >> 40, KEPT_TROUBLE) == 0 {
            let _ = fails.set(answer.clone());
        }
        reply(&answer, refusal.should_retry(), false).respond()
    };
    if let Some(response) = misbehave::before_effect(&world, fault, drawn.request, busy).await {
        if let (Some(turn), Some(answer)) = (first, fails.into_inner()) {
            turn.keep(answer);
        }
        return response;
    }
    let answer = match before {
        Some(kept) => reply(&kept, None, true),
        None => carried_out(&world, account, call, drawn.fate, first),
    };
    misbehave::after_effect(&world, fault, drawn.request, answer, |reply, coin| {
        // Answers bear no signature here. What spoils one is a proxy on the way.
        reply.body = if coin { Vec::new() } else { b"<html>upstream error</html>".to_vec() };
    })
    .await
}

type Before<'w> = (Option<Turn<'w>>, Option<Kept>);

/// What the idempotency key says: this is the first request with it, or what the first was answered.
fn meet<'w>(world: &'w Shared, account: &Account, key: Option<(String, String)>) -> Result<Before<'w>, Refusal> {
    let Some((key, asked)) = key else { return Ok((None, None)) };
    match world.stripe.keys.meet(&account.given.id, &key, asked, world.pace.now_ms()) {
        Met::First(turn) => Ok((Some(turn), None)),
        Met::Answered(kept) => Ok((None, Some(kept))),
        Met::UnderWay => Err(Refusal::key_in_use()),
        Met::Other => Err(Refusal::key_mismatch()),
    }
}

fn carried_out(
    world: &Shared,
    account: &Account,
    call: Call,
    fate: u64,
    first: Option<Turn<'_>>,
) -> crate::reply::Reply {
    let (answer, should_retry, kept) = match call.perform(world, account, fate) {
        Ok(value) => {
            let body = serde_json::to_vec_pretty(&value).unwrap_or_default();
            (Kept { status: 200, body, request_id: request_id() }, None, true)
        }
        Err(refusal) => {
            world.tally.refusal(refusal.name());
            (of(&refusal), refusal.should_retry(), refusal.kept)
        }
    };
    if let Some(turn) = first.filter(|_| kept) {
        turn.keep(answer.clone());
    }
    reply(&answer, should_retry, false)
}

fn told(world: &Shared, refusal: &Refusal) -> Response {
    world.tally.refusal(refusal.name());
    refuse(refusal)
}

fn admit<'w>(
    world: &'w Shared,
    method: &Method,
    path: &str,
    query: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Admitted<'w>, Refusal> {
    let key = secret(headers).ok_or_else(|| Refusal::unauthorized("You did not provide an API key."))?;
    let unknown = || Refusal::unauthorized("Invalid API Key provided.");
    let (account, kind) = world.stripe.bearer(&key).ok_or_else(unknown)?;
    version(headers)?;
    let posts = method == Method::POST;
    let text = if posts { form(headers, body)? } else { query };
    let params = Params::read(text)?;
    let call = Call::read(method.as_str(), path, &params, kind)?;
    // The documents: the key is heeded on every POST, and means nothing elsewhere.
    let key = text_of(headers, "idempotency-key").filter(|_| posts);
    if key.as_ref().is_some_and(|key| key.is_empty() || key.len() > LONGEST) {
        return Err(Refusal::invalid("", "Idempotency keys may be up to 255 characters long."));
    }
    if kind == KeyKind::Publishable && !may_open(world, account, &params)? {
        return Err(Refusal::forbidden());
    }
    world.tally.operation(call.name());
    let key = key.map(|key| (key.to_owned(), format!("{path} {params:?}")));
    Ok(Admitted { account, call, key })
}

/// Whether the client secret is that of the intent that it names.
fn may_open(world: &Shared, account: &Account, params: &Params) -> Result<bool, Refusal> {
    let secret = params.required("client_secret")?;
    let id = secret.split_once("_secret_").map_or("", |(id, _)| id);
    let orders = world.orders();
    if id.starts_with("seti_") {
        let found = orders.agreements.position_of(crate::Channel::Stripe, &account.given.id, id);
        let facts = found.and_then(|position| orders.agreements.list.get(position)?.own.get::<SetupFacts>());
        return Ok(facts.is_some_and(|facts| facts.client_secret == secret));
    }
    let found = orders.position_of(crate::Channel::Stripe, &account.given.id, id);
    let facts = found.and_then(|position| orders.list.get(position)?.own.get::<crate::stripe::front::OrderFacts>());
    Ok(facts.is_some_and(|facts| facts.client_secret == secret))
}

fn text_of<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The API key: as a bearer token, or as the user of HTTP Basic.
fn secret(headers: &HeaderMap) -> Option<String> {
    let (scheme, rest) = text_of(headers, header::AUTHORIZATION.as_str())?.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.trim().to_owned());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(STANDARD.decode(rest.trim()).ok()?).ok()?;
    pair.split_once(':').map(|(user, _)| user.to_owned())
}

/// The version that is asked for: a date, since 2024 with a name. Without one the account's own is meant.
fn version(headers: &HeaderMap) -> Result<(), Refusal> {
    let Some(asked) = text_of(headers, "stripe-version") else { return Ok(()) };
    let (date, name) = asked.split_once('.').unwrap_or((asked, "none"));
    let shape: String = date.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
    let named = !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase());
    let good = shape == "9999-99-99" && named;
    good.then_some(()).ok_or_else(|| Refusal::invalid("", &format!("Invalid Stripe API version: {asked}")))
}

/// The body as a form.
fn form<'b>(headers: &HeaderMap, body: &'b [u8]) -> Result<&'b str, Refusal> {
    let kind = text_of(headers, header::CONTENT_TYPE.as_str()).unwrap_or_default();
    if !body.is_empty() && !kind.starts_with("application/x-www-form-urlencoded") {
        return Err(Refusal::invalid("", "The body must be application/x-www-form-urlencoded."));
    }
    std::str::from_utf8(body).map_err(|_| Refusal::invalid("", "the body is no text"))
}
