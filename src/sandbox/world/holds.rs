//! What becomes of money that is held, and of payers' complaints to their banks. It knows the channels' books, and must
//! never know what Bursar makes of it.

use bursar_core::channel::ChannelKind;
use bursar_core::clock::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};
use bursar_core::held::HeldEnding;
use bursar_core::id::{self, ChannelAccountId, PaymentId};
use bursar_core::payment::PaymentState;

use super::acts::{FLOOD, tells_s};
use super::agenda::{Ack, Event};
use super::books::{Complaint, Held, Slip, Tells};
use super::faults::Fault;
use super::giving::Stage;
use super::history::History;
use super::message::Message;
use super::planted::Planted;
use super::state::State;
use super::wants;

/// How long an amount is held.
const HELD_MS: (i64, i64) = (2 * HOUR_MS, 7 * DAY_MS);
/// How long it may take to collect what a service came to.
pub(super) const COLLECTS_MS: (i64, i64) = (MINUTE_MS, 2 * DAY_MS);
/// When a payer complains.
const COMPLAINS_MS: (i64, i64) = (5 * SECOND_MS, 60 * HOUR_MS);
/// One who sees it at once complains by then.
const SOON_MS: i64 = 15 * MINUTE_MS;
/// How long a complaint takes.
const DECIDED_MS: (i64, i64) = (MINUTE_MS, 5 * DAY_MS);
/// A merchant who cannot say yet what shall become of a hold looks again after so long.
const LOOKS_AGAIN_MS: i64 = 2 * MINUTE_MS;
/// So often.
const LOOKS: u32 = 30;

impl State {
    /// An amount is held; the merchant will want it, or not, or forget it. Of cards the channel says until when, mostly;
    /// of the others our settings do, and WeChat keeps a service for ever to which its payer has agreed.
    pub(super) fn holds(&mut self, number: &str) {
        let (now, lasts) = (self.now, self.between(HELD_MS.0, HELD_MS.1));
        let says_when = self.between(0, 3) > 0;
        let Some(entry) = self.books.entries.get_mut(number) else { return };
        let kind = entry.kind();
        let says_when = says_when || kind != ChannelKind::Stripe;
        let lasts = if says_when { lasts } else { HELD_MS.1 };
        entry.in_flight = false;
        if entry.closed_ms.is_some() {
            return;
        }
        entry.held = Some(Held { since_ms: now, lapses_ms: now + lasts, says_when, taken: false, collecting: false });
        self.note(|| format!("the amount of {number} is held"));
        self.changed(number);
        // Some let go earlier than they said.
        let early = self.between(0, 2) == 0;
        if kind != ChannelKind::Wechat {
            self.at(if early { lasts / 8 } else { lasts }, Event::HoldLapses(number.to_owned()));
        }
        let short = self.between(0, 3) > 0;
        let delay = if short { self.between(SECOND_MS, 30 * MINUTE_MS) } else { self.between(HOUR_MS, 3 * DAY_MS) };
        let wish = |take| Event::HoldWish { number: number.to_owned(), take, attempt: 0 };
        match self.between(0, 9) {
            0..=5 => self.at(delay, wish(true)),
            6 => {
                self.at(delay, wish(true));
                let again = self.between(0, 2_000);
                self.at(delay + again, wish(true));
            }
            // Two people of the merchant's do not agree.
            7 => {
                self.at(delay, wish(true));
                let again = self.between(0, 2_000);
                self.at(delay + again, wish(false));
            }
            8 => self.at(delay, wish(false)),
            _ => {}
        }
    }

    /// The channel tells that something has changed.
    pub(super) fn changed(&mut self, number: &str) {
        let Some(entry) = self.books.entries.get_mut(number) else { return };
        entry.slips.push(Slip { tells: Tells::Changed, acknowledged: false });
        let slip = entry.slips.len() - 1;
        let silent = self.strikes(Fault::NotifyNever);
        let late = self.strikes(Fault::NotifyLate);
        let delay = if late { self.dice(Fault::NotifyLate, MINUTE_MS, 20 * HOUR_MS) } else { self.between(30, 2_000) };
        if !silent {
            self.at(delay, Event::Slip { number: number.to_owned(), slip, attempt: 0 });
        }
    }

    /// The same when it is a card's.
    pub(super) fn changed_on_a_card(&mut self, number: &str) {
        if self.books.entries.get(number).is_some_and(|e| e.kind() == ChannelKind::Stripe) {
            self.changed(number);
        }
    }

    /// Money of a card is taken; its payer may complain.
    pub(super) fn charged(&mut self, number: &str) {
        if self.strikes(Fault::Disputed) {
            let soon = self.dice(Fault::Disputed, 0, 1) == 0;
            let latest = if soon { SOON_MS } else { COMPLAINS_MS.1 };
            let delay = self.dice(Fault::Disputed, COMPLAINS_MS.0, latest);
            self.at(delay, Event::Complain(number.to_owned()));
        }
    }

    fn tells_of(&mut self, number: &str, complaint: Complaint) {
        let late = self.strikes(Fault::NotifyLate);
        let delay = if late { self.dice(Fault::NotifyLate, MINUTE_MS, 20 * HOUR_MS) } else { self.between(30, 2_000) };
        let Some(entry) = self.books.entries.get_mut(number) else { return };
        entry.slips.push(Slip { tells: Tells::Complained(complaint), acknowledged: false });
        let slip = entry.slips.len() - 1;
        self.at(delay, Event::Slip { number: number.to_owned(), slip, attempt: 0 });
    }
}

impl History {
    /// A merchant says what shall become of a hold, as soon as he can see it.
    pub(super) fn hold_wish(&self, number: &str, take: bool, attempt: u32) {
        let Some(payment) = id::from_text(number).map(PaymentId) else { return };
        {
            let mut state = self.world.lock();
            let Some(row) = state.tables.payments.get(&payment) else { return };
            let over = row.state.is_final() || matches!(row.state, PaymentState::Capturing | PaymentState::Closing);
            if over || attempt > LOOKS {
                return;
            }
            state.at(LOOKS_AGAIN_MS, Event::HoldWish { number: number.to_owned(), take, attempt: attempt + 1 });
            let held = state.tables.payments.get(&payment).is_some_and(|p| p.state == PaymentState::Authorized);
            if !held {
                return;
            }
        }
        if let Some(gateway) = self.gateway() {
            tokio::spawn(wants::decide_hold(self.world.clone(), gateway.context.clone(), payment, take));
        }
    }

    /// The channel lets a hold go. Only of cards it tells that.
    pub(super) fn hold_lapses(&self, number: &str) {
        let mut state = self.world.lock();
        let now = state.now;
        let Some(entry) = state.books.entries.get_mut(number).filter(|e| e.is_held()) else { return };
        entry.closed_ms = Some(now);
        state.count(Fault::HoldLapsed);
        state.changed_on_a_card(number);
    }

    /// The channel has collected what a service came to, unless it was told to let it be.
    pub(super) fn collected(&self, number: &str, minor: i64) {
        let mut state = self.world.lock();
        let now = state.now;
        if state.books.entries.get(number).is_some_and(super::books::Entry::is_collecting) {
            state.books.capture(number, "one", (minor, 0), now);
            state.note(|| format!("what {number} came to is collected"));
            state.changed(number);
        }
    }

    /// A capture call arrives that nobody waits for any more.
    pub(super) fn arrive_capture(&self, number: &str, name: &str, minor: i64) {
        let mut state = self.world.lock();
        let now = state.now;
        let taken = state.books.capture(number, name, (minor, 0), now);
        state.note(|| format!("a late capture of {number} arrives: {taken}"));
        if taken {
            state.charged(number);
        }
    }

    /// A payer complains to his bank about what he has not got back.
    pub(super) fn complain(&self, number: &str) {
        let mut state = self.world.lock();
        let back = state.books.givings.rows.values().filter(|r| r.payment == number && r.stage != Stage::Closed);
        let back: i64 = back.map(|r| r.amount_minor).sum();
        let id = format!("dp_{:04}", state.books.next_serial());
        let part = state.between(0, 2) == 0;
        let Some(entry) = state.books.entries.get_mut(number) else { return };
        let left = entry.charges.first().map_or(0, |c| c.amount_minor) - back;
        if left <= 0 || entry.crooked() || !entry.complaints.is_empty() {
            return;
        }
        let amount_minor = if part { (left / 2).max(1) } else { left };
        let complaint = Complaint { id, amount_minor, won: None };
        entry.complaints.push(complaint.clone());
        state.note(|| format!("the payer of {number} disputes {amount_minor}"));
        state.tells_of(number, complaint);
        let delay = state.between(DECIDED_MS.0, DECIDED_MS.1);
        match state.between(0, 3) {
            0 => {}
            how => state.at(delay, Event::Decided { number: number.to_owned(), won: how == 1 }),
        }
    }

    /// The banks have decided.
    pub(super) fn decided(&self, number: &str, won: bool) {
        let mut state = self.world.lock();
        let Some(entry) = state.books.entries.get_mut(number) else { return };
        let Some(complaint) = entry.complaints.iter_mut().find(|c| c.won.is_none()) else { return };
        complaint.won = Some(won);
        let complaint = complaint.clone();
        state.count(if won { Fault::DisputeWon } else { Fault::DisputeLost });
        state.tells_of(number, complaint);
    }

    /// The channel tells of something, until it is acknowledged.
    pub(super) fn slip(&self, number: &str, slip: usize, attempt: usize) {
        let mut state = self.world.lock();
        let now = state.now;
        let Some(entry) = state.books.entries.get(number) else { return };
        let Some(row) = entry.slips.get(slip).filter(|s| !s.acknowledged) else { return };
        let account: ChannelAccountId = entry.ask.account;
        let lost = matches!(&row.tells, Tells::Complained(c) if c.won == Some(false));
        if lost && state.planted == Some(Planted::LostDisputeIgnored) {
            return;
        }
        let id = format!("{number}-s{slip}");
        let message = match &row.tells {
            Tells::Changed => Message::changed(id, account, number, entry.ask.amount_minor, now),
            Tells::Complained(complaint) => Message::complained(id, account, number, complaint, now),
        };
        let (proof, body) = message.sealed();
        if let Some(pause_s) = tells_s(entry.kind()).get(attempt).copied() {
            state.at(pause_s * 1_000, Event::Slip { number: number.to_owned(), slip, attempt: attempt + 1 });
        }
        if state.strikes(Fault::NotifyLost) {
            return;
        }
        let flood = state.strikes(Fault::NotifyFlood);
        for _ in 0..if flood { FLOOD } else { 1 } {
            let delay = state.between(5, if flood { 30_000 } else { 500 });
            let (proof, body, ack) = (proof.clone(), body.clone(), Some(Ack::Slip(number.to_owned(), slip)));
            state.at(delay, Event::Hand { account, proof, body, ack });
        }
    }
}

/// Counts how what payers had agreed to ended.
pub(super) fn count_endings(state: &mut State) {
    let ended = |p: &bursar_core::payment::Payment| {
        let order = state.tables.orders.get(&p.order)?;
        Some((p.method, HeldEnding::of(p, order.state)?))
    };
    let ended: Vec<_> = state.tables.payments.values().filter_map(ended).collect();
    for ending in ended {
        *state.coverage.held.entry(ending).or_default() += 1;
    }
}
