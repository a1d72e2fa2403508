//! What merchants and clerks ask of the gateway about refunds, in the order of its own steps: the key is
//! looked up, the rules are asked, the answer is committed with its key. It knows the desk, and must never
//! know HTTP.

use bursar_core::Timestamp;
use bursar_core::clock::MINUTE_MS;
use bursar_core::id::{LegId, PaymentId, RefundId};
use bursar_core::observation::{Claim, Observation, Source};
use bursar_core::order::{Dossier, OrderState};
use bursar_core::payment::PaymentState;
use bursar_core::refund::{Impossible, RefundClaim, RefundState, Route};
use bursar_jobs::JobContext;
use bursar_store::desk::{Granted, Taken};
use bursar_store::{Change, IdempotencyKey};

use super::agenda::{Event, Part};
use super::cast;
use super::faults::Fault;
use super::hands::Line;
use super::script::{self, Payer, Script};
use super::state::World;

/// Who was refused asks again after so long, in case the money has come meanwhile.
const ASKS_AGAIN_MS: i64 = 4 * MINUTE_MS;
/// So often.
const ASKS: u32 = 3;
/// Clerks.
pub(crate) const CLERK: &str = "Bob";

fn key(context: &JobContext, script: &Script, key: String) -> IdempotencyKey {
    IdempotencyKey {
        merchant: script.merchant,
        key,
        request_digest: Vec::new(),
        status: 202,
        answer: String::new(),
        created_at: context.now(),
    }
}

/// The order as a request finds it; `None`: not there (yet), or the database is away.
async fn found(context: &JobContext, script: &Script) -> Option<Dossier> {
    let store = context.desk.gatherer.store();
    let order = store.order_by_number(script.merchant, &script.number).await.ok()??;
    store.dossier(order).await.ok()?
}

/// A merchant asks for a refund.
pub(crate) async fn refund(world: World, context: JobContext, script: Script, which: (usize, usize, u32)) {
    let (index, nth, attempt) = which;
    let Some(wish) = script.wishes.get(nth).copied() else { return };
    let desk = &context.desk;
    let key = key(&context, &script, format!("refund-{index}-{nth}-{attempt}"));
    match desk.gatherer.store().idempotency(script.merchant, &key.key).await {
        Err(_) => return,
        Ok(Some(_)) => {
            world.lock().answered.insert(which);
            return;
        }
        Ok(None) => {}
    }
    let Some(dossier) = found(&context, &script).await else { return };
    let request = wish.request(RefundId::fresh(context.now(), desk.chance.as_ref()), &dossier);
    let complete = |_: &Dossier, change: &mut Change| change.idempotency = Some(key.clone());
    match desk.refund(dossier.order.id, &request, complete).await {
        Ok(Granted::Written(_) | Granted::Duplicate) => {
            world.lock().answered.insert(which);
        }
        Ok(Granted::Refused(why)) => {
            let mut state = world.lock();
            state.note(|| format!("a refund is refused: {why}"));
            state.count(Fault::ImpossibleRefund);
            let waits = matches!(why, Impossible::NothingCaptured(_) | Impossible::StillPaying);
            // Several copies of the request may be told no: the merchant asks again once.
            if state.answered.insert(which) && waits && attempt < ASKS {
                state.at(ASKS_AGAIN_MS, Event::Wish(index, nth, attempt + 1));
            }
        }
        Ok(Granted::NoSuchOrder) | Err(_) => {}
    }
}

/// A client adds a payment to its order: all that is missing.
pub(crate) async fn add_payment(world: World, context: JobContext, index: usize, script: Script, attempt: u32) {
    let Some(addition) = script.addition else { return };
    let desk = &context.desk;
    let key = key(&context, &script, format!("add-{index}-{attempt}"));
    let Some(dossier) = found(&context, &script).await else { return };
    let (order, now) = (&dossier.order, context.now());
    let missing = dossier.missing_minor().max(1);
    let id = PaymentId::fresh(now, desk.chance.as_ref());
    let payment = script::payment(order, id, (addition.account, addition.method), missing, now);
    let expires_at = addition.expires_ms.map(Timestamp::from_millis);
    let complete = |_: &Dossier, change: &mut Change| change.idempotency = Some(key.clone());
    match desk.add_payment(&payment, expires_at, complete).await {
        Ok(Granted::Written(_) | Granted::Duplicate) => {
            let mut state = world.lock();
            if state.added.insert((index, attempt)) && addition.payer != Payer::Never {
                let delay = state.between(500, 40_000);
                state.at(delay, Event::Pay(index, Part::Added));
            }
        }
        Ok(Granted::Refused(why)) => {
            let mut state = world.lock();
            state.note(|| format!("a further payment is refused: {why}"));
            state.added.insert((index, attempt));
        }
        Ok(Granted::NoSuchOrder) | Err(_) => {}
    }
}

/// A payer chooses a way: it is answered with the payment that it got, however often it is asked.
pub(crate) async fn pick(world: World, context: JobContext, which: (usize, usize), script: Script) {
    let Some(choice) = script.picks.get(which.1).copied() else { return };
    let desk = &context.desk;
    let mut key = key(&context, &script, format!("pick-{}-{}", which.0, which.1));
    let asked_before = match desk.gatherer.store().idempotency(script.merchant, &key.key).await {
        Err(_) => return,
        Ok(row) => row.map(|row| row.answer),
    };
    if let Some(answer) = asked_before {
        return picked(&world, &script, which, answer.parse().ok(), false);
    }
    let Some(dossier) = found(&context, &script).await else { return };
    let (order, now) = (&dossier.order, context.now());
    let open = dossier.payments.iter().any(|p| !p.state.is_final());
    let id = PaymentId::fresh(now, desk.chance.as_ref());
    key.answer = id.to_string();
    let missing = dossier.missing_minor().max(1);
    let payment = script::payment(order, id, (choice.account, choice.method), missing, now);
    let complete = |_: &Dossier, change: &mut Change| change.idempotency = Some(key.clone());
    let id = match desk.pick(&payment, complete).await {
        Ok(Granted::Written(_)) => Some(id),
        Ok(Granted::Duplicate) => {
            let row = desk.gatherer.store().idempotency(script.merchant, &key.key).await;
            let Ok(Some(row)) = row else { return };
            row.answer.parse().ok()
        }
        Ok(Granted::Refused(why)) => {
            let mut state = world.lock();
            state.note(|| format!("a choice is refused: {why}"));
            // Another copy of the wish may have been granted meanwhile: the next one finds its answer.
            if !state.tables.idempotency.contains_key(&(script.merchant, key.key.clone())) {
                state.count(Fault::ImpossiblePick);
                state.chosen.insert(which);
            }
            return;
        }
        Ok(Granted::NoSuchOrder) | Err(_) => return,
    };
    picked(&world, &script, which, id, open);
}

/// A payer knows what his choice has become.
fn picked(world: &World, script: &Script, which: (usize, usize), id: Option<PaymentId>, open: bool) {
    let Some(choice) = script.picks.get(which.1) else { return };
    let mut state = world.lock();
    if !state.chosen.insert(which) {
        return;
    }
    if open {
        state.count(Fault::PickedAgain);
    }
    let (index, nth) = which;
    if let Some(id) = id {
        state.picked.insert((index, Part::Picked(nth)), id);
    }
    if choice.payer != Payer::Never {
        let delay = state.between(500, 40_000);
        state.at(delay, Event::Pay(index, Part::Picked(nth)));
    }
}

/// A line of a statement, or a collection, is written into the books.
pub(crate) async fn tell(world: World, context: JobContext, id: String, row: Line, back: bool) {
    let Some(payment) = bursar_core::id::from_text(&row.payment).map(PaymentId) else { return };
    let claim = match back {
        false => Claim::Received(row.piece()),
        true => Claim::TakenBack { line: row.id.clone(), reason: "returned by the bank".to_owned() },
    };
    let seen = Observation::new(row.source(), context.now(), claim);
    if let Ok(Taken::Written(_)) = context.desk.observe_with(payment, &seen, |_, _| {}).await
        && let Some(line) = world.lock().books.lines.get_mut(&id)
    {
        line.told |= !back;
        line.told_back |= back;
    }
}

/// A merchant takes what is held, or lets it go.
pub(crate) async fn decide_hold(world: World, context: JobContext, payment: PaymentId, take: bool) {
    let Ok(Some(dossier)) = context.desk.dossier_of(payment.into()).await else { return };
    let Some(held) = dossier.payment(payment).filter(|p| p.state == PaymentState::Authorized) else { return };
    // Sometimes the service comes to less.
    let less = {
        let state = world.lock();
        (state.between(0, 3) == 0).then(|| (held.amount.minor - state.between(0, held.amount.minor)).max(1))
    };
    let claim = match take {
        true => Claim::CaptureRequested { by: CLERK.to_owned(), minor: less },
        false => Claim::CloseRequested { reason: "not needed any more".to_owned() },
    };
    world.lock().note(|| format!("a merchant wants {payment}: {take}, {less:?}"));
    say(&context, payment, claim).await;
}

async fn say(context: &JobContext, subject: impl Into<bursar_core::observation::Subject>, claim: Claim) -> bool {
    let seen = Observation::new(Source::Operator, context.now(), claim);
    matches!(context.desk.observe_with(subject, &seen, |_, _| {}).await, Ok(Taken::Written(_)))
}

/// A person agrees to a refund, or refuses it. Whether he may is asked before anything is written.
pub(crate) async fn judge(world: World, context: JobContext, refund: RefundId, by: String, yes: bool) {
    let found = context.desk.dossier_of(refund.into()).await;
    let Ok(Some(dossier)) = found else { return };
    let Some(row) = dossier.refund(refund).filter(|r| r.state == RefundState::AwaitingApproval) else { return };
    if let Err(why) = row.check_approver(&by) {
        world.lock().note(|| format!("a clerk is refused: {why}"));
        return;
    }
    let claim = if yes { RefundClaim::Approved { by } } else { RefundClaim::Rejected { by, reason: "no".to_owned() } };
    say(&context, refund, Claim::Refund(claim)).await;
}

/// A person confirms that he has transferred the money of a leg. He has: whatever became of the leg since, it
/// must be on the books.
pub(crate) async fn transferred(world: World, context: JobContext, leg: LegId) {
    let claim = RefundClaim::Transferred { by: CLERK.to_owned(), reference: format!("bank-{leg}") };
    if say(&context, leg, Claim::Refund(claim)).await {
        world.lock().confirmed.insert(leg);
    }
}

/// A person gives a leg up. Only what cannot have had an effect can be dropped.
pub(crate) async fn abandon(context: JobContext, leg: LegId) {
    let Ok(Some(dossier)) = context.desk.dossier_of(leg.into()).await else { return };
    if !dossier.leg(leg).is_some_and(|(_, l)| l.can_be_dropped() && l.route == Route::Transfer) {
        return;
    }
    let claim = RefundClaim::Abandoned { by: CLERK.to_owned(), reason: "the payer has moved".to_owned() };
    say(&context, leg, Claim::Refund(claim)).await;
}

/// A person gives up what the bank took back.
pub(crate) async fn end(context: JobContext, payment: PaymentId) {
    say(&context, payment, Claim::CloseRequested { reason: "the bank took it back".to_owned() }).await;
}

/// A person answers whether late money is kept. It can be kept only where it makes its order whole.
pub(crate) async fn answer(context: JobContext, payment: PaymentId, keep: bool) {
    let Ok(Some(dossier)) = context.desk.dossier_of(payment.into()).await else { return };
    let waits = |p: &&bursar_core::payment::Payment| {
        p.state == PaymentState::Captured && p.evidence.late_answer.is_none() && p.due_at.is_some()
    };
    let closed = dossier.order.state == OrderState::Closed;
    let Some(row) = dossier.payment(payment).filter(waits).filter(|_| closed) else { return };
    let untouched = row.returned_minor == 0 && row.taken_minor() >= dossier.order.amount.minor;
    let asked =
        matches!(cast::policy_of(dossier.order.merchant).after_close, bursar_core::merchant::AfterClose::Park { .. });
    if asked {
        say(&context, payment, Claim::LateMoneyAnswered { keep: keep && untouched, by: CLERK.to_owned() }).await;
    }
}
