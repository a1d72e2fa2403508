//! The sandbox: payment channels on loopback that speak the real wire protocols. It knows the
//! channels' documents and keeps its own naive books; it must never know how Bursar reads those
//! documents (nothing of `bursar-channels` is used, but by [`world`], which tries Bursar's own rooms), so
//! that one misunderstanding cannot sit on both sides.
//!
//! ```no_run
//! # use std::{path::Path, sync::Arc};
//! # async fn run(clock: Arc<dyn bursar_core::clock::Clock>) -> Result<(), bursar_sandbox::SandboxError> {
//! use bursar_sandbox::{SandboxConfig, provision, start, system_random};
//!
//! let keys = provision(Path::new("keys"), "shop", &system_random)?;
//! let sandbox = start(SandboxConfig::new(clock, &keys)).await?;
//! println!("{} {}", sandbox.base_url(), keys.mchid);
//! sandbox.stop().await;
//! # Ok(()) }
//! ```
//!
//! What the payer of an order does can be asked for in its description: `[payer:soon]`,
//! `[payer:late]`, `[payer:closing]`, `[payer:inflight]`, `[payer:never]` or `[payer:retry]`
//! (see [`Behaviour`]). Without such a tag a seeded draw by the weights of [`PayerMix`] decides.
//!
//! What becomes of a refund can be asked for in its reason: `[refund:success]`, `[refund:slow]`,
//! `[refund:abnormal]`, `[refund:stubborn]`, `[refund:closed]`, `[refund:reversed]` or `[refund:nofunds]`
//! (see [`RefundBehaviour`]). Without such a tag the seed and the refund's number decide, by the weights
//! of [`RefundMix`].
//!
//! What the payer of an agreement does can be asked for in the text that the payer is shown (WeChat's
//! `contract_display_account`, Alipay's `external_logon_id`, UnionPay's `reqReserved`, Stripe's `description`):
//! `[sign:soon]`, `[sign:late]`, `[sign:never]` (see [`Signs`]), and what his purse holds: `[purse:full]`,
//! `[purse:short]`, `[purse:empty]`, `[purse:hard]`, `[purse:risk]`, `[purse:technical]` or
//! `[purse:authentication]` (see [`Purse`]). Without such tags the seed decides, by [`AgreementMix`].
//!
//! On Stripe, a complaint of the payer can be asked for in the description: `[dispute:won]`, `[dispute:lost]` or
//! `[dispute:open]`; and `[card:3ds]` for a payer whose bank wants to see him first.
//!
//! Each channel issues its bills from these books, when its documents say: WeChat's of trades and of funds, Alipay's of
//! both, UnionPay's file of a day, Stripe's balance transactions. What it keeps of payments is [`FeeTerms`]; the net of a
//! day is paid out on the next ([`Sandbox::payouts`]). Lines and whole bills can be told wrongly
//! ([`Sandbox::distort`], [`Sandbox::spoil_bill`]), and things can happen that no request asked for
//! ([`Sandbox::take_foreign`], [`Sandbox::refund_by_hand`], [`Sandbox::forget`]).

mod admin;
mod agreement_books;
mod agreements;
mod alipay;
mod bank;
mod bills;
mod books;
mod by_hand;
#[cfg(test)]
mod cases;
mod channel;
mod config;
mod counters;
mod debiting;
mod dice;
mod door;
mod error;
mod fates;
mod faults;
mod folder;
mod front;
mod keys;
mod limits;
pub mod merchant;
mod misbehave;
mod notify;
mod orders;
mod own;
mod pace;
mod payer;
mod payment;
mod pem;
mod provision;
mod purse;
mod refund;
mod refund_books;
mod refunding;
mod refunds;
mod reply;
mod sandbox;
mod serve;
mod share_books;
mod shared;
mod signing;
mod stripe;
mod timers;
mod unionpay;
mod wechat;
pub mod world;

pub use agreement_books::{AgreementEntry, AgreementLimits, AgreementState, DebitEntry, DebitOutcome, EndedBy};
pub use alipay::account::AlipayAccount;
pub use alipay::keys::AlipayKeys;
pub use alipay::provision::ProvisionedAlipay;
pub use bank::{Bank, BankBooks, Meaning, StatementFile, StatementFormat, Transfer};
pub use bills::fees::FeeTerms;
pub use bills::flaws::{BillFlaw, BillFlaws, BillName, FlawedBill, FlawedLine, LineFlaw};
pub use bills::payouts::Payout;
pub use books::BookEntry;
pub use channel::Channel;
pub use config::SandboxConfig;
pub use counters::Counters;
pub use door::{Door, OpenedOrder};
pub use error::SandboxError;
pub use faults::Faults;
pub use keys::system_random;
pub use limits::RefundLimits;
pub use payer::{Behaviour, PayerMix};
pub use provision::{Provisioned, provision};
pub use purse::{AgreementMix, Decline, Purse, Signs};
pub use refund::{RefundBehaviour, RefundMix};
pub use refund_books::RefundEntry;
pub use sandbox::{PayMode, Sandbox, start};
pub use share_books::{ShareEntry, ShareResult};
pub use stripe::account::StripeAccount;
pub use stripe::disputes::{DisputeAct, DisputeEntry};
pub use stripe::provision::ProvisionedStripe;
pub use unionpay::account::UnionpayAccount;
pub use unionpay::network::UnionpayKeys;
pub use unionpay::provision::ProvisionedUnionpay;
pub use wechat::account::{MerchantAccount, PapayTerms};
pub use wechat::platform::PlatformKeys;
