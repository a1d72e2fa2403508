//! What a line proves and our books do not know: it knows how they are told, and must never tell the same twice.

use std::collections::BTreeMap;

use bursar_core::id::{self, BreakId, LegId, OrderId, PaymentId};
use bursar_core::money::{Currency, Money};
use bursar_core::observation::{Claim, Observation, Receipt, Source, Subject};
use bursar_core::order::{Dossier, Order, OrderState};
use bursar_core::payment::{Evidence, PayerDetails, Payment, PaymentState};
use bursar_core::reconcile::{Bill, Break, BreakState, BreakSubject, Difference, MovementKind, Ours, Verdict};
use bursar_core::refund::{LegState, RefundReceipt};
use bursar_store::Change;
use bursar_store::desk::{Granted, Taken};
use uuid::Uuid;

use super::Work;
use super::examine::Seen;
use crate::observe::JobError;

/// What became of it.
pub(super) enum Mended {
    /// The books agree now.
    Healed,
    /// They know it now, and differ: a person is asked.
    Parked,
    /// They cannot be told so: a person is asked.
    Impossible(Difference),
}

type Breaks = BTreeMap<BreakId, Break>;

impl Work<'_> {
    /// A break of this kind about a line.
    pub(super) fn break_of(&self, bill: &Bill, seen: &Seen, found: &Difference, state: BreakState) -> Break {
        let subject_kind = match &seen.ours {
            Ours::Payment(_) => BreakSubject::Payment,
            Ours::Leg(_) => BreakSubject::Leg,
            Ours::Nothing => BreakSubject::Line,
        };
        let line = &seen.line;
        let now = self.now();
        let healed = state == BreakState::Healed;
        let why = format!("line {} of the {} bill of {}", line.ordinal, bill.kind, bill.day);
        Break {
            id: found.kind.id_of(seen.about),
            account: self.account.id,
            merchant: self.account.merchant,
            kind: found.kind,
            state,
            day: bill.day,
            amount_minor: found.amount_minor,
            currency: line.currency.parse().unwrap_or(bill.currency),
            subject_kind,
            subject: seen.about,
            line: Some((bill.id.uuid(), line.ordinal)),
            number: if line.number.is_empty() { line.channel_id.clone() } else { line.number.clone() },
            text: found.text.clone(),
            ended: healed.then(|| (format!("told by {why}"), bursar_core::refund::BY_RULE.to_owned())),
            proposal: None,
            opened_at: now,
            changed_at: now,
            event_count: 0,
            version: 0,
        }
    }

    /// Tells the books what a line proves.
    pub(super) async fn mend(
        &self,
        bill: &Bill,
        seen: &Seen,
        verdict: &Verdict,
        breaks: &Breaks,
    ) -> Result<Mended, JobError> {
        match verdict {
            Verdict::Mends { claim, found } => self.tell(bill, seen, (claim, found), breaks).await,
            Verdict::Recovers { payment, receipt, found } => {
                self.recover(bill, seen, (*payment, receipt, found), breaks).await
            }
            Verdict::RecoversRefund { leg, payment, receipt, found } => {
                self.recover_refund(bill, seen, (*leg, *payment, receipt), found, breaks).await
            }
            Verdict::Agrees | Verdict::Told => Ok(Mended::Healed),
            Verdict::Differs(found) => Ok(Mended::Impossible(found.clone())),
        }
    }

    /// Adds the break to the change that tells the books, healed when they agree then.
    fn note(&self, bill: &Bill, seen: &Seen, found: &Difference, agrees: bool, breaks: &Breaks, change: &mut Change) {
        let state = if agrees { BreakState::Healed } else { BreakState::Parked };
        let opened = self.break_of(bill, seen, found, state);
        self.put_break(change, breaks.get(&opened.id), opened);
    }

    async fn tell(
        &self,
        bill: &Bill,
        seen: &Seen,
        (claim, found): (&Claim, &Difference),
        breaks: &Breaks,
    ) -> Result<Mended, JobError> {
        let Some(subject) = seen.ours.subject() else { return Ok(Mended::Impossible(found.clone())) };
        let agrees = |after: &Dossier| match subject {
            Subject::Payment(id) => after.payment(id).is_some_and(|p| p.state.has_money()),
            Subject::Leg(id) => after.leg(id).is_some_and(|(_, l)| l.state == LegState::Succeeded),
            _ => false,
        };
        let observation = Observation::new(Source::Statement, self.now(), claim.clone());
        let complete = |after: &Dossier, change: &mut Change| {
            self.note(bill, seen, found, agrees(after), breaks, change);
        };
        let taken = self.context.desk.observe_with(subject, &observation, complete).await?;
        let after = match taken {
            Taken::Written(after) => Some(*after),
            // The break was written with it before we were stopped.
            Taken::Duplicate | Taken::Fenced => self.context.desk.dossier_of(subject).await?,
            Taken::NoSuchSubject => None,
        };
        Ok(match after {
            Some(after) if agrees(&after) => Mended::Healed,
            Some(_) => Mended::Parked,
            None => Mended::Impossible(found.clone()),
        })
    }

    async fn recover(
        &self,
        bill: &Bill,
        seen: &Seen,
        (payment, receipt, found): (PaymentId, &Receipt, &Difference),
        breaks: &Breaks,
    ) -> Result<Mended, JobError> {
        let Ok(currency) = receipt.currency.parse::<Currency>() else {
            return Ok(Mended::Impossible(found.clone()));
        };
        let (order, payment) = self.lost(seen, payment, Money::new(receipt.amount_minor, currency));
        let observation = Observation::new(Source::Statement, self.now(), Claim::Paid(receipt.clone()));
        let agrees = |after: &Dossier| after.payment(payment.id).is_some_and(|p| p.state == PaymentState::Captured);
        let complete = |after: &Dossier, change: &mut Change| {
            self.note(bill, seen, found, agrees(after), breaks, change);
            change.books.matched.push((payment.id.uuid(), MovementKind::Capture));
        };
        let granted = self.context.desk.recover_payment(&order, &payment, &observation, complete).await?;
        Ok(match granted {
            Granted::Written(after) if agrees(&after) => Mended::Healed,
            Granted::Written(_) | Granted::Duplicate => Mended::Parked,
            Granted::NoSuchOrder => Mended::Impossible(found.clone()),
            Granted::Refused(why) => {
                Mended::Impossible(Difference { text: format!("{} ({why})", found.text), ..found.clone() })
            }
        })
    }

    /// The order and the payment as they may have been before our books lost them.
    fn lost(&self, seen: &Seen, payment: PaymentId, amount: Money) -> (Order, Payment) {
        let made_at = id::made_at(payment.uuid());
        let line = &seen.line;
        // Derived, so that it is opened once.
        let order = OrderId(Uuid::from_u128(payment.uuid().as_u128() ^ (1 << 8)));
        let number = line.order_number.clone().unwrap_or_else(|| format!("recovered-{}", payment.bare()));
        let order = Order {
            id: order,
            merchant: self.account.merchant,
            number,
            amount,
            description: "recovered from the channel's bill".to_owned(),
            state: OrderState::Created,
            close_reason: None,
            late_money: false,
            part_payment: false,
            service: None,
            region: None,
            offers: Vec::new(),
            payer: None,
            installment: None,
            shares: Vec::new(),
            expires_at: line.at.max(made_at),
            event_count: 0,
            version: 0,
            due_at: None,
            created_at: made_at,
        };
        let payment = Payment {
            id: payment,
            order: order.id,
            merchant: self.account.merchant,
            account: self.account.id,
            method: self.account.channel.usual_method(),
            amount,
            payer: PayerDetails::default(),
            installments: None,
            agreement: None,
            state: PaymentState::New,
            evidence: Evidence::default(),
            returned_minor: 0,
            version: 0,
            due_at: None,
            created_at: made_at,
        };
        (order, payment)
    }

    async fn recover_refund(
        &self,
        bill: &Bill,
        seen: &Seen,
        (leg, payment, receipt): (Option<LegId>, Option<PaymentId>, &RefundReceipt),
        found: &Difference,
        breaks: &Breaks,
    ) -> Result<Mended, JobError> {
        let impossible = || Ok(Mended::Impossible(found.clone()));
        let leg = leg.unwrap_or(LegId(seen.about));
        let Some(payment) = payment else { return impossible() };
        let Some(dossier) = self.context.desk.gatherer.dossier_of(payment).await? else { return impossible() };
        let ours = |p: &Payment| p.account == self.account.id && p.amount.currency.code() == receipt.currency;
        if !dossier.payment(payment).is_some_and(ours) {
            return impossible();
        }
        let agrees = |after: &Dossier| after.leg(leg).is_some_and(|(_, l)| l.state == LegState::Succeeded);
        if agrees(&dossier) {
            return Ok(Mended::Healed);
        }
        let complete = |after: &Dossier, change: &mut Change| {
            self.note(bill, seen, found, agrees(after), breaks, change);
            change.books.matched.push((leg.uuid(), MovementKind::Refund));
        };
        let granted = self.context.desk.recover_refund(dossier.order.id, (leg, payment), receipt, complete).await?;
        Ok(match granted {
            Granted::Written(after) if agrees(&after) => Mended::Healed,
            Granted::Written(_) | Granted::Duplicate => Mended::Parked,
            Granted::NoSuchOrder | Granted::Refused(_) => Mended::Impossible(found.clone()),
        })
    }
}
