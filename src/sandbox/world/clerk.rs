//! People who see to what waits for people: approvals, transfers by bank, questions about late money. It knows
//! our open questions, and must never know the channel's books.

use bursar_core::clock::{HOUR_MS, MINUTE_MS, SECOND_MS};
use bursar_core::decide::QuestionKind;
use bursar_core::id::{LegId, PaymentId, RefundId};
use bursar_core::refund::RefundState;
use uuid::Uuid;

use super::agenda::Event;
use super::faults::Fault;
use super::history::History;
use super::state::State;
use super::wants::{self, CLERK};
use super::wishes::ASKER;

/// A confirmation that did not reach the books is made again.
const AGAIN_MS: i64 = 20 * SECOND_MS;

/// What a person does.
enum Deed {
    Judge(RefundId, String, bool),
    Transfer(LegId),
    Abandon(LegId),
    Answer(PaymentId, bool),
    /// Nobody asks the payer again.
    End(PaymentId),
}

impl History {
    /// A person looks at what waits.
    pub(super) fn clerk(&self) {
        let deeds = {
            let mut state = self.world.lock();
            let pause = if state.quiet {
                6 * HOUR_MS
            } else if self.long {
                state.between(10 * MINUTE_MS, HOUR_MS)
            } else {
                state.between(20 * SECOND_MS, 5 * MINUTE_MS)
            };
            state.at(pause, Event::Clerk);
            deeds(&mut state)
        };
        let Some(gateway) = self.gateway() else { return };
        for deed in deeds {
            let (world, context) = (self.world.clone(), gateway.context.clone());
            match deed {
                Deed::Judge(refund, by, yes) => drop(tokio::spawn(wants::judge(world, context, refund, by, yes))),
                Deed::Abandon(leg) => drop(tokio::spawn(wants::abandon(context, leg))),
                Deed::Answer(payment, keep) => drop(tokio::spawn(wants::answer(context, payment, keep))),
                Deed::End(payment) => drop(tokio::spawn(wants::end(context, payment))),
                Deed::Transfer(leg) => {
                    let mut state = self.world.lock();
                    let amount = state.tables.legs.get(&leg).map_or(0, |l| l.amount.minor);
                    if state.transfers.insert(leg, amount).is_none() {
                        state.note(|| format!("a clerk transfers {amount} for {leg}"));
                        let delay = state.between(0, 2 * MINUTE_MS);
                        state.at(delay, Event::Confirm(leg));
                    }
                }
            }
        }
    }

    /// Who has transferred money says so until it is on the books.
    pub(super) fn confirm(&self, leg: LegId) {
        {
            let mut state = self.world.lock();
            if state.confirmed.contains(&leg) {
                return;
            }
            state.at(AGAIN_MS, Event::Confirm(leg));
        }
        if let Some(gateway) = self.gateway() {
            tokio::spawn(wants::transferred(self.world.clone(), gateway.context.clone(), leg));
        }
    }
}

/// Subjects of open questions.
fn asked(state: &State, kind: QuestionKind) -> impl Iterator<Item = Uuid> + '_ {
    state.tables.questions.keys().filter(move |(_, k)| *k == kind).map(|(subject, _)| *subject)
}

fn deeds(state: &mut State) -> Vec<Deed> {
    let mut deeds = Vec::new();
    let judged: Vec<RefundId> =
        state.tables.refunds.values().filter(|r| r.state == RefundState::AwaitingApproval).map(|r| r.id).collect();
    for refund in judged {
        if state.strikes(Fault::SamePerson) {
            deeds.push(Deed::Judge(refund, format!(" {}", ASKER.to_uppercase()), true));
        }
        match state.between(0, 5) {
            0 => deeds.push(Deed::Judge(refund, CLERK.to_owned(), false)),
            1..=3 => deeds.push(Deed::Judge(refund, CLERK.to_owned(), true)),
            _ => {}
        }
    }
    let due: Vec<LegId> = asked(state, QuestionKind::TransferDue).map(LegId).collect();
    for leg in due {
        let made = state.transfers.contains_key(&leg);
        // A clumsy one gives up what a colleague has transferred, or makes up his mind twice.
        let clumsy = state.strikes(Fault::ClumsyClerk);
        match state.between(0, 9) {
            0 if !made || clumsy => deeds.push(Deed::Abandon(leg)),
            1..=5 => deeds.push(Deed::Transfer(leg)),
            _ if clumsy => deeds.extend([Deed::Transfer(leg), Deed::Abandon(leg)]),
            _ => {}
        }
    }
    let reversed: Vec<PaymentId> = asked(state, QuestionKind::CaptureReversed).map(PaymentId).collect();
    for payment in reversed {
        if state.between(0, 3) == 0 {
            deeds.push(Deed::End(payment));
        }
    }
    let late: Vec<PaymentId> = asked(state, QuestionKind::LateMoney).map(PaymentId).collect();
    for payment in late {
        match state.between(0, 7) {
            0 => deeds.push(Deed::Answer(payment, true)),
            1 => deeds.push(Deed::Answer(payment, false)),
            _ if state.strikes(Fault::ClumsyClerk) => {
                deeds.extend([Deed::Answer(payment, true), Deed::Answer(payment, false)]);
            }
            _ => {}
        }
    }
    deeds
}
