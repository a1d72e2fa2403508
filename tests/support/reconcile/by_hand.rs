//! Days of a bank and of cash with everything open in them that people leave open: it knows what they did and did not
//! do, and must never look into how that is found.

use std::collections::BTreeSet;

use bursar_core::Clock;
use bursar_core::Money;
use bursar_core::bank::{Day, LineState, LineSubject, reference};
use bursar_core::cash::{Collection, CollectionState, Counting, HandIn, HandInState};
use bursar_core::channel::{ChannelKind, Method};
use bursar_core::clock::{HOUR_MS, SECOND_MS};
use bursar_core::id::{ChannelAccountId, CollectionId, HandInId, LegId, LineId, PaymentId};
use bursar_core::ledger::AccountKind;
use bursar_core::merchant::ChannelAccount;
use bursar_core::money::Currency;
use bursar_core::observation::{Claim, Observation, Source};
use bursar_core::order::OrderState;
use bursar_core::reconcile::{Break, BreakKind, BreakState, Reconciliation, RunState};
use bursar_core::refund::RefundClaim;
use bursar_jobs::reconcile::{Step, step};
use bursar_store::desk::cash::{Cashed, Confirmer, Handover};
use bursar_store::desk::statements::Judged;
use bursar_store::{BreakFilter, Settlement};
use serde_json::json;

use crate::support::branch::{Branch, Entry, file};

/// Kinds that a bank's days cannot have, and why.
const NOT_AT_A_BANK: [(BreakKind, &str); 9] = [
    (BreakKind::MissingAtChannel, "that money came is known from the bank alone"),
    (BreakKind::StatusChannelPaid, "a line is the payment: it has no standing beside it"),
    (BreakKind::StatusWePaid, "that money came is known from the bank alone"),
    (BreakKind::Amount, "another amount is a piece of what is owed, or a line that is nobody's"),
    (BreakKind::Currency, "an account has one currency"),
    (BreakKind::Fee, "what the bank takes for itself is a line of its own"),
    (BreakKind::DuplicateLine, "a line that is told twice is one line"),
    (BreakKind::CrossDay, "a line is taken whenever it is told"),
    (BreakKind::Settlement, "a bank pays nothing out"),
];

/// Kinds that days of cash cannot have, and why.
const NOT_IN_CASH: [(BreakKind, &str); 9] = [
    (BreakKind::MissingHere, "cash that no collection tells nobody knows of"),
    (BreakKind::StatusChannelPaid, "nobody else could say that it was paid"),
    (BreakKind::StatusWePaid, "nobody else could say that it was not paid"),
    (BreakKind::Currency, "a drawer is of one currency"),
    (BreakKind::Fee, "nobody takes a part of it"),
    (BreakKind::DuplicateLine, "a collection that is told twice is one, by the number that the device made"),
    (BreakKind::RefundMissingHere, "who gives money out of a drawer tells it: it is short otherwise"),
    (BreakKind::RefundMissingThere, "who gives money out of a drawer tells it: it is short otherwise"),
    (BreakKind::CrossDay, "nothing is told later by somebody else"),
];

/// What is found: kind, where it stands, the number that people look for, minor units.
type Found = BTreeSet<(BreakKind, BreakState, String, i64)>;

fn every_kind(found: &Found, not: &[(BreakKind, &str)]) {
    let seeded = found.iter().map(|(kind, ..)| *kind);
    let all: BTreeSet<_> = seeded.chain(not.iter().map(|(kind, _)| *kind)).collect();
    assert_eq!(all.into_iter().collect::<Vec<_>>(), BreakKind::ALL, "each is seeded, or there is a reason why not");
}

/// The same day for each file, which is of `day`.
async fn told(branch: &Branch, day: Day, number: &str, entries: &[Entry<'_>]) {
    branch.read(&file(false, number, entries).replace("2026-11-22", &day.to_string())).await;
}

impl Branch {
    /// When the night of `day` has come, reconciles it.
    async fn night(&self, account: &ChannelAccount, day: Day) -> Reconciliation {
        let at = account.channel.bill_late_at(day).plus_ms(60_000);
        self.later(at.since_ms(self.clock.now()).max(SECOND_MS)).await;
        let begun = self.desk.begin_reconciliation(account, day, false, |_, _| {}).await.expect("the database");
        assert!(begun.is_some(), "{day} is not over");
        let id = Reconciliation::id_of(account.id, day);
        assert_eq!(step(self.context(), id).await.expect("a step"), Step::Done);
        let run = self.store.reconciliation(id).await.expect("the database").expect("the run");
        assert_eq!(run.state, RunState::Done);
        run
    }

    async fn breaks(&self, account: ChannelAccountId) -> Vec<Break> {
        let filter = BreakFilter { account: Some(account), limit: 1_000, ..BreakFilter::default() };
        self.store.breaks(&filter).await.expect("the database")
    }

    async fn found(&self, account: ChannelAccountId) -> Found {
        let breaks = self.breaks(account).await;
        breaks.into_iter().map(|b| (b.kind, b.state, b.number, b.amount_minor)).collect()
    }

    /// A second look at days finds nothing new, and changes nothing.
    async fn nothing_new(&self, account: &ChannelAccount, days: impl IntoIterator<Item = Day>) {
        let before = self.breaks(account.id).await;
        for day in days {
            self.night(account, day).await;
        }
        assert_eq!(self.breaks(account.id).await, before);
        let balances = self.store.balances().await.expect("the ledger");
        assert_eq!(balances.iter().map(|(.., minor)| minor).sum::<i64>(), 0, "{balances:?}");
    }

    async fn held(&self, kind: AccountKind, owner: ChannelAccountId) -> i64 {
        let balances = self.store.balances().await.expect("the ledger");
        balances.iter().filter(|b| (b.0, b.1) == (kind.code(), owner.uuid())).map(|b| b.3).sum()
    }

    /// The line that the bank calls so.
    async fn line(&self, number: &str) -> bursar_core::bank::LineRow {
        let lines = self.lines().await;
        lines.into_iter().find(|l| l.line.bank_reference.as_deref() == Some(number)).expect("the line")
    }

    async fn assign(&self, line: LineId, subject: LineSubject) {
        let now = self.clock.now();
        let judged = self.desk.judge_line(line, |row| row.assigned(subject, "Li Na", now), |_, _| {}).await;
        assert!(matches!(judged, Ok(Judged::Written(_))), "{judged:?}");
        self.work().await;
    }

    /// A refund of so many fen that waits for a person's transfer.
    async fn to_transfer(&self, payment: PaymentId, minor: i64) -> LegId {
        let dossier = self.refund(payment, minor).await;
        dossier.legs().last().expect("a leg").id
    }

    /// A person says that he has transferred it.
    async fn transferred(&self, leg: LegId) {
        let claim = RefundClaim::Transferred { by: "Li Na".into(), reference: "T-1".into() };
        let said = Observation::new(Source::Merchant, self.clock.now(), Claim::Refund(claim));
        self.desk.observe(leg, &said, None, None, |_| Settlement::Hold).await.expect("the word");
        self.work().await;
    }
}

/// Days of a bank account: what nobody claims and what no statement shows is asked, and ends by itself when a person
/// or a statement has answered.
///
/// # Panics
/// When that is not so.
pub async fn reconcile_days_of_a_bank(database: Option<String>) {
    use BreakKind::{MissingHere, RefundMissingHere, RefundMissingThere};
    use BreakState::{Healed, Parked};
    let branch = Branch::open_on(database).await;
    let (bank, day) = (branch.account.clone(), Day::in_beijing(branch.clock_now()));
    let [fine, returned, silent, claimed] = [
        branch.order(12_800, None).await,
        branch.order(10_000, None).await,
        branch.order(9_000, None).await,
        branch.order(7_700, None).await,
    ];
    let words = [fine, returned, silent].map(|payment| reference(payment.uuid()));
    let entries = [
        Entry::received("128.00", "B1", &words[0]),
        Entry::received("100.00", "B2", &words[1]),
        Entry::received("90.00", "B3", &words[2]),
        Entry::received("77.00", "B4", "谢谢"),
        Entry::paid("9.00", "B5", "办公室房租"),
    ];
    told(&branch, day, "A1", &entries).await;
    let shown = branch.to_transfer(returned, 3_000).await;
    let other = branch.to_transfer(returned, 2_000).await;
    let never = branch.to_transfer(silent, 1_500).await;
    branch.transferred(shown).await;
    branch.transferred(never).await;
    let words = [shown, other].map(|leg| reference(leg.uuid()));
    // The second one is not what the refund is.
    told(&branch, day, "A2", &[Entry::paid("30.00", "B6", &words[0]), Entry::paid("29.00", "B7", &words[1])]).await;

    let run = branch.night(&bank, day).await;
    let found = |list: &[(BreakKind, BreakState, &str, i64)]| -> Found {
        list.iter().map(|(kind, state, number, minor)| (*kind, *state, (*number).to_owned(), *minor)).collect()
    };
    let asked = found(&[(MissingHere, Parked, "B4", 7_700), (RefundMissingHere, Parked, "B7", -2_900)]);
    assert_eq!(branch.found(bank.id).await, asked, "the first night");
    assert_eq!(run.figures.parked, 2);
    assert_eq!(branch.held(AccountKind::Unclaimed, bank.id).await, -4_800, "money without an owner");
    branch.nothing_new(&bank, [day]).await;

    // A person says whose the one is, and leaves the other out: nothing else is to be said.
    branch.assign(branch.line("B4").await.id, LineSubject::Payment(claimed)).await;
    branch.leave_out(&[branch.line("B7").await.id]).await;
    assert_eq!(branch.dossier(claimed).await.order.state, OrderState::Paid);
    branch.night(&bank, day.plus_days(1)).await;
    let answered = [(MissingHere, Healed, "B4", 7_700), (RefundMissingHere, Healed, "B7", -2_900)];
    assert_eq!(branch.found(bank.id).await, found(&answered), "the second night");
    assert_eq!(branch.held(AccountKind::Unclaimed, bank.id).await, 0);

    // A transfer that no statement shows is waited for, and then asked about, however long it takes.
    branch.night(&bank, day.plus_days(2)).await;
    assert_eq!(branch.found(bank.id).await, found(&answered), "the third night");
    let number = never.bare();
    let with = |state| {
        let mut all = found(&answered);
        all.insert((RefundMissingThere, state, number.clone(), 1_500));
        all
    };
    branch.night(&bank, day.plus_days(3)).await;
    assert_eq!(branch.found(bank.id).await, with(Parked), "the fourth night");
    branch.nothing_new(&bank, (0..=3).map(|n| day.plus_days(n))).await;
    let much_later = day.plus_days(40);
    branch.night(&bank, much_later).await;
    assert_eq!(branch.found(bank.id).await, with(Parked), "nobody has answered");
    let words = reference(never.uuid());
    told(&branch, much_later.plus_days(1), "A3", &[Entry::paid("15.00", "B8", &words)]).await;
    assert_eq!(branch.line("B8").await.state, LineState::Settled);
    branch.night(&bank, much_later.plus_days(1)).await;
    assert_eq!(branch.found(bank.id).await, with(Healed), "a statement has shown it");
    let seen = branch.found(bank.id).await;
    every_kind(&seen, &NOT_AT_A_BANK);
    branch.nothing_new(&bank, [0, 3, 40, 41].map(|n| day.plus_days(n))).await;
}

/// Cash of a merchant: his account, and what his people do with it.
struct Till<'a> {
    branch: &'a Branch,
    cash: ChannelAccount,
}

impl<'a> Till<'a> {
    async fn open(branch: &'a Branch) -> Self {
        let now = branch.clock_now();
        let cash = ChannelAccount {
            id: ChannelAccountId::fresh(now, branch.desk.chance.as_ref()),
            merchant: branch.account.merchant,
            channel: ChannelKind::Cash,
            settings: json!({ "drawer_limit_minor": 10_000_000 }),
            facts: None,
            created_at: now,
        };
        branch.store.put_account(&cash).await.expect("the account");
        // The directory reads again what it does not know.
        branch.clock.advance_ms(HOUR_MS);
        let id = cash.id;
        let known = branch.desk.directory.entries_with(|e| e.accounts.contains_key(&id)).await.expect("the database");
        assert!(known.accounts.contains_key(&id), "the directory knows the account");
        Self { branch, cash }
    }

    /// `worker` takes so many fen for an order, and somebody else confirms it.
    async fn taken(&self, worker: &str, minor: i64) -> PaymentId {
        let (branch, now) = (self.branch, self.branch.clock_now());
        let payment = branch.order_by(self.cash.id, Method::Cash, minor, None).await;
        let told = Collection {
            id: CollectionId::fresh(now, branch.desk.chance.as_ref()),
            payment,
            order: branch.dossier(payment).await.order.id,
            merchant: self.cash.merchant,
            account: self.cash.id,
            worker: worker.to_owned(),
            amount: Money::new(minor, Currency::CNY),
            tendered_minor: minor,
            change_minor: 0,
            collected_at: now,
            received_at: now,
            note: None,
            state: CollectionState::Claimed,
            confirmed_by: None,
            confirmed_at: None,
            why: None,
            disputed_by: None,
            wrong_codes: 0,
            hand_in: None,
            version: 0,
        };
        let taken = branch.desk.collect(&told, &|_, _| {}).await.expect("the database");
        assert!(matches!(taken, Cashed::Written(_)), "{taken:?}");
        let by = Confirmer::Person("Li Na".to_owned());
        let confirmed = branch.desk.confirm_collection(told.id, &by, &|_, _| {}).await.expect("the database");
        assert!(matches!(confirmed, Cashed::Written(_)), "{confirmed:?}");
        branch.work().await;
        payment
    }

    /// `worker` hands in what he has; it is counted as so many fen.
    async fn handed_in(&self, worker: &str, counted_minor: i64, bag: &str) -> HandIn {
        let now = self.branch.clock_now();
        let id = HandInId::fresh(now, self.branch.desk.chance.as_ref());
        let counting = Counting { id, by: "Zhang San".into(), at: now, counted_minor, bag: Some(bag.to_owned()) };
        let end = self.branch.desk.hand_in(self.cash.id, worker, &counting, &|_, _| {}).await.expect("the database");
        let Cashed::Written(row) = end else { panic!("{end:?}") };
        *row
    }

    async fn banked(&self, hand_in: &HandIn, reference: &str) {
        let desk = &self.branch.desk;
        let end = desk.bank_hand_in(hand_in.id, reference, "Li Na", &|_, _| {}).await.expect("the database");
        assert!(matches!(end, Cashed::Written(_)), "{end:?}");
    }

    async fn state(&self, hand_in: &HandIn) -> HandInState {
        self.branch.store.hand_in(hand_in.id).await.expect("the database").expect("the hand-in").state
    }
}

/// Days of cash: what is not handed in, counted otherwise or not brought to the bank is asked, and ends by itself when
/// people have done it; what the bank shows to have been brought is known without anybody saying so.
///
/// # Panics
/// When that is not so.
pub async fn reconcile_days_of_cash(database: Option<String>) {
    use BreakKind::{Amount, MissingAtChannel, MissingHere, Settlement};
    use BreakState::{Healed, Parked};
    let branch = Branch::open_on(database).await;
    let till = Till::open(&branch).await;
    let (bank, cash, day) = (&branch.account, till.cash.clone(), Day::in_beijing(branch.clock_now()));
    till.taken("w-fine", 12_800).await;
    till.taken("w-slow", 5_000).await;
    till.taken("w-short", 9_000).await;
    till.taken("w-bag", 7_000).await;
    till.taken("w-told", 6_400).await;
    let given = till.taken("w-back", 6_000).await;
    let fine = till.handed_in("w-fine", 12_800, "BAG-0001").await;
    till.banked(&fine, "202611220000001").await;
    let short = till.handed_in("w-short", 8_000, "BAG-0002").await;
    let bag = till.handed_in("w-bag", 7_000, "BAG-0003").await;
    let said = till.handed_in("w-told", 6_400, "BAG-0004").await;
    till.banked(&said, "202611220000004").await;
    // What goes out of a drawer again has not to be handed in.
    let leg = branch.to_transfer(given, 6_000).await;
    let handover = Handover { worker: "w-back".into(), by: "Li Na".into(), proof: "receipt 0042".into() };
    let paid = branch.desk.pay_out(leg, &handover, &|_, _| {}).await.expect("the database");
    assert!(matches!(paid, Cashed::Written(_)), "{paid:?}");

    let found = |list: &[(BreakKind, BreakState, &str, i64)]| -> Found {
        list.iter().map(|(kind, state, number, minor)| (*kind, *state, (*number).to_owned(), *minor)).collect()
    };
    branch.night(&cash, day).await;
    let asked = found(&[(Amount, Parked, "BAG-0002", -1_000)]);
    assert_eq!(branch.found(cash.id).await, asked, "the first night");
    let agreed = branch.desk.approve_hand_in(short.id, "Wang Fang", &|_, _| {}).await.expect("the database");
    assert!(matches!(agreed, Cashed::Written(_)), "{agreed:?}");
    for later in 1..=2 {
        branch.night(&cash, day.plus_days(later)).await;
        let answered = found(&[(Amount, Healed, "BAG-0002", -1_000)]);
        assert_eq!(branch.found(cash.id).await, answered, "night {later}");
    }

    // Three days are enough to hand it in, and to bring it to the bank.
    branch.night(&cash, day.plus_days(3)).await;
    let late = |state| {
        found(&[
            (Amount, Healed, "BAG-0002", -1_000),
            (MissingAtChannel, state, "w-slow", -5_000),
            (Settlement, state, "BAG-0002", -8_000),
            (Settlement, state, "BAG-0003", -7_000),
        ])
    };
    assert_eq!(branch.found(cash.id).await, late(Parked), "the fourth night");
    branch.nothing_new(&cash, (0..=3).map(|n| day.plus_days(n))).await;

    // The bank shows three deposits, and another of an amount that a hand-in has too, which does not name it.
    let (then, before) = (day.plus_days(4), branch.held(AccountKind::Clearing, cash.id).await);
    till.banked(&short, "202611260000002").await;
    let entries = [
        Entry::received("70.00", "B1", "现金存款"),
        Entry::received("70.00", "B2", "现金存款 bag-0003"),
        Entry::received("64.00", "202611220000004", "CASH DEPOSIT"),
        Entry::received("80.00", "202611260000002", "现金存款"),
    ];
    told(&branch, then, "A1", &entries).await;
    let slow = till.handed_in("w-slow", 5_000, "BAG-0005").await;
    branch.night(bank, then).await;
    assert_eq!(branch.found(bank.id).await, found(&[(MissingHere, Parked, "B1", 7_000)]), "whose are the other 70?");
    assert_eq!((till.state(&bag).await, till.state(&slow).await), (HandInState::Banked, HandInState::Approved));
    let moved = before - branch.held(AccountKind::Clearing, cash.id).await;
    assert_eq!(moved, 7_000 + 6_400 + 8_000, "it is at the bank now");
    // The fourth deposit is there as well, without an owner.
    assert_eq!(branch.held(AccountKind::Clearing, bank.id).await, moved + 7_000);
    assert_eq!(branch.held(AccountKind::Unclaimed, bank.id).await, -7_000);
    branch.nothing_new(bank, [then]).await;
    branch.night(&cash, then).await;
    let seen = branch.found(cash.id).await;
    assert_eq!(seen, late(Healed), "people have done it");
    every_kind(&seen, &NOT_IN_CASH);
    branch.nothing_new(&cash, (0..=4).map(|n| day.plus_days(n))).await;
}
