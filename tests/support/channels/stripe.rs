//! Cards through Stripe as the suite meets them: taken at once, and held first.

use std::path::Path;

use bursar_core::channel::Method;
use bursar_core::observation::PayCode;
use bursar_sandbox::{Door, Provisioned, Sandbox};
use serde_json::{Value, json};

use super::{Case, Remote, Row, Side};

const UNSIGNED: (Case, &str) =
    (Case::ForgedAnswers, "answers carry no signature: the encrypted connection vouches for them");

pub(super) const CARD: Row =
    Row { name: "stripe", method: Method::Card, side: Side::Remote(&Stripe), not_applicable: &[UNSIGNED] };

pub(super) const HOLD: Row = Row {
    name: "stripe_hold",
    method: Method::CardHold,
    side: Side::Remote(&Stripe),
    not_applicable: &[
        UNSIGNED,
        (Case::Late, "what is held for a closed order is let go: no money comes"),
        (Case::LateUnheard, "what is held for a closed order is let go: no money comes"),
    ],
};

#[derive(Debug)]
struct Stripe;

impl Remote for Stripe {
    fn settings(&self, keys: &Provisioned, base_url: &str) -> Value {
        let file = |path: &Path| format!("file:{}", path.display());
        let keys = &keys.stripe;
        json!({
            "secret_key": file(&keys.secret_key),
            "publishable_key": keys.publishable_key,
            "webhook_secrets": [file(&keys.webhook_secret)],
            "base_urls": [base_url],
            "timeout_ms": 2_000,
            "rate_per_second": 10_000,
            "refund_rate_per_second": 10_000,
        })
    }

    fn merchant<'a>(&self, keys: &'a Provisioned) -> &'a str {
        &keys.stripe.account_id
    }

    /// The channel is told once where its messages go, on its own pages.
    fn opened(&self, sandbox: &Sandbox, keys: &Provisioned, notify_url: &str) {
        sandbox.set_stripe_endpoint(&keys.stripe.account_id, notify_url).expect("an account");
    }

    fn door(&self, code: &PayCode) -> Option<Door> {
        let PayCode::Sdk { fields } = code else { panic!("{code:?}") };
        Some(Door::OrderString(fields["client_secret"].clone()))
    }
}
