//! Is this request from the merchant it names? It knows version, certificate and signature, and must never
//! read what is asked for.

use crate::unionpay::account::UnionpayMerchant;
use crate::unionpay::fields::Fields;
use crate::unionpay::refusal::Refusal;
use crate::unionpay::request::{must, one_of};
use crate::unionpay::sign;

/// Gives the merchant whose request it is.
pub(crate) fn merchant<'m>(
    fields: &Fields,
    known: impl Fn(&str) -> Option<&'m UnionpayMerchant>,
) -> Result<&'m UnionpayMerchant, Refusal> {
    // Version 5.0.0 signed with SHA-1 and is not spoken any more.
    one_of(fields, "version", &["5.1.0"])?;
    one_of(fields, "encoding", &["UTF-8", "utf-8"])?;
    one_of(fields, "signMethod", &["01"])?;
    one_of(fields, "accessType", &["0"])?;
    let cert_id = must(fields, "certId")?;
    must(fields, "signature")?;
    let merchant = known(must(fields, "merId")?).ok_or_else(|| Refusal::merchant("there is no such merchant"))?;
    if cert_id != merchant.cert_id {
        return Err(Refusal::signature("certId is not the serial of this merchant's certificate"));
    }
    let genuine = sign::is_signed_by(fields, &merchant.key);
    genuine.then_some(merchant).ok_or_else(|| Refusal::signature("the signature does not verify over this request"))
}
