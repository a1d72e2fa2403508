//! Payouts of a channel and the bank: it knows which credit of a bank is which payout, and must never take one that a
//! customer may have made.

use std::sync::Arc;

use bursar_core::Money;
use bursar_core::bank::{Direction, LineRow, LineState};
use bursar_core::channel::ChannelKind;
use bursar_core::ledger::{Account, AccountKind, Posting};
use bursar_core::merchant::ChannelAccount;
use bursar_core::reconcile::{BreakKind, BreakState, BreakSubject, Movement, MovementKind, is_from_channel};
use bursar_store::{Answer, Change, LikeLine};

use super::Work;
use crate::observe::JobError;

/// A payout is looked for at the bank for so many days after it was made.
const LOOK_BACK_DAYS: i64 = 30;
/// One that has not arrived after so many days is asked about: banks rest on holidays.
const LATE_DAYS: i64 = 5;
/// Payouts that are looked at in one night.
const MOST: u32 = 500;
/// Lines like one payout.
const LINES: u32 = 50;

impl Work<'_> {
    /// Finds the payouts of this account that its merchant's banks have shown by now, and asks about those that are
    /// late. Where no bank's statements are imported, nothing is known.
    pub(super) async fn look_for_payouts(&self) -> Result<(), JobError> {
        let since = self.run.day.plus_days(-LOOK_BACK_DAYS);
        let store = self.context.desk.gatherer.store();
        let payouts = store.open_payouts(self.account.id, since, MOST).await?;
        let own = |a: &&Arc<ChannelAccount>| a.merchant == self.account.merchant && a.channel == ChannelKind::Bank;
        let banks: Vec<_> = self.entries.accounts.values().filter(own).cloned().collect();
        let mut late = Vec::new();
        for payout in &payouts {
            if !self.arrived(payout, &banks).await? && payout.day.plus_days(LATE_DAYS) <= self.run.day {
                late.push(*payout);
            }
        }
        let mut imported = false;
        for bank in &banks {
            imported |= !store.statements(bank.id, None, 1).await?.is_empty();
        }
        if !imported {
            return Ok(());
        }
        let breaks = late.into_iter().map(|payout| {
            let amount = Money::new(payout.amount.minor, payout.amount.currency);
            let text = format!(
                "The channel says that it paid out {} on {}; no bank statement shows it until {}. Where is it?",
                Money::new(payout.amount.minor.saturating_neg(), payout.amount.currency),
                payout.day,
                self.run.day
            );
            let number = format!("payout of {}", payout.day);
            let about = (BreakSubject::Line, payout.subject);
            self.break_without_line(BreakKind::Settlement, BreakState::Parked, about, (amount, number), text)
        });
        self.open_breaks(breaks.collect()).await
    }

    /// Whether a bank has shown it, by now or before.
    async fn arrived(&self, payout: &Movement, banks: &[Arc<ChannelAccount>]) -> Result<bool, JobError> {
        let amount = Money::new(payout.amount.minor.saturating_neg(), payout.amount.currency);
        let store = self.context.desk.gatherer.store();
        for bank in banks {
            let like = LikeLine {
                account: bank.id,
                amount,
                direction: Direction::Credit,
                // Banks and channels may disagree by a day about when it was.
                since: payout.day.plus_days(-1),
                limit: LINES,
            };
            let lines = store.lines_like(&like).await?;
            let mut lines: Vec<LineRow> = lines.into_iter().filter(|l| self.may_be(payout, l)).collect();
            lines.sort_by_key(|l| (l.line.booked_on, l.id));
            if let Some(line) = lines.first() {
                return self.take(payout, line, amount, bank).await;
            }
        }
        Ok(false)
    }

    fn may_be(&self, payout: &Movement, line: &LineRow) -> bool {
        let days = line.line.booked_on.days_since(payout.day);
        let name = line.line.counterparty.name.as_deref().unwrap_or_default();
        // What nobody has looked at yet may name a payment.
        line.state == LineState::Suspense
            && !line.line.reversal
            && days <= LOOK_BACK_DAYS
            && is_from_channel(self.account.channel, name, &line.line.text)
    }

    async fn take(
        &self,
        payout: &Movement,
        line: &LineRow,
        amount: Money,
        bank: &ChannelAccount,
    ) -> Result<bool, JobError> {
        let now = self.now();
        let why = format!("payout of {} of {}", self.account.id, payout.day);
        let mut change =
            Change { lines: vec![line.ignored(&why, bursar_core::refund::BY_RULE, now)], ..Change::default() };
        change.books.matched.push((payout.subject, MovementKind::Payout));
        change.postings.push((
            Posting {
                subject: line.id.uuid(),
                debit: Account { kind: AccountKind::Clearing, owner: bank.id.uuid() },
                credit: Account { kind: AccountKind::InTransit, owner: self.account.id.uuid() },
                amount,
            },
            now,
        ));
        // People may have been asked where the payout is, and whose the line is.
        let ids = [BreakKind::Settlement.id_of(payout.subject), BreakKind::MissingHere.id_of(line.id.uuid())];
        let asked = self.context.desk.gatherer.store().breaks_of(&ids).await?;
        for asked in asked.iter().filter(|b| !b.state.is_final()) {
            let words = match asked.kind {
                BreakKind::Settlement => format!("the bank has shown it on {}", line.line.booked_on),
                _ => format!("it is the {why}"),
            };
            let ended = asked.ended(BreakState::Healed, bursar_core::refund::BY_RULE, &words, now);
            self.context.desk.move_break(&mut change, asked, ended, &self.entries);
        }
        Ok(self.context.desk.gatherer.commit(change).await? == Answer::Committed)
    }
}
