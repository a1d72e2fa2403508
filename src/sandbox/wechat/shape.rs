//! The shape a body must have: it knows members, their kinds and lengths, and refuses whatever is
//! missing, unknown, null or too long; it must never know a rule between two members.

use serde_json::{Map, Value};

use crate::wechat::refusal::Refusal;

/// What a value must be.
#[derive(Debug)]
pub(crate) enum Shape {
    /// Text of `min` to `max` characters.
    Text(usize, usize),
    /// Text of `min` to `max` bytes: the documents count some members so.
    Bytes(usize, usize),
    /// A whole number of `min` to `max`.
    Number(i64, i64),
    Flag,
    List(&'static Shape),
    Object(&'static [Member]),
}

/// A member of an object.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) name: &'static str,
    pub(crate) required: bool,
    pub(crate) shape: Shape,
}

/// A member that must be there.
pub(crate) const fn must(name: &'static str, shape: Shape) -> Member {
    Member { name, required: true, shape }
}

/// A member that may be absent (but not null).
pub(crate) const fn may(name: &'static str, shape: Shape) -> Member {
    Member { name, required: false, shape }
}

/// Checks `value`, which stands at the JSON pointer `at`.
pub(crate) fn check(value: &Value, shape: &Shape, at: &str) -> Result<(), Refusal> {
    match (shape, value) {
        (_, Value::Null) => Err(Refusal::parameter(at, "must not be null; leave it out")),
        (Shape::Text(min, max), Value::String(text)) => {
            let length = text.chars().count();
            let fits = (*min..=*max).contains(&length);
            fits.then_some(()).ok_or_else(|| Refusal::parameter(at, format!("must have {min} to {max} characters")))
        }
        (Shape::Bytes(min, max), Value::String(text)) => {
            let fits = (*min..=*max).contains(&text.len());
            fits.then_some(()).ok_or_else(|| Refusal::parameter(at, format!("must have {min} to {max} bytes")))
        }
        (Shape::Text(..) | Shape::Bytes(..), _) => Err(Refusal::parameter(at, "must be a string")),
        (Shape::Number(min, max), value) => match value.as_i64() {
            Some(number) if (*min..=*max).contains(&number) => Ok(()),
            Some(_) => Err(Refusal::parameter(at, format!("must be {min} to {max}"))),
            None => Err(Refusal::parameter(at, "must be a whole number")),
        },
        (Shape::Flag, Value::Bool(_)) => Ok(()),
        (Shape::Flag, _) => Err(Refusal::parameter(at, "must be true or false")),
        (Shape::List(of), Value::Array(items)) => {
            items.iter().enumerate().try_for_each(|(n, item)| check(item, of, &format!("{at}/{n}")))
        }
        (Shape::List(_), _) => Err(Refusal::parameter(at, "must be an array")),
        (Shape::Object(members), Value::Object(object)) => check_members(object, members, at),
        (Shape::Object(_), _) => Err(Refusal::parameter(at, "must be an object")),
    }
}

fn check_members(object: &Map<String, Value>, members: &[Member], at: &str) -> Result<(), Refusal> {
    for name in object.keys() {
        if !members.iter().any(|member| member.name == name) {
            return Err(Refusal::parameter(&format!("{at}/{name}"), "is not a known member").with_number(270_924_358));
        }
    }
    for member in members {
        let at = format!("{at}/{}", member.name);
        match object.get(member.name) {
            Some(value) => check(value, &member.shape, &at)?,
            None if member.required => return Err(Refusal::parameter(&at, "is missing")),
            None => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const SHAPE: Shape = Shape::Object(&[
        must("name", Shape::Text(1, 3)),
        may("count", Shape::Number(1, 9)),
        may("tags", Shape::List(&Shape::Text(1, 2))),
        may("on", Shape::Flag),
        may("why", Shape::Bytes(1, 3)),
    ]);

    fn field(value: &Value) -> Option<String> {
        let refusal = check(value, &SHAPE, "").err()?;
        Some(refusal.detail.unwrap()["field"].as_str().unwrap().to_owned())
    }

    #[test]
    fn a_value_of_the_right_shape_passes() {
        assert_eq!(field(&json!({"name": "三个字", "count": 9, "tags": ["a"], "on": false, "why": "字"})), None);
    }

    #[test]
    fn what_is_missing_unknown_null_long_or_of_another_kind_is_named() {
        for (value, at) in [
            (json!({}), "/name"),
            (json!({"name": "abcd"}), "/name"),
            (json!({"name": ""}), "/name"),
            (json!({"name": null}), "/name"),
            (json!({"name": 1}), "/name"),
            (json!({"name": "a", "x": 1}), "/x"),
            (json!({"name": "a", "count": 0}), "/count"),
            (json!({"name": "a", "count": 1.5}), "/count"),
            (json!({"name": "a", "count": "1"}), "/count"),
            (json!({"name": "a", "count": null}), "/count"),
            (json!({"name": "a", "tags": ["a", "abc"]}), "/tags/1"),
            (json!({"name": "a", "on": 1}), "/on"),
            (json!({"name": "a", "why": "字字"}), "/why"),
            (json!({"name": "a", "why": 1}), "/why"),
            (json!([]), ""),
        ] {
            assert_eq!(field(&value).as_deref(), Some(at), "{value}");
        }
    }
}
