//! What clients, payers and the channel do by themselves. It knows their scripts, and must never know what
//! Bursar makes of it.

use bursar_core::Chance;
use bursar_core::channel::{ChannelKind, Method};
use bursar_core::clock::{HOUR_MS, MINUTE_MS, SECOND_MS};
use bursar_core::observation::Source;

use super::agenda::{Ack, Event, Part};
use super::faults::Fault;
use super::gateway;
use super::history::History;
use super::message::{About, Message, number_in};
use super::planted::Planted;
use super::script::Payer;
use super::wants;

/// Clients and operators try again after so long.
const AGAIN_MS: i64 = 5 * SECOND_MS;
/// When WeChat tells again: 15 s, 15 s, 30 s, 3 m, 10 m, 20 m, 30 m, 30 m, 30 m, 60 m, 3 h, 3 h, 3 h, 6 h, 6 h.
const WECHAT_TELLS_S: [i64; 15] =
    [15, 15, 30, 180, 600, 1_200, 1_800, 1_800, 1_800, 3_600, 10_800, 10_800, 10_800, 21_600, 21_600];
/// The same for Alipay.
const ALIPAY_TELLS_S: [i64; 7] = [240, 600, 600, 3_600, 7_200, 21_600, 54_000];
/// The same for UnionPay.
const UNIONPAY_TELLS_S: [i64; 4] = [60, 120, 240, 300];
/// The same for cards: three days, with longer and longer pauses.
const STRIPE_TELLS_S: [i64; 14] =
    [5, 300, 1_800, 7_200, 18_000, 36_000, 36_000, 36_000, 36_000, 36_000, 43_200, 43_200, 43_200, 43_200];
/// When a channel tells again, in seconds after the time before.
pub(super) const fn tells_s(channel: ChannelKind) -> &'static [i64] {
    match channel {
        ChannelKind::Alipay => &ALIPAY_TELLS_S,
        ChannelKind::Unionpay => &UNIONPAY_TELLS_S,
        ChannelKind::Stripe => &STRIPE_TELLS_S,
        ChannelKind::Wechat | ChannelKind::Bank | ChannelKind::Cash => &WECHAT_TELLS_S,
    }
}

/// A payer who has no code by then gives up.
const PATIENCE_MS: i64 = 10 * SECOND_MS;
/// Copies of a message in a flood.
pub(super) const FLOOD: usize = 20;

impl History {
    /// A client places its order until it is told that it is taken.
    pub(super) fn place(&self, index: usize) {
        let Some(script) = self.scripts.get(index) else { return };
        {
            let mut state = self.world.lock();
            if state.taken.contains(&index) {
                return;
            }
            state.at(AGAIN_MS, Event::Place(index));
        }
        if let Some(gateway) = self.gateway() {
            tokio::spawn(gateway::place(self.world.clone(), gateway.context.clone(), index, script.clone()));
        }
    }

    pub(super) fn close_wish(&self, index: usize) {
        let Some(script) = self.scripts.get(index) else { return };
        {
            let mut state = self.world.lock();
            let over = state
                .tables
                .by_number(script.merchant, &script.number)
                .is_some_and(|d| d.payments.iter().all(|p| p.state.is_final()));
            if over || state.asked.contains(&index) {
                return;
            }
            state.at(AGAIN_MS, Event::CloseWish(index));
        }
        let source = if index.is_multiple_of(2) { Source::Merchant } else { Source::Operator };
        if let Some(gateway) = self.gateway() {
            let (world, context) = (self.world.clone(), gateway.context.clone());
            tokio::spawn(gateway::close(world, context, index, script.clone(), source));
        }
    }

    /// A payer chooses a way to pay until he is told yes or no.
    pub(super) fn pick(&self, index: usize, nth: usize) {
        let Some(script) = self.scripts.get(index) else { return };
        {
            let mut state = self.world.lock();
            if state.chosen.contains(&(index, nth)) {
                return;
            }
            state.at(AGAIN_MS, Event::Pick(index, nth));
        }
        if let Some(gateway) = self.gateway() {
            let (world, context) = (self.world.clone(), gateway.context.clone());
            tokio::spawn(wants::pick(world, context, (index, nth), script.clone()));
        }
    }

    /// A program with a planted bug ends orders by their last moment to pay, whatever is awaited.
    pub(super) fn overdue(&self, index: usize) {
        let Some(script) = self.scripts.get(index) else { return };
        if let Some(gateway) = self.gateway() {
            let (world, context) = (self.world.clone(), gateway.context.clone());
            tokio::spawn(gateway::close(world, context, index, script.clone(), Source::Clock));
        }
    }

    /// A client adds a payment to its order until it is told yes or no.
    pub(super) fn add_payment(&self, index: usize, attempt: u32) {
        let Some(script) = self.scripts.get(index) else { return };
        {
            let mut state = self.world.lock();
            if state.added.contains(&(index, attempt)) {
                return;
            }
            state.at(AGAIN_MS, Event::AddPayment(index, attempt));
        }
        if let Some(gateway) = self.gateway() {
            let (world, context) = (self.world.clone(), gateway.context.clone());
            tokio::spawn(wants::add_payment(world, context, index, script.clone(), attempt));
        }
    }

    /// A merchant asks for a refund until it is told yes or no.
    pub(super) fn wish(&self, index: usize, wish: usize, attempt: u32) {
        let Some(script) = self.scripts.get(index) else { return };
        {
            let mut state = self.world.lock();
            if state.answered.contains(&(index, wish, attempt)) {
                return;
            }
            state.at(AGAIN_MS, Event::Wish(index, wish, attempt));
        }
        if let Some(gateway) = self.gateway() {
            let (world, context) = (self.world.clone(), gateway.context.clone());
            tokio::spawn(wants::refund(world, context, script.clone(), (index, wish, attempt)));
        }
    }

    pub(super) fn pay(&self, index: usize, part: Part) {
        let Some(script) = self.scripts.get(index) else { return };
        let mut state = self.world.lock();
        let dossier = state.tables.by_number(script.merchant, &script.number);
        let expires_ms =
            dossier.as_ref().map_or(script.expires_ms, |d| d.order.expires_at.as_millis().max(script.expires_ms));
        let picked = state.picked.get(&(index, part)).copied();
        let payment = dossier.and_then(|d| script.payment(&d, part, picked).cloned());
        let number = payment.as_ref().and_then(|p| number_in(p.evidence.code()?));
        // Who does not wait for our commit has the number from the channel's own answer.
        let answered = |p: &&bursar_core::payment::Payment| p.method.channel() == ChannelKind::Wechat;
        let waits = number.is_none();
        let number = match (number, payment.as_ref().filter(answered)) {
            (None, Some(payment)) if state.strikes(Fault::Eager) => Some(payment.number()),
            (number, _) => number,
        };
        let now = state.now;
        let entry = number.and_then(|n| state.books.entries.get_mut(&n).map(|e| (n, e)));
        let Some((number, entry)) = entry else {
            if now < expires_ms + PATIENCE_MS {
                state.at(2_000, Event::Pay(index, part));
            }
            return;
        };
        let payer = script.payer(part).unwrap_or(Payer::Never);
        if !entry.kind().can_be_asked() {
            state.pays_by_hand(&number, payer);
            return;
        }
        if !entry.payable(now) || entry.in_flight {
            return;
        }
        let opens = entry.opened_ms.is_none();
        entry.opened_ms = entry.opened_ms.or(Some(now));
        if payer == Payer::Opens {
            if opens {
                state.count(Fault::Opened);
            }
            return;
        }
        if payer == Payer::FailsOnce && !entry.failed_attempt {
            entry.failed_attempt = true;
            let delay = state.between(5_000, 40_000);
            state.note(|| format!("the payer of {number} fails once"));
            state.changed_on_a_card(&number);
            state.at(delay, Event::Pay(index, part));
            return;
        }
        entry.in_flight = true;
        let way_ms = match payer {
            _ if waits => state.between(20, 200),
            Payer::InFlight => state.between(5_000, 40_000),
            _ => state.between(20, 3_000),
        };
        state.note(|| format!("the payer of {number} pays; lands in {way_ms} ms"));
        state.at(way_ms, Event::Land(number));
    }

    pub(super) fn land(&self, number: &str) {
        let mut state = self.world.lock();
        let method = state.books.entries.get(number).map(|e| e.ask.method);
        if method.is_some_and(Method::holds) && !state.wrongly_automatic.contains(number) {
            return state.holds(number);
        }
        let (wrong, other, twice) = (
            state.strikes(Fault::WrongAmount),
            state.strikes(Fault::OtherPayee),
            state.strikes(Fault::TwoTransactions),
        );
        let (silent, late) = (state.strikes(Fault::NotifyNever), state.strikes(Fault::NotifyLate));
        let now = state.now;
        let Some(entry) = state.books.entries.get_mut(number) else { return };
        entry.silent = silent;
        let amount = entry.ask.amount_minor + i64::from(wrong);
        if !state.books.land(number, amount, !other, now) {
            return state.note(|| format!("money for {number} is refused"));
        }
        if twice {
            state.books.land(number, amount, !other, now);
        }
        state.note(|| format!("money for {number} lands"));
        if method.is_some_and(|m| m.channel() == ChannelKind::Stripe) {
            state.charged(number);
        }
        let delay =
            if late { state.dice(Fault::NotifyLate, MINUTE_MS, 20 * HOUR_MS) } else { state.between(30, 2_000) };
        if !silent {
            state.at(delay, Event::Notify { number: number.to_owned(), attempt: 0 });
        }
    }

    pub(super) fn notify(&self, number: &str, attempt: usize) {
        let mut state = self.world.lock();
        let now = state.now;
        let Some(entry) = state.books.entries.get(number).filter(|e| !e.acknowledged) else { return };
        let (account, kind) = (entry.ask.account, entry.kind());
        let trusting = state.planted == Some(Planted::SkipAmountCheck);
        let write = |charge: &super::books::Charge| {
            let id = format!("{number}-{}", charge.transaction);
            let mut message = Message::paid(id, account, number, charge, now);
            if let About::Paid { amount_minor, payee_matches, .. } = &mut message.about
                && trusting
            {
                (*amount_minor, *payee_matches) = (entry.ask.amount_minor, true);
            }
            message.sealed()
        };
        // A channel that charged twice tells of both.
        let letters: Vec<(String, String)> = entry.charges.iter().map(write).collect();
        if let Some(pause_s) = tells_s(kind).get(attempt).copied() {
            state.at(pause_s * 1_000, Event::Notify { number: number.to_owned(), attempt: attempt + 1 });
        }
        if state.strikes(Fault::NotifyLost) {
            return;
        }
        let copies = if state.strikes(Fault::NotifyFlood) { FLOOD } else { 1 };
        for (proof, body) in letters.iter().cycle().take(copies * letters.len()) {
            let delay = state.between(5, if copies > 1 { 30_000 } else { 500 });
            let (proof, body, ack) = (proof.clone(), body.clone(), Some(Ack::Paid(number.to_owned())));
            state.at(delay, Event::Hand { account, proof, body, ack });
        }
    }

    /// A draw of the payers' stream, for callers that hold no lock.
    pub(super) fn any(&self, bound: usize) -> usize {
        usize::try_from(self.payers.below(u64::try_from(bound).unwrap_or(1))).unwrap_or(0)
    }
}
