//! What the two databases do differently: it knows the seam between shared statements and a database,
//! and must never hold a statement of one database only.

use async_trait::async_trait;
use bursar_core::Timestamp;
use bursar_core::job::{JobKey, Queue};
use uuid::Uuid;

use crate::value::{Record, Value};
use crate::{Answer, Change, ClaimRequest, Claimed, Hints, Result};

/// The present instant by the database's clock in milliseconds, as each database writes it.
pub const NOW_POSTGRES: &str = "(floor(extract(epoch from clock_timestamp()) * 1000)::bigint)";
/// See [`NOW_POSTGRES`].
pub const NOW_SQLITE: &str = "(cast(unixepoch('subsec') * 1000 as integer))";

/// A database. Statements given to `rows` and `write` are written once for both: parameters are `$1`,
/// `$2`, …; `in_ids($1)` stands for "is one of the ids of parameter 1" and `now_ms()` for the
/// database's clock.
#[async_trait]
pub trait Dialect: Send + Sync + std::fmt::Debug {
    /// Runs a reading statement. Never takes a lock.
    async fn rows(&self, sql: &'static str, values: Vec<Value>) -> Result<Vec<Record>>;
    /// Runs one writing statement in its own durable transaction; how many rows it touched.
    async fn write(&self, sql: &'static str, values: Vec<Value>) -> Result<u64>;

    /// See [`crate::Store::commit`].
    async fn commit(&self, changes: &[Change]) -> Result<Vec<Answer>>;
    /// See [`crate::Store::claim`].
    async fn claim(&self, request: &ClaimRequest) -> Result<Vec<Claimed>>;
    /// See [`crate::Store::renew`].
    async fn renew(&self, owner: Uuid, held: &[(JobKey, i64)], lease_ms: i64) -> Result<Vec<JobKey>>;
    /// See [`crate::Store::release`].
    async fn release(&self, owner: Uuid, held: &[(JobKey, i64)]) -> Result<u64>;
    /// See [`crate::Store::next_due`].
    async fn next_due(&self, queues: &[Queue]) -> Result<Option<Timestamp>>;
    /// See [`crate::Store::migrate`].
    async fn migrate(&self) -> Result<()>;
    /// See [`crate::Store::notify`].
    async fn notify(&self, queues: &[Queue]) -> Result<()>;
    /// See [`crate::Store::listen`].
    async fn listen(&self) -> Result<Option<Box<dyn Hints>>>;
    /// See [`crate::Store::dialect`].
    fn name(&self) -> &'static str;
    /// See [`crate::Store::close`].
    async fn close(&self);
}

/// Replaces `in_ids($n)` and `now_ms()` in a shared statement.
pub fn translate(sql: &'static str, in_ids: (&str, &str), now: &str) -> std::borrow::Cow<'static, str> {
    if !sql.contains("in_ids(") && !sql.contains("now_ms()") {
        return sql.into();
    }
    let mut out = String::with_capacity(sql.len() + 64);
    let mut rest = sql;
    while let Some((before, after)) = rest.split_once("in_ids(") {
        let (parameter, tail) = after.split_once(')').unwrap_or((after, ""));
        out.push_str(before);
        out.push_str(in_ids.0);
        out.push_str(parameter);
        out.push_str(in_ids.1);
        rest = tail;
    }
    out.push_str(rest);
    out.replace("now_ms()", now).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_statements_are_written_out_for_each_database() {
        let sql = "select now_ms() from t where id in_ids($1) and x in_ids($2)";
        assert_eq!(translate(sql, ("= any(", ")"), "now()"), "select now() from t where id = any($1) and x = any($2)");
        assert_eq!(
            translate(sql, ("in (select f(", "))"), "n"),
            "select n from t where id in (select f($1)) and x in (select f($2))"
        );
    }
}
