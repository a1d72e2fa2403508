//! What happens to orders in the gateway's tests: channels that speak, payers that pay, merchants that ask.

use bursar_core::Clock;
use bursar_core::id::{LegId, PaymentId};
use bursar_core::job::{JobKey, JobKind};
use bursar_core::observation::{Claim, Observation, PayCode, Receipt, Source, Subject};
use bursar_core::refund::{RefundClaim, RefundReceipt};
use bursar_store::Settlement;
use bursar_store::desk::Taken;
use serde_json::Value;

use super::{Answer, House, payment_id, text};

impl House {
    /// Puts a claim of the channel on the books.
    pub async fn observe(&self, subject: impl Into<Subject>, claim: Claim) {
        self.clock.advance_ms(1);
        let observation = Observation::new(Source::Query, self.clock.now(), claim);
        let taken = self.desk.observe(subject, &observation, None, None, |_| Settlement::Hold).await.unwrap();
        assert!(matches!(taken, Taken::Written(_)), "{taken:?}");
    }

    /// Lets the channel accept the order's payment, as the job that calls it would.
    pub async fn accept(&self, order: &Value) -> PaymentId {
        let payment = payment_id(order);
        self.accept_payment(payment).await;
        payment
    }

    pub async fn accept_payment(&self, payment: PaymentId) {
        assert!(self.store.cancel_job(JobKey::payment(JobKind::CreatePayment, payment)).await.unwrap());
        self.observe(payment, Claim::Sending).await;
        let code = PayCode::QrCode { url: "weixin://wxpay/test".into() };
        self.observe(payment, Claim::Accepted { code }).await;
    }

    /// Takes an order with this number and has it paid; the order as it is then.
    pub async fn paid_order(&self, number: &str) -> Value {
        let order = self.order(number).await;
        let payment = self.accept(&order).await;
        self.pay(payment, 12_800).await;
        self.again(&order).await
    }

    /// The order as it is now.
    pub async fn again(&self, order: &Value) -> Value {
        self.get(&format!("/v1/orders/{}", text(&order["id"]))).await.expect(200).json()
    }

    /// The refund as it is now.
    pub async fn refund_again(&self, refund: &Value) -> Value {
        self.get(&format!("/v1/refunds/{}", text(&refund["id"]))).await.expect(200).json()
    }

    /// Asks for a refund of `order`.
    pub async fn refund(&self, order: &Value, key: &str, body: &Value) -> Answer {
        self.post(&format!("/v1/orders/{}/refunds", text(&order["id"])), key, body.to_string()).await
    }

    /// Says something about a refund: `verb` is the last part of the path.
    pub async fn say(&self, refund: &Value, verb: &str, key: &str, body: &Value) -> Answer {
        self.post(&format!("/v1/refunds/{}/{verb}", text(&refund["id"])), key, body.to_string()).await
    }

    /// Lets the channel say something about the first leg of `refund`, after it was called.
    pub async fn refund_told(&self, refund: &Value, claims: Vec<RefundClaim>) {
        let leg: LegId = text(&refund["legs"][0]["id"]).parse().unwrap();
        for claim in std::iter::once(RefundClaim::Sending).chain(claims) {
            self.observe(leg, Claim::Refund(claim)).await;
        }
    }

    /// What the channel says when the payer has the money of a leg.
    pub fn refund_receipt(&self, amount_minor: i64) -> RefundClaim {
        RefundClaim::Succeeded(RefundReceipt {
            refund_id: "5030000001".into(),
            amount_minor,
            currency: "CNY".into(),
            refunded_at: self.clock.now(),
        })
    }

    pub async fn pay(&self, payment: PaymentId, amount_minor: i64) {
        let receipt = Receipt {
            transaction_id: format!("42000{}", payment.bare()),
            amount_minor,
            currency: "CNY".into(),
            payee_matches: true,
            paid_at: self.clock.now(),
        };
        self.observe(payment, Claim::Paid(receipt)).await;
    }
}
