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
use bursar_core::reconcile::{Bill, BillKind, BillState, MovementKind};
use bursar_store::books::ToldLine;
use bursar_store::{DayFilter, LikeLine, Store, StoreError};
use http::{HeaderMap, Uri};

use super::settlement_view::{PayoutView, SettlementRow, SettlementView};
use crate::App;
use crate::auth::Caller;
use crate::errors::ListErrors;
use crate::orders::view::to_json;
use crate::problem::Problem;
use crate::query::Parameters;

/// A bank books a payout within so many days, holidays included.
const ARRIVES_WITHIN_DAYS: i64 = 10;
/// More lines of one amount than this tell nothing.
const LIKE_LINES: u32 = 20;
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
        for payout in store.payouts(account.id, (from, until)).await? {
            // A later issue that does not tell it any more has taken it back.
            let stands = bills.get(&(payout.day, payout.bill_kind)).is_some_and(|b| b.issue == payout.row.issue);
            let currency = payout.row.line.currency.parse::<Currency>();
            if let (true, Ok(currency)) = (stands, currency) {
                let view = arrival(store, &accounts, account, &payout, currency).await?;
                let row = row(&mut rows, account, payout.day, currency);
                row.paid_out_minor = row.paid_out_minor.saturating_add(view.amount_minor);
                row.payouts.push(view);
            }
        }
    }
    let rows = rows.into_values().map(|mut row| {
        row.net_minor = row.fees_minor.map(|fees| row.gross_minor.saturating_sub(row.refunds_minor).saturating_sub(fees));
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

/// When a payout has arrived, as far as the merchant's bank statements tell it: by the only credit of its amount.
async fn arrival(
    store: &dyn Store,
    accounts: &[ChannelAccount],
    account: &ChannelAccount,
    payout: &ToldLine,
    currency: Currency,
) -> Result<PayoutView, StoreError> {
    let line = &payout.row.line;
    let since = Day::in_beijing(line.at);
    let banks = accounts.iter().filter(|a| a.merchant == account.merchant && a.channel == ChannelKind::Bank);
    let (mut known, mut booked) = (false, Vec::new());
    for bank in banks {
        known = true;
        let amount = Money::new(line.amount_minor, currency);
        let like = LikeLine { account: bank.id, amount, direction: Direction::Credit, since, limit: LIKE_LINES };
        let lines = store.lines_like(&like).await?;
        let soon = lines.iter().filter(|l| l.line.booked_on.days_since(since) <= ARRIVES_WITHIN_DAYS);
        // What is somebody's payment is no payout.
        booked.extend(soon.filter(|l| l.subject.is_none()).map(|l| l.line.booked_on));
    }
    let (arrived_on, why) = match (known, booked.as_slice()) {
        (_, [only]) => (Some(*only), None),
        (false, _) => (None, Some("there is no bank account whose statements would tell it")),
        (true, []) => (None, Some("no bank statement has told it yet")),
        (true, _) => (None, Some("several lines of bank statements have this amount")),
    };
    Ok(PayoutView {
        channel_id: line.channel_id.clone(),
        amount_minor: line.amount_minor,
        paid_out_at: line.at,
        arrived_on,
        why: why.map(str::to_owned),
    })
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
