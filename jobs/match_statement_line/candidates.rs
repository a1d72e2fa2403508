//! What a line may be for: it knows which rows its signs lead to, and must never choose among them.

use bursar_channels::BankSettings;
use bursar_core::bank::{
    Candidates, Direction, EarlierLine, LegCandidate, LineRow, LineState, LineSubject, PaymentCandidate, Window,
    find_references, reference,
};
use bursar_core::channel::ChannelKind;
use bursar_core::clock::DAY_MS;
use bursar_core::id::{self, LegId, PaymentId};
use bursar_core::money::Money;
use bursar_core::observation::Subject;
use bursar_core::payment::Payment;
use bursar_core::refund::{Leg, Route};
use bursar_store::LikeLine;

use crate::JobContext;
use crate::observe::JobError;

/// Most open payments of one amount that are looked at: the name must tell them apart.
const SAME_AMOUNT: u32 = 200;
/// Most earlier lines of one amount that are looked at.
const EARLIER_LINES: u32 = 200;
/// How long after a line the bank may take it back, in days (direct debits: thirteen months).
const REVERSAL_DAYS: i64 = 400;
/// Most references that are looked up.
const REFERENCES: usize = 64;

/// The candidates of one line.
#[derive(Default)]
pub(super) struct Loaded {
    payments: Vec<PaymentCandidate>,
    legs: Vec<LegCandidate>,
    earlier: Vec<EarlierLine>,
}

impl Loaded {
    pub(super) fn candidates(&self) -> Candidates<'_> {
        Candidates { payments: &self.payments, legs: &self.legs, earlier: &self.earlier }
    }
}

/// Loads what the signs of `row` lead to.
pub(super) async fn load(context: &JobContext, row: &LineRow) -> Result<Loaded, JobError> {
    let settings = settings(context, row).await?;
    let store = context.desk.gatherer.store();
    let (mut payments, mut legs): (Vec<PaymentId>, Vec<LegId>) = (Vec::new(), Vec::new());
    let mut references = find_references(&row.line.text);
    references.extend(row.line.end_to_end.as_deref().map(find_references).unwrap_or_default());
    references.extend(row.line.virtual_account.as_deref().and_then(|v| settings.reference_of(v)));
    references.sort_unstable();
    references.dedup();
    references.truncate(REFERENCES);
    if !references.is_empty() {
        for (_, subject) in store.by_reference(row.merchant, &references).await? {
            match subject {
                Subject::Payment(id) => payments.push(id),
                Subject::Leg(id) => legs.push(id),
                Subject::Refund(_) | Subject::Order(_) | Subject::Agreement(_) | Subject::Plan(_) => {}
            }
        }
    }
    // Our own numbers, when a bank's interface was given them.
    if let Some(number) = row.line.end_to_end.as_deref().and_then(|n| id::from_text(&n.trim().to_ascii_lowercase())) {
        payments.push(PaymentId(number));
        legs.push(LegId(number));
    }
    let incoming = row.line.direction == Direction::Credit && !row.line.reversal;
    if incoming && row.line.counterparty.name.is_some() {
        let days = Window::default().days.saturating_add(1);
        let since = row.line.booked_on.begins_in_beijing().plus_ms(days.saturating_mul(-DAY_MS));
        payments.extend(store.open_transfers(row.account, row.line.amount, since, SAME_AMOUNT).await?);
    }
    let mut loaded = Loaded::default();
    for dossier in store.dossiers_of(&payments).await? {
        let named = dossier.payments.iter().filter(|p| payments.contains(&p.id));
        let ours = named.filter(|p| p.account == row.account && p.method.channel() == ChannelKind::Bank);
        loaded.payments.extend(ours.map(|p| payment(p, &settings)));
    }
    for dossier in store.dossiers_of_legs(&legs).await? {
        let named = dossier.legs().filter(|l| legs.contains(&l.id) && l.route == Route::Transfer);
        let ours = dossier.order.merchant == row.merchant;
        loaded.legs.extend(named.filter(|_| ours).map(leg));
    }
    if row.line.reversal || (incoming && !loaded.legs.is_empty()) {
        loaded.earlier = earlier(context, row).await?;
    }
    Ok(loaded)
}

async fn settings(context: &JobContext, row: &LineRow) -> Result<BankSettings, JobError> {
    let entries = context.desk.directory.entries_with(|e| e.accounts.contains_key(&row.account)).await?;
    let account = entries.accounts.get(&row.account);
    let account =
        account.ok_or_else(|| JobError::Configuration(format!("channel account {} does not exist", row.account)))?;
    BankSettings::read(&account.settings).map_err(|e| JobError::Configuration(format!("{}: {e}", row.account)))
}

fn payment(payment: &Payment, settings: &BankSettings) -> PaymentCandidate {
    let missing = payment.amount.minor.saturating_sub(payment.evidence.received_minor());
    let expected = !payment.state.is_final() && missing > 0;
    PaymentCandidate {
        id: payment.id,
        reference: reference(payment.id.uuid()),
        number: payment.number(),
        virtual_account: settings.virtual_account(payment.id),
        open: expected.then(|| Money::new(missing, payment.amount.currency)),
        payer_name: payment.payer.name.clone(),
        offered_at: payment.created_at,
    }
}

fn leg(leg: &Leg) -> LegCandidate {
    LegCandidate { id: leg.id, reference: reference(leg.id.uuid()), number: leg.number(), amount: leg.amount }
}

/// Lines that this one may take back: those not taken back yet.
async fn earlier(context: &JobContext, row: &LineRow) -> Result<Vec<EarlierLine>, JobError> {
    let since = row.line.booked_on.plus_days(-REVERSAL_DAYS);
    let direction = row.line.direction.opposite();
    let like = LikeLine { account: row.account, amount: row.line.amount, direction, since, limit: EARLIER_LINES };
    let found = context.desk.gatherer.store().lines_like(&like).await?;
    let open = found.into_iter().filter(|l| l.state != LineState::Reversed && l.id != row.id);
    Ok(open
        .map(|l| EarlierLine {
            id: l.id,
            reference: match l.subject {
                Some(subject @ (LineSubject::Payment(_) | LineSubject::Leg(_))) => Some(reference(subject.uuid())),
                Some(LineSubject::Line(_)) | None => None,
            },
            line: l.line,
        })
        .collect())
}
