//! How families sign and plans begin: it knows requests and doors, and must never know what follows.

use anyhow::{Context as _, ensure};
use bursar_core::agreement::AgreementState;
use bursar_core::id::{AgreementId, PlanId};
use bursar_core::observation::PayCode;
use bursar_sandbox::Door;
use serde_json::{Value, json};

use super::Month;
use super::cast::{FAMILIES, Family};
use crate::play::cast::Actor;

/// The most that one charge may take: a training paid off at once.
const LIMIT_MINOR: i64 = 1_000_000;
/// What is said to payers; the payer pays soon when he pays by hand, and what goes back arrives.
pub(super) const SAID: &str = "家政服务 [payer:soon] [refund:success]";

/// What the payer's device opens when he is given `code` to sign with; `None` where nobody signs with it.
pub fn door(code: &PayCode) -> Option<Door> {
    match code {
        PayCode::Redirect { url } => Some(Door::Url(url.clone())),
        PayCode::Form { action, fields } => Some(Door::Form { action: action.clone(), fields: fields.clone() }),
        PayCode::Sdk { fields } => fields.get("client_secret").cloned().map(Door::OrderString),
        PayCode::QrCode { .. } | PayCode::Transfer { .. } | PayCode::Cash { .. } | PayCode::Debit => None,
    }
}

/// A family with a plan.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) family: Family,
    pub(super) actor: Actor,
    /// Unique among all.
    name: String,
    agreement: Option<AgreementId>,
    /// The merchant's number at the channel, once it is known.
    account: Option<String>,
    signed: bool,
    plan: Option<PlanId>,
}

impl Member {
    /// The plan.
    pub(super) fn plan(&self) -> anyhow::Result<PlanId> {
        self.plan.with_context(|| format!("{} has no plan", self.name))
    }

    /// What the channel knows the agreement by.
    pub(super) fn number(&self) -> Option<String> {
        self.agreement.map(|id| id.bare())
    }

    /// The merchant's account at the channel, and what it knows the agreement by.
    pub(super) fn at_channel(&self) -> anyhow::Result<(&str, String)> {
        let account = self.account.as_deref().with_context(|| format!("{} has not signed", self.name))?;
        Ok((account, self.number().unwrap_or_default()))
    }
}

/// Everybody is asked, signs, and has a plan.
pub(super) async fn begin(month: &Month<'_>) -> anyhow::Result<Vec<Member>> {
    let mut members = Vec::new();
    for (actor, family) in month.means.actors.iter().flat_map(|a| FAMILIES.map(|f| (a, f))) {
        let name = format!("{}-{}", family.name, members.len());
        let mut agreement = None;
        if let Some(method) = family.method {
            let body = json!({
                "payer": name, "method": method.name(), "description": SAID, "limit_minor": LIMIT_MINOR,
                "currency": "CNY", "account_id": actor.till(method.channel()),
            });
            agreement = Some(id(&month.ask(actor, "/v1/agreements", &body, &[202]).await?)?);
        }
        let (actor, signed) = (actor.clone(), agreement.is_none());
        members.push(Member { family, actor, name, agreement, account: None, signed, plan: None });
    }
    while members.iter().any(|m| !m.signed) {
        month.rest().await?;
        for member in members.iter_mut().filter(|m| !m.signed) {
            sign(month, member).await?;
        }
    }
    for member in &mut members {
        member.plan = Some(open_plan(month, member).await?);
    }
    Ok(members)
}

/// The next step on the member's way to an agreement that is in force.
async fn sign(month: &Month<'_>, member: &mut Member) -> anyhow::Result<()> {
    let Some(id) = member.agreement else { return Ok(()) };
    let store = month.means.program.store.as_ref();
    let agreement = store.agreement(id).await?.with_context(|| format!("{id} is gone"))?;
    ensure!(!agreement.state.is_final(), "{id} of {} ended: {}", member.name, agreement.state.name());
    match (agreement.state, &member.account) {
        (AgreementState::Signing, None) => {
            let Some((_, code)) = &agreement.evidence.offered else { return Ok(()) };
            let door = door(code).with_context(|| format!("nobody signs with {code:?}"))?;
            let sandbox = month.means.sandbox;
            let opened = sandbox.open(&door).map_err(anyhow::Error::msg)?;
            sandbox.sign(&opened.account, &id.bare()).map_err(anyhow::Error::msg)?;
            sandbox.set_purse(&opened.account, &id.bare(), member.family.purse).map_err(anyhow::Error::msg)?;
            member.account = Some(opened.account);
        }
        (AgreementState::Active, Some(_)) => member.signed = true,
        _ => {}
    }
    Ok(())
}

async fn open_plan(month: &Month<'_>, member: &Member) -> anyhow::Result<PlanId> {
    let mut body = json!({
        "number": format!("month-{}", member.name), "payer": member.name, "description": SAID, "currency": "CNY",
        "offers": ["wechat_native"],
    });
    let (kind, terms) = member.family.terms();
    if let Some(members) = body.as_object_mut() {
        members.insert(kind.to_owned(), terms);
        members.extend(member.agreement.map(|id| ("agreement".to_owned(), json!(id))));
    }
    id(&month.ask(&member.actor, "/v1/plans", &body, &[201]).await?)
}

/// The id in an answer.
pub(super) fn id<T: std::str::FromStr>(answer: &Value) -> anyhow::Result<T> {
    let text = answer.get("id").and_then(Value::as_str);
    text.and_then(|text| text.parse().ok()).with_context(|| format!("no id in {answer}"))
}
