//! How claimed jobs go on: it knows that a settlement must touch the row whose fence it names, and must
//! never know what the job did.

use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use super::guard::{Done, Pass, Refused, expect, gather};
use crate::codec::plain;
use crate::{Answer, Settle, Settlement};

/// Settles the jobs of `pass`; a change whose fence is gone is refused.
pub async fn run(tx: &mut PgConnection, pass: &Pass<'_>, refused: &mut Refused) -> Done {
    settle_done(tx, pass, refused).await?;
    settle_kept(tx, pass, refused).await?;
    settle_hold(tx, pass, refused).await
}

fn kind_subject(row: &PgRow) -> std::result::Result<(i16, Uuid), sqlx::Error> {
    Ok((row.try_get(0)?, row.try_get(1)?))
}

/// The settlements that `pick` wants, in key order.
fn settles<'a>(pass: &Pass<'a>, pick: impl Fn(&Settlement) -> bool) -> Vec<(usize, &'a Settle)> {
    let mut found: Vec<(usize, &Settle)> = gather(pass, |c| c.settle.as_slice());
    found.retain(|(_, s)| pick(&s.how));
    found.sort_unstable_by_key(|(_, s)| (s.key.subject, s.key.kind.code()));
    found
}

fn bind_settles<'q>(sql: &'static str, settles: &[(usize, &Settle)]) -> Query<'q, sqlx::Postgres, PgArguments> {
    sqlx::query(sql)
        .bind(settles.iter().map(|(_, s)| s.key.kind.code()).collect::<Vec<_>>())
        .bind(settles.iter().map(|(_, s)| s.key.subject).collect::<Vec<_>>())
        .bind(settles.iter().map(|(_, s)| s.owner).collect::<Vec<_>>())
        .bind(settles.iter().map(|(_, s)| s.fence).collect::<Vec<_>>())
}

fn settle_keys<'a>(settles: &'a [(usize, &Settle)]) -> impl Iterator<Item = (usize, (i16, Uuid))> + 'a {
    settles.iter().map(|(index, s)| (*index, (s.key.kind.code(), s.key.subject)))
}

async fn settle_done(tx: &mut PgConnection, pass: &Pass<'_>, refused: &mut Refused) -> Done {
    let rows = settles(pass, |how| matches!(how, Settlement::Done));
    if rows.is_empty() {
        return Ok(());
    }
    let sql = "delete from job j
               using unnest($1::smallint[], $2::uuid[], $3::uuid[], $4::bigint[]) as s(kind, subject, owner, fence)
               where j.subject = any($2) and j.subject = s.subject and j.kind = s.kind and j.owner = s.owner
                 and j.fence = s.fence
               returning j.kind, j.subject";
    expect(tx, bind_settles(sql, &rows), settle_keys(&rows), kind_subject, Answer::Fenced, refused).await
}

async fn settle_kept(tx: &mut PgConnection, pass: &Pass<'_>, refused: &mut Refused) -> Done {
    let rows = settles(pass, |how| !matches!(how, Settlement::Done | Settlement::Hold));
    if rows.is_empty() {
        return Ok(());
    }
    let sql = "update job j set owner = null, leased_until = null, due_at = coalesce(s.due_at, j.due_at),
                 step = coalesce(s.step, j.step), note = coalesce(s.note, j.note), question = s.question,
                 attempts = case when s.afresh then 0 else j.attempts end
               from unnest($1::smallint[], $2::uuid[], $3::uuid[], $4::bigint[], $5::bigint[], $6::integer[],
                 $7::text[], $8::text[], $9::boolean[])
                 as s(kind, subject, owner, fence, due_at, step, note, question, afresh)
               where j.subject = any($2) and j.subject = s.subject and j.kind = s.kind and j.owner = s.owner
                 and j.fence = s.fence
               returning j.kind, j.subject";
    let mut due: Vec<Option<i64>> = Vec::new();
    let mut step: Vec<Option<i32>> = Vec::new();
    let mut note: Vec<Option<String>> = Vec::new();
    let mut question: Vec<Option<String>> = Vec::new();
    let mut afresh: Vec<bool> = Vec::new();
    for (_, settle) in &rows {
        let (d, s, n, q, a) = match &settle.how {
            Settlement::Again { due_at, step, why } => (Some(*due_at), Some(*step), Some(plain(why)), None, true),
            Settlement::Failed { due_at, error } => (Some(*due_at), None, Some(plain(error)), None, false),
            Settlement::Park { question } => (None, None, None, Some(plain(question)), false),
            Settlement::Done | Settlement::Hold => (None, None, None, None, false),
        };
        due.push(d.map(|t| t.as_millis()));
        step.push(s);
        note.push(n);
        question.push(q);
        afresh.push(a);
    }
    let query = bind_settles(sql, &rows).bind(due).bind(step).bind(note).bind(question).bind(afresh);
    expect(tx, query, settle_keys(&rows), kind_subject, Answer::Fenced, refused).await
}

/// A look without a lock: a claim that comes after it is as good as one that comes after our commit.
async fn settle_hold(tx: &mut PgConnection, pass: &Pass<'_>, refused: &mut Refused) -> Done {
    let rows = settles(pass, |how| matches!(how, Settlement::Hold));
    if rows.is_empty() {
        return Ok(());
    }
    let sql = "select j.kind, j.subject
               from unnest($1::smallint[], $2::uuid[], $3::uuid[], $4::bigint[]) as s(kind, subject, owner, fence)
               join job j on j.subject = s.subject and j.kind = s.kind and j.owner = s.owner and j.fence = s.fence
               where j.subject = any($2)";
    expect(tx, bind_settles(sql, &rows), settle_keys(&rows), kind_subject, Answer::Fenced, refused).await
}
