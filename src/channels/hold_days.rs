//! How long a payer's money stays held where his channel does not say: it knows the bounds of that setting, and must
//! never let a hold stand open for ever.

use std::fmt;

use bursar_core::Timestamp;
use bursar_core::clock::DAY_MS;
use serde::Deserialize;

use crate::settings::check;

/// Long enough for a service that is put off, short enough that nobody's money is kept because somebody forgot it.
const DEFAULT: u16 = 30;
/// No channel holds longer.
const MAX: u16 = 365;

/// Days from the payer's consent on. An hour before they are over, what nobody has taken is let go.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(crate) struct HoldDays(u16);

/// As it stands in the settings.
impl fmt::Debug for HoldDays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl Default for HoldDays {
    fn default() -> Self {
        Self(DEFAULT)
    }
}

impl HoldDays {
    /// # Errors
    /// What was expected of the setting called `name`.
    pub(crate) fn check(self, name: &str) -> Result<(), String> {
        check((1..=MAX).contains(&self.0), name, "1 to 365 days")
    }

    /// When what was held at `held_at` must have been taken or let go.
    pub(crate) fn after(self, held_at: Timestamp) -> Timestamp {
        held_at.plus_ms(i64::from(self.0) * DAY_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_from_the_consent_and_bounded() {
        let at = Timestamp::from_millis(7);
        assert_eq!(HoldDays::default().after(at), at.plus_ms(30 * DAY_MS));
        for (days, good) in [(0, false), (1, true), (365, true), (366, false)] {
            assert_eq!(HoldDays(days).check("hold_days").is_ok(), good, "{days}");
        }
        assert!(serde_json::from_str::<HoldDays>("-1").is_err());
    }
}
