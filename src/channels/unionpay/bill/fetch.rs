//! Fetching the file of a day: it knows the call, and must never read a line of it.

use bursar_core::channel::ChannelKind;
use bursar_core::reconcile::BillKind;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Request, Url};
use tracing::Span;

use super::answer::LongAnswer;
use crate::bill::{BillRequest, BillWriter, Fetched};
use crate::outcome::{Outcome, Refusal, Why, WhyKind};
use crate::transport::unwritten;
use crate::unionpay::call::{FILE, FORM, disbelieved, processed};
use crate::unionpay::codes::{Meaning, Said};
use crate::unionpay::{Unionpay, txn_time};

fn unreadable(what: impl Into<String>) -> Why {
    Why::new(WhyKind::Unreadable, what)
}

impl Unionpay {
    pub(in crate::unionpay) async fn download_bill(&self, request: BillRequest) -> Outcome<Fetched> {
        if request.kind != BillKind::Trade {
            return Outcome::Refused(Refusal::ours("BILL", "one file tells of trades and funds: ask for trades"));
        }
        let now = match txn_time(self.now()) {
            Ok(now) => now,
            Err(refusal) => return Outcome::Refused(refusal),
        };
        match self.ask_file(request, &now).await {
            Err(why) => Outcome::Unknown(why),
            Ok(answer) => self.unwrap(request, &answer).await,
        }
    }

    /// Asks for the file; the answer is the channel's and about the same file.
    async fn ask_file(&self, request: BillRequest, txn_time: &str) -> Result<LongAnswer, Why> {
        let settle_date = format!("{:02}{:02}", request.day.month(), request.day.day());
        let mut fields = self.request(FILE, "", txn_time);
        fields.set("fileType", "00");
        fields.set("settleDate", settle_date.as_str());
        let body = self.signed(fields)?.form();
        let write = |http: &Client, host: &Url| -> Result<Request, Why> {
            let request = http.post(host.clone()).header(CONTENT_TYPE, FORM).body(body.clone());
            request.build().map_err(|_| unwritten("the call cannot be written"))
        };
        let io = |error: std::io::Error| unreadable(format!("the answer is not taken: {error}"));
        let mut writer = BillWriter::new().map_err(io)?;
        let answer = self.transport.download_from(&self.files, write, &mut |part| writer.add(part)).await?;
        Span::current().record("status", answer.status);
        processed(&answer)?;
        let answer = LongAnswer::read(writer.end("answer").map_err(io)?);
        let answer = answer.map_err(|what| unreadable(format!("the answer: {what}")))?;
        let message = answer.message().map_err(io)?;
        let verified = self.keyring.verify_message(&answer.fields, &message, Some(self.now()));
        verified.map_err(|doubt| disbelieved(doubt, &answer.fields))?;
        let success = Said::about_call(&answer.fields).is_success();
        // A complaint about a call that could not be read may not name it.
        let about = |name, want: &str| answer.fields.get(name).map_or(!success, |found| found == want);
        if !about("merId", &self.own.mer_id) || !about("settleDate", &settle_date) {
            return Err(unreadable("the answer is about another file"));
        }
        Ok(answer)
    }

    async fn unwrap(&self, request: BillRequest, answer: &LongAnswer) -> Outcome<Fetched> {
        let said = Said::about_call(&answer.fields);
        match said.meaning {
            Some(Meaning::Success) => {}
            Some(Meaning::NoFile) => {
                // The channel says the same of a file that is not made yet.
                let empty = self.now() >= ChannelKind::Unionpay.bill_due_at(request.day);
                return Outcome::Done(if empty { Fetched::Empty } else { Fetched::NotReady(said.words()) });
            }
            _ => return said.refusal().map_or_else(|| Outcome::Unknown(said.why()), Outcome::Refused),
        }
        let name = format!("unionpay_{}_{}.zip", self.own.mer_id, request.day);
        match answer.file(&name).await {
            Ok(Some(file)) => Outcome::Done(Fetched::Ready(file)),
            Ok(None) => Outcome::Unknown(unreadable("the answer has no fileContent")),
            Err(error) => Outcome::Unknown(unreadable(format!("fileContent is not wrapped well: {error}"))),
        }
    }
}
