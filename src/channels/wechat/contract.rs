//! A contract (the channel's word for an agreement) as the channel shows it in answers: it knows
//! the members that matter and what they mean, and must never charge by one.

use bursar_core::Timestamp;
use bursar_core::agreement::Signature;
use serde::Deserialize;

use super::number;
use super::transaction::Payee;
use crate::outcome::{AgreementStanding, shorten};

/// Members that are not needed are not read: the channel adds some now and then.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Contract {
    pub(super) out_contract_code: String,
    contract_state: String,
    #[serde(default)]
    contract_id: Option<String>,
    #[serde(default)]
    mchid: Option<String>,
    #[serde(default)]
    appid: Option<String>,
    #[serde(default)]
    plan_id: Option<i64>,
    #[serde(default)]
    contract_signed_time: Option<String>,
    #[serde(default)]
    contract_expired_time: Option<String>,
    #[serde(default)]
    contract_terminate_info: Option<Termination>,
}

#[derive(Clone, Debug, Deserialize)]
struct Termination {
    #[serde(default)]
    contract_termination_mode: Option<String>,
    #[serde(default)]
    contract_termination_remark: Option<String>,
}

impl Contract {
    /// Whether it names nobody else as the one who charges.
    pub(super) fn is_of(&self, payee: &Payee) -> bool {
        let same = |named: &Option<String>, ours: &str| named.as_deref().is_none_or(|named| named == ours);
        same(&self.mchid, &payee.mchid) && same(&self.appid, &payee.appid)
    }

    /// Whether it is of the template `plan_id`, or names none.
    pub(super) fn is_of_plan(&self, plan_id: i64) -> bool {
        self.plan_id.is_none_or(|named| named == plan_id)
    }

    /// Where it stands. `or_at` stands in for a missing time of signing; it must be the same at each question.
    ///
    /// # Errors
    /// What cannot be read.
    pub(super) fn standing(self, or_at: Timestamp) -> Result<AgreementStanding, String> {
        match self.contract_state.as_str() {
            // One that wants to be renewed is signed until it expires; its time says when.
            "SIGNED" | "TO_BE_RENEWED" => self.signature(or_at).map(AgreementStanding::Signed),
            "TERMINATED" => Ok(AgreementStanding::Ended(self.end())),
            // Whether the payer may try again is not documented; the last moment to sign ends it.
            "SIGN_FAILED" => Ok(AgreementStanding::Unsigned),
            other => Err(format!("its contract_state `{}` is not known", shorten(other))),
        }
    }

    fn signature(self, or_at: Timestamp) -> Result<Signature, String> {
        let id = self.contract_id.filter(|id| number::is_contract(id)).ok_or("it is signed, but has no contract_id")?;
        let read =
            |text: Option<String>| text.filter(|t| !t.is_empty()).map(|t| Timestamp::parse_rfc3339(&t)).transpose();
        let signed_at = read(self.contract_signed_time)?.unwrap_or(or_at);
        Ok(Signature { channel_id: id, payer_id: None, signed_at, ends_at: read(self.contract_expired_time)? })
    }

    fn end(self) -> String {
        let info = self.contract_terminate_info;
        let words = info.map(|i| [i.contract_termination_mode, i.contract_termination_remark]).into_iter().flatten();
        let words: Vec<_> = words.flatten().filter(|word| !word.is_empty()).collect();
        shorten(&if words.is_empty() { "TERMINATED".to_owned() } else { words.join(": ") })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const OR_AT: Timestamp = Timestamp::from_millis(9);

    fn standing(change: impl FnOnce(&mut Value)) -> Result<AgreementStanding, String> {
        let mut value = json!({
            "mchid": "19", "appid": "wx1", "plan_id": 12535, "out_contract_code": "n1", "contract_id": "201509160000",
            "contract_state": "SIGNED", "contract_signed_time": "2027-01-15T16:00:00+08:00", "openid": "o1",
            "contract_expired_time": "2029-01-15T16:00:00+08:00", "a_new_member": [1, null],
        });
        change(&mut value);
        serde_json::from_value::<Contract>(value).map_err(|e| e.to_string())?.standing(OR_AT)
    }

    fn signature() -> Signature {
        let at = |text| Timestamp::parse_rfc3339(text).unwrap();
        Signature {
            channel_id: "201509160000".into(),
            payer_id: None,
            signed_at: at("2027-01-15T08:00:00Z"),
            ends_at: Some(at("2029-01-15T08:00:00Z")),
        }
    }

    #[test]
    fn every_documented_state_has_its_meaning_and_others_have_none() {
        let state = |name: &str| standing(|v| v["contract_state"] = json!(name));
        for name in ["SIGNED", "TO_BE_RENEWED"] {
            assert_eq!(state(name), Ok(AgreementStanding::Signed(signature())), "{name}");
        }
        assert_eq!(state("SIGN_FAILED"), Ok(AgreementStanding::Unsigned));
        assert_eq!(state("TERMINATED"), Ok(AgreementStanding::Ended("TERMINATED".into())));
        for name in ["", "signed", "PAUSED"] {
            assert!(state(name).is_err(), "{name}");
        }
    }

    #[test]
    fn an_end_is_told_with_who_ended_it_and_why() {
        let ended = standing(|v| {
            v["contract_state"] = json!("TERMINATED");
            v["contract_terminate_info"] = json!({
                "contract_termination_mode": "USER_TERMINATE", "contract_terminated_time": "2027-02-01T00:00:00+08:00",
                "contract_termination_remark": "不再需要",
            });
        });
        assert_eq!(ended, Ok(AgreementStanding::Ended("USER_TERMINATE: 不再需要".into())));
    }

    #[test]
    fn a_missing_time_is_replaced_and_a_missing_or_strange_number_is_no_signature() {
        let found = standing(|v| {
            let members = v.as_object_mut().unwrap();
            members.remove("contract_signed_time");
            members.remove("contract_expired_time");
        });
        let want = Signature { signed_at: OR_AT, ends_at: None, ..signature() };
        assert_eq!(found, Ok(AgreementStanding::Signed(want)));
        for id in [json!(""), json!(null), json!("../x"), json!("1".repeat(65))] {
            assert!(standing(|v| v["contract_id"] = id.clone()).is_err(), "{id}");
        }
        assert!(standing(|v| v["contract_signed_time"] = json!("yesterday")).is_err());
    }
}
