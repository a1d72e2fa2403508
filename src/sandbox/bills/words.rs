//! Amounts and times as most bills write them: yuan with two places, and the wall clock of Beijing without a zone. It
//! must never use floating point, nor read a clock.

use crate::bills::terms::BEIJING_MS;
use bursar_core::bank::Day;

/// Writes fen with two places.
pub(crate) fn yuan(fen: i64) -> String {
    let sign = if fen < 0 { "-" } else { "" };
    let fen = fen.unsigned_abs();
    format!("{sign}{}.{:02}", fen / 100, fen % 100)
}

/// `yyyy-MM-dd HH:mm:ss`.
pub(crate) fn moment(ms: i64) -> String {
    let seconds = ms.saturating_add(BEIJING_MS).div_euclid(1_000);
    let (day, second) = (Day::from_number(seconds.div_euclid(86_400)), seconds.rem_euclid(86_400));
    format!("{day} {:02}:{:02}:{:02}", second / 3_600, second / 60 % 60, second % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_and_times_are_written_as_bills_do() {
        assert_eq!([0, 5, -1_234, 100].map(yuan), ["0.00", "0.05", "-12.34", "1.00"]);
        let at = bursar_core::Timestamp::parse_rfc3339("2026-11-22T23:59:59.999+08:00").unwrap();
        assert_eq!(moment(at.as_millis()), "2026-11-22 23:59:59");
        assert_eq!(moment(0), "1970-01-01 08:00:00");
    }
}
