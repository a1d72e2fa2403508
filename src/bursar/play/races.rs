//! Races that cost other systems money, at full speed against the sandbox: it knows how to bring them
//! about and measures what became of them, and must never count an order that has not ended.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bursar_core::chance::SeededChance;
use bursar_core::channel::{ChannelFacts, ChannelKind, Method, RefundLimits as Limits};
use bursar_core::decide::RefundRequest;
use bursar_core::id::{ChannelAccountId, OrderId, PaymentId, RefundId};
use bursar_core::ledger::AccountKind;
use bursar_core::order::{Dossier, Order, OrderState};
use bursar_core::payment::{Evidence, PayerDetails, Payment, PaymentState};
use bursar_core::refund::{Allocation, Impossible, Refund, RefundCause, RefundState};
use bursar_core::{Chance, Currency, Money};
use bursar_sandbox::merchant::{Backend, Feed, Sink, place};
use bursar_sandbox::{
    Behaviour, BookEntry, PayMode, PayerMix, RefundBehaviour, RefundLimits, RefundMix, Sandbox, SandboxConfig,
    provision, system_random,
};
use bursar_store::desk::Granted;
use serde::Serialize;

use super::accounts::Dialect;
use super::audit::{ByHand, compare, dossiers};
use super::cast::{Actor, Role, enter, open_accounts, webhook_secret};
use crate::compose::{self, Program};
use crate::config::Config;
use crate::serve::{Parts, Running, bind, start};

/// Payments come, at the latest, so long after their orders were closed, in milliseconds.
const AROUND_MS: i64 = 200;
/// Life of the orders that are raced, in seconds: long enough that a busy machine has offered each to its
/// payer before it closes.
const LIFE_SECONDS: (u64, u64) = (8, 14);
/// Nothing takes longer than this; a race that does has failed.
const PATIENCE: Duration = Duration::from_secs(600);

/// How long something took, in milliseconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Spread {
    /// How many were measured.
    pub count: usize,
    /// Half of them took at most so long.
    pub p50_ms: i64,
    /// 99 of 100 took at most so long.
    pub p99_ms: i64,
    /// None took longer.
    pub max_ms: i64,
}

impl Spread {
    fn of(mut values: Vec<i64>) -> Self {
        values.sort_unstable();
        let at = |percent: usize| {
            let rank = (values.len() * percent).div_ceil(100).max(1) - 1;
            values.get(rank).copied().unwrap_or(0)
        };
        Self { count: values.len(), p50_ms: at(50), p99_ms: at(99), max_ms: values.last().copied().unwrap_or(0) }
    }
}

/// What became of one race.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// What was raced.
    pub race: &'static str,
    /// Orders.
    pub orders: usize,
    /// Of them paid, and the money kept.
    pub paid: usize,
    /// Of them closed, and all money that came given back.
    pub given_back: usize,
    /// Of them closed, and no money came.
    pub unpaid: usize,
    /// Orders that did not end as they should: neither of the above.
    pub wrong: usize,
    /// Questions for a person.
    pub parked: usize,
    /// Orders whose payer has neither his money nor his service, by the sandbox's books.
    pub out_of_money: usize,
    /// From the moment that the channel had the money to our refund call.
    pub success_to_refund_sent: Spread,
    /// From the moment that the channel had the money to its return.
    pub success_to_money_back: Spread,
    /// What the ledger still holds of money that is not earned, in minor units: suspense, late money and
    /// refunds payable together.
    pub ledger_left_minor: i64,
    /// The books agree with the sandbox's, payment by payment and refund by refund.
    pub books_agree: bool,
    /// Seconds in all.
    pub seconds: u64,
}

impl Report {
    /// Whether nobody lost anything.
    pub const fn right(&self) -> bool {
        self.wrong == 0 && self.out_of_money == 0 && self.parked == 0 && self.ledger_left_minor == 0 && self.books_agree
    }
}

/// What became of refunds that were asked for all at once.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Crowd {
    /// Refunds asked for, all of one payment and at the same time.
    pub asked: usize,
    /// Of them taken.
    pub granted: usize,
    /// Of them refused, because not so much was left.
    pub refused: usize,
    /// Minor units that the channel took.
    pub captured_minor: i64,
    /// Minor units asked for.
    pub asked_minor: i64,
    /// Minor units granted.
    pub granted_minor: i64,
    /// Minor units that went back, by the sandbox's books.
    pub returned_by_channel_minor: i64,
    /// The same by our ledger.
    pub returned_by_ledger_minor: i64,
    /// The books agree with the sandbox's, payment by payment and refund by refund.
    pub books_agree: bool,
}

impl Crowd {
    /// Whether nobody got more back than was taken.
    pub const fn right(&self) -> bool {
        self.granted_minor <= self.captured_minor
            && self.returned_by_channel_minor == self.granted_minor
            && self.returned_by_ledger_minor == self.granted_minor
            && self.granted > 0
            && self.granted + self.refused == self.asked
            && self.books_agree
    }
}

/// One merchant, and everything that runs.
struct House {
    sandbox: Sandbox,
    program: Program,
    actor: Actor,
    /// Each with its number at the channel.
    accounts: Vec<(ChannelAccountId, String)>,
    running: Running,
    address: String,
    _folder: tempfile::TempDir,
}

impl House {
    async fn open(
        config: &Config,
        database_url: Option<&str>,
        payers: PayerMix,
        accounts: usize,
    ) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("bursar-races-").tempdir()?;
        let listener = bind("127.0.0.1:0").await?;
        let address = format!("http://{}", listener.local_addr()?);
        let url = database_url.map_or_else(|| format!("sqlite:{}/bursar.db", folder.path().display()), str::to_owned);
        let config = config.with(&[
            ("database.url", url, "races"),
            ("gateway.public_url", address.clone(), "races"),
            ("gateway.min_order_life", "1s".to_owned(), "races"),
            ("webhooks.allow_http", "true".to_owned(), "races"),
            ("webhooks.allow_private_addresses", "true".to_owned(), "races"),
        ])?;
        let program = compose::program(&config).await?;
        program.store.migrate().await?;
        let keys = (0..accounts).map(|n| provision(folder.path(), &format!("account{n}"), &system_random));
        let keys = keys.collect::<Result<Vec<_>, _>>()?;
        let (first, others) = keys.split_first().context("a house needs an account")?;
        let base = SandboxConfig::new(program.clock.clone(), first);
        let refunds = RefundMix { soon_ms: (100, 500), ..RefundMix::all(RefundBehaviour::Success) };
        let accounts = keys.iter().map(|k| k.account.clone()).collect();
        let refund_limits = RefundLimits { interval_ms: 0, ..RefundLimits::default() };
        let settings = SandboxConfig { accounts, payers, refunds, refund_limits, ..base };
        let sandbox = bursar_sandbox::start(settings).await?;
        let secret = webhook_secret(folder.path(), program.chance.as_ref())?;
        let quiet: Arc<dyn Chance> = Arc::new(SeededChance::new(0));
        let sink = Sink::start(&[std::fs::read_to_string(&secret)?], 0, quiet).await?;
        let (base_url, webhook_url) = (sandbox.base_url(), sink.url());
        let facts = Some(facts());
        let role = |keys| Role {
            name: "races",
            keys,
            channels: &[ChannelKind::Wechat],
            dialect: Dialect::Usual,
            base_url: &base_url,
            webhook_url: &webhook_url,
            webhook_secret: secret.clone(),
            facts,
        };
        let (store, chance, now) = (program.store.as_ref(), program.chance.as_ref(), program.clock.now());
        let mut actor = enter(store, &role(first), now, chance).await?;
        for keys in others {
            open_accounts(store, &mut actor, &role(keys), now, chance).await?;
        }
        let accounts = actor.tills.iter().map(|till| till.account).zip(keys.iter().map(|k| k.mchid.clone())).collect();
        let running = start(program.clone(), Parts::All, Some(listener)).await?;
        Ok(Self { sandbox, program, actor, accounts, running, address, _folder: folder })
    }

    /// Waits until every order and refund has ended and the books agree.
    async fn settle(&self) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            // What lands after a close lands by now.
            tokio::time::sleep(Duration::from_millis(1_000)).await;
            let counts = self.program.store.counts().await?;
            let open = counts.orders.iter().any(|(state, n)| !state.is_final() && *n > 0);
            let under_way = counts.refunds.iter().any(|(state, n)| !state.is_final() && *n > 0);
            let told = counts.undelivered == 0;
            if !open && !under_way && told && self.agrees().await? {
                return Ok(());
            }
            anyhow::ensure!(Instant::now() < deadline, "not at rest after {} s: {counts:?}", PATIENCE.as_secs());
        }
    }

    async fn agrees(&self) -> anyhow::Result<bool> {
        let actors = std::slice::from_ref(&self.actor);
        let store = self.program.store.as_ref();
        Ok(compare(store, actors, &self.sandbox.books(), &self.sandbox.refunds(), &ByHand::default())
            .await?
            .books_agree())
    }

    async fn report(&self, race: &'static str, started: Instant) -> anyhow::Result<Report> {
        let store = self.program.store.as_ref();
        let dossiers = dossiers(store, self.actor.merchant).await?;
        let books = self.sandbox.books();
        let books: HashMap<&str, &BookEntry> = books.iter().map(|b| (b.out_trade_no.as_str(), b)).collect();
        let refunds = self.sandbox.refunds();
        let back_at: HashMap<&str, i64> =
            refunds.iter().filter_map(|r| Some((r.out_refund_no.as_str(), r.succeeded_at_ms?))).collect();
        let mut ends = [0_usize; 4];
        let mut out_of_money = 0;
        let (mut sent, mut back) = (Vec::new(), Vec::new());
        for dossier in &dossiers {
            let kept = |p: &Payment| books.get(p.number().as_str()).map_or(0, |b| b.captured_minor - b.refunded_minor);
            let kept: i64 = dossier.payments.iter().map(kept).sum();
            let end = end_of(dossier, kept);
            if let Some(count) = ends.get_mut(end) {
                *count += 1;
            }
            out_of_money += usize::from(kept > 0 && dossier.order.state != OrderState::Paid);
            for leg in dossier.refunds.iter().filter(|r| ran(r)).flat_map(|r| &r.legs) {
                let number = dossier.payment(leg.payment).map(Payment::number).unwrap_or_default();
                let Some(paid_at) = books.get(number.as_str()).and_then(|b| b.paid_at_ms) else { continue };
                sent.extend(leg.evidence.sent_at.map(|at| at.as_millis() - paid_at));
                back.extend(back_at.get(leg.number().as_str()).map(|at| at - paid_at));
            }
        }
        let [paid, given_back, unpaid, wrong] = ends;
        let unsure =
            [AccountKind::Suspense, AccountKind::LateMoney, AccountKind::RefundsPayable].map(AccountKind::code);
        let balances = store.balances().await?;
        let left = balances.iter().filter(|(kind, ..)| unsure.contains(kind)).map(|(.., minor)| minor.abs()).sum();
        Ok(Report {
            race,
            orders: dossiers.len(),
            paid,
            given_back,
            unpaid,
            wrong,
            parked: store.parked(Some(self.actor.merchant), u32::MAX).await?.len(),
            out_of_money,
            success_to_refund_sent: Spread::of(sent),
            success_to_money_back: Spread::of(back),
            ledger_left_minor: left,
            books_agree: self.agrees().await?,
            seconds: started.elapsed().as_secs(),
        })
    }

    async fn close(self) {
        self.running.stop().await;
        self.sandbox.stop().await;
    }

    fn payment(&self, order: &Order, account: usize, minor: i64) -> Payment {
        let account = self.accounts.get(account).or(self.accounts.first()).map(|(id, _)| *id);
        let account = account.unwrap_or(ChannelAccountId(uuid::Uuid::nil()));
        Payment {
            id: PaymentId::fresh(order.created_at, self.program.chance.as_ref()),
            order: order.id,
            merchant: order.merchant,
            account,
            method: Method::WechatNative,
            amount: Money::new(minor, order.amount.currency),
            payer: PayerDetails::default(),
            state: PaymentState::New,
            evidence: Evidence::default(),
            returned_minor: 0,
            installments: None,
            agreement: None,
            version: 0,
            due_at: None,
            created_at: order.created_at,
        }
    }

    fn order(&self, number: usize, life_ms: i64) -> Order {
        let now = self.program.clock.now();
        Order {
            id: OrderId::fresh(now, self.program.chance.as_ref()),
            merchant: self.actor.merchant,
            number: format!("race-{}-{number}", now.as_millis()),
            amount: Money::new(10_000, Currency::CNY),
            description: "保洁".to_owned(),
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
            expires_at: now.plus_ms(life_ms),
            event_count: 0,
            version: 0,
            created_at: now,
        }
    }

    /// Waits until the channel knows `payment`, then has its payer pay.
    async fn pay(&self, account: usize, payment: PaymentId) -> anyhow::Result<()> {
        let mchid = self.accounts.get(account).map(|(_, mchid)| mchid.clone()).unwrap_or_default();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let dossier = self.program.desk.gatherer.dossier_of(payment).await?;
            let found = dossier.as_ref().and_then(|d| d.payment(payment));
            match found.map(|p| (p.state, p.evidence.code().is_some())) {
                Some((PaymentState::AwaitingPayer, true)) => break,
                Some((state, _)) if state.is_final() => anyhow::bail!("{payment} is {}", state.name()),
                _ => {}
            }
            anyhow::ensure!(Instant::now() < deadline, "{payment} did not become payable");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.sandbox.pay(&mchid, &payment.bare(), PayMode::Normal).map_err(|why| anyhow::anyhow!("{payment}: {why}"))
    }
}

/// Closing and refunding are raced, so they are not put off.
fn facts() -> ChannelFacts {
    let facts = ChannelKind::Wechat.facts();
    ChannelFacts { min_close_age_ms: 0, refund: Limits { spacing_ms: 0, ..facts.refund }, ..facts }
}

/// Paid and kept, closed and given back, closed without money, or wrong: 0 to 3.
fn end_of(dossier: &Dossier, kept_minor: i64) -> usize {
    let captured = dossier.payments.iter().any(|p| p.state == PaymentState::Captured);
    match dossier.order.state {
        OrderState::Paid if kept_minor == dossier.order.amount.minor => 0,
        OrderState::Closed if kept_minor == 0 && captured => 1,
        OrderState::Closed if kept_minor == 0 => 2,
        _ => 3,
    }
}

fn ran(refund: &Refund) -> bool {
    refund.cause != RefundCause::Requested && refund.state != RefundState::Voided
}

/// Orders are paid in the instant of their closing, before and after it.
///
/// # Errors
/// When something does not start or does not come to rest.
pub async fn around_closing(
    config: &Config,
    url: Option<&str>,
    orders: u32,
    per_second: u32,
) -> anyhow::Result<Report> {
    let started = Instant::now();
    let payers = PayerMix { closing: 1, landing_ms: (0, AROUND_MS), ..PayerMix::all(Behaviour::InFlight) };
    let house = House::open(config, url, payers, 1).await?;
    let feed = Feed {
        gateway: house.address.clone(),
        orders,
        concurrency: 64,
        per_second: Some(per_second),
        life_seconds: LIFE_SECONDS,
        label: format!("race-{}", house.program.clock.now().as_millis()),
        patient: false,
    };
    let backends = [Backend { api_key: house.actor.api_key.clone() }];
    place(&feed, &backends, &SeededChance::new(11), |_| {}).await?;
    house.settle().await?;
    let report = house.report("paid within 200 ms around closing", started).await?;
    house.close().await;
    Ok(report)
}

/// Two payments on two accounts are both captured for one order.
///
/// # Errors
/// When something does not start or does not come to rest.
pub async fn paid_twice(config: &Config, url: Option<&str>, orders: usize) -> anyhow::Result<Report> {
    let started = Instant::now();
    let house = House::open(config, url, PayerMix::all(Behaviour::Never), 2).await?;
    for number in 0..orders {
        let order = house.order(number, 60_000);
        let (one, two) = (house.payment(&order, 0, 10_000), house.payment(&order, 1, 10_000));
        house.program.desk.open(order, vec![one.clone()], |_, _| {}).await?;
        house.program.desk.add_payment(&two, None, |_, _| {}).await?;
        // The second payer is as quick as the first: he pays before anybody can close it.
        let (first, second) = tokio::join!(house.pay(0, one.id), house.pay(1, two.id));
        first?;
        second?;
    }
    house.settle().await?;
    let report = house.report("paid twice, on two accounts", started).await?;
    house.close().await;
    Ok(report)
}

/// The second part of a combined order is never paid.
///
/// # Errors
/// When something does not start or does not come to rest.
pub async fn half_paid(config: &Config, url: Option<&str>, orders: usize) -> anyhow::Result<Report> {
    let started = Instant::now();
    let house = House::open(config, url, PayerMix::all(Behaviour::Never), 1).await?;
    for number in 0..orders {
        let order = house.order(number, 3_000);
        let (one, two) = (house.payment(&order, 0, 6_000), house.payment(&order, 1, 4_000));
        let first = one.id;
        house.program.desk.open(order, vec![one, two], |_, _| {}).await?;
        house.pay(0, first).await?;
    }
    house.settle().await?;
    let report = house.report("combined, the second part never paid", started).await?;
    house.close().await;
    Ok(report)
}

/// Refunds of one payment are all asked for at once, together for much more than it took.
///
/// # Errors
/// When something does not start or does not come to rest, or a refund is refused for another reason than
/// that not so much is left.
pub async fn crowd(config: &Config, url: Option<&str>, refunds: usize) -> anyhow::Result<Crowd> {
    let house = House::open(config, url, PayerMix::all(Behaviour::Never), 1).await?;
    let order = house.order(0, 600_000);
    let (id, captured_minor) = (order.id, order.amount.minor);
    let payment = house.payment(&order, 0, captured_minor);
    let paid = payment.id;
    house.program.desk.open(order, vec![payment], |_, _| {}).await?;
    house.pay(0, paid).await?;
    house.settle().await?;
    let desk = &house.program.desk;
    let mut asking = tokio::task::JoinSet::new();
    let mut crowd = Crowd { asked: refunds, captured_minor, ..Crowd::default() };
    for _ in 0..refunds {
        // Some 25 of them fit: the channel takes 50 refunds of a payment.
        let amount_minor = 100 + i64::try_from(house.program.chance.below(600)).unwrap_or(0);
        let request = RefundRequest {
            id: RefundId::fresh(desk.clock.now(), desk.chance.as_ref()),
            amount_minor: Some(amount_minor),
            allocation: Allocation::Reverse,
            reason: "一人一半".to_owned(),
            by: "races".to_owned(),
            payee: None,
        };
        crowd.asked_minor += amount_minor;
        let desk = desk.clone();
        asking.spawn(async move { (amount_minor, desk.refund(id, &request, |_, _| {}).await) });
    }
    while let Some(done) = asking.join_next().await {
        let (minor, answer) = done?;
        match answer? {
            Granted::Written(_) => {
                crowd.granted += 1;
                crowd.granted_minor += minor;
            }
            Granted::Refused(Impossible::TooMuch { .. }) => crowd.refused += 1,
            other => anyhow::bail!("an unexpected answer: {other:?}"),
        }
    }
    house.settle().await?;
    crowd.returned_by_channel_minor = house.sandbox.books().iter().map(|b| b.refunded_minor).sum();
    let clearing = AccountKind::Clearing.code();
    let balances = house.program.store.balances().await?;
    let account = house.accounts.first().context("a house needs an account")?.0.uuid();
    let held = balances.iter().filter(|(kind, owner, ..)| *kind == clearing && *owner == account);
    crowd.returned_by_ledger_minor = captured_minor - held.map(|(.., minor)| *minor).sum::<i64>();
    crowd.books_agree = house.agrees().await?;
    house.close().await;
    Ok(crowd)
}
