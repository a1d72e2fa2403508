//! What a channel pays out, from its own books to the merchant's bank: it knows when the bank tells of it, and must
//! never look into how the two are found to be the same.

use bursar_core::bank::{Day, LineRow, LineState};
use bursar_core::channel::ChannelKind;
use bursar_core::id::ChannelAccountId;
use bursar_core::ledger::AccountKind;
use bursar_core::merchant::ChannelAccount;
use bursar_core::reconcile::{Break, BreakKind, BreakState};
use bursar_sandbox::{Bank, Meaning, StatementFormat, Transfer};
use bursar_store::{BreakFilter, LineFilter};
use serde_json::{Value, json};

use super::town::{Silence, Town, WITHIN};
use crate::support::branch::ACCOUNT;
use crate::{http, until};

/// The merchant's bank: an account of ours, and who keeps it.
struct Branch {
    account: ChannelAccountId,
    bank: Bank,
}

impl Branch {
    async fn open(town: &Town) -> Self {
        let program = &town.house.stage.program;
        let now = program.clock.now();
        let account = ChannelAccount {
            id: ChannelAccountId::fresh(now, program.chance.as_ref()),
            merchant: town.house.stage.actors[0].merchant,
            channel: ChannelKind::Bank,
            settings: json!({
                "account_number": ACCOUNT, "account_name": "某家政服务有限公司", "bank_name": "中国工商银行",
            }),
            facts: None,
            created_at: now,
        };
        program.store.put_account(&account).await.expect("the account");
        let bank = Bank::new(program.clock.clone());
        bank.open_account(ACCOUNT, "某家政服务有限公司", StatementFormat::Camt);
        Self { account: account.id, bank }
    }

    fn receive(&self, amount_minor: i64, name: &str, text: &str) {
        let transfer = Transfer { account: ACCOUNT, amount_minor, name, text, meaning: Meaning::Other };
        self.bank.receive(&transfer).expect("the account");
    }

    /// Gives the bank's file to the gateway, and waits until all its lines are judged.
    async fn import(&self, town: &Town) {
        let file = self.bank.next_file(ACCOUNT).expect("news");
        let text = String::from_utf8(file.bytes).expect("text");
        let house = &town.house;
        let path = format!("/v1/bank/{}/statements", self.account);
        until("the gateway takes the file", WITHIN, || async {
            let key = format!("s{}", house.stage.program.chance.next_u64());
            let body = ("application/octet-stream", text.clone());
            let (status, answer) = house.post_file(&house.stage.actors[0].api_key, &path, &key, body).await;
            // The directory learns of the account in a while.
            assert!([200, 404, 503].contains(&status), "{status} {answer}");
            (status == 200).then_some(())
        })
        .await;
        until("the lines are judged", WITHIN, || async {
            let lines = self.lines(town.house.stage.program.store.as_ref()).await;
            lines.iter().all(|l| !l.state.is_active()).then_some(())
        })
        .await;
    }

    async fn lines(&self, store: &dyn bursar_store::Store) -> Vec<LineRow> {
        let filter = LineFilter { account: self.account, state: None, after: None, limit: 100 };
        store.lines(&filter).await.expect("the lines")
    }

    /// The lines that were taken as payouts: minor units and words.
    async fn taken(&self, silence: &Silence) -> Vec<(i64, String)> {
        let lines = self.lines(silence.store()).await;
        let taken = lines.into_iter().filter(|l| l.state == LineState::Ignored);
        let mut all: Vec<_> = taken.map(|l| (l.line.amount.minor, l.why.unwrap_or_default())).collect();
        all.sort_unstable();
        all
    }
}

async fn held(silence: &Silence, kind: AccountKind, owner: ChannelAccountId) -> i64 {
    let balances = silence.store().balances().await.expect("the ledger");
    assert_eq!(balances.iter().map(|b| b.3).sum::<i64>(), 0, "{balances:?}");
    balances.iter().filter(|b| (b.0, b.1) == (kind.code(), owner.uuid())).map(|b| b.3).sum()
}

/// The question about a payout that has not arrived.
async fn asked(silence: &Silence) -> Vec<Break> {
    let filter = BreakFilter {
        account: Some(silence.account),
        kind: Some(BreakKind::Settlement),
        limit: 100,
        ..BreakFilter::default()
    };
    let breaks = silence.store().breaks(&filter).await.expect("the database");
    breaks.into_iter().filter(|b| b.number.starts_with("payout of ")).collect()
}

/// The report of the settlement of a day of the channel account.
async fn settlement(town: &Town, day: Day) -> Value {
    let stage = &town.house.stage;
    let request = http()
        .get(format!("{}/v1/reports/settlement?from={day}&to={day}", stage.gateway()))
        .bearer_auth(&stage.actors[0].api_key);
    let answer = request.send().await.expect("an answer").text().await.expect("a body");
    let report: Value = serde_json::from_str(&answer).expect("JSON");
    let rows = report["rows"].as_array().expect("rows").clone();
    let account = json!(town.account);
    rows.into_iter().find(|row| row["account_id"] == account).unwrap_or_else(|| panic!("{report}"))
}

/// Two days of a channel are paid out. The bank shows the second payout in time and the first one late; a customer
/// transfers as much as the first one before, and writes the channel's name on it. Each payout is taken as what it is,
/// the late one is asked about until it comes, and the customer's money is never taken.
///
/// # Panics
/// When that is not so.
pub async fn follow_payouts_to_the_bank(channel: ChannelKind, database: Option<String>) {
    let town = Town::open(channel, database).await;
    let branch = Branch::open(&town).await;
    town.paid(12_300).await;
    let (given, _) = town.paid(5_000).await;
    town.refunded(given, 2_000).await;
    let silence = town.fall_silent().await;
    let day = silence.today();
    silence.reconcile(day).await;

    // The next day: another sale, and a customer who transfers as much as the first payout.
    let first = silence.sandbox().payouts();
    let [first] = first.as_slice() else { panic!("{first:?}") };
    let town = silence.wake().await;
    town.paid(8_800).await;
    branch.receive(first.amount_minor, "王小明", "微信支付 保洁费");
    branch.import(&town).await;
    let silence = town.fall_silent().await;
    silence.reconcile(day.plus_days(1)).await;
    silence.reconcile(day.plus_days(2)).await;
    let payouts = silence.sandbox().payouts();
    let [_, second] = payouts.as_slice() else { panic!("{payouts:?}") };
    let away = first.amount_minor + second.amount_minor;
    assert_eq!(held(&silence, AccountKind::InTransit, silence.account).await, away, "paid out, and nowhere yet");
    assert_eq!(branch.taken(&silence).await, [], "a customer's transfer of the same amount");

    // The second payout arrives in time.
    let town = silence.wake().await;
    branch.receive(second.amount_minor, &second.payer, &second.reference);
    branch.import(&town).await;
    let silence = town.fall_silent().await;
    silence.reconcile(day.plus_days(3)).await;
    let words = |silence: &Silence, later| format!("payout of {} of {}", silence.account, day.plus_days(later));
    let second_taken = (second.amount_minor, words(&silence, 2));
    assert_eq!(branch.taken(&silence).await, std::slice::from_ref(&second_taken));
    assert_eq!(held(&silence, AccountKind::InTransit, silence.account).await, first.amount_minor);

    // The first one is late: five days after it was paid out a person is asked, once.
    for later in 4..=5 {
        silence.reconcile(day.plus_days(later)).await;
        assert_eq!(asked(&silence).await, [], "day {later} is too early to ask");
    }
    for later in 6..=7 {
        silence.reconcile(day.plus_days(later)).await;
        let open = asked(&silence).await;
        let facts: Vec<_> = open.iter().map(|b| (b.state, b.amount_minor, b.number.clone())).collect();
        let number = format!("payout of {}", day.plus_days(1));
        assert_eq!(facts, [(BreakState::Parked, -first.amount_minor, number)], "day {later}");
    }

    // It comes after all, with the channel's name on it.
    let town = silence.wake().await;
    branch.receive(first.amount_minor, &first.payer, &first.reference);
    branch.import(&town).await;
    let silence = town.fall_silent().await;
    silence.reconcile(day.plus_days(8)).await;
    let mut both = vec![second_taken, (first.amount_minor, words(&silence, 1))];
    both.sort_unstable();
    assert_eq!(branch.taken(&silence).await, both);
    assert_eq!(asked(&silence).await.iter().map(|b| b.state).collect::<Vec<_>>(), [BreakState::Healed]);
    assert_eq!(held(&silence, AccountKind::InTransit, silence.account).await, 0);
    // What the customer transferred is at the bank too when somebody has been asked about it.
    let unclaimed = -held(&silence, AccountKind::Unclaimed, branch.account).await;
    assert!([0, first.amount_minor].contains(&unclaimed), "{unclaimed}");
    assert_eq!(held(&silence, AccountKind::Clearing, branch.account).await, away + unclaimed);
    silence.reconcile(day.plus_days(8)).await;
    assert_eq!(held(&silence, AccountKind::Clearing, branch.account).await, away + unclaimed, "a second look");

    let town = silence.wake().await;
    for (later, payout) in [(1, first), (2, second)] {
        let row = settlement(&town, day.plus_days(later)).await;
        let shown = &row["payouts"][0];
        assert_eq!(
            (&row["paid_out_minor"], &shown["amount_minor"]),
            (&json!(payout.amount_minor), &row["paid_out_minor"])
        );
        assert!(shown["arrived_on"].is_string() && shown["why"].is_null(), "{row}");
    }
    town.house.close().await;
}
