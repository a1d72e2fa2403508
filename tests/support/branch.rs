//! A merchant with a bank account and nothing else: real rooms on SQLite, a clock that is moved by hand, and jobs
//! that run when they are told to. It knows how to write a bank's files, and must never know the story.

use std::sync::Arc;

use bursar_channels::bank::{Upload, read_upload};
use bursar_channels::{Channels, FileSecrets, HttpSettings, MerchantHttp, MerchantSettings};
use bursar_core::bank::{LineRow, reference};
use bursar_core::chance::SeededChance;
use bursar_core::channel::{ChannelKind, Method};
use bursar_core::clock::{HOUR_MS, ManualClock, SECOND_MS};
use bursar_core::decide::RefundRequest;
use bursar_core::id::{ChannelAccountId, LineId, MerchantId, OrderId, PaymentId, RefundId};
use bursar_core::job::{JobKind, NewJob, Queue};
use bursar_core::merchant::{ChannelAccount, Merchant, MerchantPolicy};
use bursar_core::observation::{Claim, Observation, PayCode, Source};
use bursar_core::order::{Dossier, Order, OrderState};
use bursar_core::payment::{Evidence, PayerDetails, Payment, PaymentState};
use bursar_core::plan::Plans;
use bursar_core::refund::Allocation;
use bursar_core::{Chance, Clock, Currency, Money, Timestamp};
use bursar_jobs::{Housekeeping, JobContext, JobSettings, Outcome, Running};
use bursar_store::desk::Granted;
use bursar_store::desk::statements::{Imported, Judged};
use bursar_store::{Change, ClaimRequest, Desk, Directory, Gatherer, LineFilter, Settlement, Store};
use serde_json::json;
use uuid::Uuid;

/// 2026-11-22T09:00:00 in Beijing.
const START: Timestamp = Timestamp::from_millis(1_795_309_200_000);
/// The number of the bank account.
pub const ACCOUNT: &str = "6222020200112233";

/// The merchant and his rooms.
#[derive(Debug)]
pub struct Branch {
    /// Where another process finds the database.
    pub url: String,
    /// The database.
    pub store: Arc<dyn Store>,
    /// Reads and writes.
    pub desk: Desk,
    /// Time.
    pub clock: Arc<ManualClock>,
    /// The bank account.
    pub account: ChannelAccount,
    jobs: JobContext,
    _folder: tempfile::TempDir,
}

/// Nothing recurs here.
#[derive(Debug)]
struct Never;

impl Housekeeping for Never {
    fn next(&self, _: JobKind, after: Timestamp) -> Timestamp {
        after.plus_ms(HOUR_MS)
    }
}

impl Branch {
    /// A merchant whose account has a range of virtual accounts.
    ///
    /// # Panics
    /// When something cannot be set up.
    pub async fn open() -> Self {
        Self::open_on(None).await
    }

    /// The same on a database that is there; `None`: a SQLite file of its own.
    ///
    /// # Panics
    /// When something cannot be set up.
    pub async fn open_on(database: Option<String>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let own = || format!("sqlite:{}", folder.path().join("bursar.db").display());
        let url = database.unwrap_or_else(own);
        let store = bursar_store::open(&url, &bursar_store::Options::default()).await.expect("the database");
        store.migrate().await.expect("the schema");
        let clock = Arc::new(ManualClock::at(START));
        let chance: Arc<dyn Chance> = Arc::new(SeededChance::new(11));
        let merchant = MerchantId::fresh(START, chance.as_ref());
        let row =
            Merchant { id: merchant, name: "Nannies".into(), policy: MerchantPolicy::default(), created_at: START };
        store.put_merchant(&row).await.expect("the merchant");
        let account = ChannelAccount {
            id: ChannelAccountId::fresh(START, chance.as_ref()),
            merchant,
            channel: ChannelKind::Bank,
            settings: json!({
                "account_number": ACCOUNT, "account_name": "某家政服务有限公司", "bank_name": "中国工商银行",
                "virtual_account_prefix": "8800",
            }),
            facts: None,
            created_at: START,
        };
        store.put_account(&account).await.expect("the account");
        let plan = |text: &str| text.parse().expect("a plan");
        let desk = Desk {
            gatherer: Gatherer::start(store.clone()),
            directory: Directory::new(store.clone()),
            plans: Arc::new(Plans {
                poll: plan("5s then 3m"),
                unknown: plan("2s then 1h"),
                close: plan("5s then 1m"),
                watch: plan("5m 1h 24h"),
                refund: plan("1m then 1h"),
                refund_funds: plan("10m then 1h"),
                webhook: plan("0ms then 12h until 3d"),
                failure: plan("1s then 1m"),
            }),
            clock: clock.clone(),
            chance: chance.clone(),
        };
        let http = HttpSettings::default();
        let secrets = Arc::new(FileSecrets);
        let told = MerchantHttp::new(MerchantSettings::default(), &http, secrets.clone(), clock.clone());
        let jobs = JobContext {
            desk: desk.clone(),
            channels: Arc::new(Channels::new(http, secrets, clock.clone(), chance)),
            merchants: Arc::new(told.expect("webhooks")),
            settings: Arc::new(JobSettings {
                public_url: "http://127.0.0.1:1".to_owned(),
                sweep_grace_ms: SECOND_MS,
                sweep_limit: 100,
                prune_limit: 100,
                keep_idempotency_ms: HOUR_MS,
                keep_deliveries_ms: HOUR_MS,
                keep_notifications_ms: HOUR_MS,
                housekeeping: Arc::new(Never),
            }),
        };
        Self { url, store, desk, clock, account, jobs, _folder: folder }
    }

    /// Runs every job that is due, and those that follow from it, until none is.
    ///
    /// # Panics
    /// When a run ends badly: here it never should.
    pub async fn work(&self) {
        for _ in 0..1_000 {
            let wanted = Queue::ALL.into_iter().map(|queue| (queue, 50)).collect();
            let owner = Uuid::from_u128(1);
            let request = ClaimRequest { owner, wanted, now: self.clock.now(), lease_ms: 60_000 };
            let claimed = self.store.claim(&request).await.expect("jobs");
            if claimed.is_empty() {
                return;
            }
            for claimed in claimed {
                let job = Running { claimed, owner };
                let ended = bursar_jobs::run(&self.jobs, &job).await.expect("a run");
                let how = match ended {
                    Outcome::Settled | Outcome::Fenced => continue,
                    Outcome::Done => Settlement::Done,
                    Outcome::Again { due_at, step, why } => Settlement::Again { due_at, step, why },
                    Outcome::Park { question } => Settlement::Park { question },
                };
                let change = Change { settle: Some(job.settle(how)), ..Change::default() };
                self.desk.gatherer.commit(change).await.expect("the end of a run");
            }
        }
        panic!("the jobs never come to rest");
    }

    /// Moves the clock and runs what is due then.
    pub async fn later(&self, ms: i64) {
        self.clock.advance_ms(ms);
        self.work().await;
    }

    /// An order that is paid by transfer, offered to its payer; its payment and what he was told.
    ///
    /// # Panics
    /// When it cannot be opened.
    pub async fn order(&self, minor: i64, payer: Option<&str>) -> PaymentId {
        let id = self.order_by(self.account.id, Method::BankTransfer, minor, payer).await;
        let told = self.dossier(id).await;
        let code = told.payment(id).expect("the payment").evidence.code().cloned();
        let Some(PayCode::Transfer { fields }) = code else { panic!("the payer was told {code:?}") };
        assert_eq!(fields["reference"], reference(id.uuid()), "what he was told to write");
        id
    }

    /// An order that is paid through another of the merchant's accounts, offered to its payer; its payment.
    ///
    /// # Panics
    /// When it cannot be opened.
    pub async fn order_by(
        &self,
        account: ChannelAccountId,
        method: Method,
        minor: i64,
        payer: Option<&str>,
    ) -> PaymentId {
        let (now, chance) = (self.clock.now(), self.desk.chance.as_ref());
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
            expires_at: now.plus_ms(72 * HOUR_MS),
            event_count: 0,
            version: 0,
            due_at: None,
            created_at: now,
        };
        let payment = Payment {
            id: PaymentId::fresh(now, chance),
            order: order.id,
            merchant: order.merchant,
            account,
            method,
            amount: order.amount,
            payer: PayerDetails { name: payer.map(str::to_owned), ..PayerDetails::default() },
            state: PaymentState::New,
            evidence: Evidence::default(),
            returned_minor: 0,
            installments: None,
            agreement: None,
            version: 0,
            due_at: None,
            created_at: now,
        };
        let id = payment.id;
        self.desk.open(order, vec![payment], |_, _| {}).await.expect("the order");
        self.work().await;
        id
    }

    /// What jobs work with.
    pub const fn context(&self) -> &JobContext {
        &self.jobs
    }

    /// The order of a payment.
    ///
    /// # Panics
    /// When it is not there.
    pub async fn dossier(&self, payment: PaymentId) -> Dossier {
        self.desk.gatherer.dossier_of(payment).await.expect("the database").expect("the order")
    }

    /// Asks for the order to be closed, and lets that happen.
    ///
    /// # Panics
    /// When the database fails.
    pub async fn close(&self, payment: PaymentId) {
        let claim = Claim::CloseRequested { reason: "cancelled".into() };
        let said = Observation::new(Source::Merchant, self.clock.now(), claim);
        self.desk.observe(payment, &said, None, None, |_| Settlement::Hold).await.expect("the close");
        self.work().await;
    }

    /// Asks for money of the order back, and lets that begin.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn refund(&self, payment: PaymentId, minor: i64) -> Dossier {
        let order = self.dossier(payment).await.order.id;
        let request = RefundRequest {
            id: RefundId::fresh(self.clock.now(), self.desk.chance.as_ref()),
            amount_minor: Some(minor),
            allocation: Allocation::default(),
            reason: "not needed".into(),
            by: "Li Na".into(),
            payee: None,
        };
        match self.desk.refund(order, &request, |_, _| {}).await.expect("the refund") {
            Granted::Written(_) => self.work().await,
            other => panic!("{other:?}"),
        }
        self.dossier(payment).await
    }

    /// Imports a file.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn import(&self, file: &str) -> Vec<Imported> {
        let upload = Upload { bytes: file.as_bytes(), name: "day", format: "auto", by: "Li Na" };
        let sheets = read_upload(&self.account, &upload).unwrap_or_else(|e| panic!("{e}"));
        let mut all = Vec::new();
        for sheet in &sheets {
            all.push(self.desk.import(sheet).await.expect("the import"));
        }
        all
    }

    /// Imports a file a second later, and lets its lines find whose they are.
    pub async fn read(&self, file: &str) {
        self.clock.advance_ms(SECOND_MS);
        self.import(file).await;
        self.work().await;
    }

    /// The present instant.
    pub fn clock_now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Adds a job.
    ///
    /// # Panics
    /// When the database fails.
    pub async fn add_job(&self, job: NewJob) {
        let change = Change { jobs: vec![job], ..Change::default() };
        self.desk.gatherer.commit(change).await.expect("a job");
    }

    /// A person leaves lines in suspense out.
    ///
    /// # Panics
    /// When they are not in suspense.
    pub async fn leave_out(&self, lines: &[LineId]) {
        let now = self.clock.now();
        for line in lines {
            let judged = self.desk.judge_line(*line, |row| row.left_out("settled by hand", "Li Na", now), |_, _| {});
            let judged = judged.await.expect("the database");
            assert!(matches!(judged, Judged::Written(_)), "{judged:?}");
        }
    }

    /// All lines of the account, in the order in which they were seen.
    ///
    /// # Panics
    /// When the database fails.
    pub async fn lines(&self) -> Vec<LineRow> {
        let filter = LineFilter { account: self.account.id, state: None, after: None, limit: 1_000 };
        let mut lines = self.store.lines(&filter).await.expect("the lines");
        lines.sort_by_key(|l| (l.seen_at, l.ordinal));
        lines
    }
}

/// One entry of a file: amount in yuan, with a minus when it goes out; number of the bank; text; who.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// In yuan.
    pub amount: &'a str,
    /// Whether money went out.
    pub out: bool,
    /// Whether it takes an earlier entry back.
    pub reversal: bool,
    /// The bank's number of it.
    pub number: &'a str,
    /// What was written.
    pub text: &'a str,
    /// Who is on the other side.
    pub who: &'a str,
    /// The virtual account that was named.
    pub to: &'a str,
}

impl<'a> Entry<'a> {
    /// Money that came in.
    pub const fn received(amount: &'a str, number: &'a str, text: &'a str) -> Self {
        Self { amount, out: false, reversal: false, number, text, who: "", to: "" }
    }

    /// Money that went out.
    pub const fn paid(amount: &'a str, number: &'a str, text: &'a str) -> Self {
        Self { out: true, ..Self::received(amount, number, text) }
    }

    fn xml(&self) -> String {
        let Self { amount, number, text, who, to, reversal, .. } = self;
        let (way, other) = if self.out { ("DBIT", "Cdtr") } else { ("CRDT", "Dbtr") };
        // A reversal names the parties of what it takes back.
        let other = if *reversal { if self.out { "Dbtr" } else { "Cdtr" } } else { other };
        let party = if who.is_empty() { String::new() } else { format!("<{other}><Nm>{who}</Nm></{other}>") };
        let to = if to.is_empty() {
            String::new()
        } else {
            format!("<CdtrAcct><Id><Othr><Id>{to}</Id></Othr></Id></CdtrAcct>")
        };
        format!(
            "<Ntry><Amt Ccy=\"CNY\">{amount}</Amt><CdtDbtInd>{way}</CdtDbtInd><RvslInd>{reversal}</RvslInd><Sts>BOOK</Sts>\
             <BookgDt><Dt>2026-11-22</Dt></BookgDt><AcctSvcrRef>{number}</AcctSvcrRef><NtryDtls><TxDtls><RltdPties>{party}{to}\
             </RltdPties><RmtInf><Ustrd>{text}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>\n"
        )
    }
}

/// An advice of the day (camt.054) or, when `day` is true, its statement (camt.053).
pub fn file(day: bool, number: &str, entries: &[Entry<'_>]) -> String {
    let (kind, root, container) =
        if day { ("053", "BkToCstmrStmt", "Stmt") } else { ("054", "BkToCstmrDbtCdtNtfctn", "Ntfctn") };
    let lines: String = entries.iter().map(Entry::xml).collect();
    format!(
        "<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.{kind}.001.02\"><{root}><{container}><Id>{number}</Id>\
         <Acct><Id><Othr><Id>{ACCOUNT}</Id></Othr></Id><Ccy>CNY</Ccy></Acct>{lines}</{container}></{root}></Document>"
    )
}
