//! The end of a day: it knows what must be looked at when every bill was taken in, and must never read a line.

use std::collections::BTreeSet;

use bursar_core::channel::ChannelKind;
use bursar_core::id::BreakId;
use bursar_core::reconcile::{
    BillKind, BillSums, Break, BreakKind, BreakState, BreakSubject, Movement, MovementKind, Reconciliation, RunFigures,
    RunState,
};
use bursar_store::{BreakFilter, Change};
use uuid::Uuid;

use super::Work;
use crate::observe::JobError;

/// Bills of so many later days may still tell of a movement.
const BUFFER_DAYS: i64 = 3;
/// Movements that no bill has told of are looked at for so long: whoever was asked about one knows of it.
const LOOK_BACK_DAYS: i64 = 30;
/// Movements of one page.
const PAGE: u32 = 500;
/// Most movements of one day that become breaks: more mean that the bill is not whole, which is one question.
const MOST_MISSING: usize = 10_000;

impl Work<'_> {
    /// Ends the day; `false` when somebody else is at it.
    pub(super) async fn close_day(&mut self) -> Result<bool, JobError> {
        match self.account.channel {
            // What came by bank or by hand has no bills.
            ChannelKind::Bank => self.close_bank_day().await?,
            ChannelKind::Cash => self.close_cash_day().await?,
            _ => {
                self.look_for_todays().await?;
                self.look_for_older().await?;
                self.compare_sums().await?;
                self.look_for_payouts().await?;
            }
        }
        let figures = self.figures().await?;
        let now = self.now();
        let done = Reconciliation {
            state: RunState::Done,
            figures,
            note: None,
            due_at: None,
            finished_at: Some(now),
            ..self.run.clone()
        };
        self.save(done).await
    }

    /// A break about something of ours that no line tells.
    pub(super) fn break_without_line(
        &self,
        kind: BreakKind,
        state: BreakState,
        (subject_kind, subject): (BreakSubject, Uuid),
        (amount, number): (bursar_core::Money, String),
        text: String,
    ) -> Break {
        let now = self.now();
        Break {
            id: kind.id_of(subject),
            account: self.account.id,
            merchant: self.account.merchant,
            kind,
            state,
            day: self.run.day,
            amount_minor: amount.minor,
            currency: amount.currency,
            subject_kind,
            subject,
            line: None,
            number,
            text,
            ended: None,
            proposal: None,
            opened_at: now,
            changed_at: now,
            event_count: 0,
            version: 0,
        }
    }

    /// What moved on this day and its bill does not tell: the neighbouring days may still have it.
    async fn look_for_todays(&self) -> Result<(), JobError> {
        let day = self.run.day;
        let (mut after, mut seen) = (None, 0);
        while seen < MOST_MISSING {
            let store = self.context.desk.gatherer.store();
            let page = store.unmatched_movements(self.account.id, (day, day), after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.subject);
            seen += page.len();
            let breaks = self.without_returned(page).await?;
            let breaks = breaks.iter().map(|m| {
                let text = format!(
                    "{} of {} is not in the bill of {day}; the bills of the next days may have it.",
                    m.kind.name(),
                    name_of(m)
                );
                self.break_without_line(
                    BreakKind::CrossDay,
                    BreakState::Open,
                    subject_of(m),
                    (less(m), number_of(m)),
                    text,
                )
            });
            self.open_breaks(breaks.collect()).await?;
        }
        tracing::error!(account = %self.account.id, %day, "more than {MOST_MISSING} movements are not in the bill");
        Ok(())
    }

    /// Those that did not come back: a bill that is made when a refund has come back tells that nothing moved.
    async fn without_returned(&self, page: Vec<Movement>) -> Result<Vec<Movement>, JobError> {
        let refunds: Vec<Uuid> = page.iter().filter(|m| m.kind == MovementKind::Refund).map(|m| m.subject).collect();
        if refunds.is_empty() {
            return Ok(page);
        }
        let known = self.context.desk.gatherer.store().movements_of(&refunds).await?;
        let returned: BTreeSet<Uuid> =
            known.iter().filter(|(m, _)| m.kind == MovementKind::RefundReturned).map(|(m, _)| m.subject).collect();
        Ok(page.into_iter().filter(|m| !returned.contains(&m.subject)).collect())
    }

    /// What no bill has told of in all the days in which one could have: the channel is asked, and then a person.
    async fn look_for_older(&self) -> Result<(), JobError> {
        let until = self.run.day.plus_days(-BUFFER_DAYS);
        let from = self.run.day.plus_days(-LOOK_BACK_DAYS);
        let mut after = None;
        loop {
            let store = self.context.desk.gatherer.store();
            let page = store.unmatched_movements(self.account.id, (from, until), after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.subject);
            let page = self.without_returned(page).await?;
            let ids: Vec<BreakId> = page.iter().map(|m| BreakKind::CrossDay.id_of(m.subject)).collect();
            let known = store.breaks_of(&ids).await?;
            for movement in &page {
                let id = BreakKind::CrossDay.id_of(movement.subject);
                let open = known.iter().find(|b| b.id == id);
                if open.is_none_or(|b| b.state == BreakState::Open) {
                    self.ask_the_channel(movement, open).await?;
                }
            }
        }
    }

    /// Where trades and funds have bills of their own, both must come to the same.
    async fn compare_sums(&self) -> Result<(), JobError> {
        let (Some(trade), Some(funds)) = (self.sums(BillKind::Trade).await?, self.sums(BillKind::Funds).await?) else {
            return Ok(());
        };
        let net = |s: BillSums| s.net_minor();
        let differs = net(funds.0).saturating_sub(net(trade.0));
        if differs == 0 {
            return self.tied().await;
        }
        let text = format!(
            "The bills of {} do not tie: by its trades the day comes to {} (taken {}, given back {}, fees {}), by its \
             account to {} (taken {}, given back {}, fees {}), in minor units of {}. What is missing?",
            self.run.day,
            net(trade.0),
            trade.0.captured_minor,
            trade.0.refunded_minor,
            trade.0.fee_minor,
            net(funds.0),
            funds.0.captured_minor,
            funds.0.refunded_minor,
            funds.0.fee_minor,
            trade.1.code(),
        );
        let amount = bursar_core::Money::new(differs, trade.1);
        let about = (BreakSubject::Day, self.run.id.uuid());
        let number = self.run.day.to_string();
        let found = self.break_without_line(BreakKind::Settlement, BreakState::Parked, about, (amount, number), text);
        self.open_breaks(vec![found]).await
    }

    /// A later issue may have mended what a person was asked about.
    async fn tied(&self) -> Result<(), JobError> {
        let id = BreakKind::Settlement.id_of(self.run.id.uuid());
        let asked = self.context.desk.gatherer.store().breaks_of(&[id]).await?;
        let mut change = Change::default();
        for asked in &asked {
            self.heal(&mut change, asked, &format!("the bills of {} tie by now", self.run.day));
        }
        if !change.books.is_empty() {
            self.context.desk.gatherer.commit(change).await?;
        }
        Ok(())
    }

    async fn sums(&self, kind: BillKind) -> Result<Option<(BillSums, bursar_core::Currency)>, JobError> {
        Ok(self.issues(kind).await?.first().map(|bill| (bill.sums, bill.currency)))
    }

    /// What the day came to: of its bills, and of the breaks that were found for it.
    async fn figures(&self) -> Result<RunFigures, JobError> {
        let mut figures = RunFigures::default();
        let mut broken = 0_u64;
        for kind in self.account.channel.bills() {
            figures.lines = figures.lines.saturating_add(self.sums(*kind).await?.map_or(0, |(sums, _)| sums.lines));
        }
        let day = self.run.day;
        let mut after = None;
        loop {
            let filter = BreakFilter {
                account: Some(self.account.id),
                day: Some(day),
                after,
                limit: PAGE,
                ..Default::default()
            };
            let page = self.context.desk.gatherer.store().breaks(&filter).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            for found in &page {
                *figures.found.entry(found.kind).or_default() += 1;
                figures.healed += u64::from(found.state == BreakState::Healed);
                figures.parked += u64::from(found.state == BreakState::Parked);
                figures.unmatched += u64::from(found.kind == BreakKind::CrossDay);
                broken += u64::from(found.line.is_some());
            }
        }
        figures.agreed = figures.lines.saturating_sub(broken);
        Ok(figures)
    }
}

/// What of ours a movement is about.
pub(super) const fn subject_of(movement: &Movement) -> (BreakSubject, Uuid) {
    match movement.kind {
        MovementKind::Capture => (BreakSubject::Payment, movement.subject),
        MovementKind::Refund => (BreakSubject::Leg, movement.subject),
        _ => (BreakSubject::Line, movement.subject),
    }
}

/// The channel has that much less than we, or more where it went back.
pub(super) fn less(movement: &Movement) -> bursar_core::Money {
    bursar_core::Money::new(movement.amount.minor.saturating_neg(), movement.amount.currency)
}

/// Our number of a movement as the channel gets it.
pub(super) fn number_of(movement: &Movement) -> String {
    bursar_core::id::to_text(movement.subject)
}

pub(super) fn name_of(movement: &Movement) -> String {
    match movement.kind {
        MovementKind::Capture => bursar_core::id::PaymentId(movement.subject).to_string(),
        MovementKind::Refund => bursar_core::id::LegId(movement.subject).to_string(),
        _ => number_of(movement),
    }
}
