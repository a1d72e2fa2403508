//! UnionPay as a merchant meets it: these cases know the documents and a merchant's half of the keys, and
//! must never use the sandbox's own signing or reading.

mod faults;
mod files;
mod inbox;
mod merchant;
mod notifications;
mod purchases;
mod refunds;
mod refusals;
mod tokens;
mod voids;

use std::ops::Deref;

use super::{Stage, eventually, stage_with};
use crate::{PayMode, SandboxConfig};
use inbox::Inbox;
use merchant::{Form, Merchant, keys};

/// A sandbox with a merchant of UnionPay and the place where its notifications arrive.
struct Desk {
    stage: Stage,
    merchant: Merchant,
    inbox: Inbox,
}

impl Deref for Desk {
    type Target = Stage;

    fn deref(&self) -> &Stage {
        &self.stage
    }
}

async fn desk() -> Desk {
    desk_with(|_| {}).await
}

async fn desk_with(change: impl FnOnce(&mut SandboxConfig)) -> Desk {
    let stage = stage_with(change).await;
    let inbox = Inbox::start().await;
    let merchant = Merchant::new(stage.sandbox.base_url(), inbox.url(), stage.clock.clone());
    Desk { stage, merchant, inbox }
}

impl Desk {
    /// An app order of 88 yuan whose payer does what the tag says; gives its fields.
    async fn ordered(&self, number: &str, tag: &str) -> Form {
        let form = self.merchant.purchase(number).with("reqReserved", &format!("cleaning [payer:{tag}]"));
        let answer = self.merchant.send("appTransReq.do", &form).await;
        assert_eq!(answer.code(), "00", "{answer:?}");
        form
    }

    /// The same, paid by hand without a notification; gives its number on the network.
    async fn paid(&self, number: &str) -> String {
        let form = self.ordered(number, "never").await;
        self.pay(number, PayMode::Silent);
        self.merchant.query(&form).await.get("queryId").to_owned()
    }

    /// Moves the clock on until nothing is due any more, and so many notifications have arrived in all.
    async fn settled_and_told(&self, count: usize) {
        self.settle().await;
        eventually("all notifications arrive", || self.inbox.count() == count).await;
    }

    fn pay(&self, number: &str, mode: PayMode) {
        self.sandbox.pay(&keys().provisioned.mer_id, number, mode).unwrap();
    }

    /// Sends a refund with a wanted fate; gives its fields.
    async fn refunded(&self, query_id: &str, number: &str, fen: i64, tag: &str) -> Form {
        let form = self.merchant.refund(query_id, number, fen).with("reqReserved", &format!("[refund:{tag}]"));
        let answer = self.merchant.send("backTransReq.do", &form).await;
        assert_eq!(answer.code(), "00", "{answer:?}");
        form
    }
}
