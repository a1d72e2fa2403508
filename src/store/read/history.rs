//! Everything that happened to an order: it knows the append-only tables, and must never judge them.

use bursar_core::channel::ChannelKind;
use bursar_core::id::OrderId;
use uuid::Uuid;

use crate::dialect::Dialect;
use crate::record::Timeline;
use crate::{Result, codec};

/// Most rows of each kind in a timeline. A payment asked about for days has some hundreds of
/// observations; more than this nobody reads.
const MAX_ROWS: u32 = 2_000;

/// See [`crate::Store::timeline`].
pub async fn timeline(db: &impl Dialect, order: OrderId) -> Result<Option<Timeline>> {
    let Some(dossier) = super::dossier::one(db, order).await? else {
        return Ok(None);
    };
    let payments = dossier.payments.iter().map(|p| p.id.uuid());
    let refunds = dossier.refunds.iter().map(|r| r.id.uuid());
    let parts = payments.chain(refunds).chain(dossier.legs().map(|l| l.id.uuid()));
    let parts: Vec<Uuid> = parts.chain([order.uuid()]).collect();
    let by_cash = dossier.payments.iter().any(|p| p.method.channel() == ChannelKind::Cash);
    let collections = if by_cash { super::cash::of_order(db, order).await? } else { Vec::new() };
    let asked = parts.iter().copied().chain(collections.iter().map(|c| c.id.uuid())).collect();
    let limited = |ids: Vec<Uuid>| vec![ids.into(), MAX_ROWS.into()];
    let observations = db
        .rows(
            "select subject, sequence, source, claim, seen_at, notification from observation
             where subject in_ids($1) order by subject, sequence limit $2",
            limited(parts.clone()),
        )
        .await?;
    let postings = db
        .rows(
            "select subject, sequence, debit_kind, debit_owner, credit_kind, credit_owner, amount_minor, currency, at
             from posting where subject in_ids($1) order by subject, sequence limit $2",
            limited(parts.clone()),
        )
        .await?;
    let deliveries = db
        .rows(
            "select id, about, about_kind, sequence, kind, endpoint, body, created_at, attempts, delivered_at, given_up_at,
               last_error
             from delivery where about = $1 order by sequence, id limit $2",
            vec![order.uuid().into(), MAX_ROWS.into()],
        )
        .await?;
    let deliveries = deliveries.iter().map(codec::delivery).collect::<Result<Vec<_>>>()?;
    let mut observations = observations.iter().map(codec::observation).collect::<Result<Vec<_>>>()?;
    observations.sort_by_key(|o| (o.seen_at, o.subject, o.sequence));
    let notifications = observations.iter().filter_map(|o| o.notification).map(|n| n.uuid());
    let mut subjects: Vec<Uuid> = parts.clone();
    subjects.extend(deliveries.iter().map(|d| d.id.uuid()));
    subjects.extend(notifications);
    let jobs = db
        .rows(
            "select kind, subject, merchant, due_at, step, attempts, owner, note, question, created_at
             from job where subject in_ids($1) order by due_at, subject limit $2",
            limited(subjects),
        )
        .await?;
    let questions = db
        .rows(
            "select subject, order_id, kind, text, opened_at from question
             where subject in_ids($1) order by opened_at, subject, kind limit $2",
            limited(asked),
        )
        .await?;
    Ok(Some(Timeline {
        dossier,
        observations,
        postings: postings.iter().map(codec::posting).collect::<Result<_>>()?,
        deliveries,
        jobs: jobs.iter().map(codec::job).collect::<Result<_>>()?,
        collections,
        questions: questions.iter().map(codec::question).collect::<Result<_>>()?,
    }))
}
