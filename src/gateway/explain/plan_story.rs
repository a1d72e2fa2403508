//! What happened to a plan, in words: it knows why the rules decided as they did, and must never decide anything. Pure.

use bursar_core::Timestamp;
use bursar_core::billing::claim::PlanClaim;
use bursar_core::billing::dunning::{Declined, Next, Stop};
use bursar_core::billing::{Dunning, Hours, InstallmentState, Plan, PlanState, Terms};
use bursar_core::channel::DebitRules;
use bursar_core::decline::{Decline, DeclineClass};
use bursar_core::payment::Payment;

/// Most numbers of installments that are listed.
const LISTED: usize = 12;

/// `claim` in words; with its `plan` amounts are told in its currency.
pub fn claim(claim: &PlanClaim, plan: Option<&Plan>) -> String {
    let money = |minor: i64| plan.map_or_else(|| format!("{minor} minor units"), |plan| plan.money(minor).to_string());
    match claim {
        PlanClaim::PauseAsked { reason } => format!("nothing shall fall due until it is resumed: {reason}"),
        PlanClaim::ResumeAsked { catch_up: true } => "it shall go on, and what was missed is asked for".to_owned(),
        PlanClaim::ResumeAsked { catch_up: false } => {
            "it shall go on, and periods that were missed are given up".to_owned()
        }
        PlanClaim::CancelAsked { reason, refund_unserved: true } => {
            format!("it shall end, and what was not served shall go back: {reason}")
        }
        PlanClaim::CancelAsked { reason, refund_unserved: false } => format!("it shall end: {reason}"),
        PlanClaim::PayoffAsked => "all that is to come shall be paid now".to_owned(),
        PlanClaim::GiveBackAsked { minor } => format!("it shall be cheaper by {}", money(*minor)),
        PlanClaim::RepriceAsked { minor } => format!("a period shall cost {}", money(*minor)),
        PlanClaim::ChargeByAsked { agreement, method } => {
            format!("it shall be charged by {method} through {agreement}")
        }
        PlanClaim::Became { state, reason } => became(*state, reason.as_deref()),
        PlanClaim::Installments { seqs, state } => installments(seqs, *state),
    }
}

fn became(state: PlanState, reason: Option<&str>) -> String {
    let because = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
    match state {
        PlanState::Draft => "it waits for its agreement".to_owned(),
        PlanState::Active => format!("it is active{because}: its installments fall due"),
        PlanState::Paused => format!("it is paused{because}: nothing is charged"),
        PlanState::Completed => "all is paid".to_owned(),
        PlanState::SettledEarly => "all was paid before its time".to_owned(),
        PlanState::Defaulted => "something was written off, and the rest is given up".to_owned(),
        PlanState::Cancelled => format!("it is cancelled{because}"),
    }
}

fn installments(seqs: &[u32], state: InstallmentState) -> String {
    let listed: Vec<String> = seqs.iter().take(LISTED).map(u32::to_string).collect();
    let more = seqs.len().saturating_sub(LISTED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let (noun, is) = if seqs.len() == 1 { ("installment", "is") } else { ("installments", "are") };
    let what = match state {
        InstallmentState::Overdue => {
            format!("{is} overdue: not charged again by itself, the payer may still pay by hand")
        }
        InstallmentState::WrittenOff => format!("{is} written off: not paid until the plan's last day for it"),
        InstallmentState::Voided => "will not be asked for".to_owned(),
        other => format!("{is} {}", other.name()),
    };
    format!("{noun} {}{more} {what}", listed.join(", "))
}

/// What a plan agreed on when it began: its sum or price, by what it is charged, and what follows a decline.
pub fn terms(plan: &Plan) -> String {
    let what = match &plan.terms {
        Terms::Installments { parts } => {
            let sum = parts.iter().map(|p| p.minor).fold(0, i64::saturating_add);
            format!("{} in {} installments", plan.money(sum), parts.len())
        }
        Terms::Subscription { minor, every, from, periods } => {
            let often = format!("{} {}", every.every, unit(every.unit));
            let periods = periods.map(|n| format!(", {n} times")).unwrap_or_default();
            format!("{} each {often} from {from}{periods}", plan.money(*minor))
        }
    };
    match plan.debit {
        Some((_, method)) => format!("{what}, charged by {method}; {}", dunning(&plan.dunning)),
        None => format!("{what}, paid by hand"),
    }
}

const fn unit(unit: bursar_core::billing::Unit) -> &'static str {
    use bursar_core::billing::Unit;
    match unit {
        Unit::Day => "day(s)",
        Unit::Week => "week(s)",
        Unit::Month => "month(s)",
        Unit::Year => "year(s)",
    }
}

fn dunning(dunning: &Dunning) -> String {
    let days: Vec<String> = dunning.days.iter().map(u16::to_string).collect();
    let Hours { from, until } = dunning.hours;
    let tries = match days.as_slice() {
        [] => "what is declined is not charged again".to_owned(),
        days => format!("what is declined is charged again {} days after its day at {}", days.join(", "), dunning.at),
    };
    format!(
        "{tries}, never before {from} or from {until} on, and written off after {} days",
        dunning.write_off_after_days
    )
}

/// A charge that was declined: the `tries`th of an installment that is due on `due_on`.
#[derive(Clone, Copy, Debug)]
pub struct Refusal<'a> {
    /// The charge.
    pub payment: &'a Payment,
    /// Why.
    pub decline: &'a Decline,
    /// When the channel said no.
    pub declined_at: Timestamp,
    /// How many charges of the installment were begun until then.
    pub tries: u32,
    /// The day on which the installment was due.
    pub due_on: bursar_core::bank::Day,
}

/// What the plan's rules make of a declined charge, and why.
pub fn decision(plan: &Plan, refusal: Refusal<'_>) -> (&'static str, String) {
    let Refusal { payment, decline, declined_at, tries, due_on } = refusal;
    let rules = payment.method.debit_rules().unwrap_or(DebitRules::FREE);
    let declined = Declined { due_on, tries, tried_at: payment.created_at, declined_at, decline };
    match plan.dunning.next(declined, &plan.zone, rules) {
        Next::At(at) => ("charge_again", again(plan, decline.class, at)),
        Next::Stop(stop, why) => ("stop", stopped(plan, stop, &why, due_on)),
    }
}

fn again(plan: &Plan, class: DeclineClass, at: Timestamp) -> String {
    let why = match class {
        DeclineClass::Technical => {
            "trouble at the channel or the bank passes: an hour later, and after some tries on the plan's days"
        }
        DeclineClass::InsufficientFunds => {
            "too little money: the plan's next day for it, or a payday before the day after that"
        }
        DeclineClass::Hard
        | DeclineClass::Risk
        | DeclineClass::PayerMustAct
        | DeclineClass::Agreement
        | DeclineClass::Terms => "as the plan says",
    };
    let Hours { from, until } = plan.dunning.hours;
    format!("it is charged again at {at} at the earliest ({why}; between {from} and {until} in {})", plan.zone.name())
}

fn stopped(plan: &Plan, stop: Stop, why: &str, due_on: bursar_core::bank::Day) -> String {
    let until = plan.dunning.write_off_at(due_on, &plan.zone);
    let hand = match plan.offers.is_empty() {
        true => format!("it is written off at {until} unless somebody acts"),
        false => format!("the payer can pay it by hand until {until}"),
    };
    let then = match stop {
        Stop::NeedsPayer | Stop::Exhausted => hand,
        Stop::NeedsPerson => format!("a person is asked to look at it; {hand}"),
        Stop::NeedsAgreement => format!("the plan is paused and a person asked for another agreement; {hand}"),
    };
    format!("it is not charged again by itself ({why}): {then}")
}
