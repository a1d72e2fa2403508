//! What a sandbox does wrong on request: it knows the faults, how likely each is and which one a draw
//! selects, and must never know how a fault is played.

use serde::{Deserialize, Serialize};

use crate::dice;

/// How likely each fault is, in parts per 10,000 (`500` is 5 %). At most one of the request faults
/// strikes a request, and at most one of the notification faults an attempt; when their sum exceeds
/// 10,000 the later ones give way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// The request takes effect, then the connection breaks without an answer.
    pub lost_answer_after_effect: u32,
    /// The request takes no effect: the connection is held, then broken without an answer.
    pub timeout_before_effect: u32,
    /// 5xx without effect; now and then with an HTML body.
    pub server_error: u32,
    /// 429 without effect.
    pub too_many_requests: u32,
    /// A right answer, late by the configured hold time.
    pub slow: u32,
    /// The request takes effect; the answer's body ends in the middle.
    pub truncated_body: u32,
    /// The request takes effect; the answer carries a signature that does not verify.
    pub bad_signature: u32,
    /// One attempt is dropped in silence and counted as delivered, so it is never repeated.
    pub notification_lost: u32,
    /// A payment, or an event of a refund, is never notified at all.
    pub notification_never: u32,
    /// An attempt arrives twice.
    pub notification_duplicated: u32,
    /// The first attempt comes 1 to 30 minutes late.
    pub notification_late: u32,
    /// The first attempt is held back some seconds, so that later ones overtake it.
    pub notification_reordered: u32,
    /// A probe with a signature that must be refused goes ahead of the real notification.
    pub signtest_probe: u32,
}

/// A fault that strikes a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestFault {
    LostAnswer,
    Timeout,
    ServerError,
    TooMany,
    Slow,
    Truncated,
    BadSignature,
}

/// A fault that strikes an attempt to notify.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotificationFault {
    Never,
    Lost,
    Duplicated,
    Late,
    Reordered,
    Probe,
}

impl Faults {
    /// A channel on its best behaviour.
    pub const fn calm() -> Self {
        Self {
            lost_answer_after_effect: 0,
            timeout_before_effect: 0,
            server_error: 0,
            too_many_requests: 0,
            slow: 0,
            truncated_body: 0,
            bad_signature: 0,
            notification_lost: 0,
            notification_never: 0,
            notification_duplicated: 0,
            notification_late: 0,
            notification_reordered: 0,
            signtest_probe: 0,
        }
    }

    /// A channel on an ordinary bad day.
    pub const fn normal() -> Self {
        Self {
            lost_answer_after_effect: 50,
            timeout_before_effect: 50,
            server_error: 50,
            too_many_requests: 10,
            slow: 20,
            truncated_body: 5,
            bad_signature: 5,
            notification_lost: 100,
            notification_never: 20,
            notification_duplicated: 100,
            notification_late: 50,
            notification_reordered: 50,
            signtest_probe: 10,
        }
    }

    /// A channel that one would not want to meet.
    pub const fn harsh() -> Self {
        Self {
            lost_answer_after_effect: 1_000,
            timeout_before_effect: 500,
            server_error: 500,
            too_many_requests: 100,
            slow: 100,
            truncated_body: 50,
            bad_signature: 50,
            notification_lost: 1_000,
            notification_never: 100,
            notification_duplicated: 1_000,
            notification_late: 300,
            notification_reordered: 300,
            signtest_probe: 100,
        }
    }

    /// The preset of that name: `calm`, `normal` or `harsh`.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "calm" => Some(Self::calm()),
            "normal" => Some(Self::normal()),
            "harsh" => Some(Self::harsh()),
            _ => None,
        }
    }

    pub(crate) fn strikes_request(&self, draw: u64) -> Option<RequestFault> {
        use RequestFault as F;
        select(
            draw,
            &[
                (self.lost_answer_after_effect, F::LostAnswer),
                (self.timeout_before_effect, F::Timeout),
                (self.server_error, F::ServerError),
                (self.too_many_requests, F::TooMany),
                (self.slow, F::Slow),
                (self.truncated_body, F::Truncated),
                (self.bad_signature, F::BadSignature),
            ],
        )
    }

    /// `first`: the first attempt to tell of something.
    pub(crate) fn strikes_notification(&self, draw: u64, first: bool) -> Option<NotificationFault> {
        use NotificationFault as F;
        let once = |probability| if first { probability } else { 0 };
        select(
            draw,
            &[
                (once(self.notification_never), F::Never),
                (self.notification_lost, F::Lost),
                (self.notification_duplicated, F::Duplicated),
                (once(self.notification_late), F::Late),
                (once(self.notification_reordered), F::Reordered),
                (self.signtest_probe, F::Probe),
            ],
        )
    }
}

impl RequestFault {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::LostAnswer => "lost_answer_after_effect",
            Self::Timeout => "timeout_before_effect",
            Self::ServerError => "server_error",
            Self::TooMany => "too_many_requests",
            Self::Slow => "slow",
            Self::Truncated => "truncated_body",
            Self::BadSignature => "bad_signature",
        }
    }
}

impl NotificationFault {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Never => "notification_never",
            Self::Lost => "notification_lost",
            Self::Duplicated => "notification_duplicated",
            Self::Late => "notification_late",
            Self::Reordered => "notification_reordered",
            Self::Probe => "signtest_probe",
        }
    }
}

fn select<F: Copy>(draw: u64, table: &[(u32, F)]) -> Option<F> {
    let point = dice::below(draw, 10_000);
    let mut reached = 0_u64;
    for (probability, fault) in table {
        reached = reached.saturating_add(u64::from(*probability));
        if point < reached {
            return Some(*fault);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_strikes_about_as_often_as_asked() {
        let faults = Faults::harsh();
        let struck =
            |wanted| (0..100_000).filter(|&n| faults.strikes_request(dice::draw(&[n])) == Some(wanted)).count();
        assert!((9_600..10_400).contains(&struck(RequestFault::LostAnswer)));
        assert!((4_700..5_300).contains(&struck(RequestFault::Timeout)));
        assert!((400..600).contains(&struck(RequestFault::BadSignature)));
    }

    #[test]
    fn a_calm_channel_never_misbehaves() {
        assert!((0..10_000).all(|n| Faults::calm().strikes_request(dice::draw(&[n])).is_none()));
        assert!((0..10_000).all(|n| Faults::calm().strikes_notification(dice::draw(&[n]), true).is_none()));
    }

    #[test]
    fn faults_of_the_first_attempt_do_not_strike_a_repetition() {
        let faults = Faults { notification_never: 10_000, ..Faults::calm() };
        assert_eq!(faults.strikes_notification(5, true), Some(NotificationFault::Never));
        assert_eq!(faults.strikes_notification(5, false), None);
    }

    #[test]
    fn a_partial_object_is_read_over_a_calm_channel_and_an_unknown_name_is_refused() {
        let read: Faults = serde_json::from_str(r#"{"slow":7}"#).unwrap();
        assert_eq!(read, Faults { slow: 7, ..Faults::calm() });
        assert!(serde_json::from_str::<Faults>(r#"{"slwo":7}"#).is_err());
    }
}
