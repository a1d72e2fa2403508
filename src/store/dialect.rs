//! What the two databases do differently: it knows the seam between shared statements and a database,
//! and must never hold a statement of one database only.

use std::borrow::Cow;

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
/// `$2`, …; `in_ids($1)` stands for "is one of the ids of parameter 1", `in_texts($1)` for the same of texts,
/// `now_ms()` for the database's clock, `json_at(column name …)` for a text in JSON, and `matching(…)` for a join (see
/// [`translate`]).
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

/// How a database writes what shared statements leave open.
#[derive(Clone, Copy, Debug)]
pub struct Words {
    /// What stands before and after the parameter of `in_ids($n)`.
    pub in_ids: (&'static str, &'static str),
    /// The same for `in_texts($n)`.
    pub in_texts: (&'static str, &'static str),
    /// See [`NOW_POSTGRES`].
    pub now: &'static str,
    /// Whether `matching(…)` has to be kept from becoming anything but one look into an index per row.
    pub lateral: bool,
    /// Whether `json_at(…)` is written with an array of names; otherwise with a path.
    pub json_arrays: bool,
}

/// Replaces `in_ids($n)`, `in_texts($n)`, `now_ms()`, `json_at(column name …)` and
/// `matching(table alias where condition)` in a shared statement.
///
/// `left join matching(…)` finds, for each row so far, the rows of a table that fit it. A planner that still
/// believes the table to be empty must not read all of it instead.
pub fn translate(sql: &'static str, words: Words) -> Cow<'static, str> {
    if !["in_ids(", "in_texts(", "now_ms()", "json_at(", "matching("].iter().any(|word| sql.contains(word)) {
        return sql.into();
    }
    let around = |(before, after): (&str, &str), parameter: &str| format!("{before}{parameter}{after}");
    let sql = replace_each(sql, "in_ids(", |parameter| around(words.in_ids, parameter));
    let sql = replace_each(&sql, "in_texts(", |parameter| around(words.in_texts, parameter));
    let sql = replace_each(&sql, "json_at(", |inner| json_at(inner, words));
    let sql = replace_each(&sql, "matching(", |inner| {
        let (table, condition) = inner.split_once(" where ").unwrap_or((inner, "true"));
        let alias = table.rsplit(' ').next().unwrap_or(table);
        if words.lateral {
            format!("lateral (select * from {inner} offset 0) {alias} on true")
        } else {
            format!("{table} on {condition}")
        }
    });
    sql.replace("now_ms()", words.now).into()
}

/// The text at a place in a column of JSON text, null when there is none: the column, then names and positions.
fn json_at(inner: &str, words: Words) -> String {
    let mut parts = inner.split(' ');
    let column = parts.next().unwrap_or_default();
    if words.json_arrays {
        let names = parts.collect::<Vec<_>>().join(",");
        // PostgreSQL reads no NUL, which a channel's words may have.
        return format!(r"(cast(replace({column}, '\u0000', '\ufffd') as jsonb) #>> '{{{names}}}')");
    }
    let is_position = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let path: String = parts.map(|p| if is_position(p) { format!("[{p}]") } else { format!(".{p}") }).collect();
    format!("json_extract({column}, '${path}')")
}

/// Replaces every `word…)`, `word` included, by what `with` makes of what stands between.
fn replace_each(sql: &str, word: &str, with: impl Fn(&str) -> String) -> String {
    let mut out = String::with_capacity(sql.len().saturating_add(128));
    let mut rest = sql;
    while let Some((before, after)) = rest.split_once(word) {
        let (inner, tail) = after.split_once(')').unwrap_or((after, ""));
        out.push_str(before);
        out.push_str(&with(inner));
        rest = tail;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARRAYS: Words =
        Words { in_ids: ("= any(", ")"), in_texts: ("= any(", ")"), now: "now()", lateral: true, json_arrays: true };
    const LISTS: Words = Words {
        in_ids: ("in (select f(", "))"),
        in_texts: ("in (g(", "))"),
        now: "n",
        lateral: false,
        json_arrays: false,
    };

    #[test]
    fn shared_statements_are_written_out_for_each_database() {
        let sql = "select now_ms() from t where id in_ids($1) and x in_ids($2)";
        assert_eq!(translate(sql, ARRAYS), "select now() from t where id = any($1) and x = any($2)");
        assert_eq!(translate(sql, LISTS), "select n from t where id in (select f($1)) and x in (select f($2))");
        let sql = "select 1 from t where n in_texts($3)";
        assert_eq!(translate(sql, ARRAYS), "select 1 from t where n = any($3)");
        assert_eq!(translate(sql, LISTS), "select 1 from t where n in (g($3))");
        let sql = "select 1 from a left join matching(b x where x.a = a.id and x.n = 1) where true";
        assert_eq!(
            translate(sql, ARRAYS),
            "select 1 from a left join lateral (select * from b x where x.a = a.id and x.n = 1 offset 0) x on true where true"
        );
        assert_eq!(translate(sql, LISTS), "select 1 from a left join b x on x.a = a.id and x.n = 1 where true");
        let sql = "select json_at(t.x declined 1 reason) from t";
        assert_eq!(
            translate(sql, ARRAYS),
            r"select (cast(replace(t.x, '\u0000', '\ufffd') as jsonb) #>> '{declined,1,reason}') from t"
        );
        assert_eq!(translate(sql, LISTS), "select json_extract(t.x, '$.declined[1].reason') from t");
        assert_eq!(translate("select 1", LISTS), "select 1");
    }
}
