//! What the gateway does for clients and channels, in the order of its own steps. It knows the desk, and
//! must never know HTTP.

use bursar_channels::{HeaderLines, notification_id};
use bursar_core::job::{JobKey, JobKind, NewJob};
use bursar_core::observation::{Claim, Observation, Source};
use bursar_core::order::OrderState;
use bursar_core::payment::{Payment, PaymentState};
use bursar_jobs::JobContext;
use bursar_store::desk::Taken;
use bursar_store::{Answer, Change, IdempotencyKey, Notification, Settlement};

use super::agenda::Ack;
use super::message::PROOF;
use super::planted::Planted;
use super::script::Script;
use super::state::World;

/// A client places its order.
pub(crate) async fn place(world: World, context: JobContext, index: usize, script: Script) {
    let desk = &context.desk;
    let (order, payments) = script.rows(context.now(), desk.chance.as_ref());
    if world.lock().planted == Some(Planted::AnswerBeforeCommit) {
        world.lock().taken.insert(index);
    }
    let key = IdempotencyKey {
        merchant: script.merchant,
        key: script.number.clone(),
        request_digest: Vec::new(),
        status: 201,
        answer: String::new(),
        created_at: context.now(),
    };
    let opened = desk.open(order, payments, |_, change| change.idempotency = Some(key)).await;
    // Duplicate: the first attempt was written, and its answer was lost.
    if let Ok((Answer::Committed | Answer::Duplicate, _)) = opened {
        world.lock().taken.insert(index);
    }
}

/// Somebody asks for an order to be closed.
pub(crate) async fn close(world: World, context: JobContext, index: usize, script: Script, source: Source) {
    let desk = &context.desk;
    let store = desk.gatherer.store();
    let Ok(Some(order)) = store.order_by_number(script.merchant, &script.number).await else { return };
    let Ok(Some(mut dossier)) = store.dossier(order).await else { return };
    let reason = if source == Source::Clock { "expired" } else { "asked for" };
    let ends = |state| !matches!(state, OrderState::Paid | OrderState::Closed | OrderState::Closing);
    if !dossier.order.offers.is_empty() && ends(dossier.order.state) {
        let wish = Observation::new(source, context.now(), Claim::CloseRequested { reason: reason.to_owned() });
        match desk.observe(order, &wish, None, Some(&dossier), |_| Settlement::Hold).await {
            Ok(Taken::Written(next)) => dossier = *next,
            Ok(Taken::Fenced | Taken::Duplicate | Taken::NoSuchSubject) | Err(_) => return,
        }
    }
    let reversed = PaymentState::CaptureReversed;
    let open = |p: &&Payment| !p.state.is_final() || (p.state == reversed && !dossier.order.state.is_final());
    let open: Vec<_> = dossier.payments.iter().filter(open).map(|p| p.id).collect();
    for payment in open {
        let claim = Claim::CloseRequested { reason: reason.to_owned() };
        let wish = Observation::new(source, context.now(), claim);
        match desk.observe(payment, &wish, None, Some(&dossier), |_| Settlement::Hold).await {
            Ok(Taken::Written(next)) => dossier = *next,
            Ok(Taken::Fenced | Taken::Duplicate | Taken::NoSuchSubject) | Err(_) => return,
        }
    }
    world.lock().asked.insert(index);
}

/// A message of a channel: verified, stored with its job, and only then acknowledged.
pub(crate) async fn take(
    world: World,
    context: JobContext,
    account: bursar_core::id::ChannelAccountId,
    proof: String,
    body: String,
    ack: Option<Ack>,
) {
    let row = world.lock().tables.accounts.get(&account).cloned();
    let Some(row) = row else { return };
    let Ok(adapter) = context.channels.adapter(&row) else { return };
    let headers = vec![(PROOF.to_owned(), proof)];
    let Ok(notice) = adapter.read_notification(&headers, body.as_bytes(), context.now()) else {
        world.lock().note(|| "a message was refused".to_owned());
        return;
    };
    let id = notification_id(account, notice.channel_id());
    let acknowledge = |world: &World| {
        let mut state = world.lock();
        state.acknowledged.insert(id.uuid());
        match &ack {
            Some(Ack::Paid(number)) => {
                if let Some(entry) = state.books.entries.get_mut(number) {
                    entry.acknowledged = true;
                }
            }
            Some(Ack::Refund(number, letter)) => {
                let row = state.books.givings.rows.get_mut(number);
                if let Some(letter) = row.and_then(|r| r.letters.get_mut(*letter)) {
                    letter.acknowledged = true;
                }
            }
            Some(Ack::Slip(number, slip)) => {
                let row = state.books.entries.get_mut(number);
                if let Some(slip) = row.and_then(|e| e.slips.get_mut(*slip)) {
                    slip.acknowledged = true;
                }
            }
            None => {}
        }
    };
    if world.lock().planted == Some(Planted::AcknowledgeBeforeCommit) {
        acknowledge(&world);
    }
    let now = context.now();
    let notification = Notification {
        id,
        account,
        merchant: row.merchant,
        headers: HeaderLines::keep(&headers, adapter.proof_headers()),
        body: body.into_bytes(),
        received_at: now,
    };
    let job = NewJob::new(JobKey::new(JobKind::HandleNotification, id.uuid()), row.merchant, now);
    let change = Change { notification: Some(notification), jobs: vec![job], ..Change::default() };
    if let Ok(Answer::Committed | Answer::Duplicate) = context.desk.gatherer.commit(change).await {
        acknowledge(&world);
    }
}
