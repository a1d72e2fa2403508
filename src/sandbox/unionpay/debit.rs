//! Debits with a token: it knows when one is lawful in the network's words and how its result is answered; whether
//! the payer's side pays is the common payers'.

use crate::agreements::{Agreement, DebitCall};
use crate::debiting::When;
use crate::orders::{NewOrder, Orders};
use crate::own::Own;
use crate::payer::Behaviour;
use crate::shared::Shared;
use crate::unionpay::account::UnionpayMerchant;
use crate::unionpay::answer::saying;
use crate::unionpay::fields::Fields;
use crate::unionpay::front::OrderFacts;
use crate::unionpay::refusal::{PENDING, Refusal, message};
use crate::unionpay::story::{self, echo};
use crate::unionpay::token::TokenFacts;
use crate::unionpay::token_request::TokenDebit;
use crate::{Channel, DebitOutcome, dice};

/// One of so many debits is not decided at once.
const SLOW_IN: u64 = 4;

impl Shared {
    /// Debits, and gives the fields of the answer: `00` done, `05` under way, anything else declined.
    pub(super) fn unionpay_debit(
        &self,
        merchant: &UnionpayMerchant,
        debit: TokenDebit,
        fields: &Fields,
        fate: u64,
    ) -> Result<Fields, Refusal> {
        let (channel, mer_id, now_ms) = (Channel::Unionpay, merchant.mer_id.as_str(), self.pace.now_ms());
        let (number, unique) = (debit.name.order_id.clone(), debit.name.unique());
        let mut orders = self.orders();
        let found = orders.agreements.position_of(channel, mer_id, &debit.token);
        let agreement = found.and_then(|position| orders.agreements.list.get(position));
        let name = agreement.map_or_else(|| debit.token.clone(), |one| one.number.clone());
        let judged = if is_used(&orders, mer_id, &unique) {
            Err(Refusal::duplicate())
        } else {
            lawful(agreement, &debit.tr_id).and_then(|()| found.ok_or_else(not_opened))
        };
        let agreement = match judged {
            Ok(agreement) => agreement,
            Err(refusal) => {
                let call = DebitCall {
                    channel,
                    account: mer_id,
                    agreement: &name,
                    number: &number,
                    amount_minor: debit.amount_fen,
                    at_ms: now_ms,
                };
                orders.agreements.note(call, DebitOutcome::Refused(refusal.code.to_owned()));
                return Err(refusal);
            }
        };
        let position = orders.enter_debit(
            agreement,
            NewOrder {
                channel,
                account: mer_id.to_owned(),
                number,
                description: debit.said,
                amount_minor: debit.amount_fen,
                holds: false,
                behaviour: Behaviour::Never,
                fate,
                created_at_ms: now_ms,
                met: true,
                expires_at_ms: now_ms,
                dies_at_ms: i64::MAX,
                own: Own::new(OrderFacts { request: debit.fields, name: debit.name, tn: String::new() }),
            },
        );
        orders.call(position, &unique);
        drop(orders);
        let slow = dice::below(dice::draw(&[fate, 68]), SLOW_IN) == 0;
        self.debit_entered(position, if slow { When::Later } else { When::Now });
        self.unionpay_debited(position, fields)
    }

    fn unionpay_debited(&self, position: usize, fields: &Fields) -> Result<Fields, Refusal> {
        let orders = self.orders();
        let order = orders.list.get(position).ok_or_else(Refusal::no_such_transaction)?;
        let facts = order.own.get::<OrderFacts>().ok_or_else(Refusal::no_such_transaction)?;
        let code = story::of_order(order, facts, self.pace.now_ms()).map_or(PENDING, |story| story.code);
        if order.debit.is_some_and(|debit| debit.declined.is_some()) {
            return Err(Refusal::new(code, message(code)));
        }
        let mut told = echo(fields);
        if let Some(query_id) = &order.tab.transaction_id {
            told.set("queryId", query_id.as_str());
        }
        Ok(saying(told, code))
    }
}

fn not_opened() -> Refusal {
    Refusal::new("77", "the token is not open")
}

/// Whether the number and day name a transaction.
fn is_used(orders: &Orders, mer_id: &str, unique: &str) -> bool {
    let channel = Channel::Unionpay;
    orders.refunds.position(channel, mer_id, unique).is_some()
        || orders.position_of(channel, mer_id, unique).is_some()
        || orders.agreements.position(channel, mer_id, unique).is_some()
}

fn lawful(agreement: Option<&Agreement>, tr_id: &str) -> Result<(), Refusal> {
    let one = agreement.filter(|one| one.is_signed()).ok_or_else(not_opened)?;
    let ours = one.own.get::<TokenFacts>().is_some_and(|facts| facts.tr_id == tr_id);
    ours.then_some(()).ok_or_else(|| Refusal::format("tokenPayData"))
}
