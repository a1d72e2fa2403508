//! State diagrams, drawn from the machine itself: it knows how to walk it, and must never list an edge
//! by hand.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use uuid::Uuid;

use crate::channel::{ChannelFacts, ChannelKind, Method};
use crate::clock::Timestamp;
use crate::decide::{Policy, decide, open};
use crate::id::{ChannelAccountId, LegId, MerchantId, OrderId, PaymentId, RefundId};
use crate::merchant::{LateMoneyPolicy, MerchantPolicy};
use crate::money::{Currency, Money};
use crate::observation::{Claim, Hold, Observation, PayCode, Piece, Receipt, Source, Subject};
use crate::order::{Dossier, Order, OrderState};
use crate::payment::{Evidence, PayerDetails, Payment, PaymentState};
use crate::plan::Plans;
use crate::refund::{BY_RULE, Leg, LegEvidence, LegState, RefundClaim, RefundReceipt, Route};

/// An edge: from, what was observed, to.
pub type Edge<S> = (S, &'static str, S);

/// How many observations deep the walk goes. Every edge shows within this many: the tests check that
/// walking deeper finds no more.
const DEPTH: usize = 4;

/// All edges of the payment machine and of the order machine.
#[derive(Debug, Default)]
pub struct Edges {
    /// Edges between states of a payment.
    pub payment: BTreeSet<Edge<PaymentState>>,
    /// Edges between states of an order.
    pub order: BTreeSet<Edge<OrderState>>,
}

/// The same for a leg of a refund.
const LEG_DEPTH: usize = 4;

const STEP_MS: i64 = 100;

fn start() -> Dossier {
    let zero = Timestamp::from_millis(0);
    let merchant = MerchantId(Uuid::nil());
    let amount = Money::new(1, Currency::CNY);
    let order = Order {
        id: OrderId(Uuid::nil()),
        merchant,
        number: String::new(),
        amount,
        description: String::new(),
        state: OrderState::Created,
        close_reason: None,
        late_money: false,
        installment: None,
        shares: Vec::new(),
        part_payment: false,
        service: None,
        region: None,
        offers: Vec::new(),
        payer: None,
        due_at: None,
        expires_at: zero,
        event_count: 0,
        version: 0,
        created_at: zero,
    };
    let payment = Payment {
        id: PaymentId(Uuid::nil()),
        order: order.id,
        merchant,
        account: ChannelAccountId(Uuid::nil()),
        method: Method::WechatNative,
        amount,
        payer: PayerDetails::default(),
        state: PaymentState::New,
        evidence: Evidence::default(),
        returned_minor: 0,
        installments: None,
        agreement: None,
        version: 0,
        due_at: None,
        created_at: zero,
    };
    open(order, vec![payment], zero).next
}

/// What is said of payments of one kind: at a channel that can be asked, on a card that holds first, by hand.
fn claims() -> [Vec<Claim>; 3] {
    let receipt = |amount_minor| Receipt {
        transaction_id: "t".into(),
        amount_minor,
        currency: "CNY".into(),
        payee_matches: true,
        paid_at: Timestamp::from_millis(0),
    };
    let piece = |line: &str| Piece {
        line: line.into(),
        amount_minor: 1,
        currency: "CNY".into(),
        at: Timestamp::from_millis(0),
    };
    let why = String::new;
    let first = [
        Claim::Sending,
        Claim::Accepted { code: PayCode::QrCode { url: String::new() } },
        Claim::Unpaid,
        Claim::CloseRequested { reason: why() },
        Claim::CloseAccepted,
        Claim::UnpaidAfterClose,
    ];
    let asked = [
        Claim::Refused { reason: why() },
        Claim::NoAnswer { why: why() },
        Claim::NotSent { why: why() },
        Claim::Absent,
        Claim::AttemptFailed { reason: why() },
        Claim::Paid(receipt(1)),
        Claim::Paid(receipt(2)),
        Claim::ClosedAtChannel,
        Claim::Lapsed,
    ];
    let held = [
        Claim::Paid(receipt(1)),
        Claim::ClosedAtChannel,
        Claim::Authorized(Hold { receipt: receipt(1), lapses_at: None }),
        Claim::CaptureRequested { by: why(), minor: None },
    ];
    let by_hand = [Claim::Received(piece("1")), Claim::TakenBack { line: "1".into(), reason: why() }];
    [asked.to_vec(), held.to_vec(), by_hand.to_vec()].map(|more| first.iter().cloned().chain(more).collect())
}

fn label(claim: &Claim) -> &'static str {
    match claim {
        Claim::Paid(receipt) if receipt.amount_minor != 1 => "paid, but not as expected",
        other => other.name(),
    }
}

/// Walks the machine breadth-first from a new order, `depth` observations deep.
pub fn walk(plans: &Plans, depth: usize) -> Edges {
    let facts = ChannelFacts { propagation_ms: 2 * STEP_MS, watch_ms: 0, ..ChannelKind::Cash.facts() };
    let facts = BTreeMap::from([(ChannelAccountId(Uuid::nil()), facts)]);
    let mut edges = Edges::default();
    let policies = [LateMoneyPolicy::AcceptWhileClosing, LateMoneyPolicy::NeverAccept];
    let worlds = policies.into_iter().flat_map(|policy| claims().map(|claims| (policy, claims)));
    for (late_money, claims) in worlds {
        let merchant = MerchantPolicy { late_money, ..MerchantPolicy::default() };
        let policy = Policy { plans, facts: &facts, merchant: &merchant };
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        let mut queue = VecDeque::from([(start(), 0)]);
        while let Some((dossier, level)) = queue.pop_front() {
            let Some(before) = dossier.payments.first().cloned() else {
                continue;
            };
            let now = Timestamp::from_millis(i64::try_from(level + 1).unwrap_or(0) * STEP_MS);
            for claim in &claims {
                let observation = Observation::new(Source::Query, now, claim.clone());
                let next = decide(&dossier, Subject::Payment(before.id), &observation, &policy, now).next;
                let Some(after) = next.payments.first() else {
                    continue;
                };
                if before.state != after.state {
                    edges.payment.insert((before.state, label(claim), after.state));
                }
                if dossier.order.state != next.order.state {
                    edges.order.insert((dossier.order.state, label(claim), next.order.state));
                }
                let mark = format!("{:?}{:?}{}", next.order.state, after.evidence, next.order.late_money);
                if level + 1 < depth && !seen.contains_key(&mark) {
                    seen.insert(mark, level);
                    queue.push_back((next, level + 1));
                }
            }
        }
    }
    edges
}

fn mermaid<S: Copy + Ord>(
    edges: &BTreeSet<Edge<S>>,
    first: S,
    name: impl Fn(S) -> &'static str,
    last: impl Fn(S) -> bool,
    all: &[S],
) -> String {
    let mut grouped: BTreeMap<(S, S), Vec<&str>> = BTreeMap::new();
    for (from, label, to) in edges {
        grouped.entry((*from, *to)).or_default().push(label);
    }
    let mut out = format!("stateDiagram-v2\n    [*] --> {}\n", name(first));
    for ((from, to), labels) in grouped {
        out.push_str(&format!("    {} --> {}: {}\n", name(from), name(to), labels.join(", ")));
    }
    for state in all.iter().filter(|s| last(**s)) {
        out.push_str(&format!("    {} --> [*]\n", name(*state)));
    }
    out
}

/// The payment machine as a Mermaid state diagram.
pub fn payment(plans: &Plans) -> String {
    let edges = walk(plans, DEPTH).payment;
    mermaid(&edges, PaymentState::New, PaymentState::name, PaymentState::is_final, &PaymentState::ALL)
}

/// What may be observed about a leg.
fn leg_claims() -> Vec<RefundClaim> {
    let text = String::new;
    let receipt = |amount_minor| RefundReceipt {
        refund_id: "r".into(),
        amount_minor,
        currency: "CNY".into(),
        refunded_at: Timestamp::from_millis(0),
    };
    vec![
        RefundClaim::Sending,
        RefundClaim::NoAnswer { why: text() },
        RefundClaim::NotSent { why: text() },
        RefundClaim::Absent,
        RefundClaim::NoFunds { reason: text() },
        RefundClaim::Refused { reason: text() },
        RefundClaim::Processing { refund_id: "r".into() },
        RefundClaim::Succeeded(receipt(1)),
        RefundClaim::Succeeded(receipt(2)),
        RefundClaim::Closed { reason: text() },
        RefundClaim::Abnormal { refund_id: "r".into() },
        RefundClaim::SecondSending,
        RefundClaim::SecondAccepted,
        RefundClaim::SecondFailed { reason: text() },
        RefundClaim::Reversed { reason: text() },
        RefundClaim::Transferred { by: text(), reference: text() },
        RefundClaim::PaidOut { by: text(), worker: text(), proof: text() },
        RefundClaim::Abandoned { by: text(), reason: text() },
        RefundClaim::Abandoned { by: BY_RULE.to_owned(), reason: text() },
    ]
}

fn new_leg(route: Route, second_way: bool) -> Leg {
    Leg {
        id: LegId(Uuid::nil()),
        refund: RefundId(Uuid::nil()),
        payment: PaymentId(Uuid::nil()),
        sequence: 1,
        route,
        amount: Money::new(1, Currency::CNY),
        replaces: None,
        state: LegEvidence::default().state(route, second_way),
        evidence: LegEvidence::default(),
        version: 0,
        due_at: None,
        created_at: Timestamp::from_millis(0),
    }
}

/// Walks the machine of a leg breadth-first, `depth` observations deep.
pub fn walk_leg(depth: usize) -> BTreeSet<Edge<LegState>> {
    let mut edges = BTreeSet::new();
    for (route, second_way) in [(Route::Channel, false), (Route::Channel, true), (Route::Transfer, false)] {
        let mut seen = BTreeSet::new();
        let mut queue = VecDeque::from([(new_leg(route, second_way), 0)]);
        while let Some((leg, level)) = queue.pop_front() {
            let now = Timestamp::from_millis(i64::try_from(level + 1).unwrap_or(0) * STEP_MS);
            for claim in leg_claims().into_iter().filter(|claim| concerns(claim, route)) {
                let label = match &claim {
                    RefundClaim::Succeeded(receipt) if receipt.amount_minor != 1 => {
                        "refund_succeeded, but not as expected"
                    }
                    other => other.name(),
                };
                let observation = Observation::new(Source::Query, now, Claim::Refund(claim.clone()));
                if !leg.may_take(&observation.claim, true) {
                    continue;
                }
                let evidence = leg.evidence.clone().join(leg.amount, &observation);
                let state = evidence.state(route, second_way);
                if leg.state != state {
                    edges.insert((leg.state, label.strip_prefix("refund_").unwrap_or(label), state));
                }
                if level + 1 < depth && seen.insert(format!("{evidence:?}")) {
                    queue.push_back((Leg { evidence, state, ..leg.clone() }, level + 1));
                }
            }
        }
    }
    edges
}

/// A transfer knows nothing of channels, and a channel nothing of transfers.
const fn concerns(claim: &RefundClaim, route: Route) -> bool {
    match claim {
        RefundClaim::Abandoned { .. } | RefundClaim::Reversed { .. } => true,
        RefundClaim::Transferred { .. } | RefundClaim::PaidOut { .. } => matches!(route, Route::Transfer),
        _ => matches!(route, Route::Channel),
    }
}

/// The machine of a refund's leg as a Mermaid state diagram.
pub fn leg() -> String {
    let edges = walk_leg(LEG_DEPTH);
    let last = |s: LegState| !s.is_active() && !s.waits_for_a_person();
    mermaid(&edges, LegState::Reserved, LegState::name, last, &LegState::ALL)
}

/// The order machine as a Mermaid state diagram.
pub fn order(plans: &Plans) -> String {
    let edges = walk(plans, DEPTH).order;
    mermaid(&edges, OrderState::Paying, OrderState::name, OrderState::is_final, &OrderState::ALL)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plans() -> Plans {
        let plan = |text: &str| text.parse().unwrap();
        Plans {
            poll: plan("5s"),
            unknown: plan("2s"),
            close: plan("1s"),
            watch: plan("5m"),
            refund: plan("30s"),
            refund_funds: plan("1m"),
            webhook: plan("0ms"),
            failure: plan("1s"),
        }
    }

    #[test]
    fn no_edge_leads_away_from_captured_but_to_a_hold() {
        for (from, label, to) in walk(&plans(), DEPTH).payment {
            if from == PaymentState::Captured {
                assert!(to == PaymentState::IntegrityHold || label == "taken_back", "{label}");
            }
            if from == PaymentState::Closed {
                assert!(matches!(to, PaymentState::Captured | PaymentState::IntegrityHold), "{label}");
            }
            assert_ne!(from, PaymentState::IntegrityHold, "only a person leads out of a hold");
        }
    }

    #[test]
    fn final_orders_stay_final() {
        let leading_away = walk(&plans(), DEPTH).order.into_iter().filter(|(from, _, _)| from.is_final());
        // Money that the bank took back was never there.
        assert!(leading_away.into_iter().all(|(_, label, _)| label == "taken_back"));
    }

    #[test]
    fn walking_deeper_finds_no_more_edges() {
        let (here, deeper) = (walk(&plans(), DEPTH), walk(&plans(), DEPTH + 1));
        assert_eq!((here.payment, here.order), (deeper.payment, deeper.order));
    }

    #[test]
    fn walking_legs_deeper_finds_no_more_edges_and_every_state_is_reached() {
        let here = walk_leg(LEG_DEPTH);
        let more: Vec<_> = walk_leg(LEG_DEPTH + 1).difference(&here).copied().collect();
        assert_eq!(more, []);
        let starts = [LegState::Reserved, LegState::AwaitingTransfer];
        let reached: BTreeSet<_> = here.iter().map(|(_, _, to)| *to).chain(starts).collect();
        assert_eq!(reached.len(), LegState::ALL.len());
    }

    #[test]
    fn money_that_the_payer_has_only_leaves_him_by_a_reversal_or_a_hold() {
        for (from, label, to) in walk_leg(LEG_DEPTH) {
            if from == LegState::Succeeded {
                assert!(matches!(to, LegState::Reversed | LegState::Held), "{label}");
            }
        }
    }

    #[test]
    fn every_state_is_reached() {
        let reached: BTreeSet<_> = walk(&plans(), DEPTH).payment.into_iter().map(|(_, _, to)| to).collect();
        for state in PaymentState::ALL.into_iter().filter(|s| *s != PaymentState::New) {
            assert!(reached.contains(&state), "{state:?}");
        }
    }
}
