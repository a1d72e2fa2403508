//! From a decision to rows: it knows what changed between two dossiers, and must never decide anything.

use std::collections::HashSet;

use bursar_core::Timestamp;
use bursar_core::decide::{Decision, Effect};
use bursar_core::event::{self, EventKind};
use bursar_core::id::{DeliveryId, MerchantId};
use bursar_core::job::{JobKey, JobKind, NewJob};
use bursar_core::observation::{Source, Subject};
use bursar_core::order::Dossier;
use bursar_core::payment::{Payment, PaymentState};
use bursar_core::reconcile;
use uuid::Uuid;

use super::{Desk, scheduled};
use crate::directory::Entries;
use crate::{About, Change, LastPaid, NewDelivery, Result};

impl Desk {
    /// The rows that `decision` means, and the dossier as the store will have it: the versions of touched
    /// rows counted up.
    pub(super) fn change(&self, before: &Dossier, decision: &Decision, entries: &Entries) -> (Change, Dossier) {
        let now = self.clock.now();
        let mut change = Change { may_be_lost: may_be_lost(before, decision), ..Change::default() };
        let mut next = decision.next.clone();
        let notes = decision.notes.iter().map(|(subject, _)| subject.uuid());
        let named = notes.chain(decision.postings.iter().map(|p| p.subject)).collect();
        collect(before, &mut next, &named, &mut change);
        change.last_paid = last_paid(before, &next, now);
        change.books.movements = reconcile::movements(before, &next, now);
        change.observations = decision.notes.clone();
        change.postings = decision.postings.iter().map(|p| (*p, now)).collect();
        change.jobs = scheduled(&decision.effects).collect();
        for effect in &decision.effects {
            match effect {
                Effect::Schedule(_) => {}
                Effect::Cancel(key) => change.cancel.push(*key),
                Effect::Ask(question) => change.questions.push(question.clone()),
                Effect::Unask(subject, kind) => change.answered.push((*subject, *kind)),
                Effect::Tell(told) => self.tell(&mut change, *told, &decision.next, entries),
            }
        }
        (change, next)
    }

    /// The job that runs is settled, not scheduled or cancelled.
    pub(super) fn drop_own_job(&self, change: &mut Change) {
        if let Some(own) = change.settle.as_ref().map(|s| s.key) {
            change.jobs.retain(|job| job.key != own);
            change.cancel.retain(|key| *key != own);
        }
    }

    fn tell(&self, change: &mut Change, told: event::Event, dossier: &Dossier, entries: &Entries) {
        let body = event::body(told, dossier).to_string();
        let about = dossier.order.id.into();
        self.add_deliveries(change, dossier.order.merchant, about, (told.kind, told.sequence), &body, entries);
    }

    /// Tells `merchant` of a plan or an agreement: what happened, and the event's number among those of the same.
    pub(super) async fn tell_about(
        &self,
        change: &mut Change,
        merchant: MerchantId,
        about: About,
        event: (EventKind, i64),
        body: String,
    ) -> Result<()> {
        let entries = self.directory.entries_with(|entries| entries.merchants.contains_key(&merchant)).await?;
        self.add_deliveries(change, merchant, about, event, &body, &entries);
        Ok(())
    }

    pub(super) fn add_deliveries(
        &self,
        change: &mut Change,
        merchant: MerchantId,
        about: About,
        (kind, sequence): (EventKind, i64),
        body: &str,
        entries: &Entries,
    ) {
        let now = self.clock.now();
        let none = Vec::new();
        let endpoints = entries.endpoints.get(&merchant).unwrap_or(&none);
        let delivery = |endpoint| NewDelivery {
            id: DeliveryId::fresh(now, self.chance.as_ref()),
            about,
            sequence,
            kind,
            endpoint,
            body: body.to_owned(),
            created_at: now,
        };
        if endpoints.is_empty() {
            change.new_deliveries.push(delivery(None));
            return;
        }
        for endpoint in endpoints {
            let delivery = delivery(Some(endpoint.id));
            let due_at = now.plus_ms(self.plans.webhook.delay_or_last_ms(0));
            change.jobs.push(NewJob::new(JobKey::new(JobKind::DeliverWebhook, delivery.id.uuid()), merchant, due_at));
            change.new_deliveries.push(delivery);
        }
    }
}

/// Puts what differs into `change`, and counts its versions up in `next`. So it does with what is `named` by
/// an observation or a posting, even when its row stays as it was: its version numbers them. (When a second
/// part of an order fails, the money of the first is booked elsewhere, and nothing else happens to it.)
///
/// An order with several parts is always among what is written: its version is the one guard that two
/// decisions about different parts share. Of two refunds that do not fit together, or two captures that
/// together pay the order, the second decides again.
fn collect(before: &Dossier, next: &mut Dossier, named: &HashSet<Uuid>, change: &mut Change) {
    for payment in &mut next.payments {
        match before.payment(payment.id) {
            None => {
                change.new_payments.push(payment.clone());
                payment.version = 1;
            }
            Some(old) if old != payment || named.contains(&payment.id.uuid()) => {
                change.payments.push(payment.clone());
                payment.version += 1;
            }
            Some(_) => {}
        }
    }
    for refund in &mut next.refunds {
        let old = before.refund(refund.id);
        let named_leg = refund.legs.iter().any(|l| named.contains(&l.id.uuid()));
        if old == Some(refund) && !named_leg && !named.contains(&refund.id.uuid()) {
            continue;
        }
        match old {
            None => change.new_refunds.push(refund.clone()),
            Some(_) => change.refunds.push(refund.clone()),
        }
        refund.version = if old.is_none() { 1 } else { refund.version + 1 };
        for leg in &mut refund.legs {
            match old.and_then(|r| r.legs.iter().find(|l| l.id == leg.id)) {
                None => {
                    change.new_legs.push(leg.clone());
                    leg.version = 1;
                }
                Some(old) if old != leg || named.contains(&leg.id.uuid()) => {
                    change.legs.push(leg.clone());
                    leg.version += 1;
                }
                Some(_) => {}
            }
        }
    }
    let parts_changed = !(change.new_payments.is_empty()
        && change.payments.is_empty()
        && change.new_refunds.is_empty()
        && change.refunds.is_empty());
    let has_parts = next.payments.len() > 1 || !next.refunds.is_empty();
    let named_order = named.contains(&next.order.id.uuid());
    if next.order != before.order || named_order || (parts_changed && has_parts) {
        change.orders.push(next.order.clone());
        next.order.version += 1;
    }
}

/// By what the order's payer, when the merchant has told who that is, has paid now.
fn last_paid(before: &Dossier, next: &Dossier, now: Timestamp) -> Vec<LastPaid> {
    let Some(payer) = &next.order.payer else { return Vec::new() };
    let was_captured = |p: &Payment| before.payment(p.id).is_some_and(|b| b.state == PaymentState::Captured);
    let captured = next.payments.iter().filter(|p| p.state == PaymentState::Captured && !was_captured(p));
    captured
        .map(|p| LastPaid {
            merchant: p.merchant,
            payer: payer.clone(),
            method: p.method,
            at: p.evidence.paid_at().unwrap_or(now),
        })
        .collect()
}

/// A crash of the database may lose a transition that is redone harmlessly: asking again tells the same.
/// What a channel will not tell again by itself, what people said, what merchants are promised, and all that
/// is about money on its way back, must be safe: a call that we have forgotten must never be given up for
/// another way.
fn may_be_lost(before: &Dossier, decision: &Decision) -> bool {
    let said_once =
        |source| matches!(source, Source::Merchant | Source::Operator | Source::Collection | Source::Statement);
    let of_payment = |subject: &Subject| matches!(subject, Subject::Payment(_));
    before.order.state == decision.next.order.state
        && before.refunds.len() == decision.next.refunds.len()
        && before.payments.len() == decision.next.payments.len()
        && decision.notes.iter().all(|(subject, o)| of_payment(subject) && !said_once(o.source))
        && !decision.effects.iter().any(|e| matches!(e, Effect::Tell(_) | Effect::Ask(_)))
}
