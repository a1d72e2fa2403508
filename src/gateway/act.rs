//! What people say, taken in as observations: it knows that the observation, the key and the answer are
//! one commit, and must never write an observation that did not do what it was meant to do.
//!
//! Whether something may be said is checked before on what was read then. Between that and the commit
//! others may be faster; so the order *as the commit would leave it* is looked at once more, and when it
//! is not as meant nothing at all is written: the caller reads and checks again.

use std::sync::{Mutex, PoisonError};

use axum::response::Response;
use bursar_core::observation::{Observation, Subject};
use bursar_core::order::Dossier;
use bursar_store::Change;
use bursar_store::desk::Taken;
use http::StatusCode;

use crate::App;
use crate::idempotency::{KeyedRequest, json};
use crate::problem::{Kind, Problem};

/// How often a request that others overtook is checked again before it is turned away.
pub const MAX_ROUNDS: u32 = 16;

/// Takes `observation` in together with the key and what `answer` makes of the order afterwards. `None`:
/// `answer` found that it did not do what it was meant to do, and nothing was written.
///
/// # Errors
/// When the database cannot be read or written, or the key belongs to another request.
pub async fn act(
    app: &App,
    keyed: &KeyedRequest,
    subject: impl Into<Subject>,
    observation: &Observation,
    answer: impl Fn(&Dossier) -> Option<(StatusCode, String)> + Send + Sync,
) -> Result<Option<Response>, Problem> {
    let said: Mutex<Option<(StatusCode, String)>> = Mutex::new(None);
    let complete = |after: &Dossier, change: &mut Change| {
        let answered = answer(after);
        match &answered {
            Some((status, body)) => {
                change.idempotency = Some(keyed.row(*status, body.clone(), app.clock.now()));
                // An answer is a promise.
                change.may_be_lost = false;
            }
            None => *change = Change::default(),
        }
        *said.lock().unwrap_or_else(PoisonError::into_inner) = answered;
    };
    match app.desk.observe_with(subject, observation, complete).await? {
        Taken::Written(_) => {
            let said = said.into_inner().unwrap_or_else(PoisonError::into_inner);
            Ok(said.map(|(status, body)| json(status, body)))
        }
        Taken::Duplicate => keyed.again(app).await.map(Some),
        Taken::Fenced | Taken::NoSuchSubject => Err(Problem::internal("what was read a moment ago is not there")),
    }
}

/// The end of patience.
pub fn overtaken() -> Problem {
    Problem::new(Kind::Overtaken, "Others changed it again and again while this was decided.")
}
