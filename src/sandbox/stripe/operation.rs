//! Which call a request is: it knows methods, paths and members, and must never carry one out.

use serde_json::Value;

use crate::Channel;
use crate::fates::{Drawn, Subject};
use crate::shared::Shared;
use crate::stripe::account::Account;
use crate::stripe::balance::BalanceOf;
use crate::stripe::customers::CustomerWish;
use crate::stripe::ends::Card;
use crate::stripe::front::KeyKind;
use crate::stripe::listing::{Listed, Sought};
use crate::stripe::params::{Paging, Params};
use crate::stripe::refusal::Refusal;
use crate::stripe::setup::{SetupWish, SetupsOf, expands_method};
use crate::stripe::show::Expand;
use crate::stripe::{create, installments, refunds};

/// A call whose request is well formed.
#[derive(Debug)]
pub(crate) enum Call {
    Create(Box<create::Wish>),
    Retrieve {
        id: String,
        expand: Expand,
    },
    Confirm {
        id: String,
        card: Card,
        plan: Option<u8>,
        expand: Expand,
    },
    Capture {
        id: String,
        amount_minor: Option<i64>,
        expand: Expand,
    },
    Cancel {
        id: String,
        reason: &'static str,
        expand: Expand,
    },
    List(Listed),
    Search(Sought),
    Refund(Box<refunds::Wish>),
    RetrieveRefund(String),
    ListRefunds {
        intent: Option<String>,
        paging: Paging,
    },
    RetrieveDispute(String),
    ListDisputes {
        intent: Option<String>,
        paging: Paging,
    },
    /// A declined charge without the payer, tried again.
    ChargeAgain {
        id: String,
        method: String,
        expand: Expand,
    },
    Setup(Box<SetupWish>),
    RetrieveSetup {
        id: String,
        whole: bool,
    },
    ConfirmSetup {
        id: String,
        card: Card,
    },
    CancelSetup(String),
    ListSetups(SetupsOf),
    RetrieveCard(String),
    ListCards {
        customer: String,
        paging: Paging,
    },
    Detach(String),
    Customer(Box<CustomerWish>),
    /// Changes of the balance.
    Balance(BalanceOf),
    RetrieveCustomer(String),
    ListCustomers {
        sought: Option<Sought>,
        paging: Paging,
    },
}

/// What a call's seeded numbers belong to.
enum Named {
    Create(String),
    Order(String),
    Refund(String),
    Nothing,
}

impl Call {
    /// `path` is what follows `/v1/`.
    pub(crate) fn read(method: &str, path: &str, params: &Params, kind: KeyKind) -> Result<Self, Refusal> {
        let parts: Vec<&str> = path.split('/').collect();
        // With a client secret, the payer's page reads and confirms one intent, and does nothing else.
        if kind == KeyKind::Publishable {
            let opened =
                params.text("client_secret")?.and_then(|secret| secret.split_once("_secret_")).map(|(id, _)| id);
            let own = matches!(parts.as_slice(), ["payment_intents" | "setup_intents", id] | ["payment_intents" | "setup_intents", id, "confirm"] if opened == Some(*id));
            if !own {
                return Err(Refusal::forbidden());
            }
        }
        let expand = || Expand::read(params, "");
        let of_intent = || Ok::<_, Refusal>((params.text("payment_intent")?.map(str::to_owned), params.paging()?));
        match (method, parts.as_slice()) {
            ("POST", ["payment_intents"]) => Ok(Self::Create(Box::new(create::Wish::read(params)?))),
            ("GET", ["payment_intents"]) => Listed::read(params).map(Self::List),
            ("GET", ["payment_intents", "search"]) => Sought::read(params).map(Self::Search),
            ("GET", ["payment_intents", id]) => {
                params.only(&["expand", "client_secret"])?;
                Ok(Self::Retrieve { id: (*id).to_owned(), expand: expand()? })
            }
            ("POST", ["payment_intents", id, "confirm"]) => {
                params.only(&[
                    "client_secret",
                    "expand",
                    "off_session",
                    "payment_method",
                    "payment_method_options",
                    "return_url",
                ])?;
                let method = params.required("payment_method")?;
                let plan = installments::plan(params)?;
                if params.word("off_session", &["true", "false"])? == Some("true") && kind == KeyKind::Secret {
                    let (id, method) = ((*id).to_owned(), method.to_owned());
                    return Ok(Self::ChargeAgain { id, method, expand: expand()? });
                }
                let card = Card::named(method).ok_or_else(|| Refusal::no_such("PaymentMethod", method))?;
                Ok(Self::Confirm { id: (*id).to_owned(), card, plan, expand: expand()? })
            }
            ("POST", ["payment_intents", id, "capture"]) => {
                params.only(&[
                    "amount_to_capture",
                    "expand",
                    "final_capture",
                    "metadata",
                    "statement_descriptor_suffix",
                ])?;
                let amount_minor = params.integer("amount_to_capture")?;
                Ok(Self::Capture { id: (*id).to_owned(), amount_minor, expand: expand()? })
            }
            ("POST", ["payment_intents", id, "cancel"]) => {
                params.only(&["cancellation_reason", "expand"])?;
                let reasons = ["abandoned", "duplicate", "fraudulent", "requested_by_customer"];
                let reason = params.word("cancellation_reason", &reasons)?.unwrap_or("requested_by_customer");
                Ok(Self::Cancel { id: (*id).to_owned(), reason, expand: expand()? })
            }
            ("POST", ["refunds"]) => Ok(Self::Refund(Box::new(refunds::Wish::read(params)?))),
            ("GET", ["refunds"]) => {
                params.only(&["payment_intent", "limit", "starting_after", "charge", "created"])?;
                let (intent, paging) = of_intent()?;
                Ok(Self::ListRefunds { intent, paging })
            }
            ("GET", ["refunds", id]) => Ok(Self::RetrieveRefund((*id).to_owned())),
            ("GET", ["disputes"]) => {
                params.only(&["payment_intent", "limit", "starting_after", "charge", "created"])?;
                let (intent, paging) = of_intent()?;
                Ok(Self::ListDisputes { intent, paging })
            }
            ("GET", ["disputes", id]) => Ok(Self::RetrieveDispute((*id).to_owned())),
            ("GET", ["balance_transactions"]) => BalanceOf::read(params).map(Self::Balance),
            (_, ["setup_intents" | "payment_methods" | "customers", ..]) => Self::read_saving(method, &parts, params),
            _ => Err(Refusal::no_such_address()),
        }
    }

    /// The calls about customers and their cards.
    fn read_saving(method: &str, parts: &[&str], params: &Params) -> Result<Self, Refusal> {
        let plain = |id: &str| params.only(&["expand"]).map(|()| id.to_owned());
        match (method, parts) {
            ("POST", ["setup_intents"]) => Ok(Self::Setup(Box::new(SetupWish::read(params)?))),
            ("GET", ["setup_intents"]) => SetupsOf::read(params).map(Self::ListSetups),
            ("GET", ["setup_intents", id]) => {
                params.only(&["expand", "client_secret"])?;
                Ok(Self::RetrieveSetup { id: (*id).to_owned(), whole: expands_method(params)? })
            }
            ("POST", ["setup_intents", id, "confirm"]) => {
                params.only(&["client_secret", "expand", "mandate_data", "payment_method", "return_url"])?;
                let method = params.required("payment_method")?;
                let card = Card::named(method).ok_or_else(|| Refusal::no_such("PaymentMethod", method))?;
                Ok(Self::ConfirmSetup { id: (*id).to_owned(), card })
            }
            ("POST", ["setup_intents", id, "cancel"]) => {
                params.only(&["cancellation_reason", "expand"])?;
                Ok(Self::CancelSetup((*id).to_owned()))
            }
            ("GET", ["payment_methods"]) => {
                params.only(&["customer", "limit", "starting_after", "type"])?;
                Ok(Self::ListCards { customer: params.required("customer")?.to_owned(), paging: params.paging()? })
            }
            ("GET", ["payment_methods", id]) => plain(id).map(Self::RetrieveCard),
            ("POST", ["payment_methods", id, "detach"]) => plain(id).map(Self::Detach),
            ("POST", ["customers"]) => Ok(Self::Customer(Box::new(CustomerWish::read(params)?))),
            ("GET", ["customers"]) => {
                params.only(&["limit", "starting_after"])?;
                Ok(Self::ListCustomers { sought: None, paging: params.paging()? })
            }
            ("GET", ["customers", "search"]) => {
                let sought = Sought::read(params)?;
                Ok(Self::ListCustomers { paging: sought.paging(), sought: Some(sought) })
            }
            ("GET", ["customers", id]) => plain(id).map(Self::RetrieveCustomer),
            _ => Err(Refusal::no_such_address()),
        }
    }

    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Create(_) => "stripe.create",
            Self::Retrieve { .. } | Self::List(_) | Self::Search(_) => "stripe.query",
            Self::Confirm { .. } => "stripe.confirm",
            Self::ChargeAgain { .. } => "stripe.debit",
            Self::Setup(_) => "stripe.setup",
            Self::RetrieveSetup { .. } | Self::ListSetups(_) => "stripe.query_setup",
            Self::ConfirmSetup { .. } => "stripe.confirm_setup",
            Self::CancelSetup(_) => "stripe.cancel_setup",
            Self::RetrieveCard(_) | Self::ListCards { .. } => "stripe.query_card",
            Self::Detach(_) => "stripe.detach",
            Self::Balance(_) => "stripe.balance",
            Self::Customer(_) => "stripe.customer",
            Self::RetrieveCustomer(_) | Self::ListCustomers { .. } => "stripe.query_customer",
            Self::Capture { .. } => "stripe.capture",
            Self::Cancel { .. } => "stripe.cancel",
            Self::Refund(_) => "stripe.refund",
            Self::RetrieveRefund(_) | Self::ListRefunds { .. } => "stripe.query_refund",
            Self::RetrieveDispute(_) | Self::ListDisputes { .. } => "stripe.dispute",
        }
    }

    /// Its seeded numbers.
    pub(crate) fn draw(&self, world: &Shared, account: &Account) -> Drawn {
        let asker = account.asker();
        match (self.named(world, account), self) {
            (Named::Create(number), Self::Create(wish)) => {
                let (description, amount_minor) = (wish.description.as_str(), wish.amount_minor);
                world.draw(asker, Subject::Create { number: &number, description, amount_minor })
            }
            (Named::Create(number), Self::Setup(wish)) => {
                let (number, description) =
                    (format!("setup\n{number}"), wish.description.as_deref().unwrap_or_default());
                world.draw(asker, Subject::Create { number: &number, description, amount_minor: 0 })
            }
            (Named::Order(number), _) => {
                world.draw(asker, Subject::Order { number: &number, operation: self.operation() })
            }
            (Named::Refund(number), _) => {
                world.draw(asker, Subject::Refund { number: &number, operation: self.operation() })
            }
            _ => world.draw(asker, Subject::Other),
        }
    }

    /// A number for the kind of call, any but 1.
    const fn operation(&self) -> u64 {
        match self {
            Self::Create(_) | Self::Refund(_) => 1,
            Self::Retrieve { .. } | Self::RetrieveRefund(_) => 2,
            Self::Cancel { .. } => 3,
            Self::Capture { .. } => 4,
            Self::Confirm { .. } => 5,
            Self::List(_) | Self::ListRefunds { .. } => 6,
            Self::Search(_) => 7,
            Self::RetrieveDispute(_) | Self::ListDisputes { .. } => 8,
            Self::ChargeAgain { .. } => 9,
            // These are drawn without a number.
            Self::Setup(_)
            | Self::Balance(_)
            | Self::RetrieveSetup { .. }
            | Self::ConfirmSetup { .. }
            | Self::CancelSetup(_)
            | Self::ListSetups(_)
            | Self::RetrieveCard(_)
            | Self::ListCards { .. }
            | Self::Detach(_)
            | Self::Customer(_)
            | Self::RetrieveCustomer(_)
            | Self::ListCustomers { .. } => 10,
        }
    }

    fn named(&self, world: &Shared, account: &Account) -> Named {
        let owner = account.given.id.as_str();
        let order = |id: &str| {
            let orders = world.orders();
            let order = orders.position_of(Channel::Stripe, owner, id).and_then(|position| orders.list.get(position));
            order.map_or(Named::Nothing, |order| Named::Order(order.number.clone()))
        };
        match self {
            // Without a number of the merchant's, what it is for names it.
            Self::Create(wish) => Named::Create(wish.number(account).unwrap_or(&wish.description).to_owned()),
            Self::Setup(wish) => {
                let said = wish.description.as_deref().unwrap_or_default();
                Named::Create(wish.number(account).unwrap_or(said).to_owned())
            }
            Self::Retrieve { id, .. }
            | Self::ChargeAgain { id, .. }
            | Self::Confirm { id, .. }
            | Self::Capture { id, .. }
            | Self::Cancel { id, .. } => order(id),
            Self::Search(sought) => {
                sought.number(account).map_or(Named::Nothing, |number| Named::Order(number.to_owned()))
            }
            Self::Refund(wish) => wish.number(account).map_or(Named::Nothing, |n| Named::Refund(n.to_owned())),
            Self::RetrieveRefund(id) => {
                let orders = world.orders();
                let found = orders.refunds.position_of(Channel::Stripe, owner, id);
                let refund = found.and_then(|position| orders.refunds.list.get(position));
                refund.map_or(Named::Nothing, |one| Named::Refund(one.number.clone()))
            }
            Self::ListRefunds { intent: Some(id), .. } | Self::ListDisputes { intent: Some(id), .. } => order(id),
            _ => Named::Nothing,
        }
    }

    /// Carries it out.
    pub(crate) fn perform(self, world: &Shared, account: &Account, fate: u64) -> Result<Value, Refusal> {
        match self {
            Self::Create(wish) => world.stripe_create(account, *wish, fate),
            Self::Retrieve { id, expand } => world.stripe_retrieve(account, &id, expand),
            Self::Confirm { id, card, plan, expand } => world.stripe_confirm(account, &id, (card, plan), expand),
            Self::Capture { id, amount_minor, expand } => world.stripe_capture(account, &id, amount_minor, expand),
            Self::Cancel { id, reason, expand } => world.stripe_cancel(account, &id, reason, expand),
            Self::List(listed) => world.stripe_list(account, &listed),
            Self::Search(sought) => world.stripe_search(account, &sought),
            Self::Refund(wish) => world.stripe_refund(account, *wish, fate),
            Self::ChargeAgain { id, method, expand } => world.stripe_charge_again(account, &id, &method, expand),
            Self::Setup(wish) => world.stripe_new_setup(account, *wish, fate),
            Self::RetrieveSetup { id, whole } => world.stripe_setup(account, &id, whole),
            Self::ConfirmSetup { id, card } => world.stripe_confirm_setup(account, &id, card),
            Self::CancelSetup(id) => world.stripe_cancel_setup(account, &id),
            Self::ListSetups(of) => world.stripe_setups(account, &of),
            Self::RetrieveCard(id) => world.stripe_card(account, &id),
            Self::ListCards { customer, paging } => world.stripe_cards(account, &customer, &paging),
            Self::Detach(id) => world.stripe_detach(account, &id),
            Self::Customer(wish) => Ok(world.stripe_new_customer(account, *wish)),
            Self::RetrieveCustomer(id) => world.stripe_customer(account, &id),
            Self::ListCustomers { sought, paging } => world.stripe_customers(account, sought.as_ref(), &paging),
            Self::Balance(of) => world.stripe_balance(account, &of),
            Self::RetrieveRefund(id) => world.stripe_retrieve_refund(account, &id),
            Self::ListRefunds { intent, paging } => world.stripe_list_refunds(account, intent.as_deref(), &paging),
            Self::RetrieveDispute(id) => world.stripe_retrieve_dispute(account, &id),
            Self::ListDisputes { intent, paging } => world.stripe_list_disputes(account, intent.as_deref(), &paging),
        }
    }
}
