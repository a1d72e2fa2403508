//! A pretend merchant: a backend that places orders and asks for refunds through the API, its customers and staff,
//! and a receiver of webhooks. It knows the API's and the webhooks' documents, and must never share code with the
//! sides that it talks to.

mod api;
mod bookkeeper;
mod cash;
mod cashier;
mod collect;
mod customers;
mod devices;
mod exact;
mod feed;
mod refunds;
mod sink;
mod tills;
mod town;
mod transfers;
mod variety;
mod wish;

pub use api::{Api, Request};
pub use bookkeeper::{BankAccount, keep_books};
pub use cash::{CashBooks, Pockets};
pub use cashier::{CashAccount, take_cash_over};
pub use customers::attend_all;
pub use exact::{LOOKS, pay_all};
pub use feed::{Backend, Feed, Placed, place, place_varied};
pub use refunds::{Asked, want_back};
pub use sink::{Sink, Told};
pub use tills::Till;
pub use town::{Diary, Manner, Town};
pub use variety::{Kind, Variety};

/// The body of a page on loopback (metrics, books).
///
/// # Errors
/// When it does not answer with success.
pub async fn fetch(url: &str) -> Result<String, crate::SandboxError> {
    on_loopback(url, |client| client.get(url)).await
}

/// Replaces what is at an address on loopback (settings of a sandbox).
///
/// # Errors
/// When it does not answer with success.
pub async fn put(url: &str, body: &str) -> Result<(), crate::SandboxError> {
    on_loopback(url, |client| client.put(url).body(body.to_owned())).await.map(drop)
}

async fn on_loopback(
    url: &str,
    request: impl FnOnce(reqwest::Client) -> reqwest::RequestBuilder,
) -> Result<String, crate::SandboxError> {
    let wrong = |e: reqwest::Error| crate::SandboxError::Config(format!("{url}: {e}"));
    let client = reqwest::Client::builder().no_proxy().build().map_err(wrong)?;
    let answer = request(client).send().await.and_then(reqwest::Response::error_for_status).map_err(wrong)?;
    answer.text().await.map_err(wrong)
}
