//! One sentence or two about a plan: it knows why it is not done and what happens next when, and must never decide
//! anything. Pure.

use bursar_core::Timestamp;
use bursar_core::agreement::{Agreement, AgreementState};
use bursar_core::billing::{Installment, InstallmentState, Plan, PlanFile, PlanState};

use crate::plans::upcoming::upcoming;

/// Why the plan is not done, and what happens next when; or that it is final. `agreement` is the plan's.
pub fn next(file: &PlanFile, agreement: Option<&Agreement>, now: Timestamp) -> String {
    let plan = &file.plan;
    let because = plan.reason.as_deref().map(|reason| format!(" ({reason})")).unwrap_or_default();
    let sentence = match plan.state {
        PlanState::Draft => draft(agreement),
        PlanState::Paused => {
            format!("It is paused{because}: nothing is charged until somebody resumes it, or cancels it.")
        }
        PlanState::Active => active(file, now),
        PlanState::Completed => "All is paid; final.".to_owned(),
        PlanState::SettledEarly => "The rest was paid early; final.".to_owned(),
        PlanState::Defaulted => "Something was written off and the rest given up; final.".to_owned(),
        PlanState::Cancelled => match file.installments.iter().filter(|i| !i.state.is_final()).count() {
            0 => format!("It was cancelled{because}; final."),
            n => format!("It was cancelled{because}; {n} of its orders are still being closed."),
        },
    };
    match file.installments.iter().flat_map(|i| &i.give_back).filter(|back| !back.asked).map(|back| back.minor).sum() {
        0 => sentence,
        minor => format!("{sentence} {} of what was paid are about to go back.", plan.money(minor)),
    }
}

fn draft(agreement: Option<&Agreement>) -> String {
    match agreement {
        None => "It begins as soon as a worker is free.".to_owned(),
        Some(agreement) => match agreement.state {
            AgreementState::New | AgreementState::Signing => {
                let (id, sign_by) = (agreement.id, agreement.sign_by);
                format!("It begins when the payer has signed agreement {id}; he may until {sign_by}.")
            }
            AgreementState::Active => "Its agreement is signed; it begins as soon as a worker is free.".to_owned(),
            state => format!("Its agreement is {}, so it will be cancelled.", state.name()),
        },
    }
}

fn active(file: &PlanFile, now: Timestamp) -> String {
    let plan = &file.plan;
    let troubled = |i: &&Installment| !i.state.is_final() && i.state != InstallmentState::Scheduled;
    let open = file.installments.iter().find(troubled).map(|i| under_way(plan, i));
    let next = upcoming(file, now, 1).into_iter().next().map(|u| {
        let verb = if plan.debit.is_some() { "charged" } else { "asked for" };
        format!("{} are due on {} and {verb} at {} at the earliest.", plan.money(u.amount_minor), u.due_on, u.at)
    });
    match (open, next) {
        (Some(open), Some(next)) => format!("{open} Next: {next}"),
        (Some(open), None) => format!("{open} Nothing comes after it."),
        (None, Some(next)) => format!("Next: {next}"),
        (None, None) => "Nothing is open; it ends as soon as a worker is free.".to_owned(),
    }
}

fn under_way(plan: &Plan, installment: &Installment) -> String {
    let what = format!("Installment {} ({})", installment.seq, plan.money(installment.minor));
    let decline = installment.decline.as_ref().map(|d| format!("{}: {}", d.class.name(), d.reason));
    let hand = match plan.offers.is_empty() {
        true => String::new(),
        false => format!("; the payer can pay order {} by hand", plan.order_number(installment.seq)),
    };
    match (installment.state, installment.next_at) {
        (InstallmentState::RetryWait, Some(at)) => {
            format!("{what} was declined ({}); it is charged again at {at}{hand}.", decline.unwrap_or_default())
        }
        (InstallmentState::Overdue, _) => {
            let why = decline.map(|d| format!(" ({d})")).unwrap_or_default();
            let until = plan.dunning.write_off_at(installment.due_on, &plan.zone);
            format!("{what} is overdue{why} and not charged again by itself{hand}; it is written off at {until}.")
        }
        (_, _) if installment.tries > 0 => format!("{what} is being charged{hand}."),
        (_, _) => format!("{what} waits for the payer{hand}."),
    }
}
