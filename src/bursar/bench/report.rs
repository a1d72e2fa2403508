//! What the benchmark has measured of one channel on one database, and how that compares with WeChat: it knows whose
//! processor time is the product's, and must never measure.

use serde::Serialize;

/// The name of the process that plays the channels.
pub const SANDBOX: &str = "sandbox";
/// The name of the process that places orders, plays people and is told.
pub const LOAD: &str = "merchant and load";
/// With which channel the others are compared.
const MEASURE: &str = "wechat";

/// What was measured. Processor times are milliseconds per 1,000 payments.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// sqlite or postgres.
    pub database: String,
    /// The channel.
    pub channel: String,
    /// By what everybody paid.
    pub method: String,
    /// Payments of the burst, created, paid, notified and told to the merchant.
    pub payments: u64,
    /// From the first order to the last webhook.
    pub burst_ms: u64,
    /// Whole payments per second.
    pub payments_per_second: u64,
    /// Processor milliseconds per 1,000 payments by process: name, time.
    pub cpu_ms_per_1000: Vec<(String, u64)>,
    /// The sum of those that are not the sandbox's and not the load's.
    pub product_cpu_ms_per_1000: u64,
    /// How often customers had to look at 100 orders until there was something to pay with; the product answers each
    /// look. Nobody looks where the sandbox's payers pay by themselves.
    pub looks_per_100_payments: u64,
    /// PostgreSQL: transactions per payment in hundredths (reads included).
    pub transactions_per_100_payments: Option<u64>,
    /// PostgreSQL: WAL bytes per payment.
    pub wal_bytes_per_payment: Option<u64>,
    /// PostgreSQL: full page images among the WAL records of the burst.
    pub wal_full_page_images: Option<u64>,
    /// Half load: orders per second that were placed.
    pub half_load_per_second: u32,
    /// Half load: from due to claimed, of money jobs.
    pub due_to_start_p50: String,
    /// The same.
    pub due_to_start_p99: String,
    /// Half load: the gateway's answer to a notification, by the sandbox's watch.
    pub notification_ack_p50: String,
    /// The same.
    pub notification_ack_p99: String,
    /// The books agree at the end, payment by payment.
    pub books_agree: bool,
    /// How it compares with WeChat on the same database; `None` when that was not measured, or nothing else.
    pub against_wechat: Option<Against>,
}

/// A channel against WeChat, in percent: 100 is the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Against {
    /// Processor time of the product per payment: more is worse.
    pub product_cpu_percent: u64,
    /// Payments per second: less is worse. Of money by hand, the pace of people is part of it.
    pub payments_per_second_percent: u64,
}

/// The processor time that is the product's: gateway, worker or both in one, and the database's server.
pub fn product_cpu_ms(cpu: &[(String, u64)]) -> u64 {
    let ours = cpu.iter().filter(|(name, _)| ![SANDBOX, LOAD].contains(&name.as_str()));
    ours.map(|(_, ms)| ms).sum()
}

/// `own` in percent of `measure`, rounded; `None` when there is nothing to compare with.
fn percent(own: u64, measure: u64) -> Option<u64> {
    own.saturating_mul(100).saturating_add(measure / 2).checked_div(measure)
}

/// Compares each report with WeChat's on the same database, where there are several.
pub fn compare(reports: &mut [Report]) {
    let measures: Vec<Report> = reports.iter().filter(|report| report.channel == MEASURE).cloned().collect();
    for measure in measures {
        let of_database = || reports.iter().filter(|report| report.database == measure.database);
        if of_database().count() < 2 {
            continue;
        }
        for report in reports.iter_mut().filter(|report| report.database == measure.database) {
            let cpu = percent(report.product_cpu_ms_per_1000, measure.product_cpu_ms_per_1000);
            let rate = percent(report.payments_per_second, measure.payments_per_second);
            report.against_wechat = cpu.zip(rate).map(|(product_cpu_percent, payments_per_second_percent)| Against {
                product_cpu_percent,
                payments_per_second_percent,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(database: &str, channel: &str, payments_per_second: u64, product_cpu_ms_per_1000: u64) -> Report {
        Report {
            database: database.to_owned(),
            channel: channel.to_owned(),
            method: String::new(),
            payments: 100,
            burst_ms: 1,
            payments_per_second,
            cpu_ms_per_1000: Vec::new(),
            product_cpu_ms_per_1000,
            looks_per_100_payments: 0,
            transactions_per_100_payments: None,
            wal_bytes_per_payment: None,
            wal_full_page_images: None,
            half_load_per_second: 1,
            due_to_start_p50: String::new(),
            due_to_start_p99: String::new(),
            notification_ack_p50: String::new(),
            notification_ack_p99: String::new(),
            books_agree: true,
            against_wechat: None,
        }
    }

    fn against(product_cpu_percent: u64, payments_per_second_percent: u64) -> Option<Against> {
        Some(Against { product_cpu_percent, payments_per_second_percent })
    }

    #[test]
    fn the_product_is_everything_but_the_sandbox_and_the_load() {
        let cpu = [("sandbox", 1_000), ("gateway", 1), ("worker", 20), ("postgres", 300), ("merchant and load", 5_000)];
        let cpu = cpu.map(|(name, ms)| (name.to_owned(), ms));
        assert_eq!(product_cpu_ms(&cpu), 321);
        assert_eq!(product_cpu_ms(&[("serve".to_owned(), 7)]), 7);
    }

    #[test]
    fn each_channel_is_compared_with_wechat_on_its_own_database() {
        let mut reports = [
            report("sqlite", "cash", 300, 1_500),
            report("sqlite", "wechat", 400, 2_000),
            report("postgres", "wechat", 500, 2_500),
            report("postgres", "alipay", 250, 3_761),
        ];
        compare(&mut reports);
        let found = reports.map(|report| report.against_wechat);
        assert_eq!(found, [against(75, 75), against(100, 100), against(100, 100), against(150, 50)]);
    }

    #[test]
    fn without_wechat_or_without_another_channel_nothing_is_compared() {
        let mut reports = [
            report("sqlite", "cash", 300, 1_500),
            report("sqlite", "bank", 300, 1_500),
            report("postgres", "wechat", 300, 1_500),
        ];
        compare(&mut reports);
        assert!(reports.iter().all(|report| report.against_wechat.is_none()));
        let mut reports = [report("sqlite", "cash", 300, 1_500), report("sqlite", "wechat", 0, 0)];
        compare(&mut reports);
        assert_eq!(reports[0].against_wechat, None);
    }
}
