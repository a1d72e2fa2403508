//! Settings of a cash account: it knows how much a collector may carry, and must never know what he carries.

use bursar_core::cash::DrawerLimits;
use bursar_core::clock::HOUR_MS;
use serde::Deserialize;
use serde_json::Value;

/// The settings as they stand in the account, see the members. Unknown members are refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CashSettings {
    /// How much a collector may carry, in fen. Who carries more is to hand it in before his next collection.
    #[serde(default = "default_limit_minor")]
    pub drawer_limit_minor: i64,
    /// How long a collector may carry it, in hours.
    #[serde(default = "default_limit_hours")]
    pub drawer_limit_hours: i64,
}

/// Two thousand yuan: a day's work, and little enough to lose.
const fn default_limit_minor() -> i64 {
    200_000
}

const fn default_limit_hours() -> i64 {
    24
}

impl CashSettings {
    /// The limits in the core's words.
    pub const fn limits(&self) -> DrawerLimits {
        let within_ms = self.drawer_limit_hours.saturating_mul(HOUR_MS);
        DrawerLimits { most_minor: self.drawer_limit_minor, within_ms }
    }

    /// Reads and checks settings.
    ///
    /// # Errors
    /// A sentence naming the member and what is expected.
    pub fn read(value: &Value) -> Result<Self, String> {
        let settings: Self = crate::settings::located(value)?;
        if settings.drawer_limit_minor < 0 {
            return Err("settings: `drawer_limit_minor` must be 0 or more, in fen".to_owned());
        }
        if !(1..=24 * 31).contains(&settings.drawer_limit_hours) {
            return Err("settings: `drawer_limit_hours` must be 1 to 744".to_owned());
        }
        Ok(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nothing_is_needed_and_nonsense_is_refused_by_name() {
        let settings = CashSettings::read(&json!({})).unwrap();
        assert_eq!((settings.drawer_limit_minor, settings.drawer_limit_hours), (200_000, 24));
        assert_eq!(settings.limits(), DrawerLimits { most_minor: 200_000, within_ms: 86_400_000 });
        for (bad, member) in [
            (json!({ "drawer_limit_minor": -1 }), "drawer_limit_minor"),
            (json!({ "drawer_limit_minor": 1.5 }), "drawer_limit_minor"),
            (json!({ "drawer_limit_hours": 0 }), "drawer_limit_hours"),
            (json!({ "limit": 1 }), "limit"),
        ] {
            assert!(CashSettings::read(&bad).unwrap_err().contains(member), "{bad}");
        }
    }
}
