//! Reconciliation on the command line, with the program itself: a line of a bank that is nobody's becomes a break, and
//! people answer it.

use std::process::{Command, Output};

use bursar::compose;
use bursar::config::Config;
use bursar_core::bank::LineRow;
use bursar_core::id::LineId;
use serde_json::Value;

/// A credit of 88.00 yuan that names nobody.
const FILE: &str = ":20:A\n:25:6222020200112233\n:28C:7/1\n:60F:C250102CNY100,\n\
:61:2501020102C88,NTRFX//B1\n:86:往来款\n:62F:C250102CNY188,\n-\n";

const BANK: &str = r#"{"account_number": "6222020200112233", "account_name": "甲", "bank_name": "乙"}"#;

/// A database and the program on it.
struct Office {
    url: String,
    folder: tempfile::TempDir,
}

impl Office {
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let office = Self { url: format!("sqlite:{}", folder.path().join("office.db").display()), folder };
        office.ok(&["migrate"]);
        office
    }

    fn run(&self, words: &[&str]) -> Output {
        let mut command = Command::new(bursar_tests::binary());
        command.args(["--database-url", &self.url, "--json"]).args(words).output().unwrap()
    }

    #[track_caller]
    fn ok(&self, words: &[&str]) -> Value {
        let output = self.run(words);
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
    }

    #[track_caller]
    fn fails(&self, code: i32, words: &[&str], says: &str) {
        let output = self.run(words);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{words:?}: {told}");
        assert!(told.contains(says), "{words:?}: {told}");
    }

    fn file(&self, name: &str, content: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.display().to_string()
    }

    /// A bank account of a merchant of its own.
    fn account(&self) -> String {
        let merchant = self.ok(&["merchant", "add", "Nannies"])["merchant"].as_str().unwrap().to_owned();
        let settings = self.file("bank.json", BANK);
        let words = ["merchant", "add-account", "--merchant", &merchant, "--channel", "bank", "--settings", &settings];
        self.ok(&words)["account"].as_str().unwrap().to_owned()
    }

    /// Imports the file; its line is left to a person, as a worker would.
    async fn line_of_nobody(&self, account: &str) -> LineId {
        let statement = self.file("day.sta", FILE);
        self.ok(&["statement", "import", &statement, "--account", account]);
        let lines = self.ok(&["statement", "lines", "--account", account]);
        let line: LineId = lines[0]["id"].as_str().unwrap().parse().unwrap();
        let config = Config::load(None, std::iter::empty(), &[("database.url", self.url.clone(), "a test")]).unwrap();
        let program = compose::ready(&config).await.unwrap();
        let now = program.clock.now();
        let suspend = |row: &LineRow| Ok::<_, ()>(row.suspended("nothing names whose it is", now));
        program.desk.judge_line(line, suspend, |_, _| {}).await.unwrap();
        program.desk.gatherer.flush_and_stop().await;
        program.store.close().await;
        line
    }
}

#[tokio::test]
async fn a_day_is_reconciled_without_a_worker_and_two_people_end_what_it_found() {
    let office = Office::open();
    let account = office.account();
    let line = office.line_of_nobody(&account).await;
    let dry = office.ok(&["reconcile", "--channel", "bank", "--dry-run"]);
    assert_eq!((&dry["dry_run"], &dry["lines"]), (&Value::from(true), &Value::from(0)));
    assert_eq!(office.ok(&["reconcile", "days"]), Value::Array(Vec::new()));

    let run = office.ok(&["reconcile", "--channel", "bank"]);
    assert_eq!((&run["state"], &run["parked"]), (&Value::from("done"), &Value::from(1)), "{run}");
    assert_eq!((&run["account_id"], &run["found"]["missing_here"]), (&Value::from(account.as_str()), &Value::from(1)));
    let again = office.ok(&["reconcile", "--account", &account, "--day", run["day"].as_str().unwrap()]);
    assert_eq!((&again["id"], &again["found"]), (&run["id"], &run["found"]));
    let days = office.ok(&["reconcile", "days", "--account", &account]);
    assert_eq!((days.as_array().unwrap().len(), &days[0]["id"]), (1, &run["id"]));

    let breaks = office.ok(&["reconcile", "breaks", "--open"]);
    assert_eq!((breaks.as_array().unwrap().len(), &breaks[0]["amount_minor"]), (1, &Value::from(8_800)));
    let id = breaks[0]["id"].as_str().unwrap();
    let questions = office.ok(&["order", "questions"]);
    assert_eq!((&questions[0]["kind"], &questions[0]["about"]), (&Value::from("break"), &Value::from(id)));
    let answer = questions[0]["answer"].as_str().unwrap();
    assert!(answer.contains(&format!("bursar reconcile end {id}")), "{answer}");
    assert!(answer.contains(&format!("bursar statement assign {line}")), "{answer}");

    let end = ["reconcile", "end", id, "--how", "write_off", "--by", "Li Na", "--reason", "nobody asks for it"];
    assert_eq!(office.ok(&end)["proposal"]["by"], "Li Na");
    office.fails(4, &["reconcile", "agree", id, "--by", "li na"], "a second person must");
    let refused = office.ok(&["reconcile", "refuse", id, "--by", "Wang Fang"]);
    assert_eq!((&refused["state"], refused.get("proposal")), (&Value::from("parked"), None));
    office.fails(4, &["reconcile", "agree", id, "--by", "Wang Fang"], "nobody has proposed");
    office.ok(&end);
    let ended = office.ok(&["reconcile", "agree", id, "--by", "Wang Fang"]);
    assert_eq!(
        (&ended["state"], &ended["ended_by"]),
        (&Value::from("written_off"), &Value::from("Li Na and Wang Fang"))
    );
    assert_eq!(office.ok(&["reconcile", "show", id])["break"], ended);
    office.fails(4, &end, "already");
    assert_eq!(office.ok(&["order", "questions"]), Value::Array(Vec::new()));
    assert_eq!(office.ok(&["reconcile", "breaks", "--open"]), Value::Array(Vec::new()));
}

#[test]
fn what_cannot_be_reconciled_is_said_with_its_code() {
    let office = Office::open();
    office.fails(3, &["reconcile", "--channel", "bank"], "no account of bank");
    let account = office.account();
    office.fails(2, &["reconcile"], "--channel");
    office.fails(3, &["reconcile", "--account", "acc_01jd7z00000000000000000000"], "there is no account");
    office.fails(2, &["reconcile", "--account", &account, "--channel", "cash"], "not of cash");
    office.fails(4, &["reconcile", "--account", &account, "--day", "2999-01-01"], "is not over");
    office.fails(2, &["reconcile", "--account", &account, "--day", "tomorrow"], "not a day");
    office.fails(2, &["reconcile", "--account", &account, "days"], "behind it");
    let nobody = "brk_01jd7z00000000000000000000";
    office.fails(3, &["reconcile", "show", nobody], "there is no break");
    office.fails(3, &["reconcile", "agree", nobody, "--by", "Li Na"], "there is no break");
    let file = office.file("bill.csv", "x");
    let import = ["reconcile", "import", &file, "--account", &account, "--kind", "trade", "--day", "2025-01-02"];
    office.fails(2, &[&import[..], &["--by", "Li Na"]].concat(), "bank has no trade bill");
    office.account();
    office.fails(2, &["reconcile", "--channel", "bank"], "2 accounts");
}
