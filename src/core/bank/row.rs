//! Statements and their lines as they are kept: it knows where a line stands, and must never know SQL.

use super::ladder::Rung;
use super::line::{Direction, StatementLine};
use crate::clock::Timestamp;
use crate::id::{ChannelAccountId, LegId, LineId, MerchantId, PaymentId, StatementId};
use crate::money::Currency;

/// Who decides when a rule does.
const BY_RULE: &str = crate::refund::BY_RULE;

/// Where a line stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum LineState {
    /// Read; nobody has looked for whose it is.
    New,
    /// It is known whose it is; the books of that payment or refund may not know it yet.
    Matched,
    /// It is not known whose it is: a person is asked.
    Suspense,
    /// It is none of our business, by rule or by a person's word.
    Ignored,
    /// The books know it.
    Settled,
    /// The books knew it, and a later line took it back.
    Reversed,
}

impl LineState {
    /// Every state.
    pub const ALL: [Self; 6] = [Self::New, Self::Matched, Self::Suspense, Self::Ignored, Self::Settled, Self::Reversed];

    /// The stable number in the database.
    pub const fn code(self) -> i16 {
        match self {
            Self::New => 1,
            Self::Matched => 2,
            Self::Suspense => 3,
            Self::Ignored => 4,
            Self::Settled => 5,
            Self::Reversed => 6,
        }
    }

    /// The stable name in faces.
    pub const fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Matched => "matched",
            Self::Suspense => "suspense",
            Self::Ignored => "ignored",
            Self::Settled => "settled",
            Self::Reversed => "reversed",
        }
    }

    /// The state with this code.
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.code() == code)
    }

    /// Whether a job owes it something.
    pub const fn is_active(self) -> bool {
        matches!(self, Self::New | Self::Matched)
    }

    /// Whether a person may say whose it is.
    pub const fn is_open_to_people(self) -> bool {
        matches!(self, Self::Suspense | Self::Ignored)
    }
}

impl std::str::FromStr for LineState {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|s| s.name() == text).ok_or_else(|| {
            let shown: String = text.chars().take(32).collect();
            let names: Vec<_> = Self::ALL.into_iter().map(Self::name).collect();
            format!("`{shown}` is not a state of a statement line; there are {}", names.join(", "))
        })
    }
}

/// Whose a line is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum LineSubject {
    /// Money for a payment.
    Payment(PaymentId),
    /// Our transfer for a leg of a refund.
    Leg(LegId),
    /// It takes another line back.
    Line(LineId),
}

impl LineSubject {
    /// The stable number of its kind in the database.
    pub const fn code(self) -> i16 {
        match self {
            Self::Payment(_) => 1,
            Self::Leg(_) => 2,
            Self::Line(_) => 3,
        }
    }

    /// The 128 bits of its id.
    pub const fn uuid(self) -> uuid::Uuid {
        match self {
            Self::Payment(id) => id.uuid(),
            Self::Leg(id) => id.uuid(),
            Self::Line(id) => id.uuid(),
        }
    }

    /// The inverse of [`LineSubject::code`] and [`LineSubject::uuid`].
    pub const fn from_code(code: i16, id: uuid::Uuid) -> Option<Self> {
        match code {
            1 => Some(Self::Payment(PaymentId(id))),
            2 => Some(Self::Leg(LegId(id))),
            3 => Some(Self::Line(LineId(id))),
            _ => None,
        }
    }
}

impl std::fmt::Display for LineSubject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Payment(id) => id.fmt(f),
            Self::Leg(id) => id.fmt(f),
            Self::Line(id) => id.fmt(f),
        }
    }
}

/// One statement of a file that was imported.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StatementRow {
    /// Its id.
    pub id: StatementId,
    /// Whose statement: the bank account as our channel account.
    pub account: ChannelAccountId,
    /// Whose money.
    pub merchant: MerchantId,
    /// SHA-256 of the file, as it came.
    pub digest: Vec<u8>,
    /// Which statement of the file, from 1.
    pub ordinal: i32,
    /// The bank's own number of the statement; the file's name when it has none.
    pub number: String,
    /// 1, and one more for every other file with the same number before it. The store counts it.
    pub version: i32,
    /// In which format it came.
    pub format: String,
    /// The name of the file, as it was given.
    pub file_name: String,
    /// Who imported it.
    pub imported_by: String,
    /// When.
    pub received_at: Timestamp,
    /// Its currency.
    pub currency: Currency,
    /// What was on the account before, in minor units.
    pub opening_minor: Option<i64>,
    /// What was on it afterwards.
    pub closing_minor: Option<i64>,
    /// How many lines it has.
    pub lines_total: i32,
    /// How many of them no earlier file had told.
    pub lines_new: i32,
    /// What the reader found worth saying, for people.
    pub warnings: Vec<String>,
}

/// A line as it is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LineRow {
    /// Its id: derived from the account and the line's identity.
    pub id: LineId,
    /// On which account.
    pub account: ChannelAccountId,
    /// Whose money.
    pub merchant: MerchantId,
    /// The statement that told it first.
    pub statement: StatementId,
    /// Its place in that statement, from 1.
    pub ordinal: i32,
    /// What it says.
    pub line: StatementLine,
    /// When we saw it first.
    pub seen_at: Timestamp,
    /// Counts the commits that touched it; guards every write.
    pub version: i64,
    /// Where it stands.
    pub state: LineState,
    /// Whose it is, when that is known.
    pub subject: Option<LineSubject>,
    /// How that was found.
    pub by: Option<Rung>,
    /// Why nobody was found, or why it is ignored.
    pub why: Option<String>,
    /// Who said so: a person, or the rule.
    pub decided_by: Option<String>,
    /// When.
    pub decided_at: Option<Timestamp>,
}

/// Why a person cannot say whose a line is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Unassignable {
    /// Nobody is asked about it (any more).
    NotOpen(LineState),
    /// Money that came in is not for a refund, and the other way round; in words.
    WrongWay(String),
}

impl LineRow {
    fn decided(&self, state: LineState, by: &str, now: Timestamp) -> Self {
        let decided_by = Some(by.to_owned());
        Self { state, decided_by, decided_at: Some(now), why: None, ..self.clone() }
    }

    /// The line given to somebody, whose books know it.
    #[must_use]
    pub fn settled(&self, subject: LineSubject, now: Timestamp) -> Self {
        let by = self.decided_by.as_deref().unwrap_or(BY_RULE);
        Self { subject: Some(subject), ..self.decided(LineState::Settled, by, now) }
    }

    /// The line as known by `rung`.
    #[must_use]
    pub fn found_by(&self, rung: Rung) -> Self {
        Self { by: Some(self.by.unwrap_or(rung)), ..self.clone() }
    }

    /// The line left to a person.
    #[must_use]
    pub fn suspended(&self, why: &str, now: Timestamp) -> Self {
        let open = self.decided(LineState::Suspense, BY_RULE, now);
        Self { why: Some(why.to_owned()), subject: None, by: None, ..open }
    }

    /// The line of which nobody here needs to know.
    #[must_use]
    pub fn ignored(&self, why: &str, by: &str, now: Timestamp) -> Self {
        Self { why: Some(why.to_owned()), subject: None, by: None, ..self.decided(LineState::Ignored, by, now) }
    }

    /// The line taken back by a later one; whose it was stays.
    #[must_use]
    pub fn reversed(&self, now: Timestamp) -> Self {
        self.decided(LineState::Reversed, BY_RULE, now)
    }

    /// The line as a person left it out.
    ///
    /// # Errors
    /// When nobody is asked about it.
    pub fn left_out(&self, why: &str, by: &str, now: Timestamp) -> Result<Self, Unassignable> {
        match self.state {
            LineState::Suspense => Ok(self.ignored(why, by, now)),
            state => Err(Unassignable::NotOpen(state)),
        }
    }

    /// The line as a person gave it to somebody: a job tells the books.
    ///
    /// # Errors
    /// When nobody is asked about it, or it went the other way.
    pub fn assigned(&self, subject: LineSubject, by: &str, now: Timestamp) -> Result<Self, Unassignable> {
        if !self.state.is_open_to_people() {
            return Err(Unassignable::NotOpen(self.state));
        }
        let way = self.line.direction;
        let fits = match subject {
            LineSubject::Payment(_) => way == Direction::Credit && !self.line.reversal,
            LineSubject::Leg(_) => way == Direction::Debit && !self.line.reversal,
            LineSubject::Line(of) => of != self.id,
        };
        if !fits {
            let back = if self.line.reversal { ", and takes another line back" } else { "" };
            return Err(Unassignable::WrongWay(format!("the line is a {}{back}", way.name())));
        }
        let matched = self.decided(LineState::Matched, by, now);
        Ok(Self { subject: Some(subject), by: Some(Rung::Person), ..matched })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bank::{Party, StatementLine};
    use crate::money::Money;

    const NOW: Timestamp = Timestamp::from_millis(9);

    fn row(direction: Direction, state: LineState) -> LineRow {
        let id = uuid::Uuid::from_u128;
        LineRow {
            id: LineId(id(1)),
            account: ChannelAccountId(id(2)),
            merchant: MerchantId(id(3)),
            statement: StatementId(id(4)),
            ordinal: 1,
            line: StatementLine {
                identity: "x".into(),
                whole: None,
                booked_on: "2026-11-22".parse().unwrap(),
                value_on: None,
                amount: Money::new(1, Currency::CNY),
                direction,
                reversal: false,
                counterparty: Party::default(),
                text: String::new(),
                end_to_end: None,
                bank_reference: None,
                virtual_account: None,
            },
            seen_at: NOW,
            version: 1,
            state,
            subject: None,
            by: None,
            why: None,
            decided_by: None,
            decided_at: None,
        }
    }

    #[test]
    fn a_person_decides_only_about_what_he_is_asked() {
        let payment = LineSubject::Payment(PaymentId(uuid::Uuid::from_u128(7)));
        for state in LineState::ALL {
            let line = row(Direction::Credit, state);
            let open = matches!(state, LineState::Suspense | LineState::Ignored);
            assert_eq!(line.assigned(payment, "Li Na", NOW).is_ok(), open, "{state:?}");
            assert_eq!(line.left_out("rent", "Li Na", NOW).is_ok(), state == LineState::Suspense, "{state:?}");
        }
        let given = row(Direction::Credit, LineState::Suspense).suspended("why", NOW).assigned(payment, "Li Na", NOW);
        let given = given.unwrap();
        assert_eq!((given.state, given.subject, given.by), (LineState::Matched, Some(payment), Some(Rung::Person)));
        assert_eq!((given.why.as_deref(), given.decided_by.as_deref()), (None, Some("Li Na")));
        // The books are told later; the person stays.
        let done = given.settled(payment, NOW).found_by(Rung::Reference);
        assert_eq!((done.decided_by.as_deref(), done.by), (Some("Li Na"), Some(Rung::Person)));
    }

    #[test]
    fn a_line_is_given_only_to_what_went_its_way() {
        let id = uuid::Uuid::from_u128(7);
        let (payment, leg) = (LineSubject::Payment(PaymentId(id)), LineSubject::Leg(LegId(id)));
        let credit = row(Direction::Credit, LineState::Suspense);
        let debit = row(Direction::Debit, LineState::Suspense);
        assert!(credit.assigned(payment, "L", NOW).is_ok() && debit.assigned(leg, "L", NOW).is_ok());
        assert!(matches!(credit.assigned(leg, "L", NOW), Err(Unassignable::WrongWay(_))));
        assert!(matches!(debit.assigned(payment, "L", NOW), Err(Unassignable::WrongWay(_))));
        let mut back = debit.clone();
        back.line.reversal = true;
        assert!(matches!(back.assigned(leg, "L", NOW), Err(Unassignable::WrongWay(_))));
        assert!(back.assigned(LineSubject::Line(LineId(id)), "L", NOW).is_ok());
        assert!(back.assigned(LineSubject::Line(back.id), "L", NOW).is_err());
    }

    #[test]
    fn codes_and_names_are_unique_and_round_trip() {
        for state in LineState::ALL {
            assert_eq!(LineState::from_code(state.code()), Some(state));
            assert_eq!(state.name().parse(), Ok(state));
        }
        let id = uuid::Uuid::from_u128(5);
        for code in 1..=3 {
            let subject = LineSubject::from_code(code, id).unwrap();
            assert_eq!((subject.code(), subject.uuid()), (code, id));
        }
        assert_eq!(LineSubject::from_code(4, id), None);
    }
}
