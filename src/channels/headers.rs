//! Headers of a message: it knows how to look one up, and must never know what it means.

/// Looks headers up by name, whatever their case.
pub trait HeaderLookup {
    /// The first value of the header `name`; `None` when it is missing or not text.
    fn header(&self, name: &str) -> Option<&str>;
}

impl HeaderLookup for reqwest::header::HeaderMap {
    fn header(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(|value| value.to_str().ok())
    }
}

impl HeaderLookup for Vec<(String, String)> {
    fn header(&self, name: &str) -> Option<&str> {
        self.as_slice().header(name)
    }
}

impl HeaderLookup for [(String, String)] {
    fn header(&self, name: &str) -> Option<&str> {
        self.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// Headers as they are stored with a message: one `name: value` per line.
#[derive(Clone, Copy, Debug)]
pub struct HeaderLines<'a>(pub &'a str);

impl HeaderLines<'_> {
    /// Writes those of `names` that `headers` has, in the shape that [`HeaderLines`] reads.
    pub fn keep(headers: &dyn HeaderLookup, names: &[&str]) -> String {
        let mut lines = String::new();
        for name in names {
            // A header value cannot hold a line break (HTTP forbids it), but a stored line must not
            // depend on who parsed the HTTP.
            if let Some(value) = headers.header(name).filter(|v| !v.contains(['\r', '\n'])) {
                lines.push_str(name);
                lines.push_str(": ");
                lines.push_str(value);
                lines.push('\n');
            }
        }
        lines
    }
}

impl HeaderLookup for HeaderLines<'_> {
    fn header(&self, name: &str) -> Option<&str> {
        self.0
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(known, _)| known.trim().eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_headers_are_found_again_in_any_case_and_others_are_dropped() {
        let headers = vec![("wechatpay-serial".to_owned(), "A:B".to_owned()), ("Cookie".to_owned(), "c".to_owned())];
        let kept = HeaderLines::keep(&headers, &["Wechatpay-Serial", "Wechatpay-Nonce"]);
        assert_eq!(kept, "Wechatpay-Serial: A:B\n");
        assert_eq!(HeaderLines(&kept).header("WECHATPAY-SERIAL"), Some("A:B"));
        assert_eq!(HeaderLines(&kept).header("cookie"), None);
    }

    #[test]
    fn a_line_break_in_a_value_cannot_smuggle_in_a_header() {
        let headers = vec![("A".to_owned(), "x\nB: forged".to_owned())];
        assert_eq!(HeaderLines::keep(&headers, &["A"]), "");
    }
}
