//! Yuan as Alipay writes them: decimal text with at most two places. It must never use floating point.

/// The documents' bounds, in fen.
const RANGE_FEN: (i64, i64) = (1, 10_000_000_000);

/// Reads `0.01` to `100000000` into fen; `None` when the text is not such an amount.
pub(crate) fn read(text: &str) -> Option<i64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "00"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(part) || whole.len() > 9 || part.len() > 2 {
        return None;
    }
    let fen = whole.parse::<i64>().ok()? * 100 + format!("{part:0<2}").parse::<i64>().ok()?;
    (RANGE_FEN.0..=RANGE_FEN.1).contains(&fen).then_some(fen)
}

/// Writes fen with two places.
pub(crate) use crate::bills::words::yuan as write;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_exactly_or_not_at_all() {
        for (text, fen) in [("88.88", 8_888), ("0.01", 1), ("7", 700), ("7.5", 750), ("100000000.00", 10_000_000_000)] {
            assert_eq!(read(text), Some(fen), "{text}");
        }
        for text in ["0", "0.00", "0.001", "1.234", "-1", "+1", "1e2", "", ".5", "5.", "1,000.00", "100000000.01", " 1"]
        {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let sizes = (0..10).map(|power| 10_i64.pow(power));
        for fen in sizes.flat_map(|size| (1..10).flat_map(move |n| [n * size - 1, n * size, n * size + 1])) {
            assert_eq!(read(&write(fen)), Some(fen).filter(|fen| (RANGE_FEN.0..=RANGE_FEN.1).contains(fen)), "{fen}");
        }
    }

    #[test]
    fn amounts_are_written_with_two_places() {
        assert_eq!([write(8_800), write(5), write(0), write(-120)], ["88.00", "0.05", "0.00", "-1.20"]);
    }
}
