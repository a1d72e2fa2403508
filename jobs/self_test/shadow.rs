//! The shadow merchant and his books: it knows how they are put up, lived through and thrown away, and must never know
//! what is wrong in them.

use std::sync::Arc;

use bursar_core::bank::Day;
use bursar_core::chance::SeededChance;
use bursar_core::channel::{ChannelKind, Method};
use bursar_core::clock::{HOUR_MS, MINUTE_MS, ManualClock};
use bursar_core::id::{ChannelAccountId, MerchantId, OrderId, PaymentId};
use bursar_core::merchant::{ChannelAccount, Merchant, MerchantPolicy};
use bursar_core::observation::{Claim, Observation, PayCode, Source, Subject};
use bursar_core::order::{Order, OrderState};
use bursar_core::payment::{Evidence, PayerDetails, Payment, PaymentState};
use bursar_core::reconcile::{Break, Reconciliation};
use bursar_core::{Clock, Currency, Money, Timestamp};
use bursar_store::desk::Taken;
use bursar_store::{Answer, BreakFilter, Desk, Directory, Gatherer, Options, Settlement};
use uuid::Uuid;

use super::channel::{Only, receipt_of};
use super::{Found, Seen, seeds};
use crate::JobContext;
use crate::observe::JobError;
use crate::reconcile::{Step, step};

/// Who he is.
const MERCHANT: MerchantId = MerchantId(Uuid::from_u128(0x5e1f_7e57_0000_4000_8000_0000_0000_0001));
/// His account.
const ACCOUNT: ChannelAccountId = ChannelAccountId(Uuid::from_u128(0x5e1f_7e57_0000_4000_8000_0000_0000_0002));
/// Two channels' bills that have everything: of trades and of funds, with currencies.
const CHANNEL: ChannelKind = ChannelKind::Wechat;
/// Nights after the day until nothing is waited for any more.
const NIGHTS: i64 = 3;
/// Most steps of one night: a handful of lines is one.
const MOST_STEPS: usize = 20;
/// Most breaks that are compared.
const MOST_FOUND: u32 = 1_000;

/// Which breaks count as found.
type Sees<'a> = dyn Fn(&Break) -> bool + Send + Sync + 'a;

/// The shadow merchant's books.
pub(super) struct Books {
    pub desk: Desk,
    clock: Arc<ManualClock>,
}

fn broken(what: impl std::fmt::Display) -> JobError {
    JobError::Configuration(format!("the self-test cannot run: {what}"))
}

/// Seeds `day`, lives through its nights, and tells what was seeded and found.
///
/// # Errors
/// When the test itself could not be run.
pub(super) async fn reconcile(context: &JobContext, day: Day, sees: &Sees<'_>) -> Result<Seen, JobError> {
    // Gone with everything in it when this ends.
    let folder = tempfile::tempdir().map_err(broken)?;
    let url = format!("sqlite:{}", folder.path().join("self-test.db").display());
    let store = bursar_store::open(&url, &Options { max_connections: 1, ..Options::default() }).await?;
    store.migrate().await?;
    let clock = Arc::new(ManualClock::at(day.begins_in_beijing().plus_ms(10 * HOUR_MS)));
    let desk = Desk {
        gatherer: Gatherer::start(store.clone()),
        directory: Directory::new(store.clone()),
        plans: context.desk.plans.clone(),
        clock: clock.clone(),
        chance: Arc::new(SeededChance::new(day.number().unsigned_abs())),
    };
    let books = Books { desk, clock };
    let seen = books.live(context, day, sees).await;
    store.close().await;
    seen
}

impl Books {
    /// The present instant of the story.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    async fn live(&self, context: &JobContext, day: Day, sees: &Sees<'_>) -> Result<Seen, JobError> {
        let now = self.now();
        let store = self.desk.gatherer.store();
        let policy = MerchantPolicy::default();
        store.put_merchant(&Merchant { id: MERCHANT, name: "self-test".into(), policy, created_at: now }).await?;
        let account = ChannelAccount {
            id: ACCOUNT,
            merchant: MERCHANT,
            channel: CHANNEL,
            settings: serde_json::Value::Null,
            facts: None,
            created_at: now,
        };
        store.put_account(&account).await?;
        let (shadow, seeded) = seeds::sow(self, day).await?;
        let jobs =
            JobContext { desk: self.desk.clone(), channels: Arc::new(Only(Arc::new(shadow))), ..context.clone() };
        for night in 0..=NIGHTS {
            self.night(&jobs, &account, day.plus_days(night)).await?;
        }
        // A second look at the day finds nothing new.
        self.night(&jobs, &account, day).await?;
        let filter = BreakFilter { account: Some(ACCOUNT), limit: MOST_FOUND, ..BreakFilter::default() };
        let breaks = store.breaks(&filter).await?;
        let found: Found = breaks.into_iter().filter(|b| sees(b)).map(|b| (b.kind, b.state, b.number)).collect();
        let balances = store.balances().await?;
        let unbalanced_minor = balances.iter().map(|(.., minor)| *minor).fold(0, i64::saturating_add);
        Ok(Seen { seeded, found, unbalanced_minor })
    }

    async fn night(&self, jobs: &JobContext, account: &ChannelAccount, day: Day) -> Result<(), JobError> {
        // An empty day is believed only when a bill would be late.
        let begins = CHANNEL.bill_late_at(day).plus_ms(MINUTE_MS);
        self.clock.advance_ms(begins.since_ms(self.now()).max(0));
        let begun = self.desk.begin_reconciliation(account, day, false, |_, _| {}).await?;
        begun.ok_or_else(|| broken(format!("{day} is not over")))?;
        let id = Reconciliation::id_of(ACCOUNT, day);
        for _ in 0..MOST_STEPS {
            match Box::pin(step(jobs, id)).await? {
                Step::Done => return Ok(()),
                Step::Again { due_at, .. } => self.clock.advance_ms(due_at.since_ms(self.now()).max(0)),
            }
        }
        Err(broken(format!("the night of {day} does not end")))
    }

    /// An order of so many fen that its payer can pay.
    pub(super) async fn payable(&self, minor: i64) -> Result<Payment, JobError> {
        // Ids tell when they were made, and are in the order of their making.
        self.clock.advance_ms(1);
        let (now, chance) = (self.now(), self.desk.chance.as_ref());
        let order = Order {
            id: OrderId::fresh(now, chance),
            merchant: MERCHANT,
            number: format!("self-test-{minor}"),
            amount: Money::new(minor, Currency::CNY),
            description: "self-test".to_owned(),
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
            expires_at: now.plus_ms(HOUR_MS),
            event_count: 0,
            version: 0,
            due_at: None,
            created_at: now,
        };
        let payment = Payment {
            id: PaymentId::fresh(now, chance),
            order: order.id,
            merchant: MERCHANT,
            account: ACCOUNT,
            method: Method::WechatNative,
            amount: order.amount,
            payer: PayerDetails::default(),
            state: PaymentState::New,
            evidence: Evidence::default(),
            returned_minor: 0,
            installments: None,
            agreement: None,
            version: 0,
            due_at: None,
            created_at: now,
        };
        let (answer, _) = self.desk.open(order, vec![payment.clone()], |_, _| {}).await?;
        if answer != Answer::Committed {
            return Err(broken("an order was not taken"));
        }
        self.say(payment.id, Source::Intent, Claim::Sending).await?;
        let code = PayCode::QrCode { url: "self-test".to_owned() };
        self.say(payment.id, Source::Create, Claim::Accepted { code }).await?;
        Ok(payment)
    }

    /// An order of so many fen that is paid, and known to be.
    pub(super) async fn paid(&self, minor: i64) -> Result<Payment, JobError> {
        let payment = self.payable(minor).await?;
        self.say(payment.id, Source::Notification, Claim::Paid(receipt_of(&payment, self.now()))).await?;
        Ok(payment)
    }

    /// Tells the books something.
    pub(super) async fn say(&self, of: impl Into<Subject>, source: Source, claim: Claim) -> Result<(), JobError> {
        let seen = Observation::new(source, self.now(), claim);
        match self.desk.observe(of, &seen, None, None, |_| Settlement::Hold).await? {
            Taken::Written(_) => Ok(()),
            Taken::Duplicate | Taken::Fenced | Taken::NoSuchSubject => Err(broken("a word was not taken")),
        }
    }
}
