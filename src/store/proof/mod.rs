//! Whether ledger and payment tables agree: it knows how the two are read side by side without stopping anybody, and
//! must never know what a payment stands for ([`bursar_core::ledger::expected`] does).
//!
//! Orders are read in pages, so memory stays flat. Others go on writing meanwhile: what differs is read again, until
//! the order stood still around the reading of its postings.

pub mod certificate;
pub mod verify;

use std::collections::BTreeMap;

use bursar_core::id::OrderId;
use bursar_core::ledger::{Account, expected};
use bursar_core::order::Dossier;
use bursar_core::sharing::Sharing;
use bursar_core::{Currency, Money};
use uuid::Uuid;

use crate::{Result, Store};

/// Orders per page: some hundreds of ids in one statement.
const PAGE: u32 = 200;
/// Most differences that are named; the others are counted.
pub const MAX_NAMED: usize = 1_000;
/// How often an order that moves is looked at again. One that moves so often is judged by the last sight.
const LOOKS: u32 = 5;

/// One account on which a payment or a leg holds something else than it should.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Difference {
    /// Its order; `None`: no payment and no leg is known by this subject.
    pub order: Option<OrderId>,
    /// The 128 bits of the payment or leg.
    pub subject: Uuid,
    /// The account.
    pub account: Account,
    /// What its state stands for, in minor units.
    pub expected_minor: i64,
    /// What its postings come to.
    pub posted_minor: i64,
    /// In which currency.
    pub currency: Currency,
}

/// What a proof came to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Proof {
    /// Orders that were looked at.
    pub orders: u64,
    /// Payments of them.
    pub payments: u64,
    /// Legs of their refunds.
    pub legs: u64,
    /// What differs, at most [`MAX_NAMED`].
    pub differences: Vec<Difference>,
    /// How many differences there are.
    pub different: u64,
    /// By how much the postings of a currency do not sum to zero; none when all do.
    pub unbalanced: Vec<Money>,
}

impl Proof {
    /// Whether ledger and payment tables agree, and the ledger with itself.
    pub fn holds(&self) -> bool {
        self.different == 0 && self.unbalanced.is_empty()
    }

    fn add(&mut self, found: Vec<Difference>) {
        self.different = self.different.saturating_add(u64::try_from(found.len()).unwrap_or(u64::MAX));
        let room = MAX_NAMED.saturating_sub(self.differences.len());
        self.differences.extend(found.into_iter().take(room));
    }
}

/// Proves the whole ledger.
///
/// # Errors
/// When the database cannot be read.
pub async fn prove(store: &dyn Store) -> Result<Proof> {
    let mut proof = Proof { unbalanced: unbalanced(store).await?, ..Proof::default() };
    let mut after = None;
    loop {
        let page = store.dossiers_after(after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.order.id);
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        proof.orders = proof.orders.saturating_add(count(page.len()));
        for dossier in &page {
            proof.payments = proof.payments.saturating_add(count(dossier.payments.len()));
            proof.legs = proof.legs.saturating_add(count(dossier.legs().count()));
        }
        for order in suspects(store, &page).await? {
            proof.add(look_again(store, order).await?);
        }
    }
    strangers(store, &mut proof).await?;
    shares(store, &mut proof).await?;
    Ok(proof)
}

/// Currencies whose debits are not their credits.
async fn unbalanced(store: &dyn Store) -> Result<Vec<Money>> {
    let mut sums = BTreeMap::<Currency, i64>::new();
    for balance in store.trial_balance(None).await? {
        let sum = sums.entry(balance.currency).or_default();
        *sum = sum.saturating_add(balance.minor());
    }
    let wrong = sums.into_iter().filter(|(_, minor)| *minor != 0);
    Ok(wrong.map(|(currency, minor)| Money::new(minor, currency)).collect())
}

type Held = BTreeMap<(Uuid, Account), i64>;

fn subjects(dossier: &Dossier) -> impl Iterator<Item = Uuid> + '_ {
    dossier.payments.iter().map(|p| p.id.uuid()).chain(dossier.legs().map(|l| l.id.uuid()))
}

async fn held(store: &dyn Store, subjects: &[Uuid]) -> Result<Vec<(Uuid, Account, Currency, i64)>> {
    let rows = store.holdings(subjects).await?;
    Ok(rows.into_iter().map(|h| (h.subject, h.account, h.currency, h.minor)).collect())
}

/// Orders of a page that differ at first sight.
async fn suspects(store: &dyn Store, page: &[Dossier]) -> Result<Vec<OrderId>> {
    let ids: Vec<Uuid> = page.iter().flat_map(subjects).collect();
    let mut posted = BTreeMap::<Uuid, Vec<(Account, Currency, i64)>>::new();
    for (subject, account, currency, minor) in held(store, &ids).await? {
        posted.entry(subject).or_default().push((account, currency, minor));
    }
    let own = |dossier: &Dossier| {
        let rows = subjects(dossier).filter_map(|id| posted.get(&id).map(|rows| (id, rows)));
        rows.flat_map(|(id, rows)| rows.iter().map(move |(a, c, minor)| (id, *a, *c, *minor))).collect::<Vec<_>>()
    };
    Ok(page.iter().filter(|d| !compare(d, own(d)).is_empty()).map(|d| d.order.id).collect())
}

/// One order, by the way that pages of them are read.
async fn one(store: &dyn Store, order: OrderId) -> Result<Option<Dossier>> {
    let before = OrderId(Uuid::from_u128(order.uuid().as_u128().saturating_sub(1)));
    Ok(store.dossiers_after(Some(before), 1).await?.pop().filter(|d| d.order.id == order))
}

/// The differences of one order, seen while it stood still.
async fn look_again(store: &dyn Store, order: OrderId) -> Result<Vec<Difference>> {
    let mut before = one(store, order).await?;
    let mut found = Vec::new();
    for _ in 0..LOOKS {
        let Some(dossier) = &before else { return Ok(Vec::new()) };
        let ids: Vec<Uuid> = subjects(dossier).collect();
        found = compare(dossier, held(store, &ids).await?);
        let after = one(store, order).await?;
        if found.is_empty() || after == before {
            break;
        }
        before = after;
    }
    Ok(found)
}

/// Where what is posted is not what is expected.
fn compare(dossier: &Dossier, posted: Vec<(Uuid, Account, Currency, i64)>) -> Vec<Difference> {
    let own = dossier.order.amount.currency;
    let order = Some(dossier.order.id);
    let wanted = expected(dossier);
    let mut seen = Held::new();
    let mut found = Vec::new();
    for (subject, account, currency, minor) in posted {
        if currency == own {
            seen.insert((subject, account), minor);
        } else {
            found.push(Difference { order, subject, account, expected_minor: 0, posted_minor: minor, currency });
        }
    }
    let keys: std::collections::BTreeSet<_> = wanted.keys().chain(seen.keys()).copied().collect();
    for key in keys {
        let of = |all: &Held| all.get(&key).copied().unwrap_or(0);
        let (expected_minor, posted_minor) = (of(&wanted), of(&seen));
        if expected_minor != posted_minor {
            let (subject, account) = key;
            found.push(Difference { order, subject, account, expected_minor, posted_minor, currency: own });
        }
    }
    found
}

/// Postings about what does not exist.
async fn strangers(store: &dyn Store, proof: &mut Proof) -> Result<()> {
    let mut after = None;
    loop {
        let page = store.strangers(after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(*last);
        let nobody = |(subject, account, currency, posted_minor)| Difference {
            order: None,
            subject,
            account,
            expected_minor: 0,
            posted_minor,
            currency,
        };
        proof.add(held(store, &page).await?.into_iter().map(nobody).collect());
    }
}

/// Shares and their postings, side by side.
async fn shares(store: &dyn Store, proof: &mut Proof) -> Result<()> {
    let mut after = None;
    loop {
        let page = store.sharings_after(after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.order);
        for sharing in page {
            proof.add(of_sharing(store, sharing).await?);
        }
    }
}

/// The differences of one sharing, seen while it stood still.
async fn of_sharing(store: &dyn Store, sharing: Sharing) -> Result<Vec<Difference>> {
    let (mut before, mut found) = (sharing, Vec::new());
    for _ in 0..LOOKS {
        let posted = held(store, &[before.subject()]).await?;
        let posted: BTreeMap<Account, i64> =
            posted.into_iter().map(|(_, account, _, minor)| (account, minor)).collect();
        let wanted: BTreeMap<Account, i64> = before.holdings().into_iter().collect();
        let accounts: std::collections::BTreeSet<Account> = wanted.keys().chain(posted.keys()).copied().collect();
        let of = |all: &BTreeMap<Account, i64>, account| all.get(&account).copied().unwrap_or(0);
        let compared = accounts.into_iter().map(|account| Difference {
            order: Some(before.order),
            subject: before.subject(),
            account,
            expected_minor: of(&wanted, account),
            posted_minor: of(&posted, account),
            currency: before.currency,
        });
        found = compared.filter(|d| d.expected_minor != d.posted_minor).collect();
        let after = store.sharing(before.order).await?;
        match after {
            Some(after) if !found.is_empty() && after != before => before = after,
            _ => break,
        }
    }
    Ok(found)
}
