//! The proxy against a server that says everything again.

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
