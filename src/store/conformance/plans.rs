//! Agreements and plans to test with: it knows how to make plausible and random ones, and must never assert anything.

use bursar_core::agreement::{
    Agreement, AgreementClaim, AgreementEvidence, AgreementState, Rhythm, RhythmUnit, Signature,
};
use bursar_core::bank::Day;
use bursar_core::billing::{
    Cadence, Dunning, GiveBack, Installment, InstallmentKind, InstallmentState, LocalTime, Part, Plan, PlanFile,
    PlanState, Terms, Unit, Zone,
};
use bursar_core::chance::{Chance, SeededChance};
use bursar_core::channel::Method;
use bursar_core::decline::{Decline, DeclineClass};
use bursar_core::id::{AgreementId, ChannelAccountId, MerchantId, OrderId, PlanId, RefundId};
use bursar_core::observation::PayCode;
use bursar_core::payment::PayerDetails;
use bursar_core::{Currency, Money, Timestamp};

use super::world::*;
use crate::{BillingRows, Change};

pub fn day(text: &str) -> Day {
    text.parse().unwrap()
}

/// A new agreement with something in every member that may have nothing.
pub fn agreement(merchant: MerchantId) -> Agreement {
    Agreement {
        id: AgreementId(uuid()),
        merchant,
        account: ChannelAccountId(uuid()),
        method: Method::AlipayDebit,
        payer: "客户-7".to_owned(),
        details: PayerDetails { openid: Some("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o".to_owned()), ..PayerDetails::default() },
        description: "月嫂, monthly".to_owned(),
        limit: Money::new(500_000, Currency::CNY),
        rhythm: Some(Rhythm { every: 1, unit: RhythmUnit::Month, first_on: day("2023-12-31") }),
        state: AgreementState::New,
        evidence: AgreementEvidence::default(),
        sign_by: NOW.plus_ms(86_400_000),
        due_at: Some(NOW),
        event_count: 0,
        version: 0,
        created_at: NOW,
    }
}

/// A new plan of three parts.
pub fn plan(merchant: MerchantId, number: &str) -> PlanFile {
    let parts = ["2023-12-31", "2024-01-31", "2024-02-29"].map(|due_on| Part { due_on: day(due_on), minor: 10_000 });
    let installments = parts.iter().zip(1..);
    PlanFile {
        installments: installments
            .map(|(p, n)| Installment::new(n, InstallmentKind::Regular, p.due_on, p.minor))
            .collect(),
        plan: Plan {
            id: PlanId(uuid()),
            merchant,
            number: number.to_owned(),
            payer: "客户-7".to_owned(),
            description: "月嫂".to_owned(),
            currency: Currency::CNY,
            terms: Terms::Installments { parts: parts.to_vec() },
            zone: Zone::DEFAULT.parse().unwrap(),
            charge_at: LocalTime::new(10, 0).unwrap(),
            dunning: Dunning::default(),
            agreement: None,
            debit: None,
            offers: Vec::new(),
            state: PlanState::Active,
            reason: None,
            next_seq: 4,
            next_period: 0,
            credit_minor: 0,
            written_off: false,
            paid_off: false,
            due_at: Some(NOW),
            event_count: 0,
            version: 0,
            created_at: NOW,
        },
    }
}

/// The change that takes plans on the books.
pub fn opening_plan(file: &PlanFile) -> Change {
    rows(BillingRows {
        new_plans: vec![file.plan.clone()],
        installments: file.installments.iter().map(|i| (file.plan.id, i.clone())).collect(),
        ..BillingRows::default()
    })
}

pub fn rows(billing: BillingRows) -> Change {
    Change { billing, ..Change::default() }
}

/// The change that writes a plan that was read, with all its installments.
pub fn writing(file: &PlanFile) -> Change {
    rows(BillingRows {
        plans: vec![file.plan.clone()],
        installments: file.installments.iter().map(|i| (file.plan.id, i.clone())).collect(),
        ..BillingRows::default()
    })
}

/// Dice.
pub struct Dice(SeededChance);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(SeededChance::new(seed))
    }

    pub fn below(&self, bound: usize) -> usize {
        usize::try_from(self.0.below(u64::try_from(bound).unwrap())).unwrap()
    }

    fn small(&self, bound: usize) -> u32 {
        u32::try_from(self.below(bound)).unwrap()
    }

    fn short(&self, bound: usize) -> u16 {
        u16::try_from(self.below(bound)).unwrap()
    }

    fn flip(&self) -> bool {
        self.below(2) == 1
    }

    fn one<T: Copy>(&self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    fn some<T>(&self, make: impl FnOnce() -> T) -> Option<T> {
        self.flip().then(make)
    }

    fn many<T>(&self, most: usize, make: impl Fn() -> T) -> Vec<T> {
        (0..self.below(most + 1)).map(|_| make()).collect()
    }

    fn minor(&self) -> i64 {
        self.one(&[1, 99, 12_345, i64::from(u32::MAX), i64::MAX - 1]) - i64::from(self.flip())
    }

    fn time(&self) -> Timestamp {
        NOW.plus_ms(i64::try_from(self.0.below(1_000_000_000_000)).unwrap())
    }

    fn day(&self) -> Day {
        day("2024-02-29").plus_days(i64::from(self.small(40_000)))
    }

    fn text(&self) -> String {
        let pool = ["", "月", "\"", "\\", "'", "\n", "🏠", "{\"a\":1}", "%", "plain words", "\u{7f}", " "];
        self.many(6, || self.one(&pool)).concat()
    }

    pub fn agreement(&self) -> Agreement {
        let mut evidence = AgreementEvidence::default();
        for _ in 0..self.below(6) {
            let claim = match self.below(7) {
                0 => AgreementClaim::Offered { code: PayCode::Redirect { url: self.text() } },
                1 => AgreementClaim::Refused { reason: self.text() },
                2 => AgreementClaim::NoAnswer { why: self.text() },
                3 => AgreementClaim::Signed(Signature {
                    channel_id: self.text(),
                    payer_id: self.some(|| self.text()),
                    signed_at: self.time(),
                    ends_at: self.some(|| self.time()),
                }),
                4 => AgreementClaim::EndRequested { by: self.text() },
                5 => AgreementClaim::Ended { reason: self.text() },
                _ => AgreementClaim::Lapsed,
            };
            evidence = evidence.join(self.time(), &claim);
        }
        let unit = self.one(&[RhythmUnit::Day, RhythmUnit::Month]);
        Agreement {
            method: self.one(&Method::ALL),
            payer: self.text(),
            details: PayerDetails { name: self.some(|| self.text()), ..PayerDetails::default() },
            description: self.text(),
            limit: Money::new(self.minor(), Currency::CNY),
            rhythm: self.some(|| Rhythm { every: self.short(99), unit, first_on: self.day() }),
            state: evidence.state(),
            evidence,
            sign_by: self.time(),
            due_at: self.some(|| self.time()),
            event_count: i64::from(self.small(99)),
            created_at: self.time(),
            ..agreement(merchant())
        }
    }

    fn installment(&self, seq: u32) -> Installment {
        Installment {
            seq,
            kind: self.one(&[InstallmentKind::Regular, InstallmentKind::Adjustment, InstallmentKind::Payoff]),
            period: self.some(|| (self.day(), self.day())),
            due_on: self.day(),
            minor: self.minor(),
            state: self.one(&InstallmentState::ALL),
            order: self.some(|| OrderId(uuid())),
            tries: self.small(9),
            tried_at: self.some(|| self.time()),
            next_at: self.some(|| self.time()),
            decline: self.some(|| Decline { class: self.one(&DeclineClass::ALL), reason: self.text() }),
            announced_on: self.some(|| self.day()),
            give_back: self.many(3, || GiveBack { refund: RefundId(uuid()), minor: self.minor(), asked: self.flip() }),
        }
    }

    fn terms(&self) -> Terms {
        if self.flip() {
            return Terms::Installments { parts: self.many(30, || Part { due_on: self.day(), minor: self.minor() }) };
        }
        let unit = self.one(&[Unit::Day, Unit::Week, Unit::Month, Unit::Year]);
        Terms::Subscription {
            minor: self.minor(),
            every: Cadence { every: self.short(366), unit },
            from: self.day(),
            periods: self.some(|| self.small(1_200)),
        }
    }

    /// A plan with up to forty installments, not all of which need make sense together.
    pub fn file(&self) -> PlanFile {
        let at = |hour| LocalTime::new(hour, self.short(60)).unwrap();
        let dunning = Dunning {
            days: self.many(5, || self.short(60)),
            at: at(9),
            paydays: self.many(3, || u8::try_from(self.below(31)).unwrap()),
            write_off_after_days: self.short(90),
            stop_on_write_off: self.flip(),
            ..Dunning::default()
        };
        let PlanFile { plan, .. } = plan(merchant(), &uuid().to_string());
        let plan = Plan {
            payer: self.text(),
            description: self.text(),
            terms: self.terms(),
            zone: self.one(&["Asia/Shanghai", "America/New_York", "Europe/Berlin"]).parse().unwrap(),
            charge_at: at(self.short(24)),
            dunning,
            agreement: self.some(|| AgreementId(uuid())),
            debit: self.some(|| (ChannelAccountId(uuid()), self.one(&Method::ALL))),
            offers: self.many(4, || self.one(&Method::ALL)),
            state: self.one(&PlanState::ALL),
            reason: self.some(|| self.text()),
            next_seq: self.small(1_300),
            next_period: self.small(1_300),
            credit_minor: self.minor(),
            written_off: self.flip(),
            paid_off: self.flip(),
            due_at: self.some(|| self.time()),
            event_count: i64::from(self.small(99)),
            created_at: self.time(),
            ..plan
        };
        PlanFile { plan, installments: (1..=self.small(41)).map(|seq| self.installment(seq)).collect() }
    }
}
