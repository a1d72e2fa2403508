//! Merchants and what belongs to them: it knows their facts and policies, and must never hold a
//! credential (an account names where its secrets are, not what they are).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::billing::{Dunning, Zone};
use crate::channel::{ChannelFacts, ChannelKind, Method};
use crate::choosing::MethodRule;
use crate::clock::Timestamp;
use crate::id::{ApiKeyId, ChannelAccountId, EndpointId, MerchantId};

/// One agency of the installation.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Merchant {
    /// Its id.
    pub id: MerchantId,
    /// Its name, as shown to operators.
    pub name: String,
    /// What it wants us to do by ourselves.
    pub policy: MerchantPolicy,
    /// When it joined.
    pub created_at: Timestamp,
}

/// What a merchant wants us to do by ourselves.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MerchantPolicy {
    /// What happens to money that is found while an order is closing.
    pub late_money: LateMoneyPolicy,
    /// What happens to money that comes for a closed order.
    pub after_close: AfterClose,
    /// Refunds of more than so many minor units need a second person; `None`: never.
    pub approval_above_minor: Option<i64>,
    /// When money is taken by which method; one without a rule always is.
    pub methods: BTreeMap<Method, MethodRule>,
    /// In which days and hours of plans are meant, unless a plan says otherwise.
    pub zone: Zone,
    /// What happens when a plan's charge is declined, unless the plan says otherwise.
    pub dunning: Dunning,
}

/// What happens to money that comes for a closed order.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AfterClose {
    /// It goes back at once.
    #[default]
    Refund,
    /// The order becomes paid after all, if it is the whole amount; otherwise it goes back.
    Reopen,
    /// A person is asked, and the money goes back when nobody has answered in time.
    Park {
        /// How long the question stands, in milliseconds.
        deadline_ms: i64,
    },
}

/// What happens to money that is found while an order is closing. What happens to money that arrives
/// after an order was closed, and the merchant was told so, is [`AfterClose`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LateMoneyPolicy {
    /// The order becomes paid: the merchant was not yet told that it is closed.
    #[default]
    AcceptWhileClosing,
    /// The order closes and the money becomes late money.
    NeverAccept,
}

/// A merchant's credentials on one channel. Unique per (channel, the channel's own merchant number).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ChannelAccount {
    /// Its id; stands in the notification URL.
    pub id: ChannelAccountId,
    /// Whose account it is.
    pub merchant: MerchantId,
    /// The channel.
    pub channel: ChannelKind,
    /// The channel's own settings as JSON: numbers, base URLs, and *references* to secrets
    /// (`file:/path` or `env:NAME`). Its shape belongs to the channel's adapter.
    pub settings: serde_json::Value,
    /// Overrides of the channel's time limits.
    pub facts: Option<ChannelFacts>,
    /// When it was added.
    pub created_at: Timestamp,
}

impl ChannelAccount {
    /// The time limits in force for this account.
    pub fn facts(&self) -> ChannelFacts {
        self.facts.unwrap_or_else(|| self.channel.facts())
    }
}

/// An address at which a merchant wants to be told.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Endpoint {
    /// Its id.
    pub id: EndpointId,
    /// Whose it is.
    pub merchant: MerchantId,
    /// Where to post.
    pub url: String,
    /// References to the signing secrets (`file:/path` or `env:NAME`), newest first. Two during a
    /// rotation: every message is signed with each.
    pub secrets: Vec<String>,
    /// Whether it is told anything at the moment.
    pub enabled: bool,
    /// When it was added.
    pub created_at: Timestamp,
}

/// An API key as it is kept: a keyed hash, never the key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ApiKey {
    /// Its public half.
    pub id: ApiKeyId,
    /// Whose it is.
    pub merchant: MerchantId,
    /// SHA-256 of the secret half, which is 256 random bits (so a plain hash cannot be guessed).
    pub secret_hash: Vec<u8>,
    /// A label for people.
    pub label: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}
