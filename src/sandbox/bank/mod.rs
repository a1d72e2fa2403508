//! A bank: accounts of merchants, the transfers that customers make to them and that merchants make themselves, and
//! the files in which it tells of them. It knows what each transfer was really meant for, which no file says, and
//! must never know how a merchant finds that out.

mod camt;
mod mt940;
mod table;
mod words;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bursar_core::clock::Clock;

/// In which format a bank tells of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatementFormat {
    /// ISO 20022: reports of what is new (camt.052), and now and then a statement (camt.053) that tells all of it
    /// again.
    Camt,
    /// SWIFT MT940.
    Mt940,
    /// The table of a Chinese bank's portal, in GB18030. Some files repeat lines of the one before.
    Table,
}

/// What a transfer was really meant for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// A customer pays this payment.
    Payment(String),
    /// The merchant pays this leg of a refund.
    Leg(String),
    /// The bank takes back the transfer of this number.
    TakesBack(String),
    /// Nothing that has to do with an order.
    Other,
}

/// A line of an account.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// The bank's number.
    serial: String,
    credit: bool,
    reversal: bool,
    amount_minor: i64,
    /// What was on the account afterwards.
    balance_minor: i64,
    /// Who is on the other side.
    name: String,
    text: String,
    at_ms: i64,
    meaning: Meaning,
}

#[derive(Debug)]
struct Account {
    number: String,
    holder: String,
    format: StatementFormat,
    lines: Vec<Line>,
    /// How many lines files have told.
    told: usize,
    /// How many lines statements have told: files that repeat what reports have told.
    stated: usize,
    files: u64,
}

/// A file as the merchant fetches it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementFile {
    /// Its name.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// A transfer as who makes it says it.
#[derive(Clone, Debug)]
pub struct Transfer<'a> {
    /// The merchant's account.
    pub account: &'a str,
    /// How much, in minor units.
    pub amount_minor: i64,
    /// Who is on the other side.
    pub name: &'a str,
    /// What is written on it.
    pub text: &'a str,
    /// What it is meant for.
    pub meaning: Meaning,
}

/// What the bank's books come to, by what transfers were meant for. In minor units.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BankBooks {
    /// What came for each payment and was not taken back.
    pub payments: BTreeMap<String, i64>,
    /// What went out for each leg of a refund.
    pub legs: BTreeMap<String, i64>,
    /// Lines that no file has told yet.
    pub untold: usize,
}

/// The bank.
#[derive(Clone, Debug)]
pub struct Bank {
    accounts: Arc<Mutex<Vec<Account>>>,
    clock: Arc<dyn Clock>,
}

/// What was on an account before its first line, in minor units: merchants start with something.
const OPENING_MINOR: i64 = 10_000_000;

impl Account {
    fn opening_of(&self, from: usize) -> i64 {
        from.checked_sub(1).and_then(|last| self.lines.get(last)).map_or(OPENING_MINOR, |line| line.balance_minor)
    }

    fn write(&self, from: usize, statement: bool, now_ms: i64) -> StatementFile {
        let lines = self.lines.get(from..).unwrap_or_default();
        let sheet = Sheet {
            account: &self.number,
            holder: &self.holder,
            number: self.files,
            opening_minor: self.opening_of(from),
            lines,
            now_ms,
        };
        match self.format {
            StatementFormat::Camt => camt::write(&sheet, statement),
            StatementFormat::Mt940 => mt940::write(&sheet),
            StatementFormat::Table => table::write(&sheet),
        }
    }
}

/// What a file is about.
pub(crate) struct Sheet<'a> {
    account: &'a str,
    holder: &'a str,
    number: u64,
    opening_minor: i64,
    lines: &'a [Line],
    now_ms: i64,
}

impl Sheet<'_> {
    fn closing_minor(&self) -> i64 {
        self.lines.last().map_or(self.opening_minor, |line| line.balance_minor)
    }
}

impl Bank {
    /// A bank without accounts.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { accounts: Arc::default(), clock }
    }

    /// Opens an account.
    pub fn open_account(&self, number: &str, holder: &str, format: StatementFormat) {
        let (number, holder) = (number.to_owned(), holder.to_owned());
        let account = Account { number, holder, format, lines: Vec::new(), told: 0, stated: 0, files: 0 };
        self.accounts().push(account);
    }

    fn accounts(&self) -> MutexGuard<'_, Vec<Account>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn book(&self, number: &str, credit: bool, reversal: bool, transfer: &Transfer<'_>) -> Option<String> {
        let now_ms = self.clock.now().as_millis();
        let mut accounts = self.accounts();
        let position = accounts.iter().position(|account| account.number == number)?;
        let account = accounts.get_mut(position)?;
        let nth = account.lines.len();
        let before = account.opening_of(nth);
        let signed = if credit { transfer.amount_minor } else { transfer.amount_minor.saturating_neg() };
        // At most sixteen characters, which is all that MT940 has room for.
        let serial = format!("{}{position:02}{nth:06}", crate::pace::beijing_digits(now_ms).get(..8)?);
        account.lines.push(Line {
            serial: serial.clone(),
            credit,
            reversal,
            amount_minor: transfer.amount_minor,
            balance_minor: before.saturating_add(signed),
            name: transfer.name.to_owned(),
            text: transfer.text.to_owned(),
            at_ms: now_ms,
            meaning: transfer.meaning.clone(),
        });
        Some(serial)
    }

    /// Somebody transfers money to an account; the bank's number of it, or `None` when there is no such account.
    pub fn receive(&self, transfer: &Transfer<'_>) -> Option<String> {
        self.book(transfer.account, true, false, transfer)
    }

    /// The merchant transfers money away.
    pub fn pay_out(&self, transfer: &Transfer<'_>) -> Option<String> {
        self.book(transfer.account, false, false, transfer)
    }

    /// The bank takes back what came by `serial`, whose text it repeats. Gives its number.
    pub fn take_back(&self, account: &str, serial: &str) -> Option<String> {
        let found = {
            let accounts = self.accounts();
            let account = accounts.iter().find(|known| known.number == account)?;
            account.lines.iter().find(|line| line.serial == serial)?.clone()
        };
        let transfer = Transfer {
            account,
            amount_minor: found.amount_minor,
            name: &found.name,
            text: &found.text,
            meaning: Meaning::TakesBack(serial.to_owned()),
        };
        self.book(account, !found.credit, true, &transfer)
    }

    /// What the transfer of this number was meant for.
    pub fn meaning_of(&self, serial: &str) -> Option<Meaning> {
        let accounts = self.accounts();
        accounts.iter().flat_map(|account| &account.lines).find(|l| l.serial == serial).map(|l| l.meaning.clone())
    }

    /// Whether there is something that no file has told.
    pub fn has_news(&self, number: &str) -> bool {
        self.accounts().iter().any(|account| account.number == number && account.lines.len() > account.told)
    }

    /// The next file about an account; `None` when there is nothing new.
    pub fn next_file(&self, number: &str) -> Option<StatementFile> {
        let now_ms = self.clock.now().as_millis();
        let mut accounts = self.accounts();
        let account = accounts.iter_mut().find(|account| account.number == number)?;
        let news = account.lines.len() > account.told;
        // Every third file of an account with reports is a statement: what reports have told comes again.
        let statement = account.format == StatementFormat::Camt && account.files % 3 == 2;
        if !(news || statement && account.told > account.stated) {
            return None;
        }
        let again = match account.format {
            StatementFormat::Camt if statement => account.told - account.stated,
            StatementFormat::Table if account.files % 2 == 1 => 3,
            _ => 0,
        };
        account.files += 1;
        let file = account.write(account.told.saturating_sub(again), statement, now_ms);
        account.told = account.lines.len();
        if statement {
            account.stated = account.told;
        }
        Some(file)
    }

    /// What the books come to.
    pub fn books(&self) -> BankBooks {
        let mut books = BankBooks::default();
        for account in self.accounts().iter() {
            books.untold += account.lines.len().saturating_sub(account.told);
            let amount_of = |serial: &String| account.lines.iter().find(|line| line.serial == *serial);
            for line in &account.lines {
                match &line.meaning {
                    Meaning::Payment(id) => *books.payments.entry(id.clone()).or_default() += line.amount_minor,
                    Meaning::Leg(id) => *books.legs.entry(id.clone()).or_default() += line.amount_minor,
                    Meaning::TakesBack(serial) => match amount_of(serial).map(|line| &line.meaning) {
                        Some(Meaning::Payment(id)) => {
                            *books.payments.entry(id.clone()).or_default() -= line.amount_minor;
                        }
                        Some(Meaning::Leg(id)) => *books.legs.entry(id.clone()).or_default() -= line.amount_minor,
                        _ => {}
                    },
                    Meaning::Other => {}
                }
            }
        }
        books
    }
}

#[cfg(test)]
mod tests {
    use bursar_core::clock::{ManualClock, Timestamp};

    use super::*;

    const ACCOUNT: &str = "6222020200112345678";

    fn bank(format: StatementFormat) -> Bank {
        let clock = ManualClock::at(Timestamp::parse_rfc3339("2026-11-22T09:00:00+08:00").unwrap());
        let bank = Bank::new(Arc::new(clock));
        bank.open_account(ACCOUNT, "阳光家政", format);
        bank
    }

    fn transfer(amount_minor: i64, text: &str) -> Transfer<'_> {
        let meaning = Meaning::Payment("pay_1".to_owned());
        Transfer { account: ACCOUNT, amount_minor, name: "王芳 & <Co>", text, meaning }
    }

    #[test]
    fn what_was_taken_back_does_not_count_and_every_line_is_told() {
        let bank = bank(StatementFormat::Mt940);
        let first = bank.receive(&transfer(8_800, "A")).unwrap();
        bank.receive(&transfer(100, "B")).unwrap();
        assert_eq!(bank.books().untold, 2);
        assert!(bank.next_file(ACCOUNT).is_some() && bank.next_file(ACCOUNT).is_none());
        let back = bank.take_back(ACCOUNT, &first).unwrap();
        assert_eq!(bank.meaning_of(&back), Some(Meaning::TakesBack(first)));
        let books = bank.books();
        assert_eq!((books.payments["pay_1"], books.untold), (100, 1));
        assert_eq!(bank.receive(&Transfer { account: "1", ..transfer(1, "C") }), None);
    }

    #[test]
    fn statements_tell_again_what_reports_have_told() {
        let bank = bank(StatementFormat::Camt);
        let mut files = Vec::new();
        for text in ["one", "two", "three", "four"] {
            bank.receive(&transfer(100, text)).unwrap();
            files.push(String::from_utf8(bank.next_file(ACCOUNT).unwrap().bytes).unwrap());
        }
        let told = |nth: usize| ["one", "two", "three", "four"].map(|text| files[nth].contains(&format!(">{text}<")));
        assert_eq!(told(0), [true, false, false, false]);
        assert_eq!(told(1), [false, true, false, false]);
        assert_eq!(told(2), [true, true, true, false]);
        assert_eq!(told(3), [false, false, false, true]);
        assert!(files[2].contains("camt.053") && files[3].contains("camt.052"));
        assert!(files[2].contains("<Amt Ccy=\"CNY\">100003.00</Amt>"), "the closing balance: {}", files[2]);
    }
}
