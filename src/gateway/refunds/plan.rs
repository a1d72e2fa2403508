//! A refund before it is one: it knows how a checked request is planned, who asks for it and how its payee
//! is sealed, and must never write anything or let a payee out unsealed.

use std::collections::BTreeSet;

use bursar_channels::Payee;
use bursar_core::decide::{self, RefundRequest};
use bursar_core::id::RefundId;
use bursar_core::order::Dossier;
use bursar_core::refund::{Impossible, Share};
use bursar_store::desk::Desk;
use bursar_store::directory::Entries;

use super::intake::CreateRefund;
use crate::App;
use crate::auth::Caller;
use crate::problem::{Kind, Problem};

/// Stands in for what a payee is replaced by.
const LEFT_OUT: &str = "(left out)";

/// A planned refund.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The wish as the core takes it, without its payee.
    pub request: RefundRequest,
    /// How it would be carried out now, or why it cannot be.
    pub shares: Result<Vec<Share>, Impossible>,
    /// Whether it needs a second person.
    pub needs_approval: bool,
}

impl Planned {
    /// Minor units in all.
    pub fn amount_minor(&self) -> i64 {
        let shares = self.shares.as_deref().unwrap_or_default();
        shares.iter().map(|s| s.amount_minor).fold(0, i64::saturating_add)
    }
}

/// Plans `asked` for the order in `dossier`.
///
/// # Errors
/// When the database cannot be read.
pub async fn plan(app: &App, caller: Caller, dossier: &Dossier, asked: &CreateRefund) -> Result<Planned, Problem> {
    let entries = app.desk.directory.entries().await?;
    let now = app.clock.now();
    let request = RefundRequest {
        id: RefundId::fresh(now, app.chance.as_ref()),
        amount_minor: asked.amount_minor,
        allocation: asked.allocation.clone(),
        reason: asked.reason.clone(),
        by: asked.requested_by.clone().unwrap_or_else(|| name_of(&entries, caller)),
        payee: None,
    };
    let terms = Desk::terms(&entries, dossier)?;
    let policy = terms.policy(&app.desk.plans);
    let shares = decide::preview(dossier, &request, &policy, now);
    let limit = policy.merchant.approval_above_minor;
    let mut planned = Planned { request, shares, needs_approval: false };
    planned.needs_approval = limit.is_some_and(|limit| planned.amount_minor() > limit);
    if limit.is_some() && asked.requested_by.is_none() && planned.shares.is_ok() {
        // What nobody in particular asks for stays what was looked at here, even if more is left by then.
        planned.request.amount_minor = Some(planned.amount_minor());
    }
    Ok(planned)
}

/// Who asks when nobody is named.
fn name_of(entries: &Entries, caller: Caller) -> String {
    let label = entries.api_keys.get(&caller.key).map(|k| k.label.trim()).filter(|l| !l.is_empty());
    label.map_or_else(|| format!("api key {}", caller.key), |label| format!("api key {label}"))
}

/// Seals `payee` for the channel account that the money of `shares` came through.
///
/// # Errors
/// [`Kind::InvalidRequest`] when it came through several, [`Kind::PayeeRefused`] when the channel's adapter
/// cannot seal him.
pub async fn seal(app: &App, dossier: &Dossier, shares: &[Share], payee: &Payee) -> Result<String, Problem> {
    let accounts: BTreeSet<_> = shares.iter().filter_map(|s| dossier.payment(s.payment)).map(|p| p.account).collect();
    let mut accounts = accounts.into_iter();
    let (Some(account), None) = (accounts.next(), accounts.next()) else {
        let message = "the money came through several channel accounts, and a payee is sealed for one: ask for one \
                       refund per account with `allocation`, or leave `payee` out";
        return Err(Problem::member("/payee", message));
    };
    let entries = app.desk.directory.entries_with(|e| e.accounts.contains_key(&account)).await?;
    let account = entries.accounts.get(&account).ok_or_else(|| Problem::internal("a payment's account is missing"))?;
    let adapter = app.channels.adapter(account).map_err(|error| {
        tracing::error!(account = %account.id, error, "no adapter to seal a payee");
        Problem::new(Kind::PayeeRefused, "The channel account is not usable at the moment; an operator must look.")
    })?;
    let sealed = adapter.seal_payee(payee).await;
    sealed.map_err(|words| Problem::new(Kind::PayeeRefused, without(words, payee)))
}

/// The adapter's words, should they repeat what they must not.
fn without(words: String, payee: &Payee) -> String {
    let secrets = [&payee.account, &payee.name, &payee.bank];
    secrets.into_iter().filter(|s| !s.is_empty()).fold(words, |words, secret| words.replace(secret.as_str(), LEFT_OUT))
}
