//! What a request for a plan says: it knows names and types of members, and must never judge what they mean.

use bursar_core::billing::terms::MAX_PARTS;
use serde::Serialize;
use utoipa::ToSchema;

use crate::json::Reader;
use crate::problem::Problem;

/// A request for a plan: exactly one of `installments` and `subscription`.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[schema(as = CreatePlan)]
pub struct CreatePlan {
    /// The merchant's own number, unique among his plans: 1 to 58 of letters, digits, `_ . : -`. The orders of its
    /// installments are numbered `{number}-1`, `{number}-2` and so on.
    #[schema(example = "training-7", max_length = 58)]
    pub number: String,
    /// The merchant's own number of the payer: 1 to 64 of letters, digits, `_ . : -`; no name and no telephone number.
    #[schema(example = "family-wu", max_length = 64)]
    pub payer: String,
    /// What for, as the payer reads it. At most 127 characters.
    #[schema(example = "Nanny training", max_length = 127)]
    pub description: String,
    /// ISO 4217 code.
    #[schema(example = "CNY")]
    pub currency: String,
    /// In which days and hours are meant: an IANA time zone. Without it that of the merchant's policy.
    #[schema(nullable = false, example = "Asia/Shanghai")]
    pub zone: Option<String>,
    /// At what time of its day an installment is charged, or the payer asked: `10:00` when left out.
    #[schema(nullable = false, example = "10:00")]
    pub charge_at: Option<String>,
    /// The agreement (`agr_…`) by which the payer is charged. It may still wait to be signed: the plan begins when it is.
    #[schema(nullable = false)]
    pub agreement: Option<String>,
    /// By what the payer may pay an installment himself: always without an `agreement`, and after declines with one.
    #[schema(nullable = false)]
    pub offers: Option<Vec<String>>,
    /// What happens when a charge is declined. What is left out is as in the merchant's policy.
    #[schema(nullable = false)]
    pub dunning: Option<CreateDunning>,
    /// A fixed sum in parts.
    #[schema(nullable = false)]
    pub installments: Option<CreateInstallments>,
    /// An amount for each period.
    #[schema(nullable = false)]
    pub subscription: Option<CreateSubscription>,
    /// `true`: only tell what would fall due when. The same as `?preview=true`.
    #[schema(nullable = false, default = false)]
    pub preview: Option<bool>,
}

/// A fixed sum: `total_minor`, `count` and `every` for equal parts, or `parts`.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[schema(as = CreateInstallments)]
pub struct CreateInstallments {
    /// The sum, in minor units. With `parts` it may be left out, and must be what they add up to.
    #[schema(nullable = false, example = 1_200_000, minimum = 1, maximum = 100_000_000_000_i64)]
    pub total_minor: Option<i64>,
    /// How many equal parts: 1 to 1200. The last takes the remainder.
    #[schema(nullable = false, example = 12, minimum = 1, maximum = 1_200)]
    pub count: Option<i64>,
    /// The day of the first part; `today` when left out: the first part now.
    #[schema(nullable = false, example = "2026-12-01")]
    pub first_on: Option<String>,
    /// How much lies between two parts; needed unless there is one.
    #[schema(nullable = false)]
    pub every: Option<CreateCadence>,
    /// The parts themselves, by day, instead of `count`, `first_on` and `every`: 1 to 1200.
    #[schema(nullable = false, min_items = 1, max_items = 1_200)]
    pub parts: Option<Vec<CreatePlanPart>>,
}

/// A part of a fixed sum.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[schema(as = CreatePlanPart)]
pub struct CreatePlanPart {
    /// The day on which it is due, or `today`.
    #[schema(example = "2026-12-01")]
    pub due_on: String,
    /// Minor units.
    #[schema(example = 100_000, minimum = 1, maximum = 100_000_000_000_i64)]
    pub minor: i64,
}

/// An amount for each period.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[schema(as = CreateSubscription)]
pub struct CreateSubscription {
    /// Minor units of a period.
    #[schema(example = 580_000, minimum = 1, maximum = 100_000_000_000_i64)]
    pub minor: i64,
    /// How long a period is.
    pub every: CreateCadence,
    /// The day on which it begins, or `today`. Each period is due on its first day.
    #[schema(example = "2026-12-01")]
    pub from: String,
    /// So many days from then on cost nothing: the first period that is paid for begins after them. 0 to 366.
    #[schema(nullable = false, example = 7, minimum = 0, maximum = 366)]
    pub trial_days: Option<i64>,
    /// How many periods; without it until somebody ends it (at most 1200).
    #[schema(nullable = false, example = 12, minimum = 1, maximum = 1_200)]
    pub periods: Option<i64>,
}

/// How often.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[schema(as = CreateCadence)]
pub struct CreateCadence {
    /// Every so many units: 1 to 366.
    #[schema(example = 1, minimum = 1, maximum = 366)]
    pub every: i64,
    /// `day`, `week`, `month` or `year`. Months are counted from the first day each time: after the 31st of January
    /// come the last of February and the 31st of March.
    #[schema(example = "month")]
    pub unit: String,
}

/// What happens when a charge is declined.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[schema(as = CreateDunning)]
pub struct CreateDunning {
    /// So many days after the due day it is tried again; rising.
    #[schema(nullable = false, example = json!([1, 3, 5, 8, 11, 14]))]
    pub days: Option<Vec<i64>>,
    /// At this time of the day.
    #[schema(nullable = false, example = "10:00")]
    pub at: Option<String>,
    /// The payer is never charged outside these hours, also the first time.
    #[schema(nullable = false)]
    pub hours: Option<CreateHours>,
    /// Days of the month on which people are paid: a try that lacked money waits for one that comes before the try
    /// after it.
    #[schema(nullable = false, example = json!([10, 15]))]
    pub paydays: Option<Vec<i64>>,
    /// So many days after the due day what is not paid is written off.
    #[schema(nullable = false, example = 60)]
    pub write_off_after_days: Option<i64>,
    /// Whether the rest of the plan is given up when something is written off.
    #[schema(nullable = false)]
    pub stop_on_write_off: Option<bool>,
}

/// Hours of the day.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[schema(as = CreateHours)]
pub struct CreateHours {
    /// From this time on.
    #[schema(example = "08:00")]
    pub from: String,
    /// Before this time.
    #[schema(example = "22:00")]
    pub until: String,
}

/// The members of the body, by name and type only.
///
/// # Errors
/// See `Reader::parse` and `Reader::finish`.
pub fn read(body: &[u8]) -> Result<CreatePlan, Problem> {
    let mut reader = Reader::parse(body)?;
    let request = CreatePlan {
        number: reader.text("number").unwrap_or_default(),
        payer: reader.text("payer").unwrap_or_default(),
        description: reader.text("description").unwrap_or_default(),
        currency: reader.text("currency").unwrap_or_default(),
        zone: reader.optional_text("zone"),
        charge_at: reader.optional_text("charge_at"),
        agreement: reader.optional_text("agreement"),
        offers: reader.optional_texts("offers"),
        dunning: part("dunning", &mut reader, dunning),
        installments: part("installments", &mut reader, installments),
        subscription: part("subscription", &mut reader, subscription),
        preview: reader.optional_bool("preview"),
    };
    reader.finish()?;
    Ok(request)
}

/// The object in the member `name`, read by `read`.
fn part<'a, T>(name: &str, whole: &mut Reader<'a>, read: impl FnOnce(&mut Reader<'a>) -> T) -> Option<T> {
    let mut part = whole.optional_object(name)?;
    let value = read(&mut part);
    whole.absorb(part);
    Some(value)
}

fn cadence(reader: &mut Reader<'_>) -> CreateCadence {
    CreateCadence { every: reader.integer("every").unwrap_or_default(), unit: reader.text("unit").unwrap_or_default() }
}

fn installments(reader: &mut Reader<'_>) -> CreateInstallments {
    let most = usize::try_from(MAX_PARTS).unwrap_or(usize::MAX);
    CreateInstallments {
        total_minor: reader.optional_integer("total_minor"),
        count: reader.optional_integer("count"),
        first_on: reader.optional_text("first_on"),
        every: part("every", reader, cadence),
        parts: reader
            .optional_objects_up_to("parts", most)
            .map(|parts| parts.into_iter().map(|p| plan_part(p, reader)).collect()),
    }
}

fn plan_part(mut part: Reader<'_>, whole: &mut Reader<'_>) -> CreatePlanPart {
    let read = CreatePlanPart {
        due_on: part.text("due_on").unwrap_or_default(),
        minor: part.integer("minor").unwrap_or_default(),
    };
    whole.absorb(part);
    read
}

fn subscription(reader: &mut Reader<'_>) -> CreateSubscription {
    let minor = reader.integer("minor").unwrap_or_default();
    let every = reader.object("every").map(|mut part| {
        let every = cadence(&mut part);
        reader.absorb(part);
        every
    });
    CreateSubscription {
        minor,
        every: every.unwrap_or_default(),
        from: reader.text("from").unwrap_or_default(),
        trial_days: reader.optional_integer("trial_days"),
        periods: reader.optional_integer("periods"),
    }
}

fn dunning(reader: &mut Reader<'_>) -> CreateDunning {
    CreateDunning {
        days: reader.optional_integers("days"),
        at: reader.optional_text("at"),
        hours: part("hours", reader, |hours| CreateHours {
            from: hours.text("from").unwrap_or_default(),
            until: hours.text("until").unwrap_or_default(),
        }),
        paydays: reader.optional_integers("paydays"),
        write_off_after_days: reader.optional_integer("write_off_after_days"),
        stop_on_write_off: reader.optional_bool("stop_on_write_off"),
    }
}
