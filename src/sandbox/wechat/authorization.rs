//! The `Authorization` header of a request: it knows how its members are written, and must never judge
//! them.

use crate::wechat::refusal::Refusal;

/// The only scheme the channel accepts from RSA merchants.
const SCHEME: &str = "WECHATPAY2-SHA256-RSA2048";

/// The members, in any order on the wire.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Authorization<'a> {
    pub(crate) mchid: &'a str,
    pub(crate) serial_no: &'a str,
    pub(crate) nonce_str: &'a str,
    /// As text: the signature covers it as it was sent.
    pub(crate) timestamp: &'a str,
    pub(crate) signature: &'a str,
}

/// Reads the header's value.
pub(crate) fn read(header: Option<&str>) -> Result<Authorization<'_>, Refusal> {
    let header = header.ok_or_else(|| Refusal::signature("the Authorization header is missing"))?;
    let (scheme, members) = header.split_once(' ').unwrap_or((header, ""));
    if scheme != SCHEME {
        return Err(Refusal::signature(format!("the scheme of Authorization must be {SCHEME}")));
    }
    Ok(Authorization {
        mchid: member(members, "mchid")?,
        serial_no: member(members, "serial_no")?,
        nonce_str: member(members, "nonce_str")?,
        timestamp: member(members, "timestamp")?,
        signature: member(members, "signature")?,
    })
}

fn member<'a>(members: &'a str, name: &str) -> Result<&'a str, Refusal> {
    let mut found = members.split(',').filter_map(|part| {
        let value = part.trim().strip_prefix(name)?.strip_prefix("=\"")?;
        value.strip_suffix('"')
    });
    match (found.next(), found.next()) {
        (Some(value), None) if !value.is_empty() => Ok(value),
        (Some(_), Some(_)) => Err(Refusal::signature(format!("{name} appears twice in Authorization"))),
        _ => Err(Refusal::signature(format!("{name} is missing or empty in Authorization"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str =
        r#"WECHATPAY2-SHA256-RSA2048 signature="c2ln==",mchid="19",serial_no="AB", timestamp="1",nonce_str="n""#;

    #[test]
    fn members_are_read_in_any_order() {
        let read = read(Some(GOOD)).unwrap();
        assert_eq!((read.mchid, read.serial_no, read.nonce_str), ("19", "AB", "n"));
        assert_eq!((read.timestamp, read.signature), ("1", "c2ln=="));
    }

    #[test]
    fn a_missing_doubled_or_empty_member_and_another_scheme_are_refused() {
        assert_eq!(read(None).unwrap_err().status, 401);
        assert!(read(Some(&GOOD.replace("mchid=\"19\",", ""))).is_err());
        assert!(read(Some(&GOOD.replace("\"19\"", "\"\""))).is_err());
        assert!(read(Some(&format!("{GOOD},mchid=\"20\""))).is_err());
        assert!(read(Some(&GOOD.replace("SHA256-RSA2048", "SM2-WITH-SM3"))).is_err());
    }
}
