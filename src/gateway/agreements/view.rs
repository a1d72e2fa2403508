//! How an agreement looks to its merchant: it knows what is shown, and must never show what the channel knows of the
//! payer, or another merchant's row.

use bursar_core::Timestamp;
use bursar_core::agreement::{Agreement, AgreementState, Rhythm, RhythmUnit};
use bursar_core::bank::Day;
use bursar_core::channel::Method;
use bursar_core::id::{AgreementId, ChannelAccountId};
use serde::Serialize;
use utoipa::ToSchema;

use crate::orders::view::PayCodeView;

/// A payer's standing consent to be charged.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Agreement)]
pub struct AgreementView {
    /// Its id; without `agr_` the number that the channel knows it by.
    #[schema(value_type = String, example = "agr_01kaqv0x5sfj3te9v9v5vyr7b8")]
    pub id: AgreementId,
    /// The merchant's own number of the payer.
    pub payer: String,
    /// `wechat_debit`, `alipay_debit`, `unionpay_debit` or `card_debit`.
    #[schema(value_type = String, example = "card_debit")]
    pub method: Method,
    /// `new`, `signing`, `active`, `ending`, `ended` or `declined`. Only an `active` one can be charged.
    #[schema(value_type = String, example = "active")]
    pub state: AgreementState,
    /// Through which channel account.
    #[schema(value_type = String)]
    pub account_id: ChannelAccountId,
    /// What it is for, as the payer reads it.
    pub description: String,
    /// Most that one charge may be, in minor units.
    pub limit_minor: i64,
    /// ISO 4217 code.
    pub currency: String,
    /// What the channel is told about when it will be charged.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub rhythm: Option<RhythmView>,
    /// What the payer needs in order to sign; there while the state is `signing`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub code: Option<PayCodeView>,
    /// The last moment to sign.
    #[schema(value_type = String, format = DateTime)]
    pub sign_by: Timestamp,
    /// When the payer signed it, by the channel's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, nullable = false)]
    pub signed_at: Option<Timestamp>,
    /// When it ends by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, nullable = false)]
    pub ends_at: Option<Timestamp>,
    /// Why it has ended, is being ended, or was never signed; or what went wrong with the last call about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub why: Option<String>,
    /// When it was accepted.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

/// How often an agreement will be charged.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = Rhythm)]
pub struct RhythmView {
    /// Every so many units.
    #[schema(example = 1, minimum = 1, maximum = 366)]
    pub every: u16,
    /// `day` or `month`.
    #[schema(value_type = String, example = "month")]
    pub unit: RhythmUnit,
    /// The first day.
    #[schema(value_type = String, format = Date, example = "2026-12-01")]
    pub first_on: Day,
}

impl From<Rhythm> for RhythmView {
    fn from(rhythm: Rhythm) -> Self {
        Self { every: rhythm.every, unit: rhythm.unit, first_on: rhythm.first_on }
    }
}

/// Why it stands where it stands, when there is something to say.
fn why(agreement: &Agreement) -> Option<String> {
    let evidence = &agreement.evidence;
    let words = |said: &Option<(Timestamp, String)>| said.as_ref().map(|(_, words)| words.clone());
    match agreement.state {
        AgreementState::Active => None,
        AgreementState::New | AgreementState::Signing => words(&evidence.no_answer),
        AgreementState::Ending => words(&evidence.end_requested),
        AgreementState::Ended => words(&evidence.ended),
        AgreementState::Declined => {
            let ended = words(&evidence.ended).or_else(|| words(&evidence.refused));
            let lapsed = evidence.lapsed_at.map(|_| "nobody signed it in time".to_owned());
            ended.or(lapsed).or_else(|| words(&evidence.end_requested))
        }
    }
}

impl From<&Agreement> for AgreementView {
    fn from(agreement: &Agreement) -> Self {
        let evidence = &agreement.evidence;
        let offered = evidence.offered.as_ref().filter(|_| agreement.state == AgreementState::Signing);
        Self {
            id: agreement.id,
            payer: agreement.payer.clone(),
            method: agreement.method,
            state: agreement.state,
            account_id: agreement.account,
            description: agreement.description.clone(),
            limit_minor: agreement.limit.minor,
            currency: agreement.limit.currency.code().to_owned(),
            rhythm: agreement.rhythm.map(RhythmView::from),
            code: offered.and_then(|(_, code)| PayCodeView::of(code)),
            sign_by: agreement.sign_by,
            signed_at: evidence.signed.as_ref().map(|s| s.signed_at),
            ends_at: evidence.signed.as_ref().and_then(|s| s.ends_at),
            why: why(agreement),
            created_at: agreement.created_at,
        }
    }
}

/// A page of agreements.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AgreementPage)]
pub struct AgreementPage {
    /// Newest first.
    pub agreements: Vec<AgreementView>,
    /// Send it as `cursor`, with the same filters, for the next page; `null` on the last page.
    pub next_cursor: Option<String>,
}
