//! `doctor`: checks what a running system needs, and says how to mend each.

use std::time::Duration;

use bursar_channels::Secrets as _;
use bursar_core::job::{JobKind, SELF_TEST_FAILED};
use bursar_core::schedule::ScheduleState;
use bursar_store::{JobFilter, ScheduleFilter};
use serde_json::{Value, json};

use super::{Done, Failure, Globals, output};
use crate::clock::SystemClock;
use crate::compose::{self, Program};
use crate::secrets::SystemSecrets;

/// One finding.
struct Finding {
    what: String,
    /// `Ok`: fine, with a detail. `Err`: what is wrong and how to mend it.
    verdict: Result<String, String>,
}

/// A clock before this was never set: this program did not exist then (2026-01-01).
const EARLIEST_MS: i64 = 1_767_225_600_000;

/// Schedules that are looked at.
const MOST_SCHEDULES: u32 = 1_000;

/// Questions that are counted.
const MOST_QUESTIONS: u32 = 1_000;

pub(crate) async fn run(globals: &Globals) -> Done {
    let mut findings =
        vec![Finding { what: "configuration".to_owned(), verdict: Ok("every value can be read".to_owned()) }];
    findings.push(clock(globals));
    findings.push(port(globals).await);
    match compose::program(&globals.config).await {
        Err(error) => findings.push(Finding {
            what: "database".to_owned(),
            verdict: Err(format!("{error:#}. Start it, or set database.url")),
        }),
        Ok(program) => with_database(&program, &mut findings).await,
    }
    let sick = findings.iter().filter(|f| f.verdict.is_err()).count();
    if globals.json {
        let rows = findings.iter().map(|f| match &f.verdict {
            Ok(detail) => json!({ "check": f.what, "ok": true, "detail": detail }),
            Err(problem) => json!({ "check": f.what, "ok": false, "problem": problem }),
        });
        output::json(&rows.collect::<Value>())?;
    } else {
        let rows: Vec<_> = findings
            .iter()
            .map(|f| match &f.verdict {
                Ok(detail) => vec!["ok".to_owned(), f.what.clone(), detail.clone()],
                Err(problem) => vec!["WRONG".to_owned(), f.what.clone(), problem.clone()],
            })
            .collect();
        output::table(&["", "CHECK", ""], &rows)?;
    }
    if sick == 0 { Ok(()) } else { Err(Failure::from(anyhow::anyhow!("{sick} checks failed"))) }
}

fn clock(globals: &Globals) -> Finding {
    let speed = globals.config.number::<u32>("clock.speed", 1).unwrap_or(1);
    let verdict = if SystemClock::real_ms() < EARLIEST_MS {
        Err("the system's clock shows a time before 2026: set it (channels refuse signatures that are 5 minutes off)"
            .to_owned())
    } else if speed != 1 {
        Err(format!("clock.speed is {speed}: for demonstrations only; remove it"))
    } else {
        Ok("plausible; keep it set by NTP".to_owned())
    };
    Finding { what: "clock".to_owned(), verdict }
}

async fn port(globals: &Globals) -> Finding {
    let address = globals.config.text("gateway.listen");
    let verdict = match crate::serve::bind(&address).await {
        Ok(_) => Ok("free".to_owned()),
        Err(error) => Err(format!("{error:#} (fine if it is bursar itself)")),
    };
    Finding { what: format!("address {address}"), verdict }
}

async fn with_database(program: &Program, findings: &mut Vec<Finding>) {
    let mut add = |what: String, verdict: Result<String, String>| findings.push(Finding { what, verdict });
    let url = crate::config::cover_password(&program.config.text("database.url"));
    match program.store.ping().await {
        Ok(()) => add("database".to_owned(), Ok(format!("{} answers at {url}", program.store.dialect()))),
        Err(error) => add("database".to_owned(), Err(format!("{error} at {url}"))),
    }
    match program.store.schema_is_current().await {
        Ok(true) => add("schema".to_owned(), Ok("current".to_owned())),
        Ok(false) => return add("schema".to_owned(), Err("not this program's: run `bursar migrate`".to_owned())),
        Err(error) => return add("schema".to_owned(), Err(format!("{error}"))),
    }
    let accounts = program.store.accounts().await.unwrap_or_default();
    for account in &accounts {
        let what = format!("account {}", account.id);
        match program.channels.check(account) {
            Err(error) => add(what, Err(error.to_string())),
            Ok(()) => {
                let urls: Vec<String> = account
                    .settings
                    .get("base_urls")
                    .and_then(Value::as_array)
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_str)
                    .map(str::to_owned)
                    .collect();
                add(what.clone(), Ok("settings and secrets can be read".to_owned()));
                for url in urls {
                    add(format!("{what} at {url}"), reach(&url).await);
                }
            }
        }
    }
    for endpoint in program.store.endpoints().await.unwrap_or_default() {
        let settings = compose::merchant_settings(&program.config);
        let readable = endpoint.secrets.iter().try_for_each(|s| SystemSecrets.read(s).map(drop));
        let verdict = bursar_channels::check_endpoint_url(&endpoint.url, &settings).and(readable);
        add(format!("endpoint {}", endpoint.id), verdict.map(|()| endpoint.url.clone()));
    }
    match program.store.parked(None, MOST_QUESTIONS).await {
        Ok(open) if open.is_empty() => add("questions".to_owned(), Ok("none waits for a person".to_owned())),
        // Not a fault of the system: people answer in their time.
        Ok(open) => {
            let more = if open.len() >= usize::try_from(MOST_QUESTIONS).unwrap_or(0) { " or more" } else { "" };
            let text = format!("{}{more} for a person: `bursar order questions`", open.len());
            add("questions".to_owned(), Ok(text));
        }
        Err(error) => add("questions".to_owned(), Err(format!("{error}"))),
    }
    add("schedules".to_owned(), schedules(program).await);
    add("self-test".to_owned(), self_test(program).await);
    if accounts.is_empty() {
        add("accounts".to_owned(), Ok("none yet: `bursar merchant add-account`".to_owned()));
    }
}

/// Whether every schedule fires when it is due.
async fn schedules(program: &Program) -> Result<String, String> {
    let now = program.clock.now();
    let filter = ScheduleFilter { state: Some(ScheduleState::Active), limit: MOST_SCHEDULES, ..Default::default() };
    let active = program.store.schedules(&filter).await.map_err(|e| e.to_string())?;
    let overdue = program.store.overdue_schedules(now, MOST_SCHEDULES).await.map_err(|e| e.to_string())?;
    if let Some(first) = overdue.first() {
        return Err(format!(
            "{} overdue, first {} ({}): see that workers run and whether its job is parked: `bursar schedule list --overdue`, \
             `bursar job list --parked`",
            overdue.len(),
            first.name,
            first.id
        ));
    }
    if let Some(ahead) = active.iter().find(|s| s.is_ahead(now)) {
        return Err(format!(
            "{} ({}) was fired for {}, which is still to come: a clock was wrong. Set the clocks, then \
             `bursar schedule resume {}`",
            ahead.name,
            ahead.id,
            ahead.last_due_at.unwrap_or_default(),
            ahead.id
        ));
    }
    Ok(format!("{} active, none overdue", active.len()))
}

/// Whether reconciliation found what was seeded when it was tested last.
async fn self_test(program: &Program) -> Result<String, String> {
    let filter = JobFilter { kind: Some(JobKind::SelfTest), limit: 1, ..JobFilter::default() };
    let job = program.store.jobs(&filter).await.map_err(|e| e.to_string())?.pop();
    match job.and_then(|job| job.note) {
        None => Ok("reconciliation was not tested yet: workers do it each night".to_owned()),
        Some(note) if note.starts_with(SELF_TEST_FAILED) => {
            Err(format!("{note}. Do not trust reconciliations until this is understood; it is tested again each night"))
        }
        Some(note) => Ok(note),
    }
}

/// Whether a connection to the host of `url` can be made.
async fn reach(url: &str) -> Result<String, String> {
    let parsed = url::Url::parse(url).map_err(|e| format!("{e}"))?;
    let (host, port) =
        (parsed.host_str().unwrap_or_default().to_owned(), parsed.port_or_known_default().unwrap_or(443));
    let connect = tokio::net::TcpStream::connect((host.as_str(), port));
    match tokio::time::timeout(Duration::from_secs(3), connect).await {
        Ok(Ok(_)) => Ok("reachable".to_owned()),
        Ok(Err(error)) => Err(format!("{error}: open the firewall for {host}:{port}, by name")),
        Err(_) => Err(format!("no answer within 3 s: open the firewall for {host}:{port}, by name")),
    }
}
