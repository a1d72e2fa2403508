//! `agreement`: payers' standing consent to be charged, and its end.

use bursar_core::agreement::{Agreement as Consent, AgreementClaim, AgreementState};
use bursar_core::billing::Plan;
use bursar_core::id::{AgreementId, MerchantId};
use bursar_core::observation::{Claim, Observation, Source};
use bursar_gateway::agreements::view::AgreementView;
use bursar_store::desk::billing::AgreementTaken;
use bursar_store::{AgreementFilter, PlanFilter};
use clap::Subcommand;
use serde_json::{Value, json};

use super::order::check_name;
use super::{Done, Failure, Globals, output};
use crate::compose::{self, Program};

#[derive(Subcommand, Debug)]
pub(crate) enum Agreement {
    /// Agreements, newest first.
    List {
        /// Only this merchant's (mer_…).
        #[arg(long)]
        merchant: Option<MerchantId>,
        /// Only of the payer with this number of the merchant.
        #[arg(long)]
        payer: Option<String>,
        /// Only in this state: new, signing, active, ending, ended, declined.
        #[arg(long, value_parser = state)]
        state: Option<AgreementState>,
        /// At most so many.
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
    /// One agreement, and the plans that charge by it.
    Show {
        /// Its id (agr_…).
        agreement: AgreementId,
    },
    /// End an agreement: nothing is charged by it any more, and the channel is told. Its plans stop.
    End {
        /// Its id (agr_…).
        agreement: AgreementId,
        /// Who wants it.
        #[arg(long)]
        by: String,
        /// Why.
        #[arg(long)]
        reason: String,
        /// Do it; without it only the plans that would stop are shown.
        #[arg(long)]
        yes: bool,
    },
}

/// Longest reason, as the API takes it.
const REASON_MAX_CHARS: usize = 127;
/// Most plans of an agreement that are shown.
const PLANS_SHOWN: u32 = 50;

fn state(text: &str) -> Result<AgreementState, String> {
    AgreementState::ALL.into_iter().find(|s| s.name() == text).ok_or_else(|| {
        let names: Vec<_> = AgreementState::ALL.into_iter().map(AgreementState::name).collect();
        format!("there are {}", names.join(", "))
    })
}

pub(crate) async fn run(globals: &Globals, verb: Agreement) -> Done {
    let program = compose::ready(&globals.config).await?;
    match verb {
        Agreement::List { merchant, payer, state, limit } => {
            let filter = AgreementFilter { merchant, payer, state, before: None, limit: limit.min(1_000) };
            let agreements = program.store.agreements(&filter).await?;
            if globals.json {
                return output::json(&agreements.iter().map(to_json).collect());
            }
            table(&agreements)
        }
        Agreement::Show { agreement } => {
            let agreement = found(&program, agreement).await?;
            show(globals, &agreement, &plans_of(&program, agreement.id).await?)
        }
        Agreement::End { agreement, by, reason, yes } => {
            check_name(&by)?;
            bursar_core::text::check("--reason", &reason, REASON_MAX_CHARS).map_err(Failure::usage)?;
            end(globals, &program, agreement, &format!("{by}: {reason}"), yes).await
        }
    }
}

/// The agreement, of whatever merchant.
pub(super) async fn found(program: &Program, id: AgreementId) -> Result<Consent, Failure> {
    let found = program.store.agreement(id).await?;
    found.ok_or_else(|| Failure::not_found(format!("there is no agreement {id}")))
}

async fn plans_of(program: &Program, id: AgreementId) -> Result<Vec<Plan>, Failure> {
    let filter = PlanFilter {
        merchant: None,
        number: None,
        payer: None,
        agreement: Some(id),
        state: None,
        before: None,
        limit: PLANS_SHOWN,
    };
    Ok(program.store.plans(&filter).await?)
}

async fn end(globals: &Globals, program: &Program, id: AgreementId, by: &str, yes: bool) -> Done {
    let agreement = found(program, id).await?;
    if agreement.state.is_final() {
        let state = agreement.state.name();
        return Err(Failure::conflict(format!("agreement {id} is {state}; there is nothing to end")));
    }
    let plans: Vec<_> = plans_of(program, id).await?.into_iter().filter(|p| !p.state.is_final()).collect();
    if !yes {
        show(globals, &agreement, &plans)?;
        return Err(Failure::usage(format!("{} plans would stop, and nothing was written: say --yes", plans.len())));
    }
    let claim = Claim::Agreement(AgreementClaim::EndRequested { by: by.to_owned() });
    let wish = Observation::new(Source::Operator, program.clock.now(), claim);
    match program.desk.observe_agreement(id, &wish, None, |_, _| {}).await? {
        AgreementTaken::Written(after) => show(globals, &after, &plans),
        AgreementTaken::NoSuchAgreement | AgreementTaken::Fenced | AgreementTaken::Duplicate => {
            Err(Failure::not_found(format!("there is no agreement {id}")))
        }
    }
}

fn to_json(agreement: &Consent) -> Value {
    let mut value = serde_json::to_value(AgreementView::from(agreement)).unwrap_or_default();
    if let Some(members) = value.as_object_mut() {
        members.insert("merchant".to_owned(), json!(agreement.merchant));
        members.insert("due_at".to_owned(), json!(agreement.due_at));
    }
    value
}

fn show(globals: &Globals, agreement: &Consent, plans: &[Plan]) -> Done {
    if globals.json {
        let plans: Vec<_> = plans.iter().map(|p| json!({ "id": p.id, "number": p.number, "state": p.state })).collect();
        return output::json(&json!({ "agreement": to_json(agreement), "plans": plans }));
    }
    table(std::slice::from_ref(agreement))?;
    let view = AgreementView::from(agreement);
    for (what, value) in [
        ("Signed", view.signed_at.map(|at| at.to_string())),
        ("Ends by itself", view.ends_at.map(|at| at.to_string())),
        ("Why", view.why),
        ("Looked at next", agreement.due_at.map(|at| at.to_string())),
    ] {
        if let Some(value) = value {
            output::line(&format!("{what}: {value}"))?;
        }
    }
    if plans.is_empty() {
        return output::line("No plan charges by it.");
    }
    let row = |p: &Plan| vec![p.id.to_string(), p.number.clone(), p.state.name().to_owned(), p.description.clone()];
    output::table(&["PLAN", "NUMBER", "STATE", "DESCRIPTION"], &plans.iter().map(row).collect::<Vec<_>>())
}

fn table(agreements: &[Consent]) -> Done {
    let row = |a: &Consent| {
        vec![
            a.id.to_string(),
            a.payer.clone(),
            a.method.name().to_owned(),
            a.state.name().to_owned(),
            a.limit.to_string(),
            a.created_at.to_string(),
            a.description.clone(),
        ]
    };
    let head = ["AGREEMENT", "PAYER", "METHOD", "STATE", "LIMIT", "CREATED", "DESCRIPTION"];
    output::table(&head, &agreements.iter().map(row).collect::<Vec<_>>())
}
