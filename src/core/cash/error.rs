//! Why something about cash is refused: it knows the words, which say what to do instead, and must never know
//! to whom they are said.

use super::{CollectionState, HandInState};
use crate::id::{CollectionId, HandInId, LegId, PayoutId};

/// Why something about cash cannot be. Each says what to do.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CashError {
    /// Amounts that do not fit together.
    #[error(
        "{tendered} minor units were handed over and {change} given back, which leaves not {amount}: correct \
         `tendered_minor`, `change_minor` or `amount_minor`"
    )]
    Amounts {
        /// What stays, in minor units.
        amount: i64,
        /// What was handed over.
        tendered: i64,
        /// What was given back at once.
        change: i64,
    },
    /// Zero, or less.
    #[error("cash is at least one minor unit, not {0}")]
    NotPositive(i64),
    /// A person is needed and none is named.
    #[error("say who {doing}: the name is empty")]
    Nobody {
        /// What is to be done.
        doing: &'static str,
    },
    /// A name that stands for nobody at the merchant's.
    #[error("`{by}` is no person of the merchant: the payer confirms with his code")]
    NotAPerson {
        /// The name.
        by: String,
    },
    /// Two things that one person must not do both.
    #[error("{by} {did} and cannot be who {doing}: somebody else must")]
    SamePerson {
        /// Who.
        by: String,
        /// What he did before.
        did: &'static str,
        /// What he wants to do now.
        doing: &'static str,
    },
    /// A collection of this id says something else.
    #[error("{id} was told before with another `{member}`: send what was told then, or give a new collection a new id")]
    OtherCollection {
        /// Its id.
        id: CollectionId,
        /// What differs.
        member: &'static str,
    },
    /// A hand-in of this id says something else.
    #[error("{id} was told before with another `{member}`: send what was told then, or give a new hand-in a new id")]
    OtherHandIn {
        /// Its id.
        id: HandInId,
        /// What differs.
        member: &'static str,
    },
    /// A payout of this id says something else.
    #[error("{id} was told before with another `{member}`: send what was told then, or give a new payout a new id")]
    OtherPayout {
        /// Its id.
        id: PayoutId,
        /// What differs.
        member: &'static str,
    },
    /// A collection is not where it would have to be.
    #[error("{id} is {} and cannot be {}{}", .state.name(), .wanted.name(), hint(*.state))]
    Collection {
        /// Its id.
        id: CollectionId,
        /// Where it stands.
        state: CollectionState,
        /// Where it should go.
        wanted: CollectionState,
    },
    /// A hand-in is not where it would have to be.
    #[error("{id} is {} and cannot be {}{}", .state.name(), .wanted.name(), if *.state == HandInState::Counted {
        ": have it approved first"
    } else {
        ""
    })]
    HandIn {
        /// Its id.
        id: HandInId,
        /// Where it stands.
        state: HandInState,
        /// Where it should go.
        wanted: HandInState,
    },
    /// Nothing to count.
    #[error("there is nothing of {worker} to hand in: his collections are to be confirmed first")]
    NothingToHandIn {
        /// Whose drawer.
        worker: String,
    },
    /// What a hand-in takes is not of one drawer.
    #[error("{what} is not of the drawer that is handed in: one collector, one account and one currency at a time")]
    OtherDrawer {
        /// The collection or payout.
        what: String,
    },
    /// A payout was handed in already.
    #[error("{payout} was settled by {hand_in} already: leave it out")]
    PayoutHandedIn {
        /// The payout.
        payout: PayoutId,
        /// Where it is.
        hand_in: HandInId,
    },
    /// More went back than was collected.
    #[error(
        "{paid_out} minor units went back out of this drawer and {collected} are handed in: leave payouts to the next \
         hand-in, or hand in more collections"
    )]
    MorePaidOut {
        /// What is handed in, in minor units.
        collected: i64,
        /// What went back.
        paid_out: i64,
    },
    /// Not enough cash to give back.
    #[error(
        "{worker} has {in_drawer} minor units, {asked} cannot be given back out of his drawer: transfer it instead"
    )]
    NotInDrawer {
        /// Whose drawer.
        worker: String,
        /// What is in it.
        in_drawer: i64,
        /// What is to be given back.
        asked: i64,
    },
    /// The payer's code is another.
    #[error("this is not the payer's code; {left} more tries, then a person must confirm it")]
    WrongCode {
        /// Tries that are left.
        left: i32,
    },
    /// The payer's code was wrong too often.
    #[error("the code was wrong too often for this payment: a person must confirm {id} or refuse it")]
    CodeSpent {
        /// The collection.
        id: CollectionId,
    },
    /// What goes back did not come as cash.
    #[error("{leg} gives back money that did not come as cash: it cannot be paid out of a drawer")]
    NotCash {
        /// The leg.
        leg: LegId,
    },
    /// A leg waits for nobody who gives money back by hand.
    #[error("{leg} is {state} and does not wait for money from hand to hand: do not pay it out")]
    Leg {
        /// The leg.
        leg: LegId,
        /// Where it, or its refund, stands.
        state: &'static str,
    },
    /// A collector carries too much.
    #[error("{worker} carries {carried} minor units and may carry {most}: he hands in before he collects again")]
    TooMuch {
        /// Who.
        worker: String,
        /// What he carries.
        carried: i64,
        /// What he may.
        most: i64,
    },
    /// A collector carries something for too long.
    #[error("{worker} carries cash for {hours} hours and may for {most}: he hands in before he collects again")]
    TooLong {
        /// Who.
        worker: String,
        /// For how long.
        hours: i64,
        /// For how long he may.
        most: i64,
    },
}

const fn hint(state: CollectionState) -> &'static str {
    match state {
        CollectionState::Claimed | CollectionState::Disputed => ": have it confirmed or refused first",
        CollectionState::Confirmed => ": dispute it first",
        CollectionState::HandedIn | CollectionState::Banked => ": it was counted; what is wrong is given back",
        CollectionState::Refused => ": that is the end; what was taken after all is a collection of its own",
    }
}
