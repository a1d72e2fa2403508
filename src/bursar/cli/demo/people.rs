//! The people of the demonstration: it knows who lives in its town and how long each works, and must never know what
//! they do.

use bursar_sandbox::SandboxError;
use bursar_sandbox::merchant::{Backend, Feed, Manner, Placed, Town, attend_all, keep_books, take_cash_over};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::stage::Stage;
use crate::cli::Failure;
use crate::play::operator::{Means, Operator};

/// Everybody.
pub(super) struct People {
    pub(super) town: Town,
    pub(super) operators: Vec<Operator>,
    /// `None` once they have ended well.
    customers: Option<JoinHandle<Result<(), SandboxError>>>,
    staff: [JoinHandle<()>; 2],
}

/// Lets the customers of `orders` and the merchants' staff go about their business.
pub(super) fn gather(
    stage: &Stage,
    feed: &Feed,
    backends: &[Backend],
    seed: u64,
    orders: mpsc::UnboundedReceiver<Placed>,
) -> Result<People, Failure> {
    let clock = stage.program.clock.clone();
    let (gateway, sandbox) = ((feed.gateway.as_str(), feed.patient), stage.sandbox.base_url());
    let town = Town::new(gateway, &sandbox, stage.bank.clone(), clock, Manner::usual(seed))?;
    let (mut banks, mut drawers, mut operators) = (Vec::new(), Vec::new(), Vec::new());
    for (actor, number) in stage.actors.iter().zip(&stage.bank_numbers) {
        let (Some(bank), Some(cash)) = (actor.bank_account(number), actor.cash_account()) else { continue };
        banks.push(bank.clone());
        drawers.push(cash.clone());
        operators.push(Operator::new(Means { merchant: actor.merchant, town: town.clone(), bank, cash }));
    }
    let staff = [tokio::spawn(keep_books(town.clone(), banks)), tokio::spawn(take_cash_over(town.clone(), drawers))];
    let (backends, served) = (backends.to_vec(), town.clone());
    let customers = Some(tokio::spawn(async move { attend_all(&backends, &served, orders).await }));
    Ok(People { town, operators, customers, staff })
}

impl People {
    /// Whether every customer has done what he wanted.
    ///
    /// # Errors
    /// When one of them could not: nothing would ever settle, so nobody waits for it.
    pub(super) async fn are_done(&mut self) -> Result<bool, Failure> {
        if let Some(ended) = self.customers.take_if(|customers| customers.is_finished()) {
            ended.await??;
        }
        Ok(self.customers.is_none())
    }

    /// Sends everybody home.
    pub(super) async fn go_home(mut self) -> Result<Town, Failure> {
        self.staff.iter().for_each(JoinHandle::abort);
        if !self.are_done().await? {
            self.customers.iter().for_each(JoinHandle::abort);
            self.town.diary.surprise("not every customer could pay".to_owned());
        }
        Ok(self.town)
    }
}
