//! Who is sent to collect: it knows that a new payment by cash may name a worker, and must never refuse money that he
//! has taken already.

use bursar_core::payment::Payment;

use crate::App;
use crate::problem::{Kind, Problem};

/// Checks the workers that new payments name. Without a worker nothing is checked.
///
/// Between this and the next collection more may come in, and that is taken down all the same: the limit is for
/// sending people, not for refusing facts.
///
/// # Errors
/// [`Kind::CollectorOverLimit`] when one of them may not collect now.
pub async fn check(app: &App, payments: &[Payment]) -> Result<(), Problem> {
    for payment in payments {
        let Some(worker) = payment.payer.collector.as_deref() else { continue };
        let limits = super::limits(app, payment.account).await?;
        let drawer = app.desk.drawer(payment.merchant, payment.account, worker, payment.amount.currency).await?;
        drawer
            .check_limits(limits, app.clock.now())
            .map_err(|why| Problem::new(Kind::CollectorOverLimit, why.to_string()))?;
    }
    Ok(())
}
