//! Channels without a remote side, where money is brought by people: it knows that there is nobody to call,
//! and must never know how money that came is told (statements and collections are observations of their own).

use std::fmt::Debug;

use async_trait::async_trait;
use bursar_core::Timestamp;
use bursar_core::observation::PayCode;
use bursar_core::payment::Payment;
use bursar_core::refund::Leg;

use crate::channel::{Channel, CreateRequest, RefundRequest};
use crate::headers::HeaderLookup;
use crate::notice::{Notice, NotificationRefusal, Reply};
use crate::outcome::{Closed, Outcome, RefundStanding, Refusal, Standing};

/// What is its own of a channel without a remote side.
pub(crate) trait ByHand: Send + Sync + Debug {
    /// What the payer needs in order to pay.
    fn code(&self, request: &CreateRequest<'_>) -> Result<PayCode, Refusal>;

    /// Why money cannot be given back by a call, and what is done instead.
    fn no_refund(&self) -> &'static str;
}

/// The adapter of one account of such a channel.
#[derive(Debug)]
pub(crate) struct Local<T>(pub(crate) T);

fn no_messages() -> NotificationRefusal {
    NotificationRefusal::Unreadable("this channel sends no messages".to_owned())
}

fn silent(status: u16) -> Reply {
    Reply { status, content_type: "", body: String::new() }
}

#[async_trait]
impl<T: ByHand> Channel for Local<T> {
    async fn create(&self, request: &CreateRequest<'_>) -> Outcome<PayCode> {
        match self.0.code(request) {
            Ok(code) => Outcome::Done(code),
            Err(refusal) => Outcome::Refused(refusal),
        }
    }

    /// Nobody can be asked: what came is told by statements and collections.
    async fn query(&self, _payment: &Payment) -> Outcome<Standing> {
        Outcome::Done(Standing::Unpaid)
    }

    /// Nothing keeps a payer from paying later: such money is late money.
    async fn close(&self, _payment: &Payment) -> Outcome<Closed> {
        Outcome::Done(Closed::Accepted)
    }

    async fn refund(&self, _request: &RefundRequest<'_>) -> Outcome<RefundStanding> {
        Outcome::Refused(Refusal::ours("REFUND", self.0.no_refund()))
    }

    async fn query_refund(&self, _payment: &Payment, _leg: &Leg) -> Outcome<RefundStanding> {
        Outcome::Done(RefundStanding::Absent)
    }

    fn read_notification(
        &self,
        _headers: &dyn HeaderLookup,
        _body: &[u8],
        _now: Timestamp,
    ) -> Result<Notice, NotificationRefusal> {
        Err(no_messages())
    }

    fn reread_notification(&self, _headers: &dyn HeaderLookup, _body: &[u8]) -> Result<Notice, NotificationRefusal> {
        Err(no_messages())
    }

    fn proof_headers(&self) -> &'static [&'static str] {
        &[]
    }

    fn acknowledge(&self) -> Reply {
        silent(204)
    }

    fn refuse(&self, _why: &NotificationRefusal) -> Reply {
        silent(404)
    }

    fn unavailable(&self) -> Reply {
        silent(503)
    }
}
