//! Cash that was brought to the bank: it knows which credit of a bank is which hand-in, and must never take one that
//! does not name it.

use std::sync::Arc;

use bursar_core::Money;
use bursar_core::bank::{Direction, LineRow};
use bursar_core::cash::{HandIn, HandInState};
use bursar_core::channel::ChannelKind;
use bursar_core::clock::DAY_MS;
use bursar_core::ledger::{Account, AccountKind, Posting};
use bursar_core::merchant::ChannelAccount;
use bursar_core::reconcile::{BreakKind, BreakState};
use bursar_core::refund::BY_RULE;
use bursar_store::desk::cash::Cashed;
use bursar_store::{Answer, Change, HandInFilter};

use super::Work;
use super::by_hand::PAGE;
use crate::observe::JobError;

/// How the counter of a bank calls it.
const CASH_WORDS: [&str; 4] = ["现金", "存现", "CASH", "现存"];
/// Hand-ins received so long before a line may be it.
const LOOK_BACK_DAYS: i64 = 30;
/// Shortest name of a bag that is looked for in a text: a shorter one may stand there by chance.
const SHORTEST_BAG: usize = 4;

impl Work<'_> {
    /// Takes those of `lines` that are deposits of the merchant's cash; gives the rest.
    pub(super) async fn take_deposits(&self, lines: Vec<LineRow>) -> Result<Vec<LineRow>, JobError> {
        let own = |a: &&Arc<ChannelAccount>| a.merchant == self.account.merchant && a.channel == ChannelKind::Cash;
        let mut hand_ins = Vec::new();
        if lines.iter().any(|row| row.line.direction == Direction::Credit) {
            for account in self.entries.accounts.values().filter(own) {
                hand_ins.extend(self.recent_hand_ins(account).await?);
            }
        }
        let mut rest = Vec::new();
        for row in lines {
            let mut like = hand_ins.iter().filter(|h| is_deposit_of(h, &row));
            // What two could mean is left to a person.
            let taken = match (like.next(), like.next()) {
                (Some(one), None) => self.deposited(one, &row).await?,
                _ => false,
            };
            if taken {
                hand_ins.retain(|h| !is_deposit_of(h, &row));
            } else {
                rest.push(row);
            }
        }
        Ok(rest)
    }

    /// Those that may be on the bank account by now.
    async fn recent_hand_ins(&self, account: &ChannelAccount) -> Result<Vec<HandIn>, JobError> {
        let since = self.run.day.plus_days(-LOOK_BACK_DAYS).begins_in_beijing().plus_ms(-DAY_MS);
        let (mut all, mut before) = (Vec::new(), None);
        loop {
            let filter = HandInFilter { account: account.id, state: None, before, limit: PAGE };
            let page = self.context.desk.gatherer.store().hand_ins(&filter).await?;
            let Some(last) = page.last() else { return Ok(all) };
            before = Some((last.received_at, last.id));
            let is_over = last.received_at < since;
            all.extend(page.into_iter().filter(|h| h.state != HandInState::Counted && h.received_at >= since));
            if is_over {
                return Ok(all);
            }
        }
    }

    /// Writes that the line is the deposit of the hand-in: the money is at the bank now. `false`: somebody was faster.
    async fn deposited(&self, hand_in: &HandIn, row: &LineRow) -> Result<bool, JobError> {
        let now = self.now();
        let question = BreakKind::MissingHere.id_of(row.id.uuid());
        let asked = self.context.desk.gatherer.store().breaks_of(&[question]).await?.pop();
        let complete = |change: &mut Change| {
            change.lines.push(row.ignored(&format!("deposit of {}", hand_in.id), BY_RULE, now));
            let clearing = |owner| Account { kind: AccountKind::Clearing, owner };
            let posting = Posting {
                subject: row.id.uuid(),
                debit: clearing(self.account.id.uuid()),
                credit: clearing(hand_in.account.uuid()),
                amount: Money::new(hand_in.counted_minor, hand_in.currency),
            };
            change.postings.push((posting, now));
            if let Some(asked) = asked.as_ref().filter(|b| !b.state.is_final()) {
                let why = format!("it is the deposit of {}", hand_in.id);
                let ended = asked.ended(BreakState::Healed, BY_RULE, &why, now);
                self.context.desk.move_break(change, asked, ended, &self.entries);
            }
        };
        if hand_in.state == HandInState::Banked {
            let mut change = Change::default();
            complete(&mut change);
            return Ok(self.context.desk.gatherer.commit(change).await? == Answer::Committed);
        }
        let reference = row.line.bank_reference.clone().unwrap_or_else(|| row.id.to_string());
        let desk = &self.context.desk;
        let end = desk.bank_hand_in(hand_in.id, &reference, BY_RULE, &|_, change| complete(change)).await?;
        Ok(matches!(end, Cashed::Written(_)))
    }
}

/// Whether the line is this hand-in: the whole amount, not before it was counted, and named by the number that whoever
/// brought it has told, or by its bag in the words of the bank's counter.
fn is_deposit_of(hand_in: &HandIn, row: &LineRow) -> bool {
    let line = &row.line;
    let money = line.direction == Direction::Credit
        && !line.reversal
        && line.amount == Money::new(hand_in.counted_minor, hand_in.currency)
        && hand_in.received_at < line.booked_on.plus_days(1).begins_in_beijing();
    let text = line.text.to_uppercase();
    let named = match (&hand_in.bank_reference, &hand_in.bag) {
        (Some(reference), _) => line.bank_reference.as_ref() == Some(reference),
        (None, Some(bag)) if bag.chars().count() >= SHORTEST_BAG => {
            CASH_WORDS.iter().any(|word| text.contains(word)) && text.contains(&bag.to_uppercase())
        }
        (None, _) => false,
    };
    money && named
}
