//! Progress on stderr: a line that is written over on a terminal, a line each few seconds elsewhere. It must
//! never write to stdout.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::play::audit::Audit;

/// See the file's head.
pub(super) struct Progress {
    orders: u32,
    placed: AtomicU32,
    terminal: bool,
    last: Mutex<Option<Instant>>,
}

impl Progress {
    pub(super) fn new(orders: u32) -> Self {
        let terminal = std::io::stderr().is_terminal();
        Self { orders, placed: AtomicU32::new(0), terminal, last: Mutex::new(None) }
    }

    pub(super) fn write(&self, text: &str) {
        let every = if self.terminal { Duration::from_millis(100) } else { Duration::from_secs(3) };
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_some_and(|at| at.elapsed() < every) {
            return;
        }
        *last = Some(Instant::now());
        if self.terminal { eprint!("\r\x1b[K{text}") } else { eprintln!("{text}") }
    }

    pub(super) fn placed(&self) {
        let n = self.placed.fetch_add(1, Ordering::Relaxed) + 1;
        self.write(&format!("{n}/{} orders placed", self.orders));
    }

    pub(super) fn show(&self, audit: &Audit, undelivered: u64) {
        self.write(&format!(
            "{} paid, {} closed, {} open, {} payments not final, {} refunds arrived, {} open, {} questions, \
             {undelivered} webhooks under way",
            audit.paid,
            audit.closed,
            audit.open,
            audit.unknown,
            audit.refunds.succeeded,
            audit.refunds.open,
            audit.parked
        ));
    }

    pub(super) fn end(&self) {
        if self.terminal {
            eprintln!();
        }
    }
}
