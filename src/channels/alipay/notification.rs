//! Messages of the channel: it knows their members, and must never believe one before the signature over what
//! arrived was checked.

use bursar_core::Timestamp;
use bursar_core::clock::{HOUR_MS, MINUTE_MS};

use super::Alipay;
use super::form::Form;
use super::keyring::Verdict;
use super::trade::Trade;
use super::yuan;
use crate::beijing;
use crate::notice::{About, Notice, NotificationRefusal};
use crate::outcome::shorten;
use crate::rsa::PublicKey;

/// The kind of message that is about trades.
const TRADE: &str = "trade_status_sync";
/// The kinds that are about agreements: signed, ended.
const AGREEMENT: [&str; 2] = ["dut_user_sign", "dut_user_unsign"];
/// The kinds that are about holds: frozen, let go.
const HOLD: [&str; 2] = ["fund_auth_freeze", "fund_auth_unfreeze"];
/// How old a message may be. Loose, because the channel repeats one for 25 h and does not say whether each
/// repetition is dated anew. What keeps a replay out is not its age: the same message has the same id and is
/// stored once, and what it says, said twice, changes nothing.
const MAX_AGE_MS: i64 = 26 * HOUR_MS;
/// How far a message may be ahead of our clock.
const MAX_AHEAD_MS: i64 = 5 * MINUTE_MS;
/// Longest id of a message that is taken; the channel's have 34 characters.
const MAX_ID_BYTES: usize = 128;

fn unreadable(what: impl std::fmt::Display) -> NotificationRefusal {
    NotificationRefusal::Unreadable(shorten(&what.to_string()))
}

impl Alipay {
    /// `now` is `None` for a message that was fresh when it was stored.
    pub(super) fn read_message(&self, body: &[u8], now: Option<Timestamp>) -> Result<Notice, NotificationRefusal> {
        let form = Form::read(body).map_err(unreadable)?;
        self.verify(&form)?;
        // The same key may sign for many merchants. Kinds of messages that are not handled need not name the app.
        if form.text("app_id").is_some_and(|named| named != self.payee.app_id) {
            return Err(NotificationRefusal::Foreign);
        }
        let get = |name: &str| form.text(name).ok_or_else(|| unreadable(format!("it has no {name}")));
        let channel_id = get("notify_id")?;
        if channel_id.len() > MAX_ID_BYTES {
            return Err(unreadable("its id is too long"));
        }
        let at = beijing::parse_wall(&get("notify_time")?).ok_or_else(|| unreadable("its notify_time is no time"))?;
        if now.is_some_and(|now| !(-MAX_AHEAD_MS..=MAX_AGE_MS).contains(&now.since_ms(at))) {
            return Err(NotificationRefusal::Stale);
        }
        let kind = get("notify_type")?;
        // What they say is not read: one that overtakes another would turn an end into a beginning.
        if AGREEMENT.contains(&kind.as_str())
            && let Some(number) = form.text("external_agreement_no")
        {
            return Ok(Notice::Look { channel_id, about: About::Agreement(number), at });
        }
        if HOLD.contains(&kind.as_str())
            && let Some(number) = form.text("out_order_no")
        {
            if form.text("payee_user_id").is_some_and(|named| named != self.payee.seller_id) {
                return Err(NotificationRefusal::Foreign);
            }
            return Ok(Notice::Look { channel_id, about: About::Payment(number), at });
        }
        if kind != TRADE {
            return Ok(Notice::Other { channel_id, event: shorten(&kind) });
        }
        let named = |name: &str, ours: &str| form.text(name).as_deref() == Some(ours);
        if !named("app_id", &self.payee.app_id) || !named("seller_id", &self.payee.seller_id) {
            return Err(NotificationRefusal::Foreign);
        }
        // Of a refund it tells only the sum of all refunds of the trade: the refund that it names is asked for.
        if is_refund(&form)?
            && let Some(number) = form.text("out_biz_no")
        {
            return Ok(Notice::Look { channel_id, about: About::Refund(number), at });
        }
        let number = get("out_trade_no")?;
        let standing = trade(&form).standing(&self.payee.seller_id, None, at).map_err(unreadable)?;
        Ok(Notice::Payment { channel_id, number, standing, at })
    }

    /// Whether the channel signed what arrived. Messages about trades leave `sign_type` out of what is signed,
    /// other kinds keep it, and the channel's own libraries try both; the same with empty members.
    fn verify(&self, form: &Form) -> Result<(), NotificationRefusal> {
        let sign = form.text("sign").ok_or(NotificationRefusal::BadSignature)?;
        if form.text("sign_type").is_some_and(|kind| kind != "RSA2") {
            return Err(NotificationRefusal::BadSignature);
        }
        let mut messages = vec![form.signed(false, true), form.signed(true, true)];
        if form.has_empty() {
            messages.extend([form.signed(false, false), form.signed(true, false)]);
        }
        let by = |key: &PublicKey| messages.iter().any(|message| key.accepts(message, &sign));
        match self.keyring.check(form.text("alipay_cert_sn").as_deref(), &by) {
            Verdict::Good => Ok(()),
            Verdict::Bad => Err(NotificationRefusal::BadSignature),
            Verdict::UnknownCertificate(serial) => Err(NotificationRefusal::UnknownSerial(serial)),
        }
    }
}

/// Whether money has gone back: a part of it leaves the trade a success, all of it makes it closed.
fn is_refund(form: &Form) -> Result<bool, NotificationRefusal> {
    let sum = form.text("refund_fee").map(|fee| yuan::fen(&fee)).transpose().map_err(unreadable)?;
    Ok(sum.is_some_and(|fen| fen > 0) || form.text("gmt_refund").is_some())
}

fn trade(form: &Form) -> Trade {
    Trade {
        out_trade_no: form.text("out_trade_no"),
        trade_no: form.text("trade_no"),
        trade_status: form.text("trade_status"),
        total_amount: form.text("total_amount"),
        send_pay_date: None,
        gmt_payment: form.text("gmt_payment"),
        gmt_refund: form.text("gmt_refund"),
        trans_currency: form.text("trans_currency"),
        seller_id: form.text("seller_id"),
    }
}
