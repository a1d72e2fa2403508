//! One call and its judgement: it knows how a request is filled in and signed and which answers are believed,
//! and must never know what was asked.

use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Request, Url};
use tracing::Span;

use super::Unionpay;
use super::codes::{Meaning, Said};
use super::fields::{Fields, SIGNATURE};
use super::verify::{Doubt, SIGN_METHOD, VERSION};
use crate::outcome::{Why, WhyKind};
use crate::transport::{Answer, Quota, unwritten};

/// How requests are sent. The charset belongs to it.
pub(super) const FORM: &str = "application/x-www-form-urlencoded; charset=UTF-8";

/// Which transaction a call is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Kind {
    pub(super) txn_type: &'static str,
    pub(super) sub_type: &'static str,
    /// The product.
    pub(super) biz_type: &'static str,
}

/// A payment by the payer himself.
pub(super) const PURCHASE: Kind = Kind { txn_type: "01", sub_type: "01", biz_type: "000201" };
/// The same in installments. Not confirmed: the product's number here.
pub(super) const INSTALLMENTS: Kind = Kind { sub_type: "03", ..PURCHASE };
/// A question.
pub(super) const QUERY: Kind = Kind { txn_type: "00", sub_type: "00", biz_type: "000000" };
/// Money back, in whole or in part. Not confirmed: the product's number here; the channel's test system takes
/// 000000 as well.
pub(super) const REFUND: Kind = Kind { txn_type: "04", sub_type: "00", biz_type: "000201" };
/// A payment undone, in whole and on its day.
pub(super) const VOID: Kind = Kind { txn_type: "31", sub_type: "00", biz_type: "000201" };

/// The file of a day.
pub(super) const FILE: Kind = Kind { txn_type: "76", sub_type: "01", biz_type: "000000" };

/// A charge of a token, without its payer.
pub(super) const CHARGE: Kind = Kind { txn_type: "01", sub_type: "01", biz_type: "000902" };
/// A card opened for charges, by its payer.
pub(super) const OPENING: Kind = Kind { txn_type: "79", sub_type: "00", biz_type: "000902" };
/// A question about that.
pub(super) const OPENING_QUERY: Kind = Kind { txn_type: "78", sub_type: "02", biz_type: "000902" };
/// A token given up.
pub(super) const TOKEN_DELETION: Kind = Kind { txn_type: "74", sub_type: "01", biz_type: "000902" };

/// Through a browser.
pub(super) const INTERNET: &str = "07";
/// In an app.
pub(super) const MOBILE: &str = "08";

impl Unionpay {
    /// The members that each request of `kind` about the transaction `order_id`, `txn_time` begins with.
    pub(super) fn request(&self, kind: Kind, order_id: &str, txn_time: &str) -> Fields {
        let mut fields = Fields::default();
        for (name, value) in [
            ("version", VERSION),
            ("encoding", "UTF-8"),
            ("signMethod", SIGN_METHOD),
            ("certId", &self.identity.cert_id),
            ("accessType", "0"),
            ("merId", &self.own.mer_id),
            ("txnType", kind.txn_type),
            ("txnSubType", kind.sub_type),
            ("bizType", kind.biz_type),
            ("orderId", order_id),
            ("txnTime", txn_time),
        ] {
            fields.set(name, value);
        }
        fields
    }

    /// Adds the signature.
    pub(super) fn signed(&self, mut fields: Fields) -> Result<Fields, Why> {
        let signature =
            self.identity.sign(&fields.canonical()).ok_or_else(|| unwritten("the call cannot be signed"))?;
        fields.set(SIGNATURE, signature);
        Ok(fields)
    }

    /// Makes one call and reads its answer, which is the channel's and about the same transaction.
    pub(super) async fn call(&self, path: &str, quota: Quota, fields: Fields) -> Result<Fields, Why> {
        let (order_id, txn_time) = (fields.text("orderId").to_owned(), fields.text("txnTime").to_owned());
        let body = self.signed(fields)?.form();
        let write = |http: &Client, host: &Url| -> Result<Request, Why> {
            let url = host.join(path).map_err(|_| unwritten("the path of the call cannot be written"))?;
            let request = http.post(url).header(CONTENT_TYPE, FORM).body(body.clone());
            request.build().map_err(|_| unwritten("the call cannot be written"))
        };
        let answer = self.transport.exchange(quota, write).await?;
        Span::current().record("status", answer.status);
        let fields = self.believed(&answer)?;
        let meaning = Said::about_call(&fields).meaning;
        if meaning == Some(Meaning::TooMany) {
            self.transport.pause(quota, None);
        }
        // An answer about another transaction proves nothing. A complaint about a call that could not be read
        // may not name it.
        let about =
            |name, want: &str| fields.get(name).map_or(meaning != Some(Meaning::Success), |found| found == want);
        if !about("orderId", &order_id) || !about("txnTime", &txn_time) {
            return Err(Why::new(WhyKind::Unreadable, "the answer is about another transaction"));
        }
        Ok(fields)
    }

    /// The channel processes a call with HTTP 200, whatever becomes of it; anything else is trouble on the way.
    fn believed(&self, answer: &Answer) -> Result<Fields, Why> {
        processed(answer)?;
        let unreadable = |what: String| Why::new(WhyKind::Unreadable, format!("the answer: {what}"));
        let fields = Fields::read_answer(&answer.body).map_err(unreadable)?;
        match self.keyring.verify(&fields, Some(self.now())) {
            Ok(()) => Ok(fields),
            Err(doubt) => Err(disbelieved(doubt, &fields)),
        }
    }
}

/// That the channel has processed a call.
pub(super) fn processed(answer: &Answer) -> Result<(), Why> {
    match answer.status {
        200 => Ok(()),
        429 => {
            let why = Why::new(WhyKind::RateLimited, "HTTP 429");
            Err(Why { retry_after_ms: answer.retry_after_ms(), ..why })
        }
        status @ 500..=599 => Err(Why::new(WhyKind::ServerError, format!("HTTP {status}"))),
        status => Err(Why::new(WhyKind::Unreadable, format!("HTTP {status}"))),
    }
}

/// Why an answer is not believed, and what it says all the same.
pub(super) fn disbelieved(doubt: Doubt, fields: &Fields) -> Why {
    let said = Said::about_call(fields).words();
    let what = match doubt {
        // So it answers, for one, when it could not verify our own signature.
        Doubt::NotSigned => "the answer is not signed".to_owned(),
        Doubt::Forged => "the signature does not belong to the answer".to_owned(),
        Doubt::Distrusted(distrust) => format!("the answer came with {distrust}"),
    };
    Why::new(WhyKind::BadSignature, format!("{what}; it says {said}"))
}
