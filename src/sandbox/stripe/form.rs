//! Forms as they arrive: it knows escapes and how brackets nest names, and must never know what a member means.

use std::collections::BTreeMap;

use crate::stripe::refusal::Refusal;

/// Deepest nesting that a name may have; the documents need three.
const DEEPEST: usize = 6;

/// A member of a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Param {
    Text(String),
    /// Named members, or the elements of a list by their position.
    Members(BTreeMap<String, Param>),
}

pub(crate) type Tree = BTreeMap<String, Param>;

/// Reads a query or a body.
pub(crate) fn decode(text: &str) -> Result<Tree, Refusal> {
    let mut tree = Tree::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let wrong = || Refusal::invalid("", "the form is not well encoded");
        let (name, value) = (unescape(name).ok_or_else(wrong)?, unescape(value).ok_or_else(wrong)?);
        let path = path(&name).ok_or_else(|| Refusal::invalid(&name, "the brackets of this name do not match"))?;
        insert(&mut tree, &path, value).ok_or_else(|| Refusal::invalid(&name, "this is both a value and a hash"))?;
    }
    Ok(tree)
}

fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let (high, low) = (rest.next()?, rest.next()?);
                let digit = |byte: u8| char::from(byte).to_digit(16);
                bytes.push(u8::try_from(digit(high)? * 16 + digit(low)?).ok()?);
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8(bytes).ok()
}

/// `a[b][]` as `a`, `b` and an empty name.
fn path(name: &str) -> Option<Vec<&str>> {
    let Some((head, rest)) = name.split_once('[') else {
        return (!name.contains(']')).then(|| vec![name]);
    };
    let rest = rest.strip_suffix(']')?;
    let mut path = vec![head];
    path.extend(rest.split("]["));
    let plain = |part: &&str| !part.contains(['[', ']']);
    (!head.is_empty() && path.len() <= DEEPEST && path.iter().all(plain)).then_some(path)
}

/// `None` when a value stands where others hang below, or the other way round.
fn insert(tree: &mut Tree, path: &[&str], value: String) -> Option<()> {
    let (name, rest) = path.split_first()?;
    // The next element of a list. Wide enough that the order of the texts is that of the numbers.
    let name = if name.is_empty() { format!("{:06}", tree.len()) } else { (*name).to_owned() };
    if rest.is_empty() {
        return match tree.insert(name, Param::Text(value)) {
            Some(Param::Members(_)) => None,
            _ => Some(()),
        };
    }
    match tree.entry(name).or_insert_with(|| Param::Members(Tree::new())) {
        Param::Members(members) => insert(members, rest, value),
        Param::Text(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> Param {
        Param::Text(value.to_owned())
    }

    fn members<const N: usize>(members: [(&str, Param); N]) -> Tree {
        members.into_iter().map(|(name, param)| (name.to_owned(), param)).collect()
    }

    #[test]
    fn brackets_nest_and_escapes_are_undone() {
        let tree =
            decode("amount=12&metadata[a]=1&metadata%5Bb+c%5D=%E6%97%A5+x&t[]=card&t[]=link&o[card][x]=&e").unwrap();
        let want = members([
            ("amount", text("12")),
            ("metadata", Param::Members(members([("a", text("1")), ("b c", text("日 x"))]))),
            ("t", Param::Members(members([("000000", text("card")), ("000001", text("link"))]))),
            ("o", Param::Members(members([("card", Param::Members(members([("x", text(""))])))]))),
            ("e", text("")),
        ]);
        assert_eq!(tree, want);
    }

    #[test]
    fn what_does_not_nest_is_refused() {
        for bad in
            ["a[b=1", "a]b=1", "[a]=1", "a[b]c=1", "a[[b]]=1", "a=%zz", "a=%f", "a=%ff", "a=1&a[b]=2", "a[b]=2&a=1"]
        {
            assert!(decode(bad).is_err(), "{bad}");
        }
        assert!(decode("a[b][c][d][e][f][g]=1").is_err(), "too deep");
    }
}
