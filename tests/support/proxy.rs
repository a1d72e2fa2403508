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
mod tests {
    use super::*;
    use crate::until;

    const WITHIN: Duration = Duration::from_secs(20);
    /// Long enough for a round trip on loopback; longer only makes these tests slower.
    const NOTHING_COMES: Duration = Duration::from_millis(200);

    /// A proxy before a server that says everything again.
    async fn before_an_echo() -> Proxy {
        let echo = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Proxy::start();
        proxy.leads_to(echo.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = echo.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = socket.split();
                    tokio::io::copy(&mut from, &mut to).await
                });
            }
        });
        proxy
    }

    /// A connection that has carried something already.
    async fn connected(proxy: &Proxy) -> TcpStream {
        let connect = || async { TcpStream::connect(("127.0.0.1", proxy.port())).await.ok() };
        let mut socket = until("a connection", WITHIN, connect).await;
        socket.write_all(b"ping").await.unwrap();
        assert_eq!(answer(&mut socket).await.unwrap(), *b"ping");
        socket
    }

    async fn answer(socket: &mut TcpStream) -> io::Result<[u8; 4]> {
        let mut bytes = [0; 4];
        socket.read_exact(&mut bytes).await.map(|_| bytes)
    }

    async fn silent(socket: &TcpStream) -> bool {
        tokio::time::timeout(NOTHING_COMES, socket.peek(&mut [0])).await.is_err()
    }

    async fn under_way(proxy: &Proxy, trouble: Trouble, begun: impl Fn(&Weather) -> bool) -> impl Future {
        let (other, mut weather) = (proxy.clone(), proxy.0.weather.subscribe());
        let task = tokio::spawn(async move { other.trouble(trouble).await });
        weather.wait_for(begun).await.unwrap();
        task
    }

    #[tokio::test]
    async fn a_cut_resets_what_there_is_and_nothing_else() {
        let proxy = before_an_echo().await;
        let mut old = connected(&proxy).await;
        proxy.trouble(Trouble::Cut).await;
        assert_eq!(answer(&mut old).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        connected(&proxy).await;
        assert_eq!(proxy.broken(), 1);
    }

    #[tokio::test]
    async fn while_it_refuses_nobody_can_connect() {
        let proxy = before_an_echo().await;
        let mut old = connected(&proxy).await;
        let over = under_way(&proxy, Trouble::Refuse(Duration::from_millis(500)), |w| w.refusing).await;
        assert_eq!(answer(&mut old).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        let refused = || async {
            let error = TcpStream::connect(("127.0.0.1", proxy.port())).await.err()?;
            (error.kind() == io::ErrorKind::ConnectionRefused).then_some(())
        };
        until("refusal", WITHIN, refused).await;
        over.await;
        connected(&proxy).await;
    }

    #[tokio::test]
    async fn a_stall_holds_everything_back_and_loses_nothing() {
        let proxy = before_an_echo().await;
        let mut old = connected(&proxy).await;
        let over = under_way(&proxy, Trouble::Stall(NOTHING_COMES * 5), |w| w.still).await;
        old.write_all(b"late").await.unwrap();
        assert!(silent(&old).await);
        over.await;
        assert_eq!(answer(&mut old).await.unwrap(), *b"late");
        assert_eq!(proxy.broken(), 0);
    }

    #[tokio::test]
    async fn a_half_open_connection_is_silent_while_new_ones_work_and_is_reset_at_last() {
        let proxy = before_an_echo().await;
        let mut old = connected(&proxy).await;
        let over = under_way(&proxy, Trouble::HalfOpen(NOTHING_COMES * 5), |w| w.mute_below > 0).await;
        old.write_all(b"lost").await.unwrap();
        assert!(silent(&old).await);
        connected(&proxy).await;
        over.await;
        assert_eq!(answer(&mut old).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    }
}
