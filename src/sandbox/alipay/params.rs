//! The parameters of a request, from query and form: it knows how they are encoded and in which charset, and
//! must never know what they mean.

use std::borrow::Cow;
use std::collections::BTreeMap;

use encoding_rs::{Encoding, GBK, UTF_8};

use crate::alipay::refusal::Refusal;

/// By name, sorted by bytes.
pub(crate) type Params = BTreeMap<String, String>;

/// Reads the query and the form of a request. Both may carry parameters; each of them once.
pub(crate) fn read(query: &str, form: &[u8], content_type: Option<&str>) -> Result<Params, Refusal> {
    let charset = charset_of(query, content_type);
    let mut params = Params::new();
    // An empty value takes no part in a signature, and is as good as none.
    for pair in query.as_bytes().split(|byte| *byte == b'&').chain(form.split(|byte| *byte == b'&')) {
        if pair.is_empty() {
            continue;
        }
        let middle = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
        let (name, value) = pair.split_at(middle);
        let name = text(name, charset)?;
        let value = text(value.get(1..).unwrap_or_default(), charset)?;
        if !value.is_empty() && params.insert(name.clone(), value).is_some() {
            return Err(Refusal::invalid("parameter", format!("参数重复：{name}")).without_signature());
        }
    }
    Ok(params)
}

/// Fields that a browser would post, not encoded; with the query of the form's address.
pub(crate) fn of_form(query: &str, fields: &BTreeMap<String, String>) -> Result<Params, Refusal> {
    let mut params = read(query, b"", None)?;
    for (name, value) in fields {
        if params.insert(name.clone(), value.clone()).is_some() {
            return Err(Refusal::invalid("parameter", format!("参数重复：{name}")));
        }
    }
    Ok(params)
}

/// The charset must be readable before anything is decoded: from the query or from the content type. A form
/// that carries its charset only inside is taken for GBK (not confirmed), so that its Chinese texts do not verify.
fn charset_of(query: &str, content_type: Option<&str>) -> &'static Encoding {
    let in_query = query.split('&').find_map(|pair| pair.strip_prefix("charset="));
    let in_type = content_type.and_then(|kind| {
        kind.split(';').find_map(|part| part.trim().to_ascii_lowercase().strip_prefix("charset=").map(str::to_owned))
    });
    match in_query.map(Cow::from).or(in_type.map(Cow::from)) {
        Some(name) if name.eq_ignore_ascii_case("utf-8") => UTF_8,
        _ => GBK,
    }
}

fn text(encoded: &[u8], charset: &'static Encoding) -> Result<String, Refusal> {
    let wrong = || Refusal::invalid("encoding", "参数编码错误").without_signature();
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.iter().copied();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits: String = rest.by_ref().take(2).map(char::from).collect();
                let both = digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
                bytes.push(u8::from_str_radix(&digits, 16).ok().filter(|_| both).ok_or_else(wrong)?);
            }
            byte => bytes.push(byte),
        }
    }
    let (decoded, damaged) = charset.decode_without_bom_handling(&bytes);
    // What is no GBK does not verify anyway.
    if damaged && charset == UTF_8 { Err(wrong()) } else { Ok(decoded.into_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_and_form_are_one_set_of_decoded_parameters() {
        let read = read("a=1+2&charset=utf-8", "b=%E4%BF%9D%3D".as_bytes(), None).unwrap();
        let plain: Vec<_> = read.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(plain, [("a", "1 2"), ("b", "保="), ("charset", "utf-8")]);
    }

    #[test]
    fn a_charset_inside_the_form_alone_comes_too_late() {
        let form = "charset=utf-8&subject=%E4%BF%9D".as_bytes();
        let typed = Some("application/x-www-form-urlencoded; charset=UTF-8");
        assert_eq!(read("", form, typed).unwrap()["subject"], "保");
        assert_ne!(read("", form, Some("application/x-www-form-urlencoded")).unwrap()["subject"], "保");
    }

    #[test]
    fn a_parameter_given_twice_or_badly_encoded_is_refused() {
        assert!(read("a=1", b"a=1", None).is_err());
        for wrong in ["a=%", "a=%1", "a=%+1", "charset=utf-8&a=%ff"] {
            assert!(read(wrong, b"", None).is_err(), "{wrong}");
        }
    }
}
