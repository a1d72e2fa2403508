//! Shares of an order in requests and answers: it knows their members, and must never know when they are sent.

use bursar_core::order::Order;
use bursar_core::payment::Payment;
use bursar_core::sharing::{
    Ended, ReceiverKind, ShareAmount, ShareAsk, SharePart, ShareState, Sharing, plan as planned,
};
use bursar_store::directory::Entries;
use serde::Serialize;
use utoipa::ToSchema;

use super::intake::CreateOrder;
use crate::App;
use crate::json::Reader;
use crate::problem::{FieldError, Problem};

/// A share of an order's money.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[schema(as = CreateShare)]
pub struct CreateShare {
    /// `merchant` (by its number at the channel) or `person` (by the openid). What a person got cannot be pulled back
    /// for a refund; the merchant then bears it.
    #[schema(example = "merchant")]
    pub kind: String,
    /// The number of the merchant, or the openid of the person, at the channel.
    #[schema(example = "1900000109", max_length = 64)]
    pub account: String,
    /// The merchant's name in the register; the channel compares it. Not for persons.
    #[schema(nullable = false, max_length = 200)]
    pub name: Option<String>,
    /// How much, in minor units; or `basis_points`.
    #[schema(nullable = false, example = 2_000, minimum = 1)]
    pub amount_minor: Option<i64>,
    /// How much, in hundredths of a percent of the order's amount, rounded down; or `amount_minor`.
    #[schema(nullable = false, example = 1_000, minimum = 1, maximum = 10_000)]
    pub basis_points: Option<i64>,
    /// What for, as the receiver reads it: at most 80 characters.
    #[schema(example = "Commission", max_length = 80)]
    pub description: String,
}

/// A share as it stands.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Share)]
pub struct ShareView {
    /// `merchant` or `person`.
    pub kind: &'static str,
    /// Who, by the channel's name.
    pub account: String,
    /// What for.
    pub description: String,
    /// How much, in minor units.
    pub amount_minor: i64,
    /// `planned`, `sending`, `unknown`, `processing`, `shared` or `closed` (refused for good).
    #[schema(value_type = String, example = "shared")]
    pub state: ShareState,
    /// What was pulled back of it for refunds, in minor units.
    pub returned_minor: i64,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reason: Option<String>,
}

impl From<&SharePart> for ShareView {
    fn from(part: &SharePart) -> Self {
        Self {
            kind: part.kind.name(),
            account: part.account.clone(),
            description: part.description.clone(),
            amount_minor: part.amount_minor,
            state: ShareState::Planned,
            returned_minor: 0,
            reason: None,
        }
    }
}

impl ShareView {
    /// Shows what became of it.
    pub fn follow(&mut self, sharing: &Sharing) {
        let same = |part: &SharePart| part.kind.name() == self.kind && part.account == self.account;
        let Some((n, part)) = sharing.numbered().find(|(_, part)| same(part)) else {
            self.state = ShareState::Closed;
            self.reason = Some("the money went back to the payer before it was shared".to_owned());
            return;
        };
        let back = sharing.returns.iter().filter(|r| r.line == n && r.ended == Some(Ended::Moved));
        self.returned_minor = back.map(|r| r.amount_minor).fold(0, i64::saturating_add);
        self.amount_minor = part.amount_minor;
        self.state = sharing.line_state(n);
        self.reason = sharing.refusal(n).map(str::to_owned);
    }
}

/// One share, by the names and types of its members only.
pub fn read(mut share: Reader<'_>, whole: &mut Reader<'_>) -> CreateShare {
    let read = CreateShare {
        kind: share.text("kind").unwrap_or_default(),
        account: share.text("account").unwrap_or_default(),
        name: share.optional_text("name"),
        amount_minor: share.optional_integer("amount_minor"),
        basis_points: share.optional_integer("basis_points"),
        description: share.text("description").unwrap_or_default(),
    };
    whole.absorb(share);
    read
}

fn wrong(pointer: impl Into<String>, message: impl Into<String>) -> Problem {
    Problem::invalid(vec![FieldError::at(pointer, message)])
}

/// The shares that a request asks for.
///
/// # Errors
/// What is wrong with them by themselves.
pub fn asks(request: &CreateOrder) -> Result<Vec<ShareAsk>, Problem> {
    let Some(shares) = &request.shares else { return Ok(Vec::new()) };
    if shares.is_empty() {
        return Err(wrong("/shares", "`shares` is empty; leave it out"));
    }
    if request.method.is_none() || request.part_payment == Some(true) {
        return Err(wrong("/shares", "an order with `shares` is paid at once by one `method`"));
    }
    let ask = |(n, share): (usize, &CreateShare)| {
        let kind = [ReceiverKind::Merchant, ReceiverKind::Person].into_iter().find(|k| k.name() == share.kind);
        let kind = kind.ok_or_else(|| wrong(format!("/shares/{n}/kind"), "`kind` is `merchant` or `person`"))?;
        let amount = match (share.amount_minor, share.basis_points) {
            (Some(minor), None) => ShareAmount::Minor(minor),
            (None, Some(points)) => ShareAmount::BasisPoints(u32::try_from(points).unwrap_or(u32::MAX)),
            _ => return Err(wrong(format!("/shares/{n}"), "give `amount_minor` or `basis_points`")),
        };
        let (account, name, description) = (share.account.clone(), share.name.clone(), share.description.clone());
        Ok(ShareAsk { kind, account, name, amount, description })
    };
    shares.iter().enumerate().map(ask).collect()
}

/// Gives a drafted order its shares.
///
/// # Errors
/// When the account of its payment does not share, or not so much.
pub fn plan(
    app: &App,
    entries: &Entries,
    asked: &[ShareAsk],
    (order, payments): &mut (Order, Vec<Payment>),
) -> Result<(), Problem> {
    if asked.is_empty() {
        return Ok(());
    }
    let [payment] = payments.as_slice() else {
        return Err(wrong("/shares", "an order with `shares` is paid at once by one `method`"));
    };
    let adapter = entries.accounts.get(&payment.account).and_then(|account| app.channels.adapter(account).ok());
    let most = adapter.filter(|_| !payment.method.holds() && !payment.method.debits());
    let most = most.and_then(|channel| channel.shares_at_most());
    let most = most.ok_or_else(|| {
        wrong("/shares", format!("{} through {} shares no money with others", payment.method.name(), payment.account))
    })?;
    order.shares = planned(asked, order.amount, most).map_err(|why| wrong("/shares", why))?;
    Ok(())
}
