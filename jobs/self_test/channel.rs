//! The channel of the shadow merchant: it knows the bills that were written for it, and must never reach beyond this
//! process.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use async_trait::async_trait;
use bursar_channels::{
    Adapters, BillError, BillFile, BillLines, BillRequest, Channel, Closed, CreateRequest, Fetched, HeaderLookup,
    Notice, NotificationRefusal, Outcome, RefundRequest, RefundStanding, Refusal, Reply, Standing,
};
use bursar_core::Timestamp;
use bursar_core::bank::Day;
use bursar_core::id::PaymentId;
use bursar_core::merchant::ChannelAccount;
use bursar_core::observation::{PayCode, Receipt};
use bursar_core::payment::Payment;
use bursar_core::reconcile::{BillKind, BillLine, FeeRule};
use bursar_core::refund::{Leg, RefundReceipt};

/// What the contract lets the channel keep: six in a thousand.
pub(super) const FEES: FeeRule = FeeRule { basis_points: 60, fixed_minor: 0, returned: true, tolerance_minor: 1 };

/// The channel's side of the story.
#[derive(Clone, Debug, Default)]
pub(super) struct Shadow {
    /// The lines of its bills.
    pub bills: BTreeMap<(BillKind, Day), Vec<BillLine>>,
    /// Payments that it does not know any more when it is asked.
    pub forgotten: BTreeSet<PaymentId>,
}

/// There is only one account, and this is its adapter.
#[derive(Debug)]
pub(super) struct Only(pub Arc<Shadow>);

impl Adapters for Only {
    fn adapter(&self, _account: &ChannelAccount) -> Result<Arc<dyn Channel>, String> {
        Ok(self.0.clone())
    }
}

/// The channel's receipt of a payment.
pub(super) fn receipt_of(payment: &Payment, paid_at: Timestamp) -> Receipt {
    Receipt {
        transaction_id: format!("4200{}", payment.id.bare()),
        amount_minor: payment.amount.minor,
        currency: payment.amount.currency.code().to_owned(),
        payee_matches: true,
        paid_at,
    }
}

/// The channel's receipt of a refund.
pub(super) fn refund_receipt_of(leg: &Leg, refunded_at: Timestamp) -> RefundReceipt {
    RefundReceipt {
        refund_id: format!("5030{}", leg.id.bare()),
        amount_minor: leg.amount.minor,
        currency: leg.amount.currency.code().to_owned(),
        refunded_at,
    }
}

fn never<T>() -> Outcome<T> {
    Outcome::Refused(Refusal::ours("SELF_TEST", "the shadow merchant's channel moves no money"))
}

struct Told(VecDeque<BillLine>);

impl BillLines for Told {
    fn next(&mut self) -> Result<Option<BillLine>, BillError> {
        Ok(self.0.pop_front())
    }
}

#[async_trait]
impl Channel for Shadow {
    async fn create(&self, _request: &CreateRequest<'_>) -> Outcome<PayCode> {
        never()
    }

    async fn query(&self, payment: &Payment) -> Outcome<Standing> {
        Outcome::Done(if self.forgotten.contains(&payment.id) {
            Standing::Absent
        } else {
            Standing::Paid(receipt_of(payment, payment.created_at))
        })
    }

    async fn close(&self, _payment: &Payment) -> Outcome<Closed> {
        never()
    }

    async fn refund(&self, _request: &RefundRequest<'_>) -> Outcome<RefundStanding> {
        never()
    }

    async fn query_refund(&self, _payment: &Payment, leg: &Leg) -> Outcome<RefundStanding> {
        let at = bursar_core::id::made_at(leg.id.uuid());
        Outcome::Done(RefundStanding::Succeeded(refund_receipt_of(leg, at)))
    }

    async fn fetch_bill(&self, request: BillRequest) -> Outcome<Fetched> {
        let Some(lines) = self.bills.get(&(request.kind, request.day)) else { return Outcome::Done(Fetched::Empty) };
        // The lines are in memory; the file is what is kept of the bill.
        match BillFile::of(&format!("{} {}", request.kind, request.day), format!("{lines:?}").as_bytes()) {
            Ok(file) => Outcome::Done(Fetched::Ready(file)),
            Err(error) => Outcome::Refused(Refusal::ours("SELF_TEST", &error.to_string())),
        }
    }

    fn read_bill(&self, request: BillRequest, _file: &BillFile) -> Result<Box<dyn BillLines>, BillError> {
        let lines = self.bills.get(&(request.kind, request.day)).cloned().unwrap_or_default();
        Ok(Box::new(Told(lines.into())))
    }

    fn fees(&self) -> Option<FeeRule> {
        Some(FEES)
    }

    fn read_notification(
        &self,
        _headers: &dyn HeaderLookup,
        _body: &[u8],
        _now: Timestamp,
    ) -> Result<Notice, NotificationRefusal> {
        Err(NotificationRefusal::Foreign)
    }

    fn reread_notification(&self, _headers: &dyn HeaderLookup, _body: &[u8]) -> Result<Notice, NotificationRefusal> {
        Err(NotificationRefusal::Foreign)
    }

    fn proof_headers(&self) -> &'static [&'static str] {
        &[]
    }

    fn acknowledge(&self) -> Reply {
        Reply { status: 404, content_type: "", body: String::new() }
    }

    fn refuse(&self, _why: &NotificationRefusal) -> Reply {
        self.acknowledge()
    }

    fn unavailable(&self) -> Reply {
        self.acknowledge()
    }
}
