//! A bill's file as it is kept: it knows how its parts become a file again, and must never know a format.

use bursar_channels::{BillError, BillFile, BillLines, BillRequest, BillWriter};
use bursar_core::reconcile::Bill;

use super::Work;
use crate::observe::JobError;

impl Work<'_> {
    /// The lines of a bill that is kept, from its first.
    pub(super) async fn lines_of(&self, bill: &Bill) -> Result<(BillFile, Box<dyn BillLines>), JobError> {
        let broken = |error: BillError| JobError::Configuration(format!("{}: {error}", bill.id));
        let io = |error: std::io::Error| broken(error.into());
        let store = self.context.desk.gatherer.store();
        let mut writer = BillWriter::new().map_err(io)?;
        let mut n = 0;
        while let Some(part) = store.bill_part(bill.id, n).await? {
            writer.add(&part).map_err(io)?;
            n += 1;
        }
        let file = writer.end(&bill.name).map_err(io)?;
        if file.digest != bill.digest {
            return Err(broken(BillError::CutOff("its parts are not what was kept".to_owned())));
        }
        let lines = self.channel.read_bill(BillRequest { kind: bill.kind, day: bill.day }, &file).map_err(broken)?;
        Ok((file, lines))
    }
}
