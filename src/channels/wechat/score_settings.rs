//! What pay after service (支付分) needs in an account's settings: it knows names, bounds and defaults, and signs what
//! the payer's side hands to the channel. Must never show the key that it signs with.

use std::collections::BTreeMap;
use std::fmt;

use aws_lc_rs::hmac;
use serde::Deserialize;

use crate::hold_days::HoldDays;
use crate::secrets::SecretBytes;
use crate::settings::{check, plain};

/// Settings of pay after service. Unknown members are refused.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Score {
    /// The service that the channel has granted.
    pub(super) service_id: String,
    /// What the amount that a payer agrees to is called before him.
    #[serde(default)]
    pub(super) risk_fund: RiskFund,
    /// How long after the payer's consent a service that nobody has completed is let go.
    #[serde(default)]
    pub(super) hold_days: HoldDays,
    /// Reference to the APIv2 key, 32 ASCII characters: only it signs the call of the payer's side.
    #[serde(default)]
    pub(super) apiv2_key: Option<String>,
}

/// What the amount that a payer agrees to is called. The first three are for services that spare him a deposit.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum RiskFund {
    /// 押金.
    Deposit,
    /// 预付款.
    Advance,
    /// 保证金.
    CashDeposit,
    /// 预估订单费用.
    #[default]
    EstimateOrderCost,
}

impl RiskFund {
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Deposit => "DEPOSIT",
            Self::Advance => "ADVANCE",
            Self::CashDeposit => "CASH_DEPOSIT",
            Self::EstimateOrderCost => "ESTIMATE_ORDER_COST",
        }
    }
}

impl Score {
    pub(super) fn check(&self) -> Result<(), String> {
        check(plain(&self.service_id, 32, ""), "score.service_id", "the number of the service: 1 to 32 digits")?;
        self.hold_days.check("score.hold_days")
    }
}

/// The APIv2 key. The call that opens the channel's page for the payer is the last that is signed with it.
pub(super) struct FrontKey(SecretBytes);

impl fmt::Debug for FrontKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FrontKey(..)")
    }
}

impl FrontKey {
    /// From its 32 ASCII characters; white space around them is ignored.
    ///
    /// # Errors
    /// What was expected.
    pub(super) fn new(text: &[u8]) -> Result<Self, &'static str> {
        let text = text.trim_ascii();
        let good = text.len() == 32 && text.iter().all(u8::is_ascii_alphanumeric);
        if good {
            Ok(Self(SecretBytes::new(text.to_vec())))
        } else {
            Err("the APIv2 key: exactly 32 ASCII letters and digits")
        }
    }

    /// The signature over `fields`: HMAC-SHA256 in capital hexadecimal, over the members in order of their names with
    /// the key itself as the last.
    pub(super) fn sign(&self, fields: &BTreeMap<String, String>) -> String {
        let key = self.0.expose();
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
        for (name, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
            context.update(format!("{name}={value}&").as_bytes());
        }
        context.update(b"key=");
        context.update(key);
        context.sign().as_ref().iter().map(|byte| format!("{byte:02X}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_what_another_program_computes() {
        let key = FrontKey::new(b" 192006250b4c09247ec02edce69f6a2d\n").unwrap();
        let fields = [("timestamp", "1530097563"), ("package", "XXX"), ("mch_id", "1230000109"), ("empty", "")];
        let fields = fields.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
        // printf 'mch_id=1230000109&package=XXX&timestamp=1530097563&key=192006250b4c09247ec02edce69f6a2d' |
        // openssl dgst -sha256 -hmac 192006250b4c09247ec02edce69f6a2d
        assert_eq!(key.sign(&fields), "09E5733E0ABB473AF7BED0CC62C24311B540FCB35F205D317D86573BC51DDD03");
        assert_eq!(format!("{key:?}"), "FrontKey(..)");
    }

    #[test]
    fn a_key_of_another_shape_is_refused() {
        for bad in ["", "short", "192006250b4c09247ec02edce69f6a2", "192006250b4c09247ec02edce69f6a2&", &"x".repeat(33)]
        {
            assert!(FrontKey::new(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
