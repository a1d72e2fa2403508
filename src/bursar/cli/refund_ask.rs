//! `refund plan` and `refund create`: it knows how a wish for money back is put, and must never decide
//! whether it can be.

use std::collections::BTreeSet;

use bursar_channels::Payee;
use bursar_core::decide::RefundRequest;
use bursar_core::id::{ChannelAccountId, OrderId, RefundId};
use bursar_core::order::Dossier;
use bursar_core::refund::{Allocation, NamedShare, Refund, Route, Share};
use bursar_store::desk::Granted;
use clap::Args;
use serde::Deserialize;
use serde_json::json;

use super::order::{check_name, no_order};
use super::{Done, Failure, Globals, output, refund_view};
use crate::compose::Program;

/// Longest reason: what WeChat Pay shows to the payer.
const REASON_MAX_BYTES: usize = 80;

/// How much of an order, and from which payments.
#[derive(Args, Debug)]
pub(crate) struct Wish {
    /// The order (ord_…).
    order: OrderId,
    /// Minor units; all that is left unless given.
    #[arg(long, value_name = "MINOR", value_parser = clap::value_parser!(i64).range(1..))]
    amount: Option<i64>,
    /// reverse (captured last first), proportional, or named shares: PAYMENT=MINOR,…
    #[arg(long, default_value = "reverse", value_parser = allocation)]
    allocation: Allocation,
}

/// The wish with everything that putting it on the books needs.
#[derive(Args, Debug)]
pub(crate) struct Create {
    #[command(flatten)]
    wish: Wish,
    /// Why; the payer reads it.
    #[arg(long)]
    reason: String,
    /// Who wants it. When a second person must agree, somebody else approves.
    #[arg(long)]
    by: String,
    /// A file (- for standard input) with the payer's bank account, for money that his own account does not
    /// take: {"bank": …, "account": …, "name": …}. It is sealed for the channel at once.
    #[arg(long, value_name = "FILE")]
    payee: Option<String>,
}

fn allocation(text: &str) -> Result<Allocation, String> {
    let share = |pair: &str| {
        let (payment, minor) = pair
            .split_once('=')
            .ok_or_else(|| format!("`{pair}` is neither reverse, proportional nor PAYMENT=MINOR"))?;
        let amount_minor = minor.parse().map_err(|_| format!("`{minor}` is not an amount in minor units"))?;
        Ok::<_, String>(NamedShare { payment: payment.parse()?, amount_minor })
    };
    match text {
        "reverse" => Ok(Allocation::Reverse),
        "proportional" => Ok(Allocation::Proportional),
        named => named.split(',').map(share).collect::<Result<_, _>>().map(Allocation::Named),
    }
}

impl Wish {
    /// Named shares say how much by themselves.
    fn amount_minor(&self) -> Option<i64> {
        match &self.allocation {
            Allocation::Named(shares) if self.amount.is_none() => {
                Some(shares.iter().map(|s| s.amount_minor).fold(0, i64::saturating_add))
            }
            _ => self.amount,
        }
    }

    fn request(&self, program: &Program, reason: &str, by: &str) -> RefundRequest {
        RefundRequest {
            id: RefundId::fresh(program.clock.now(), program.chance.as_ref()),
            amount_minor: self.amount_minor(),
            allocation: self.allocation.clone(),
            reason: reason.to_owned(),
            by: by.to_owned(),
            payee: None,
        }
    }
}

async fn shares(program: &Program, order: OrderId, request: &RefundRequest) -> Result<Vec<Share>, Failure> {
    match program.desk.preview_refund(order, request).await? {
        Some(planned) => planned.map_err(Failure::conflict),
        None => Err(no_order(order)),
    }
}

/// From which payments the money would come, which way, and from when on. Writes nothing.
pub(super) async fn plan(globals: &Globals, program: &Program, wish: &Wish) -> Done {
    let request = wish.request(program, "", "");
    let shares = shares(program, wish.order, &request).await?;
    let Some(dossier) = program.store.dossier(wish.order).await? else { return Err(no_order(wish.order)) };
    let minor = shares.iter().map(|s| s.amount_minor).fold(0, i64::saturating_add);
    let limit = approval_limit(program, &dossier).await?.filter(|limit| minor > *limit);
    if globals.json {
        return output::json(&json!({
            "order": wish.order, "amount_minor": minor, "shares": shares, "needs_approval": limit.is_some(),
        }));
    }
    let row = |share: &Share| {
        vec![
            share.payment.to_string(),
            share.amount(dossier.order.amount).to_string(),
            match share.route {
                Route::Channel => "through its channel".to_owned(),
                Route::Transfer => "by bank transfer: the channel does not take it any more".to_owned(),
            },
            share.earliest.to_string(),
        ]
    };
    output::table(&["PAYMENT", "AMOUNT", "WAY", "FROM"], &shares.iter().map(row).collect::<Vec<_>>())?;
    match limit {
        Some(limit) => output::line(&format!("A second person must approve it: it is more than {limit} minor units.")),
        None => Ok(()),
    }
}

async fn approval_limit(program: &Program, dossier: &Dossier) -> Result<Option<i64>, Failure> {
    let merchants = program.store.merchants().await?;
    let merchant = merchants.into_iter().find(|m| m.id == dossier.order.merchant);
    Ok(merchant.and_then(|m| m.policy.approval_above_minor))
}

pub(super) async fn create(globals: &Globals, program: &Program, create: &Create) -> Done {
    bursar_core::text::check("--reason", &create.reason, REASON_MAX_BYTES).map_err(Failure::usage)?;
    if create.reason.len() > REASON_MAX_BYTES {
        let length = create.reason.len();
        return Err(Failure::usage(format!(
            "--reason has {length} bytes; the payer is shown at most {REASON_MAX_BYTES}"
        )));
    }
    check_name(&create.by)?;
    let mut request = create.wish.request(program, &create.reason, &create.by);
    if let Some(file) = &create.payee {
        let payee = read_payee(file)?;
        let shares = shares(program, create.wish.order, &request).await?;
        request.payee = Some(seal(program, create.wish.order, &shares, &payee).await?);
    }
    match program.desk.refund(create.wish.order, &request, |_, _| {}).await? {
        Granted::Written(dossier) => match dossier.refund(request.id) {
            Some(refund) => show(globals, refund),
            None => Err(Failure::not_found(format!("{} is not there", request.id))),
        },
        Granted::Refused(impossible) => Err(Failure::conflict(impossible)),
        Granted::NoSuchOrder | Granted::Duplicate => Err(no_order(create.wish.order)),
    }
}

/// One refund with its legs.
pub(super) fn show(globals: &Globals, refund: &Refund) -> Done {
    if globals.json {
        return output::json(&refund_view::to_json(refund));
    }
    refund_view::table(std::slice::from_ref(refund))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PayeeFile {
    bank: String,
    account: String,
    name: String,
}

fn read_payee(path: &str) -> Result<Payee, Failure> {
    let text = if path == "-" {
        std::io::read_to_string(std::io::stdin())?
    } else {
        std::fs::read_to_string(path).map_err(|e| Failure::usage(format!("--payee {path}: {e}")))?
    };
    // The reader's own words could repeat what it has read.
    let read: PayeeFile = serde_json::from_str(&text).map_err(|_| {
        Failure::usage(format!("--payee {path}: expected {{\"bank\": …, \"account\": …, \"name\": …}}"))
    })?;
    Ok(Payee { bank: read.bank, account: read.account, name: read.name })
}

/// Seals the payee for the one channel account that the money goes back through.
async fn seal(program: &Program, order: OrderId, shares: &[Share], payee: &Payee) -> Result<String, Failure> {
    let Some(dossier) = program.store.dossier(order).await? else { return Err(no_order(order)) };
    let through = shares.iter().filter(|s| s.route == Route::Channel).filter_map(|s| dossier.payment(s.payment));
    let accounts: BTreeSet<ChannelAccountId> = through.map(|p| p.account).collect();
    let mut accounts = accounts.into_iter();
    let account = match (accounts.next(), accounts.next()) {
        (Some(only), None) => only,
        (None, _) => return Err(Failure::usage("--payee: this refund goes through no channel; transfer it there")),
        (Some(_), Some(_)) => {
            return Err(Failure::usage(
                "--payee is sealed for one channel account, and this refund goes through several: make one refund for \
                 each, with --allocation PAYMENT=MINOR",
            ));
        }
    };
    let all = program.store.accounts().await?;
    let account = all.into_iter().find(|a| a.id == account);
    let account = account.ok_or_else(|| Failure::not_found("the channel account of the payment is not there"))?;
    let channel = program.channels.of(&account).map_err(|e| Failure::usage(e.to_string()))?;
    channel.seal_payee(payee).await.map_err(|e| Failure::usage(format!("--payee: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allocations_are_read_as_they_are_named() {
        assert_eq!(allocation("reverse"), Ok(Allocation::Reverse));
        assert_eq!(allocation("proportional"), Ok(Allocation::Proportional));
        let (a, b) = ("pay_01kaqv0x5sfj3te9v9v5vyr7b9", "pay_01kaqv0x5sfj3te9v9v5vyr7ba");
        let named = allocation(&format!("{a}=100,{b}=2")).unwrap();
        let share = |id: &str, amount_minor| NamedShare { payment: id.parse().unwrap(), amount_minor };
        assert_eq!(named, Allocation::Named(vec![share(a, 100), share(b, 2)]));
        let wish = Wish { order: OrderId(uuid::Uuid::nil()), amount: None, allocation: named };
        assert_eq!(wish.amount_minor(), Some(102));
        for wrong in ["", "last", a, &format!("{a}=1.5"), &format!("{a}=1,"), "ord_x=1"] {
            assert!(allocation(wrong).is_err(), "{wrong}");
        }
    }
}
