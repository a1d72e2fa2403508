//! `report`: how business went, and what was settled.

use bursar_core::Money;
use bursar_core::bank::Day;
use bursar_core::id::MerchantId;
use bursar_core::insights::Dimension;
use bursar_core::money::Currency;
use bursar_gateway::reports::insights::{dimensions, report as insights};
use bursar_gateway::reports::insights_view::{InsightRow, InsightsView};
use bursar_gateway::reports::range;
use bursar_gateway::reports::settlement::report as settlement;
use bursar_gateway::reports::settlement_view::{SettlementRow, SettlementView, arrived_on};
use bursar_store::InsightFilter;
use clap::{Args, Subcommand};
use serde_json::json;

use super::{Done, Failure, Globals, output};
use crate::compose;

#[derive(Subcommand, Debug)]
pub(crate) enum Report {
    /// What each channel account came to by its business days: gross, refunds, fees, net, and what was paid out.
    Settlement {
        #[command(flatten)]
        range: Range,
    },
    /// Takings, mix of methods, success, times to pay, refunds, and the most frequent reasons of failure.
    Insights {
        #[command(flatten)]
        range: Range,
        /// What payments are told apart by: day, merchant, region, service, channel, method; several with commas.
        #[arg(long, default_value = "", value_name = "LIST")]
        group_by: String,
    },
}

#[derive(Args, Debug)]
pub(crate) struct Range {
    /// The first day, such as 2026-11-01; a month before --to when left out.
    #[arg(long)]
    from: Option<Day>,
    /// The last day; today in Beijing when left out. At most 400 days.
    #[arg(long)]
    to: Option<Day>,
    /// Only this merchant's (mer_…).
    #[arg(long)]
    merchant: Option<MerchantId>,
    /// Print a table for a spreadsheet.
    #[arg(long)]
    csv: bool,
}

pub(crate) async fn run(globals: &Globals, verb: Report) -> Done {
    let program = compose::ready(&globals.config).await?;
    let (store, now) = (program.store.as_ref(), program.clock.now());
    match verb {
        Report::Settlement { range: asked } => {
            let days = range(asked.from, asked.to, now).map_err(Failure::usage)?;
            let report = settlement(store, asked.merchant, days).await?;
            match (asked.csv, globals.json) {
                (true, _) => raw(&report.csv()),
                (false, true) => output::json(&json!(report)),
                (false, false) => show_settlement(&report),
            }
        }
        Report::Insights { range: asked, group_by } => {
            let (from, until) = range(asked.from, asked.to, now).map_err(Failure::usage)?;
            let by = dimensions(&group_by).map_err(Failure::usage)?;
            let filter = InsightFilter { merchant: asked.merchant, from, until, by };
            let report = insights(store, &filter).await?;
            let report = report
                .ok_or_else(|| Failure::usage("these are too many rows: ask for fewer days, or tell less apart"))?;
            match (asked.csv, globals.json) {
                (true, _) => raw(&report.csv(&filter.by)),
                (false, true) => output::json(&json!(report)),
                (false, false) => show_insights(&report, &filter.by),
            }
        }
    }
}

/// Text that ends its lines itself.
fn raw(text: &str) -> Done {
    output::line(text.trim_end_matches("\r\n"))
}

fn money(minor: i64, currency: &str) -> String {
    let known = currency.parse::<Currency>();
    known.map_or_else(|_| format!("{minor} {currency}"), |currency| Money::new(minor, currency).to_string())
}

const UNKNOWN: &str = "-";

fn percent(basis_points: Option<i64>) -> String {
    basis_points.map_or_else(|| UNKNOWN.to_owned(), |bp| format!("{}.{:02} %", bp / 100, bp % 100))
}

fn seconds(s: Option<i64>) -> String {
    match s {
        None => UNKNOWN.to_owned(),
        Some(s) if s < 120 => format!("{s} s"),
        Some(s) if s < 7_200 => format!("{} min", s / 60),
        Some(s) => format!("{} h", s / 3_600),
    }
}

fn show_settlement(report: &SettlementView) -> Done {
    let row = |r: &SettlementRow| {
        let known = |minor: Option<i64>| minor.map_or_else(|| UNKNOWN.to_owned(), |m| money(m, &r.currency));
        let unknown = r.why.clone().or_else(|| r.payouts.iter().find_map(|p| p.why.clone()));
        vec![
            r.day.to_string(),
            r.channel.to_owned(),
            r.account_id.to_string(),
            money(r.gross_minor, &r.currency),
            money(r.refunds_minor, &r.currency),
            known(r.fees_minor),
            known(r.net_minor),
            money(r.paid_out_minor, &r.currency),
            arrived_on(r).map_or_else(|| UNKNOWN.to_owned(), |day| day.to_string()),
            unknown.unwrap_or_default(),
        ]
    };
    let head = ["DAY", "CHANNEL", "ACCOUNT", "GROSS", "REFUNDS", "FEES", "NET", "PAID OUT", "ARRIVED", "NOT KNOWN"];
    output::table(&head, &report.rows.iter().map(row).collect::<Vec<_>>())
}

fn show_insights(report: &InsightsView, by: &[Dimension]) -> Done {
    let names: Vec<String> = by.iter().map(|d| d.name().to_uppercase()).collect();
    let said = |text: Option<String>| text.unwrap_or_else(|| UNKNOWN.to_owned());
    let head = ["TAKEN", "SHARE", "PAYMENTS", "PAID", "FAILED", "SUCCESS", "MEDIAN", "P90", "REFUNDED", "REFUND RATE"];
    let head: Vec<&str> = names.iter().map(String::as_str).chain(head).collect();
    let row = |r: &InsightRow| {
        let mut cells: Vec<String> = by.iter().map(|d| said(r.group.cell(*d))).collect();
        cells.extend([
            money(r.taken_minor, &r.group.currency),
            percent(r.share_basis_points),
            r.payments.to_string(),
            r.paid.to_string(),
            r.failed.to_string(),
            percent(r.success_rate_basis_points),
            seconds(r.median_seconds),
            seconds(r.p90_seconds),
            format!("{} ({})", money(r.refunded_minor, &r.group.currency), r.refunded),
            percent(r.refund_rate_basis_points),
        ]);
        cells
    };
    output::line(&format!("from {} to {}, days in Beijing", report.from, report.to))?;
    output::table(&head, &report.rows.iter().map(row).collect::<Vec<_>>())?;
    if report.failures.is_empty() {
        return Ok(());
    }
    output::line("")?;
    let head: Vec<&str> = names.iter().map(String::as_str).chain(["FAILED", "WHY"]).collect();
    let row = |f: &bursar_gateway::reports::insights_view::FailureView| {
        let mut cells: Vec<String> = by.iter().map(|d| said(f.group.cell(*d))).collect();
        cells.extend([f.count.to_string(), f.reason.clone()]);
        cells
    };
    output::table(&head, &report.failures.iter().map(row).collect::<Vec<_>>())
}
