//! Payers and their agreements at work: it knows what signing, leaving and expiry do to an agreement and what
//! follows from it (timers, counts, news), and must never know a wire format.

use crate::agreements::{Agreement, AgreementEvent, AgreementNews, Agreements};
use crate::payment::NOTIFY_AFTER_MS;
use crate::shared::Shared;
use crate::timers::{About, Due};
use crate::{AgreementState, EndedBy, Purse, dice};

/// Why an unknown agreement cannot be worked with.
pub(crate) const NO_SUCH_AGREEMENT: &str = "there is no such agreement";

impl Shared {
    /// A payer's device shows an agreement: its payer decides when to sign.
    pub(crate) fn signer_arrives(&self, position: usize) {
        let orders = self.orders();
        let Some(agreement) = orders.agreements.list.get(position) else { return };
        let draw = dice::draw(&[agreement.fate, 61]);
        if let Some(wait_ms) = self.payers.agreements.signs_after_ms(agreement.signs, draw) {
            self.timers.add(self.pace.now_ms().saturating_add(wait_ms), Due::Sign(position));
        }
    }

    /// The payer signs; `false` when there is nothing to sign.
    pub(crate) fn payer_signs(&self, position: usize) -> bool {
        let now_ms = self.pace.now_ms();
        let mut orders = self.orders();
        let Some(agreement) = orders.agreements.list.get_mut(position) else { return false };
        if !agreement.sign(now_ms) {
            return false;
        }
        if let Some(at_ms) = agreement.valid_until_ms {
            self.timers.add(at_ms, Due::Lapse(position));
        }
        if let Some(wait_ms) = self.payers.agreements.leaves_after(dice::draw(&[agreement.fate, 62])) {
            self.timers.add(now_ms.saturating_add(wait_ms), Due::Leave(position));
        }
        self.front(agreement.channel).agreement_signed(agreement, now_ms);
        self.tell_of_agreement(position, agreement, AgreementNews::Signed);
        true
    }

    /// The payer tries to sign and cannot; he may come again.
    pub(crate) fn signature_fails(&self, position: usize) {
        let mut orders = self.orders();
        if let Some(agreement) = orders.agreements.list.get_mut(position) {
            self.tell_of_agreement(position, agreement, AgreementNews::Failed);
        }
    }

    /// It is over; `false` when it was before.
    pub(crate) fn agreement_ends(&self, position: usize, by: EndedBy) -> bool {
        self.ends_in(&mut self.orders().agreements, position, by)
    }

    /// The same, where the lock is held.
    pub(crate) fn ends_in(&self, agreements: &mut Agreements, position: usize, by: EndedBy) -> bool {
        let now_ms = self.pace.now_ms();
        let Some(agreement) = agreements.list.get_mut(position) else { return false };
        let was_signed = agreement.is_signed();
        let ended = agreement.end(by, now_ms);
        if ended && was_signed {
            self.tell_of_agreement(position, agreement, AgreementNews::Ended(by));
        }
        ended
    }

    /// A payer who leaves does so only if it is still in force.
    pub(crate) fn payer_leaves(&self, position: usize) {
        let mut orders = self.orders();
        if orders.agreements.list.get(position).is_some_and(Agreement::is_signed) {
            self.ends_in(&mut orders.agreements, position, EndedBy::Payer);
        }
    }

    /// Its time is over, unless it was prolonged or ended before.
    pub(crate) fn agreement_lapses(&self, position: usize) {
        let now_ms = self.pace.now_ms();
        let mut orders = self.orders();
        let due = |one: &Agreement| one.is_signed() && one.valid_until_ms.is_some_and(|at_ms| at_ms <= now_ms);
        if orders.agreements.list.get(position).is_some_and(due) {
            self.ends_in(&mut orders.agreements, position, EndedBy::Expiry);
        }
    }

    /// An operator makes the payer sign.
    pub(crate) fn sign_number(&self, account: Option<&str>, number: &str) -> Result<(), &'static str> {
        let position = self.orders().agreements.find(account, number).ok_or(NO_SUCH_AGREEMENT)?;
        self.payer_signs(position).then_some(()).ok_or("the agreement is signed or over")
    }

    /// An operator ends it.
    pub(crate) fn end_number(&self, account: Option<&str>, number: &str, by: EndedBy) -> Result<(), &'static str> {
        let position = self.orders().agreements.find(account, number).ok_or(NO_SUCH_AGREEMENT)?;
        self.agreement_ends(position, by).then_some(()).ok_or("the agreement is over")
    }

    /// An operator fills or empties the payer's purse.
    pub(crate) fn set_purse_of(&self, account: Option<&str>, number: &str, purse: Purse) -> Result<(), &'static str> {
        let mut orders = self.orders();
        let position = orders.agreements.find(account, number).ok_or(NO_SUCH_AGREEMENT)?;
        let agreement = orders.agreements.list.get_mut(position).ok_or(NO_SUCH_AGREEMENT)?;
        if matches!(agreement.state, AgreementState::Ended(_)) {
            return Err("the agreement is over");
        }
        agreement.fill(purse);
        Ok(())
    }

    /// The merchant is told, if the channel tells such things.
    fn tell_of_agreement(&self, position: usize, agreement: &mut Agreement, what: AgreementNews) {
        if !self.front(agreement.channel).tells_agreement(agreement, what) {
            return;
        }
        let now_ms = self.pace.now_ms();
        let event = agreement.events.len();
        agreement.events.push(AgreementEvent { what, at_ms: now_ms });
        let about = About::Agreement { agreement: position, event };
        let nth = u64::try_from(event).unwrap_or(u64::MAX);
        let wait_ms = dice::within(dice::draw(&[agreement.fate, 63, nth]), NOTIFY_AFTER_MS);
        self.timers.add(now_ms.saturating_add(wait_ms), Due::Notify { about, attempt: 0 });
    }
}
