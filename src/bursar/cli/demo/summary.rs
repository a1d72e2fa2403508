//! What the demonstration came to, for people and programs: it knows how results are shown, and must never
//! decide what a difference is.

use std::collections::BTreeMap;
use std::time::Instant;

use bursar_core::channel::ChannelKind;
use bursar_core::held::HeldEnding;
use bursar_core::{Currency, Money};
use bursar_sandbox::merchant::{Asked, Diary};
use serde_json::{Value, json};

use super::stage::Stage;
use crate::cli::{Done, output};
use crate::play::audit::Audit;

/// How it ended.
pub(super) struct Ending {
    audit: Audit,
    asked: Asked,
    /// What people did, and what surprised them.
    deeds: BTreeMap<&'static str, u64>,
    surprises: Vec<String>,
    webhooks: (usize, u64, usize),
    faults: BTreeMap<String, u64>,
    elapsed_ms: u64,
}

impl Ending {
    pub(super) fn new(stage: &Stage, audit: Audit, asked: Asked, diary: &Diary, started: Instant) -> Self {
        let told = stage.sink.told();
        let (deeds, surprises) = diary.read();
        Self {
            audit,
            asked,
            deeds,
            surprises,
            webhooks: (told.deliveries.len(), told.forged, told.gaps()),
            faults: stage.sandbox.counters().faults,
            elapsed_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// Whether everything ended as it must.
    pub(super) fn is_right(&self) -> bool {
        let audit = &self.audit;
        audit.books_agree()
            && audit.all_ended()
            && audit.refunds.open == 0
            && audit.channel_effects_doubled == 0
            && audit.out_of_money == 0
            && self.asked.surprises.is_empty()
            && self.surprises.is_empty()
    }

    pub(super) fn to_json(&self) -> Value {
        let (audit, refunds) = (&self.audit, &self.audit.refunds);
        let (delivered, forged, gaps) = self.webhooks;
        json!({
            "orders": audit.orders, "paid": audit.paid, "closed": audit.closed, "late_money": audit.late_money,
            "parked": audit.parked, "unknown": audit.unknown, "open": audit.open,
            "out_of_money": audit.out_of_money, "webhooks_delivered": delivered, "webhooks_forged": forged,
            "webhook_gaps": gaps, "channel_effects_doubled": audit.channel_effects_doubled,
            "books_agree": audit.books_agree(), "differences": audit.differences,
            "refunds": {
                "requested": refunds.requested, "approved": self.asked.approved, "refused": self.asked.refused,
                "succeeded": refunds.succeeded, "partial": refunds.partial, "second_way": refunds.second_way,
                "rerouted": refunds.rerouted, "transferred_by_hand": refunds.transferred_by_hand,
                "late_money": refunds.late_money, "duplicates": refunds.duplicates,
                "incomplete": refunds.incomplete, "reversed": refunds.reversed, "failed": refunds.failed,
                "open": refunds.open, "surprises": self.asked.surprises,
            },
            "after_service": audit.after_service,
            "channels": self.channels(),
            "people": { "did": self.deeds, "surprises": self.surprises },
            "faults_played": self.faults, "elapsed_ms": self.elapsed_ms,
        })
    }

    fn channels(&self) -> BTreeMap<&'static str, Value> {
        self.audit.channels.iter().map(|(name, channel)| (*name, channel.to_json())).collect()
    }

    /// One row for each channel.
    fn channels_table(&self) -> Done {
        let heads = ["channel", "orders", "paid", "closed", "late", "refunded", "taken", "given back", "open", "agree"];
        let rows = ChannelKind::ALL.iter().filter_map(|kind| {
            let c = self.audit.channels.get(kind.name())?;
            let agree = if c.books_agree() { "yes" } else { "NO" };
            let numbers = [c.orders, c.paid, c.closed, c.late_money, c.refunded].map(|n| n.to_string());
            let money = [c.captured_minor, c.refunded_minor].map(yuan);
            let mut row = vec![kind.name().to_owned()];
            row.extend(numbers.into_iter().chain(money).chain([c.unknown.to_string(), agree.to_owned()]));
            Some(row)
        });
        output::table(&heads, &rows.collect::<Vec<_>>())
    }

    pub(super) fn table(&self) -> Done {
        let (audit, refunds) = (&self.audit, &self.audit.refunds);
        let row = |name: &str, value: &dyn ToString| vec![name.to_owned(), value.to_string()];
        let agree = if audit.books_agree() { "yes, payment by payment and refund by refund" } else { "NO" };
        output::table(
            &["", ""],
            &[
                row("orders", &audit.orders),
                row("paid", &audit.paid),
                row("closed", &audit.closed),
                row("  of them with late money (given back)", &audit.late_money),
                row("services paid for when they were over", &audit.ended_after_service(HeldEnding::Captured)),
                row("  let go: not needed any more", &audit.ended_after_service(HeldEnding::Revoked)),
                row("  let go: paid by another way", &audit.ended_after_service(HeldEnding::PaidElsewhere)),
                row("refunds that customers asked for", &refunds.requested),
                row("  of them of a part", &refunds.partial),
                row("  of them approved by a second person", &self.asked.approved),
                row("  refused, because they could not be", &self.asked.refused),
                row("refunds of late money", &refunds.late_money),
                row("refunds of what was paid twice", &refunds.duplicates),
                row("refunds of orders that did not become whole", &refunds.incomplete),
                row("refunds that arrived", &refunds.succeeded),
                row("  by the channel's second way", &refunds.second_way),
                row("  carried on by another way", &refunds.rerouted),
                row("  transferred by hand", &refunds.transferred_by_hand),
                row("  came back first, then went another way", &refunds.reversed),
                row("refunds that failed", &refunds.failed),
                row("refunds that have not ended", &refunds.open),
                row("questions for a person", &audit.parked),
                row("payments not final", &audit.unknown),
                row("charged or refunded twice", &audit.channel_effects_doubled),
                row("customers out of money", &audit.out_of_money),
                row("webhooks delivered", &self.webhooks.0),
                row("faults played by the sandbox", &self.faults.values().sum::<u64>()),
                row("books agree with the sandbox's", &agree),
                row("seconds", &(self.elapsed_ms / 1_000)),
            ],
        )?;
        output::line("")?;
        self.channels_table()?;
        for difference in audit.differences.iter().chain(&self.asked.surprises).chain(&self.surprises) {
            output::line(&format!("  {difference}"))?;
        }
        Ok(())
    }
}

/// Minor units of CNY as people write them.
pub(super) fn yuan(minor: i64) -> String {
    Money::new(minor, Currency::CNY).to_string()
}

pub(super) fn where_to_look(stage: &Stage, gateway: &str) {
    let url = stage.program.config.text("database.url");
    let url = crate::config::cover_password(&url);
    let key = stage.actors.first().map(|a| a.api_key.as_str()).unwrap_or_default();
    // As the user typed it, so that the lines below can be copied.
    let program = std::env::args().next().unwrap_or_else(|| "bursar".to_owned());
    eprintln!();
    eprintln!("Still running; Ctrl-C ends it. Where to look:");
    eprintln!("  API documentation  {gateway}/docs");
    eprintln!("  orders, as JSON    curl -H 'authorization: Bearer {key}' '{gateway}/v1/orders?limit=5'");
    eprintln!("  orders, as a table {program} --database-url {url} order list");
    eprintln!("  one order's story  {program} --database-url {url} order show ord_…");
    eprintln!("  refunds            {program} --database-url {url} refund list");
    eprintln!("  jobs               {program} --database-url {url} job list");
    eprintln!("  metrics            {gateway}/metrics");
    eprintln!("  the sandbox        {}/_sandbox/books", stage.sandbox.base_url());
}
