//! What was claimed, in words for a timeline: it knows every claim, and must never leave out what is
//! awkward.

use bursar_core::agreement::AgreementClaim;
use bursar_core::observation::Claim;
use bursar_core::refund::RefundClaim;

/// `claim` in words.
pub fn claim(claim: &Claim) -> String {
    match claim {
        Claim::Sending => "about to call the channel".to_owned(),
        Claim::Accepted { .. } => "the channel has it; the payer can pay".to_owned(),
        Claim::Refused { reason } => format!("the channel refused it: {reason}"),
        Claim::NoAnswer { why } => format!("the call ended without a usable answer: {why}"),
        Claim::NotSent { why } => format!("the call never left us: {why}"),
        Claim::Absent => "the channel does not know the number".to_owned(),
        Claim::Unpaid => "not paid yet".to_owned(),
        Claim::AttemptFailed { reason } => format!("an attempt of the payer failed: {reason}"),
        Claim::Paid(r) => {
            format!("{} minor units of {} taken, transaction {}", r.amount_minor, r.currency, r.transaction_id)
        }
        Claim::Authorized(hold) => {
            let r = &hold.receipt;
            format!("{} minor units of {} held, transaction {}", r.amount_minor, r.currency, r.transaction_id)
        }
        Claim::CaptureRequested { by, .. } => format!("what is held shall be taken, says {by}"),
        Claim::Received(piece) => {
            format!("{} minor units of {} came, {}", piece.amount_minor, piece.currency, piece.line)
        }
        Claim::TakenBack { line, reason } => format!("{line} was taken back: {reason}"),
        Claim::Lapsed => "not paid, and the last moment to pay is past at the channel".to_owned(),
        Claim::Replaced { by } => format!("the payer chose {by} instead"),
        Claim::Disputed(dispute) => match dispute.won {
            None => format!("the payer disputes {} minor units: {}", dispute.amount_minor, dispute.reason),
            Some(true) => format!("dispute {} was won: the money stays", dispute.id),
            Some(false) => format!("dispute {} was lost: {} minor units are gone", dispute.id, dispute.amount_minor),
        },
        Claim::ClosedAtChannel => "closed at the channel".to_owned(),
        Claim::CloseRequested { reason } => format!("shall be closed: {reason}"),
        Claim::CloseAccepted => "the channel accepted the close".to_owned(),
        Claim::UnpaidAfterClose => "asked after the close was accepted: not paid".to_owned(),
        Claim::LateMoneyAnswered { keep: true, by } => format!("the late money is kept and the order paid: {by}"),
        Claim::LateMoneyAnswered { keep: false, by } => format!("the late money goes back: {by}"),
        Claim::Declined { decline, ended } => {
            let end = if *ended { "" } else { "; its number is closed at the channel" };
            format!("the payer was not charged ({}): {}{end}", decline.class.name(), decline.reason)
        }
        Claim::Refund(claim) => refund(claim),
        Claim::Agreement(claim) => agreement(claim),
        Claim::Plan(claim) => crate::explain::plan_story::claim(claim, None),
    }
}

fn agreement(claim: &AgreementClaim) -> String {
    match claim {
        AgreementClaim::Offered { .. } => "the channel has the agreement; the payer can sign".to_owned(),
        AgreementClaim::Refused { reason } => format!("the channel refused the agreement: {reason}"),
        AgreementClaim::NoAnswer { why } => format!("a call about the agreement brought nothing: {why}"),
        AgreementClaim::Signed(signature) => format!("the payer signed it as {}", signature.channel_id),
        AgreementClaim::EndRequested { by } => format!("it shall end, says {by}"),
        AgreementClaim::Ended { reason } => format!("it has ended: {reason}"),
        AgreementClaim::Lapsed => "not signed, and the last moment to sign is past".to_owned(),
    }
}

fn refund(claim: &RefundClaim) -> String {
    match claim {
        RefundClaim::Requested { by, reason } => format!("money shall go back, says {by}: {reason}"),
        RefundClaim::Approved { by } => format!("approved by {by}"),
        RefundClaim::Rejected { by, reason } => format!("rejected by {by}: {reason}"),
        RefundClaim::Activated { reason } => format!("what it was prepared for came to pass: {reason}"),
        RefundClaim::Voided { reason } => format!("not needed: {reason}"),
        RefundClaim::Sending => "about to call the channel for a refund".to_owned(),
        RefundClaim::NoAnswer { why } => format!("the refund call ended without a usable answer: {why}"),
        RefundClaim::NotSent { why } => format!("the refund call had no effect: {why}"),
        RefundClaim::Absent => "the channel does not know the refund".to_owned(),
        RefundClaim::NoFunds { reason } => format!("the balance at the channel is not enough: {reason}"),
        RefundClaim::Refused { reason } => format!("the channel refused the refund for good: {reason}"),
        RefundClaim::Processing { refund_id } => format!("the channel works on it as {refund_id}"),
        RefundClaim::Succeeded(r) => {
            format!("the payer got {} minor units of {}, refund {}", r.amount_minor, r.currency, r.refund_id)
        }
        RefundClaim::Closed { reason } => format!("the channel gave the refund up: {reason}"),
        RefundClaim::Abnormal { refund_id } => format!("the payer's bank sent the money back (refund {refund_id})"),
        RefundClaim::SecondSending => "about to ask for the channel's second way".to_owned(),
        RefundClaim::SecondAccepted => "the channel took the second way on".to_owned(),
        RefundClaim::SecondFailed { reason } => format!("the second way failed: {reason}"),
        RefundClaim::Reversed { reason } => format!("the money came back after it had arrived: {reason}"),
        RefundClaim::Transferred { by, reference } => format!("transferred by {by}, reference {reference}"),
        RefundClaim::PaidOut { by, worker, proof } => {
            format!("paid out in cash from the drawer of {worker}, says {by} ({proof})")
        }
        RefundClaim::Abandoned { by, reason } => format!("given up by {by}: {reason}"),
    }
}
