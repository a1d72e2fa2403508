//! A large bill against as many payments: it knows how to make both, and measures the command that matches them while
//! it is killed once. It must never match a line itself.

use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bursar_core::bank::Day;
use bursar_core::chance::SeededChance;
use bursar_core::channel::{ChannelKind, Method};
use bursar_core::clock::DAY_MS;
use bursar_core::id::{ChannelAccountId, MerchantId, OrderId, PaymentId};
use bursar_core::observation::Receipt;
use bursar_core::order::{Order, OrderState};
use bursar_core::payment::{Evidence, PayerDetails, Payment, PaymentState};
use bursar_core::reconcile::{BreakKind, BreakState, Movement, MovementKind, RunState};
use bursar_core::{Currency, Money, Timestamp, ledger};
use bursar_sandbox::{SandboxConfig, provision, system_random};
use bursar_store::{Change, DayFilter, Store};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;

use crate::compose;
use crate::config::Config;
use crate::play::accounts::{self, Dialect};

/// Payments of one change, and changes of one commit.
const BATCH: (usize, usize) = (500, 4);
/// Of so many payments one of each kind of difference is made.
const EVERY: u64 = 100_000;
/// What each payment is, in fen, and what the channel keeps of it by 0.6 %.
const AMOUNT: (i64, i64) = (12_800, 77);
/// Between two looks at the process.
const LOOK: Duration = Duration::from_millis(50);

/// What to run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Payments, and about as many lines.
    pub lines: u64,
    /// The user's configuration.
    pub config: Config,
    /// The database.
    pub database_url: String,
}

/// What was measured.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// `sqlite` or `postgres`.
    pub database: String,
    /// Payments on the books.
    pub payments: u64,
    /// Lines of the bill.
    pub lines: u64,
    /// How long bringing the bill took: reading it once to its end and keeping its file.
    pub import_ms: u64,
    /// How long matching it took, both runs together.
    pub match_ms: u64,
    /// Lines per second of that.
    pub lines_per_second: u64,
    /// After how many lines the process was killed.
    pub killed_after_lines: u64,
    /// Most memory that any of the processes had, in KiB.
    pub peak_memory_kib: u64,
    /// Differences that were made, by kind.
    pub seeded: u64,
    /// Differences that were found.
    pub found: u64,
    /// Of them those that were mended.
    pub healed: u64,
    /// Whether every one was found with its kind, and nothing else.
    pub right: bool,
    /// What a second run found that the first had not.
    pub found_again: u64,
}

/// The merchant's account and its day.
struct Place {
    merchant: MerchantId,
    account: ChannelAccountId,
    day: Day,
    mchid: String,
}

/// What becomes of the `n`-th payment in the bill.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seed {
    Fine,
    Amount,
    LeftOut,
    Doubled,
    NotKnown,
}

const fn seed(n: u64) -> Seed {
    match n % EVERY {
        7 => Seed::Amount,
        8 => Seed::LeftOut,
        9 => Seed::Doubled,
        10 => Seed::NotKnown,
        _ => Seed::Fine,
    }
}

/// Runs it.
///
/// # Errors
/// When something does not start, or the command fails.
pub async fn run(plan: &Plan, say: impl Fn(&str)) -> anyhow::Result<Report> {
    let folder = tempfile::Builder::new().prefix("bursar-bench-bill-").tempdir()?;
    let config = plan.config.with(&[("database.url", plan.database_url.clone(), "bench")])?;
    let program = compose::program(&config).await?;
    program.store.migrate().await?;
    let keys = provision(folder.path(), "bill", &system_random)?;
    let sandbox =
        SandboxConfig { accounts: vec![keys.account.clone()], ..SandboxConfig::new(program.clock.clone(), &keys) };
    let sandbox = bursar_sandbox::start(sandbox).await?;
    let settings = accounts::settings(ChannelKind::Wechat, &keys, "bill", &sandbox.base_url(), Dialect::Usual);
    let at = (program.clock.now(), program.chance.as_ref());
    let merchant = bursar_core::merchant::Merchant {
        id: MerchantId::fresh(at.0, at.1),
        name: "bill".to_owned(),
        policy: bursar_core::merchant::MerchantPolicy::default(),
        created_at: at.0,
    };
    program.store.put_merchant(&merchant).await?;
    let account = accounts::open(program.store.as_ref(), merchant.id, ChannelKind::Wechat, settings, None, at).await?;
    // The day before yesterday: its bills are there at any time of today.
    let day = ChannelKind::Wechat.business_day(at.0).plus_days(-2);
    let place = Place { merchant: merchant.id, account, day, mchid: keys.mchid.clone() };
    let file = folder.path().join("bill.csv.gz");
    let database = program.store.dialect().to_owned();
    let say = |text: &str| say(&format!("{database}, bill: {text}"));
    say(&format!("writing {} payments and their bill", plan.lines));
    let mut report = Report { database: database.clone(), payments: plan.lines, ..Report::default() };
    report.lines = fill(program.store.as_ref(), &place, plan.lines, &file).await?;
    report.seeded = 4 * plan.lines.div_ceil(EVERY);

    let environment =
        [("BURSAR__DATABASE__URL", plan.database_url.clone()), ("BURSAR__LOG__FILTER", "error".to_owned())];
    let (account, day_text) = (place.account.to_string(), day.to_string());
    let path = file.display().to_string();
    say("bringing the bill");
    let import = ["reconcile", "import", &path, "--account", &account, "--kind", "trade", "--day", &day_text];
    let import: Vec<&str> = import.into_iter().chain(["--by", "bench"]).collect();
    let brought = watch(&import, &environment, async || Ok(false)).await?;
    anyhow::ensure!(brought.ended_well, "the bill was not taken");
    report.import_ms = brought.ms;
    let command = ["reconcile", "--account", &account, "--day", &day_text];
    say("matching it, until half of it is done");
    let half = i64::try_from(report.lines / 2)?;
    let first =
        watch(&command, &environment, async || Ok(taken(program.store.as_ref(), &place).await? >= half)).await?;
    anyhow::ensure!(!first.ended_well, "it ended before it could be killed");
    report.killed_after_lines = u64::try_from(taken(program.store.as_ref(), &place).await?)?;
    say(&format!("killed after {} lines; matching the rest", report.killed_after_lines));
    let second = watch(&command, &environment, async || Ok(false)).await?;
    anyhow::ensure!(second.ended_well, "the second run failed");
    report.match_ms = first.ms.saturating_add(second.ms).max(1);
    report.lines_per_second = report.lines.saturating_mul(1_000) / report.match_ms;
    judge(program.store.as_ref(), &place, &mut report).await?;
    say("matching it once more");
    let before = report.found;
    let third = watch(&command, &environment, async || Ok(false)).await?;
    anyhow::ensure!(third.ended_well, "the third run failed");
    let mut again = report.clone();
    judge(program.store.as_ref(), &place, &mut again).await?;
    report.found_again = again.found.saturating_sub(before);
    report.right &= again.right;
    let runs = [&brought, &first, &second, &third];
    report.peak_memory_kib = runs.iter().map(|run| run.peak_kib).max().unwrap_or(0);
    sandbox.stop().await;
    program.store.close().await;
    Ok(report)
}

/// How many lines of the bill were taken in.
async fn taken(store: &dyn Store, place: &Place) -> anyhow::Result<i64> {
    let filter = DayFilter { account: Some(place.account), limit: 10, ..DayFilter::default() };
    Ok(store.bills(&filter).await?.iter().map(|bill| bill.taken).max().unwrap_or(0))
}

/// Compares what was found with what was made.
async fn judge(store: &dyn Store, place: &Place, report: &mut Report) -> anyhow::Result<()> {
    let filter = DayFilter { account: Some(place.account), limit: 10, ..DayFilter::default() };
    let run = store.reconciliations(&filter).await?.into_iter().next().context("there is no run")?;
    anyhow::ensure!(run.state == RunState::Done, "the day is {}: {:?}", run.state.name(), run.note);
    let each = report.seeded / 4;
    let wanted = [
        (BreakKind::Amount, BreakState::Parked),
        (BreakKind::CrossDay, BreakState::Open),
        (BreakKind::DuplicateLine, BreakState::Parked),
        (BreakKind::StatusChannelPaid, BreakState::Healed),
    ];
    let counts = store.break_counts().await?;
    report.found = counts.iter().map(|(_, _, n)| n).sum();
    report.healed = counts.iter().filter(|(_, state, _)| *state == BreakState::Healed).map(|(_, _, n)| n).sum();
    let has = |(kind, state): &(BreakKind, BreakState)| counts.contains(&(*kind, *state, each));
    report.right = report.found == report.seeded && wanted.iter().all(has);
    Ok(())
}

/// A process that was watched.
struct Watched {
    ms: u64,
    peak_kib: u64,
    ended_well: bool,
}

/// Ends a process that is left behind.
struct Held(Child);

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs this program with `args`, and kills it outright as soon as `enough` holds.
async fn watch(
    args: &[&str],
    environment: &[(&str, String)],
    enough: impl AsyncFn() -> anyhow::Result<bool>,
) -> anyhow::Result<Watched> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(args).envs(environment.iter().map(|(k, v)| (*k, v.as_str()))).stdout(Stdio::null());
    let mut child = Held(command.spawn().context("starting the command")?);
    let (started, mut peak_kib) = (Instant::now(), 0);
    loop {
        peak_kib = peak_kib.max(peak_kib_of(child.0.id()));
        let ended = child.0.try_wait()?;
        let kill = ended.is_none() && enough().await?;
        if kill {
            child.0.kill()?;
            child.0.wait()?;
        }
        if ended.is_some() || kill {
            let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
            return Ok(Watched { ms, peak_kib, ended_well: ended.is_some_and(|status| status.success()) });
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Most memory that a process has had so far, in KiB; 0 where nobody tells.
fn peak_kib_of(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|text| text.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

/// Writes payments into the books and the bill that tells of them; how many lines it has.
async fn fill(store: &dyn Store, place: &Place, payments: u64, file: &Path) -> anyhow::Result<u64> {
    let gzip = GzEncoder::new(std::fs::File::create(file)?, Compression::fast());
    let mut bill = Bill::begin(BufWriter::new(gzip), &place.mchid)?;
    let chance = SeededChance::new(20_261_122);
    let (begins, _) = ChannelKind::Wechat.day_bounds(place.day);
    let mut changes = vec![Change::default()];
    for n in 0..payments {
        let spread = i64::try_from(n)?.saturating_mul(DAY_MS - 60_000) / i64::try_from(payments.max(1))?;
        let at = Timestamp::from_millis((begins.as_millis() + spread) / 1_000 * 1_000);
        let (order, payment) = paid(place, n, at, &chance);
        bill.tell(&payment, n, at)?;
        let change = match changes.last_mut() {
            Some(change) if change.new_payments.len() < BATCH.0 => change,
            _ => {
                if changes.len() >= BATCH.1 {
                    commit(store, std::mem::take(&mut changes)).await?;
                }
                changes.push(Change::default());
                changes.last_mut().context("a change")?
            }
        };
        let postings = ledger::postings(&payment, None, false, false);
        change.postings.extend(postings.into_iter().map(|posting| (posting, at)));
        if payment.state == PaymentState::Captured {
            change.books.movements.push(Movement {
                subject: payment.id.uuid(),
                kind: MovementKind::Capture,
                payment: payment.id,
                account: place.account,
                merchant: place.merchant,
                amount: payment.amount,
                at,
                day: place.day,
            });
        }
        change.new_orders.push(order);
        change.new_payments.push(payment);
    }
    commit(store, changes).await?;
    bill.end()
}

async fn commit(store: &dyn Store, changes: Vec<Change>) -> anyhow::Result<()> {
    let answers = store.commit(&changes).await?;
    anyhow::ensure!(answers.iter().all(|a| *a == bursar_store::Answer::Committed), "{answers:?}");
    Ok(())
}

/// The `n`-th order and its payment, which is captured, or waits for its payer as far as we know.
fn paid(place: &Place, n: u64, at: Timestamp, chance: &SeededChance) -> (Order, Payment) {
    let known = seed(n) != Seed::NotKnown;
    let amount = Money::new(AMOUNT.0, Currency::CNY);
    let order = Order {
        id: OrderId::fresh(at, chance),
        merchant: place.merchant,
        number: format!("bill-{n}"),
        amount,
        description: "日常保洁 3 小时".to_owned(),
        service: None,
        region: None,
        state: if known { OrderState::Paid } else { OrderState::Paying },
        close_reason: None,
        late_money: false,
        part_payment: false,
        offers: Vec::new(),
        payer: None,
        installment: None,
        shares: Vec::new(),
        expires_at: at.plus_ms(1_800_000),
        event_count: 0,
        version: 0,
        due_at: None,
        created_at: at,
    };
    let id = PaymentId::fresh(at, chance);
    let receipt = Receipt {
        transaction_id: transaction(n),
        amount_minor: AMOUNT.0,
        currency: "CNY".to_owned(),
        payee_matches: true,
        paid_at: at,
    };
    let evidence = Evidence {
        sent_at: Some(at),
        paid: Some(receipt).filter(|_| known),
        unpaid_at: Some(at),
        ..Evidence::default()
    };
    let payment = Payment {
        id,
        order: order.id,
        merchant: place.merchant,
        account: place.account,
        method: Method::WechatNative,
        amount,
        payer: PayerDetails::default(),
        installments: None,
        agreement: None,
        state: evidence.state(amount, ChannelKind::Wechat.facts()),
        evidence,
        returned_minor: 0,
        version: 0,
        due_at: None,
        created_at: at,
    };
    (order, payment)
}

fn transaction(n: u64) -> String {
    format!("4200001234202611{n:012}")
}

/// A trade bill of WeChat while it is written, with all 27 columns.
struct Bill<W: Write> {
    out: W,
    mchid: String,
    lines: u64,
    minor: i64,
}

const HEAD: &str = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,\
应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,\
申请退款金额,费率备注";
const FOOT: &str = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额";

fn yuan(minor: i64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}

impl<W: Write> Bill<W> {
    fn begin(mut out: W, mchid: &str) -> anyhow::Result<Self> {
        write!(out, "\u{feff}{HEAD}\r\n")?;
        Ok(Self { out, mchid: mchid.to_owned(), lines: 0, minor: 0 })
    }

    fn tell(&mut self, payment: &Payment, n: u64, at: Timestamp) -> anyhow::Result<()> {
        let seed = seed(n);
        let minor = AMOUNT.0 + i64::from(seed == Seed::Amount);
        let times = match seed {
            Seed::LeftOut => 0,
            Seed::Doubled => 2,
            Seed::Fine | Seed::Amount | Seed::NotKnown => 1,
        };
        for _ in 0..times {
            self.line(payment, n, at, minor)?;
        }
        Ok(())
    }

    fn line(&mut self, payment: &Payment, n: u64, at: Timestamp, minor: i64) -> anyhow::Result<()> {
        let seconds = at.as_millis() / 1_000 + 8 * 3_600;
        let day = Day::from_number(seconds.div_euclid(86_400));
        let (hour, minute, second) = (seconds.rem_euclid(86_400) / 3_600, seconds / 60 % 60, seconds % 60);
        let (amount, fee) = (yuan(minor), yuan(AMOUNT.1));
        write!(
            self.out,
            "`{day} {hour:02}:{minute:02}:{second:02},`wx8888888888888888,`{mchid},`0,`,`{transaction},`{number},\
             `oUpF8uMuAJO_M2pxb1Q9zNjWeS6o,`NATIVE,`SUCCESS,`OTHERS,`CNY,`{amount},`0.00,`0,`0,`0.00,`0.00,`,`,\
             `日常保洁 3 小时,`bill-{n},`{fee}000,`0.60%,`{amount},`0.00,`\r\n",
            mchid = self.mchid,
            transaction = transaction(n),
            number = payment.number(),
        )?;
        self.lines += 1;
        self.minor = self.minor.saturating_add(minor);
        Ok(())
    }

    fn end(mut self) -> anyhow::Result<u64> {
        let (lines, amount) = (self.lines, yuan(self.minor));
        let fees = yuan(AMOUNT.1.saturating_mul(i64::try_from(lines)?));
        write!(self.out, "{FOOT}\r\n`{lines},`{amount},`0.00,`0.00,`{fees}000,`{amount},`0.00\r\n")?;
        self.out.flush()?;
        Ok(lines)
    }
}
