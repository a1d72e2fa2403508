//! UnionPay as the rest of the sandbox sees it: its merchants, the network's keys, and what the common parts
//! ask of its dialect.

use std::collections::{BTreeMap, HashMap};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use crate::agreements::{Agreement, AgreementNews};
use crate::bills::terms::{BEIJING_MS, BillTerms};
use crate::by_hand::{HandMade, HandRefund, Sale, Sold};
use crate::door::{Door, Opened};
use crate::fates::Asker;
use crate::front::{Front, Letter};
use crate::orders::{Happened, Order, Orders};
use crate::refund_books::RefundState;
use crate::refunds::Refund;
use crate::shared::Shared;
use crate::timers::About;
use crate::unionpay::account::{UnionpayAccount, UnionpayMerchant};
use crate::unionpay::certificate;
use crate::unionpay::fields::Fields;
use crate::unionpay::network::{Signer, UnionpayKeys};
use crate::unionpay::purchase::handed_over;
use crate::unionpay::request::Name;
use crate::unionpay::story;
use crate::unionpay::{api, by_hand};
use crate::{Channel, FeeTerms, SandboxError};

/// Waits after failed attempts, in seconds of the sandbox clock, by the documents: five attempts in all.
pub(crate) const WAITS_S: [i64; 4] = [60, 120, 240, 300];

/// Bills and payouts. Its day begins at 23:00 of the day before, and the fee of a payment stays with the network.
pub(crate) const BILLS: BillTerms = BillTerms {
    early_ms: BEIJING_MS + 3_600_000,
    pays_after_ms: 12 * 3_600_000,
    payer: "银联商务股份有限公司",
    reference: "CUP",
    fees: FeeTerms::new(60, 0, false),
    tells_currency: false,
};

/// The front.
pub(crate) struct Unionpay {
    merchants: HashMap<String, UnionpayMerchant>,
    keys: RwLock<UnionpayKeys>,
}

/// What UnionPay keeps of an order.
pub(crate) struct OrderFacts {
    pub(crate) request: Fields,
    pub(crate) name: Name,
    pub(crate) tn: String,
}

/// What UnionPay keeps of a refund or void.
pub(crate) struct RefundFacts {
    pub(crate) request: Fields,
    pub(crate) name: Name,
}

impl Unionpay {
    pub(crate) fn new(accounts: &[UnionpayAccount], keys: UnionpayKeys) -> Result<Self, SandboxError> {
        let mut merchants = HashMap::new();
        for (ordinal, account) in (0..).zip(accounts) {
            if merchants.insert(account.mer_id.clone(), UnionpayMerchant::new(account, ordinal)?).is_some() {
                return Err(SandboxError::Config(format!("merchant {} is given twice", account.mer_id)));
            }
        }
        Ok(Self { merchants, keys: RwLock::new(keys) })
    }

    pub(crate) fn merchant(&self, mer_id: &str) -> Option<&UnionpayMerchant> {
        self.merchants.get(mer_id)
    }

    pub(crate) fn keys(&self) -> RwLockReadGuard<'_, UnionpayKeys> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Signs with a new certificate from now on, and gives its serial in decimal.
    pub(crate) fn rotate_certificate(&self) -> Result<String, SandboxError> {
        let authority = self.keys().authority.clone();
        let renewed = Signer::network(&authority)?;
        let cert_id = certificate::read(&renewed.pem)?.cert_id;
        self.keys.write().unwrap_or_else(PoisonError::into_inner).genuine = renewed;
        Ok(cert_id)
    }

    fn open_form(&self, world: &Shared, fields: &BTreeMap<String, String>) -> Result<Opened, String> {
        let mut form = Fields::default();
        fields.iter().for_each(|(name, value)| form.set(name, value.as_str()));
        api::place_front(world, &form).map_err(|refusal| format!("{}: {}", refusal.code, refusal.message))
    }
}

impl UnionpayMerchant {
    pub(crate) fn asker(&self) -> Asker<'_> {
        Asker { channel: Channel::Unionpay, account: &self.mer_id, ordinal: self.ordinal }
    }
}

impl Front for Unionpay {
    fn transaction_id(&self, order: &Order, now_ms: i64, serial: u64) -> String {
        story::query_id(order.fate, now_ms, serial)
    }

    /// Of an order, only its payment is told.
    fn tells(&self, _: &Order, what: Happened) -> bool {
        what == Happened::Paid
    }

    /// An opening is told; that a token was unbound must be asked for.
    fn tells_agreement(&self, _: &Agreement, what: AgreementNews) -> bool {
        what == AgreementNews::Signed
    }

    /// Of refunds and voids likewise: what failed must be asked for.
    fn tells_refund(&self, refund: &Refund) -> bool {
        refund.events.last().is_some_and(|event| event.state == RefundState::Success)
    }

    fn letter(&self, world: &Shared, about: About, forged: bool) -> Result<Option<Letter>, SandboxError> {
        self.write_letter(world, about, forged)
    }

    /// By status 200 alone; what the body says does not matter.
    fn acknowledged(&self, status: u16, _: &[u8]) -> bool {
        status == 200
    }

    fn waits_s(&self) -> &'static [i64] {
        &WAITS_S
    }

    fn answer_within(&self) -> Duration {
        Duration::from_secs(10)
    }

    fn bills(&self) -> BillTerms {
        BILLS
    }

    fn sold_elsewhere(&self, _: &Orders, sale: &Sale<'_>) -> Option<Sold> {
        by_hand::sold(&self.merchant(sale.account)?.mer_id, sale)
    }

    fn refunded_by_hand(&self, order: &Order, wish: &HandRefund<'_>) -> Option<HandMade> {
        by_hand::refunded(order, wish)
    }

    /// A form is posted by the payer's browser, and creates the order; a number is handed over by the
    /// merchant's app.
    fn open(&self, world: &Shared, door: &Door) -> Option<Result<Opened, String>> {
        match door {
            Door::Form { action, fields } if action.ends_with(api::FRONT_PATH) => Some(self.open_form(world, fields)),
            Door::OrderString(tn) => {
                let (name, orders) = (handed_over(tn), world.orders());
                let of = |mer_id: &String| orders.position_of(Channel::Unionpay, mer_id, &name);
                self.merchants.keys().find_map(of).map(Opened::Order).map(Ok)
            }
            _ => None,
        }
    }
}
