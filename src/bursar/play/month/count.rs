//! What the month came to: it counts naively, from the families' terms and the channels' own books, and must never
//! forgive a difference.

use std::collections::{BTreeMap, BTreeSet};

use bursar_core::Timestamp;
use bursar_core::bank::Day;
use bursar_core::billing::{Hours, Installment, InstallmentState, PlanFile, Zone};
use bursar_core::clock::{DAY_MS, HOUR_MS};
use bursar_core::id::ScheduleId;
use bursar_core::order::Dossier;
use bursar_core::payment::Payment;
use bursar_sandbox::{AgreementState, DebitOutcome};
use bursar_store::Extent;
use serde_json::{Value, json};

use super::cast::DAYS;
use super::sign::Member;
use super::{CRON_MS, Month};
use crate::play::audit::compare;

/// The days that a schedule missed at most are among so many fires.
const MOST_FIRES: u32 = 100;

/// What is counted.
pub(super) struct Books<'a> {
    pub(super) members: &'a [Member],
    pub(super) schedule: Option<ScheduleId>,
    pub(super) ended_at: Timestamp,
}

/// How the month ended.
#[derive(Clone, Debug, Default)]
pub struct Report {
    families: usize,
    signed: usize,
    ended: usize,
    plans: BTreeMap<&'static str, u64>,
    /// What must have been asked for, counted from the terms, and what was.
    due: usize,
    asked: usize,
    installments: BTreeMap<&'static str, u64>,
    retried: u64,
    by_hand: u64,
    /// Of what was due, what is neither paid nor voided, and waits for a day or for a moment.
    unpaid: u64,
    calls: u64,
    succeeded: u64,
    declined: u64,
    twice: u64,
    at_night: u64,
    fires_expected: usize,
    fired: usize,
    missed: usize,
    captured_minor: i64,
    refunded_minor: i64,
    refunds_open: u64,
    undelivered: u64,
    effects_doubled: u64,
    out_of_money: u64,
    books_agree: bool,
    differences: Vec<String>,
}

/// Counts everything as it is now.
pub(super) async fn count(month: &Month<'_>, books: &Books<'_>) -> anyhow::Result<Report> {
    let means = &month.means;
    let store = means.program.store.as_ref();
    let mut report = Report { families: books.members.len(), ..Report::default() };
    let mut orders = Vec::new();
    for member in books.members {
        let Some(file) = store.plan(member.plan()?, Extent::All).await? else { continue };
        let dues = member.family.dues(month.start, month.last());
        report.due += dues.len();
        for installment in &file.installments {
            let order = match installment.order {
                Some(order) => store.dossier(order).await?,
                None => None,
            };
            report.add(installment, order.as_ref(), month.last());
            orders.extend(order);
        }
        report.compare_dues(&file, dues, month.last());
        *report.plans.entry(file.plan.state.name()).or_default() += 1;
    }
    report.count_fires(month, books).await?;
    report.read_channels(month, books, &orders);
    let (theirs, refunds) = (means.sandbox.books(), means.sandbox.refunds());
    let audit = compare(store, means.actors, &theirs, &refunds, means.by_hand).await?;
    report.books_agree = audit.books_agree();
    report.differences.extend(audit.differences.iter().chain(&audit.unbalanced).cloned());
    report.refunds_open = audit.refunds.open;
    report.effects_doubled = audit.channel_effects_doubled;
    report.out_of_money = audit.out_of_money;
    report.undelivered = store.counts().await?.undelivered;
    Ok(report)
}

/// What was due in the month, and was asked for.
fn was_asked(installment: &Installment, last: Day) -> bool {
    installment.order.is_some() && installment.due_on <= last
}

impl Report {
    fn add(&mut self, installment: &Installment, order: Option<&Dossier>, last: Day) {
        let state = installment.state;
        *self.installments.entry(state.name()).or_default() += 1;
        self.retried += u64::from(installment.tries > 1);
        if was_asked(installment, last) {
            self.asked += 1;
            self.unpaid += u64::from(state != InstallmentState::Paid);
        }
        let took = |p: &&Payment| p.taken_minor() > 0;
        let by_hand = order.is_some_and(|o| o.payments.iter().filter(took).any(|p| p.agreement.is_none()));
        self.by_hand += u64::from(state == InstallmentState::Paid && by_hand);
    }

    /// The days on which a plan asked for money are the days of its terms.
    fn compare_dues(&mut self, file: &PlanFile, mut dues: Vec<Day>, last: Day) {
        let mut asked: Vec<_> = file.installments.iter().filter(|i| was_asked(i, last)).map(|i| i.due_on).collect();
        dues.sort_unstable();
        asked.sort_unstable();
        if dues != asked {
            let words = format!("{} asked for money on {asked:?}; its terms say {dues:?}", file.plan.number);
            self.differences.push(words);
        }
    }

    async fn count_fires(&mut self, month: &Month<'_>, books: &Books<'_>) -> anyhow::Result<()> {
        let Some(schedule) = books.schedule else { return Ok(()) };
        let fires = month.means.program.store.fires(schedule, None, MOST_FIRES).await?;
        let fired: BTreeSet<Timestamp> = fires.iter().map(|f| f.due_at).filter(|at| *at <= books.ended_at).collect();
        // The first of January 1970 was a Thursday; days are counted as they begin in Beijing.
        let monday = |at: &Timestamp| (at.as_millis() + 8 * HOUR_MS).div_euclid(DAY_MS).rem_euclid(7) == 4;
        let expected: BTreeSet<Timestamp> = (0..DAYS).map(|day| month.at(day, CRON_MS)).filter(monday).collect();
        (self.fires_expected, self.fired) =
            (expected.len(), fires.iter().filter(|f| f.due_at <= books.ended_at).count());
        self.missed = expected.difference(&fired).count();
        Ok(())
    }

    /// What the channels' own books say of the month.
    fn read_channels(&mut self, month: &Month<'_>, books: &Books<'_>, orders: &[Dossier]) {
        let sandbox = month.means.sandbox;
        let numbers: BTreeSet<String> = books.members.iter().filter_map(Member::number).collect();
        for agreement in sandbox.agreements().iter().filter(|a| numbers.contains(&a.agreement)) {
            self.signed += usize::from(agreement.signed_at_ms.is_some());
            self.ended += usize::from(matches!(agreement.state, AgreementState::Ended(_)));
        }
        let (zone, hours) = (Zone::default(), Hours::default());
        for debit in sandbox.debits().iter().filter(|d| numbers.contains(&d.agreement)) {
            self.calls += 1;
            self.succeeded += u64::from(debit.outcome == DebitOutcome::Charged);
            self.declined += u64::from(matches!(debit.outcome, DebitOutcome::Declined(_)));
            self.at_night += u64::from(!hours.allow(&zone, Timestamp::from_millis(debit.at_ms)));
        }
        let began_at_ms = month.at(0, 0).as_millis();
        let entries: Vec<_> = sandbox.books().into_iter().filter(|e| e.created_at_ms >= began_at_ms).collect();
        for entry in &entries {
            self.captured_minor = self.captured_minor.saturating_add(entry.captured_minor);
            self.refunded_minor = self.refunded_minor.saturating_add(entry.refunded_minor);
        }
        let charges: BTreeMap<&str, u32> = entries.iter().map(|e| (e.out_trade_no.as_str(), e.charges)).collect();
        for order in orders {
            let of = |p: &Payment| charges.get(p.number().as_str()).copied().unwrap_or(0);
            let all: u32 = order.payments.iter().map(of).fold(0, u32::saturating_add);
            self.twice += u64::from(all.saturating_sub(1));
        }
    }

    fn installments(&self, state: InstallmentState) -> u64 {
        self.installments.get(state.name()).copied().unwrap_or(0)
    }

    /// Something of what was due has neither ended nor is it under way at this moment.
    pub(super) fn waits_for_a_day(&self) -> bool {
        self.due != self.asked || self.unpaid > 0 || self.refunds_open > 0 || self.undelivered > 0
    }

    /// Whether nothing changes any more.
    pub(super) fn is_at_rest(&self) -> bool {
        !self.waits_for_a_day() && self.books_agree
    }

    /// Whether everything ended as it must.
    pub fn is_right(&self) -> bool {
        let nothing = [self.twice, self.at_night, self.effects_doubled, self.out_of_money];
        let whole = self.fires_expected == self.fired && self.missed == 0 && self.differences.is_empty();
        self.is_at_rest() && whole && nothing == [0; 4]
    }

    /// Minor units that the channels took in the month, by their own books.
    pub const fn captured_minor(&self) -> i64 {
        self.captured_minor
    }

    /// Minor units that the channels gave back of them.
    pub const fn refunded_minor(&self) -> i64 {
        self.refunded_minor
    }

    /// Whether our books and theirs agree.
    pub const fn books_agree(&self) -> bool {
        self.books_agree
    }

    /// What is wrong, in words.
    pub fn differences(&self) -> &[String] {
        &self.differences
    }

    /// For programs.
    pub fn to_json(&self) -> Value {
        json!({
            "days": DAYS, "families": self.families,
            "agreements": { "signed": self.signed, "ended": self.ended },
            "plans": self.plans,
            "installments": {
                "due": self.due, "asked": self.asked, "paid": self.installments(InstallmentState::Paid),
                "retried": self.retried, "overdue": self.installments(InstallmentState::Overdue),
                "voided": self.installments(InstallmentState::Voided),
                "written_off": self.installments(InstallmentState::WrittenOff), "by_hand": self.by_hand,
            },
            "charges": {
                "calls": self.calls, "succeeded": self.succeeded, "declined": self.declined, "twice": self.twice,
                "at_night": self.at_night,
            },
            "schedules": { "expected": self.fires_expected, "fired": self.fired, "missed": self.missed },
            "captured_minor": self.captured_minor, "refunded_minor": self.refunded_minor,
            "books_agree": self.books_agree, "differences": self.differences,
        })
    }
}
