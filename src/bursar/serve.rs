//! Long-running processes: it knows what runs in which and in which order they stop.

use std::net::SocketAddr;

use anyhow::Context as _;
use bursar_worker::Worker;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::compose::{self, Program};
use crate::shutdown;

/// Which parts a process runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Parts {
    /// Gateway and workers.
    All,
    /// The gateway alone.
    Gateway,
    /// The workers alone.
    Workers,
}

/// A running process.
#[derive(Debug)]
pub struct Running {
    /// Where the gateway listens.
    pub address: Option<SocketAddr>,
    program: Program,
    worker: Option<Worker>,
    gateway: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

/// Starts `parts`. The gateway (or, for workers alone, health and metrics) is on `listener` when one is
/// given; a gateway without one listens where the configuration says.
///
/// # Errors
/// When the address cannot be used or the configuration is wrong.
pub async fn start(program: Program, parts: Parts, listener: Option<TcpListener>) -> anyhow::Result<Running> {
    let worker = match parts {
        Parts::Gateway => {
            if let Some(url) = compose::worker_settings(&program.config)?.redis_url {
                bursar_worker::announce(&program.desk.gatherer, &url).map_err(anyhow::Error::msg)?;
            }
            None
        }
        Parts::All | Parts::Workers => {
            let settings = compose::worker_settings(&program.config)?;
            let started = bursar_worker::start(compose::jobs(&program)?, &settings).await;
            Some(started.map_err(anyhow::Error::msg)?)
        }
    };
    let mut running = Running { address: None, program, worker, gateway: None };
    if parts != Parts::Workers {
        let listener = match listener {
            Some(listener) => listener,
            None => bind(&running.program.config.text("gateway.listen")).await?,
        };
        running.open_gateway(listener)?;
    } else if let Some(listener) = listener {
        let workers = running.worker.as_ref().map(|w| w.metrics.clone());
        running.listen(listener, bursar_gateway::serve::worker_router(compose::metrics(workers)))?;
    }
    Ok(running)
}

/// Listens on `address`.
///
/// # Errors
/// A sentence that says what to do when the address is taken or wrong.
pub async fn bind(address: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address}: is another program using it? Set gateway.listen (BURSAR__GATEWAY__LISTEN) to another address")
    })
}

impl Running {
    fn open_gateway(&mut self, listener: TcpListener) -> anyhow::Result<()> {
        let workers = self.worker.as_ref().map(|w| w.metrics.clone());
        let router = bursar_gateway::router(compose::gateway(&self.program, workers)?);
        self.listen(listener, router)
    }

    fn listen(&mut self, listener: TcpListener, router: bursar_gateway::Router) -> anyhow::Result<()> {
        self.address = Some(listener.local_addr()?);
        let (stop, stopped) = oneshot::channel::<()>();
        let ended = async {
            let _ = stopped.await;
        };
        let serving = async move {
            if let Err(error) = bursar_gateway::serve::serve(listener, router, ended).await {
                tracing::error!(%error, "the gateway ended");
            }
        };
        self.gateway = Some((stop, tokio::spawn(serving)));
        Ok(())
    }

    /// Runs until the process is asked to stop, then stops.
    pub async fn until_stopped(self) {
        shutdown::requested().await;
        self.stop().await;
    }

    /// Stops: the gateway takes no more requests, the workers finish or give back, everything is
    /// written.
    pub async fn stop(self) {
        if let Some((stop, gateway)) = self.gateway {
            let _ = stop.send(());
            // Clients that keep connections open are not waited for longer than this.
            let _ = tokio::time::timeout(std::time::Duration::from_secs(3), gateway).await;
        }
        if let Some(worker) = self.worker {
            worker.stop().await;
        }
        self.program.desk.gatherer.flush_and_stop().await;
        self.program.store.close().await;
        tracing::info!("stopped");
    }
}
