//! A TCP proxy with bad weather: it knows how connections are cut, refused, stalled and left half-open,
//! and must never look at what they carry.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex as Slot, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, watch};

use crate::free_port;

/// Between two tries to listen again.
const LISTEN_AGAIN: Duration = Duration::from_millis(10);

/// What happens to the connections.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trouble {
    /// All are reset (RST).
    Cut,
    /// All are reset, and for so long new ones are refused.
    Refuse(Duration),
    /// For so long nothing gets through, on old ones and new ones; then everything goes on.
    Stall(Duration),
    /// Nothing gets through on those that there are, although neither side is told; new ones work. After
    /// so long the old ones are reset.
    HalfOpen(Duration),
}

/// What holds at the moment. Connections are numbered in the order in which they came.
#[derive(Clone, Copy, Default, Debug)]
struct Weather {
    /// Those below are reset.
    cut_below: u64,
    /// On those below nothing gets through any more.
    mute_below: u64,
    still: bool,
    refusing: bool,
}

impl Weather {
    fn lets_through(&self, number: u64) -> bool {
        !self.still && number >= self.mute_below
    }
}

#[derive(Debug)]
struct Inner {
    port: u16,
    target: Slot<Option<SocketAddr>>,
    weather: watch::Sender<Weather>,
    next: AtomicU64,
    broken: AtomicU64,
    /// One trouble at a time.
    turn: Mutex<()>,
}

/// A proxy on loopback. It lives as long as the runtime that started it.
#[derive(Clone, Debug)]
pub struct Proxy(Arc<Inner>);

impl Proxy {
    /// Listens on a free port. Until a target is named, connections are closed as they come.
    pub fn start() -> Self {
        let proxy = Self(Arc::new(Inner {
            port: free_port(),
            target: Slot::default(),
            weather: watch::Sender::new(Weather::default()),
            next: AtomicU64::new(1),
            broken: AtomicU64::new(0),
            turn: Mutex::default(),
        }));
        tokio::spawn(listen(proxy.0.clone()));
        proxy
    }

    /// Where connections go from now on.
    pub fn leads_to(&self, target: SocketAddr) {
        *self.0.target.lock().unwrap_or_else(PoisonError::into_inner) = Some(target);
    }

    /// Its port of loopback.
    pub fn port(&self) -> u16 {
        self.0.port
    }

    /// How many connections its troubles have broken.
    pub fn broken(&self) -> u64 {
        self.0.broken.load(Ordering::SeqCst)
    }

    /// Makes trouble and waits until it is over. A second one waits its turn.
    pub async fn trouble(&self, trouble: Trouble) {
        let _turn = self.0.turn.lock().await;
        let change = |how: &dyn Fn(&mut Weather)| self.0.weather.send_modify(how);
        let those_now = self.0.next.load(Ordering::SeqCst);
        match trouble {
            Trouble::Cut => change(&|w| w.cut_below = those_now),
            Trouble::Refuse(time) => {
                change(&|w| (w.cut_below, w.refusing) = (those_now, true));
                tokio::time::sleep(time).await;
                change(&|w| w.refusing = false);
            }
            Trouble::Stall(time) => {
                change(&|w| w.still = true);
                tokio::time::sleep(time).await;
                change(&|w| w.still = false);
            }
            Trouble::HalfOpen(time) => {
                change(&|w| w.mute_below = those_now);
                tokio::time::sleep(time).await;
                change(&|w| w.cut_below = those_now);
            }
        }
    }
}

async fn listen(inner: Arc<Inner>) {
    let mut weather = inner.weather.subscribe();
    loop {
        let Ok(listener) = TcpListener::bind(("127.0.0.1", inner.port)).await else {
            tokio::time::sleep(LISTEN_AGAIN).await;
            continue;
        };
        loop {
            tokio::select! {
                accepted = listener.accept() => if let Ok((client, _)) = accepted {
                    let number = inner.next.fetch_add(1, Ordering::SeqCst);
                    tokio::spawn(carry(inner.clone(), number, client));
                },
                _ = weather.wait_for(|w| w.refusing) => break,
            }
        }
        drop(listener);
        if weather.wait_for(|w| !w.refusing).await.is_err() {
            return;
        }
    }
}

/// Carries one connection until both sides have ended it, one side broke it, or it is cut.
async fn carry(inner: Arc<Inner>, number: u64, mut client: TcpStream) {
    let target = *inner.target.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(target) = target else { return };
    let Ok(mut server) = TcpStream::connect(target).await else {
        // Accepted by us and refused behind us: for the client the connection breaks at once.
        let _ = client.set_zero_linger();
        return;
    };
    let (_, _) = (client.set_nodelay(true), server.set_nodelay(true));
    let mut weather = inner.weather.subscribe();
    let whole = {
        let ((from_client, to_client), (from_server, to_server)) = (client.split(), server.split());
        let there = pour(number, from_client, to_server, inner.weather.subscribe());
        let back = pour(number, from_server, to_client, inner.weather.subscribe());
        tokio::select! {
            carried = async { tokio::try_join!(there, back) } => carried.is_ok(),
            _ = weather.wait_for(|w| number < w.cut_below) => {
                inner.broken.fetch_add(1, Ordering::SeqCst);
                false
            }
        }
    };
    if !whole {
        // Closing with unsent data thrown away is a reset.
        let (_, _) = (client.set_zero_linger(), server.set_zero_linger());
    }
}

/// One direction, up to its end, which is passed on.
async fn pour(
    number: u64,
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut weather: watch::Receiver<Weather>,
) -> io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let read = from.read(&mut buffer).await?;
        if weather.wait_for(|w| w.lets_through(number)).await.is_err() {
            return Ok(());
        }
        match buffer.get(..read) {
            Some(bytes) if !bytes.is_empty() => to.write_all(bytes).await?,
            _ => return to.shutdown().await,
        }
    }
}

#[cfg(test)]
mod tests;
