//! Fetching the balance transactions of a day: it knows the list and its pages, and must never know what one says.

use bursar_core::channel::ChannelKind;
use bursar_core::reconcile::BillKind;
use serde::Serialize;
use serde_json::Value;

use super::{Head, Tail};
use crate::bill::{BillRequest, BillWriter, Fetched};
use crate::outcome::{Outcome, Refusal, Why, WhyKind};
use crate::stripe::Stripe;
use crate::stripe::call::{Trouble, unreadable};
use crate::stripe::form::Form;
use crate::stripe::lookup::PAGE;
use crate::stripe::object::{Page, is_id};

const PATH: &str = "/v1/balance_transactions";
/// Shows the charge or refund itself, on which our number stands.
const SOURCE: &str = "data.source";

fn io(error: std::io::Error) -> Why {
    Why::new(WhyKind::Unreadable, format!("the file is not taken: {error}"))
}

fn write(writer: &mut BillWriter, line: &impl Serialize) -> Result<(), Why> {
    let mut bytes = serde_json::to_vec(line).map_err(unreadable)?;
    bytes.push(b'\n');
    writer.add(&bytes).map_err(io)
}

impl Stripe {
    pub(in crate::stripe) async fn download_bill(&self, request: BillRequest) -> Outcome<Fetched> {
        if request.kind != BillKind::Trade {
            return Outcome::Refused(Refusal::ours("BILL", "one list tells of trades and funds: ask for trades"));
        }
        if self.now() < ChannelKind::Stripe.bill_due_at(request.day) {
            return Outcome::Done(Fetched::NotReady("the day is not over yet".to_owned()));
        }
        self.write_list(request).await.map_or_else(Trouble::outcome, Outcome::Done)
    }

    /// Page by page into a file, one transaction a line, newest first.
    async fn write_list(&self, request: BillRequest) -> Result<Fetched, Trouble> {
        let day = request.day;
        let (begins, ends) = ChannelKind::Stripe.day_bounds(day);
        let query = Form::default()
            .within("created", "gte", begins.as_seconds())
            .within("created", "lt", ends.as_seconds())
            .push("expand", SOURCE)
            .with("limit", PAGE);
        let mut writer = BillWriter::new().map_err(io)?;
        write(&mut writer, &Head { account: self.account, day })?;
        let (mut transactions, mut last): (u64, Option<String>) = (0, None);
        loop {
            let query = match &last {
                Some(id) => query.clone().with("starting_after", id),
                None => query.clone(),
            };
            let page: Option<Page<Value>> = self.read(PATH, &query).await?;
            let page = page.ok_or_else(|| unreadable("there is no such list"))?;
            for one in &page.data {
                write(&mut writer, one)?;
                transactions += 1;
            }
            if !page.has_more {
                break;
            }
            let id = page.data.last().and_then(|one| one.get("id")?.as_str()).filter(|id| is_id(id, "txn"));
            let id = id.filter(|id| last.as_deref() != Some(*id));
            last = Some(id.ok_or_else(|| unreadable("a page does not say where the next one begins"))?.to_owned());
        }
        if transactions == 0 {
            return Ok(Fetched::Empty);
        }
        write(&mut writer, &Tail { transactions })?;
        Ok(Fetched::Ready(writer.end(&format!("stripe_{}_{day}.jsonl", self.account)).map_err(io)?))
    }
}
