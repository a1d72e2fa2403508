//! The guarded statements about shares: it knows which rows must have been touched, and must never decide what
//! happens when one was not.
//!
//! Orders with shares are few, so rows go one by one.

use bursar_core::sharing::Sharing;
use sqlx::PgConnection;

use super::guard::{Done, Pass, Refused, expect, gather, id};
use crate::Answer;
use crate::codec::sharing::course_json;
use crate::codec::to_json;

/// Runs every statement and answers those changes whose guard did not hold.
pub async fn run(tx: &mut PgConnection, pass: &Pass<'_>, refused: &mut Refused) -> Done {
    let mut rows: Vec<(usize, &Sharing)> = gather(pass, |c| &c.sharings);
    rows.sort_unstable_by_key(|(_, s)| s.order);
    for (index, s) in rows {
        let update = "update sharing set version = version + 1, course = $3 where order_id = $1 and version = $2
                      returning order_id";
        let insert = "insert into sharing (created_at, order_id, payment, merchant, account, currency, lines, version,
                        course, subject)
                      select $1, $2, $3, $4, $5, $6, $7, 1, $8, $9
                      where not exists (select 1 from sharing s where s.order_id = $2)
                      returning order_id";
        let query = if s.version == 0 {
            sqlx::query(insert)
                .bind(s.created_at.as_millis())
                .bind(s.order.uuid())
                .bind(s.payment.uuid())
                .bind(s.merchant.uuid())
                .bind(s.account.uuid())
                .bind(s.currency.code())
                .bind(to_json(&s.lines)?)
                .bind(course_json(s)?)
                .bind(s.subject())
        } else {
            sqlx::query(update).bind(s.order.uuid()).bind(s.version).bind(course_json(s)?)
        };
        expect(tx, query, [(index, s.order.uuid())], id, Answer::Stale, refused).await?;
    }
    Ok(())
}
