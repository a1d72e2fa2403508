//! Members of a request: it knows how texts, numbers, lists and hashes are read from a form and how a wrong one is
//! refused, and must never know which call they belong to.

use std::collections::BTreeMap;

use crate::stripe::form::{Param, Tree, decode};
use crate::stripe::refusal::Refusal;

/// The members of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Params(Tree);

/// What a page of a list begins after and how long it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Paging {
    pub(crate) limit: usize,
    pub(crate) starting_after: Option<String>,
}

impl Params {
    pub(crate) fn read(text: &str) -> Result<Self, Refusal> {
        decode(text).map(Self)
    }

    /// Refuses members that the documents do not know of this call.
    pub(crate) fn only(&self, known: &[&str]) -> Result<(), Refusal> {
        match self.0.keys().find(|name| !known.contains(&name.as_str())) {
            Some(name) => Err(Refusal::unknown(name)),
            None => Ok(()),
        }
    }

    /// `None` when it is missing or empty.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&str>, Refusal> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Param::Text(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
            Some(Param::Members(_)) => Err(Refusal::invalid(name, "this must be a string")),
        }
    }

    pub(crate) fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.text(name)?.ok_or_else(|| Refusal::missing(name))
    }

    /// Digits, and nothing else.
    pub(crate) fn integer(&self, name: &str) -> Result<Option<i64>, Refusal> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let number = text.parse().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()));
        number.map(Some).ok_or_else(|| Refusal::not_an_integer(name))
    }

    /// One of `words`.
    pub(crate) fn word(&self, name: &str, words: &[&'static str]) -> Result<Option<&'static str>, Refusal> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let found = words.iter().copied().find(|word| *word == text);
        found.map(Some).ok_or_else(|| Refusal::invalid(name, &format!("this must be one of {}", words.join(", "))))
    }

    /// The elements of a list.
    pub(crate) fn list(&self, name: &str) -> Result<Vec<&str>, Refusal> {
        let wrong = || Refusal::invalid(name, "this must be a list of strings");
        match self.0.get(name) {
            None => Ok(Vec::new()),
            Some(Param::Text(_)) => Err(wrong()),
            Some(Param::Members(members)) => members
                .iter()
                .map(|(position, param)| match param {
                    Param::Text(text) if position.bytes().all(|b| b.is_ascii_digit()) => Ok(text.as_str()),
                    _ => Err(wrong()),
                })
                .collect(),
        }
    }

    /// The members of a hash of texts; those that are empty are left out.
    pub(crate) fn hash(&self, name: &str) -> Result<BTreeMap<String, String>, Refusal> {
        let wrong = || Refusal::invalid(name, "this must be a hash of strings");
        match self.0.get(name) {
            None => Ok(BTreeMap::new()),
            Some(Param::Text(text)) if text.is_empty() => Ok(BTreeMap::new()),
            Some(Param::Text(_)) => Err(wrong()),
            Some(Param::Members(members)) => members
                .iter()
                .filter(|(_, param)| **param != Param::Text(String::new()))
                .map(|(name, param)| match param {
                    Param::Text(text) => Ok((name.clone(), text.clone())),
                    Param::Members(_) => Err(wrong()),
                })
                .collect(),
        }
    }

    /// The members of the hash that `path` leads to; `None` when there is none.
    pub(crate) fn within(&self, path: &[&str]) -> Result<Option<Self>, Refusal> {
        let mut tree = &self.0;
        for name in path {
            match tree.get(*name) {
                Some(Param::Members(members)) => tree = members,
                Some(Param::Text(text)) if !text.is_empty() => {
                    return Err(Refusal::invalid(name, "this must be a hash"));
                }
                Some(Param::Text(_)) | None => return Ok(None),
            }
        }
        Ok(Some(Self(tree.clone())))
    }

    /// What a merchant writes on an object. Limits by the documents: 50 members, names of 40 characters, texts of
    /// 500.
    pub(crate) fn metadata(&self) -> Result<BTreeMap<String, String>, Refusal> {
        let metadata = self.hash("metadata")?;
        let fits = |(name, text): (&String, &String)| name.chars().count() <= 40 && text.chars().count() <= 500;
        if metadata.len() > 50 || !metadata.iter().all(fits) {
            return Err(Refusal::invalid("metadata", "at most 50 keys of 40 characters with values of 500"));
        }
        Ok(metadata)
    }

    pub(crate) fn paging(&self) -> Result<Paging, Refusal> {
        let limit = self.integer("limit")?.unwrap_or(10);
        let limit = usize::try_from(limit).ok().filter(|limit| (1..=100).contains(limit));
        let limit = limit.ok_or_else(|| Refusal::invalid("limit", "this must be between 1 and 100"))?;
        Ok(Paging { limit, starting_after: self.text("starting_after")?.map(str::to_owned) })
    }
}

impl Paging {
    /// The page of `all`, which is sorted newest first, and whether more follows. An unknown start is refused.
    pub(crate) fn cut<T>(&self, mut all: Vec<T>, id: impl Fn(&T) -> &str) -> Result<(Vec<T>, bool), Refusal> {
        if let Some(after) = &self.starting_after {
            let at = all.iter().position(|one| id(one) == after).ok_or_else(|| Refusal::no_such("object", after))?;
            all.drain(..=at);
        }
        let more = all.len() > self.limit;
        all.truncate(self.limit);
        Ok((all, more))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_read_by_their_kind_and_others_refused() {
        let params = Params::read("amount=12&t[0]=card&t[1]=link&m[a]=1&m[b]=&e=").unwrap();
        assert_eq!(params.integer("amount").unwrap(), Some(12));
        assert_eq!(params.list("t").unwrap(), ["card", "link"]);
        assert_eq!(params.hash("m").unwrap(), BTreeMap::from([("a".to_owned(), "1".to_owned())]));
        assert_eq!(params.text("e").unwrap(), None);
        assert!(params.text("m").is_err() && params.list("amount").is_err() && params.required("x").is_err());
        assert!(params.only(&["amount", "t", "m"]).is_err());
        for bad in ["amount=1.5", "amount=-1", "amount=+1", "amount=1e3", "amount=99999999999999999999"] {
            assert!(Params::read(bad).unwrap().integer("amount").is_err(), "{bad}");
        }
    }

    #[test]
    fn pages_are_cut_after_the_last_one() {
        let paging = |limit, after: Option<&str>| Paging { limit, starting_after: after.map(str::to_owned) };
        let all = || vec!["c", "b", "a"];
        assert_eq!(paging(2, None).cut(all(), |one| one).unwrap(), (vec!["c", "b"], true));
        assert_eq!(paging(2, Some("b")).cut(all(), |one| one).unwrap(), (vec!["a"], false));
        assert!(paging(2, Some("z")).cut(all(), |one| one).is_err());
    }
}
