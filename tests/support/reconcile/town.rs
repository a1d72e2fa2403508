//! A merchant with one account on a channel, and time that leaps: it knows how payments come about and how a day is
//! reconciled, and must never know what is wrong in it.

use std::sync::Arc;
use std::time::Duration;

use bursar::clock::LeapingClock;
use bursar::compose;
use bursar::play::accounts::{self, Dialect};
use bursar::serve::{Parts, bind, start};
use bursar_core::bank::Day;
use bursar_core::channel::{ChannelKind, Method};
use bursar_core::id::{ChannelAccountId, OrderId};
use bursar_core::merchant::ChannelAccount;
use bursar_core::observation::PayCode;
use bursar_core::order::{Dossier, OrderState};
use bursar_core::payment::{Payment, PaymentState};
use bursar_core::reconcile::{Break, Reconciliation, RunState};
use bursar_core::refund::RefundState;
use bursar_core::{Clock, Timestamp};
use bursar_jobs::JobContext;
use bursar_jobs::reconcile::{Step, step};
use bursar_sandbox::{
    Behaviour, Channel, Door, Faults, PayMode, PayerMix, Provisioned, RefundBehaviour, RefundMix, Sandbox,
};
use bursar_store::directory::Entries;
use bursar_store::{BreakFilter, Store};
use serde_json::{Value, json};

use crate::{House, Scene, Stage, settings, until};

/// A minute of the clock is a second.
const SPEED: u32 = 60;
pub(super) const WITHIN: Duration = Duration::from_secs(60);
/// A Tuesday, ten in the morning of Beijing: the same day for every channel.
const START: &str = "2027-01-05T10:00:00+08:00";

/// See above.
pub(super) struct Town {
    pub house: House,
    pub channel: ChannelKind,
    pub account: ChannelAccountId,
    pub clock: Arc<LeapingClock>,
}

/// The same when the program has stopped: what the channel does now nobody hears.
pub(super) struct Silence {
    pub stage: Stage,
    pub channel: ChannelKind,
    pub account: ChannelAccountId,
    pub clock: Arc<LeapingClock>,
}

impl Town {
    pub(super) async fn open(channel: ChannelKind, database: Option<String>) -> Self {
        let start = Timestamp::parse_rfc3339(START).expect("an instant");
        let clock = Arc::new(LeapingClock::from(start, SPEED));
        let scene = Scene {
            database,
            faults: Faults::calm(),
            payers: PayerMix::all(Behaviour::Never),
            refunds: RefundMix::all(RefundBehaviour::Success),
            speed: SPEED,
            clock: Some(clock.clone()),
            webhooks: vec![None],
            failing_per_myriad: 0,
            more: vec![("worker.poll_interval", "100ms".to_owned())],
            ..Scene::new(crate::seed(61))
        };
        let house = House::open(scene).await;
        let stage = &house.stage;
        let (program, keys, merchant) = (&stage.program, &stage.keys[0], stage.actors[0].merchant);
        // The stage's merchant has an account with WeChat already.
        let account = if channel == ChannelKind::Wechat {
            stage.actors[0].tills[0].account
        } else {
            let settings = accounts::settings(channel, keys, "shop", &stage.sandbox.base_url(), Dialect::Usual);
            let at = (program.clock.now(), program.chance.as_ref());
            accounts::open(program.store.as_ref(), merchant, channel, settings, None, at).await.expect("an account")
        };
        if channel == ChannelKind::Stripe {
            let url = format!("{}/notify/stripe/{account}", stage.gateway());
            stage.sandbox.set_stripe_endpoint(&keys.stripe.account_id, &url).expect("an account");
        }
        until("the program knows the account", WITHIN, || async {
            let known = |e: &Entries| e.accounts.contains_key(&account);
            let entries = program.desk.directory.entries_with(known).await.expect("the database");
            known(&entries).then_some(())
        })
        .await;
        Self { house, channel, account, clock }
    }

    pub(super) fn keys(&self) -> &Provisioned {
        &self.house.stage.keys[0]
    }

    /// The merchant's number at the channel.
    pub(super) fn merchant(&self) -> String {
        number_at(self.channel, self.keys())
    }

    pub(super) fn sandbox(&self) -> &Sandbox {
        &self.house.stage.sandbox
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        let key = format!("k{}", self.house.stage.program.chance.next_u64());
        let (status, answer) = self.house.post_as(&self.house.stage.actors[0].api_key, path, &key, body).await;
        assert!((200..300).contains(&status), "{path}: {status} {answer}");
        answer
    }

    /// An order of so many fen that its payer can pay.
    pub(super) async fn payable(&self, amount_minor: i64) -> (OrderId, Payment) {
        let number = self.house.stage.program.chance.next_u64();
        let body = json!({
            "number": format!("n{number}"), "amount_minor": amount_minor, "currency": "CNY",
            "description": "日常保洁 3 小时", "method": method(self.channel).name(), "expires_in_seconds": 7_200,
        });
        let answer = self.post("/v1/orders", &body).await;
        let order: OrderId = answer["id"].as_str().expect("an id").parse().expect("an order's id");
        let offered = |d: &Dossier| d.payments[0].evidence.code().is_some();
        let dossier = self.house.until(order, "the payer can pay", offered).await;
        let payment = dossier.payments[0].clone();
        if let Some(door) = door(payment.evidence.code().expect("a code")) {
            self.sandbox().open(&door).expect("the payer's device opens it");
        }
        (order, payment)
    }

    /// An order of so many fen that is paid, and known to be.
    pub(super) async fn paid(&self, amount_minor: i64) -> (OrderId, Payment) {
        let (order, payment) = self.payable(amount_minor).await;
        self.sandbox().pay(&self.merchant(), &payment.number(), PayMode::Normal).expect("the payer pays");
        let paid = |d: &Dossier| d.order.state == OrderState::Paid;
        let dossier = self.house.until(order, "it is paid", paid).await;
        (order, dossier.payments[0].clone())
    }

    /// Gives so many fen of an order back; the number of the refund at the channel.
    pub(super) async fn refunded(&self, order: OrderId, amount_minor: i64) -> String {
        let (status, answer) = self.house.ask_back(0, order, amount_minor, "the cleaner came late").await;
        assert!([200, 201, 202].contains(&status), "{answer}");
        let done = |d: &Dossier| d.refunds.iter().any(|r| r.state == RefundState::Succeeded);
        let dossier = self.house.until(order, "the payer has his money", done).await;
        dossier.legs().next().expect("a leg").number()
    }

    /// Stops the program: from now on nobody hears what the channel does.
    pub(super) async fn fall_silent(self) -> Silence {
        let stage = self.house.rest().await;
        Silence { stage, channel: self.channel, account: self.account, clock: self.clock }.over(None).await
    }
}

impl Silence {
    /// The same over `database` (`None`: the one that was there), as another process opens it.
    pub(super) async fn over(self, database: Option<String>) -> Self {
        let mut stage = self.stage;
        if let (Some(database), Some(known)) = (database, stage.settings.iter_mut().find(|s| s.0 == "database.url")) {
            known.1 = database;
        }
        let config = settings(&stage.settings);
        stage.program = compose::program_by(&config, self.clock.clone()).await.expect("the database");
        Self { stage, ..self }
    }

    /// The database's address.
    pub(super) fn database(&self) -> String {
        let known = self.stage.settings.iter().find(|s| s.0 == "database.url");
        known.expect("a database").1.clone()
    }

    /// The program runs again.
    pub(super) async fn wake(self) -> Town {
        let listener = bind(&format!("127.0.0.1:{}", self.stage.gateway_port)).await.expect("the gateway's port");
        let running = start(self.stage.program.clone(), Parts::All, Some(listener)).await.expect("the program");
        let house = House::of(self.stage, running);
        Town { house, channel: self.channel, account: self.account, clock: self.clock }
    }

    pub(super) fn merchant(&self) -> String {
        number_at(self.channel, &self.stage.keys[0])
    }

    pub(super) fn store(&self) -> &dyn Store {
        self.stage.program.store.as_ref()
    }

    pub(super) fn sandbox(&self) -> &Sandbox {
        &self.stage.sandbox
    }

    pub(super) fn today(&self) -> Day {
        self.channel.business_day(self.clock.now())
    }

    pub(super) fn context(&self) -> JobContext {
        compose::jobs(&self.stage.program).expect("settings")
    }

    async fn row(&self) -> ChannelAccount {
        let accounts = self.store().accounts().await.expect("the database");
        accounts.into_iter().find(|a| a.id == self.account).expect("the account")
    }

    /// Leaps to when the bills of `day` are there, and reconciles it.
    pub(super) async fn reconcile(&self, day: Day) -> Reconciliation {
        let run = self.attempt(day).await;
        assert_eq!(run.state, RunState::Done, "{day} waits until {:?}: {:?}", run.due_at, run.note);
        run
    }

    /// The same, until it is done or waits for something.
    pub(super) async fn attempt(&self, day: Day) -> Reconciliation {
        // An empty day is believed only when a bill would be late.
        self.clock.leap_to(self.channel.bill_late_at(day).plus_ms(60_000));
        let (context, account) = (self.context(), self.row().await);
        let begun = context.desk.begin_reconciliation(&account, day, false, |_, _| {}).await.expect("the database");
        assert!(begun.is_some(), "{day} is not over");
        let id = Reconciliation::id_of(account.id, day);
        for _ in 0..1_000 {
            match step(&context, id).await.expect("a step") {
                Step::Again { due_at, .. } if due_at <= self.clock.now().plus_ms(1_000) => {}
                Step::Done | Step::Again { .. } => {
                    return self.store().reconciliation(id).await.expect("the database").expect("the run");
                }
            }
        }
        panic!("{day} does not end");
    }

    /// All breaks of the account.
    pub(super) async fn breaks(&self) -> Vec<Break> {
        let filter = BreakFilter { account: Some(self.account), limit: 1_000, ..BreakFilter::default() };
        self.store().breaks(&filter).await.expect("the database")
    }

    /// The payment as our books have it.
    pub(super) async fn payment(&self, payment: &Payment) -> Payment {
        let dossiers = self.store().dossiers_of(&[payment.id]).await.expect("the database");
        dossiers[0].payment(payment.id).expect("the payment").clone()
    }

    pub(super) async fn state(&self, payment: &Payment) -> PaymentState {
        self.payment(payment).await.state
    }
}

/// The channel, as the sandbox calls it.
pub(super) fn sandboxes(channel: ChannelKind) -> Channel {
    match channel {
        ChannelKind::Wechat => Channel::Wechat,
        ChannelKind::Alipay => Channel::Alipay,
        ChannelKind::Unionpay => Channel::Unionpay,
        ChannelKind::Stripe => Channel::Stripe,
        ChannelKind::Bank | ChannelKind::Cash => panic!("nobody is called there"),
    }
}

fn number_at(channel: ChannelKind, keys: &Provisioned) -> String {
    match channel {
        ChannelKind::Wechat => keys.mchid.clone(),
        ChannelKind::Alipay => keys.alipay.app_id.clone(),
        ChannelKind::Unionpay => keys.unionpay.mer_id.clone(),
        ChannelKind::Stripe => keys.stripe.account_id.clone(),
        ChannelKind::Bank | ChannelKind::Cash => panic!("nobody is called there"),
    }
}

fn method(channel: ChannelKind) -> Method {
    match channel {
        ChannelKind::Wechat => Method::WechatNative,
        ChannelKind::Alipay => Method::AlipayQr,
        ChannelKind::Unionpay => Method::UnionpayApp,
        ChannelKind::Stripe => Method::Card,
        ChannelKind::Bank => Method::BankTransfer,
        ChannelKind::Cash => Method::Cash,
    }
}

fn door(code: &PayCode) -> Option<Door> {
    match code {
        // The sandbox's payers know an order of WeChat from its creation on.
        PayCode::QrCode { url } if url.starts_with("weixin:") => None,
        PayCode::QrCode { url } => Some(Door::Qr(url.clone())),
        PayCode::Redirect { url } => Some(Door::Url(url.clone())),
        PayCode::Form { action, fields } => Some(Door::Form { action: action.clone(), fields: fields.clone() }),
        PayCode::Sdk { fields } => {
            let secret = fields.get("client_secret").or_else(|| fields.values().next());
            secret.cloned().map(Door::OrderString)
        }
        PayCode::Transfer { .. } | PayCode::Cash { .. } | PayCode::Debit => None,
    }
}
