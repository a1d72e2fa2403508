//! `ledger certificate` and `ledger verify`: what was proved of days, and whether it still holds.

use bursar_core::bank::Day;
use bursar_core::certificate::{Certificate, Sum};
use bursar_core::{Currency, Money};
use bursar_store::CertificateRow;
use bursar_store::proof::certificate::{hex, make};
use bursar_store::proof::verify::verify;
use serde_json::{Value, json};

use super::{Done, Failure, Globals, output};
use crate::compose::Program;

/// Shows the certificate of a day (the last one when none is named), after making what is missing when asked to.
pub(super) async fn show(globals: &Globals, program: &Program, day: Option<Day>, making: bool) -> Done {
    let store = program.store.as_ref();
    if making {
        let now = program.clock.now();
        let yesterday = Day::in_beijing(now).plus_days(-1);
        if let Some(day) = day.filter(|day| *day > yesterday) {
            return Err(Failure::usage(format!(
                "{day} has not ended in Beijing; {yesterday} is the last day that has"
            )));
        }
        for made in make(store, day.unwrap_or(yesterday), now).await? {
            eprintln!("made the certificate of {}", made.row.day);
        }
    }
    let row = match day {
        Some(day) => store.certificate(day).await?,
        None => store.last_certificate().await?,
    };
    let Some(row) = row else {
        let which = day.map_or_else(|| "any day".to_owned(), |day| day.to_string());
        let text = "workers make them each morning, and --make makes what is missing";
        return Err(Failure::not_found(format!("there is no certificate of {which}; {text}")));
    };
    let certificate: Certificate = serde_json::from_str(&row.body)?;
    if globals.json {
        let body: Value = serde_json::from_str(&row.body)?;
        output::json(&json!({ "digest": hex(&row.digest), "certificate": body }))?;
    } else {
        print(&certificate, &row)?;
    }
    if certificate.proof.holds {
        return Ok(());
    }
    let different = certificate.proof.different;
    Err(Failure::violated(format!("the ledger did not agree with the payments: {different} differences")))
}

/// An amount of minor units in words; as it is in a currency that this program does not know.
fn money(minor: i64, currency: &str) -> String {
    let known = currency.parse::<Currency>();
    known.map_or_else(|_| format!("{minor} {currency}"), |currency| Money::new(minor, currency).to_string())
}

fn sums(all: &[Sum]) -> String {
    let each: Vec<String> = all.iter().map(|s| format!("{} ({})", s.count, money(s.minor, &s.currency))).collect();
    if each.is_empty() { "0".to_owned() } else { each.join(", ") }
}

fn print(c: &Certificate, row: &CertificateRow) -> Done {
    let mut rows = Vec::new();
    let mut say = |name: &str, text: String| rows.push(vec![name.to_owned(), text]);
    say("day", format!("{} (number {})", c.day, c.sequence));
    say("made", c.made_at.to_string());
    say("orders taken", sums(&c.orders));
    for m in &c.movements {
        say(&format!("{} {}", m.channel, m.kind), format!("{} on {}", sums(std::slice::from_ref(&m.sum)), m.account));
    }
    say("postings", format!("{}, digest {}", c.postings.count, c.postings.digest));
    for b in &c.balances {
        let left = b.debit_minor.saturating_sub(b.credit_minor);
        say(&format!("balance {}", b.kind.name()), money(left, &b.currency));
    }
    let agrees = if c.proof.holds { "agrees" } else { "DOES NOT AGREE" };
    let p = &c.proof;
    say("ledger", format!("{agrees} with {} orders, {} payments, {} legs of refunds", p.orders, p.payments, p.legs));
    let oldest = c.unknown.oldest_at.map(|at| format!(", the oldest of {at}")).unwrap_or_default();
    let suspense: Vec<_> = c.unknown.suspense.iter().map(|s| money(s.minor, &s.currency)).collect();
    say("not sure about", format!("{}{oldest}; in suspense: {}", c.unknown.count, suspense.join(", ")));
    for b in &c.breaks {
        say(&format!("breaks {} {}", b.kind, b.state), b.count.to_string());
    }
    say("repaired that day", format!("{} by a machine, {} by a person", c.repaired.by_machine, c.repaired.by_person));
    let missing: Vec<_> = c.runs.missing.iter().map(|m| format!("{} {} {}", m.account, m.day, m.state)).collect();
    let missing =
        if missing.is_empty() { "none missing".to_owned() } else { format!("missing: {}", missing.join(", ")) };
    say("reconciliations", format!("{} done, {missing}", c.runs.done));
    say("digest", hex(&row.digest));
    say("the one before", c.previous.clone().unwrap_or_else(|| "none".to_owned()));
    output::table(&["CERTIFICATE", ""], &rows)
}

/// Verifies the certificate of a day, or all of them with their chain.
pub(super) async fn check(globals: &Globals, program: &Program, day: Option<Day>) -> Done {
    let found = verify(program.store.as_ref(), day).await?;
    if found.certificates == 0 && day.is_some() {
        let which = day.map(|day| day.to_string()).unwrap_or_default();
        return Err(Failure::not_found(format!("there is no certificate of {which}")));
    }
    let told =
        |all: &[(Day, String)]| all.iter().map(|(day, what)| json!({ "day": day, "what": what })).collect::<Value>();
    if globals.json {
        output::json(&json!({
            "certificates": found.certificates, "head": found.head, "changed": told(&found.changed),
            "known_later": told(&found.grown),
        }))?;
    } else {
        for (day, what) in &found.grown {
            output::line(&format!("{day}  known later  {what}"))?;
        }
        for (day, what) in &found.changed {
            output::line(&format!("{day}  CHANGED      {what}"))?;
        }
    }
    if !found.changed.is_empty() {
        return Err(Failure::violated(format!(
            "{} things were changed after they were certified",
            found.changed.len()
        )));
    }
    if globals.json {
        return Ok(());
    }
    let head = found.head.map(|head| format!("; the last digest is {head}")).unwrap_or_default();
    output::line(&format!("{} certificates hold{head}", found.certificates))
}
