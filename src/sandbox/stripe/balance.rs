//! Balance transactions: each change of an account's balance, as a list. It knows their members, filters and ids; what
//! moved is the common books'.

use serde_json::{Value, json};

use crate::Channel;
use crate::bills::flaws::{self, BillFlaw, BillName};
use crate::bills::movement::{Movement, What};
use crate::bills::payouts::Payout;
use crate::bills::terms::BillTerms;
use crate::front::Front;
use crate::orders::Orders;
use crate::shared::Shared;
use crate::stripe::account::Account;
use crate::stripe::disputes;
use crate::stripe::front::{OrderFacts, RefundFacts};
use crate::stripe::listing::created;
use crate::stripe::params::{Paging, Params};
use crate::stripe::refusal::Refusal;
use crate::stripe::show::{self, Expand, seconds};

/// What a list is narrowed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BalanceOf {
    paging: Paging,
    /// Seconds since the epoch: at least, below.
    created: (i64, i64),
    kind: Option<String>,
    payout: Option<String>,
    /// Sources are shown as objects.
    whole: bool,
}

impl BalanceOf {
    pub(crate) fn read(params: &Params) -> Result<Self, Refusal> {
        params.only(&["created", "expand", "limit", "payout", "starting_after", "type"])?;
        let expanded = params.list("expand")?;
        if let Some(path) = expanded.iter().find(|path| **path != "data.source") {
            return Err(Refusal::invalid("expand", &format!("This property cannot be expanded ({path}).")));
        }
        let text = |name: &str| Ok::<_, Refusal>(params.text(name)?.map(str::to_owned));
        Ok(Self {
            paging: params.paging()?,
            created: created(params)?,
            kind: text("type")?,
            payout: text("payout")?,
            whole: !expanded.is_empty(),
        })
    }
}

/// One of them, before it is shown.
enum Change {
    Moved(Movement),
    Paid(Payout),
    Garbage(u64),
}

struct Entry {
    id: String,
    at_ms: i64,
    change: Change,
}

impl Shared {
    /// The changes of an account's balance that fit, newest first.
    pub(super) fn stripe_balance(&self, account: &Account, of: &BalanceOf) -> Result<Value, Refusal> {
        let owner = account.given.id.as_str();
        let orders = self.orders();
        let mut found = self.entries(&orders, owner, of)?;
        found.sort_by_key(|one| std::cmp::Reverse(one.at_ms));
        found.retain(|one| of.kind.as_deref().is_none_or(|kind| kind == words(&one.change).0));
        let (page, has_more) = of.paging.cut(found, |one| &one.id)?;
        let (terms, now_ms) = (self.stripe.bills(), self.pace.now_ms());
        let shown = |one: Entry| match &one.change {
            Change::Garbage(nth) => json!({ "id": one.id, "object": flaws::garbage(*nth), "amount": "?" }),
            change => written(&orders, &one, change, of.whole, (&terms, now_ms)),
        };
        let data = page.into_iter().map(shown).collect();
        Ok(show::list("list", "/v1/balance_transactions", data, has_more))
    }

    fn entries(&self, orders: &Orders, owner: &str, of: &BalanceOf) -> Result<Vec<Entry>, Refusal> {
        let whose = (Channel::Stripe, owner);
        let payouts = self.payouts_in(orders, Some(whose));
        let mut garbage = 0;
        let (span, currency) = match &of.payout {
            Some(id) => {
                let (span, currency) = self.paid_with(&payouts, id).ok_or_else(|| Refusal::no_such("payout", id))?;
                (span, Some(currency))
            }
            None => {
                let (span, lines) = self.asked_span(owner, of.created);
                garbage = lines;
                (span, None)
            }
        };
        let fits = |other: &str| currency.as_deref().is_none_or(|known| known.eq_ignore_ascii_case(other));
        let moved = self.told(orders, whose, span).into_iter().filter(|one| fits(&one.currency));
        let mut found: Vec<_> = moved
            .filter_map(|one| Some(Entry { id: id_of(orders, &one)?, at_ms: one.at_ms, change: Change::Moved(one) }))
            .collect();
        let paid = payouts.into_iter().filter(|paid| match &of.payout {
            Some(id) => paid.reference == *id,
            None => (span.0..span.1).contains(&paid.at_ms),
        });
        let entry = |paid: Payout| Entry {
            id: paid.reference.replacen("po_", "txn_p", 1),
            at_ms: paid.at_ms,
            change: Change::Paid(paid),
        };
        found.extend(paid.map(entry));
        let noise = |nth| Entry { id: format!("txn_x{nth:020}"), at_ms: span.0, change: Change::Garbage(nth) };
        found.extend((0..garbage).map(noise));
        Ok(found)
    }

    /// What a payout paid: everything since the one before.
    fn paid_with(&self, payouts: &[Payout], id: &str) -> Option<((i64, i64), String)> {
        let paid = payouts.iter().find(|paid| paid.reference == id)?;
        let terms = self.stripe.bills();
        let before =
            payouts.iter().filter(|one| one.currency == paid.currency && one.day < paid.day).map(|one| one.day);
        let begin_ms = before.max().map_or(i64::MIN / 2, |day| terms.span(day).1);
        Some(((begin_ms, terms.span(paid.day).1), paid.currency.clone()))
    }

    /// The span of what was asked for, in milliseconds, and how many elements of garbage follow: a list from the
    /// beginning of a day is that day's bill.
    fn asked_span(&self, owner: &str, (least, below): (i64, i64)) -> ((i64, i64), u64) {
        let (begin_ms, end_ms) = (least.saturating_mul(1_000), below.saturating_mul(1_000));
        let span = (begin_ms.max(i64::MIN / 2), end_ms.min(i64::MAX / 2));
        let terms = self.stripe.bills();
        let day = terms.day(span.0.max(0));
        if terms.begins_ms(day) != span.0 {
            return (span, 0);
        }
        let name = BillName { channel: Channel::Stripe, account: owner.to_owned(), day, funds: false };
        let later = span.0.saturating_sub(terms.begins_ms(day.plus_days(-1)));
        match self.flaws.of_bill(&name) {
            Some(BillFlaw::OtherDay) => ((span.0.saturating_sub(later), span.1.saturating_sub(later)), 0),
            Some(BillFlaw::Garbage { lines }) => (span, lines),
            _ => (span, 0),
        }
    }
}

/// Type and category.
const fn words(change: &Change) -> (&'static str, &'static str) {
    match change {
        Change::Paid(_) => ("payout", "payout"),
        Change::Garbage(_) => ("", ""),
        Change::Moved(one) => match one.what {
            What::Payment => ("charge", "charge"),
            What::Refund => ("refund", "refund"),
            What::Return => ("refund_failure", "refund_failure"),
            What::Dispute => ("adjustment", "dispute"),
            What::DisputeWon => ("adjustment", "dispute_reversal"),
        },
    }
}

/// The ids that charges, refunds and disputes name.
fn id_of(orders: &Orders, one: &Movement) -> Option<String> {
    let intent = || Some(orders.list.get(one.order)?.own.get::<OrderFacts>()?.id.as_str());
    let refund = || Some(orders.refunds.list.get(one.refund?)?.refund_id.as_str());
    let id = match one.what {
        What::Payment => intent()?.replacen("pi_", "txn_", 1),
        What::Refund => refund()?.replacen("re_", "txn_", 1),
        What::Return => refund()?.replacen("re_", "txn_f", 1),
        What::Dispute => intent()?.replacen("pi_", "txn_d", 1),
        What::DisputeWon => intent()?.replacen("pi_", "txn_w", 1),
    };
    let again = if one.again { "x" } else { "" };
    Some(if one.nth == 0 { format!("{id}{again}") } else { format!("{id}n{}{again}", one.nth) })
}

fn written(orders: &Orders, entry: &Entry, change: &Change, whole: bool, (terms, now_ms): (&BillTerms, i64)) -> Value {
    let (amount, fee, currency) = match change {
        Change::Moved(one) => (one.signed_minor(), one.fee_minor, one.currency.clone()),
        Change::Paid(paid) => (paid.amount_minor.saturating_neg(), 0, paid.currency.to_ascii_lowercase()),
        Change::Garbage(_) => (0, 0, String::new()),
    };
    let available_ms = terms.pays_ms(terms.day(entry.at_ms));
    let detail =
        json!({ "amount": fee, "currency": currency, "description": "Stripe processing fees", "type": "stripe_fee" });
    let (kind, category) = words(change);
    json!({
        "id": entry.id,
        "object": "balance_transaction",
        "amount": amount,
        "available_on": seconds(available_ms),
        "created": seconds(entry.at_ms),
        "currency": currency,
        "description": null,
        "exchange_rate": null,
        "fee": fee,
        "fee_details": if fee == 0 { json!([]) } else { json!([detail]) },
        "net": amount.saturating_sub(fee),
        "reporting_category": category,
        "source": source(orders, change, whole),
        "status": if available_ms <= now_ms { "available" } else { "pending" },
        "type": kind,
    })
}

/// What it came from: the id, or the object.
fn source(orders: &Orders, change: &Change, whole: bool) -> Option<Value> {
    let object = match change {
        Change::Garbage(_) => return None,
        Change::Paid(paid) => json!({
            "id": paid.reference,
            "object": "payout",
            "amount": paid.amount_minor,
            "arrival_date": seconds(paid.at_ms),
            "automatic": true,
            "created": seconds(paid.at_ms),
            "currency": paid.currency.to_ascii_lowercase(),
            "livemode": false,
            "status": "paid",
        }),
        Change::Moved(one) => {
            let order = orders.list.get(one.order)?;
            let facts = order.own.get::<OrderFacts>()?;
            let refund = one.refund.and_then(|position| orders.refunds.list.get(position));
            match (one.what, refund) {
                (What::Refund | What::Return, Some(refund)) => {
                    show::refund(refund, refund.own.get::<RefundFacts>()?, refund.tab.state)
                }
                (What::Dispute | What::DisputeWon, _) => {
                    let dispute = facts.dispute.as_ref()?;
                    disputes::show(facts, dispute, dispute.won)
                }
                _ => show::charge_of(orders, order, facts, Expand { charge: true, transaction: false })?,
            }
        }
    };
    if whole { Some(object) } else { object.get("id").cloned() }
}
