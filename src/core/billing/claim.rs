//! What was said of a plan, and what became of it, kept for people beside the plan: it knows wishes and states, and must
//! never be read back into a decision. When something is charged, and what is declined, stands with the orders.

use serde::{Deserialize, Serialize};

use super::wishes::Wish;
use super::{InstallmentState, Plan, PlanFile, PlanState};
use crate::channel::Method;
use crate::id::AgreementId;

/// What was claimed about a plan.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(tag = "plan", rename_all = "snake_case")]
pub enum PlanClaim {
    /// Nothing shall fall due.
    PauseAsked {
        /// Why.
        reason: String,
    },
    /// It shall go on.
    ResumeAsked {
        /// Whether what fell due meanwhile is asked for.
        catch_up: bool,
    },
    /// It shall end.
    CancelAsked {
        /// Why.
        reason: String,
        /// Whether what was not served goes back.
        refund_unserved: bool,
    },
    /// All that is to come shall be paid now.
    PayoffAsked,
    /// It shall be cheaper.
    GiveBackAsked {
        /// By so many minor units.
        minor: i64,
    },
    /// It shall have another price.
    RepriceAsked {
        /// Minor units of a period.
        minor: i64,
    },
    /// Another agreement shall charge.
    ChargeByAsked {
        /// The agreement.
        agreement: AgreementId,
        /// Its method.
        method: Method,
    },
    /// It stands elsewhere than before.
    Became {
        /// Where.
        state: PlanState,
        /// Why, where there is a reason.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Some of its installments stand elsewhere than before, without an order that tells of it.
    Installments {
        /// Their numbers.
        seqs: Vec<u32>,
        /// Where.
        state: InstallmentState,
    },
}

impl PlanClaim {
    /// The stable name in timelines.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::PauseAsked { .. } => "pause_asked",
            Self::ResumeAsked { .. } => "resume_asked",
            Self::CancelAsked { .. } => "cancel_asked",
            Self::PayoffAsked => "payoff_asked",
            Self::GiveBackAsked { .. } => "give_back_asked",
            Self::RepriceAsked { .. } => "reprice_asked",
            Self::ChargeByAsked { .. } => "charge_by_asked",
            Self::Became { state, .. } => match state {
                PlanState::Draft => "plan_draft",
                PlanState::Active => "plan_active",
                PlanState::Paused => "plan_paused",
                PlanState::Completed => "plan_completed",
                PlanState::SettledEarly => "plan_settled_early",
                PlanState::Defaulted => "plan_defaulted",
                PlanState::Cancelled => "plan_cancelled",
            },
            Self::Installments { state, .. } => match state {
                InstallmentState::Overdue => "installments_overdue",
                InstallmentState::WrittenOff => "installments_written_off",
                InstallmentState::Voided => "installments_voided",
                InstallmentState::Scheduled
                | InstallmentState::Charging
                | InstallmentState::RetryWait
                | InstallmentState::Paid => "installments_changed",
            },
        }
    }
}

impl From<&Wish> for PlanClaim {
    fn from(wish: &Wish) -> Self {
        match wish {
            Wish::Pause { reason } => Self::PauseAsked { reason: reason.clone() },
            Wish::Resume { catch_up } => Self::ResumeAsked { catch_up: *catch_up },
            Wish::Cancel { reason, refund_unserved } => {
                Self::CancelAsked { reason: reason.clone(), refund_unserved: *refund_unserved }
            }
            Wish::PayOff => Self::PayoffAsked,
            Wish::GiveBack { minor } => Self::GiveBackAsked { minor: *minor },
            Wish::Reprice { minor } => Self::RepriceAsked { minor: *minor },
            Wish::ChargeBy { agreement, method, .. } => Self::ChargeByAsked { agreement: *agreement, method: *method },
        }
    }
}

/// What became of a plan between two looks at it: at most four claims, however many installments it has.
pub fn became(before: &PlanFile, after: &PlanFile) -> Vec<PlanClaim> {
    let stands = |plan: &Plan| (plan.state, plan.reason.clone());
    let mut claims = Vec::new();
    for state in [InstallmentState::Overdue, InstallmentState::WrittenOff, InstallmentState::Voided] {
        let is_new = |seq: u32| before.installment(seq).is_none_or(|old| old.state != state);
        let there = after.installments.iter().filter(|i| i.state == state && is_new(i.seq));
        let seqs: Vec<u32> = there.map(|i| i.seq).collect();
        if !seqs.is_empty() {
            claims.push(PlanClaim::Installments { seqs, state });
        }
    }
    if stands(&before.plan) != stands(&after.plan) {
        let (state, reason) = stands(&after.plan);
        claims.push(PlanClaim::Became { state, reason });
    }
    claims
}

#[cfg(test)]
mod tests {
    use super::super::test_town::{Town, parts};
    use super::*;

    #[test]
    fn what_became_of_a_plan_is_told_once_however_many_installments_it_has() {
        let before = Town::new(parts(&[100; 40], "2026-02-01"), None, "Asia/Shanghai", "2026-01-20T00:00:00Z").file;
        assert_eq!(became(&before, &before), []);
        let mut after = before.clone();
        after.plan.state = PlanState::Cancelled;
        after.plan.reason = Some("gone".into());
        after.installments.iter_mut().for_each(|i| i.state = InstallmentState::Voided);
        after.installments[0].state = InstallmentState::Paid;
        after.installments[1].state = InstallmentState::WrittenOff;
        let claims = became(&before, &after);
        assert_eq!(claims.len(), 3);
        assert_eq!(claims[0], PlanClaim::Installments { seqs: vec![2], state: InstallmentState::WrittenOff });
        assert!(matches!(&claims[1], PlanClaim::Installments { seqs, .. } if seqs.len() == 38));
        assert_eq!(claims[2], PlanClaim::Became { state: PlanState::Cancelled, reason: Some("gone".into()) });
        assert_eq!(became(&after, &after), []);
    }

    #[test]
    fn every_claim_is_read_back_as_it_was_written() {
        use crate::observation::Claim;
        let wishes = [
            Wish::Pause { reason: "r".into() },
            Wish::Resume { catch_up: true },
            Wish::Cancel { reason: "r".into(), refund_unserved: true },
            Wish::PayOff,
            Wish::GiveBack { minor: 5 },
            Wish::Reprice { minor: 7 },
            Wish::ChargeBy {
                agreement: AgreementId(uuid::Uuid::from_u128(1)),
                account: crate::id::ChannelAccountId(uuid::Uuid::from_u128(2)),
                method: Method::CardDebit,
            },
        ];
        let own = [
            PlanClaim::Became { state: PlanState::Active, reason: None },
            PlanClaim::Installments { seqs: vec![1, 2], state: InstallmentState::Overdue },
        ];
        for claim in wishes.iter().map(PlanClaim::from).chain(own).map(Claim::Plan) {
            let text = serde_json::to_string(&claim).unwrap();
            assert_eq!(serde_json::from_str::<Claim>(&text).unwrap(), claim, "{text}");
        }
    }
}
