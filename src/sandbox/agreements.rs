//! The agreements of all channels and the calls for debits under them: numbers, life, limits. It must never know a
//! channel's words, read a clock, send anything or draw faults.

use std::collections::HashMap;

use crate::orders::key;
use crate::own::Own;
use crate::purse::Signs;
use crate::{
    AgreementEntry, AgreementLimits, AgreementMix, AgreementState, Channel, DebitEntry, DebitOutcome, Decline, EndedBy,
    Purse, dice,
};

/// One agreement.
#[derive(Debug)]
pub(crate) struct Agreement {
    pub(crate) channel: Channel,
    pub(crate) account: String,
    /// The merchant's number.
    pub(crate) number: String,
    /// The channel's own.
    pub(crate) id: String,
    pub(crate) payer: String,
    pub(crate) state: AgreementState,
    pub(crate) limits: AgreementLimits,
    pub(crate) signs: Signs,
    pub(crate) fate: u64,
    pub(crate) offered_at_ms: i64,
    pub(crate) signed_at_ms: Option<i64>,
    /// From the signature to the end.
    lasts_ms: Option<i64>,
    pub(crate) valid_until_ms: Option<i64>,
    pub(crate) ended_at_ms: Option<i64>,
    pub(crate) charges: u32,
    pub(crate) charged_minor: i64,
    /// `None`: drawn anew for the next debit.
    purse: Option<Purse>,
    /// Somebody said what it holds: nothing is drawn any more.
    by_hand: bool,
    /// Debits that were put to the payer's side.
    attempts: u64,
    pub(crate) events: Vec<AgreementEvent>,
    pub(crate) notifications_accepted: u32,
    /// What only its front knows.
    pub(crate) own: Own,
}

/// What a front says of a new agreement.
pub(crate) struct NewAgreement {
    pub(crate) channel: Channel,
    pub(crate) account: String,
    pub(crate) number: String,
    /// Under what the merchant's number is found again; the number itself where it is unique for an account.
    pub(crate) scope: String,
    pub(crate) id: String,
    pub(crate) payer: String,
    pub(crate) limits: AgreementLimits,
    pub(crate) signs: Signs,
    pub(crate) purse: Option<Purse>,
    pub(crate) fate: u64,
    pub(crate) now_ms: i64,
    pub(crate) lasts_ms: Option<i64>,
    pub(crate) own: Own,
}

/// What the merchant may be told of an agreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AgreementNews {
    Signed,
    /// The payer tried to sign and could not.
    Failed,
    Ended(EndedBy),
}

/// Something that happened, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AgreementEvent {
    pub(crate) what: AgreementNews,
    pub(crate) at_ms: i64,
}

/// Which limit a debit would break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    Single,
    Total,
    Times,
}

/// All agreements and all calls for debits; each is named by its position, which never changes.
#[derive(Debug, Default)]
pub(crate) struct Agreements {
    pub(crate) list: Vec<Agreement>,
    by_scope: HashMap<String, usize>,
    by_id: HashMap<String, usize>,
    pub(crate) debits: Vec<DebitEntry>,
}

/// Who asks for a debit, and what for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DebitCall<'a> {
    pub(crate) channel: Channel,
    pub(crate) account: &'a str,
    /// The merchant's number of the agreement, else what was named.
    pub(crate) agreement: &'a str,
    pub(crate) number: &'a str,
    pub(crate) amount_minor: i64,
    pub(crate) at_ms: i64,
}

impl Agreements {
    /// Enters an agreement; a dead one of the same number gives way. Gives its position.
    pub(crate) fn insert(&mut self, new: NewAgreement) -> usize {
        let position = self.list.len();
        self.by_scope.insert(key(new.channel, &new.account, &new.scope), position);
        self.by_id.insert(key(new.channel, &new.account, &new.id), position);
        self.list.push(Agreement {
            channel: new.channel,
            account: new.account,
            number: new.number,
            id: new.id,
            payer: new.payer,
            state: AgreementState::Offered,
            limits: new.limits,
            signs: new.signs,
            fate: new.fate,
            offered_at_ms: new.now_ms,
            signed_at_ms: None,
            lasts_ms: new.lasts_ms,
            valid_until_ms: None,
            ended_at_ms: None,
            charges: 0,
            charged_minor: 0,
            by_hand: new.purse.is_some(),
            purse: new.purse,
            attempts: 0,
            events: Vec::new(),
            notifications_accepted: 0,
            own: new.own,
        });
        position
    }

    pub(crate) fn position(&self, channel: Channel, account: &str, scope: &str) -> Option<usize> {
        self.by_scope.get(&key(channel, account, scope)).copied()
    }

    /// By the channel's own number, or another name that its front gave it.
    pub(crate) fn position_of(&self, channel: Channel, account: &str, id: &str) -> Option<usize> {
        self.by_id.get(&key(channel, account, id)).copied()
    }

    /// Gives an agreement another name.
    pub(crate) fn call(&mut self, position: usize, other_name: &str) {
        if let Some(agreement) = self.list.get(position) {
            self.by_id.insert(key(agreement.channel, &agreement.account, other_name), position);
        }
    }

    /// The newest of that number: of `account`, else of any.
    pub(crate) fn find(&self, account: Option<&str>, number: &str) -> Option<usize> {
        let is_it = |one: &Agreement| one.number == number && account.is_none_or(|account| one.account == account);
        self.list.iter().rposition(is_it)
    }

    /// Writes down a call, and gives its position.
    pub(crate) fn note(&mut self, call: DebitCall<'_>, outcome: DebitOutcome) -> usize {
        self.debits.push(DebitEntry {
            channel: call.channel,
            account: call.account.to_owned(),
            agreement: call.agreement.to_owned(),
            out_trade_no: call.number.to_owned(),
            at_ms: call.at_ms,
            amount_minor: call.amount_minor,
            outcome,
        });
        self.debits.len() - 1
    }

    pub(crate) fn decided(&mut self, entry: usize, outcome: DebitOutcome) {
        if let Some(entry) = self.debits.get_mut(entry) {
            entry.outcome = outcome;
        }
    }

    /// The books, in the order of the offers.
    pub(crate) fn entries(&self) -> Vec<AgreementEntry> {
        self.list.iter().map(Agreement::entry).collect()
    }
}

impl Agreement {
    pub(crate) fn is_signed(&self) -> bool {
        self.state == AgreementState::Signed
    }

    /// The payer signs; `false` when it is not to be signed any more.
    pub(crate) fn sign(&mut self, now_ms: i64) -> bool {
        if self.state != AgreementState::Offered {
            return false;
        }
        self.state = AgreementState::Signed;
        self.signed_at_ms = Some(now_ms);
        self.valid_until_ms = self.lasts_ms.map(|lasts_ms| now_ms.saturating_add(lasts_ms));
        true
    }

    /// It is over; `false` when it was before.
    pub(crate) fn end(&mut self, by: EndedBy, now_ms: i64) -> bool {
        if matches!(self.state, AgreementState::Ended(_)) {
            return false;
        }
        self.state = AgreementState::Ended(by);
        self.ended_at_ms = Some(now_ms);
        true
    }

    pub(crate) fn ended_by(&self) -> Option<EndedBy> {
        match self.state {
            AgreementState::Ended(by) => Some(by),
            AgreementState::Offered | AgreementState::Signed => None,
        }
    }

    /// Whether a debit of so much keeps within the limits.
    pub(crate) fn allows(&self, amount_minor: i64) -> Result<(), Broken> {
        let limits = &self.limits;
        if limits.single_minor.is_some_and(|most| amount_minor > most) {
            return Err(Broken::Single);
        }
        if limits.total_minor.is_some_and(|most| self.charged_minor.saturating_add(amount_minor) > most) {
            return Err(Broken::Total);
        }
        if limits.times.is_some_and(|most| self.charges >= most) {
            return Err(Broken::Times);
        }
        Ok(())
    }

    /// Somebody says what the purse holds.
    pub(crate) fn fill(&mut self, purse: Purse) {
        (self.purse, self.by_hand) = (Some(purse), true);
    }

    /// The payer's side is asked for money; counts as an attempt.
    pub(crate) fn ask(&mut self, mix: &AgreementMix) -> Option<Decline> {
        self.attempts += 1;
        let (fate, attempt) = (self.fate, self.attempts);
        let purse = self.purse.get_or_insert_with(|| mix.purse(dice::draw(&[fate, 60, attempt])));
        let decline = purse.ask();
        // A drawn spell that is over leaves the next debit to be drawn again; what was set by hand stays.
        if !self.by_hand && (purse.decline.is_none() || purse.times == Some(0)) {
            self.purse = None;
        }
        decline
    }

    fn entry(&self) -> AgreementEntry {
        AgreementEntry {
            channel: self.channel,
            account: self.account.clone(),
            agreement: self.number.clone(),
            agreement_id: self.id.clone(),
            payer: self.payer.clone(),
            state: self.state,
            limits: self.limits,
            offered_at_ms: self.offered_at_ms,
            signed_at_ms: self.signed_at_ms,
            valid_until_ms: self.valid_until_ms,
            ended_at_ms: self.ended_at_ms,
            charges: self.charges,
            charged_minor: self.charged_minor,
            notifications_accepted: self.notifications_accepted,
        }
    }
}
