//! What people do with cash, on its way to the books: it knows that the deed, the key and the answer are one commit,
//! and must never know what a deed means.

use std::sync::{Mutex, PoisonError};

use axum::response::Response;
use bursar_store::desk::cash::Cashed;
use bursar_store::{Change, Result as Stored};
use http::StatusCode;

use super::problems;
use crate::App;
use crate::idempotency::{KeyedRequest, json};
use crate::problem::Problem;

/// Carries `deed` out; it is handed what adds the key and the answer that `view` makes of the row to the change.
///
/// # Errors
/// Why the rules refuse it; `missing` when there is no such row.
pub async fn act<T: Send>(
    app: &App,
    keyed: &KeyedRequest,
    status: StatusCode,
    view: impl Fn(&T) -> String + Send + Sync,
    missing: impl Fn() -> Problem,
    deed: impl AsyncFnOnce(&(dyn Fn(&T, &mut Change) + Send + Sync)) -> Stored<Cashed<T>>,
) -> Result<Response, Problem> {
    let said = Mutex::new(String::new());
    let complete = |row: &T, change: &mut Change| {
        let answer = view(row);
        change.idempotency = Some(keyed.row(status, answer.clone(), app.clock.now()));
        *said.lock().unwrap_or_else(PoisonError::into_inner) = answer;
    };
    match deed(&complete).await? {
        Cashed::Written(_) => Ok(json(status, said.into_inner().unwrap_or_else(PoisonError::into_inner))),
        // Told before: the same answer, and the key of this request stands for it too.
        Cashed::Known(row) => {
            let mut change = Change::default();
            let answer = view(&row);
            change.idempotency = Some(keyed.row(status, answer.clone(), app.clock.now()));
            match app.desk.gatherer.commit(change).await? {
                bursar_store::Answer::Duplicate => keyed.again(app).await,
                _ => Ok(json(status, answer)),
            }
        }
        Cashed::Duplicate => keyed.again(app).await,
        Cashed::Missing => Err(missing()),
        Cashed::Refused(why) => Err(problems::of(&why)),
    }
}
