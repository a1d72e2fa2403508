//! The calls about refunds: it knows what each of them is about and what it is answered, and leaves the
//! rules to the books.

use crate::shared::Shared;
use crate::wechat::answer::Answer;
use crate::wechat::application::Application;
use crate::wechat::platform::SignWith;
use crate::wechat::refund;
use crate::wechat::refund_body::RefundBody;
use crate::wechat::refunds::{Refund, RefundTerms};
use crate::wechat::refusal::Refusal;

/// A call whose request is well formed.
#[derive(Debug)]
pub(crate) enum RefundCall {
    Ask(Box<RefundBody>),
    Query(String),
    Apply(Box<Application>),
}

impl RefundCall {
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Ask(_) => "refund",
            Self::Query(_) => "query_refund",
            Self::Apply(_) => "apply_abnormal_refund",
        }
    }

    /// A number for the operation, and the merchant's number of the refund.
    pub(crate) fn subject(&self) -> (u64, &str) {
        match self {
            Self::Ask(body) => (1, &body.out_refund_no),
            Self::Query(number) => (2, number),
            Self::Apply(application) => (3, &application.out_refund_no),
        }
    }
}

impl Shared {
    /// Carries out a call of the merchant `mchid`.
    pub(crate) fn refund_call(
        &self,
        mchid: &str,
        call: RefundCall,
        fate: u64,
        sign_with: SignWith,
    ) -> Result<Answer, Refusal> {
        let unknown = || Refusal::no_such_resource("refund");
        let show = |refund: Option<&Refund>| refund.map(|one| Answer::ok(&refund::write(one))).ok_or_else(unknown);
        match call {
            RefundCall::Ask(body) => {
                let (mix, limits) = (&self.refunds, &self.refund_limits);
                let terms = RefundTerms { now_ms: self.pace.now_ms(), mchid, fate, sign_with, mix, limits };
                let mut orders = self.orders();
                let accepted = orders.refund(*body, &terms)?;
                let answer = show(orders.refunds.list.get(accepted.position));
                drop(orders);
                if accepted.fresh {
                    self.tally.change(|counters| counters.refunds += 1);
                    self.refund_under_way(accepted.position);
                }
                answer
            }
            RefundCall::Query(number) => show(self.orders().refunds.by_number(mchid, &number)),
            RefundCall::Apply(application) => {
                application.check_readable(&self.platform())?;
                let mut orders = self.orders();
                let position = orders.refunds.apply(mchid, &application.refund_id, &application.out_refund_no)?;
                let answer = show(orders.refunds.list.get(position));
                drop(orders);
                self.refund_under_way(position);
                answer
            }
        }
    }
}
