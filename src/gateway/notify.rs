//! Notifications in: it knows the way from bytes to a stored, acknowledged message, and must never know
//! a channel's words or what a message means for money.
//!
//! The order of steps is the security of it: the account by its address (from memory), the size, the
//! channel's own verification over the raw bytes, one transaction that stores message and job, and only
//! then the acknowledgement. What is not genuine costs no database statement and leaves only a counter.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use bursar_channels::{Channel, HeaderLines, HeaderLookup, Notice, NotificationRefusal, Reply, notification_id};
use bursar_core::channel::ChannelKind;
use bursar_core::id::ChannelAccountId;
use bursar_core::job::{JobKey, JobKind, NewJob};
use bursar_core::merchant::ChannelAccount;
use bursar_store::{Answer, Change, Notification};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};

use crate::metrics::Verdict;
use crate::problem::Problem;
use crate::{App, body};

/// Takes a message of a channel. Answers in the channel's own words; a body is never needed by it.
#[utoipa::path(
    post, path = "/notify/{channel}/{account}", tag = "notifications",
    params(
        ("channel" = String, Path, description = "The channel, such as `wechat`."),
        ("account" = String, Path, description = "The channel account whose address this is (`acc_…`)."),
    ),
    request_body(content = String, content_type = "application/json", description = "The channel's message, signed by it."),
    responses(
        (status = 204, description = "Stored (or stored before); in the channel's words, which may also be 200."),
        (status = 400, description = "Not genuine or not readable; nothing was stored."),
        (status = 401, description = "Not genuine; nothing was stored."),
        (status = 404, description = "There is no such account."),
        (status = 500, description = "The account's adapter cannot be built; the channel shall try again."),
        (status = 503, description = "Not stored; the channel shall try again."),
    ),
)]
pub async fn receive(
    State(app): State<Arc<App>>,
    path: Result<Path<(String, String)>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let Ok(Path((channel, account))) = path else {
        return Problem::not_found("channel").into_response();
    };
    let Ok(channel) = channel.parse::<ChannelKind>() else {
        return Problem::not_found("channel").into_response();
    };
    let count = |verdict| app.metrics.count_notification(channel, verdict);
    let account = match account_of(&app, channel, &account).await {
        Ok(Some(account)) => account,
        Ok(None) => {
            count(Verdict::UnknownAccount);
            return failure(StatusCode::NOT_FOUND, "there is no such account");
        }
        Err(problem) => {
            count(Verdict::NotStored);
            return problem.into_response();
        }
    };
    let adapter = match app.channels.adapter(&account) {
        Ok(adapter) => adapter,
        Err(error) => {
            tracing::error!(account = %account.id, error, "no adapter for a notification");
            count(Verdict::NotStored);
            return failure(StatusCode::INTERNAL_SERVER_ERROR, "the account is not usable at the moment");
        }
    };
    match taken(&app, &account, adapter.as_ref(), &headers, body).await {
        Ok(verdict) => {
            count(verdict);
            reply(adapter.acknowledge())
        }
        Err(Refused::Body(problem)) => {
            count(Verdict::BadBody);
            problem.into_response()
        }
        Err(Refused::Message(why)) => {
            count(verdict(&why));
            tracing::warn!(account = %account.id, reason = why.name(), "notification refused");
            reply(adapter.refuse(&why))
        }
        Err(Refused::NotStored) => {
            count(Verdict::NotStored);
            reply(adapter.unavailable())
        }
    }
}

enum Refused {
    Body(Problem),
    Message(NotificationRefusal),
    NotStored,
}

async fn account_of(app: &App, channel: ChannelKind, text: &str) -> Result<Option<Arc<ChannelAccount>>, Problem> {
    let Ok(id) = text.parse::<ChannelAccountId>() else {
        return Ok(None);
    };
    let entries = app.desk.directory.entries_with(|e| e.accounts.contains_key(&id)).await?;
    Ok(entries.accounts.get(&id).filter(|a| a.channel == channel).cloned())
}

async fn taken(
    app: &App,
    account: &ChannelAccount,
    adapter: &dyn Channel,
    headers: &HeaderMap,
    body: Body,
) -> Result<Verdict, Refused> {
    let proofs = adapter.proof_headers();
    if let (Some(first), true) = (proofs.first(), proofs.iter().all(|name| headers.header(name).is_none())) {
        // Garbage without any proof is refused before its body is read.
        return Err(Refused::Message(NotificationRefusal::MissingHeader(first)));
    }
    body::check_encoding(headers).map_err(Refused::Body)?;
    let body = body::read(headers, body, &app.settings).await.map_err(Refused::Body)?;
    let notice = read(app, adapter, headers, &body).await.map_err(Refused::Message)?;
    store(app, account, adapter, headers, body, &notice).await
}

/// Reads the message; when its key is unknown, once more after the channel's keys were fetched again.
async fn read(
    app: &App,
    adapter: &dyn Channel,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<Notice, NotificationRefusal> {
    let first = adapter.read_notification(headers, body, app.clock.now());
    let Err(NotificationRefusal::UnknownSerial(_)) = &first else {
        return first;
    };
    // One at a time: the others are refused and come again, so that garbage cannot pile up waiting.
    let Ok(_only) = app.refreshing.try_lock() else {
        return first;
    };
    match adapter.refresh_keys().await {
        Ok(()) => adapter.read_notification(headers, body, app.clock.now()),
        Err(why) => {
            tracing::warn!(?why, "the channel's keys could not be fetched");
            first
        }
    }
}

async fn store(
    app: &App,
    account: &ChannelAccount,
    adapter: &dyn Channel,
    headers: &HeaderMap,
    body: Bytes,
    notice: &Notice,
) -> Result<Verdict, Refused> {
    let now = app.clock.now();
    let id = notification_id(account.id, notice.channel_id());
    let notification = Notification {
        id,
        account: account.id,
        merchant: account.merchant,
        headers: HeaderLines::keep(headers, adapter.proof_headers()),
        body: body.into(),
        received_at: now,
    };
    let job = NewJob::new(JobKey::new(JobKind::HandleNotification, id.uuid()), account.merchant, now);
    let change = Change { notification: Some(notification), jobs: vec![job], ..Change::default() };
    match app.desk.gatherer.commit(change).await {
        Ok(Answer::Committed) => Ok(Verdict::Accepted),
        Ok(Answer::Duplicate) => Ok(Verdict::Duplicate),
        Ok(answer @ (Answer::Stale | Answer::Fenced)) => {
            tracing::error!(?answer, "a notification was answered as only updates can be");
            Err(Refused::NotStored)
        }
        Err(error) => {
            tracing::warn!(%error, "a notification could not be stored");
            Err(Refused::NotStored)
        }
    }
}

const fn verdict(why: &NotificationRefusal) -> Verdict {
    match why {
        NotificationRefusal::Probe => Verdict::Probe,
        NotificationRefusal::MissingHeader(_) => Verdict::MissingHeader,
        NotificationRefusal::UnknownSerial(_) => Verdict::UnknownSerial,
        NotificationRefusal::BadSignature => Verdict::BadSignature,
        NotificationRefusal::Stale => Verdict::Stale,
        NotificationRefusal::Foreign => Verdict::Foreign,
        NotificationRefusal::Unreadable(_) => Verdict::Unreadable,
    }
}

/// An answer in the channel's words.
fn reply(reply: Reply) -> Response {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if reply.content_type.is_empty() {
        return status.into_response();
    }
    (status, [(header::CONTENT_TYPE, reply.content_type)], reply.body).into_response()
}

/// A failure for which there is no adapter to ask for words. Channels look at the status only; the
/// shape is the one that most of them document.
fn failure(status: StatusCode, message: &str) -> Response {
    let body = serde_json::json!({ "code": "FAIL", "message": message }).to_string();
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}
