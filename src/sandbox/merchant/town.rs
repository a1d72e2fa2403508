//! Where a play's people live: it knows by which ways they reach the merchant's program, the channels and the bank,
//! and what is written down of their doings; it must never know who does what.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bursar_core::clock::Clock;
use serde_json::Value;
use tokio::sync::Semaphore;

use super::api::{Api, Request, refused};
use super::cash::{Pockets, WORKERS};
use super::feed::Backend;
use crate::{Bank, SandboxError};

/// People who talk to the program in one moment.
const AT_ONCE: usize = 16;

/// How the people of a town go about their business.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Manner {
    /// Decides who does what.
    pub seed: u64,
    /// So many talk to the program in one moment.
    pub at_once: usize,
    /// How many workers each merchant has who take cash.
    pub workers: u32,
    /// Everybody does what he has to, at once, once and without a mistake.
    pub exact: bool,
}

impl Manner {
    /// As people are: late, mistaken, impatient.
    pub const fn usual(seed: u64) -> Self {
        Self { seed, at_once: AT_ONCE, workers: WORKERS, exact: false }
    }

    /// As measurements need them.
    pub const fn exact(at_once: usize, workers: u32) -> Self {
        Self { seed: 0, at_once, workers, exact: true }
    }
}

/// What people did, counted by what it was, and what surprised them.
#[derive(Clone, Debug, Default)]
pub struct Diary(Arc<Mutex<Pages>>);

#[derive(Debug, Default)]
struct Pages {
    deeds: BTreeMap<&'static str, u64>,
    surprises: Vec<String>,
}

impl Diary {
    pub(super) fn note(&self, deed: &'static str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).deeds.entry(deed).or_default() += 1;
    }

    /// Something was not as it must be.
    pub fn surprise(&self, words: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).surprises.push(words);
    }

    /// The counts and the surprises.
    pub fn read(&self) -> (BTreeMap<&'static str, u64>, Vec<String>) {
        let pages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (pages.deeds.clone(), pages.surprises.clone())
    }
}

/// Where customers and staff live.
#[derive(Clone, Debug)]
pub struct Town {
    gateway: Api,
    sandbox: Api,
    /// The clock of the program and of the sandbox.
    pub(super) clock: Arc<dyn Clock>,
    /// Decides who does what.
    pub(super) seed: u64,
    /// Nobody is late, mistaken or told twice.
    pub(super) exact: bool,
    /// How many workers each merchant has who take cash.
    pub(super) workers: u32,
    /// The bank of all merchants and customers.
    pub bank: Bank,
    /// What workers carry.
    pub pockets: Pockets,
    /// What was done.
    pub diary: Diary,
    gate: Arc<Semaphore>,
}

impl Town {
    /// A town around `gateway` and the sandbox at `sandbox` (both without a slash at the end). `patient` people try
    /// again for ever while they are away.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(
        (gateway, patient): (&str, bool),
        sandbox: &str,
        bank: Bank,
        clock: Arc<dyn Clock>,
        manner: Manner,
    ) -> Result<Self, SandboxError> {
        let Manner { seed, at_once, workers, exact } = manner;
        Ok(Self {
            gateway: Api::new(gateway, at_once, patient)?,
            sandbox: Api::new(sandbox, at_once, patient)?,
            clock,
            seed,
            exact,
            workers,
            bank,
            pockets: Pockets::default(),
            diary: Diary::default(),
            gate: Arc::new(Semaphore::new(at_once)),
        })
    }

    /// The same town for other customers, who are drawn by `seed`: two feeds count their orders alike, and what a
    /// customer says must not be taken for what another has said.
    #[must_use]
    pub fn for_others(&self, seed: u64) -> Self {
        Self { seed, ..self.clone() }
    }

    /// Lets so many milliseconds of the program's clock pass.
    pub(super) async fn wait_ms(&self, ms: u64) {
        tokio::time::sleep(self.clock.real(i64::try_from(ms).unwrap_or(i64::MAX))).await;
    }

    pub(super) async fn get(&self, backend: &Backend, path: &str) -> Result<Value, SandboxError> {
        let _place = self.gate.acquire().await.map_err(|e| refused(&e.to_string()))?;
        match self.gateway.get(&backend.api_key, path).await? {
            (200, seen) => Ok(seen),
            (status, seen) => Err(refused(&format!("{path} cannot be read: {status} {seen}"))),
        }
    }

    /// Does something through the API, under a key that names the deed.
    pub(super) async fn post(
        &self,
        backend: &Backend,
        path: &str,
        idempotency_key: &str,
        body: &Value,
    ) -> Result<(u16, Value), SandboxError> {
        let _place = self.gate.acquire().await.map_err(|e| refused(&e.to_string()))?;
        self.gateway.post(Request { api_key: &backend.api_key, path, idempotency_key, body }).await
    }

    pub(super) async fn upload(
        &self,
        backend: &Backend,
        path: &str,
        idempotency_key: &str,
        file: &[u8],
    ) -> Result<(u16, Value), SandboxError> {
        let _place = self.gate.acquire().await.map_err(|e| refused(&e.to_string()))?;
        self.gateway.upload(&backend.api_key, path, idempotency_key, file).await
    }

    /// A payer's device opens something of a channel.
    pub(super) async fn open(&self, door: &Value) -> Result<(u16, Value), SandboxError> {
        let _place = self.gate.acquire().await.map_err(|e| refused(&e.to_string()))?;
        self.sandbox.post_plain("/_sandbox/open", door).await
    }
}
