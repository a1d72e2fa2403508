//! Strict JSON: it knows how to take an object apart without forgiving anything, and must never know
//! what its members are for.
//!
//! Members are looked at as raw text: numbers are never turned into floats (`1e400` and `0.1` are
//! refused as what they are), nesting is skipped without recursion, a member that stands twice or that
//! nobody asked for is an error. Every wrong member is reported at once, each with its JSON pointer.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::limits::{MEMBERS_MAX, shown};
use crate::problem::{FieldError, Kind, Problem};

struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Members<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members: Vec<(String, &'de RawValue)> = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    if members.iter().any(|(n, _)| *n == name) {
                        return Err(A::Error::custom(format!("the member `{}` stands twice", shown(&name))));
                    }
                    if members.len() >= MEMBERS_MAX {
                        return Err(A::Error::custom(format!("an object has more than {MEMBERS_MAX} members")));
                    }
                    members.push((name, map.next_value()?));
                }
                Ok(Members(members))
            }
        }
        d.deserialize_map(Collect)
    }
}

/// Reads the members of one object and remembers what was wrong with them.
#[derive(Debug)]
pub struct Reader<'a> {
    pointer: String,
    members: Vec<(String, &'a RawValue)>,
    errors: Vec<FieldError>,
}

impl<'a> Reader<'a> {
    /// Takes the object in `body` apart.
    ///
    /// # Errors
    /// [`Kind::MalformedJson`] when the body is not one JSON object in UTF-8 with distinct members.
    pub fn parse(body: &'a [u8]) -> Result<Self, Problem> {
        let malformed = |why: String| Problem::new(Kind::MalformedJson, why);
        let text = std::str::from_utf8(body).map_err(|e| malformed(format!("The body is not UTF-8: {e}.")))?;
        if text.trim().is_empty() {
            return Err(malformed("The body is empty; a JSON object is expected.".to_owned()));
        }
        let members: Members<'a> = serde_json::from_str(text)
            .map_err(|e| malformed(format!("The body is not the JSON that is expected: {e}.")))?;
        Ok(Self { pointer: String::new(), members: members.0, errors: Vec::new() })
    }

    /// A reader of nothing, which only collects what is wrong with members that were read before.
    pub fn blank() -> Self {
        Self::blank_at("")
    }

    /// The same for the members of what `pointer` leads to.
    pub fn blank_at(pointer: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), members: Vec::new(), errors: Vec::new() }
    }

    fn pointer_to(&self, name: &str) -> String {
        format!("{}/{}", self.pointer, name.replace('~', "~0").replace('/', "~1"))
    }

    /// Notes that the member `name` is wrong.
    pub fn refuse(&mut self, name: &str, message: impl Into<String>) {
        self.errors.push(FieldError::at(self.pointer_to(name), message));
    }

    /// Notes that what `pointer` leads to, from here, is wrong.
    pub fn refuse_at(&mut self, pointer: &str, message: impl Into<String>) {
        self.errors.push(FieldError::at(format!("{}{pointer}", self.pointer), message));
    }

    /// Whether the member `name` is a string.
    pub fn is_text(&self, name: &str) -> bool {
        self.members.iter().any(|(n, raw)| n == name && raw.get().trim_start().starts_with('"'))
    }

    /// Whether nothing was found wrong so far.
    pub fn is_clean(&self) -> bool {
        self.errors.is_empty()
    }

    /// Takes the member out; `null` counts as absent.
    fn take(&mut self, name: &str) -> Option<&'a str> {
        let at = self.members.iter().position(|(n, _)| n == name)?;
        let (_, raw) = self.members.swap_remove(at);
        Some(raw.get().trim()).filter(|text| *text != "null")
    }

    fn required<T>(&mut self, name: &str, read: impl FnOnce(&mut Self, &str) -> Option<T>) -> Option<T> {
        let before = self.errors.len();
        let value = read(self, name);
        if value.is_none() && self.errors.len() == before {
            self.refuse(name, format!("`{name}` is missing"));
        }
        value
    }

    /// A string that must be there. `None` was noted as an error.
    pub fn text(&mut self, name: &str) -> Option<String> {
        self.required(name, Self::optional_text)
    }

    /// A string that may be absent.
    pub fn optional_text(&mut self, name: &str) -> Option<String> {
        let raw = self.take(name)?;
        let read = if raw.starts_with('"') { serde_json::from_str(raw).ok() } else { None };
        if read.is_none() {
            self.refuse(name, format!("`{name}` must be a string"));
        }
        read
    }

    /// A whole number that must be there, written without fraction or exponent. `None` was noted.
    pub fn integer(&mut self, name: &str) -> Option<i64> {
        self.required(name, Self::optional_integer)
    }

    /// A whole number that may be absent.
    pub fn optional_integer(&mut self, name: &str) -> Option<i64> {
        let raw = self.take(name)?;
        let digits = raw.strip_prefix('-').unwrap_or(raw);
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            self.refuse(name, format!("`{name}` must be a whole number (a JSON integer), not `{}`", shown(raw)));
            return None;
        }
        let read = raw.parse().ok();
        if read.is_none() {
            self.refuse(name, format!("`{name}` is beyond every lawful number: `{}`", shown(raw)));
        }
        read
    }

    /// `true` or `false`, that may be absent.
    pub fn optional_bool(&mut self, name: &str) -> Option<bool> {
        match self.take(name)? {
            "true" => Some(true),
            "false" => Some(false),
            other => {
                self.refuse(name, format!("`{name}` must be true or false, not `{}`", shown(other)));
                None
            }
        }
    }

    /// `true` or `false`, that must be there. `None` was noted.
    pub fn boolean(&mut self, name: &str) -> Option<bool> {
        self.required(name, Self::optional_bool)
    }

    /// A list of strings that may be absent.
    pub fn optional_texts(&mut self, name: &str) -> Option<Vec<String>> {
        let raw = self.take(name)?;
        let read = serde_json::from_str::<Vec<String>>(raw).ok().filter(|items| items.len() <= MEMBERS_MAX);
        if read.is_none() {
            self.refuse(name, format!("`{name}` must be a list of at most {MEMBERS_MAX} strings"));
        }
        read
    }

    /// A list of whole numbers that may be absent.
    pub fn optional_integers(&mut self, name: &str) -> Option<Vec<i64>> {
        let raw = self.take(name)?;
        let read = serde_json::from_str::<Vec<i64>>(raw).ok().filter(|items| items.len() <= MEMBERS_MAX);
        if read.is_none() {
            self.refuse(name, format!("`{name}` must be a list of at most {MEMBERS_MAX} whole numbers"));
        }
        read
    }

    /// A list of objects that may be absent. Hand each reader back to [`Reader::absorb`].
    pub fn optional_objects(&mut self, name: &str) -> Option<Vec<Reader<'a>>> {
        self.optional_objects_up_to(name, MEMBERS_MAX)
    }

    /// A list of at most `max` objects that may be absent. Hand each reader back to [`Reader::absorb`].
    pub fn optional_objects_up_to(&mut self, name: &str, max: usize) -> Option<Vec<Reader<'a>>> {
        let raw = self.take(name)?;
        let Ok(items) = serde_json::from_str::<Vec<&'a RawValue>>(raw) else {
            self.refuse(name, format!("`{name}` must be a list of objects"));
            return None;
        };
        if items.len() > max {
            self.refuse(name, format!("`{name}` has more than {max} items"));
            return None;
        }
        let mut readers = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            let pointer = format!("{}/{index}", self.pointer_to(name));
            match serde_json::from_str::<Members<'a>>(item.get()) {
                Ok(members) => readers.push(Self { pointer, members: members.0, errors: Vec::new() }),
                Err(error) => {
                    let object = item.get().trim_start().starts_with('{');
                    let what = if object { error.to_string() } else { "it must be an object".to_owned() };
                    self.errors.push(FieldError::at(pointer, format!("`{name}`: {what}")));
                }
            }
        }
        Some(readers)
    }

    /// An object that may be absent. Hand its reader back to [`Reader::absorb`].
    pub fn optional_object(&mut self, name: &str) -> Option<Reader<'a>> {
        let raw = self.take(name)?;
        match serde_json::from_str::<Members<'a>>(raw) {
            Ok(members) => Some(Self { pointer: self.pointer_to(name), members: members.0, errors: Vec::new() }),
            Err(error) => {
                let what = if raw.starts_with('{') { error.to_string() } else { "it must be an object".to_owned() };
                self.refuse(name, format!("`{name}`: {what}"));
                None
            }
        }
    }

    /// An object that must be there. Hand its reader back to [`Reader::absorb`]. `None` was noted.
    pub fn object(&mut self, name: &str) -> Option<Reader<'a>> {
        self.required(name, Self::optional_object)
    }

    /// Takes over what was wrong in a part, its unread members included.
    pub fn absorb(&mut self, part: Reader<'_>) {
        self.errors.extend(part.errors());
    }

    /// The same for a part that `pointer`, from here, leads to and that did not know where it stands.
    pub fn absorb_at(&mut self, pointer: &str, part: Reader<'_>) {
        for error in part.errors() {
            let inner = error.pointer.unwrap_or_default();
            self.errors.push(FieldError::at(format!("{}{pointer}{inner}", self.pointer), error.message));
        }
    }

    fn errors(mut self) -> Vec<FieldError> {
        let unread: Vec<String> = self.members.iter().map(|(name, _)| name.clone()).collect();
        for name in unread {
            let message = format!("`{}` is not a member that is known here; remove it", shown(&name));
            self.refuse(&shown(&name), message);
        }
        self.errors
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// [`Kind::InvalidRequest`] with everything that was noted and every member that nobody read.
    pub fn finish(self) -> Result<(), Problem> {
        let errors = self.errors();
        if errors.is_empty() { Ok(()) } else { Err(Problem::invalid(errors)) }
    }
}

#[cfg(test)]
mod tests;
