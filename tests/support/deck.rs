//! The deck of a campaign: it knows how many of which blows are dealt and in which order chance deals
//! them, and must never deal one.

use std::time::Duration;

use bursar_core::Chance;

use crate::Trouble;

/// A blow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Blow {
    /// SIGKILL for a process (now and then for all), which is started again.
    Kill,
    /// SIGSTOP for a worker for longer than its lease, then SIGCONT.
    Pause,
    /// PostgreSQL is stopped as by a power cut and started again.
    Restart,
    /// Trouble on the connections to the channel.
    Channel(Trouble),
    /// Trouble on the connections to the database.
    Database(Trouble),
}

/// How many of each. All are dealt, so a campaign of a given deck always has some of everything.
#[derive(Clone, Copy, Default, Debug)]
pub struct Deck {
    /// Kills (a few more come of processes that are killed in their start, or all at once).
    pub kills: u32,
    /// Zombie pauses.
    pub pauses: u32,
    /// Restarts of the database.
    pub restarts: u32,
    /// Troubles with the channel.
    pub channel: u32,
    /// Troubles with the database.
    pub database: u32,
}

impl Deck {
    /// The cards in the order of chance. The last is a restart of the database, when there is any: whoever
    /// does not come back by itself must not be helped by a later kill.
    pub fn shuffled(&self, chance: &dyn Chance) -> Vec<Blow> {
        let mut cards = Vec::new();
        cards.extend((0..self.kills).map(|_| Blow::Kill));
        cards.extend((0..self.pauses).map(|_| Blow::Pause));
        cards.extend((1..self.restarts).map(|_| Blow::Restart));
        cards.extend((0..self.channel).map(|number| Blow::Channel(trouble(number, chance))));
        cards.extend((0..self.database).map(|number| Blow::Database(trouble(number, chance))));
        let mut dealt = Vec::new();
        while !cards.is_empty() {
            let left = u64::try_from(cards.len()).expect("few cards");
            dealt.push(cards.swap_remove(usize::try_from(chance.below(left)).expect("few cards")));
        }
        dealt.extend((self.restarts > 0).then_some(Blow::Restart));
        dealt
    }
}

/// The kinds take turns; how long they last is chance.
fn trouble(number: u32, chance: &dyn Chance) -> Trouble {
    let between = |from: u64, to: u64| Duration::from_millis(from + chance.below(to - from));
    match number % 8 {
        0 | 4 => Trouble::Cut,
        1 | 5 => Trouble::HalfOpen(between(500, 4_000)),
        2 | 6 => Trouble::Refuse(between(200, 2_000)),
        3 => Trouble::Stall(between(300, 4_000)),
        // Beyond every time-out that a campaign sets.
        _ => Trouble::HalfOpen(between(10_500, 12_000)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bursar_core::chance::SeededChance;

    #[test]
    fn every_card_is_dealt_in_an_order_that_the_seed_decides() {
        let deck = Deck { kills: 20, pauses: 3, restarts: 2, channel: 9, database: 8 };
        let dealt = |seed| deck.shuffled(&SeededChance::new(seed));
        let count = |of: fn(&Blow) -> bool| dealt(7).iter().filter(|blow| of(blow)).count();
        assert_eq!(dealt(7), dealt(7));
        assert_ne!(dealt(7), dealt(8));
        assert_eq!(count(|b| *b == Blow::Kill), 20);
        assert_eq!(count(|b| *b == Blow::Pause), 3);
        assert_eq!(count(|b| *b == Blow::Restart), 2);
        assert_eq!(dealt(7).last(), Some(&Blow::Restart));
        assert_eq!(count(|b| matches!(b, Blow::Channel(_))), 9);
        assert_eq!(count(|b| matches!(b, Blow::Database(_))), 8);
        assert_eq!(count(|b| *b == Blow::Channel(Trouble::Cut)), 3);
    }
}
