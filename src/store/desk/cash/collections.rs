//! What people say about cash on site: it knows that a collection and what its payment hears of it are one commit,
//! and must never know who may say what.

use std::sync::atomic::{AtomicBool, Ordering};

use bursar_core::cash::{BY_PAYER, CashError, Collection, CollectionState, check_code, is_same_person};
use bursar_core::decide::{Question, QuestionKind};
use bursar_core::id::CollectionId;
use bursar_core::observation::{Observation, Source};
use bursar_core::order::Dossier;
use bursar_core::payment::Payment;

use super::{Cashed, Complete};
use crate::desk::{Desk, MAX_RACES, Taken, too_many_races};
use crate::{Answer, CashRows, Change, Result, Settlement, StoreError};

/// Who confirms a collection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Confirmer {
    /// A person of the merchant.
    Person(String),
    /// The payer, by what he told the collector.
    Payer {
        /// The code.
        code: String,
    },
}

/// How one try to write ended.
enum Tried {
    Ended(Cashed<Collection>),
    /// Somebody was faster: load and judge again.
    Overtaken,
}

impl Desk {
    /// Takes a collector's word down. `complete` may add to the change.
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub async fn collect(&self, told: &Collection, complete: Complete<'_, Collection>) -> Result<Cashed<Collection>> {
        if let Err(why) = told.check() {
            return Ok(Cashed::Refused(why));
        }
        if let Some(answer) = self.told_before(told).await? {
            return Ok(answer);
        }
        let row = Collection { version: 1, ..told.clone() };
        let cash = CashRows { new_collections: vec![told.clone()], ..CashRows::default() };
        let mut change = Change { cash, ..Change::default() };
        complete(&row, &mut change);
        match self.gatherer.commit(change).await? {
            Answer::Committed => Ok(Cashed::Written(Box::new(row))),
            // The id, or else the key.
            _ => Ok(self.told_before(told).await?.unwrap_or(Cashed::Duplicate)),
        }
    }

    async fn told_before(&self, told: &Collection) -> Result<Option<Cashed<Collection>>> {
        let Some(known) = self.gatherer.store().collection(told.id).await? else { return Ok(None) };
        Ok(Some(match known.check_again(told) {
            Ok(()) => Cashed::Known(Box::new(known)),
            Err(why) => Cashed::Refused(why),
        }))
    }

    /// Confirms a collection: its payment has the money with the same commit. A wrong code is counted.
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub async fn confirm_collection(
        &self,
        id: CollectionId,
        by: &Confirmer,
        complete: Complete<'_, Collection>,
    ) -> Result<Cashed<Collection>> {
        for _ in 0..MAX_RACES {
            let Some(row) = self.gatherer.store().collection(id).await? else { return Ok(Cashed::Missing) };
            let name = match by {
                Confirmer::Person(by) if is_same_person(by, BY_PAYER) => {
                    return Ok(Cashed::Refused(CashError::NotAPerson { by: by.clone() }));
                }
                Confirmer::Person(name) => name,
                Confirmer::Payer { .. } => BY_PAYER,
            };
            let next = match row.confirm(name, self.clock.now()) {
                Ok(next) => next,
                Err(why) => return Ok(Cashed::Refused(why)),
            };
            let tried_on = match by {
                Confirmer::Person(_) => None,
                Confirmer::Payer { code } => match self.try_code(&row, code).await? {
                    Ok(Some(payment)) => Some(payment),
                    Ok(None) => continue,
                    Err(why) => return Ok(Cashed::Refused(why)),
                },
            };
            if let Tried::Ended(end) = self.write_collection(&row, next, tried_on.as_ref(), complete).await? {
                return Ok(end);
            }
        }
        Err(too_many_races(id))
    }

    /// The payment, as it was when `code` was found to be its payer's; `Ok(None)`: somebody else tried one meanwhile.
    /// A wrong one is counted on the collection. The payment's version guards both: of many tries at once, whatever
    /// collections of the payment they are about, each is judged after the one before it was counted, and the right
    /// one among them is worth nothing when it comes after too many others.
    async fn try_code(&self, row: &Collection, code: &str) -> Result<std::result::Result<Option<Payment>, CashError>> {
        // The payment first: what was counted since then has moved its version.
        let dossier = self.gatherer.dossier_of(row.payment).await?;
        let payment = dossier.as_ref().and_then(|d| d.payment(row.payment));
        let payment = payment.ok_or_else(|| StoreError::missing("payment", row.payment))?;
        let of_payment = self.gatherer.store().collections_of(row.payment).await?;
        let why = match check_code(row.id, code, payment.evidence.code(), &of_payment) {
            Ok(()) => return Ok(Ok(Some(payment.clone()))),
            Err(why) => why,
        };
        let CashError::WrongCode { left } = why else { return Ok(Err(why)) };
        let cash = CashRows { collections: vec![row.tried_in_vain()], ..CashRows::default() };
        let questions = (left == 0).then(|| spent_question(row)).into_iter().collect();
        let change = Change { cash, payments: vec![payment.clone()], questions, ..Change::default() };
        Ok(match self.gatherer.commit(change).await? {
            Answer::Committed => Err(why),
            _ => Ok(None),
        })
    }

    /// Disputes a collection, and asks a person.
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub async fn dispute_collection(
        &self,
        id: CollectionId,
        by: &str,
        why: &str,
        complete: Complete<'_, Collection>,
    ) -> Result<Cashed<Collection>> {
        self.judge_collection(id, |row| row.dispute(by, why), complete).await
    }

    /// Refuses a collection: it never was. A payment that has its money loses it with the same commit.
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub async fn refuse_collection(
        &self,
        id: CollectionId,
        by: &str,
        why: &str,
        complete: Complete<'_, Collection>,
    ) -> Result<Cashed<Collection>> {
        self.judge_collection(id, |row| row.refuse(by, why), complete).await
    }

    async fn judge_collection(
        &self,
        id: CollectionId,
        judge: impl Fn(&Collection) -> std::result::Result<Collection, CashError> + Send + Sync,
        complete: Complete<'_, Collection>,
    ) -> Result<Cashed<Collection>> {
        for _ in 0..MAX_RACES {
            let Some(row) = self.gatherer.store().collection(id).await? else { return Ok(Cashed::Missing) };
            let next = match judge(&row) {
                Ok(next) => next,
                Err(why) => return Ok(Cashed::Refused(why)),
            };
            if let Tried::Ended(end) = self.write_collection(&row, next, None, complete).await? {
                return Ok(end);
            }
        }
        Err(too_many_races(id))
    }

    /// Writes `next`, which was `before`, with what its payment is told and the question that stands about it. With
    /// `guard` only while its payment is still that.
    async fn write_collection(
        &self,
        before: &Collection,
        next: Collection,
        guard: Option<&Payment>,
        complete: Complete<'_, Collection>,
    ) -> Result<Tried> {
        let after = Collection { version: next.version.saturating_add(1), ..next.clone() };
        let add = |change: &mut Change| {
            let key = (next.id.uuid(), QuestionKind::CollectionDisputed);
            change.answered.push(key);
            change.questions.extend((next.state == CollectionState::Disputed).then(|| question(&next)));
            change.cash.collections.push(next.clone());
            complete(&after, change);
        };
        let Some(claim) = next.claim(Some(before)) else {
            let mut change = Change { payments: guard.cloned().into_iter().collect(), ..Change::default() };
            add(&mut change);
            return Ok(match self.gatherer.commit(change).await? {
                Answer::Committed => Tried::Ended(Cashed::Written(Box::new(after))),
                Answer::Duplicate => Tried::Ended(Cashed::Duplicate),
                Answer::Stale | Answer::Fenced => Tried::Overtaken,
            });
        };
        let told = Observation::new(Source::Collection, self.clock.now(), claim);
        let settle = |_: &_| Settlement::Hold;
        let moved_on = AtomicBool::new(false);
        let complete = |_: &Dossier, change: &mut Change| {
            let same = |p: &Payment| change.payments.iter().any(|c| (c.id, c.version) == (p.id, p.version));
            let overtaken = guard.is_some_and(|p| !same(p));
            moved_on.store(overtaken, Ordering::SeqCst);
            if overtaken {
                // Nothing at all is written: it is judged again.
                *change = Change::default();
            } else {
                add(change);
            }
        };
        let taken = self.take(before.payment.into(), &told, None, None, settle, complete).await?;
        Ok(match taken {
            Taken::Written(_) if moved_on.load(Ordering::SeqCst) => Tried::Overtaken,
            Taken::Written(_) => Tried::Ended(Cashed::Written(Box::new(after))),
            // The collection has moved on, or the key is taken.
            Taken::Duplicate | Taken::Fenced => {
                let now = self.gatherer.store().collection(before.id).await?;
                let moved = now.is_none_or(|now| now.version != before.version);
                if moved { Tried::Overtaken } else { Tried::Ended(Cashed::Duplicate) }
            }
            Taken::NoSuchSubject => Tried::Ended(Cashed::Missing),
        })
    }
}

fn question(row: &Collection) -> Question {
    let booked = if row.is_booked() { " It is on the books: who refuses it must not be who disputed it." } else { "" };
    Question {
        subject: row.id.uuid(),
        kind: QuestionKind::CollectionDisputed,
        text: format!(
            "{} says to have collected {} ({}), which is disputed ({}). Was it so? Confirm it, or refuse it.{booked}",
            row.worker,
            row.amount,
            row.id,
            row.why.as_deref().unwrap_or_default()
        ),
    }
}

fn spent_question(row: &Collection) -> Question {
    Question {
        subject: row.id.uuid(),
        kind: QuestionKind::CollectionDisputed,
        text: format!(
            "{} says to have collected {} ({}), and the payer's code was wrong too often. Ask the payer: confirm it, \
             or refuse it.",
            row.worker, row.amount, row.id
        ),
    }
}
