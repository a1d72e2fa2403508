//! What people do with cash, on its way to the books: it knows that the deed, the key and the answer are one commit,
//! and must never know what a deed means.

use std::sync::{Mutex, PoisonError};

use axum::response::Response;
use bursar_store::desk::cash::Cashed;
use bursar_store::{Answer, Change};
use http::StatusCode;

use super::problems;
use crate::App;
use crate::idempotency::{KeyedRequest, json};
use crate::problem::Problem;

/// A request that does something with cash, and how its answer looks.
pub struct Deed<'a, T> {
    app: &'a App,
    keyed: &'a KeyedRequest,
    status: StatusCode,
    view: &'a (dyn Fn(&T) -> String + Send + Sync),
    said: Mutex<String>,
}

impl<'a, T> Deed<'a, T> {
    /// `view` makes the answer of the row as it is then.
    pub fn new(
        app: &'a App,
        keyed: &'a KeyedRequest,
        status: StatusCode,
        view: &'a (dyn Fn(&T) -> String + Send + Sync),
    ) -> Self {
        Self { app, keyed, status, view, said: Mutex::new(String::new()) }
    }

    fn take_key(&self, row: &T, change: &mut Change) -> String {
        let answer = (self.view)(row);
        change.idempotency = Some(self.keyed.row(self.status, answer.clone(), self.app.clock.now()));
        answer
    }

    /// What adds the key and the answer to the change.
    pub fn complete(&self) -> impl Fn(&T, &mut Change) + Send + Sync {
        |row, change| {
            let answer = self.take_key(row, change);
            *self.said.lock().unwrap_or_else(PoisonError::into_inner) = answer;
        }
    }

    /// The answer to how it ended.
    ///
    /// # Errors
    /// Why the rules refuse it; `missing` when there is no such row.
    pub async fn answer(self, end: Cashed<T>, missing: fn() -> Problem) -> Result<Response, Problem> {
        match end {
            Cashed::Written(_) => Ok(json(self.status, self.said.into_inner().unwrap_or_else(PoisonError::into_inner))),
            // Told before: the same answer, and the key of this request stands for it too.
            Cashed::Known(row) => {
                let mut change = Change::default();
                let answer = self.take_key(&row, &mut change);
                drop(row);
                match self.app.desk.gatherer.commit(change).await? {
                    Answer::Duplicate => self.keyed.again(self.app).await,
                    Answer::Committed | Answer::Stale | Answer::Fenced => Ok(json(self.status, answer)),
                }
            }
            Cashed::Duplicate => self.keyed.again(self.app).await,
            Cashed::Missing => Err(missing()),
            Cashed::Refused(why) => Err(problems::of(&why)),
        }
    }
}
