//! The audit at the end of a play: our books against the sandbox's own, payment by payment and refund by
//! refund. It knows both sides' shapes, and must never forgive a difference.

mod by_hand;
mod channels;
mod refunds;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use bursar_core::channel::ChannelKind;
use bursar_core::held::HeldEnding;
use bursar_core::id::MerchantId;
use bursar_core::order::{Dossier, OrderState};
use bursar_core::payment::{Payment, PaymentState};
use bursar_core::reconcile::BreakKind;
use bursar_sandbox::{BookEntry, RefundEntry};
use bursar_store::{BreakFilter, OrderFilter, Store};
use serde::Serialize;

use super::cast::Actor;
pub use by_hand::ByHand;
pub use channels::ChannelAudit;
pub use refunds::RefundAudit;

/// Page of orders per read.
const PAGE: u32 = 1_000;
/// How many differences are named.
const NAMED: usize = 20;

/// How the books compare.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Audit {
    /// Orders of the cast.
    pub orders: u64,
    /// Of them paid.
    pub paid: u64,
    /// Of them closed.
    pub closed: u64,
    /// Of them closed with money that came late.
    pub late_money: u64,
    /// Open questions.
    pub parked: u64,
    /// Payments that are not final (and not held for a person).
    pub unknown: u64,
    /// Orders that are neither paid, closed nor held for a person.
    pub open: u64,
    /// Effects beyond the first, by the sandbox's books: charges per payment, and money given back per
    /// refund number.
    pub channel_effects_doubled: u64,
    /// Orders for which a payer is out of money without anybody knowing: by the sandbox's books it holds more
    /// of his than the order is worth, and here no refund is under way and nothing is asked.
    pub out_of_money: u64,
    /// Payments on the channel that nobody asked for here, and about which a person is or was asked.
    pub elsewhere: u64,
    /// How what customers had agreed to before a service ended, by method and end.
    pub after_service: BTreeMap<&'static str, BTreeMap<&'static str, u64>>,
    /// What became of refunds.
    pub refunds: RefundAudit,
    /// The same for each channel of the cast, by its name.
    pub channels: BTreeMap<&'static str, ChannelAudit>,
    /// Differences between the books, in words (the first few).
    pub differences: Vec<String>,
    /// Sum of ledger balances per currency that are not zero: always empty.
    pub unbalanced: Vec<String>,
}

impl Audit {
    /// Whether the books agree, payment by payment and refund by refund, and the ledger balances.
    pub fn books_agree(&self) -> bool {
        self.differences.is_empty() && self.unbalanced.is_empty()
    }

    /// How often what customers had agreed to before a service ended so, by whatever method.
    pub fn ended_after_service(&self, ending: HeldEnding) -> u64 {
        self.after_service.values().filter_map(|ends| ends.get(ending.name())).sum()
    }

    /// A difference between the books of a channel and ours.
    fn differs(&mut self, channel: ChannelKind, words: String) {
        self.channels.entry(channel.name()).or_default().differences += 1;
        if self.differences.len() < NAMED {
            self.differences.push(words);
        }
    }

    /// Whether every order and every refund has ended or waits for a person.
    pub fn all_ended(&self) -> bool {
        self.open == 0 && self.unknown == 0 && self.refunds.open == self.refunds.waiting
    }
}

/// All orders of a merchant, newest first.
///
/// # Errors
/// When the database cannot be read.
pub async fn dossiers(store: &dyn Store, merchant: MerchantId) -> anyhow::Result<Vec<Dossier>> {
    let mut all: Vec<Dossier> = Vec::new();
    loop {
        let before = all.last().map(|d| d.order.id);
        let filter = OrderFilter { merchant: Some(merchant), before, limit: PAGE, ..OrderFilter::default() };
        let page = store.orders(&filter).await?;
        let full = page.len() >= usize::try_from(PAGE).unwrap_or(0);
        all.extend(page);
        if !full {
            return Ok(all);
        }
    }
}

/// The sandbox's books by our numbers.
struct Theirs<'a> {
    payments: HashMap<&'a str, &'a BookEntry>,
    refunds: HashMap<&'a str, &'a RefundEntry>,
    /// Refunds by people on the channel's own pages, by the number of their payment.
    on_the_pages: HashMap<&'a str, Vec<&'a RefundEntry>>,
    by_hand: &'a ByHand,
}

/// What of the sandbox's books we know, too.
#[derive(Default)]
struct Known<'a> {
    payments: HashSet<&'a str>,
    refunds: HashSet<&'a str>,
}

/// Our name of a channel of the sandbox.
fn kind(channel: bursar_sandbox::Channel) -> ChannelKind {
    ChannelKind::ALL.into_iter().find(|kind| kind.name() == channel.name()).unwrap_or(ChannelKind::Wechat)
}

/// Compares our books with the sandbox's books of payments and of refunds, and with those of bank and workers.
///
/// # Errors
/// When the database cannot be read.
pub async fn compare(
    store: &dyn Store,
    actors: &[Actor],
    books: &[BookEntry],
    refunds: &[RefundEntry],
    by_hand: &ByHand,
) -> anyhow::Result<Audit> {
    let mut audit = Audit::default();
    let theirs = Theirs {
        payments: books.iter().map(|b| (b.out_trade_no.as_str(), b)).collect(),
        refunds: refunds.iter().map(|r| (r.out_refund_no.as_str(), r)).collect(),
        on_the_pages: refunds::on_the_pages(refunds),
        by_hand,
    };
    for channel in actors.iter().flat_map(|actor| &actor.tills).map(|till| till.channel) {
        audit.channels.entry(channel.name()).or_default();
    }
    let mut known = Known::default();
    for actor in actors {
        let parked = store.parked(Some(actor.merchant), 1_000_000).await?;
        audit.parked += u64::try_from(parked.len()).unwrap_or(0);
        for dossier in dossiers(store, actor.merchant).await? {
            let parked = parked.iter().any(|p| p.about == dossier.order.id.into());
            weigh(&mut audit, &dossier, &theirs, parked, &mut known);
            refunds::weigh(&mut audit, &dossier, &theirs, &mut known);
            by_hand.weigh_refunds(&mut audit, &dossier);
            channels::count(&mut audit.channels, &dossier);
        }
        by_hand.weigh_rest(&mut audit, store, actor).await?;
    }
    let asked = asked_about(store, actors).await?;
    for book in books.iter().filter(|b| !known.payments.contains(b.out_trade_no.as_str())) {
        if book.foreign && asked.contains(&book.out_trade_no) {
            audit.elsewhere += 1;
            continue;
        }
        audit.differs(
            kind(book.channel),
            format!("the sandbox has payment {}, which we do not know", book.out_trade_no),
        );
    }
    for book in refunds.iter().filter(|r| !known.refunds.contains(r.out_refund_no.as_str())) {
        audit.differs(
            kind(book.channel),
            format!("the sandbox has refund {}, which we do not know", book.out_refund_no),
        );
    }
    let mut sums: HashMap<String, i64> = HashMap::new();
    for (_, _, currency, balance) in store.balances().await? {
        *sums.entry(currency).or_default() += balance;
    }
    audit.unbalanced = sums.into_iter().filter(|(_, sum)| *sum != 0).map(|(c, sum)| format!("{sum} {c}")).collect();
    Ok(audit)
}

/// The numbers of payments that bills tell of, that our books do not have, and that a person was asked about.
async fn asked_about(store: &dyn Store, actors: &[Actor]) -> anyhow::Result<HashSet<String>> {
    let (mut numbers, mut after) = (HashSet::new(), None);
    loop {
        let kind = Some(BreakKind::MissingHere);
        let page = store.breaks(&BreakFilter { kind, after, limit: PAGE, ..BreakFilter::default() }).await?;
        let Some(last) = page.last() else { return Ok(numbers) };
        after = Some(last.id);
        let ours = page.into_iter().filter(|b| actors.iter().any(|actor| actor.merchant == b.merchant));
        numbers.extend(ours.map(|b| b.number));
    }
}

/// Adds one order to the audit, and its payments that the sandbox knows to `known`.
fn weigh<'a>(audit: &mut Audit, dossier: &Dossier, theirs: &Theirs<'a>, parked: bool, known: &mut Known<'a>) {
    let order = &dossier.order;
    audit.orders += 1;
    match order.state {
        OrderState::Paid => audit.paid += 1,
        OrderState::Closed => audit.closed += 1,
        _ if parked => {}
        _ => audit.open += 1,
    }
    audit.late_money += u64::from(order.late_money);
    let mut held = 0_i64;
    for payment in &dossier.payments {
        audit.unknown += u64::from(!payment.state.is_final());
        if let Some(ending) = HeldEnding::of(payment, order.state) {
            *audit.after_service.entry(payment.method.name()).or_default().entry(ending.name()).or_default() += 1;
        }
        let number = payment.number();
        let entry = theirs.payments.get(number.as_str()).copied();
        held += theirs.by_hand.weigh_payment(audit, payment);
        known.payments.extend(entry.map(|e| e.out_trade_no.as_str()));
        held += entry.map_or(0, |e| e.captured_minor.saturating_sub(e.refunded_minor));
        audit.channel_effects_doubled += entry.map_or(0, |e| u64::from(e.charges.saturating_sub(1)));
        if !same(dossier, payment, entry) {
            let words = format!(
                "{} ({}) is {} here; the sandbox says {}",
                payment.id,
                payment.method,
                payment.state.name(),
                entry.map_or("nothing".to_owned(), |e| {
                    format!("{} with {} charges and {} minor units given back", e.state, e.charges, e.refunded_minor)
                }),
            );
            audit.differs(payment.method.channel(), words);
        }
    }
    let settled = order.state.is_final() && dossier.refunds.iter().all(|r| r.state.is_final());
    if settled && !parked {
        let (held, worth) = (held.saturating_sub(refunds::transferred_minor(dossier)), refunds::worth_minor(dossier));
        audit.out_of_money += u64::from(held > worth);
        if held < worth {
            let words = format!(
                "{} is worth {worth} minor units to its merchant; the sandbox holds {held}: too much was given back",
                order.id
            );
            let channels: BTreeSet<ChannelKind> = dossier.payments.iter().map(|p| p.method.channel()).collect();
            channels.into_iter().for_each(|channel| audit.differs(channel, words.clone()));
        }
    }
}

/// Whether both sides took the same for a payment, and gave the same of it back.
fn same(dossier: &Dossier, payment: &Payment, entry: Option<&BookEntry>) -> bool {
    let ours = payment.evidence.paid.as_ref().filter(|_| payment.state == PaymentState::Captured);
    let back = refunds::through_channel_minor(dossier, payment);
    match (ours, entry) {
        (None, None) => true,
        (None, Some(e)) => e.charges == 0,
        (Some(_), None) => false,
        (Some(r), Some(e)) => {
            e.charges == 1
                && e.transaction_id.as_deref() == Some(r.transaction_id.as_str())
                && e.captured_minor == r.amount_minor
                && e.refunded_minor == back
                && e.refunded_minor <= e.captured_minor
        }
    }
}
