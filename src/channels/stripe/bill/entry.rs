//! One balance transaction: it knows its members and what its types mean, and must never know our payments.

use bursar_core::reconcile::{BillLine, EntryKind, EntryStatus};
use serde::Deserialize;

use crate::bill::own;
use crate::stripe::object::{LEG, Metadata, Named, ORDER_NUMBER, PAYMENT, Reference, instant};

/// Members that are not needed are not read.
#[derive(Debug, Deserialize)]
pub(super) struct Entry {
    id: String,
    object: String,
    amount: i64,
    currency: String,
    pub(super) created: i64,
    fee: i64,
    net: i64,
    r#type: String,
    #[serde(default)]
    reporting_category: Option<String>,
    #[serde(default)]
    source: Option<Reference<Source>>,
}

/// What moved the balance: a charge, a refund, a dispute, a payout.
#[derive(Debug, Deserialize)]
struct Source {
    id: String,
    #[serde(default)]
    amount: Option<i64>,
    #[serde(default)]
    amount_captured: Option<i64>,
    #[serde(default)]
    currency: Option<String>,
    #[serde(default)]
    payment_intent: Option<Named>,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    metadata: Option<Metadata>,
}

impl Source {
    fn mark(&self, name: &str) -> Option<String> {
        self.metadata.as_ref().and_then(|metadata| metadata.get(name)).map(str::to_owned)
    }
}

/// How a type is taken: the kind, and whether its amount is written as what leaves the balance.
fn meaning(name: &str, category: &str, amount: i64) -> (EntryKind, bool) {
    match name {
        "charge" | "payment" => (EntryKind::Capture, false),
        "refund" | "payment_refund" => (EntryKind::Refund, true),
        "refund_failure" | "payment_failure_refund" => (EntryKind::Refund, false),
        "adjustment" if category.starts_with("dispute") => (EntryKind::Dispute, true),
        "payout" if amount < 0 => (EntryKind::Payout, true),
        "stripe_fee" | "stripe_fx_fee" | "tax_fee" | "network_cost" => (EntryKind::Fee, true),
        // Payouts that came back, money put in, and whatever the channel thinks of next.
        _ => (EntryKind::Other, false),
    }
}

impl Entry {
    /// The line that it is.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn line(self, ordinal: u32) -> Result<BillLine, String> {
        if self.object != "balance_transaction" {
            return Err("it is no balance transaction".to_owned());
        }
        if self.amount.checked_sub(self.fee) != Some(self.net) {
            return Err(format!(
                "its net is {}, not its amount {} without its fee {}",
                self.net, self.amount, self.fee
            ));
        }
        let (kind, leaves) = meaning(&self.r#type, self.reporting_category.as_deref().unwrap_or_default(), self.amount);
        let source = self.source.as_ref().and_then(Reference::object);
        let signed = if leaves { self.amount.saturating_neg() } else { self.amount };
        if matches!(kind, EntryKind::Capture | EntryKind::Refund) && signed < 0 {
            return Err(format!("its amount {} has the wrong sign for its type {}", self.amount, self.r#type));
        }
        let mut line = BillLine {
            ordinal,
            kind,
            status: EntryStatus::Done,
            number: String::new(),
            payment_number: None,
            payment_channel_id: None,
            channel_id: source.map_or_else(|| self.id.clone(), |source| source.id.clone()),
            amount_minor: signed,
            currency: self.currency.to_ascii_uppercase(),
            fee_minor: self.fee,
            at: instant(self.created),
            order_number: None,
        };
        let Some(source) = source else { return Ok(line) };
        match kind {
            EntryKind::Capture => {
                line.number = source.mark(PAYMENT).map(|number| own::spelled(&number)).unwrap_or_default();
                line.order_number = source.mark(ORDER_NUMBER);
                // One intent is one payment for ever; a charge is one attempt of it.
                if let Some(intent) = &source.payment_intent {
                    line.channel_id = intent.id().to_owned();
                }
                convert(&mut line, source);
            }
            EntryKind::Refund => {
                line.number = source.mark(LEG).map(|number| own::spelled(&number)).unwrap_or_default();
                line.payment_number = source.mark(PAYMENT).map(|number| own::spelled(&number));
                line.payment_channel_id = source.payment_intent.as_ref().map(|intent| intent.id().to_owned());
                line.status = match (leaves, source.status.as_deref()) {
                    // Its money is back in the balance.
                    (false, _) | (true, Some("failed" | "canceled")) => EntryStatus::Failed,
                    (true, Some("pending" | "requires_action")) => EntryStatus::Pending,
                    (true, _) => EntryStatus::Done,
                };
                convert(&mut line, source);
            }
            // The movement's own id: one dispute takes money away, charges for itself, and gives it back.
            EntryKind::Dispute => {
                line.payment_number = source.mark(PAYMENT);
                line.channel_id = self.id;
            }
            // The same: fees name what they are for.
            EntryKind::Fee | EntryKind::Other => line.channel_id = self.id,
            EntryKind::Payout => {}
        }
        Ok(line)
    }
}

/// Where the balance is kept in another currency than the payer paid in, the payer's is told.
fn convert(line: &mut BillLine, source: &Source) {
    let paid_in = source.currency.as_deref().map(str::to_ascii_uppercase);
    if let (Some(currency), Some(amount)) = (paid_in, source.amount_captured.or(source.amount))
        && currency != line.currency
    {
        (line.currency, line.amount_minor) = (currency, amount);
    }
}
