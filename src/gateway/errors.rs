//! Errors that every operation of a kind may answer, for the document: it knows statuses and their words,
//! and must never answer anything itself. What is an operation's own stands at the operation.

use std::collections::BTreeMap;

use utoipa::IntoResponses;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};

use crate::problem::PROBLEM_JSON;

const UNAUTHORIZED: (&str, &str) = ("401", "No valid API key.");
const NOT_FOUND: (&str, &str) = ("404", "There is no such thing of yours.");
const INTERNAL: (&str, &str) = ("500", "Something went wrong here; it was logged.");
const UNAVAILABLE: (&str, &str) =
    ("503", "Too many requests, too slow, or no database: try again after `Retry-After`.");

type Responses = BTreeMap<String, RefOr<Response>>;

fn problems(described: &[(&str, &str)]) -> Responses {
    let each = described.iter().map(|(status, description)| {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
        let response = ResponseBuilder::new().description(*description).content(PROBLEM_JSON, content).build();
        ((*status).to_owned(), RefOr::T(response))
    });
    each.collect()
}

/// Of reading one thing.
pub struct ReadErrors;

impl IntoResponses for ReadErrors {
    fn responses() -> Responses {
        problems(&[UNAUTHORIZED, NOT_FOUND, INTERNAL, UNAVAILABLE])
    }
}

/// Of reading a list.
pub struct ListErrors;

impl IntoResponses for ListErrors {
    fn responses() -> Responses {
        problems(&[("400", "A parameter is not valid."), UNAUTHORIZED, INTERNAL, UNAVAILABLE])
    }
}

const WRITING: [(&str, &str); 7] = [
    ("400", "Not JSON, or the Idempotency-Key (or a parameter) is missing or not valid. Nothing was changed."),
    UNAUTHORIZED,
    ("408", "The body did not arrive in time."),
    ("413", "The body is too large."),
    ("415", "Not JSON by its type, or compressed."),
    INTERNAL,
    UNAVAILABLE,
];

/// Of making something new.
pub struct CreateErrors;

impl IntoResponses for CreateErrors {
    fn responses() -> Responses {
        problems(&WRITING)
    }
}

/// Of changing something that exists.
pub struct ChangeErrors;

impl IntoResponses for ChangeErrors {
    fn responses() -> Responses {
        let mut all = problems(&WRITING);
        all.extend(problems(&[NOT_FOUND]));
        all
    }
}
