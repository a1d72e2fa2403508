//! What may become a refund: it knows every check on a request for one, and must never write anything. The
//! payee passes through here on his way to be sealed and must never be repeated, not even in an error.

use bursar_channels::Payee;
use bursar_core::id::PaymentId;
use bursar_core::refund::{Allocation, NamedShare};
use bursar_core::text;
use serde::Serialize;
use utoipa::ToSchema;

use crate::json::Reader;
use crate::limits::{self, NAMED_MAX, REFUND_REASON_MAX_BYTES, shown};
use crate::people;
use crate::problem::Problem;

/// A request to give money back.
#[derive(Serialize, ToSchema)]
#[schema(as = CreateRefund)]
pub struct CreateRefundSchema {
    /// Why; the payer reads it. At most 80 bytes (some 26 Chinese characters), no control characters, no
    /// card numbers. May be left out in a preview.
    #[schema(example = "booking cancelled", max_length = 80)]
    pub reason: String,
    /// How much, in minor units. Without it the sum of the named shares, or else all that is left.
    #[schema(nullable = false, example = 5_000, minimum = 1)]
    pub amount_minor: Option<i64>,
    /// Who asks for it. Needed when the amount is above the merchant's approval limit: then somebody else
    /// must approve it. Without it the API key's label.
    #[schema(nullable = false, example = "Li Na", max_length = 64)]
    pub requested_by: Option<String>,
    /// From which payments, when the order has several.
    #[schema(nullable = false)]
    pub allocation: Option<AllocationBody>,
    /// Where the payer wants the money when the account that he paid from does not take it. Sealed for the
    /// channel at once; only the channel can read it, and it is never shown.
    #[schema(nullable = false)]
    pub payee: Option<PayeeSchema>,
}

/// From which payments.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Allocation)]
#[serde(rename_all = "snake_case")]
pub enum AllocationBody {
    /// The payment captured last first. This is the default.
    Reverse,
    /// From each in proportion to what is left of it.
    Proportional,
    /// As listed: 1 to 20 payments, each once.
    Named(Vec<NamedBody>),
}

/// A share of a refund.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = NamedShare)]
pub struct NamedBody {
    /// The payment (`pay_…`).
    #[schema(value_type = String)]
    pub payment: PaymentId,
    /// Minor units from it.
    #[schema(minimum = 1)]
    pub amount_minor: i64,
}

impl From<AllocationBody> for Allocation {
    fn from(body: AllocationBody) -> Self {
        let share = |s: NamedBody| NamedShare { payment: s.payment, amount_minor: s.amount_minor };
        match body {
            AllocationBody::Reverse => Self::Reverse,
            AllocationBody::Proportional => Self::Proportional,
            AllocationBody::Named(shares) => Self::Named(shares.into_iter().map(share).collect()),
        }
    }
}

/// A payer's bank account.
#[derive(Serialize, ToSchema)]
#[schema(as = Payee)]
pub struct PayeeSchema {
    /// The bank, as the channel names it.
    #[schema(max_length = 128)]
    pub bank: String,
    /// The number of the account or card: digits and letters.
    #[schema(max_length = 34)]
    pub account: String,
    /// Whose account it is.
    #[schema(max_length = 128)]
    pub name: String,
}

/// A checked request.
#[derive(Clone, Debug)]
pub struct CreateRefund {
    /// Why. Empty only in a preview.
    pub reason: String,
    /// How much; `None`: all that is left.
    pub amount_minor: Option<i64>,
    /// Who asks for it, when it was said.
    pub requested_by: Option<String>,
    /// From which payments.
    pub allocation: Allocation,
    /// The payer's bank account; its `Debug` shows nothing.
    pub payee: Option<Payee>,
}

/// The checked request in `body`. A preview needs no reason.
///
/// # Errors
/// See [`Reader::parse`] and [`Reader::finish`].
pub fn read(body: &[u8], preview: bool) -> Result<CreateRefund, Problem> {
    let mut reader = Reader::parse(body)?;
    let given = if preview { reader.optional_text("reason") } else { reader.text("reason") };
    if let Some(given) = &given {
        reason(given, &mut reader);
    }
    let amount_minor = reader.optional_integer("amount_minor");
    if let Some(minor) = amount_minor {
        amount("amount_minor", minor, &mut reader);
    }
    let requested_by = people::optional_person("requested_by", &mut reader);
    let allocation = allocation(&mut reader).map(Allocation::from).unwrap_or_default();
    let payee = payee(&mut reader);
    reader.finish()?;
    let named = match &allocation {
        Allocation::Named(shares) => Some(shares.iter().map(|s| s.amount_minor).fold(0, i64::saturating_add)),
        Allocation::Reverse | Allocation::Proportional => None,
    };
    let reason = given.unwrap_or_default();
    Ok(CreateRefund { reason, amount_minor: amount_minor.or(named), requested_by, allocation, payee })
}

fn amount(name: &str, minor: i64, reader: &mut Reader<'_>) {
    if minor < 1 {
        reader.refuse(name, format!("`{name}` must be at least 1 minor unit, not {minor}"));
    }
}

fn reason(given: &str, reader: &mut Reader<'_>) {
    let max = REFUND_REASON_MAX_BYTES;
    if let Err(message) = text::check("reason", given, max) {
        reader.refuse("reason", message);
    } else if given.len() > max {
        reader.refuse("reason", format!("`reason` has {} bytes in UTF-8; at most {max} are taken", given.len()));
    }
}

fn allocation(reader: &mut Reader<'_>) -> Option<AllocationBody> {
    if !reader.is_text("allocation") {
        let mut part = reader.optional_object("allocation")?;
        let shares = named(&mut part);
        reader.absorb(part);
        return Some(AllocationBody::Named(shares));
    }
    match reader.optional_text("allocation")?.as_str() {
        "reverse" => Some(AllocationBody::Reverse),
        "proportional" => Some(AllocationBody::Proportional),
        other => {
            let lawful = "`allocation` must be `reverse`, `proportional` or {\"named\": […]}";
            reader.refuse("allocation", format!("{lawful}, not `{}`", shown(other)));
            None
        }
    }
}

fn named(part: &mut Reader<'_>) -> Vec<NamedBody> {
    let Some(items) = part.optional_objects("named") else {
        if part.is_clean() {
            part.refuse("named", "`named` is missing: the payments with their shares");
        }
        return Vec::new();
    };
    if items.is_empty() || items.len() > NAMED_MAX {
        part.refuse("named", format!("`named` must be 1 to {NAMED_MAX} payments, not {}", items.len()));
    }
    let mut shares = Vec::new();
    for mut item in items {
        let payment = item.text("payment").and_then(|text| payment_id(&text, &mut item));
        let amount_minor = item.integer("amount_minor");
        if let Some(minor) = amount_minor {
            amount("amount_minor", minor, &mut item);
        }
        part.absorb(item);
        if let (Some(payment), Some(amount_minor)) = (payment, amount_minor) {
            shares.push(NamedBody { payment, amount_minor });
        }
    }
    shares
}

fn payment_id(text: &str, item: &mut Reader<'_>) -> Option<PaymentId> {
    let read: Result<PaymentId, String> = text.parse();
    read.map_err(|message| item.refuse("payment", message)).ok()
}

/// No value of it stands in any message.
fn payee(reader: &mut Reader<'_>) -> Option<Payee> {
    let mut part = reader.optional_object("payee")?;
    let payee = Payee {
        bank: name("bank", &mut part),
        account: part.text("account").map(|a| account(&a, &mut part)).unwrap_or_default(),
        name: name("name", &mut part),
    };
    reader.absorb(part);
    Some(payee)
}

fn name(name: &str, part: &mut Reader<'_>) -> String {
    let Some(given) = part.text(name) else { return String::new() };
    if let Err(message) = text::check(name, &given, limits::PAYEE_NAME_MAX_CHARS) {
        part.refuse(name, message);
    }
    given.trim().to_owned()
}

/// The one place where the number of a card is taken: it goes on sealed or not at all.
fn account(given: &str, part: &mut Reader<'_>) -> String {
    let bare: String = given.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
    let max = limits::PAYEE_ACCOUNT_MAX_CHARS;
    if bare.is_empty() || bare.len() > max || !bare.chars().all(|c| c.is_ascii_alphanumeric()) {
        part.refuse("account", format!("`account` must be 1 to {max} digits or letters"));
    }
    bare
}
