//! Rows and the types of the core: it knows codes and JSON texts of columns, and must never know which
//! database they come from.

pub mod bank;
pub mod billing;
pub mod books;
pub mod cash;
mod refund;
pub mod schedule;
pub mod sharing;

use bursar_core::bank::reference;
use bursar_core::channel::{ChannelKind, Method};
use bursar_core::decide::QuestionKind;
use bursar_core::event::EventKind;
use bursar_core::id::{
    AgreementId, ChannelAccountId, DeliveryId, EndpointId, MerchantId, NotificationId, OrderId, PaymentId, PlanId,
};
use bursar_core::job::{JobKey, JobKind};
use bursar_core::ledger::{Account, AccountKind, Posting};
use bursar_core::observation::Source;
use bursar_core::order::{Order, OrderState};
use bursar_core::payment::{PayerDetails, Payment, PaymentState};
use bursar_core::refund::{Leg, Route};
use bursar_core::{Money, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::Notification;
use crate::about::About;
use crate::record::{BookLine, DeliveryRow, IdempotencyRow, JobRow, ObservationRow, ParkedRow, PostingRow};
use crate::value::{Cell, Record};
use crate::{Result, StoreError};

pub use refund::{leg, refund, refund_line};

/// A row of a known table.
#[derive(Clone, Copy)]
pub struct Reading<'a> {
    /// The row.
    pub record: &'a Record,
    /// The table, for errors.
    pub table: &'static str,
}

impl Reading<'_> {
    /// A plain column.
    pub fn get<T: Cell>(&self, column: &'static str) -> Result<T> {
        self.record.get(self.table, column)
    }

    /// A time.
    pub fn time(&self, column: &'static str) -> Result<Timestamp> {
        self.get::<i64>(column).map(Timestamp::from_millis)
    }

    /// A time or null.
    pub fn maybe_time(&self, column: &'static str) -> Result<Option<Timestamp>> {
        Ok(self.get::<Option<i64>>(column)?.map(Timestamp::from_millis))
    }

    /// A code of the core.
    pub fn code<T>(&self, column: &'static str, from: impl FnOnce(i16) -> Option<T>) -> Result<T> {
        let code: i16 = self.get(column)?;
        from(code).ok_or_else(|| self.record.corrupt(self.table, column, format!("{code} is no known code")))
    }

    /// A name of the core.
    pub fn name<T: std::str::FromStr<Err = String>>(&self, column: &'static str) -> Result<T> {
        let text: String = self.get(column)?;
        text.parse().map_err(|why| self.record.corrupt(self.table, column, why))
    }

    /// A name of the core, or null.
    pub fn maybe_name<T: std::str::FromStr<Err = String>>(&self, column: &'static str) -> Result<Option<T>> {
        let text: Option<String> = self.get(column)?;
        text.map(|text| text.parse().map_err(|why| self.record.corrupt(self.table, column, why))).transpose()
    }

    /// A JSON text.
    pub fn json<T: DeserializeOwned>(&self, column: &'static str) -> Result<T> {
        let text: String = self.get(column)?;
        self.parse(column, &text)
    }

    /// A JSON text or null.
    pub fn maybe_json<T: DeserializeOwned>(&self, column: &'static str) -> Result<Option<T>> {
        self.get::<Option<String>>(column)?.map(|text| self.parse(column, &text)).transpose()
    }

    fn parse<T: DeserializeOwned>(&self, column: &'static str, text: &str) -> Result<T> {
        serde_json::from_str(text).map_err(|e| self.record.corrupt(self.table, column, e.to_string()))
    }

    /// What a row belongs to, of two columns.
    pub fn about(&self, kind: &'static str, id: &'static str) -> Result<About> {
        let id = self.get(id)?;
        self.code(kind, |code| About::from_code(code, id))
    }

    /// An amount of two columns.
    pub fn money(&self, minor: &'static str, currency: &'static str) -> Result<Money> {
        Ok(Money::new(self.get(minor)?, self.name(currency)?))
    }
}

/// A value as compact JSON text.
pub fn to_json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|e| StoreError::Misuse(format!("cannot be written as JSON: {e}")))
}

/// What we know of the payer, or null when that is nothing.
pub fn payer_json(payer: &PayerDetails) -> Result<Option<String>> {
    if *payer == PayerDetails::default() { Ok(None) } else { to_json(payer).map(Some) }
}

/// The ways that a payer may choose, or null when the merchant named the payments.
pub fn offers_json(offers: &[Method]) -> Result<Option<String>> {
    if offers.is_empty() { Ok(None) } else { to_json(&offers).map(Some) }
}

/// What the payer of a transfer writes into it; no other payment has it.
pub fn payment_reference(payment: &Payment) -> Option<String> {
    (payment.method.channel() == ChannelKind::Bank).then(|| reference(payment.id.uuid()))
}

/// What our transfer for a leg carries; no other leg has it.
pub fn leg_reference(leg: &Leg) -> Option<String> {
    (leg.route == Route::Transfer).then(|| reference(leg.id.uuid()))
}

/// [`plain`] of what may be missing.
pub fn maybe_plain(text: Option<&String>) -> Option<String> {
    text.map(|text| plain(text))
}

/// Free text for people without NUL, which PostgreSQL's text cannot hold.
pub fn plain(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// Columns of an order in a joined row: `o_…`.
pub fn order(record: &Record) -> Result<Order> {
    let row = Reading { record, table: "orders" };
    Ok(Order {
        id: OrderId(row.get("o_id")?),
        merchant: MerchantId(row.get("o_merchant")?),
        number: row.get("o_number")?,
        amount: row.money("o_amount_minor", "o_currency")?,
        description: row.get("o_description")?,
        state: row.code("o_state", OrderState::from_code)?,
        close_reason: row.get("o_close_reason")?,
        late_money: row.get("o_late_money")?,
        installment: billing::installment_key(row)?,
        part_payment: row.get("o_part_payment")?,
        service: row.get("o_service")?,
        region: row.get("o_region")?,
        offers: row.maybe_json("o_offers")?.unwrap_or_default(),
        payer: row.get("o_payer")?,
        shares: row.maybe_json("o_shares")?.unwrap_or_default(),
        due_at: row.maybe_time("o_due_at")?,
        expires_at: row.time("o_expires_at")?,
        event_count: row.get("o_event_count")?,
        version: row.get("o_version")?,
        created_at: row.time("o_created_at")?,
    })
}

/// Columns of a payment in a joined row: `p_…`; `None` when the order has none.
pub fn payment(record: &Record) -> Result<Option<Payment>> {
    let row = Reading { record, table: "payment" };
    let Some(id) = row.get::<Option<Uuid>>("p_id")? else {
        return Ok(None);
    };
    Ok(Some(Payment {
        id: PaymentId(id),
        order: OrderId(row.get("o_id")?),
        merchant: MerchantId(row.get("p_merchant")?),
        account: ChannelAccountId(row.get("p_account")?),
        method: row.code("p_method", Method::from_code)?,
        amount: row.money("p_amount_minor", "p_currency")?,
        payer: row.maybe_json("p_payer")?.unwrap_or_default(),
        state: row.code("p_state", PaymentState::from_code)?,
        evidence: row.json("p_evidence")?,
        returned_minor: row.get("p_returned_minor")?,
        installments: row.maybe_json("p_installments")?,
        agreement: row.get::<Option<Uuid>>("p_agreement")?.map(AgreementId),
        version: row.get("p_version")?,
        due_at: row.maybe_time("p_due_at")?,
        created_at: row.time("p_created_at")?,
    }))
}

/// A row of `observation`.
pub fn observation(record: &Record) -> Result<ObservationRow> {
    let row = Reading { record, table: "observation" };
    Ok(ObservationRow {
        subject: row.get("subject")?,
        sequence: row.get("sequence")?,
        source: row.code("source", Source::from_code)?,
        claim: row.json("claim")?,
        seen_at: row.time("seen_at")?,
        notification: row.get::<Option<Uuid>>("notification")?.map(NotificationId),
    })
}

/// A row of `posting`.
pub fn posting(record: &Record) -> Result<PostingRow> {
    let row = Reading { record, table: "posting" };
    Ok(PostingRow {
        posting: Posting {
            subject: row.get("subject")?,
            debit: Account { kind: row.code("debit_kind", AccountKind::from_code)?, owner: row.get("debit_owner")? },
            credit: Account { kind: row.code("credit_kind", AccountKind::from_code)?, owner: row.get("credit_owner")? },
            amount: row.money("amount_minor", "currency")?,
        },
        at: row.time("at")?,
    })
}

/// A row of `delivery`.
pub fn delivery(record: &Record) -> Result<DeliveryRow> {
    let row = Reading { record, table: "delivery" };
    Ok(DeliveryRow {
        id: DeliveryId(row.get("id")?),
        about: row.about("about_kind", "about")?,
        sequence: row.get("sequence")?,
        kind: row.code("kind", EventKind::from_code)?,
        endpoint: row.get::<Option<Uuid>>("endpoint")?.map(EndpointId),
        body: row.get("body")?,
        created_at: row.time("created_at")?,
        attempts: row.get("attempts")?,
        delivered_at: row.maybe_time("delivered_at")?,
        given_up_at: row.maybe_time("given_up_at")?,
        last_error: row.get("last_error")?,
    })
}

/// A row of `notification`.
pub fn notification(record: &Record) -> Result<Notification> {
    let row = Reading { record, table: "notification" };
    Ok(Notification {
        id: NotificationId(row.get("id")?),
        account: ChannelAccountId(row.get("account")?),
        merchant: MerchantId(row.get("merchant")?),
        headers: row.get("headers")?,
        body: row.get("body")?,
        received_at: row.time("received_at")?,
    })
}

/// A row of `idempotency`.
pub fn idempotency(record: &Record) -> Result<IdempotencyRow> {
    let row = Reading { record, table: "idempotency" };
    let status: i16 = row.get("status")?;
    Ok(IdempotencyRow {
        request_digest: row.get("request_digest")?,
        status: u16::try_from(status)
            .map_err(|_| record.corrupt("idempotency", "status", format!("{status} is no HTTP status")))?,
        answer: row.get("answer")?,
    })
}

/// A row of `question`.
pub fn question(record: &Record) -> Result<ParkedRow> {
    let row = Reading { record, table: "question" };
    let subject = row.get("subject")?;
    let order = row.get::<Option<Uuid>>("order_id")?;
    Ok(ParkedRow {
        subject,
        about: order.map_or(About::Plan(PlanId(subject)), |id| About::Order(OrderId(id))),
        kind: row.code("kind", QuestionKind::from_code)?,
        text: row.get("text")?,
        opened_at: row.time("opened_at")?,
    })
}

/// A row of `payment` joined with its order and whether it has an open question.
pub fn book_line(record: &Record) -> Result<BookLine> {
    let row = Reading { record, table: "payment" };
    let evidence: bursar_core::payment::Evidence = row.json("evidence")?;
    let state = row.code("state", PaymentState::from_code)?;
    // Of a held payment the column says what it should have brought.
    let taken: i64 = row.get("taken_minor")?;
    Ok(BookLine {
        payment: PaymentId(row.get("id")?),
        method: row.code("method", Method::from_code)?,
        order_state: row.code("order_state", OrderState::from_code)?,
        state,
        amount_minor: row.get("amount_minor")?,
        taken_minor: if state.has_money() { taken } else { 0 },
        transaction_id: evidence.transaction_id().map(str::to_owned),
        late_money: row.get("late_money")?,
        returned_minor: row.get("returned_minor")?,
        parked: row.get("parked")?,
    })
}

/// A row of `job`.
pub fn job(record: &Record) -> Result<JobRow> {
    let row = Reading { record, table: "job" };
    Ok(JobRow {
        key: JobKey::new(row.code("kind", JobKind::from_code)?, row.get("subject")?),
        merchant: MerchantId(row.get("merchant")?),
        due_at: row.time("due_at")?,
        step: row.get("step")?,
        attempts: row.get("attempts")?,
        owner: row.get("owner")?,
        note: row.get("note")?,
        question: row.get("question")?,
        created_at: row.time("created_at")?,
    })
}
