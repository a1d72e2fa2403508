//! Tokens: it knows how one is opened, asked for and unbound in the network's words, and how it is written; what the
//! payer does is the common payers'.

use crate::agreements::{Agreement, NewAgreement};
use crate::own::Own;
use crate::pace::beijing_digits;
use crate::purse::asked_for;
use crate::shared::Shared;
use crate::unionpay::account::UnionpayMerchant;
use crate::unionpay::fields::Fields;
use crate::unionpay::refusal::Refusal;
use crate::unionpay::request::Name;
use crate::unionpay::story::echo;
use crate::unionpay::token_request::{Opening, TokenNamed, Unbinding};
use crate::{AgreementLimits, AgreementState, Channel, EndedBy, dice};

/// How long a token is valid: five years, counted as 1,826 days. What the real network grants is not confirmed.
const LIFE_MS: i64 = 1_826 * 24 * 3_600_000;

/// What UnionPay keeps of an opening.
pub(crate) struct TokenFacts {
    pub(crate) request: Fields,
    pub(crate) name: Name,
    pub(crate) tr_id: String,
}

/// The group of fields that tells of a token.
pub(crate) fn written(one: &Agreement, facts: &TokenFacts) -> String {
    let begin = one.signed_at_ms.unwrap_or_default();
    let end = one.valid_until_ms.unwrap_or_else(|| begin.saturating_add(LIFE_MS));
    let (begin, end) = (beijing_digits(begin), beijing_digits(end));
    format!("{{token={}&trId={}&tokenLevel=80&tokenBegin={begin}&tokenEnd={end}&tokenType=01}}", one.id, facts.tr_id)
}

impl Shared {
    /// Opens a token for a payer, or finds the same form again; gives its position and whether it is new.
    pub(super) fn unionpay_open(
        &self,
        merchant: &UnionpayMerchant,
        opening: Opening,
        fate: u64,
    ) -> Result<(usize, bool), Refusal> {
        let (channel, mer_id, now_ms) = (Channel::Unionpay, merchant.mer_id.as_str(), self.pace.now_ms());
        let unique = opening.name.unique();
        let mut orders = self.orders();
        let used = orders.refunds.position(channel, mer_id, &unique).is_some()
            || orders.position_of(channel, mer_id, &unique).is_some();
        if used {
            return Err(Refusal::duplicate());
        }
        if let Some(position) = orders.agreements.position(channel, mer_id, &unique) {
            let facts = orders.agreements.list.get(position).and_then(|one| one.own.get::<TokenFacts>());
            // A payer may post the form again; a merchant's server may not.
            let same = facts.is_some_and(|facts| facts.request.canonical() == opening.fields.canonical());
            return if same && !opening.by_server { Ok((position, false)) } else { Err(Refusal::duplicate()) };
        }
        let token = format!("62{:011}{:06}", dice::draw(&[fate, 65]) % 100_000_000_000, orders.next_serial());
        let mix = &self.payers.agreements;
        let position = orders.agreements.insert(NewAgreement {
            channel,
            account: mer_id.to_owned(),
            number: opening.name.order_id.clone(),
            scope: unique,
            id: token,
            payer: format!("card{:012}", dice::draw(&[fate, 66]) % 1_000_000_000_000),
            limits: AgreementLimits::default(),
            signs: mix.signs(&opening.said, dice::draw(&[fate, 67])),
            purse: asked_for(&opening.said),
            fate,
            now_ms,
            lasts_ms: Some(LIFE_MS),
            own: Own::new(TokenFacts { request: opening.fields, name: opening.name, tr_id: opening.tr_id }),
        });
        Ok((position, true))
    }

    /// The fields of the answer to an opening by the merchant's server, which is open at once.
    pub(super) fn unionpay_opened(&self, position: usize, fields: &Fields) -> Result<Fields, Refusal> {
        self.payer_signs(position);
        let orders = self.orders();
        let mut told = echo(fields);
        let one = orders.agreements.list.get(position).ok_or_else(Refusal::no_such_transaction)?;
        let facts = one.own.get::<TokenFacts>().ok_or_else(Refusal::no_such_transaction)?;
        told.set("tokenPayData", written(one, facts));
        told.set("activateStatus", "1");
        Ok(told)
    }

    /// Whether a token is open.
    pub(super) fn unionpay_ask_token(
        &self,
        merchant: &UnionpayMerchant,
        named: &TokenNamed,
        fields: &Fields,
    ) -> Result<Fields, Refusal> {
        let (channel, mer_id) = (Channel::Unionpay, merchant.mer_id.as_str());
        let orders = self.orders();
        let position = match named {
            TokenNamed::Token(token) => orders.agreements.position_of(channel, mer_id, token),
            TokenNamed::Name(name) => orders.agreements.position(channel, mer_id, &name.unique()),
        };
        let one = position.and_then(|position| orders.agreements.list.get(position));
        let one = one.ok_or_else(Refusal::no_such_transaction)?;
        let facts = one.own.get::<TokenFacts>().ok_or_else(Refusal::no_such_transaction)?;
        if matches!(named, TokenNamed::Name(name) if facts.name != *name) {
            return Err(Refusal::no_such_transaction());
        }
        let mut told = echo(fields);
        let open = one.is_signed();
        told.set("activateStatus", if open { "1" } else { "0" });
        if open {
            told.set("tokenPayData", written(one, facts));
        }
        Ok(told)
    }

    /// Unbinds a token.
    pub(super) fn unionpay_unbind(&self, merchant: &UnionpayMerchant, unbinding: &Unbinding) -> Result<(), Refusal> {
        let mut orders = self.orders();
        let found = orders.agreements.position_of(Channel::Unionpay, &merchant.mer_id, &unbinding.token);
        let position = found.ok_or_else(Refusal::no_such_transaction)?;
        let state = orders.agreements.list.get(position).map(|one| one.state);
        match state {
            Some(AgreementState::Signed) => {
                self.ends_in(&mut orders.agreements, position, EndedBy::Merchant);
                Ok(())
            }
            Some(AgreementState::Ended(_)) => Err(Refusal::original("the token is unbound")),
            Some(AgreementState::Offered) | None => Err(Refusal::no_such_transaction()),
        }
    }
}
