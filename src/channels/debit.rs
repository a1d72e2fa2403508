//! Charges through agreements, as far as the channels are alike: it knows when one may be made at all, and must never
//! know a channel's words for it.

use bursar_core::Timestamp;
use bursar_core::agreement::Signature;
use bursar_core::decline::{Decline, DeclineClass};

use crate::channel::CreateRequest;
use crate::outcome::{Refusal, RefusalClass, shorten};

/// The signature by which the payer of `request` is charged, once nothing of ours speaks against the charge.
///
/// # Errors
/// Why the call is not made.
pub(crate) fn signature<'a>(request: &CreateRequest<'a>, now: Timestamp) -> Result<&'a Signature, Refusal> {
    let payment = request.payment;
    let agreement = request
        .agreement
        .filter(|agreement| payment.agreement == Some(agreement.id) && payment.account == agreement.account)
        .ok_or_else(|| {
            Refusal::ours("AGREEMENT", "nobody is charged without an agreement of his own, of this account")
        })?;
    let signature = agreement
        .evidence
        .signed
        .as_ref()
        .ok_or_else(|| Refusal::ours("AGREEMENT", "the payer has not signed the agreement"))?;
    if !agreement.can_be_charged(now) {
        return Err(declined("AGREEMENT", "the agreement has ended, or shall end", DeclineClass::Agreement));
    }
    if payment.amount.minor <= 0 {
        return Err(Refusal::ours("AMOUNT", "at least one minor unit is charged"));
    }
    if payment.amount.currency != agreement.limit.currency || payment.amount.minor > agreement.limit.minor {
        let message = format!("the payer has agreed to {} at once, not to {}", agreement.limit, payment.amount);
        return Err(declined("LIMIT", &message, DeclineClass::Terms));
    }
    Ok(signature)
}

fn declined(code: &str, message: &str, class: DeclineClass) -> Refusal {
    Refusal { class: RefusalClass::Declined(class), ..Refusal::ours(code, message) }
}

/// A no to a charge, with the channel's code and words.
pub(crate) fn decline(class: DeclineClass, reason: &str) -> Decline {
    Decline { class, reason: shorten(reason) }
}

/// The definite no of an account whose settings say nothing of agreements.
pub(crate) fn not_set_up() -> Refusal {
    Refusal::ours(
        "AGREEMENTS",
        "this account has no agreements; add `agreements` to its settings, see config/accounts.md",
    )
}

#[cfg(test)]
pub(crate) mod tests {
    use bursar_core::agreement::{Agreement, AgreementClaim, AgreementEvidence};
    use bursar_core::channel::Method;
    use bursar_core::id::{AgreementId, ChannelAccountId, MerchantId, OrderId, PaymentId};
    use bursar_core::money::{Currency, Money};
    use bursar_core::observation::PayCode;
    use bursar_core::order::{Order, OrderState};
    use bursar_core::payment::{Evidence, PayerDetails, Payment, PaymentState};
    use uuid::Uuid;

    use super::*;

    /// An agreement that nobody has signed, of the account and for the amount of `payment`.
    pub(crate) fn agreement(payment: &Payment) -> Agreement {
        Agreement {
            id: AgreementId(Uuid::from_u128(0x4)),
            merchant: payment.merchant,
            account: payment.account,
            method: payment.method,
            payer: "customer-17".into(),
            details: PayerDetails::default(),
            description: "保洁 每月".into(),
            limit: payment.amount,
            rhythm: None,
            state: AgreementEvidence::default().state(),
            evidence: AgreementEvidence::default(),
            sign_by: payment.created_at.plus_ms(86_400_000),
            due_at: None,
            event_count: 0,
            version: 1,
            created_at: payment.created_at,
        }
    }

    /// The same after one more claim.
    pub(crate) fn told(agreement: Agreement, claim: &AgreementClaim) -> Agreement {
        let evidence = agreement.evidence.clone().join(agreement.created_at.plus_ms(1), claim);
        Agreement { state: evidence.state(), evidence, ..agreement }
    }

    /// The same, signed under the channel's number `channel_id`.
    pub(crate) fn signed(agreement: Agreement, channel_id: &str) -> Agreement {
        let signed_at = agreement.created_at;
        let signature = Signature { channel_id: channel_id.into(), payer_id: None, signed_at, ends_at: None };
        told(agreement, &AgreementClaim::Signed(signature))
    }

    /// The same, offered with `code`.
    pub(crate) fn offered(agreement: Agreement, code: PayCode) -> Agreement {
        told(agreement, &AgreementClaim::Offered { code })
    }

    /// A charge by `agreement`.
    pub(crate) fn charge(payment: Payment, agreement: &Agreement) -> Payment {
        Payment { agreement: Some(agreement.id), ..payment }
    }

    fn order_and_payment() -> (Order, Payment) {
        let (at, amount) = (Timestamp::from_millis(1_800_000_000_000), Money::new(1234, Currency::CNY));
        let (order, merchant) = (OrderId(Uuid::from_u128(2)), MerchantId(Uuid::from_u128(1)));
        let payment = Payment {
            id: PaymentId(Uuid::from_u128(3)),
            order,
            merchant,
            account: ChannelAccountId(Uuid::from_u128(7)),
            method: Method::CardDebit,
            amount,
            payer: PayerDetails::default(),
            agreement: None,
            state: PaymentState::New,
            evidence: Evidence::default(),
            returned_minor: 0,
            installments: None,
            version: 1,
            due_at: None,
            created_at: at,
        };
        let order = Order {
            id: order,
            merchant,
            number: "n".into(),
            amount,
            description: "d".into(),
            state: OrderState::Paying,
            close_reason: None,
            late_money: false,
            part_payment: false,
            service: None,
            region: None,
            offers: Vec::new(),
            payer: None,
            installment: None,
            shares: Vec::new(),
            expires_at: at.plus_ms(1),
            event_count: 0,
            version: 1,
            due_at: None,
            created_at: at,
        };
        (order, payment)
    }

    #[test]
    fn only_a_signature_in_force_of_the_same_payer_and_account_is_charged_and_not_beyond_its_limit() {
        let (order, payment): (Order, Payment) = order_and_payment();
        let now = payment.created_at.plus_ms(5);
        let judged = |payment: &Payment, agreement: Option<&Agreement>| {
            let request = CreateRequest { order: &order, payment, agreement, notify_url: "" };
            signature(&request, now).map(|s| s.channel_id.clone()).map_err(|r| r.class)
        };
        let agreed = signed(agreement(&payment), "c1");
        let charged = charge(payment.clone(), &agreed);
        assert_eq!(judged(&charged, Some(&agreed)), Ok("c1".into()));
        let definite = Err(RefusalClass::Definite);
        assert_eq!(judged(&charged, None), definite);
        assert_eq!(judged(&payment, Some(&agreed)), definite, "the payment names no agreement");
        assert_eq!(judged(&charged, Some(&agreement(&payment))), definite, "not signed");
        let gone = Err(RefusalClass::Declined(DeclineClass::Agreement));
        let ended = told(agreed.clone(), &AgreementClaim::Ended { reason: "r".into() });
        let ending = told(agreed.clone(), &AgreementClaim::EndRequested { by: "m".into() });
        assert_eq!((judged(&charged, Some(&ended)), judged(&charged, Some(&ending))), (gone.clone(), gone));
        let of = |minor, code: &str| Money::new(minor, code.parse().unwrap());
        let limited = |limit| Agreement { limit, ..agreed.clone() };
        let terms = Err(RefusalClass::Declined(DeclineClass::Terms));
        assert_eq!(judged(&charged, Some(&limited(of(charged.amount.minor - 1, "CNY")))), terms);
        assert_eq!(judged(&charged, Some(&limited(of(charged.amount.minor, "USD")))), terms);
        let nothing = Payment { amount: of(0, "CNY"), ..charged };
        assert_eq!(judged(&nothing, Some(&agreed)), definite);
    }
}
