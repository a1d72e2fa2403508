//! What is counted around the burst: it knows processor times and PostgreSQL's own counts, and must never know what a
//! payment is.

use super::cluster::ask;
use super::crew::Crew;
use super::report::LOAD;
use super::{cpu, run::Plan};

/// PostgreSQL's own counts.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Server {
    pub(super) transactions: u64,
    pub(super) wal_bytes: u64,
    pub(super) full_pages: u64,
}

/// Everything that is counted.
pub(super) struct Meter {
    /// Milliseconds of processor time by process.
    pub(super) cpu: Vec<(String, u64)>,
    pub(super) server: Option<Server>,
    /// How often customers looked what there was to pay with.
    pub(super) looks: u64,
}

impl Meter {
    pub(super) fn read(plan: &Plan, crew: &Crew, looks: u64) -> anyhow::Result<Self> {
        let mut cpu = crew.cpu();
        cpu.push((LOAD.to_owned(), cpu::process_ms(std::process::id())));
        let Some(pid) = plan.server_pid else { return Ok(Self { cpu, server: None, looks }) };
        cpu.push(("postgres".to_owned(), cpu::family_ms(pid)));
        let statement = "select d.xact_commit || ' ' || w.wal_bytes || ' ' || w.wal_fpi \
                         from pg_stat_database d, pg_stat_wal w where d.datname = current_database()";
        let answer = ask(&plan.database_url, statement)?;
        let mut numbers = answer.split(' ').map(|n| n.parse().unwrap_or(0));
        let mut next = || numbers.next().unwrap_or(0);
        let server = Server { transactions: next(), wal_bytes: next(), full_pages: next() };
        Ok(Self { cpu, server: Some(server), looks })
    }

    /// What came since `before`.
    pub(super) fn since(&self, before: &Self) -> Self {
        let old = |name: &str| before.cpu.iter().find(|(n, _)| n == name).map_or(0, |(_, ms)| *ms);
        let server = self.server.zip(before.server).map(|(now, then)| Server {
            transactions: now.transactions.saturating_sub(then.transactions),
            wal_bytes: now.wal_bytes.saturating_sub(then.wal_bytes),
            full_pages: now.full_pages.saturating_sub(then.full_pages),
        });
        let cpu = self.cpu.iter().map(|(n, ms)| (n.clone(), ms.saturating_sub(old(n)))).collect();
        Self { cpu, server, looks: self.looks.saturating_sub(before.looks) }
    }
}
