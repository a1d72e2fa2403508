//! Asking a channel about what none of its bills tells: it knows what each answer makes of a break, and must never
//! change a payment.

use bursar_channels::{Outcome, RefundStanding, Standing};
use bursar_core::bank::Day;
use bursar_core::id::{LegId, PaymentId};
use bursar_core::reconcile::{Break, BreakKind, BreakState, Movement, MovementKind};
use bursar_store::{Answer, Change};

use super::Work;
use super::nowhere::{less, name_of, number_of, subject_of};
use crate::observe::JobError;

impl Work<'_> {
    /// Asks about `movement`, which no bill until `until` tells, and parks the break about it. Without an answer
    /// (`false`) it stays open for the next night.
    pub(super) async fn ask_the_channel(
        &self,
        movement: &Movement,
        open: Option<&Break>,
        until: Day,
    ) -> Result<bool, JobError> {
        let Some((kind, says)) = self.what_it_says(movement).await? else { return Ok(false) };
        let text = format!(
            "{} {} of {} on {} is in no bill of {} to {}; asked for it, the channel says: {says}. What is right?",
            movement.kind.name(),
            name_of(movement),
            movement.amount,
            movement.day,
            movement.day,
            until,
        );
        let mut change = Change::default();
        let parked = match open {
            Some(open) => {
                let (state, changed_at) = (BreakState::Parked, self.now());
                Break { kind, state, text, ended: None, changed_at, ..open.clone() }
            }
            None => {
                let (about, number) = (subject_of(movement), number_of(movement));
                let found = self.break_without_line(kind, BreakState::Parked, about, (less(movement), number), text);
                Break { day: movement.day, ..found }
            }
        };
        match open {
            Some(open) => self.context.desk.move_break(&mut change, open, parked, &self.entries),
            None => self.context.desk.add_break(&mut change, parked, &self.entries),
        }
        Ok(self.context.desk.gatherer.commit(change).await? == Answer::Committed)
    }

    /// The kind of the difference, and the channel's answer in words; `None` when it gave none.
    async fn what_it_says(&self, movement: &Movement) -> Result<Option<(BreakKind, String)>, JobError> {
        if movement.kind == MovementKind::Refund {
            let leg = LegId(movement.subject);
            let Some(dossier) = self.context.desk.gatherer.dossier_of_leg(leg).await? else { return Ok(None) };
            let Some((_, leg)) = dossier.leg(leg) else { return Ok(None) };
            let Some(payment) = dossier.payment(leg.payment) else { return Ok(None) };
            let says = match self.channel.query_refund(payment, leg).await {
                Outcome::Done(RefundStanding::Succeeded(r)) => format!("it has succeeded ({})", r.refund_id),
                Outcome::Done(RefundStanding::Absent) => "it does not know it".to_owned(),
                Outcome::Done(RefundStanding::Processing { .. }) => "it is under way".to_owned(),
                Outcome::Done(RefundStanding::Closed(why)) => format!("it will not happen: {why}"),
                Outcome::Done(RefundStanding::Abnormal { .. }) => "the payer's bank sent it back".to_owned(),
                Outcome::Refused(refusal) => refusal.to_string(),
                Outcome::Unknown(_) => return Ok(None),
            };
            return Ok(Some((BreakKind::RefundMissingThere, says)));
        }
        let id = PaymentId(movement.subject);
        let Some(dossier) = self.context.desk.gatherer.dossier_of(id).await? else { return Ok(None) };
        let Some(payment) = dossier.payment(id) else { return Ok(None) };
        // Without what we believe: some channels have one word for "never paid" and "paid and given back", and an
        // adapter tells them apart by our books.
        let mut asked = payment.clone();
        asked.evidence.paid = None;
        Ok(match self.channel.query(&asked).await {
            Outcome::Done(Standing::Paid(receipt)) => {
                Some((BreakKind::MissingAtChannel, format!("it was paid ({})", receipt.transaction_id)))
            }
            Outcome::Done(Standing::Absent) => {
                Some((BreakKind::StatusWePaid, "it does not know the number".to_owned()))
            }
            Outcome::Done(Standing::Authorized(_)) => {
                Some((BreakKind::StatusWePaid, "the amount is held, not taken".to_owned()))
            }
            Outcome::Done(Standing::Unpaid | Standing::AttemptFailed(_) | Standing::Declined(_) | Standing::Closed) => {
                Some((BreakKind::StatusWePaid, "it was not paid".to_owned()))
            }
            Outcome::Refused(refusal) => Some((BreakKind::StatusWePaid, refusal.to_string())),
            Outcome::Unknown(_) => None,
        })
    }
}
