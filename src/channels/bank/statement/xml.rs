//! A careful pull reader of XML: it knows elements of one namespace, and must never read a DTD or expand an
//! entity. One entry is in memory at a time.

use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;
use quick_xml::reader::NsReader;

use super::error::{StatementError, shown};
use super::limits::{MAX_DEPTH, MAX_ELEMENTS_PER_ENTRY};

/// An element with all that is in it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Element {
    pub(super) name: String,
    /// Its text, trimmed.
    pub(super) text: String,
    /// Its attribute `Ccy`.
    pub(super) currency: Option<String>,
    pub(super) children: Vec<Element>,
    /// Where it begins, in bytes.
    pub(super) at: usize,
}

impl Element {
    /// Children with this name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |c| c.name == name)
    }

    /// The first element at the end of this path.
    pub(super) fn find(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |element, name| element.children.iter().find(|c| c.name == *name))
    }

    /// Its text, when there is any.
    pub(super) fn text_at(&self, path: &[&str]) -> Option<&str> {
        self.find(path).map(|e| e.text.as_str()).filter(|t| !t.is_empty())
    }
}

/// What comes next.
enum Step {
    Open { element: Element, ours: bool },
    Close,
    End,
}

/// Reads a text from front to back.
pub(super) struct Xml<'a> {
    text: &'a str,
    reader: NsReader<&'a [u8]>,
    /// The namespace of the message begins like this.
    family: &'static str,
    /// The namespace of the message, once it was met.
    namespace: Option<String>,
    depth: usize,
    /// Text of the innermost element.
    words: String,
}

impl<'a> Xml<'a> {
    pub(super) fn new(text: &'a str, family: &'static str) -> Self {
        let mut reader = NsReader::from_str(text);
        reader.config_mut().expand_empty_elements = true;
        Self { text, reader, family, namespace: None, depth: 0, words: String::new() }
    }

    /// The namespace of the message.
    pub(super) fn namespace(&self) -> &str {
        self.namespace.as_deref().unwrap_or_default()
    }

    /// `line 12` for an offset in bytes.
    pub(super) fn line(&self, at: usize) -> String {
        let before = self.text.as_bytes().get(..at).unwrap_or_default();
        format!("line {}", 1 + before.iter().filter(|b| **b == b'\n').count())
    }

    /// Goes into the first element of the family, past envelopes of other namespaces.
    pub(super) fn enter(&mut self) -> Result<Option<Element>, StatementError> {
        loop {
            match self.step()? {
                Step::Open { element, ours: true } => return Ok(Some(element)),
                Step::Open { .. } | Step::Close => {}
                Step::End => return Ok(None),
            }
        }
    }

    /// Goes into the next child of where we are; `None` (and out of it) when there is no more. Children of other
    /// namespaces are passed over.
    pub(super) fn next_child(&mut self) -> Result<Option<Element>, StatementError> {
        loop {
            match self.step()? {
                Step::Open { element, ours: true } => return Ok(Some(element)),
                Step::Open { .. } => self.pass()?,
                Step::Close => return Ok(None),
                Step::End => return Err(self.cut_off()),
            }
        }
    }

    /// Passes over the rest of the element that was entered last.
    pub(super) fn pass(&mut self) -> Result<(), StatementError> {
        let outside = self.depth.saturating_sub(1);
        while self.depth > outside {
            if matches!(self.step()?, Step::End) {
                return Err(self.cut_off());
            }
        }
        Ok(())
    }

    /// Reads the rest of the element that was entered last.
    pub(super) fn rest_of(&mut self, element: Element) -> Result<Element, StatementError> {
        let mut count = 0_usize;
        // The path to the innermost open element; the first is what is read.
        let mut open = vec![element];
        self.words.clear();
        loop {
            match self.step()? {
                Step::Open { element, ours } => {
                    count += 1;
                    if count > MAX_ELEMENTS_PER_ENTRY {
                        let what = format!("one entry has more than {MAX_ELEMENTS_PER_ENTRY} elements");
                        return Err(StatementError::broken(self.line(element.at), what));
                    }
                    if ours {
                        self.words.clear();
                        open.push(element);
                    } else {
                        self.pass()?;
                        self.words.clear();
                    }
                }
                Step::Close => {
                    let Some(mut done) = open.pop() else { return Err(self.cut_off()) };
                    if done.children.is_empty() {
                        self.words.trim().clone_into(&mut done.text);
                    }
                    self.words.clear();
                    match open.last_mut() {
                        Some(parent) => parent.children.push(done),
                        None => return Ok(done),
                    }
                }
                Step::End => return Err(self.cut_off()),
            }
        }
    }

    fn cut_off(&self) -> StatementError {
        StatementError::broken(self.line(self.text.len()), "the XML ends before its elements are closed")
    }

    fn step(&mut self) -> Result<Step, StatementError> {
        loop {
            let at = usize::try_from(self.reader.buffer_position()).unwrap_or(usize::MAX);
            let (resolved, event) = match self.reader.read_resolved_event() {
                Ok(read) => read,
                Err(e) => {
                    let at = usize::try_from(self.reader.error_position()).unwrap_or(usize::MAX);
                    return Err(StatementError::broken(self.line(at), format!("the XML is not well-formed: {e}")));
                }
            };
            match event {
                Event::Start(start) => {
                    let namespace = match resolved {
                        ResolveResult::Bound(namespace) => Some(namespace.0.to_owned()),
                        ResolveResult::Unbound | ResolveResult::Unknown(_) => None,
                    };
                    return self.opened(&start, namespace, at);
                }
                Event::End(_) => {
                    self.depth = self.depth.saturating_sub(1);
                    return Ok(Step::Close);
                }
                Event::Text(text) => self.words.push_str(&text.xml10_content()),
                Event::CData(text) => self.words.push_str(&text.xml10_content()),
                Event::GeneralRef(name) => match meaning(&name) {
                    Some(c) => self.words.push(c),
                    None => {
                        let what = format!("the entity {} is refused; statements need none", shown(&name));
                        return Err(StatementError::broken(self.line(at), what));
                    }
                },
                Event::DocType(_) => {
                    let what = "a document type definition is refused; statements need none";
                    return Err(StatementError::broken(self.line(at), what));
                }
                Event::Eof if self.depth > 0 => return Err(self.cut_off()),
                Event::Eof => return Ok(Step::End),
                Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            }
        }
    }

    fn opened(&mut self, start: &BytesStart<'_>, namespace: Option<String>, at: usize) -> Result<Step, StatementError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let what = format!("elements are nested deeper than {MAX_DEPTH} levels");
            return Err(StatementError::broken(self.line(at), what));
        }
        let ours = namespace.as_deref().is_some_and(|n| match &self.namespace {
            Some(known) => n == known,
            None => n.starts_with(self.family),
        });
        if ours && self.namespace.is_none() {
            self.namespace = namespace;
        }
        let wrong = |e: &dyn std::fmt::Display| {
            StatementError::broken(self.line(at), format!("an attribute cannot be read: {e}"))
        };
        let currency = start.try_get_attribute("Ccy").map_err(|e| wrong(&e))?;
        let currency = currency.map(|a| a.normalized_value(quick_xml::XmlVersion::Implicit1_0)).transpose();
        let element = Element {
            name: start.local_name().into_inner().to_owned(),
            currency: currency.map_err(|e| wrong(&e))?.map(|c| c.trim().to_owned()),
            at,
            ..Element::default()
        };
        Ok(Step::Open { element, ours })
    }
}

/// The character that one of the five names of XML, or a number, stands for.
fn meaning(name: &quick_xml::events::BytesRef<'_>) -> Option<char> {
    match name.as_ref() {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => name.resolve_char_ref().ok().flatten(),
    }
}
