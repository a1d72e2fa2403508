//! What may become an agreement: it knows every check on a request for one, and must never write anything.

use bursar_core::agreement::{Agreement, AgreementEvidence, AgreementState, Rhythm, RhythmUnit};
use bursar_core::bank::Day;
use bursar_core::channel::Method;
use bursar_core::id::AgreementId;
use bursar_core::{Currency, Money, Timestamp, text};
use serde::Serialize;
use utoipa::ToSchema;

use crate::json::Reader;
use crate::limits::{self, shown};
use crate::orders::checks;
use crate::orders::intake::{self, CreatePayer, Scene};
use crate::problem::Problem;

/// A request for an agreement.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[schema(as = CreateAgreement)]
pub struct CreateAgreement {
    /// The merchant's own number of the payer: 1 to 64 of letters, digits, `_ . : -`; no name and no telephone number.
    #[schema(example = "family-wu", max_length = 64)]
    pub payer: String,
    /// `wechat_debit`, `alipay_debit`, `unionpay_debit` or `card_debit`.
    #[schema(example = "card_debit")]
    pub method: String,
    /// Through which channel account. May be left out when the merchant has exactly one for the method.
    #[schema(nullable = false)]
    pub account_id: Option<String>,
    /// What it is for, as the payer reads it. At most 127 characters.
    #[schema(example = "Nanny, monthly", max_length = 127)]
    pub description: String,
    /// Most that one charge may be, in minor units.
    #[schema(example = 600_000, minimum = 1, maximum = 100_000_000_000_i64)]
    pub limit_minor: i64,
    /// ISO 4217 code.
    #[schema(example = "CNY")]
    pub currency: String,
    /// What the channel must know of the payer, as orders take it.
    #[schema(nullable = false)]
    pub details: Option<CreatePayer>,
    /// When it will be charged, for channels that want to know before.
    #[schema(nullable = false)]
    pub rhythm: Option<CreateRhythm>,
    /// Seconds from now to the last moment to sign: 60 to 604800. Without it and `sign_by` a day.
    #[schema(nullable = false, example = 86_400)]
    pub sign_within_s: Option<i64>,
    /// The last moment to sign, RFC 3339. Not together with `sign_within_s`.
    #[schema(nullable = false, format = DateTime)]
    pub sign_by: Option<String>,
}

/// How often an agreement will be charged.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[schema(as = CreateRhythm)]
pub struct CreateRhythm {
    /// Every so many units: 1 to 366.
    #[schema(example = 1, minimum = 1, maximum = 366)]
    pub every: i64,
    /// `day` or `month`.
    #[schema(example = "month")]
    pub unit: String,
    /// The first day.
    #[schema(example = "2026-12-01", format = Date)]
    pub first_on: String,
}

/// The members of the body, by name and type only.
///
/// # Errors
/// See [`Reader::parse`] and [`Reader::finish`].
pub fn read(body: &[u8]) -> Result<CreateAgreement, Problem> {
    let mut reader = Reader::parse(body)?;
    let request = CreateAgreement {
        payer: reader.text("payer").unwrap_or_default(),
        method: reader.text("method").unwrap_or_default(),
        account_id: reader.optional_text("account_id"),
        description: reader.text("description").unwrap_or_default(),
        limit_minor: reader.integer("limit_minor").unwrap_or_default(),
        currency: reader.text("currency").unwrap_or_default(),
        details: intake::payer("details", &mut reader),
        rhythm: rhythm(&mut reader),
        sign_within_s: reader.optional_integer("sign_within_s"),
        sign_by: reader.optional_text("sign_by"),
    };
    reader.finish()?;
    Ok(request)
}

fn rhythm(reader: &mut Reader<'_>) -> Option<CreateRhythm> {
    let mut part = reader.optional_object("rhythm")?;
    let rhythm = CreateRhythm {
        every: part.integer("every").unwrap_or_default(),
        unit: part.text("unit").unwrap_or_default(),
        first_on: part.text("first_on").unwrap_or_default(),
    };
    reader.absorb(part);
    Some(rhythm)
}

/// The agreement that the request asks for.
///
/// # Errors
/// [`crate::problem::Kind::InvalidRequest`] naming every member that is wrong.
pub fn draft(request: CreateAgreement, scene: Scene<'_>) -> Result<Agreement, Problem> {
    let mut errors = Reader::blank();
    checks::plain_number("payer", &request.payer, &mut errors);
    let words = text::check("description", &request.description, limits::DESCRIPTION_MAX_CHARS);
    checks::take(&mut errors, "description", words);
    checks::amount("limit_minor", request.limit_minor, &mut errors);
    let currency: Currency = checks::take(&mut errors, "currency", request.currency.parse()).unwrap_or(Currency::CNY);
    let method: Option<Method> = checks::take(&mut errors, "method", debit(&request.method));
    if let Some(channel) = method.map(Method::channel).filter(|c| !c.takes(currency)) {
        errors.refuse("currency", format!("{} does not take {currency}", channel.name()));
    }
    let details = checks::payer("details", request.details.as_ref(), method, &mut errors);
    let given = request.account_id.as_deref();
    let account = method.and_then(|m| checks::account(given, m.channel(), scene, &mut errors));
    let rhythm = request.rhythm.as_ref().map(|given| rhythm_of(given, scene.now, &mut errors));
    let sign_by = sign_by(&request, scene, &mut errors);
    errors.finish()?;
    let (Some(method), Some(account)) = (method, account) else {
        return Err(Problem::internal("a checked request has no way to be charged"));
    };
    Ok(Agreement {
        id: AgreementId::fresh(scene.now, scene.chance),
        merchant: scene.merchant,
        account,
        method,
        payer: request.payer,
        details,
        description: request.description,
        limit: Money::new(request.limit_minor, currency),
        rhythm: rhythm.flatten(),
        state: AgreementState::New,
        evidence: AgreementEvidence::default(),
        sign_by,
        due_at: Some(scene.now),
        event_count: 0,
        version: 0,
        created_at: scene.now,
    })
}

fn debit(name: &str) -> Result<Method, String> {
    let method: Option<Method> = name.parse().ok();
    method.filter(|m| m.debits()).ok_or_else(|| {
        let names: Vec<_> = Method::ALL.into_iter().filter(|m| m.debits()).map(Method::name).collect();
        format!("`{}` is not a method that debits; there are {}", shown(name), names.join(", "))
    })
}

fn rhythm_of(given: &CreateRhythm, now: Timestamp, errors: &mut Reader<'_>) -> Option<Rhythm> {
    let mut part = Reader::blank_at("/rhythm");
    let every = u16::try_from(given.every).ok().filter(|n| (1..=limits::EVERY_MAX).contains(n));
    if every.is_none() {
        part.refuse("every", format!("`every` must be 1 to {}, not {}", limits::EVERY_MAX, given.every));
    }
    let unit = match given.unit.as_str() {
        "day" => Some(RhythmUnit::Day),
        "month" => Some(RhythmUnit::Month),
        other => {
            part.refuse("unit", format!("`unit` must be day or month, not `{}`", shown(other)));
            None
        }
    };
    let first_on: Option<Day> = checks::take(&mut part, "first_on", given.first_on.parse());
    if first_on.is_some_and(|day| day < Day::in_beijing(now)) {
        part.refuse("first_on", "`first_on` is in the past; the first charge is today or later");
    }
    errors.absorb(part);
    Some(Rhythm { every: every?, unit: unit?, first_on: first_on? })
}

fn sign_by(request: &CreateAgreement, scene: Scene<'_>, errors: &mut Reader<'_>) -> Timestamp {
    let (min, max) = (limits::SIGN_MIN_SECONDS, limits::SIGN_MAX_SECONDS);
    let (name, at) = match (request.sign_within_s, request.sign_by.as_deref()) {
        (None, None) => ("sign_by", scene.now.plus_ms(limits::SIGN_DEFAULT_SECONDS * 1_000)),
        (Some(seconds), None) => ("sign_within_s", scene.now.plus_ms(seconds.saturating_mul(1_000))),
        (Some(_), Some(_)) => {
            errors.refuse("sign_by", "give `sign_by` or `sign_within_s`, not both");
            return scene.now;
        }
        (None, Some(text)) => match checks::take(errors, "sign_by", Timestamp::parse_rfc3339(&shown(text))) {
            Some(at) => ("sign_by", at),
            None => return scene.now,
        },
    };
    let ahead_ms = at.since_ms(scene.now);
    if ahead_ms < min * 1_000 || ahead_ms > max * 1_000 {
        let now = scene.now;
        errors.refuse(name, format!("`{name}` must lie {min} to {max} seconds after the present instant ({now})"));
    }
    at
}
