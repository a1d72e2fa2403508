//! A text file line by line: it knows line ends, charsets and how long a line may be, and must never know what a line
//! says.

use std::io::{BufRead, BufReader, Read};

use encoding_rs::GB18030;

use super::BillError;
use super::unpack::Source;

/// Longest line that is taken, in bytes: honest ones have at most a few kilobytes.
pub(crate) const MAX_LINE_BYTES: usize = 64 * 1024;
/// Most lines of a file: ordinals are 32 bits.
const MAX_LINES: u64 = 100_000_000;

/// How a file writes its characters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Charset {
    /// UTF-8, with or without a mark at the beginning.
    Utf8,
    /// What is called GBK or GB2312 is read as what contains both.
    Gb18030,
}

/// One line, without its end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Line<T = String> {
    /// Which one, from 1.
    pub(crate) number: u64,
    /// What it says.
    pub(crate) text: T,
    /// Whether it has an end: the last line of a file that is cut off has none.
    pub(crate) ended: bool,
}

impl<T> Line<T> {
    /// `line 7`.
    pub(crate) fn place(&self) -> String {
        format!("line {}", self.number)
    }

    /// Something wrong with the line; when it has no end, the file is cut off there.
    pub(crate) fn wrong(&self, what: impl Into<String>) -> BillError {
        if self.ended { BillError::at(self.place(), what) } else { self.cut_off() }
    }

    /// That the file is cut off in this line.
    pub(crate) fn cut_off(&self) -> BillError {
        BillError::CutOff(format!("{} has no end", self.place()))
    }
}

/// The lines of a file.
pub(crate) struct Lines {
    reader: BufReader<Source>,
    charset: Charset,
    read: u64,
}

impl Lines {
    pub(crate) fn new(source: Source, charset: Charset) -> Self {
        Self { reader: BufReader::new(source), charset, read: 0 }
    }

    /// The next line as it stands; `None` at the end.
    ///
    /// # Errors
    /// When it is too long, or cannot be read.
    pub(crate) fn next_bytes(&mut self) -> Result<Option<Line<Vec<u8>>>, BillError> {
        let number = self.read + 1;
        let place = format!("line {number}");
        let mut bytes = Vec::new();
        let most = u64::try_from(MAX_LINE_BYTES).unwrap_or(u64::MAX);
        let result = (&mut self.reader).take(most).read_until(b'\n', &mut bytes);
        result.map_err(|error| BillError::reading(&place, &error))?;
        if bytes.is_empty() {
            return Ok(None);
        }
        let ended = bytes.last() == Some(&b'\n');
        if !ended && bytes.len() >= MAX_LINE_BYTES {
            return Err(BillError::at(place, format!("it is longer than {MAX_LINE_BYTES} bytes; this is no bill")));
        }
        if number > MAX_LINES {
            return Err(BillError::at(place, format!("the bill has more than {MAX_LINES} lines")));
        }
        if ended {
            bytes.pop();
            if bytes.last() == Some(&b'\r') {
                bytes.pop();
            }
        }
        self.read = number;
        Ok(Some(Line { number, text: bytes, ended }))
    }

    /// The next line as text; `None` at the end.
    ///
    /// # Errors
    /// When it is too long, cannot be read, or is not in the file's charset.
    pub(crate) fn next(&mut self) -> Result<Option<Line>, BillError> {
        let Some(line) = self.next_bytes()? else { return Ok(None) };
        let (number, ended) = (line.number, line.ended);
        let text = match self.charset {
            Charset::Utf8 => String::from_utf8(line.text).ok().map(|text| match text.strip_prefix('\u{feff}') {
                Some(rest) if number == 1 => rest.to_owned(),
                _ => text,
            }),
            Charset::Gb18030 => {
                GB18030.decode_without_bom_handling_and_without_replacement(&line.text).map(|text| text.into_owned())
            }
        };
        let name = if self.charset == Charset::Utf8 { "UTF-8" } else { "GBK" };
        match text {
            Some(text) => Ok(Some(Line { number, text, ended })),
            None if ended => Err(BillError::at(format!("line {number}"), format!("it is not {name}"))),
            None => Err(Line { number, text: (), ended }.cut_off()),
        }
    }

    /// The next line that is not empty.
    ///
    /// # Errors
    /// As [`Lines::next`].
    pub(crate) fn next_filled(&mut self) -> Result<Option<Line>, BillError> {
        loop {
            match self.next()? {
                Some(line) if line.text.trim().is_empty() => {}
                other => return Ok(other),
            }
        }
    }
}

/// Checks the names of columns, where a column's name may stand with brackets of either width.
///
/// # Errors
/// Which column is another than it should be.
pub(crate) fn check_columns<'a>(
    place: &str,
    found: impl Iterator<Item = &'a str>,
    expected: &[&str],
) -> Result<(), BillError> {
    let mut found = found.map(|name| name.trim().replace('（', "(").replace('）', ")"));
    for (index, name) in expected.iter().enumerate() {
        match found.next() {
            Some(other) if other == *name => {}
            Some(other) => {
                let other: String = other.chars().take(40).collect();
                let what = format!("column {} is `{other}`, expected `{name}`; this layout is not known", index + 1);
                return Err(BillError::at(place, what));
            }
            None => {
                let what = format!("column {}, `{name}`, is missing; this layout is not known", index + 1);
                return Err(BillError::at(place, what));
            }
        }
    }
    match found.next() {
        None => Ok(()),
        Some(other) => {
            let what = format!("there is a column `{other}` too many; this layout is not known");
            Err(BillError::at(place, what))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn lines(bytes: impl Into<Vec<u8>>, charset: Charset) -> Lines {
        Lines::new(Box::new(Cursor::new(bytes.into())), charset)
    }

    #[test]
    fn lines_are_numbered_decoded_and_know_whether_they_end() {
        let mut file = lines("\u{feff}甲\r\n\r\n乙\n丙", Charset::Utf8);
        let line = |number, text: &str, ended| Some(Line { number, text: text.to_owned(), ended });
        assert_eq!(file.next().unwrap(), line(1, "甲", true));
        assert_eq!(file.next_filled().unwrap(), line(3, "乙", true));
        let last = file.next().unwrap().unwrap();
        assert_eq!(Some(last.clone()), line(4, "丙", false));
        assert_eq!(file.next(), Ok(None));
        assert!(matches!(last.wrong("x"), BillError::CutOff(_)));
        let mut gbk = lines(vec![0xbc, 0xd7, b'\n', 0xff, b'\n'], Charset::Gb18030);
        assert_eq!(gbk.next().unwrap(), line(1, "甲", true));
        assert_eq!(gbk.next().unwrap_err().to_string(), "line 2: it is not GBK");
    }

    #[test]
    fn a_line_without_end_is_not_read_for_ever() {
        let endless = Box::new(std::io::repeat(b'x'));
        let error = Lines::new(endless, Charset::Utf8).next().unwrap_err().to_string();
        assert!(error.starts_with("line 1: it is longer than 65536 bytes"), "{error}");
    }

    #[test]
    fn a_column_that_is_not_known_is_named() {
        let check = |found: &str| check_columns("line 1", found.split(','), &["甲", "乙(元)"]);
        assert_eq!(check("甲,乙（元）"), Ok(()));
        for (found, words) in
            [("甲,丙", "column 2 is `丙`"), ("甲", "column 2, `乙(元)`"), ("甲,乙(元),丁", "`丁` too many")]
        {
            let error = check(found).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
