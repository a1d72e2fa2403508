//! What may become a schedule: it knows every check on a request for one, and must never write anything.

use bursar_core::schedule::{CatchUp, Draft, OrderTemplate, Schedule, Template, Tender};
use bursar_core::{Currency, Money, text};
use serde::Serialize;
use utoipa::ToSchema;

use crate::json::Reader;
use crate::limits;
use crate::orders::intake::{CreateOrder, CreatePayer, Scene, payer};
use crate::orders::{checks, tender};
use crate::problem::Problem;

/// A request for a schedule.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[schema(as = CreateSchedule)]
pub struct CreateSchedule {
    /// Its name, unique per merchant: 1 to 40 of letters, digits, `_ . : -`.
    #[schema(example = "monthly-c-1042", max_length = 40)]
    pub name: String,
    /// When: seconds, minutes, hours, days of the month (`L`: the last), months, days of the week (Sunday is 0 or 7);
    /// without the seconds five fields. At most once a minute.
    #[schema(example = "0 30 9 1 * *")]
    pub cron: String,
    /// The IANA time zone in which that is read. What a change of clocks skips fires at the change, what it repeats
    /// fires once.
    #[schema(example = "Asia/Shanghai")]
    pub zone: String,
    /// What becomes of instants that were missed (nobody was there to fire them): `all` are fired, only the latest
    /// (`once`), or none that is older than five minutes (`skip`). `all` when left out.
    #[schema(nullable = false, example = "all")]
    pub catch_up: Option<String>,
    /// With `all`: at most so many, the latest; older ones are skipped and counted. 1 to 1000; 31 when left out.
    #[schema(nullable = false, minimum = 1, maximum = 1_000)]
    pub catch_up_at_most: Option<i64>,
    /// What a fire opens.
    pub order: CreateOrderTemplate,
}

/// An order that is opened again and again; its number is made of the schedule's name and the due instant.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[schema(as = CreateOrderTemplate)]
pub struct CreateOrderTemplate {
    /// What is owed each time, in minor units.
    #[schema(example = 12_800, minimum = 1, maximum = 100_000_000_000_i64)]
    pub amount_minor: i64,
    /// ISO 4217 code.
    #[schema(example = "CNY")]
    pub currency: String,
    /// What for, as the payer reads it.
    #[schema(example = "Home cleaning, 2 hours", max_length = 127)]
    pub description: String,
    /// How the payer pays. Needed unless `offers` are given.
    #[schema(nullable = false, example = "wechat_native")]
    pub method: Option<String>,
    /// Through which channel account. May be left out when the merchant has exactly one for the method.
    #[schema(nullable = false)]
    pub account_id: Option<String>,
    /// What the method must know of the payer.
    #[schema(nullable = false)]
    pub payer: Option<CreatePayer>,
    /// The ways among which the payer chooses, instead of `method`, `account_id` and `payer`.
    #[schema(nullable = false, min_items = 1, max_items = 14)]
    pub offers: Option<Vec<String>>,
    /// The merchant's own number of the payer, with `offers`.
    #[schema(nullable = false, max_length = 64)]
    pub customer: Option<String>,
    /// Seconds from the fire to the last moment to pay: 60 to 604800. Without it half an hour.
    #[schema(nullable = false, example = 86_400)]
    pub expires_in_seconds: Option<i64>,
    /// What kind of service it is for, in your own words; see `POST /v1/orders`.
    #[schema(nullable = false, example = "cleaning", max_length = 64)]
    pub service: Option<String>,
    /// Where, in your own words.
    #[schema(nullable = false, example = "Shanghai", max_length = 64)]
    pub region: Option<String>,
}

/// The members of the body, by name and type only.
///
/// # Errors
/// See `Reader::parse` and `Reader::finish`.
pub fn read(body: &[u8]) -> Result<CreateSchedule, Problem> {
    let mut reader = Reader::parse(body)?;
    let request = CreateSchedule {
        name: reader.text("name").unwrap_or_default(),
        cron: reader.text("cron").unwrap_or_default(),
        zone: reader.text("zone").unwrap_or_default(),
        catch_up: reader.optional_text("catch_up"),
        catch_up_at_most: reader.optional_integer("catch_up_at_most"),
        order: reader.object("order").map(|part| order(part, &mut reader)).unwrap_or_default(),
    };
    reader.finish()?;
    Ok(request)
}

fn order(mut part: Reader<'_>, whole: &mut Reader<'_>) -> CreateOrderTemplate {
    let read = CreateOrderTemplate {
        amount_minor: part.integer("amount_minor").unwrap_or_default(),
        currency: part.text("currency").unwrap_or_default(),
        description: part.text("description").unwrap_or_default(),
        method: part.optional_text("method"),
        account_id: part.optional_text("account_id"),
        payer: payer("payer", &mut part),
        offers: part.optional_texts("offers"),
        customer: part.optional_text("customer"),
        expires_in_seconds: part.optional_integer("expires_in_seconds"),
        service: part.optional_text("service"),
        region: part.optional_text("region"),
    };
    whole.absorb(part);
    read
}

/// The schedule that the request asks for.
///
/// # Errors
/// [`crate::problem::Kind::InvalidRequest`] naming every member that is wrong.
pub fn draft(request: &CreateSchedule, scene: Scene<'_>) -> Result<Schedule, Problem> {
    let mut errors = Reader::blank();
    let wish = Draft { merchant: scene.merchant, name: &request.name, cron: &request.cron, zone: &request.zone };
    for wrong in wish.check(scene.now).err().unwrap_or_default() {
        errors.refuse(wrong.member, wrong.why);
    }
    let catch_up = CatchUp::new(request.catch_up.as_deref().unwrap_or("all"), request.catch_up_at_most);
    let catch_up = checks::take(&mut errors, "catch_up", catch_up).unwrap_or_default();
    let mut own = Reader::blank_at("/order");
    let template = template(&request.order, scene, &mut own);
    errors.absorb(own);
    errors.finish()?;
    let template = template.ok_or_else(|| Problem::internal("a checked schedule has no way to pay"))?;
    let drafted = wish.schedule(catch_up, Template::Order(template), scene.now, scene.chance);
    drafted.map_err(|_| Problem::internal("a checked schedule is wrong"))
}

fn template(request: &CreateOrderTemplate, scene: Scene<'_>, errors: &mut Reader<'_>) -> Option<OrderTemplate> {
    checks::amount("amount_minor", request.amount_minor, errors);
    let currency: Currency = checks::take(errors, "currency", request.currency.parse()).unwrap_or(Currency::CNY);
    let described = text::check("description", &request.description, limits::DESCRIPTION_MAX_CHARS);
    checks::take(errors, "description", described);
    let life_s = request.expires_in_seconds.unwrap_or(scene.settings.default_expiry_seconds);
    checks::expiry(Some(life_s), None, scene, errors);
    checks::label("service", request.service.as_deref(), errors);
    checks::label("region", request.region.as_deref(), errors);
    let ways = CreateOrder {
        amount_minor: request.amount_minor,
        method: request.method.clone(),
        account_id: request.account_id.clone(),
        payer: request.payer.clone(),
        offers: request.offers.clone(),
        customer: request.customer.clone(),
        ..CreateOrder::default()
    };
    let methods = tender::offers(&ways, currency, errors);
    let tender = if request.offers.is_some() {
        Some(Tender::Offers { methods, customer: request.customer.clone() })
    } else {
        let way = tender::ways(&ways, currency, scene, errors).pop();
        way.map(|way| Tender::Named { method: way.method, account: way.account, payer: way.payer })
    };
    let amount = Money::new(request.amount_minor, currency);
    let (service, region) = (request.service.clone(), request.region.clone());
    let description = request.description.clone();
    tender.map(|tender| OrderTemplate { amount, description, tender, life_s, service, region })
}
