//! When a channel's day begins and ends: it knows zones and cut-offs, and must never read a clock.

use crate::bank::Day;
use crate::channel::ChannelKind;
use crate::clock::{DAY_MS, HOUR_MS, Timestamp};

impl ChannelKind {
    /// The channel's business day in which `at` falls.
    pub fn business_day(self, at: Timestamp) -> Day {
        Day::from_number(at.as_millis().saturating_add(self.bill_facts().day_offset_ms).div_euclid(DAY_MS))
    }

    /// When the channel's business day begins, and when the next one does.
    pub fn day_bounds(self, day: Day) -> (Timestamp, Timestamp) {
        let begins_ms = day.number().saturating_mul(DAY_MS).saturating_sub(self.bill_facts().day_offset_ms);
        (Timestamp::from_millis(begins_ms), Timestamp::from_millis(begins_ms.saturating_add(DAY_MS)))
    }

    /// When the bill of `day` is asked for first: when the channel's documents promise it.
    pub fn bill_due_at(self, day: Day) -> Timestamp {
        let (_, end) = self.day_bounds(day);
        end.plus_ms(self.bill_facts().due_ms)
    }

    /// From when on a bill of `day` that is still missing is an alarm: 14:00 in Beijing.
    pub fn bill_late_at(self, day: Day) -> Timestamp {
        let noon = day.plus_days(1).begins_in_beijing().plus_ms(14 * HOUR_MS);
        noon.max(self.bill_due_at(day).plus_ms(4 * HOUR_MS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    #[test]
    fn each_channel_has_its_midnight() {
        for (channel, instant, day) in [
            (ChannelKind::Wechat, "2026-11-22T23:59:59.999+08:00", "2026-11-22"),
            (ChannelKind::Alipay, "2026-11-23T00:00:00+08:00", "2026-11-23"),
            (ChannelKind::Unionpay, "2026-11-22T22:59:59.999+08:00", "2026-11-22"),
            (ChannelKind::Unionpay, "2026-11-22T23:00:00+08:00", "2026-11-23"),
            (ChannelKind::Stripe, "2026-11-23T07:59:59+08:00", "2026-11-22"),
            (ChannelKind::Stripe, "2026-11-23T00:00:00Z", "2026-11-23"),
        ] {
            assert_eq!(channel.business_day(at(instant)).to_string(), day, "{} {instant}", channel.name());
        }
    }

    #[test]
    fn a_day_begins_where_the_one_before_ends() {
        for channel in ChannelKind::ALL {
            let day: Day = "2026-02-28".parse().unwrap();
            let (begins, ends) = channel.day_bounds(day);
            assert_eq!(channel.business_day(begins), day);
            assert_eq!(channel.business_day(ends.plus_ms(-1)), day);
            assert_eq!(channel.day_bounds(day.plus_days(1)).0, ends);
            assert!(channel.bill_due_at(day) >= ends && channel.bill_late_at(day) > channel.bill_due_at(day));
        }
    }

    #[test]
    fn bills_are_asked_for_when_the_documents_promise_them() {
        let day: Day = "2026-11-22".parse().unwrap();
        assert_eq!(ChannelKind::Wechat.bill_due_at(day), at("2026-11-23T10:00:00+08:00"));
        assert_eq!(ChannelKind::Alipay.bill_due_at(day), at("2026-11-23T09:30:00+08:00"));
        assert_eq!(ChannelKind::Unionpay.bill_due_at(day), at("2026-11-23T09:30:00+08:00"));
        assert_eq!(ChannelKind::Stripe.bill_due_at(day), at("2026-11-23T00:15:00Z"));
        assert_eq!(ChannelKind::Wechat.bill_late_at(day), at("2026-11-23T14:00:00+08:00"));
    }
}
