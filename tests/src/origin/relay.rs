//! A TCP relay that reads nothing it carries: the floor below which no user-space proxy can go.
//! Knows sockets only.

use std::net::SocketAddr;

use anyhow::Context as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{LocalSet, spawn_local};

/// Carries connections until killed. Each route is a listening address and the address that its connections go
/// to. Prints one JSON line when every address listens.
///
/// # Errors
/// An address that cannot be bound.
pub fn serve(routes: &[(SocketAddr, SocketAddr)]) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let mut addresses = Vec::new();
        for &(from, to) in routes {
            let socket = TcpListener::bind(from).await.with_context(|| format!("bind {from}"))?;
            addresses.push(socket.local_addr()?.to_string());
            spawn_local(async move {
                while let Ok((client, _)) = socket.accept().await {
                    spawn_local(carry(client, to));
                }
            });
        }
        println!("{}", serde_json::json!({"event": "ready", "listening": addresses}));
        std::future::pending().await
    })
}

async fn carry(mut client: TcpStream, to: SocketAddr) -> std::io::Result<()> {
    let mut origin = TcpStream::connect(to).await?;
    client.set_nodelay(true)?;
    origin.set_nodelay(true)?;
    tokio::io::copy_bidirectional(&mut client, &mut origin).await.map(|_| ())
}
