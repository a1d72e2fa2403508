//! What merchants and payers ask of the gateway, in the order of its own steps. It knows the desk, and must never know
//! HTTP.

use bursar_core::billing::wishes::Wish;
use bursar_core::id::{OrderId, PaymentId};
use bursar_core::observation::Source;
use bursar_core::order::Dossier;
use bursar_core::payment::{Evidence, PayerDetails, Payment, PaymentState};
use bursar_core::schedule::Schedule;
use bursar_jobs::JobContext;
use bursar_store::desk::billing::PlanGranted;
use bursar_store::{Answer, Change, IdempotencyKey};

use super::cast::{self, Contract, Payer};
use crate::world::cast::merchant;
use crate::world::state::World;

fn key(context: &JobContext, name: &str) -> IdempotencyKey {
    IdempotencyKey {
        merchant: merchant(0),
        key: name.to_owned(),
        request_digest: Vec::new(),
        status: 201,
        answer: String::new(),
        created_at: context.now(),
    }
}

/// Notes that `name` is on the books. A first try may have been written although its answer was lost: then it counts
/// from that moment, which the watch has noted.
fn done(world: &World, name: &str) {
    let mut state = world.lock();
    let now = state.now;
    state.billing.done.entry(name.to_owned()).or_insert(now);
}

/// A merchant asks for a payer's consent.
pub(super) async fn agree(world: World, context: JobContext, name: String, payer: Payer) {
    let Some(agreement) = payer.agreement(context.now()) else { return done(&world, &name) };
    let key = key(&context, &name);
    let taken = context.desk.open_agreement(agreement, |_, change| change.idempotency = Some(key)).await;
    if let Ok(Answer::Committed | Answer::Duplicate) = taken {
        done(&world, &name);
    }
}

/// A merchant gives us a contract.
pub(super) async fn open(world: World, context: JobContext, name: String, payer: Payer, contract: Contract) {
    let Some(file) = payer.plan(&contract, context.now()) else { return };
    let key = key(&context, &name);
    let taken = context.desk.open_plan(file, |_, change| change.idempotency = Some(key)).await;
    if let Ok(Answer::Committed | Answer::Duplicate) = taken {
        done(&world, &name);
    }
}

/// A merchant makes a schedule.
pub(super) async fn schedule(world: World, context: JobContext, name: String, row: Schedule) {
    let key = key(&context, &name);
    let taken = context.desk.add_schedule(row, |_, change| change.idempotency = Some(key)).await;
    if let Ok((Answer::Committed | Answer::Duplicate, _)) = taken {
        done(&world, &name);
    }
}

/// A merchant wants something of a plan.
pub(super) async fn wish(world: World, context: JobContext, name: String, contract: Contract, wish: Wish) {
    let key = key(&context, &name);
    let complete = |_: &_, change: &mut Change| change.idempotency = Some(key.clone());
    // A first try may have been written: then the plan is not what it was, and must not be asked again.
    match context.desk.gatherer.store().idempotency(merchant(0), &name).await {
        Ok(None) => {}
        Ok(Some(_)) => return done(&world, &name),
        Err(_) => return,
    }
    match context.desk.grant_plan(contract.id, &wish, Source::Merchant, complete).await {
        Ok(PlanGranted::Written(_) | PlanGranted::Duplicate) => done(&world, &name),
        Ok(PlanGranted::Refused(why)) => {
            let mut state = world.lock();
            state.note(|| format!("{name} is refused: {why}"));
            if !state.tables.idempotency.contains_key(&(merchant(0), name.clone())) {
                let now = state.now;
                state.billing.done.insert(format!("refused {name}"), now);
            }
        }
        Ok(PlanGranted::NoSuchPlan) | Err(_) => {}
    }
}

/// A payer chooses to pay an order himself.
pub(super) async fn pick(world: World, context: JobContext, order: OrderId) {
    let (desk, now) = (&context.desk, context.now());
    let Ok(Some(dossier)) = desk.gatherer.store().dossier(order).await else { return };
    let (account, method) = cast::by_hand();
    let payment = Payment {
        id: PaymentId::fresh(now, desk.chance.as_ref()),
        order,
        merchant: merchant(0),
        account,
        method,
        amount: bursar_core::Money::new(dossier.missing_minor().max(1), dossier.order.amount.currency),
        payer: PayerDetails::default(),
        agreement: None,
        state: PaymentState::New,
        evidence: Evidence::default(),
        returned_minor: 0,
        installments: None,
        version: 0,
        due_at: None,
        created_at: now,
    };
    let picked = desk.pick(&payment, |_: &Dossier, _: &mut Change| {}).await;
    world.lock().note(|| format!("a payer chooses to pay {order} by hand: {}", picked.is_ok()));
}
