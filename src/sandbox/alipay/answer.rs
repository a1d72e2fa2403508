//! Answers on their way out: it knows the node that an answer stands in and that exactly its bytes are signed,
//! and must never know why it was given.

use serde_json::{Value, json};

use crate::alipay::keys::Mode;
use crate::alipay::refusal::Refusal;
use crate::keys::random_text;
use crate::reply::Reply;
use crate::shared::Shared;

const CONTENT_TYPE: &str = "text/html;charset=utf-8";
/// The node of refusals that the gateway itself gives.
const ERROR_NODE: &str = "error_response";

/// An answer: the members besides code and message, or a refusal.
pub(crate) type Answer = Result<Value, Refusal>;

/// Writes and signs an answer to `method`; `None` when the sandbox cannot sign.
pub(crate) fn write(world: &Shared, method: &str, mode: Mode, answer: &Answer) -> Option<Reply> {
    let node = format!("{}_response", method.replace('.', "_"));
    let content = match answer {
        Ok(members) => succeeded(members),
        Err(refusal) if refusal.unsigned => return Some(unsigned(refusal)),
        Err(refusal) => refusal.body(),
    };
    signed(world, &node, mode, &content)
}

/// Writes a refusal of the gateway itself.
pub(crate) fn refuse(world: &Shared, mode: Mode, refusal: &Refusal) -> Option<Reply> {
    if refusal.unsigned { Some(unsigned(refusal)) } else { signed(world, ERROR_NODE, mode, &refusal.body()) }
}

fn succeeded(members: &Value) -> Value {
    let mut content = json!({ "code": "10000", "msg": "Success" });
    if let (Some(content), Some(members)) = (content.as_object_mut(), members.as_object()) {
        content.extend(members.clone());
    }
    content
}

fn unsigned(refusal: &Refusal) -> Reply {
    Reply::new(200, CONTENT_TYPE, format!(r#"{{"{ERROR_NODE}":{}}}"#, text(&refusal.body())))
}

fn signed(world: &Shared, node: &str, mode: Mode, content: &Value) -> Option<Reply> {
    let content = text(content);
    let (key, sn) = world.alipay.keys().signer(mode);
    let signature = match key.sign(content.as_bytes()) {
        Ok(signature) => signature,
        Err(error) => {
            tracing::error!(%error, "the sandbox cannot sign its answer and hangs up");
            return None;
        }
    };
    let sn = sn.map(|sn| format!(r#""alipay_cert_sn":"{sn}","#)).unwrap_or_default();
    let body = format!(r#"{{"{node}":{content},{sn}"sign":"{signature}"}}"#);
    Some(Reply::new(200, CONTENT_TYPE, body))
}

/// As the gateway writes JSON: slashes are escaped, so that whoever writes it anew verifies other bytes.
fn text(content: &Value) -> String {
    content.to_string().replace('/', "\\/")
}

/// Makes the signature wrong: with `coin` the signed bytes change, else the signature does.
pub(crate) fn spoil(reply: &mut Reply, coin: bool) {
    let text = String::from_utf8_lossy(&reply.body).into_owned();
    reply.body = if coin {
        // The same JSON, but not the same bytes.
        text.replacen("_response\":{", "_response\":{ ", 1).into_bytes()
    } else {
        match text.split_once("\"sign\":\"") {
            Some((before, _)) => format!("{before}\"sign\":\"{}==\"}}", random_text(342)).into_bytes(),
            None => text.into_bytes(),
        }
    };
}
