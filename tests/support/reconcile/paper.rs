//! A channel that is nothing but its bills, and a shop that is paid through it: it knows how a bill is issued again with
//! other lines, and must never know what follows from one.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bursar_channels::{
    Adapters, BillError, BillFile, BillLines, BillRequest, Channel, Closed, CreateRequest, Fetched, HeaderLookup,
    Notice, NotificationRefusal, Outcome, RefundRequest, RefundStanding, Refusal, Reply, Standing, Why, WhyKind,
};
use bursar_core::bank::Day;
use bursar_core::channel::{ChannelKind, Method};
use bursar_core::clock::{HOUR_MS, MINUTE_MS};
use bursar_core::decide::RefundRequest as Wish;
use bursar_core::id::{ChannelAccountId, OrderId, PaymentId, RefundId};
use bursar_core::ledger::AccountKind;
use bursar_core::merchant::ChannelAccount;
use bursar_core::observation::{Claim, Observation, PayCode, Receipt, Source, Subject};
use bursar_core::order::{Order, OrderState};
use bursar_core::payment::{Evidence, PayerDetails, Payment, PaymentState};
use bursar_core::reconcile::{
    BillKind, BillLine, Break, BreakKind, BreakState, EntryKind, EntryStatus, Reconciliation, RunState,
};
use bursar_core::refund::{Allocation, Leg, RefundClaim, RefundReceipt};
use bursar_core::{Currency, Money, Timestamp};
use bursar_jobs::JobContext;
use bursar_jobs::reconcile::{Step, import, step};
use bursar_store::desk::{Granted, Taken};
use bursar_store::{BreakFilter, Settlement};

use crate::support::branch::Branch;

/// One bill a day, which tells of trades and payouts.
const CHANNEL: ChannelKind = ChannelKind::Unionpay;

/// The channel: what its bills are now, and what was asked of it.
#[derive(Debug, Default)]
pub(super) struct Paper {
    bills: Mutex<BTreeMap<Day, Vec<BillLine>>>,
    /// The lines of every file that there was, by its digest.
    files: Mutex<BTreeMap<Vec<u8>, Vec<BillLine>>>,
    /// So many payments were asked for.
    pub asked: AtomicUsize,
    /// It answers nothing.
    pub silent: AtomicBool,
}

impl Paper {
    fn file(&self, lines: &[BillLine]) -> BillFile {
        let file = BillFile::of("bill", format!("{lines:?}").as_bytes()).expect("a file");
        self.files.lock().expect("nobody panics").insert(file.digest.clone(), lines.to_vec());
        file
    }
}

#[derive(Debug)]
struct Only(Arc<Paper>);

impl Adapters for Only {
    fn adapter(&self, _account: &ChannelAccount) -> Result<Arc<dyn Channel>, String> {
        Ok(self.0.clone())
    }
}

struct Told(VecDeque<BillLine>);

impl BillLines for Told {
    fn next(&mut self) -> Result<Option<BillLine>, BillError> {
        Ok(self.0.pop_front())
    }
}

fn never<T>() -> Outcome<T> {
    Outcome::Refused(Refusal::ours("PAPER", "no money moves here"))
}

#[async_trait]
impl Channel for Paper {
    async fn create(&self, _request: &CreateRequest<'_>) -> Outcome<PayCode> {
        never()
    }

    async fn query(&self, _payment: &Payment) -> Outcome<Standing> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.silent.load(Ordering::SeqCst) {
            return Outcome::Unknown(Why::new(WhyKind::Timeout, "nobody answers"));
        }
        Outcome::Done(Standing::Absent)
    }

    async fn close(&self, _payment: &Payment) -> Outcome<Closed> {
        never()
    }

    async fn refund(&self, _request: &RefundRequest<'_>) -> Outcome<RefundStanding> {
        never()
    }

    async fn query_refund(&self, _payment: &Payment, _leg: &Leg) -> Outcome<RefundStanding> {
        Outcome::Done(RefundStanding::Absent)
    }

    async fn fetch_bill(&self, request: BillRequest) -> Outcome<Fetched> {
        let lines = self.bills.lock().expect("nobody panics").get(&request.day).cloned();
        Outcome::Done(lines.map_or(Fetched::Empty, |lines| Fetched::Ready(self.file(&lines))))
    }

    fn read_bill(&self, _request: BillRequest, file: &BillFile) -> Result<Box<dyn BillLines>, BillError> {
        let lines = self.files.lock().expect("nobody panics").get(&file.digest).cloned();
        Ok(Box::new(Told(lines.expect("a file of ours").into())))
    }

    fn read_notification(
        &self,
        _headers: &dyn HeaderLookup,
        _body: &[u8],
        _now: Timestamp,
    ) -> Result<Notice, NotificationRefusal> {
        Err(NotificationRefusal::Foreign)
    }

    fn reread_notification(&self, _headers: &dyn HeaderLookup, _body: &[u8]) -> Result<Notice, NotificationRefusal> {
        Err(NotificationRefusal::Foreign)
    }

    fn proof_headers(&self) -> &'static [&'static str] {
        &[]
    }

    fn acknowledge(&self) -> Reply {
        Reply { status: 404, content_type: "", body: String::new() }
    }

    fn refuse(&self, _why: &NotificationRefusal) -> Reply {
        self.acknowledge()
    }

    fn unavailable(&self) -> Reply {
        self.acknowledge()
    }
}

/// A merchant who is paid through it.
pub(super) struct Shop {
    pub branch: Branch,
    pub paper: Arc<Paper>,
    pub account: ChannelAccount,
    jobs: JobContext,
}

impl Shop {
    pub(super) async fn open(database: Option<String>) -> Self {
        let branch = Branch::open_on(database).await;
        let account = ChannelAccount {
            id: ChannelAccountId::fresh(branch.clock_now(), branch.desk.chance.as_ref()),
            channel: CHANNEL,
            settings: serde_json::Value::Null,
            ..branch.account.clone()
        };
        branch.store.put_account(&account).await.expect("the account");
        let paper = Arc::new(Paper::default());
        let jobs = JobContext { channels: Arc::new(Only(paper.clone())), ..branch.context().clone() };
        Self { branch, paper, account, jobs }
    }

    pub(super) fn today(&self) -> Day {
        CHANNEL.business_day(self.branch.clock_now())
    }

    async fn say(&self, of: impl Into<Subject>, source: Source, claim: Claim) {
        let seen = Observation::new(source, self.branch.clock_now(), claim);
        let taken = self.branch.desk.observe(of, &seen, None, None, |_| Settlement::Hold).await.expect("the database");
        assert!(matches!(taken, Taken::Written(_)), "{taken:?}");
    }

    /// An order that is paid, and known to be; its payment, and what a bill tells of it.
    pub(super) async fn paid(&self, minor: i64) -> (Payment, BillLine) {
        self.branch.clock.advance_ms(1);
        let (now, chance) = (self.branch.clock_now(), self.branch.desk.chance.as_ref());
        let order = Order {
            id: OrderId::fresh(now, chance),
            merchant: self.account.merchant,
            number: format!("n{}", chance.next_u64()),
            amount: Money::new(minor, Currency::CNY),
            description: "日常保洁".into(),
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
            merchant: order.merchant,
            account: self.account.id,
            method: Method::UnionpayApp,
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
        self.branch.desk.open(order, vec![payment.clone()], |_, _| {}).await.expect("the order");
        self.say(payment.id, Source::Intent, Claim::Sending).await;
        let code = PayCode::QrCode { url: "paper".to_owned() };
        self.say(payment.id, Source::Create, Claim::Accepted { code }).await;
        let receipt = Receipt {
            transaction_id: format!("tx{}", payment.id.bare()),
            amount_minor: minor,
            currency: "CNY".to_owned(),
            payee_matches: true,
            paid_at: now,
        };
        let told = self.line(EntryKind::Capture, &payment.number(), &receipt.transaction_id, minor);
        self.say(payment.id, Source::Notification, Claim::Paid(receipt)).await;
        (payment, told)
    }

    /// A refund that has arrived; what a bill tells of it.
    pub(super) async fn refunded(&self, payment: &Payment, minor: i64) -> BillLine {
        let wish = Wish {
            id: RefundId::fresh(self.branch.clock_now(), self.branch.desk.chance.as_ref()),
            amount_minor: Some(minor),
            allocation: Allocation::Reverse,
            reason: "not needed".to_owned(),
            by: "Li Na".to_owned(),
            payee: None,
        };
        let granted = self.branch.desk.refund(payment.order, &wish, |_, _| {}).await.expect("the database");
        let Granted::Written(dossier) = granted else { panic!("{granted:?}") };
        let leg = dossier.legs().next().expect("a leg").clone();
        let receipt = RefundReceipt {
            refund_id: format!("re{}", leg.id.bare()),
            amount_minor: minor,
            currency: "CNY".to_owned(),
            refunded_at: self.branch.clock_now(),
        };
        let told = self.line(EntryKind::Refund, &leg.number(), &receipt.refund_id, minor);
        self.say(leg.id, Source::Refund, Claim::Refund(RefundClaim::Succeeded(receipt))).await;
        told
    }

    /// A line that happened now.
    pub(super) fn line(&self, kind: EntryKind, number: &str, channel_id: &str, amount_minor: i64) -> BillLine {
        BillLine {
            ordinal: 0,
            kind,
            status: EntryStatus::Done,
            number: number.to_owned(),
            payment_number: None,
            payment_channel_id: None,
            channel_id: channel_id.to_owned(),
            amount_minor,
            currency: "CNY".to_owned(),
            fee_minor: 0,
            at: self.branch.clock_now(),
            order_number: None,
        }
    }

    /// From now on the bill of `day` has these lines.
    pub(super) fn bill(&self, day: Day, lines: &[&BillLine]) {
        let lines = (1..).zip(lines).map(|(ordinal, line)| BillLine { ordinal, ..(*line).clone() }).collect();
        self.paper.bills.lock().expect("nobody panics").insert(day, lines);
    }

    /// A person brings the bill of `day` as it is now.
    pub(super) async fn bring(&self, day: Day) {
        let lines = self.paper.bills.lock().expect("nobody panics").get(&day).cloned().expect("a bill");
        let request = BillRequest { kind: BillKind::Trade, day };
        let kept = import(&self.jobs, &self.account, request, self.paper.file(&lines), "Li Na").await;
        kept.expect("the database").expect("a bill");
    }

    /// Begins the night of `day` when it has come.
    pub(super) async fn begin(&self, day: Day) {
        let at = CHANNEL.bill_late_at(day).plus_ms(MINUTE_MS);
        self.branch.clock.advance_ms(at.since_ms(self.branch.clock_now()).max(1));
        let begun = self.branch.desk.begin_reconciliation(&self.account, day, false, |_, _| {}).await;
        assert!(begun.expect("the database").is_some(), "{day} is not over");
    }

    pub(super) async fn step(&self, day: Day) -> Step {
        step(&self.jobs, Reconciliation::id_of(self.account.id, day)).await.expect("a step")
    }

    /// Lives through the night of `day`; how many steps it took.
    pub(super) async fn night(&self, day: Day) -> usize {
        self.begin(day).await;
        for steps in 1..100 {
            if self.step(day).await == Step::Done {
                let id = Reconciliation::id_of(self.account.id, day);
                let run = self.branch.store.reconciliation(id).await.expect("the database").expect("the run");
                assert_eq!(run.state, RunState::Done);
                return steps;
            }
        }
        panic!("the night of {day} does not end");
    }

    pub(super) async fn breaks(&self) -> Vec<Break> {
        let filter = BreakFilter { account: Some(self.account.id), limit: 1_000, ..BreakFilter::default() };
        self.branch.store.breaks(&filter).await.expect("the database")
    }

    /// The break about what `line` tells.
    pub(super) async fn state(&self, line: &BillLine) -> Option<(BreakKind, BreakState, i64)> {
        let found: Vec<Break> = self.breaks().await.into_iter().filter(|b| b.number == line.number).collect();
        assert!(found.len() < 2, "{found:?}");
        found.first().map(|b| (b.kind, b.state, b.amount_minor))
    }

    pub(super) async fn held(&self, kind: AccountKind) -> i64 {
        let balances = self.branch.store.balances().await.expect("the ledger");
        assert_eq!(balances.iter().map(|b| b.3).sum::<i64>(), 0, "{balances:?}");
        balances.iter().filter(|b| (b.0, b.1) == (kind.code(), self.account.id.uuid())).map(|b| b.3).sum()
    }

    /// Minor units of the payouts that no bank has shown.
    pub(super) async fn payouts(&self) -> Vec<i64> {
        let since = self.today().plus_days(-100);
        let payouts = self.branch.store.open_payouts(self.account.id, since, 10).await.expect("the database");
        payouts.iter().map(|m| -m.amount.minor).collect()
    }
}
