//! With what payers have paid: it knows the memory of that, and must never know of an order.

use bursar_core::Timestamp;
use bursar_core::channel::Method;
use bursar_core::id::MerchantId;

use crate::Result;
use crate::codec::{Reading, plain};
use crate::dialect::Dialect;

/// See [`crate::Store::last_methods`]. A method that this program does not know (of a newer one) is left out.
pub async fn last_methods(db: &impl Dialect, merchant: MerchantId, payer: &str) -> Result<Vec<(Method, Timestamp)>> {
    let sql = "select method, last_paid_at from payer_method where merchant = $1 and payer = $2
               order by last_paid_at desc, method";
    let mut methods = Vec::new();
    for record in &db.rows(sql, vec![merchant.uuid().into(), plain(payer).into()]).await? {
        let row = Reading { record, table: "payer_method" };
        if let Some(method) = Method::from_code(row.get("method")?) {
            methods.push((method, row.time("last_paid_at")?));
        }
    }
    Ok(methods)
}
