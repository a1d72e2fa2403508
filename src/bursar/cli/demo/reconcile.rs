//! The end of the demonstration's books: it knows how people see what was reconciled and certified, and must never
//! judge it.

use std::time::{Duration, Instant};

use super::Demo;
use super::progress::Progress;
use super::stage::Stage;
use crate::cli::{Done, Failure, output};
use crate::play::audit::ByHand;
use crate::play::reconcile::{self, DayRow, Means, Report};
use bursar_sandbox::merchant::Town;

/// So many days are shown one by one.
const SHOWN: usize = 24;

/// Reconciles and certifies what was played.
pub(super) async fn play(stage: &Stage, demo: &Demo, town: &Town, progress: &Progress) -> Result<Report, Failure> {
    let by_hand = ByHand { bank: Some(stage.bank.books()), cash: Some(town.pockets.books()) };
    let means = Means {
        program: &stage.program,
        sandbox: &stage.sandbox,
        actors: &stage.actors,
        clock: &stage.clock,
        by_hand: &by_hand,
        deadline: Instant::now() + Duration::from_secs(demo.give_up_after),
        tell: &|text| progress.write(text),
    };
    let report = reconcile::play(means).await?;
    progress.end();
    Ok(report)
}

/// For people.
pub(super) fn table(report: &Report) -> Done {
    output::line("")?;
    // The last ones: those of a month are many.
    let earlier = report.days.len().saturating_sub(SHOWN);
    let rows: Vec<_> = report.days.iter().skip(earlier).map(DayRow::cells).collect();
    output::table(&DayRow::HEADS, &rows)?;
    if earlier > 0 {
        output::line(&format!("({earlier} earlier days of channels are not shown)"))?;
    }
    output::line("")?;
    let agree = if report.books_agree() { "yes" } else { "NO" }.to_owned();
    let counts = report.counts().map(|(name, n)| vec![name.to_owned(), n.to_string()]);
    let agree = vec!["books agree, with what was asked and healed".to_owned(), agree];
    output::table(&["reconciliation", ""], &counts.into_iter().chain([agree]).collect::<Vec<_>>())?;
    output::line("")?;
    let (heads, rows) = report.proof.table();
    output::table(&heads.iter().map(String::as_str).collect::<Vec<_>>(), &rows)?;
    let (certificates, head) = report.proof.chain();
    output::line(&format!("{certificates} certificates hold; the last digest is {head}"))?;
    report.differences().try_for_each(|difference| output::line(&format!("  {difference}")))
}
