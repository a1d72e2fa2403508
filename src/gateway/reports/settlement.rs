//! GET /v1/reports/settlement: it knows what our books, the channel's bills and the bank's statements each say of a
//! day, and must never fill in what none of them says.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use bursar_core::Money;
use bursar_core::bank::{Day, Direction};
use bursar_core::channel::ChannelKind;
use bursar_core::id::MerchantId;
use bursar_core::merchant::ChannelAccount;
use bursar_core::money::Currency;
use bursar_core::reconcile::{Bill, BillKind, BillState, Movement, MovementKind};
use bursar_store::{DayFilter, LikeLine, Store, StoreError};
use http::{HeaderMap, Uri};

use super::settlement_view::{PayoutView, SettlementRow, SettlementView};
use crate::App;
use crate::auth::Caller;
use crate::errors::ListErrors;
use crate::orders::view::to_json;
use crate::problem::Problem;
use crate::query::Parameters;

/// Lines of banks that are like one payout.
const LIKE_LINES: u32 = 50;
/// Bills of one account that are looked at: two kinds on 400 days, and some that were issued again.
const BILLS: u32 = 1_000;

type Rows = BTreeMap<(Day, bursar_core::id::ChannelAccountId, Currency), SettlementRow>;

/// The report of days from `from` to `until`, both included.
///
/// # Errors
/// When the database cannot be read.
pub async fn report(
    store: &dyn Store,
    merchant: Option<MerchantId>,
    (from, until): (Day, Day),
) -> Result<SettlementView, StoreError> {
    let mut rows = Rows::new();
    let accounts = store.accounts().await?;
    let mine = |a: &&ChannelAccount| merchant.is_none_or(|m| m == a.merchant);
    for moved in store.moved_between(merchant, from, until).await? {
        let Some(account) = accounts.iter().find(|a| a.id == moved.account) else { continue };
        let row = row(&mut rows, account, moved.day, moved.currency);
        match moved.kind {
            MovementKind::Capture | MovementKind::Receipt => {
                row.gross_minor = row.gross_minor.saturating_add(moved.minor);
            }
            MovementKind::Refund | MovementKind::RefundReturned | MovementKind::TakenBack => {
                row.refunds_minor = row.refunds_minor.saturating_sub(moved.minor);
            }
            // Out of a drawer it is the account's own money; otherwise a person took other money for it.
            MovementKind::Transfer if account.channel == ChannelKind::Cash => {
                row.refunds_minor = row.refunds_minor.saturating_sub(moved.minor);
            }
            MovementKind::Transfer => {
                row.refunded_elsewhere_minor = row.refunded_elsewhere_minor.saturating_sub(moved.minor);
            }
            // One by one below.
            MovementKind::Payout => {}
        }
    }
    for account in accounts.iter().filter(mine).filter(|a| !a.channel.bills().is_empty()) {
        let filter = DayFilter {
            account: Some(account.id),
            from: Some(from),
            until: Some(until),
            limit: BILLS,
            ..DayFilter::default()
        };
        let bills = latest(store.bills(&filter).await?);
        for bill in bills.values().filter(|b| b.kind == BillKind::Trade) {
            told(row(&mut rows, account, bill.day, bill.currency), bill);
        }
        for (payout, shown) in store.payouts_between(account.id, from, until).await? {
            let view = arrival(store, &accounts, &payout, shown).await?;
            let row = row(&mut rows, account, payout.day, payout.amount.currency);
            row.paid_out_minor = row.paid_out_minor.saturating_add(view.amount_minor);
            row.payouts.push(view);
        }
    }
    let rows = rows.into_values().map(|mut row| {
        row.net_minor =
            row.fees_minor.map(|fees| row.gross_minor.saturating_sub(row.refunds_minor).saturating_sub(fees));
        row
    });
    Ok(SettlementView { from, to: until, rows: rows.collect() })
}

/// The row of an account's day; a new one says that its bill is not here.
fn row<'a>(rows: &'a mut Rows, account: &ChannelAccount, day: Day, currency: Currency) -> &'a mut SettlementRow {
    let billed = !account.channel.bills().is_empty();
    rows.entry((day, account.id, currency)).or_insert_with(|| SettlementRow {
        merchant: account.merchant,
        account_id: account.id,
        channel: account.channel.name(),
        day,
        currency: currency.code().to_owned(),
        gross_minor: 0,
        refunds_minor: 0,
        refunded_elsewhere_minor: 0,
        // Nobody takes a part of what comes by bank or by hand.
        fees_minor: (!billed).then_some(0),
        net_minor: None,
        why: billed.then(|| "the channel's bill of this day is not here yet".to_owned()),
        bill_net_minor: None,
        paid_out_minor: 0,
        payouts: Vec::new(),
    })
}

/// The last issue of each day and kind.
fn latest(bills: Vec<Bill>) -> BTreeMap<(Day, BillKind), Bill> {
    let mut latest = BTreeMap::<(Day, BillKind), Bill>::new();
    for bill in bills {
        let key = (bill.day, bill.kind);
        if latest.get(&key).is_none_or(|known| known.issue < bill.issue) {
            latest.insert(key, bill);
        }
    }
    latest
}

fn told(row: &mut SettlementRow, bill: &Bill) {
    row.fees_minor = Some(bill.sums.fee_minor);
    row.bill_net_minor = Some(bill.sums.net_minor());
    let reading = bill.state == BillState::Stored;
    row.why = reading.then(|| "the lines of the channel's bill are being read: our books may still change".to_owned());
}

/// When a payout has arrived, as far as the merchant's bank statements tell it: the line that was taken for it says so.
async fn arrival(
    store: &dyn Store,
    accounts: &[ChannelAccount],
    payout: &Movement,
    shown: bool,
) -> Result<PayoutView, StoreError> {
    let amount = Money::new(payout.amount.minor.saturating_neg(), payout.amount.currency);
    let mut view = PayoutView { amount_minor: amount.minor, paid_out_at: payout.at, arrived_on: None, why: None };
    let taken_for = format!("payout of {} of {}", payout.account, payout.day);
    let since = payout.day.plus_days(-1);
    let banks = accounts.iter().filter(|a| a.merchant == payout.merchant && a.channel == ChannelKind::Bank);
    let mut known = false;
    for bank in banks {
        known = true;
        let like = LikeLine { account: bank.id, amount, direction: Direction::Credit, since, limit: LIKE_LINES };
        let lines = if shown { store.lines_like(&like).await? } else { Vec::new() };
        let taken = lines.iter().find(|l| l.why.as_deref() == Some(&taken_for));
        view.arrived_on = view.arrived_on.or(taken.map(|l| l.line.booked_on));
    }
    let why = match (view.arrived_on, known, shown) {
        (Some(_), ..) => None,
        (None, false, _) => Some("there is no bank account whose statements would tell when it arrived"),
        (None, true, false) => Some("no bank statement has shown it yet"),
        (None, true, true) => Some("a bank statement has shown it; on which day is not known any more"),
    };
    view.why = why.map(str::to_owned);
    Ok(view)
}

/// What each of your channel accounts came to, by its business days: gross, refunds, fees, net, and what was paid out.
///
/// What is not known yet is `null`, with a word why.
#[utoipa::path(
    get, path = "/v1/reports/settlement", tag = "reports", security(("api_key" = [])),
    params(
        ("from" = Option<String>, Query, description = "The first business day, such as `2026-11-01`; a month before `to` when left out."),
        ("to" = Option<String>, Query, description = "The last one; today in Beijing when left out. At most 400 days."),
        ("Accept" = Option<String>, Header, description = "`text/csv`: the rows for a spreadsheet."),
    ),
    responses(
        (status = 200, description = "The report.", content((SettlementView = "application/json"), (String = "text/csv"))),
        ListErrors,
    ),
)]
pub(crate) async fn settlement(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    let mut parameters = Parameters::parse(&uri)?;
    let days = super::days(&mut parameters, app.clock.now());
    parameters.finish()?;
    let report = report(app.desk.gatherer.store().as_ref(), Some(caller.merchant), days).await?;
    Ok(super::answer(&headers, || to_json(&report), || report.csv()))
}
