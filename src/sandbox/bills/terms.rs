//! What a channel's documents say of its bills and payouts: when its day begins, when it pays, under which name. It
//! must never look at the books.

use bursar_core::bank::Day;

use crate::FeeTerms;

const HOUR_MS: i64 = 3_600_000;
pub(crate) const DAY_MS: i64 = 24 * HOUR_MS;
/// How far Beijing is ahead of UTC.
pub(crate) const BEIJING_MS: i64 = 8 * HOUR_MS;

/// A channel's terms.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BillTerms {
    /// How long before midnight UTC its day begins.
    pub(crate) early_ms: i64,
    /// From the end of a day to the moment when its net is paid out. The documents say "the next day" and give no
    /// times: each channel has one of its own here.
    pub(crate) pays_after_ms: i64,
    /// Who pays, as a bank's statement names it.
    pub(crate) payer: &'static str,
    /// What references of payouts begin with.
    pub(crate) reference: &'static str,
    /// What the channel keeps, unless an account has other terms.
    pub(crate) fees: FeeTerms,
    /// Whether its bills say in which currency a line is.
    pub(crate) tells_currency: bool,
}

impl BillTerms {
    /// The day of the channel that this instant belongs to.
    pub(crate) fn day(&self, at_ms: i64) -> Day {
        Day::from_number(at_ms.saturating_add(self.early_ms).div_euclid(DAY_MS))
    }

    /// When a day begins, in milliseconds since the epoch.
    pub(crate) fn begins_ms(&self, day: Day) -> i64 {
        day.number().saturating_mul(DAY_MS).saturating_sub(self.early_ms)
    }

    /// From its first to before its last millisecond.
    pub(crate) fn span(&self, day: Day) -> (i64, i64) {
        (self.begins_ms(day), self.begins_ms(day.plus_days(1)))
    }

    /// When the net of a day is paid out.
    pub(crate) fn pays_ms(&self, day: Day) -> i64 {
        self.begins_ms(day.plus_days(1)).saturating_add(self.pays_after_ms)
    }
}

/// When a day begins in Beijing, so many hours later.
pub(crate) fn beijing_hour(day: Day, hour: i64) -> i64 {
    day.number().saturating_mul(DAY_MS).saturating_sub(BEIJING_MS).saturating_add(hour * HOUR_MS)
}

/// The day in Beijing.
pub(crate) fn beijing_day(at_ms: i64) -> Day {
    Day::from_number(at_ms.saturating_add(BEIJING_MS).div_euclid(DAY_MS))
}

/// A day as `yyyymmdd`.
pub(crate) fn digits(day: Day) -> String {
    day.to_string().replace('-', "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Channel;

    fn terms(channel: Channel) -> BillTerms {
        match channel {
            Channel::Wechat => crate::wechat::front::BILLS,
            Channel::Alipay => crate::alipay::front::BILLS,
            Channel::Unionpay => crate::unionpay::front::BILLS,
            Channel::Stripe => crate::stripe::front::BILLS,
        }
    }

    #[test]
    fn each_channel_has_its_own_midnight() {
        for (channel, last) in [
            (Channel::Wechat, "2026-11-22T23:59:59.999+08:00"),
            (Channel::Alipay, "2026-11-22T23:59:59.999+08:00"),
            (Channel::Unionpay, "2026-11-22T22:59:59.999+08:00"),
            (Channel::Stripe, "2026-11-23T07:59:59.999+08:00"),
        ] {
            let last_ms = last.parse::<jiff::Timestamp>().unwrap().as_millisecond();
            let (terms, day) = (terms(channel), "2026-11-22".parse::<Day>().unwrap());
            assert_eq!((terms.day(last_ms), terms.day(last_ms + 1)), (day, day.plus_days(1)), "{channel:?}");
            assert_eq!(terms.span(day).1, last_ms + 1);
            let paid = terms.pays_ms(day);
            assert!(terms.day(paid) == day.plus_days(1), "{channel:?} pays on the next day");
        }
        assert_eq!(digits("2026-01-02".parse().unwrap()), "20260102");
    }
}
