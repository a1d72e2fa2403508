//! Dividing a sum: it knows that parts add up exactly, and must never know what they are for.

/// `total_minor` in `count` parts, as equal as they can be; the last takes the remainder. Nothing for no parts, or
/// when a part would be nothing.
pub fn equal(total_minor: i64, count: u32) -> Option<Vec<i64>> {
    let parts = i64::from(count);
    let part = total_minor.checked_div(parts).filter(|part| *part > 0)?;
    let last = total_minor - part * (parts - 1);
    let mut all = vec![part; usize::try_from(count).ok()?];
    if let Some(slot) = all.last_mut() {
        *slot = last;
    }
    Some(all)
}

/// The share of `minor` that falls on `days` of `of_days`, rounded down.
pub fn share(minor: i64, days: i64, of_days: i64) -> i64 {
    if of_days <= 0 {
        return 0;
    }
    let exact = i128::from(minor) * i128::from(days.clamp(0, of_days)) / i128::from(of_days);
    i64::try_from(exact).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_hundred_in_three_seven_and_twelve_parts() {
        assert_eq!(equal(10_000, 3).unwrap(), [3_333, 3_333, 3_334]);
        assert_eq!(equal(10_000, 7).unwrap(), [1_428, 1_428, 1_428, 1_428, 1_428, 1_428, 1_432]);
        assert_eq!(equal(10_000, 12).unwrap().iter().sum::<i64>(), 10_000);
        assert_eq!((equal(2, 3), equal(5, 0)), (None, None));
    }

    proptest! {
        #[test]
        fn parts_add_up_and_differ_by_less_than_a_unit_each(total in 1_i64..10_000_000_000, count in 1_u32..400) {
            match equal(total, count) {
                Some(parts) => {
                    prop_assert_eq!(parts.iter().sum::<i64>(), total);
                    prop_assert!(parts.iter().all(|p| *p > 0));
                    prop_assert!(parts[parts.len() - 1] - parts[0] < i64::from(count));
                }
                None => prop_assert!(total < i64::from(count)),
            }
        }

        #[test]
        fn a_share_and_the_rest_never_exceed_the_whole(minor in 0_i64..i64::MAX, of in 1_i64..4_000, days in 0_i64..4_000) {
            let days = days.min(of);
            let (served, rest) = (share(minor, days, of), share(minor, of - days, of));
            prop_assert!(served >= 0 && rest >= 0);
            prop_assert!(i128::from(served) + i128::from(rest) <= i128::from(minor));
            prop_assert!(i128::from(minor) - i128::from(served) - i128::from(rest) <= 1);
        }
    }
}
