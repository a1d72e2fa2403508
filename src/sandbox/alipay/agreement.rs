//! The calls about agreements: it knows what is lawful in Alipay's words and how an agreement is written; what the
//! payer does is the common payers'.

use jiff::civil::Date;
use serde_json::{Value, json};

use crate::agreements::{Agreement, Agreements, NewAgreement};
use crate::alipay::account::App;
use crate::alipay::agreement_body::{Named, SignBody};
use crate::alipay::keys::Mode;
use crate::alipay::moment;
use crate::alipay::params::Params;
use crate::alipay::refusal::Refusal;
use crate::alipay::verify::{self, Verified};
use crate::fates::Subject;
use crate::own::Own;
use crate::pace::beijing_digits;
use crate::purse::asked_for;
use crate::shared::Shared;
use crate::{AgreementLimits, AgreementState, Channel, EndedBy, dice};

/// The method whose page the payer's device opens.
pub(crate) const PAGE_METHOD: &str = "alipay.user.agreement.page.sign";
const DAY_MS: i64 = 24 * 3_600_000;
/// The end of an agreement that has none.
const FOR_EVER: &str = "2115-02-01 00:00:00";

/// What Alipay keeps of an agreement.
pub(crate) struct AgreementFacts {
    pub(crate) body: SignBody,
    pub(crate) mode: Mode,
    pub(crate) notify_url: Option<String>,
    /// The day of the next debit, where there is a plan.
    pub(crate) next: Option<Date>,
    pub(crate) last: Option<i64>,
}

fn no_such_agreement() -> Refusal {
    Refusal::business("USER_AGREEMENT_NOT_EXIST", "用户协议不存在")
}

fn find(agreements: &Agreements, app_id: &str, named: &Named) -> Option<usize> {
    match named {
        Named::No(no) => agreements.position_of(Channel::Alipay, app_id, no),
        Named::External(scope) => agreements.position(Channel::Alipay, app_id, scope),
    }
}

/// The agreement of a signed page: it is offered now. Opened again, it is the same with the same payer.
pub(crate) fn enter(world: &Shared, params: &Params) -> Result<usize, Refusal> {
    let app = verify::app(&world.alipay, params)?;
    let request = verify::verify(&world.alipay, app, params, None)?;
    let body = SignBody::read(&request.biz_content)?;
    let (position, fresh) = offer(world, app, &request, body)?;
    if fresh {
        world.signer_arrives(position);
    }
    Ok(position)
}

fn offer(world: &Shared, app: &App, request: &Verified<'_>, body: SignBody) -> Result<(usize, bool), Refusal> {
    let (now_ms, app_id) = (world.pace.now_ms(), app.account.app_id.as_str());
    let said = body.external_logon_id.clone().unwrap_or_default();
    let label = format!("agreement\n{}", body.scope().unwrap_or_default());
    let fate = world.draw(app.asker(), Subject::Create { number: &label, description: &said, amount_minor: 0 }).fate;
    let mut orders = world.orders();
    if let Some(known) = body.scope().and_then(|scope| orders.agreements.position(Channel::Alipay, app_id, &scope)) {
        let one = orders.agreements.list.get(known).ok_or_else(no_such_agreement)?;
        let same = one.own.get::<AgreementFacts>().is_some_and(|facts| facts.body == body);
        return match one.state {
            AgreementState::Offered if same => Ok((known, false)),
            AgreementState::Offered => Err(Refusal::business("INVALID_PARAMETER", "签约号已使用")),
            AgreementState::Signed => Err(Refusal::business("USER_AGREEMENT_EXIST", "用户已签约")),
            AgreementState::Ended(_) => Err(Refusal::business("INVALID_PARAMETER", "签约号已使用")),
        };
    }
    let day: String = beijing_digits(now_ms).chars().take(8).collect();
    let id = format!("{day}5{:05}{:06}", fate % 100_000, orders.next_serial());
    let plan = body.plan.as_ref();
    let limits = AgreementLimits {
        single_minor: plan.map(|plan| plan.single_fen),
        total_minor: plan.and_then(|plan| plan.total_fen),
        times: plan.and_then(|plan| plan.times),
    };
    let number = body.external_agreement_no.clone().unwrap_or_else(|| id.clone());
    let position = orders.agreements.insert(NewAgreement {
        channel: Channel::Alipay,
        account: app_id.to_owned(),
        scope: body.scope().unwrap_or_else(|| id.clone()),
        number,
        id,
        payer: format!("2088{:012}", dice::draw(&[fate, 66]) % 1_000_000_000_000),
        limits,
        signs: world.payers.agreements.signs(&said, dice::draw(&[fate, 67])),
        purse: asked_for(&said),
        fate,
        now_ms,
        lasts_ms: body.valid_days.map(|days| days.saturating_mul(DAY_MS)),
        own: Own::new(AgreementFacts {
            mode: request.mode,
            notify_url: request.notify_url.clone(),
            next: plan.map(|plan| plan.first),
            last: None,
            body,
        }),
    });
    Ok((position, true))
}

/// The members that notifications and answers share.
pub(crate) fn members(one: &Agreement, facts: &AgreementFacts) -> Vec<(&'static str, String)> {
    let signed = moment::write(one.signed_at_ms.unwrap_or_default());
    let mut members = vec![
        ("agreement_no", one.id.clone()),
        ("personal_product_code", facts.body.personal_product_code.clone()),
        ("sign_scene", facts.body.sign_scene.clone()),
        ("alipay_user_id", one.payer.clone()),
        ("alipay_logon_id", "san***@sandbox.example".to_owned()),
        ("sign_time", signed.clone()),
        ("valid_time", signed),
        ("invalid_time", one.valid_until_ms.map_or_else(|| FOR_EVER.to_owned(), moment::write)),
    ];
    let external = facts.body.external_agreement_no.clone();
    members.extend(external.map(|number| ("external_agreement_no", number)));
    members.extend(facts.body.external_logon_id.clone().map(|id| ("external_logon_id", id)));
    members
}

/// Shows an agreement that is in force; others do not exist.
pub(crate) fn query(world: &Shared, request: &Verified<'_>, named: &Named) -> Result<Value, Refusal> {
    let orders = world.orders();
    let found = find(&orders.agreements, &request.app.account.app_id, named);
    let one = found.and_then(|position| orders.agreements.list.get(position)).filter(|one| one.is_signed());
    let one = one.ok_or_else(no_such_agreement)?;
    let facts = one.own.get::<AgreementFacts>().ok_or_else(no_such_agreement)?;
    let mut written = json!({ "status": "NORMAL", "principal_type": "CARD", "principal_id": one.payer });
    if let Some(content) = written.as_object_mut() {
        content.extend(members(one, facts).into_iter().map(|(name, text)| (name.to_owned(), text.into())));
        if let Some(next) = facts.next {
            content.insert("next_deduct_time".to_owned(), next.to_string().into());
        }
        if let Some(last_ms) = facts.last {
            content.insert("last_deduct_time".to_owned(), moment::write(last_ms).into());
        }
    }
    Ok(written)
}

/// Ends an agreement.
pub(crate) fn unsign(world: &Shared, request: &Verified<'_>, named: &Named) -> Result<Value, Refusal> {
    let mut orders = world.orders();
    let found = find(&orders.agreements, &request.app.account.app_id, named);
    let unknown = || Refusal::business("AGREEMENT_NOT_EXIST", "协议不存在");
    let position = found.ok_or_else(unknown)?;
    match orders.agreements.list.get(position).ok_or_else(unknown)?.state {
        AgreementState::Offered => return Err(unknown()),
        AgreementState::Ended(_) => {
            return Err(Refusal::business("USER_AGREEMENT_STATUS_NOT_NORMAL", "协议状态不正常"));
        }
        AgreementState::Signed => {}
    }
    world.ends_in(&mut orders.agreements, position, EndedBy::Merchant);
    Ok(json!({}))
}

/// Puts the next debit off.
pub(crate) fn modify(world: &Shared, request: &Verified<'_>, no: &str, day: Date) -> Result<Value, Refusal> {
    let mut orders = world.orders();
    let found = orders.agreements.position_of(Channel::Alipay, &request.app.account.app_id, no);
    let one = found.and_then(|position| orders.agreements.list.get_mut(position)).filter(|one| one.is_signed());
    let one = one.ok_or_else(no_such_agreement)?;
    let facts = one.own.get_mut::<AgreementFacts>().ok_or_else(no_such_agreement)?;
    let Some(next) = facts.next else {
        return Err(Refusal::business("INVALID_PARAMETER", "协议没有扣款计划"));
    };
    // The same day again is a repetition whose answer was lost.
    if day < next {
        return Err(Refusal::business("INVALID_PARAMETER", "扣款时间只能延后"));
    }
    facts.next = Some(day);
    Ok(json!({ "agreement_no": no, "deduct_time": day.to_string() }))
}
