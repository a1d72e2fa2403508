//! Serials of certificates as the channel writes them: it knows decimal digits, and must never know what a
//! certificate is for.

/// The number that `bytes` hold, the most significant first, in decimal digits: the channel names
/// certificates so, whatever their length.
pub(super) fn decimal(bytes: &[u8]) -> String {
    // Least significant digit first.
    let mut digits = vec![0_u8];
    for byte in bytes {
        let mut carry = u32::from(*byte);
        for digit in &mut digits {
            let value = u32::from(*digit) * 256 + carry;
            *digit = u8::try_from(value % 10).unwrap_or_default();
            carry = value / 10;
        }
        while carry > 0 {
            digits.push(u8::try_from(carry % 10).unwrap_or_default());
            carry /= 10;
        }
    }
    digits.iter().rev().map(|digit| char::from(b'0' + digit)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serials_of_any_length_are_written_in_decimal() {
        assert_eq!(decimal(&[]), "0");
        assert_eq!(decimal(&[0, 0]), "0");
        assert_eq!(decimal(&[0, 255]), "255");
        assert_eq!(decimal(&[1, 0]), "256");
        assert_eq!(decimal(&[0x10, 0x39, 0x30, 0x85, 0x34]), "69678957876");
        assert_eq!(decimal(&[0xff; 16]), u128::MAX.to_string());
        // 2 to the power of 159, the first bit of the longest serial that X.509 allows.
        let mut longest = [0; 20];
        longest[0] = 0x80;
        assert_eq!(decimal(&longest), "730750818665451459101842416358141509827966271488");
    }
}
