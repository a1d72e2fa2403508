//! The room that talks to channels and merchants: it knows their dialects and HTTP, and must never know
//! SQL or the rules of money (those are in `bursar-core`).
//!
//! Start reading at [`Channel`], the face that every channel shows, and [`Outcome`]: an answer is a
//! definite yes, a definite no, or *unknown*, and nothing turns an unknown into a no.
//! [`Channels::of`] gives the adapter of an account; [`MerchantHttp`] tells merchants.

pub mod bank;
pub mod breaker;
mod by_hand;
pub mod cash;
pub mod channel;
pub mod counters;
pub mod headers;
pub mod http;
pub mod limit;
pub mod merchant;
pub mod notice;
pub mod outcome;
pub mod registry;
pub mod secrets;

mod alipay;
mod beijing;
mod host;
mod parts;
mod pem;
mod rsa;
mod settings;
mod stripe;
mod transport;
mod unionpay;
mod wechat;
mod x509;

#[cfg(test)]
mod reference;
#[cfg(test)]
mod testing;

pub use bank::BankSettings;
pub use breaker::BreakerState;
pub use cash::CashSettings;
pub use channel::{Channel, CreateRequest, Payee, RefundRequest};
pub use counters::{CounterRow, Verb};
pub use headers::{HeaderLines, HeaderLookup};
pub use http::HttpSettings;
pub use merchant::{DeliveryOutcome, MerchantHttp, MerchantSettings, Teller, check_endpoint_url};
pub use notice::{About, Notice, NotificationRefusal, Reply, notification_id};
pub use outcome::{Closed, Outcome, RefundStanding, Refusal, RefusalClass, Standing, Why, WhyKind};
pub use registry::{Adapters, BreakerRow, ChannelError, Channels};
pub use secrets::{FileSecrets, SecretBytes, Secrets};
