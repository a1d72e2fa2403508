//! The lines of the reconciliation file: fields of fixed widths, one line for each transaction. It knows the fields by
//! the documents, and must never decide what is told.

use crate::bills::movement::{Movement, What};
use crate::bills::sheet::Sheet;
use crate::orders::Orders;
use crate::unionpay::front::{OrderFacts, RefundFacts};

/// How wide each field is; a space stands between two.
const WIDTHS: [usize; 41] = [
    3, 11, 11, 6, 10, 19, 12, 4, 2, 21, 2, 32, 2, 6, 10, 13, 13, 4, 15, 2, 2, 6, 2, 4, 32, 1, 21, 15, 1, 15, 32, 13,
    13, 8, 32, 13, 13, 12, 2, 1, 131,
];
/// Who passes the merchant's transactions on.
const ACQUIRER: &str = "00049992";
/// Whose card it was, masked.
const CARD: &str = "622609******0048";
/// Household services.
const TRADE: &str = "7349";

/// What a file comes to, in fen.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sums {
    pub(super) count: u64,
    pub(super) gross_fen: i64,
    pub(super) fees_fen: i64,
}

/// The lines of a sheet, and what they come to.
pub(super) fn write(orders: &Orders, mer_id: &str, sheet: &Sheet) -> (String, Sums) {
    let (mut text, mut sums) = (String::new(), Sums::default());
    for one in &sheet.lines {
        let Some(line) = line(orders, mer_id, one) else { continue };
        text.push_str(&line);
        text.push_str("\r\n");
        sums.count += 1;
        sums.gross_fen = sums.gross_fen.saturating_add(one.signed_minor());
        sums.fees_fen = sums.fees_fen.saturating_add(one.fee_minor);
    }
    for garbage in sheet.garbage() {
        text.push_str(&garbage);
        text.push_str("\r\n");
    }
    (text, sums)
}

fn line(orders: &Orders, mer_id: &str, one: &Movement) -> Option<String> {
    let order = orders.list.get(one.order)?;
    let refund = one.refund.and_then(|position| orders.refunds.list.get(position));
    let facts = order.own.get::<OrderFacts>();
    let request = match refund {
        Some(refund) => refund.own.get::<RefundFacts>().map(|facts| &facts.request),
        None => facts.map(|facts| &facts.request),
    };
    let said = |name: &str, or: &'static str| request.and_then(|request| request.get(name)).unwrap_or(or).to_owned();
    let kind = said("txnType", if refund.is_some() { "04" } else { "01" });
    let (id, number, original) = match refund {
        Some(refund) => (refund.refund_id.as_str(), refund.number.as_str(), one.transaction_id.as_str()),
        None => (one.transaction_id.as_str(), order.number.as_str(), ""),
    };
    // Trace number and time are inside the network's numbers.
    let part = |id: &str, from: usize, to: usize| id.get(from..to).unwrap_or_default().to_owned();
    let net = one.net_minor();
    let installments = order.installments.map(|count| format!("{count:02}")).unwrap_or_default();
    let fields = [
        code(one, &kind).to_owned(),
        ACQUIRER.to_owned(),
        ACQUIRER.to_owned(),
        part(id, 14, 20),
        // When it was settled: of a transaction that took a while, later than its number says.
        crate::pace::beijing_digits(one.at_ms).chars().skip(4).collect(),
        CARD.to_owned(),
        format!("{:012}", one.amount_minor),
        TRADE.to_owned(),
        "07".to_owned(),
        id.to_owned(),
        String::new(),
        number.to_owned(),
        "01".to_owned(),
        part(original, 14, 20),
        part(original, 4, 14),
        // Charged to the merchant, or given back to him.
        signed(one.fee_minor, 'D', 'C'),
        signed(net, 'C', 'D'),
        "0001".to_owned(),
        String::new(),
        kind,
        said("txnSubType", "01"),
        said("bizType", "000201"),
        "01".to_owned(),
        String::new(),
        String::new(),
        "0".to_owned(),
        original.to_owned(),
        mer_id.to_owned(),
        String::new(),
        String::new(),
        String::new(),
        String::new(),
        signed(net, 'C', 'D'),
        String::new(),
        plain(said("reqReserved", "")),
        String::new(),
        String::new(),
        String::new(),
        installments,
        String::new(),
        String::new(),
    ];
    Some(fields.iter().zip(WIDTHS).map(|(field, width)| fitted(field, width)).collect::<Vec<_>>().join(" "))
}

/// The code of refunds and voids is not confirmed: readers go by the kind of transaction.
fn code(one: &Movement, kind: &str) -> &'static str {
    match (one.what, kind) {
        (What::Payment, _) => "S56",
        (_, "31") => "V56",
        _ => "R56",
    }
}

/// The side and twelve digits.
fn signed(fen: i64, above: char, below: char) -> String {
    format!("{}{:012}", if fen < 0 { below } else { above }, fen.unsigned_abs())
}

/// What is no ASCII would not keep to its width.
fn plain(text: String) -> String {
    if text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') { text } else { String::new() }
}

/// As wide as its field.
fn fitted(field: &str, width: usize) -> String {
    format!("{:<width$}", field.get(..width).unwrap_or(field))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_607_bytes_and_its_fields_keep_their_widths() {
        assert_eq!(WIDTHS.iter().sum::<usize>() + WIDTHS.len() - 1, 607);
        assert_eq!(fitted("ab", 4), "ab  ");
        assert_eq!(fitted("abcdef", 4), "abcd");
        assert_eq!([signed(53, 'D', 'C'), signed(-8_747, 'C', 'D')], ["D000000000053", "D000000008747"]);
        assert_eq!(plain("保洁".to_owned()), "");
    }
}
