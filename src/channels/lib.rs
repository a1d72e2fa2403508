//! The room that talks to channels and merchants: it knows their dialects and HTTP, and must never know
//! SQL or the rules of money (those are in `bursar-core`).
//!
//! Start reading at [`Channel`], the face that every channel shows, and [`Outcome`]: an answer is a
//! definite yes, a definite no, or *unknown*, and nothing turns an unknown into a no.
//! [`Channels::of`] gives the adapter of an account; [`MerchantHttp`] tells merchants.
//!
//! # Adding a channel
//!
//! What a channel is like stands in folders of its own name: `src/channels/NAME` (its dialect: settings, signatures,
//! one file per call; `wechat` is the one to read first), and for a channel that is called `src/sandbox/NAME` (the
//! other side, by another hand, from the channel's documents). Besides, touch exactly these files. Most are a line
//! or an arm of a `match` that the compiler asks for.
//!
//! | file | what | channels |
//! |---|---|---|
//! | `src/core/channel.rs` | the kind, its methods with names and codes that never change, currencies, time limits | all |
//! | `src/channels/lib.rs` | the module | called |
//! | `src/channels/registry.rs` | an arm that builds its adapter | all |
//! | `src/sandbox/channel.rs` `src/sandbox/lib.rs` `src/sandbox/shared.rs` `src/sandbox/provision.rs` | its front: name and lane, module, field and routes, keys | called |
//! | `src/sandbox/config.rs` | its accounts and keys | alipay, unionpay, stripe |
//! | `src/sandbox/world/` | how it treats merchants, in the seeded world | all |
//! | `src/bursar/play/accounts.rs` | the settings of an account on the sandbox | all |
//!
//! Then give it a row in `tests/support/channels` (a file of its name, and a line in `mod.rs` and in `tests/channels.rs`):
//! it must pass every case there, on both databases.
//!
//! Some channels need more than that, because they are different in kind:
//!
//! | file | what | channels |
//! |---|---|---|
//! | `src/gateway/orders/checks.rs` | what must be known of the payer before: his openid or address; who collects | wechat, cash |
//! | `src/gateway/orders/show.rs` `src/gateway/explain.rs` `src/store/read/history.rs` `src/core/decide/consequences.rs` | collections beside the payment, and words for money from hand to hand | cash |
//! | `src/store/codec.rs` `jobs/match_statement_line/candidates.rs` `src/bursar/cli/statement.rs` | references, and whose the lines of a statement are | bank |
//! | `src/sandbox/sandbox.rs` `src/sandbox/admin.rs` | new certificates, and where messages go | called |
//! | `src/sandbox/merchant/tills.rs` | how often customers of a play choose it | wechat, alipay, unionpay, bank, cash |
//! | `src/sandbox/merchant/customers.rs` | codes that the sandbox's payers scan by themselves, and who transfers | wechat, alipay, bank |
//! | `src/bursar/play/cast.rs` `src/bursar/bench/people.rs` `src/bursar/play/audit/by_hand.rs` | what people do by hand, and its books | bank, cash |
//! | `jobs/reconcile/day.rs` | days that have no bills: what is looked at instead | bank, cash |
//! | `jobs/reconcile/payouts.rs` `src/gateway/reports/settlement.rs` | where payouts arrive | bank |
//! | `jobs/reconcile/deposits.rs` `src/gateway/reports/settlement.rs` `src/bursar/play/reconcile/` | what of its money is brought to the bank, and what a play shows of that | cash |
//! | `src/sandbox/bills/face.rs` | which flaws its bills can have | wechat, alipay, stripe |
//! | `src/sandbox/orders.rs` | who has shares of an order | wechat |
//! | `jobs/self_test/shadow.rs` `src/bursar/bench/bill.rs` | the channel that the nightly self-test and the large bill play | wechat |
//! | `src/bursar/play/operator.rs` | refunds out of a drawer | cash |
//! | `src/bursar/cli/demo/stage.rs` `src/bursar/bench/stage.rs` `src/bursar/play/cast.rs` | where messages go | stripe |
//! | `src/bursar/play/audit/refunds.rs` | what its books call a refund that came back | stripe |
//! | `src/bursar/bench/people.rs` | by which method it is measured, and who pays there | called |
//! | `src/bursar/play/month/` | who of a month's families consents to be charged there, and how they sign | wechat, alipay, unionpay |
//! | `src/channels/reference.rs` | examples of its settings | called |
//! | `src/sandbox/merchant/variety.rs` `src/sandbox/merchant/wish.rs` | the channel of plays that need only one | wechat |
//! | `src/bursar/cli/bench.rs` `src/bursar/bench/report.rs` `src/bursar/bench/run.rs` `src/bursar/play/races.rs` `src/bursar/play/audit/` `src/bursar/cli/demo/stage.rs` `src/bursar/cli/merchant.rs` `src/bursar/cli/sandbox.rs` | the same, and what is meant where no channel is named | wechat |
//! | `src/core/diagram.rs` | the channels whose machines are drawn | wechat, cash |
//!
//! `tests/recipe.rs` compares these tables with the sources, so a dialect that leaks elsewhere is found.

pub mod bank;
pub mod bill;
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
mod debit;
mod hold_days;
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
pub use bill::{BillError, BillFile, BillLines, BillRequest, BillWriter, Fetched};
pub use breaker::BreakerState;
pub use cash::CashSettings;
pub use channel::{Announcement, Channel, CreateRequest, Payee, RefundRequest, SignRequest};
pub use counters::{CounterRow, Verb};
pub use headers::{HeaderLines, HeaderLookup};
pub use http::HttpSettings;
pub use merchant::{DeliveryOutcome, MerchantHttp, MerchantSettings, Teller, check_endpoint_url};
pub use notice::{About, Notice, NotificationRefusal, Reply, notification_id};
pub use outcome::{
    AgreementStanding, Closed, Outcome, RefundStanding, Refusal, RefusalClass, ReturnStanding, ShareStanding, Standing,
    Why, WhyKind,
};
pub use registry::{Adapters, BreakerRow, ChannelError, Channels};
pub use secrets::{FileSecrets, SecretBytes, Secrets};
