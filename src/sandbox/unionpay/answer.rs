//! Answers on their way out: raw fields with code and signature, or a page for a payer's browser. It must
//! never know why an answer was given.

use crate::SandboxError;
use crate::reply::Reply;
use crate::unionpay::fields::{Fields, SIGNATURE};
use crate::unionpay::network::{Signer, UnionpayKeys};
use crate::unionpay::refusal::{Refusal, SUCCESS, message, numbered};

/// The fields of an answer that says this code.
pub(crate) fn saying(mut fields: Fields, code: &str) -> Fields {
    fields.set("respCode", code);
    fields.set("respMsg", numbered(code, message(code)));
    fields
}

/// The fields of a refusal.
pub(crate) fn refused(mut fields: Fields, refusal: &Refusal) -> Fields {
    fields.set("respCode", refusal.code);
    fields.set("respMsg", numbered(refusal.code, &refusal.message));
    fields
}

/// The answer, signed.
pub(crate) fn signed(mut fields: Fields, signer: &Signer) -> Result<Reply, SandboxError> {
    signer.sign(&mut fields)?;
    Ok(raw(&fields))
}

/// The same answer with a signature that must be refused: damaged, or of somebody else.
pub(crate) fn forged(mut fields: Fields, keys: &UnionpayKeys, damaged: bool, draw: u64) -> Result<Reply, SandboxError> {
    if damaged {
        keys.genuine.sign(&mut fields)?;
        let spoilt: String = fields.text(SIGNATURE).chars().rev().collect();
        // Base64 ends with its padding: what is turned round must stay base64.
        let (padding, rest) = spoilt.split_at(spoilt.chars().take_while(|c| *c == '=').count());
        fields.set(SIGNATURE, format!("{rest}{padding}"));
        return Ok(raw(&fields));
    }
    signed(fields, keys.forger(draw))
}

fn raw(fields: &Fields) -> Reply {
    Reply::new(200, "text/html;charset=UTF-8", fields.raw())
}

/// What the payer's browser is shown. `fields`: what the request was about; names and numbers only.
pub(crate) fn page(fields: &Fields, outcome: Result<(), &Refusal>) -> Reply {
    let (code, said) = match outcome {
        Ok(()) => (SUCCESS, "请使用银联卡支付".to_owned()),
        Err(refusal) => (refusal.code, escaped(&refusal.message)),
    };
    let (number, amount) = (escaped(fields.text("orderId")), escaped(fields.text("txnAmt")));
    let body = format!(
        "<!doctype html><html lang=\"zh\"><head><meta charset=\"utf-8\"><title>银联在线支付</title></head>\
         <body data-code=\"{code}\"><h1>银联在线支付</h1><p>{said}</p><p>{number}: {amount} 分</p></body></html>"
    );
    Reply::new(200, "text/html;charset=UTF-8", body)
}

fn escaped(text: &str) -> String {
    let one = |c: char| match c {
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '&' => "&amp;".to_owned(),
        '"' => "&quot;".to_owned(),
        other => other.to_string(),
    };
    text.chars().map(one).collect()
}
