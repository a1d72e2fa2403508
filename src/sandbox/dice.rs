//! Seeded draws: it knows how to turn a seed and the facts of a situation into a number that is the
//! same in every run, and must never use the random numbers of the operating system.

/// Mixes facts into one draw (the finaliser of SplitMix64 over a running state).
pub(crate) fn draw(facts: &[u64]) -> u64 {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for fact in facts {
        state = finish(state ^ fact.wrapping_mul(0xff51_afd7_ed55_8ccd)).wrapping_add(0x9e37_79b9_7f4a_7c15);
    }
    finish(state)
}

/// A text as a fact.
pub(crate) fn text(text: &str) -> u64 {
    // FNV-1a: stable for ever, unlike the standard library's hasher.
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// A number below `bound` (0 when `bound` is 0).
pub(crate) fn below(draw: u64, bound: u64) -> u64 {
    draw.checked_rem(bound).unwrap_or(0)
}

/// A number of the closed range `(low, high)`; `low` when the range is empty.
pub(crate) fn within(draw: u64, (low, high): (i64, i64)) -> i64 {
    let width = u64::try_from(high.saturating_sub(low).saturating_add(1)).unwrap_or(0);
    low.saturating_add(i64::try_from(below(draw, width)).unwrap_or(0))
}

/// One of `table` by its weight relative to their sum; `None` when no weight is above 0.
pub(crate) fn weighted<T: Copy>(draw: u64, table: &[(u32, T)]) -> Option<T> {
    let sum = table.iter().map(|(weight, _)| u64::from(*weight)).sum();
    let mut point = below(draw, sum);
    for (weight, value) in table {
        let weight = u64::from(*weight);
        if point < weight {
            return Some(*value);
        }
        point -= weight;
    }
    None
}

fn finish(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_facts_give_the_same_draw_and_other_facts_another() {
        assert_eq!(draw(&[1, 2, 3]), draw(&[1, 2, 3]));
        assert_ne!(draw(&[1, 2, 3]), draw(&[1, 3, 2]));
        assert_ne!(draw(&[1, 2]), draw(&[2, 2]));
    }

    #[test]
    fn weights_decide_and_no_weight_chooses_nothing() {
        let table = [(1, 'a'), (0, 'b'), (2, 'c')];
        let drawn: String = (0..6).filter_map(|n| weighted(n, &table)).collect();
        assert_eq!(drawn, "accacc");
        assert_eq!(weighted(7, &[(0, 'a')]), None);
    }

    #[test]
    fn draws_spread_over_their_range() {
        let mut buckets = [0_u32; 10];
        for n in 0..10_000 {
            buckets[usize::try_from(below(draw(&[7, n]), 10)).unwrap()] += 1;
        }
        assert!(buckets.iter().all(|&count| (850..1_150).contains(&count)), "{buckets:?}");
    }

    #[test]
    fn a_range_includes_both_ends_and_nothing_else() {
        let seen: std::collections::BTreeSet<i64> = (0..200).map(|n| within(draw(&[n]), (5, 8))).collect();
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), [5, 6, 7, 8]);
        assert_eq!(within(99, (8, 5)), 8);
    }
}
