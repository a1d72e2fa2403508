//! Alipay's strings to sign: it knows which parameters take part and in which order, and must never know
//! what they mean.

use crate::alipay::params::Params;

/// The string of a request: everything that is not empty but the signature itself.
pub(crate) fn of_request(params: &Params) -> String {
    joined(params, &["sign"])
}

/// The string of a notification: the kind of signature does not take part.
pub(crate) fn of_notification(params: &Params) -> String {
    joined(params, &["sign", "sign_type"])
}

fn joined(params: &Params, without: &[&str]) -> String {
    // The map is sorted by the bytes of the keys, as the documents want it.
    let parts = params.iter().filter(|(key, value)| !value.is_empty() && !without.contains(&key.as_str()));
    parts.map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_sorted_and_empty_ones_and_the_signature_left_out() {
        let params: Params = [("sign_type", "RSA2"), ("b", "2 &"), ("sign", "x"), ("a", "1"), ("c", ""), ("B", "0")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into();
        assert_eq!(of_request(&params), "B=0&a=1&b=2 &&sign_type=RSA2");
        assert_eq!(of_notification(&params), "B=0&a=1&b=2 &");
    }
}
