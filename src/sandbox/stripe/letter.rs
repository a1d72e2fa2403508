//! What a message says: it knows the envelope and which object is inside, as it stood when the thing happened; it must
//! never know when or how often a message is sent.

use http::{HeaderMap, HeaderValue, header};
use serde_json::{Value, json};

use crate::agreements::AgreementNews;
use crate::dice;
use crate::front::Letter;
use crate::orders::Happened;
use crate::refund_books::RefundState;
use crate::shared::Shared;
use crate::stripe::cards;
use crate::stripe::disputes;
use crate::stripe::front::{OrderFacts, RefundFacts, Stripe};
use crate::stripe::setup::{self, SetupFacts};
use crate::stripe::show::{self, Expand, seconds};
use crate::stripe::sign;
use crate::timers::About;

/// The version that messages are written in: the endpoint's, which is none of the caller's.
const API_VERSION: &str = "2025-06-30.basil";

struct News {
    account: String,
    /// From what the message's id follows.
    seed: [u64; 2],
    at_ms: i64,
    kind: &'static str,
    object: Value,
}

impl Stripe {
    /// `None` when there is nobody to write to.
    pub(super) fn write_letter(&self, world: &Shared, about: About, forged: bool) -> Option<Letter> {
        let news = news(world, about)?;
        let account = self.account(&news.account)?;
        let url = account.endpoint()?;
        let [a, b] = news.seed;
        let body = json!({
            // The same in every attempt.
            "id": format!("evt_3S{:016x}{:08x}", dice::draw(&[a, b, 46]), dice::draw(&[a, b, 47]) & 0xffff_ffff),
            "object": "event",
            "api_version": API_VERSION,
            "created": seconds(news.at_ms),
            "data": { "object": news.object },
            "livemode": false,
            "pending_webhooks": 1,
            "request": { "id": null, "idempotency_key": null },
            "type": news.kind,
        });
        let body = serde_json::to_vec_pretty(&body).unwrap_or_default();
        let other = ["whsec_not_the_secret".to_owned()];
        let secrets = if forged { other.as_slice() } else { account.given.webhook_secrets.as_slice() };
        let signature = sign::header(secrets, world.pace.now_seconds(), &body);
        let mut headers = HeaderMap::new();
        headers.insert("stripe-signature", HeaderValue::from_str(&signature).ok()?);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
        Some(Letter { url, headers, body })
    }
}

fn news(world: &Shared, about: About) -> Option<News> {
    let orders = world.orders();
    let nth = |event: usize| u64::try_from(event).unwrap_or(u64::MAX);
    match about {
        About::Order { order, event } => {
            let order = orders.list.get(order)?;
            let facts = order.own.get::<OrderFacts>()?;
            let happened = *order.events.get(event)?;
            let intent = |status| show::intent_in(&orders, order, facts, status, Expand::default());
            let dispute = |won| facts.dispute.as_ref().map(|dispute| disputes::show(facts, dispute, won));
            let (kind, object) = match happened.what {
                Happened::Paid => ("payment_intent.succeeded", intent("succeeded")),
                Happened::Authorized => ("payment_intent.amount_capturable_updated", intent("requires_capture")),
                Happened::Failed | Happened::Declined => {
                    ("payment_intent.payment_failed", intent("requires_payment_method"))
                }
                Happened::Expired | Happened::Closed => ("payment_intent.canceled", intent("canceled")),
                Happened::Disputed => ("charge.dispute.created", dispute(None)?),
                Happened::DisputeClosed => ("charge.dispute.closed", dispute(facts.dispute.as_ref()?.won)?),
            };
            let seed = [dice::text(&facts.id), nth(event)];
            Some(News { account: order.account.clone(), seed, at_ms: happened.at_ms, kind, object })
        }
        About::Agreement { agreement, event } => {
            let one = orders.agreements.list.get(agreement)?;
            let facts = one.own.get::<SetupFacts>()?;
            let happened = *one.events.get(event)?;
            let (kind, object) = match happened.what {
                AgreementNews::Signed => ("setup_intent.succeeded", setup::intent(one, facts, "succeeded", false)),
                AgreementNews::Failed => {
                    ("setup_intent.setup_failed", setup::intent(one, facts, "requires_payment_method", false))
                }
                AgreementNews::Ended(_) => ("payment_method.detached", cards::card(one, facts)),
            };
            let seed = [dice::text(&facts.id), nth(event)];
            Some(News { account: one.account.clone(), seed, at_ms: happened.at_ms, kind, object })
        }
        About::Refund { refund, event } => {
            let one = orders.refunds.list.get(refund)?;
            let facts = one.own.get::<RefundFacts>()?;
            let happened = *one.events.get(event)?;
            let kind = match happened.state {
                RefundState::Abnormal | RefundState::Closed => "refund.failed",
                _ if happened.at_ms == one.tab.created_at_ms => "refund.created",
                _ => "refund.updated",
            };
            let object = show::refund(one, facts, happened.state);
            let seed = [dice::text(&one.refund_id), nth(event)];
            Some(News { account: one.account.clone(), seed, at_ms: happened.at_ms, kind, object })
        }
    }
}
