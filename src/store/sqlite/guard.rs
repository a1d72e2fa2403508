//! The guarded statements of a change: it knows which rows must have been touched, and must never decide
//! what happens when one was not.

use bursar_core::order::Order;
use bursar_core::payment::Payment;
use sqlx::SqliteConnection;
use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;

use super::{bank, billing, books, cash, refund, schedule, sharing};
use crate::codec::sharing::shares_json;
use crate::codec::{maybe_plain, offers_json, payer_json, payment_reference, plain, to_json};
use crate::numbering::{self, Place};
use crate::{Answer, Change, IdempotencyKey, Notification, Result, Settle, Settlement, returned};

/// A statement that is ready to run.
pub type Statement<'q> = Query<'q, sqlx::Sqlite, SqliteArguments>;

/// Runs every guarded statement of `change` until one touches no row; then the answer to give. A repeated
/// request is told so even when something else has changed since.
pub async fn run(connection: &mut SqliteConnection, change: &Change) -> Result<Option<Answer>> {
    match until_refused(connection, change).await? {
        Some(Answer::Stale) if was_taken(connection, change).await? => Ok(Some(Answer::Duplicate)),
        refused => Ok(refused),
    }
}

async fn was_taken(connection: &mut SqliteConnection, change: &Change) -> Result<bool> {
    if let Some(notification) = &change.notification {
        let sql = "select 1 from notification where id = $1";
        let found = sqlx::query(sql).bind(notification.id.uuid()).fetch_optional(&mut *connection).await?;
        if found.is_some() {
            return Ok(true);
        }
    }
    if let Some(statement) = &change.statement
        && bank::is_known(connection, statement).await?
    {
        return Ok(true);
    }
    if cash::is_known(connection, &change.cash).await? || billing::is_known(connection, &change.billing).await? {
        return Ok(true);
    }
    if schedule::is_known(connection, &change.schedules).await? || books::is_known(connection, &change.books).await? {
        return Ok(true);
    }
    let Some(key) = &change.idempotency else { return Ok(false) };
    let sql = "select 1 from idempotency where merchant = $1 and key = $2";
    let query = sqlx::query(sql).bind(key.merchant.uuid()).bind(key.key.clone());
    Ok(query.fetch_optional(connection).await?.is_some())
}

async fn until_refused(connection: &mut SqliteConnection, change: &Change) -> Result<Option<Answer>> {
    if let Some(settle) = &change.settle
        && !settled(connection, settle).await?
    {
        return Ok(Some(Answer::Fenced));
    }
    for payment in &change.payments {
        if !touched(connection, update_payment(payment, returned::adds_to(change, payment.id))?).await? {
            return Ok(Some(Answer::Stale));
        }
    }
    for order in &change.orders {
        if !touched(connection, update_order(order)).await? {
            return Ok(Some(Answer::Stale));
        }
    }
    if !refund::update(connection, change).await? || !billing::update(connection, change).await? {
        return Ok(Some(Answer::Stale));
    }
    for order in &change.new_orders {
        if !touched(connection, insert_order(order)?).await? {
            return Ok(Some(Answer::Duplicate));
        }
    }
    for place in numbering::places(change) {
        if !touched(connection, insert_payment(place)?).await? {
            return Ok(Some(Answer::Duplicate));
        }
    }
    if !refund::insert(connection, change).await? {
        return Ok(Some(Answer::Stale));
    }
    if !bank::update_lines(connection, change).await? {
        return Ok(Some(Answer::Stale));
    }
    if let Some(refused) = cash::run(connection, &change.cash).await? {
        return Ok(Some(refused));
    }
    if !billing::insert(connection, &change.billing).await? {
        return Ok(Some(Answer::Duplicate));
    }
    if let Some(refused) = schedule::run(connection, &change.schedules).await? {
        return Ok(Some(refused));
    }
    if let Some(refused) = books::run(connection, &change.books).await? {
        return Ok(Some(refused));
    }
    if !sharing::run(connection, &change.sharings).await? {
        return Ok(Some(Answer::Stale));
    }
    if let Some(statement) = &change.statement
        && !touched(connection, bank::insert_statement(statement)?).await?
    {
        return Ok(Some(Answer::Duplicate));
    }
    if let Some(notification) = &change.notification
        && !touched(connection, insert_notification(notification)).await?
    {
        return Ok(Some(Answer::Duplicate));
    }
    if let Some(key) = &change.idempotency
        && !touched(connection, insert_idempotency(key)).await?
    {
        return Ok(Some(Answer::Duplicate));
    }
    Ok(None)
}

/// Whether `statement` touched a row.
pub async fn touched(connection: &mut SqliteConnection, statement: Statement<'_>) -> Result<bool> {
    Ok(statement.execute(connection).await?.rows_affected() > 0)
}

async fn settled(connection: &mut SqliteConnection, settle: &Settle) -> Result<bool> {
    let keyed = |sql: &'static str| {
        sqlx::query(sql).bind(settle.key.subject).bind(settle.key.kind.code()).bind(settle.owner).bind(settle.fence)
    };
    let statement = match &settle.how {
        Settlement::Hold => {
            let sql = "select 1 from job where subject = $1 and kind = $2 and owner = $3 and fence = $4";
            return Ok(keyed(sql).fetch_optional(connection).await?.is_some());
        }
        Settlement::Done => keyed("delete from job where subject = $1 and kind = $2 and owner = $3 and fence = $4"),
        Settlement::Again { due_at, step, why } => keyed(
            "update job set owner = null, leased_until = null, due_at = $5, step = $6, note = $7, attempts = 0
             where subject = $1 and kind = $2 and owner = $3 and fence = $4",
        )
        .bind(due_at.as_millis())
        .bind(*step)
        .bind(plain(why)),
        Settlement::Failed { due_at, error } => keyed(
            "update job set owner = null, leased_until = null, due_at = $5, note = $6
             where subject = $1 and kind = $2 and owner = $3 and fence = $4",
        )
        .bind(due_at.as_millis())
        .bind(plain(error)),
        Settlement::Park { question } => keyed(
            "update job set owner = null, leased_until = null, question = $5
             where subject = $1 and kind = $2 and owner = $3 and fence = $4",
        )
        .bind(plain(question)),
    };
    touched(connection, statement).await
}

/// Whoever `adds` a leg must not give back more than was taken. What channels tell may: it happened.
fn update_payment(payment: &Payment, adds: bool) -> Result<Statement<'static>> {
    let sql = "update payment set version = version + 1, due_at = $3, state = $4, active = $3 is not null,
                 returned_minor = $5, taken_minor = $6, evidence = $7, amount_minor = $9
               where id = $1 and version = $2 and (not $8 or $5 <= max($6, returned_minor))";
    Ok(sqlx::query(sql)
        .bind(payment.id.uuid())
        .bind(payment.version)
        .bind(payment.due_at.map(|t| t.as_millis()))
        .bind(payment.state.code())
        .bind(payment.returned_minor)
        .bind(payment.returnable_minor())
        .bind(to_json(&payment.evidence)?)
        .bind(adds)
        .bind(payment.amount.minor))
}

fn update_order(order: &Order) -> Statement<'static> {
    let sql = "update orders set version = version + 1, expires_at = $3, event_count = $4, state = $5, late_money = $6,
                 close_reason = $7, due_at = $8, active = $8 is not null, amount_minor = $9
               where id = $1 and version = $2";
    sqlx::query(sql)
        .bind(order.id.uuid())
        .bind(order.version)
        .bind(order.expires_at.as_millis())
        .bind(order.event_count)
        .bind(order.state.code())
        .bind(order.late_money)
        .bind(order.close_reason.as_deref().map(plain))
        .bind(order.due_at.map(|t| t.as_millis()))
        .bind(order.amount.minor)
}

fn insert_order(order: &Order) -> Result<Statement<'static>> {
    let sql = "insert into orders (created_at, amount_minor, id, merchant, number, currency, description, expires_at,
                 version, event_count, state, late_money, part_payment, close_reason, offers, payer, due_at, active,
                 plan, seq, service, region, shares)
               values ($1, $2, $3, $4, $5, $6, $7, $8, 1, $9, $10, $11, $12, $13, $14, $15, $16, $16 is not null, $17, $18,
                 $19, $20, $21)
               on conflict do nothing";
    Ok(sqlx::query(sql)
        .bind(order.created_at.as_millis())
        .bind(order.amount.minor)
        .bind(order.id.uuid())
        .bind(order.merchant.uuid())
        .bind(order.number.clone())
        .bind(order.amount.currency.code())
        .bind(order.description.clone())
        .bind(order.expires_at.as_millis())
        .bind(order.event_count)
        .bind(order.state.code())
        .bind(order.late_money)
        .bind(order.part_payment)
        .bind(order.close_reason.as_deref().map(plain))
        .bind(offers_json(&order.offers)?)
        .bind(order.payer.as_deref().map(plain))
        .bind(order.due_at.map(|t| t.as_millis()))
        .bind(order.installment.map(|i| i.plan.uuid()))
        .bind(order.installment.map(|i| i64::from(i.seq)))
        .bind(maybe_plain(order.service.as_ref()))
        .bind(maybe_plain(order.region.as_ref()))
        .bind(shares_json(&order.shares)?))
}

fn insert_payment(place: Place<'_>) -> Result<Statement<'static>> {
    let payment = place.payment;
    let sql = "insert into payment (created_at, amount_minor, id, order_id, merchant, account, method, currency, payer,
                 version, due_at, state, active, returned_minor, taken_minor, position, reference, evidence,
                 agreement, installments)
               values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1, $10, $11, $10 is not null, $12, $13,
                 coalesce($14, (select count(*) + 1 from payment where order_id = $4)), $15, $16, $17, $18)
               on conflict do nothing";
    Ok(sqlx::query(sql)
        .bind(payment.created_at.as_millis())
        .bind(payment.amount.minor)
        .bind(payment.id.uuid())
        .bind(payment.order.uuid())
        .bind(payment.merchant.uuid())
        .bind(payment.account.uuid())
        .bind(payment.method.code())
        .bind(payment.amount.currency.code())
        .bind(payer_json(&payment.payer)?)
        .bind(payment.due_at.map(|t| t.as_millis()))
        .bind(payment.state.code())
        .bind(payment.returned_minor)
        .bind(payment.returnable_minor())
        .bind(place.first.then_some(place.nth))
        .bind(payment_reference(payment))
        .bind(to_json(&payment.evidence)?)
        .bind(payment.agreement.map(|a| a.uuid()))
        .bind(payment.installments.as_ref().map(to_json).transpose()?))
}

fn insert_notification(notification: &Notification) -> Statement<'static> {
    let sql = "insert into notification (received_at, id, account, merchant, headers, body)
               values ($1, $2, $3, $4, $5, $6)
               on conflict do nothing";
    sqlx::query(sql)
        .bind(notification.received_at.as_millis())
        .bind(notification.id.uuid())
        .bind(notification.account.uuid())
        .bind(notification.merchant.uuid())
        .bind(plain(&notification.headers))
        .bind(notification.body.clone())
}

fn insert_idempotency(key: &IdempotencyKey) -> Statement<'static> {
    let sql = "insert into idempotency (created_at, status, merchant, key, request_digest, answer)
               values ($1, $2, $3, $4, $5, $6)
               on conflict do nothing";
    sqlx::query(sql)
        .bind(key.created_at.as_millis())
        .bind(i16::try_from(key.status).unwrap_or(i16::MAX))
        .bind(key.merchant.uuid())
        .bind(key.key.clone())
        .bind(key.request_digest.clone())
        .bind(key.answer.clone())
}
