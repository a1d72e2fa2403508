//! What a channel tells us by itself: it knows the shapes of notices and replies, and must never know
//! a channel's words.

use aws_lc_rs::digest;
use bursar_core::Timestamp;
use bursar_core::id::{ChannelAccountId, NotificationId};
use bursar_core::observation::Dispute;
use uuid::Uuid;

use crate::outcome::{RefundStanding, Standing};

/// A verified message of a channel.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Notice {
    /// About a payment.
    Payment {
        /// The channel's id of the message: the same for each of its repetitions.
        channel_id: String,
        /// The number of the payment, as the channel knows it. May be none of ours when another
        /// system uses the same account.
        number: String,
        /// Where it stands.
        standing: Standing,
        /// When the channel wrote the message, by its clock.
        at: Timestamp,
    },
    /// About a refund.
    Refund {
        /// The channel's id of the message: the same for each of its repetitions.
        channel_id: String,
        /// The number of the refund, as the channel knows it. May be none of ours.
        number: String,
        /// Where it stands.
        standing: RefundStanding,
        /// When the channel wrote the message, by its clock.
        at: Timestamp,
    },
    /// About a payer's complaint to his bank.
    Dispute {
        /// The channel's id of the message: the same for each of its repetitions.
        channel_id: String,
        /// The payment that it is about.
        about: About,
        /// Where it stands.
        dispute: Dispute,
        /// When the channel wrote the message, by its clock.
        at: Timestamp,
    },
    /// Something about a payment or refund has changed: what it is now is asked for, because messages of this
    /// channel overtake each other.
    Look {
        /// The channel's id of the message: the same for each of its repetitions.
        channel_id: String,
        /// What has changed.
        about: About,
        /// When the channel wrote the message, by its clock.
        at: Timestamp,
    },
    /// About something that is not handled here.
    Other {
        /// The channel's id of the message.
        channel_id: String,
        /// What it is about, in the channel's words.
        event: String,
    },
}

/// What a message is about, as far as it can be told from it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum About {
    /// The payment with this number, as the channel knows it. May be none of ours.
    Payment(String),
    /// The refund with this number, as the channel knows it. May be none of ours.
    Refund(String),
    /// The payment that the channel knows by a number of its own ([`crate::Channel::number_of`] tells ours).
    ChannelsPayment(String),
    /// The agreement with this number, as the channel knows it. May be none of ours.
    Agreement(String),
}

impl Notice {
    /// The channel's id of the message.
    pub fn channel_id(&self) -> &str {
        match self {
            Self::Payment { channel_id, .. }
            | Self::Refund { channel_id, .. }
            | Self::Dispute { channel_id, .. }
            | Self::Look { channel_id, .. }
            | Self::Other { channel_id, .. } => channel_id,
        }
    }
}

/// Why a message is not taken.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotificationRefusal {
    /// The channel tests whether we verify; the genuine copy follows.
    #[error("this is a signature test of the channel, refused as it must be")]
    Probe,
    /// A header is missing or not text.
    #[error("the header {0} is missing")]
    MissingHeader(&'static str),
    /// Signed with a key that is not known (here, or yet).
    #[error("the message is signed with the unknown key `{0}`")]
    UnknownSerial(String),
    /// Not signed by the channel, or changed on the way.
    #[error("the signature does not belong to this message")]
    BadSignature,
    /// Older or newer than five minutes: a replay, or one of the clocks is wrong.
    #[error("the message is too old or from the future; check the clock of this machine")]
    Stale,
    /// Genuine, but for another merchant or app.
    #[error("the message is about another merchant or app")]
    Foreign,
    /// Genuine, but not in the shape that the channel documents.
    #[error("the message cannot be read: {0}")]
    Unreadable(String),
}

impl NotificationRefusal {
    /// The stable name in metrics.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Probe => "probe",
            Self::MissingHeader(_) => "missing_header",
            Self::UnknownSerial(_) => "unknown_serial",
            Self::BadSignature => "bad_signature",
            Self::Stale => "stale",
            Self::Foreign => "foreign",
            Self::Unreadable(_) => "unreadable",
        }
    }

    /// Every name, so that counters can exist at zero.
    pub const NAMES: [&'static str; 7] =
        ["probe", "missing_header", "unknown_serial", "bad_signature", "stale", "foreign", "unreadable"];
}

/// An HTTP answer in a channel's exact words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The `Content-Type`; empty when there is no body.
    pub content_type: &'static str,
    /// The body.
    pub body: String,
}

/// The id of a message, derived from the account and the channel's own id, so that each repetition of
/// the message gets the same id: the first 16 bytes of SHA-256 over both.
pub fn notification_id(account: ChannelAccountId, channel_id: &str) -> NotificationId {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(account.uuid().as_bytes());
    context.update(channel_id.as_bytes());
    let hash = context.finish();
    let mut bytes = [0_u8; 16];
    for (to, from) in bytes.iter_mut().zip(hash.as_ref()) {
        *to = *from;
    }
    NotificationId(Uuid::from_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_message_gets_the_same_id_and_another_account_or_message_another() {
        let (a, b) = (ChannelAccountId(Uuid::from_u128(1)), ChannelAccountId(Uuid::from_u128(2)));
        assert_eq!(notification_id(a, "x"), notification_id(a, "x"));
        assert_ne!(notification_id(a, "x"), notification_id(b, "x"));
        assert_ne!(notification_id(a, "x"), notification_id(a, "y"));
    }

    #[test]
    fn the_id_is_the_start_of_a_sha_256() {
        // printf '\0%.0s' {1..16} | sha256sum
        let id = notification_id(ChannelAccountId(Uuid::nil()), "");
        assert_eq!(id.uuid().as_u128(), 0x374708fff7719dd5979ec875d56cd228);
    }

    #[test]
    fn every_refusal_is_one_sentence() {
        for refusal in [
            NotificationRefusal::Probe,
            NotificationRefusal::MissingHeader("X"),
            NotificationRefusal::UnknownSerial("s".into()),
            NotificationRefusal::BadSignature,
            NotificationRefusal::Stale,
            NotificationRefusal::Foreign,
            NotificationRefusal::Unreadable("r".into()),
        ] {
            assert!(refusal.to_string().len() > 20, "{refusal:?}");
            assert!(NotificationRefusal::NAMES.contains(&refusal.name()));
        }
    }
}
