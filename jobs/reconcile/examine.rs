//! Looking at lines beside our books: it knows what must be read of them, and must never write.

use std::collections::{BTreeMap, BTreeSet};

use bursar_core::bank::Day;
use bursar_core::id::{BillId, BreakId, ChannelAccountId};
use bursar_core::reconcile::{
    BillKind, BillLine, Break, BreakKind, Difference, EntryKind, EntryStatus, FeeRule, LegSide, Ours, PaymentSide,
    Verdict, about_stranger, duplicate, judge, judge_fee, our_number,
};
use bursar_store::{Store, ToldLine};
use uuid::Uuid;

use crate::observe::JobError;

/// The bill whose lines are looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Page {
    pub bill: BillId,
    pub account: ChannelAccountId,
    pub kind: BillKind,
    pub day: Day,
    pub issue: i32,
    pub fees: Option<FeeRule>,
}

/// What becomes of a line.
#[derive(Debug)]
pub(super) enum Fate {
    /// It was taken in before we were stopped.
    Taken,
    /// An earlier issue of this bill has told the same.
    ToldAgain(Box<ToldLine>),
    /// It stands twice.
    Twice(Difference),
    /// What it means.
    Judged(Verdict),
}

/// A line that was looked at.
#[derive(Debug)]
pub(super) struct Seen {
    pub line: BillLine,
    /// By what it is known: the payment, the leg, or what is derived from the channel's number.
    pub about: Uuid,
    pub ours: Ours,
    pub fate: Fate,
    pub fee: Option<Difference>,
}

impl Seen {
    /// The id of what our books have by its number.
    pub(super) const fn subject(&self) -> Option<Uuid> {
        match &self.ours {
            Ours::Payment(side) => Some(side.id.uuid()),
            Ours::Leg(side) => Some(side.id.uuid()),
            Ours::Nothing => None,
        }
    }
}

/// Lines, and the breaks that there are about them.
pub(super) struct Looked {
    pub seen: Vec<Seen>,
    pub breaks: BTreeMap<BreakId, Break>,
}

/// Whether lines of this kind of this bill are matched one by one.
fn is_matched(page: &Page, line: &BillLine) -> bool {
    page.kind == BillKind::Trade && matches!(line.kind, EntryKind::Capture | EntryKind::Refund)
}

/// What lines about the same have in common.
pub(super) type Key = (EntryKind, Uuid);

/// What this batch has told so far.
#[derive(Default)]
struct Here {
    /// Which line was the first that says of a thing that it moved.
    first: BTreeMap<Key, u32>,
    /// Lines of earlier issues that were told again.
    told: BTreeSet<(BillId, u32)>,
}

/// Reads what our books have about `lines`, and judges each.
pub(super) async fn examine(store: &dyn Store, page: &Page, mut lines: Vec<BillLine>) -> Result<Looked, JobError> {
    name_payments(store, page, &mut lines).await?;
    let number = |line: &BillLine| number_of(page, line);
    let of = |kind: EntryKind| -> Vec<Uuid> {
        lines.iter().filter(|l| l.kind == kind).filter_map(number).collect::<BTreeSet<_>>().into_iter().collect()
    };
    let (captures, refunds) = (of(EntryKind::Capture), of(EntryKind::Refund));
    let payments = if captures.is_empty() { Vec::new() } else { store.payment_sides(&captures).await? };
    let payments: BTreeMap<Uuid, PaymentSide> = payments.into_iter().map(|p| (p.id.uuid(), p)).collect();
    let legs = if refunds.is_empty() { Vec::new() } else { store.leg_sides(&refunds).await? };
    let legs: BTreeMap<Uuid, LegSide> = legs.into_iter().map(|l| (l.id.uuid(), l)).collect();
    let ours = |line: &BillLine| {
        let id = number(line);
        let payment = id.filter(|_| line.kind == EntryKind::Capture).and_then(|id| payments.get(&id));
        let leg = id.filter(|_| line.kind == EntryKind::Refund).and_then(|id| legs.get(&id));
        match (payment, leg) {
            (Some(payment), _) => Ours::Payment(payment.clone()),
            (None, Some(leg)) => Ours::Leg(leg.clone()),
            (None, None) => Ours::Nothing,
        }
    };
    let is_ours = |line: &BillLine| number(line).is_some_and(|id| payments.contains_key(&id) || legs.contains_key(&id));
    let told = told_about(store, page, &lines, is_ours).await?;
    let mut here = Here::default();
    let mut seen = Vec::with_capacity(lines.len());
    for line in lines {
        let (about, ours) = (about_of(page, &line), ours(&line));
        let fate = fate(page, &line, about, &ours, &told, &mut here);
        let fee = judge_fee(&line, page.fees).filter(|_| is_matched(page, &line) && amount_agrees(&fate));
        seen.push(Seen { line, about, ours, fate, fee });
    }
    let ids: BTreeSet<BreakId> = seen.iter().flat_map(ids_of_breaks).collect();
    let ids: Vec<BreakId> = ids.into_iter().collect();
    let breaks = if ids.is_empty() { Vec::new() } else { store.breaks_of(&ids).await? };
    Ok(Looked { seen, breaks: breaks.into_iter().map(|b| (b.id, b)).collect() })
}

/// Where a refund names its payment by the channel's number only, the bill that told that payment has ours.
async fn name_payments(store: &dyn Store, page: &Page, lines: &mut [BillLine]) -> Result<(), JobError> {
    let nameless = |l: &BillLine| {
        let named = l.payment_number.is_some() || l.kind != EntryKind::Refund;
        l.payment_channel_id.clone().filter(|_| !named)
    };
    let ids: Vec<String> = lines.iter().filter_map(nameless).collect();
    if page.kind != BillKind::Trade || ids.is_empty() {
        return Ok(());
    }
    let captures = store.captures_numbered(page.account, &ids).await?;
    let told = captures.iter().filter(|t| !t.row.is_withdrawn());
    let known: BTreeMap<&str, Uuid> =
        told.filter_map(|t| Some((t.row.line.channel_id.as_str(), t.row.subject?))).collect();
    for line in lines.iter_mut() {
        let payment = nameless(line).and_then(|id| known.get(id.as_str()).copied());
        line.payment_number = line.payment_number.take().or_else(|| payment.map(bursar_core::id::to_text));
    }
    Ok(())
}

/// Whether both sides have the same amount: one that differs makes its fee differ too, which is no question of its own.
const fn amount_agrees(fate: &Fate) -> bool {
    match fate {
        Fate::Judged(Verdict::Mends { found, .. }) => !matches!(found.kind, BreakKind::Amount | BreakKind::Currency),
        Fate::Judged(Verdict::Agrees | Verdict::Recovers { .. } | Verdict::RecoversRefund { .. }) => true,
        Fate::Taken | Fate::ToldAgain(_) | Fate::Twice(_) | Fate::Judged(Verdict::Told | Verdict::Differs(_)) => false,
    }
}

/// The number of ours that a line names.
fn number_of(page: &Page, line: &BillLine) -> Option<Uuid> {
    our_number(&line.number).filter(|_| is_matched(page, line))
}

/// By what a line is known: see [`Seen::about`].
pub(super) fn about_of(page: &Page, line: &BillLine) -> Uuid {
    let stranger = || about_stranger(page.account, line.kind, &line.channel_id, line.ordinal);
    number_of(page, line).unwrap_or_else(stranger)
}

/// Lines about the same that bills have told before. What names a number of ours, and yet `is_ours` not, was kept as a
/// stranger's.
pub(super) async fn told_about(
    store: &dyn Store,
    page: &Page,
    lines: &[BillLine],
    is_ours: impl Fn(&BillLine) -> bool,
) -> Result<BTreeMap<Key, Vec<ToldLine>>, JobError> {
    let ours: Vec<Uuid> = lines.iter().filter_map(|l| number_of(page, l)).collect();
    let strangers: Vec<String> =
        lines.iter().filter(|l| !is_ours(l) && !l.channel_id.is_empty()).map(|l| l.channel_id.clone()).collect();
    let mut told = if ours.is_empty() { Vec::new() } else { store.lines_about(page.account, &ours).await? };
    if !strangers.is_empty() {
        told.extend(store.lines_numbered(page.account, &strangers).await?);
    }
    let mut map = BTreeMap::<Key, Vec<ToldLine>>::new();
    for told in told.into_iter().filter(|t| t.bill_kind == page.kind) {
        let line = &told.row.line;
        map.entry((line.kind, about_of(page, line))).or_default().push(told);
    }
    Ok(map)
}

fn fate(
    page: &Page,
    line: &BillLine,
    about: Uuid,
    ours: &Ours,
    told: &BTreeMap<Key, Vec<ToldLine>>,
    here: &mut Here,
) -> Fate {
    let key = (line.kind, about);
    let earlier = told.get(&key).map_or(&[][..], Vec::as_slice);
    if earlier.iter().any(|t| t.bill == page.bill && t.row.line.ordinal == line.ordinal) {
        return Fate::Taken;
    }
    let living = || earlier.iter().filter(|t| !t.row.is_withdrawn());
    let matched = is_matched(page, line);
    // What moves without a number of its own may move alike any number of times.
    let nameless = line.channel_id.is_empty() && !matched;
    // Each line of an earlier issue is told again once.
    let fresh = |t: &&ToldLine| {
        let place = (t.bill, t.row.line.ordinal);
        let earlier = t.day == page.day && t.bill != page.bill && t.row.issue < page.issue;
        earlier && !here.told.contains(&place) && says_the_same(line, &t.row.line)
    };
    if let Some(same) = living().find(fresh) {
        here.told.insert((same.bill, same.row.line.ordinal));
        if line.status == EntryStatus::Done {
            here.first.entry(key).or_insert(line.ordinal);
        }
        return Fate::ToldAgain(Box::new(same.clone()));
    }
    // What did not move, or came back, may well have two lines: that it went and that it came back.
    let moved = line.status == EntryStatus::Done && !nameless;
    if moved && let Some(first) = here.first.insert(key, line.ordinal) {
        return Fate::Twice(duplicate(line, &format!("line {first}")));
    }
    let done = |t: &&ToldLine| moved && t.row.line.status == EntryStatus::Done;
    // What this issue has told again stands in it too, in whichever batch that was.
    let in_this = |t: &&ToldLine| t.bill == page.bill || (t.day == page.day && t.row.issue == page.issue);
    let other_line = living().filter(done).find(in_this);
    if let Some(other) = other_line {
        return Fate::Twice(duplicate(line, &format!("line {}", other.row.line.ordinal)));
    }
    let other_day = living().filter(done).find(|t| t.day != page.day);
    if let Some(other) = other_day {
        return Fate::Twice(duplicate(line, &format!("line {} of the bill of {}", other.row.line.ordinal, other.day)));
    }
    if matched { Fate::Judged(judge(line, page.account, ours)) } else { Fate::Judged(Verdict::Told) }
}

fn says_the_same(a: &BillLine, b: &BillLine) -> bool {
    (a.status, a.amount_minor, a.fee_minor, &a.currency, &a.channel_id)
        == (b.status, b.amount_minor, b.fee_minor, &b.currency, &b.channel_id)
}

/// The ids of breaks that there may be about a line: those that it would open, and that which it clears.
fn ids_of_breaks(seen: &Seen) -> Vec<BreakId> {
    let mut kinds = Vec::new();
    match &seen.fate {
        Fate::Taken | Fate::ToldAgain(_) => {}
        Fate::Twice(found) => kinds.push(found.kind),
        Fate::Judged(verdict) => match verdict {
            Verdict::Told if seen.subject().is_none() => {}
            Verdict::Told | Verdict::Agrees => kinds.push(BreakKind::CrossDay),
            Verdict::Mends { found, .. }
            | Verdict::Recovers { found, .. }
            | Verdict::RecoversRefund { found, .. }
            | Verdict::Differs(found) => kinds.extend([found.kind, BreakKind::CrossDay]),
        },
    }
    kinds.extend(seen.fee.as_ref().map(|found| found.kind));
    kinds.into_iter().map(|kind| kind.id_of(seen.about)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bursar_core::Timestamp;
    use bursar_store::{BillLineRow, LineVerdict, WITHDRAWN};

    fn line(ordinal: u32, status: EntryStatus) -> BillLine {
        BillLine {
            ordinal,
            kind: EntryKind::Refund,
            status,
            number: "07zzzzzzzzzzzzzzzzzzzzzzzz".to_owned(),
            payment_number: None,
            payment_channel_id: None,
            channel_id: "re_1".to_owned(),
            amount_minor: 500,
            currency: "CNY".to_owned(),
            fee_minor: 0,
            at: Timestamp::from_millis(0),
            order_number: None,
        }
    }

    const ABOUT: Uuid = Uuid::from_u128(7);

    fn page(issue: i32) -> Page {
        Page {
            bill: BillId(Uuid::from_u128(u128::from(issue.unsigned_abs()))),
            account: ChannelAccountId(Uuid::nil()),
            kind: BillKind::Trade,
            day: Day::from_number(0),
            issue,
            fees: None,
        }
    }

    /// Whether each of the lines stands twice.
    fn twice(statuses: &[EntryStatus]) -> Vec<bool> {
        let (told, mut here) = (BTreeMap::new(), Here::default());
        let lines = (1..).zip(statuses).map(|(ordinal, status)| line(ordinal, *status));
        let fates = lines.map(|l| fate(&page(1), &l, ABOUT, &Ours::Nothing, &told, &mut here));
        fates.map(|fate| matches!(fate, Fate::Twice(_))).collect()
    }

    /// A line of the first issue of a day's bill, told last by `issue`.
    fn earlier(day: i64, ordinal: u32, issue: i32) -> ToldLine {
        let line = line(ordinal, EntryStatus::Done);
        let (bill, verdict) = (page(1).bill, LineVerdict::Agrees);
        let row = BillLineRow { bill, line, subject: Some(ABOUT), verdict, issue };
        ToldLine { bill, bill_kind: BillKind::Trade, day: Day::from_number(day), row }
    }

    /// What becomes of a line of the issue when bills have told `told` before.
    fn after(issue: i32, told: Vec<ToldLine>) -> Fate {
        let line = line(9, EntryStatus::Done);
        let told = [((line.kind, ABOUT), told)].into();
        fate(&page(issue), &line, ABOUT, &Ours::Nothing, &told, &mut Here::default())
    }

    #[test]
    fn what_this_issue_has_told_again_stands_in_it() {
        assert!(matches!(after(2, vec![earlier(0, 1, 1)]), Fate::ToldAgain(_)));
        assert!(matches!(after(2, vec![earlier(0, 1, 2)]), Fate::Twice(_)), "it was told again in another batch");
        assert!(matches!(after(3, vec![earlier(0, 1, 1)]), Fate::ToldAgain(_)));
        assert!(matches!(after(2, vec![earlier(1, 1, 1)]), Fate::Twice(_)), "another day tells of it");
    }

    #[test]
    fn what_was_withdrawn_is_told_no_more() {
        for (issue, day) in [(2, 0), (2, 1), (i32::MAX, 0)] {
            let fate = after(issue, vec![earlier(day, 1, WITHDRAWN)]);
            assert!(matches!(fate, Fate::Judged(_)), "{issue} {day}: {fate:?}");
        }
    }

    #[test]
    fn only_what_moved_can_stand_twice() {
        use EntryStatus::{Done, Failed, Pending};
        assert_eq!(twice(&[Done, Done]), [false, true]);
        assert_eq!(twice(&[Failed, Failed]), [false, false], "it went, and came back");
        assert_eq!(twice(&[Failed, Done, Pending, Done]), [false, false, false, true]);
    }
}
