//! One payer on his way: he is asked, signs, and is charged by a plan. It knows the steps, each of which is looked at,
//! and must never know which story they make.

use std::collections::BTreeSet;

use bursar::play::month::door;
use bursar_core::Timestamp;
use bursar_core::agreement::AgreementState;
use bursar_core::bank::Day;
use bursar_core::billing::{Hours, Installment, InstallmentState, PlanFile, PlanState, Zone};
use bursar_core::id::{AgreementId, OrderId, PlanId};
use bursar_core::order::{Dossier, OrderState};
use bursar_sandbox::BookEntry;
use serde_json::json;

use super::town::{Town, WITHIN};
use crate::until;

/// What every period costs, in fen.
const MINOR: i64 = 58_000;

/// A payer with an agreement.
#[derive(Debug)]
pub(super) struct Payer<'a> {
    pub(super) town: &'a Town,
    name: String,
    pub(super) agreement: AgreementId,
    /// What the channel knows the agreement by.
    pub(super) number: String,
    /// The day on which he is to pay first.
    first_on: Day,
}

impl<'a> Payer<'a> {
    /// He was asked for his consent, has opened what he was given, and signs it. He is to pay first after so many
    /// days.
    pub(super) async fn signs(town: &'a Town, name: &str, after_days: i64) -> Self {
        let first_on = town.today().plus_days(after_days);
        let mut body = json!({
            "payer": name, "method": town.place.method.name(), "description": "月嫂服务 每月", "limit_minor": 2 * MINOR,
            "currency": "CNY",
        });
        if town.place.rhythmic {
            body["rhythm"] = json!({ "every": 1, "unit": "month", "first_on": first_on });
        }
        let answer = town.post("/v1/agreements", 202, &body).await;
        let agreement: AgreementId = answer["id"].as_str().expect("an id").parse().expect("an agreement's id");
        let payer = Self { town, name: name.to_owned(), agreement, number: agreement.bare(), first_on };
        let offered = until("it is offered", WITHIN, || async {
            let agreement = town.agreement(agreement).await;
            assert!(!agreement.state.is_final(), "{agreement:#?}");
            (agreement.state == AgreementState::Signing).then_some(agreement)
        });
        let (_, code) = offered.await.evidence.offered.expect("a code");
        let opened = town.sandbox().open(&door(&code).expect("a door")).expect("the payer's device opens it");
        assert_eq!((opened.out_trade_no.as_str(), opened.account.as_str()), (payer.number.as_str(), town.merchant()));
        town.sandbox().sign(town.merchant(), &payer.number).expect("there is something to sign");
        let active = until("it is in force", WITHIN, || async {
            let agreement = town.agreement(agreement).await;
            assert!(!agreement.state.is_final(), "{agreement:#?}");
            (agreement.state == AgreementState::Active).then_some(agreement)
        });
        let signature = active.await.evidence.signed.expect("a signature");
        assert_eq!(Some(signature.channel_id), opened.agreement_id);
        payer.hears("agreement.signed", &agreement.to_string()).await;
        payer
    }

    /// The merchant is told this, once.
    pub(super) async fn hears(&self, kind: &str, id: &str) {
        let told = || async { (self.town.ears.told(kind, id) > 0).then_some(()) };
        until(&format!("{kind} of {id} is told"), WITHIN, told).await;
        assert_eq!(self.town.ears.told(kind, id), 1, "{kind} of {id}");
    }

    /// A subscription charged by his agreement.
    pub(super) async fn subscribes(&self, periods: u32) -> PlanId {
        let from = if self.first_on == self.town.today() { "today".to_owned() } else { self.first_on.to_string() };
        let body = json!({
            "number": format!("{}-{}", self.name, self.number), "payer": self.name, "description": "月嫂服务",
            "currency": "CNY", "agreement": self.agreement, "offers": ["wechat_native"],
            "subscription": { "minor": MINOR, "every": { "every": 1, "unit": "month" }, "from": from, "periods": periods },
        });
        let answer = self.town.post("/v1/plans", 201, &body).await;
        answer["id"].as_str().expect("an id").parse().expect("a plan's id")
    }

    /// A sum in equal monthly parts, the first now, charged by his agreement.
    pub(super) async fn pays_in_parts(&self, name: &str, total_minor: i64, count: u32) -> PlanId {
        let body = json!({
            "number": format!("{name}-{}", self.number), "payer": self.name, "description": "月嫂培训", "currency": "CNY",
            "agreement": self.agreement, "offers": ["wechat_native"],
            "installments": { "total_minor": total_minor, "count": count, "every": { "every": 1, "unit": "month" } },
        });
        let answer = self.town.post("/v1/plans", 201, &body).await;
        answer["id"].as_str().expect("an id").parse().expect("a plan's id")
    }

    /// Lives until the plan's installment `seq` stands so.
    pub(super) async fn until_installment(
        &self,
        plan: PlanId,
        seq: u32,
        wanted: InstallmentState,
        days: i64,
    ) -> (PlanFile, Installment, OrderId) {
        let what = format!("{} {} is {}", self.name, seq, wanted.name());
        let found = self.town.live_until(&what, days, async || {
            let file = self.town.plan(plan).await;
            let installment = file.installment(seq).filter(|i| i.state == wanted).cloned();
            let stuck = installment.is_none() && file.plan.state.is_final();
            assert!(!stuck, "{what}: {file:#?}\n{:#?}", self.town.debits(&self.number));
            installment.map(|installment| (file, installment))
        });
        let (file, installment) = found.await;
        let order = installment.order.expect("an order");
        (file, installment, order)
    }

    /// The installment was paid by one charge, of the right amount and in the right hours, and the merchant knows.
    pub(super) async fn is_paid_once(&self, plan: PlanId, order: OrderId) -> BookEntry {
        self.hears("installment.due", &plan.to_string()).await;
        self.hears("order.paid", &order.to_string()).await;
        self.hears("installment.paid", &plan.to_string()).await;
        assert_eq!(self.town.charged(&self.number), 1, "{:#?}", self.town.debits(&self.number));
        let dossier = self.town.house.dossier(order).await;
        assert_eq!((dossier.order.state, dossier.captured_minor()), (OrderState::Paid, MINOR));
        let entry = self.only_charge(&dossier);
        assert_eq!((entry.charges, entry.captured_minor), (1, MINOR), "{entry:#?}");
        self.is_called_in_time();
        entry
    }

    /// The channel's book of what paid the order: nothing else of it took money.
    pub(super) fn only_charge(&self, dossier: &Dossier) -> BookEntry {
        let numbers: BTreeSet<String> = dossier.payments.iter().map(bursar_core::payment::Payment::number).collect();
        let books = self.town.sandbox().books();
        let mut taken = books.into_iter().filter(|e| numbers.contains(&e.out_trade_no) && e.charges > 0);
        let entry = taken.next().expect("money was taken");
        assert_eq!(taken.next(), None, "money was taken once");
        entry
    }

    /// Nobody was charged at night.
    pub(super) fn is_called_in_time(&self) {
        let zone: Zone = Zone::DEFAULT.parse().expect("a zone");
        for debit in self.town.debits(&self.number) {
            let at = Timestamp::from_millis(debit.at_ms);
            assert!(Hours::default().allow(&zone, at), "{at}: {debit:#?}");
        }
    }

    pub(super) async fn until_plan(&self, plan: PlanId, wanted: PlanState, days: i64) -> PlanFile {
        let what = format!("{} is {}", self.name, wanted.name());
        self.town
            .live_until(&what, days, async || {
                let file = self.town.plan(plan).await;
                (file.plan.state == wanted).then_some(file)
            })
            .await
    }
}
