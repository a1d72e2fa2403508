//! The guarded statements about shares: it knows which rows must have been touched, and must never decide what
//! happens when one was not.

use bursar_core::sharing::Sharing;
use sqlx::SqliteConnection;

use super::guard::{Statement, touched};
use crate::Result;
use crate::codec::sharing::course_json;
use crate::codec::to_json;

/// Runs every statement until one touches no row; whether all did.
pub async fn run(connection: &mut SqliteConnection, rows: &[Sharing]) -> Result<bool> {
    for sharing in rows {
        let statement = if sharing.version == 0 { insert(sharing)? } else { update(sharing)? };
        if !touched(connection, statement).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn update(sharing: &Sharing) -> Result<Statement<'static>> {
    let sql = "update sharing set version = version + 1, course = $3 where order_id = $1 and version = $2";
    Ok(sqlx::query(sql).bind(sharing.order.uuid()).bind(sharing.version).bind(course_json(sharing)?))
}

fn insert(sharing: &Sharing) -> Result<Statement<'static>> {
    let sql = "insert into sharing (created_at, order_id, payment, merchant, account, currency, lines, version, course,
                 subject)
               values ($1, $2, $3, $4, $5, $6, $7, 1, $8, $9)
               on conflict do nothing";
    Ok(sqlx::query(sql)
        .bind(sharing.created_at.as_millis())
        .bind(sharing.order.uuid())
        .bind(sharing.payment.uuid())
        .bind(sharing.merchant.uuid())
        .bind(sharing.account.uuid())
        .bind(sharing.currency.code())
        .bind(to_json(&sharing.lines)?)
        .bind(course_json(sharing)?)
        .bind(sharing.subject()))
}
