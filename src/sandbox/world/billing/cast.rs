//! Who lives in a town: payers with their contracts, and schedules. All drawn from the seed; what is due when is counted
//! by hand. It must never know what becomes of it.

use bursar_core::agreement::{Agreement, AgreementEvidence, AgreementState};
use bursar_core::bank::Day;
use bursar_core::billing::{Cadence, Dunning, Hours, Part, Plan, PlanFile, PlanState, Terms, Unit};
use bursar_core::channel::{ChannelKind, Method};
use bursar_core::clock::{DAY_MS, HOUR_MS, Timestamp};
use bursar_core::id::{AgreementId, ChannelAccountId, PlanId};
use bursar_core::merchant::{ChannelAccount, Merchant, MerchantPolicy};
use bursar_core::payment::PayerDetails;
use bursar_core::schedule::{CatchUp, Draft, OrderTemplate, Schedule, Template, Tender};
use bursar_core::{Chance, Currency, Money};

use super::almanac::Ymd;
use super::moods::Load;
use super::report::BillingSetup;
use super::wishes::{self, Story};
use crate::world::cast::{account, merchant};
use crate::world::state::{BEGIN_MS, State, stream};

/// Where payers live: with and without summer time, in both hemispheres, by halves and quarters of an hour.
const ZONES: [&str; 9] = [
    "Asia/Shanghai",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "Asia/Kathmandu",
    "America/Santiago",
    "Africa/Cairo",
    "Pacific/Kiritimati",
];
/// When a day's charges are made, in minutes.
const CHARGED_AT: [i64; 4] = [8 * 60, 10 * 60, 12 * 60 + 30, 21 * 60 + 45];
/// More than any installment.
const LIMIT_MINOR: i64 = 10_000_000;

/// What was agreed upon.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// An amount a month.
    Monthly { minor: i64, from: Ymd, periods: u32 },
    /// A sum in monthly parts.
    Parts { minors: Vec<i64>, from: Ymd },
}

/// A plan as the world knows it.
#[derive(Clone, Debug)]
pub(super) struct Contract {
    pub id: PlanId,
    pub number: String,
    pub kind: Kind,
    pub opens_ms: i64,
    pub story: Story,
}

/// What is due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Due {
    pub seq: u32,
    pub day: Ymd,
    pub minor: i64,
}

impl Contract {
    /// Everything that is due, by the calendar.
    pub fn dues(&self) -> Vec<Due> {
        match &self.kind {
            Kind::Monthly { minor, from, periods } => {
                (0..*periods).map(|n| Due { seq: n + 1, day: from.months_later(n.into()), minor: *minor }).collect()
            }
            Kind::Parts { minors, from } => {
                let parts = minors.iter().zip(0_u32..);
                parts.map(|(minor, n)| Due { seq: n + 1, day: from.months_later(n.into()), minor: *minor }).collect()
            }
        }
    }

    /// Minor units of all that is due.
    pub fn total_minor(&self) -> i64 {
        self.dues().iter().map(|d| d.minor).sum()
    }

    fn terms(&self) -> Option<Terms> {
        let day =
            |d: Ymd| Day::new(i16::try_from(d.year).ok()?, i8::try_from(d.month).ok()?, i8::try_from(d.day).ok()?);
        Some(match &self.kind {
            Kind::Monthly { minor, from, periods } => Terms::Subscription {
                minor: *minor,
                every: Cadence { every: 1, unit: Unit::Month },
                from: day(*from)?,
                periods: Some(*periods),
            },
            Kind::Parts { .. } => {
                let parts = self.dues().into_iter().map(|d| Some(Part { due_on: day(d.day)?, minor: d.minor }));
                Terms::Installments { parts: parts.collect::<Option<_>>()? }
            }
        })
    }
}

/// A payer.
#[derive(Clone, Debug)]
pub(super) struct Payer {
    pub name: String,
    pub zone: &'static str,
    /// In minutes of the day.
    pub charged_at: i64,
    /// By what he is charged; `None`: he pays by hand.
    pub debit: Option<(AgreementId, Method)>,
    pub contracts: Vec<Contract>,
}

impl Payer {
    /// His consent, as a merchant asks for it.
    pub fn agreement(&self, now: Timestamp) -> Option<Agreement> {
        let (id, method) = self.debit?;
        Some(Agreement {
            id,
            merchant: merchant(0),
            account: account(0, method.channel(), 0),
            method,
            payer: self.name.clone(),
            details: PayerDetails::default(),
            description: "nanny".to_owned(),
            limit: Money::new(LIMIT_MINOR, Currency::CNY),
            rhythm: None,
            state: AgreementState::New,
            evidence: AgreementEvidence::default(),
            // He may be asked for days while nobody is at work.
            sign_by: now.plus_ms(20 * DAY_MS),
            due_at: Some(now),
            event_count: 0,
            version: 0,
            created_at: now,
        })
    }

    /// A contract as the merchant gives it to us.
    pub fn plan(&self, contract: &Contract, now: Timestamp) -> Option<PlanFile> {
        let clock = |minutes: i64| format!("{:02}:{:02}", minutes / 60, minutes % 60).parse().ok();
        let account = |m: Method| account(0, m.channel(), 0);
        Some(PlanFile::begin(Plan {
            id: contract.id,
            merchant: merchant(0),
            number: contract.number.clone(),
            payer: self.name.clone(),
            description: "nanny".to_owned(),
            currency: Currency::CNY,
            terms: contract.terms()?,
            zone: self.zone.parse().ok()?,
            charge_at: clock(self.charged_at)?,
            dunning: Dunning { hours: Hours::default(), ..Dunning::default() },
            agreement: self.debit.map(|(id, _)| id),
            debit: self.debit.map(|(_, method)| (account(method), method)),
            offers: vec![Method::WechatNative],
            state: PlanState::Draft,
            reason: None,
            next_seq: 1,
            next_period: 0,
            credit_minor: 0,
            written_off: false,
            paid_off: false,
            due_at: Some(now),
            event_count: 0,
            version: 0,
            created_at: now,
        }))
    }
}

/// A schedule as the world knows it: its wall clock shows `minute` on each day that `on` names.
#[derive(Clone, Debug)]
pub(super) struct Clockwork {
    pub row: Schedule,
    pub zone: &'static str,
    pub minute: i64,
    pub on: Days,
}

/// On which days.
#[derive(Clone, Copy, Debug)]
pub(super) enum Days {
    /// From 0 for Monday.
    Weekday(i64),
    /// Days of the month; months that have it not are left out.
    Monthday(i64),
}

/// The account that takes what payers pay by hand.
pub(super) fn by_hand() -> (ChannelAccountId, Method) {
    (account(0, ChannelKind::Wechat, 0), Method::WechatNative)
}

/// Puts everybody into the tables and the world's books.
pub(super) fn assemble(state: &mut State, setup: &BillingSetup) {
    let created_at = Timestamp::from_millis(BEGIN_MS);
    let policy = MerchantPolicy::default();
    let row = Merchant { id: merchant(0), name: "town".to_owned(), policy, created_at };
    state.tables.merchants.insert(row.id, row);
    for channel in ChannelKind::ALL {
        let (id, merchant) = (account(0, channel, 0), merchant(0));
        let row = ChannelAccount {
            id,
            merchant,
            channel,
            settings: serde_json::Value::Null,
            facts: Some(channel.facts()),
            created_at,
        };
        state.tables.accounts.insert(id, row);
    }
    state.billing.payers = (0..setup.payers).map(|index| payer(setup, index)).collect();
    state.billing.clockworks = clockworks(setup);
}

fn one_of<T: Copy>(chance: &dyn Chance, from: &[T], default: T) -> T {
    let index = usize::try_from(chance.below(u64::try_from(from.len()).unwrap_or(1))).unwrap_or(0);
    from.get(index).copied().unwrap_or(default)
}

fn drawn(chance: &dyn Chance, from: i64, to: i64) -> i64 {
    from + i64::try_from(chance.below(u64::try_from(to - from + 1).unwrap_or(1))).unwrap_or(0)
}

fn payer(setup: &BillingSetup, index: u32) -> Payer {
    use Method::{AlipayDebit, CardDebit, UnionpayDebit, WechatDebit};
    let chance = stream(setup.seed, 9_000 + u64::from(index));
    let begin = Timestamp::from_millis(BEGIN_MS);
    let method = one_of(&chance, &[WechatDebit, AlipayDebit, UnionpayDebit, CardDebit], UnionpayDebit);
    let by_hand = chance.below(12) == 0;
    let debit = (!by_hand).then(|| (AgreementId::fresh(begin, &chance), method));
    let day = one_of(&chance, &[1, 5, 15, 28, 29, 30, 31, 31], 1);
    // Nothing is due before the payer could sign and be told.
    let from = Ymd::new(2026, if day < 12 { 2 } else { 1 }, day);
    let name = format!("payer {index}");
    let opens_ms = |after_ms: i64| BEGIN_MS + after_ms + drawn(&chance, HOUR_MS, 20 * HOUR_MS);
    let contract = |number: String, kind: Kind, opens_ms: i64| Contract {
        id: PlanId::fresh(Timestamp::from_millis(BEGIN_MS), &chance),
        number,
        story: if setup.load == Load::Heavy { wishes::draw(&chance, &kind) } else { Story::None },
        kind,
        opens_ms,
    };
    let contracts = if chance.below(2) == 0 {
        let kind = Kind::Monthly { minor: drawn(&chance, 100, 999_999), from, periods: 12 * setup.years };
        vec![contract(format!("P{index}"), kind, opens_ms(0))]
    } else {
        let year = |year: i64| {
            let count = if setup.load == Load::Heavy { one_of(&chance, &[3, 7, 12], 12) } else { 12 };
            let total = drawn(&chance, 10_000, 9_999_999);
            let mut minors = vec![total / count; usize::try_from(count).unwrap_or(12)];
            if let Some(last) = minors.last_mut() {
                *last += total % count;
            }
            let kind = Kind::Parts { minors, from: from.months_later(12 * year) };
            contract(format!("P{index}-{year}"), kind, opens_ms(year * 365 * DAY_MS))
        };
        (0..i64::from(setup.years)).map(year).collect()
    };
    Payer {
        name,
        zone: one_of(&chance, &ZONES, "UTC"),
        charged_at: one_of(&chance, &CHARGED_AT, 600),
        debit,
        contracts,
    }
}

fn clockworks(setup: &BillingSetup) -> Vec<Clockwork> {
    let chance = stream(setup.seed, 8_500);
    let policies = [CatchUp::All { at_most: 100 }, CatchUp::Once, CatchUp::Skip];
    let now = Timestamp::from_millis(BEGIN_MS);
    let one = |(nth, catch_up): (usize, CatchUp)| {
        let zone = one_of(&chance, &ZONES, "UTC");
        let minute = one_of(&chance, &[150, 30, 9 * 60, 23 * 60 + 59], 150);
        let (on, cron) = match chance.below(2) {
            0 => (Days::Weekday(6), format!("{} {} * * 0", minute % 60, minute / 60)),
            _ => (Days::Monthday(31), format!("{} {} 31 * *", minute % 60, minute / 60)),
        };
        let template = Template::Order(OrderTemplate {
            amount: Money::new(100, Currency::CNY),
            description: "rent".to_owned(),
            tender: Tender::Offers { methods: vec![Method::WechatNative], customer: None },
            life_s: 3_600,
            service: None,
            region: None,
        });
        let name = format!("S{nth}");
        let draft = Draft { merchant: merchant(0), name: &name, cron: &cron, zone };
        let row = draft.schedule(catch_up, template, now, &chance).ok()?;
        Some(Clockwork { row, zone, minute, on })
    };
    policies.into_iter().enumerate().filter_map(one).collect()
}
