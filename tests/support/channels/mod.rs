//! The conformance suite of channels: which channels there are (a row each), which cases each must pass, and
//! how a case is played. It knows channels by their rows only: what a channel is like stands in its own file.

mod alipay;
mod at_channel;
mod bank;
mod by_hand;
mod case;
mod cases;
mod cash;
mod cell;
mod relay;
mod row;
mod stripe;
mod suite;
mod teller;
mod unionpay;
mod wechat;

pub use case::Case;
pub use row::Row;
use row::{Remote, Side};
pub use suite::conforms;
use teller::Teller;

/// Every way to pay that is tried. A channel whose products differ in kind (a page, a code) has several.
pub const ROWS: [Row; 11] = [
    wechat::NATIVE,
    wechat::SCORE,
    alipay::QR,
    alipay::PAGE,
    alipay::HOLD,
    unionpay::APP,
    unionpay::WEB,
    stripe::CARD,
    stripe::HOLD,
    bank::TRANSFER,
    cash::COLLECTED,
];
