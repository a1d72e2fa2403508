//! API keys: it knows how a key is made, written and checked, and must never keep or log a secret half.
//!
//! A key is `bk_{id}_{secret}`: the 26 characters of its id and 256 random bits in base64url. Only the
//! SHA-256 of the secret is stored: 256 random bits cannot be guessed, so a slow hash would add nothing
//! but load.

use std::sync::Arc;

use aws_lc_rs::digest;
use axum::extract::FromRequestParts;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bursar_core::id::{self, ApiKeyId, MerchantId};
use bursar_core::merchant::ApiKey;
use bursar_core::{Chance, Timestamp};
use http::request::Parts;
use http::{HeaderMap, header};
use subtle::ConstantTimeEq;

use crate::App;
use crate::problem::{Kind, Problem};

const PREFIX: &str = "bk_";
const SECRET_BYTES: usize = 32;

/// Makes a key for `merchant`: what is stored, and the text that its owner gets, once. The label is
/// empty; set it before storing. `chance` must be cryptographically strong.
pub fn mint_api_key(merchant: MerchantId, now: Timestamp, chance: &dyn Chance) -> (ApiKey, String) {
    let mut secret = [0_u8; SECRET_BYTES];
    chance.fill(&mut secret);
    let id = ApiKeyId::fresh(now, chance);
    let text = format!("{PREFIX}{}_{}", id.bare(), URL_SAFE_NO_PAD.encode(secret));
    let key =
        ApiKey { id, merchant, secret_hash: hash(&secret), label: String::new(), created_at: now, revoked_at: None };
    (key, text)
}

fn hash(secret: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA256, secret).as_ref().to_vec()
}

/// Whose key a request carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Caller {
    /// The merchant whose orders it may read and write; nobody else's exist for it.
    pub merchant: MerchantId,
    /// The public half of the key, for logs.
    pub key: ApiKeyId,
}

fn parse(text: &str) -> Option<(ApiKeyId, Vec<u8>)> {
    let (bare, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
    let id = ApiKeyId(id::from_text(bare)?);
    let secret = URL_SAFE_NO_PAD.decode(secret).ok().filter(|s| s.len() == SECRET_BYTES)?;
    Some((id, secret))
}

fn bearer(headers: &HeaderMap) -> Option<(ApiKeyId, Vec<u8>)> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| parse(token.trim()))?
}

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let refused = || {
            // One text for every reason: which half was wrong is nobody's business.
            Problem::new(Kind::Unauthorized, "The API key is missing, unknown or revoked.")
        };
        let (id, secret) = bearer(&parts.headers).ok_or_else(refused)?;
        let entries = app.desk.directory.entries_with(|e| e.api_keys.contains_key(&id)).await?;
        let given = hash(&secret);
        let Some(key) = entries.api_keys.get(&id) else {
            return Err(refused());
        };
        let equal = bool::from(given.as_slice().ct_eq(key.secret_hash.as_slice()));
        let merchant_exists = entries.merchants.contains_key(&key.merchant);
        if !equal || key.revoked_at.is_some() || !merchant_exists {
            return Err(refused());
        }
        Ok(Self { merchant: key.merchant, key: id })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bursar_core::chance::SeededChance;

    #[test]
    fn a_key_reads_back_as_its_id_and_a_secret_that_hashes_to_what_is_stored() {
        let now = Timestamp::from_millis(1_800_000_000_000);
        let merchant = MerchantId::fresh(now, &SeededChance::new(1));
        for seed in 0..200 {
            let (key, text) = mint_api_key(merchant, now, &SeededChance::new(seed));
            let (id, secret) = parse(&text).unwrap();
            assert!(!format!("{key:?}").contains(&text[30..]), "the secret is not in what is stored");
            assert_eq!((id, hash(&secret)), (key.id, key.secret_hash));
        }
    }

    #[test]
    fn what_is_not_exactly_a_key_is_none() {
        let now = Timestamp::from_millis(1_800_000_000_000);
        let (_, text) = mint_api_key(MerchantId::fresh(now, &SeededChance::new(1)), now, &SeededChance::new(2));
        let short = &text[..text.len() - 1];
        let long = format!("{text}A");
        let padded = format!("{text}=");
        for bad in ["", "bk_", "bk__", "bk_x_y", short, &long, &padded, &text[3..]] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
