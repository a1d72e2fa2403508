//! The end of a day: it knows what must be looked at when every bill was taken in, and must never read a line.

use bursar_core::channel::ChannelKind;
use bursar_core::reconcile::{
    BillKind, BillSums, Break, BreakKind, BreakState, BreakSubject, Reconciliation, RunFigures, RunState,
};
use bursar_store::{BreakFilter, Change};
use uuid::Uuid;

use super::Work;
use crate::observe::JobError;

/// Breaks of one page.
const PAGE: u32 = 500;

impl Work<'_> {
    /// Ends the day; `false` when somebody else is at it, or there is more.
    pub(super) async fn close_day(&mut self) -> Result<bool, JobError> {
        match self.account.channel {
            // What came by bank or by hand has no bills.
            ChannelKind::Bank => self.close_bank_day().await?,
            ChannelKind::Cash => self.close_cash_day().await?,
            _ => {
                self.look_for_todays().await?;
                if !self.look_for_older().await? {
                    return Ok(false);
                }
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
