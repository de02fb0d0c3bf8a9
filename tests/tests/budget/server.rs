//! A Redis server, and TLS in front of it. Knows how Debian starts one; does not know what is kept in it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use interceptor_tests::netns::Namespace;
use rustls::ServerConfig;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// The server goes by the name that it is called by; Debian has this one in a package that starts no service.
pub(crate) const PROGRAM: &str = "/usr/bin/redis-check-rdb";

/// A running server on the port 6379 of its namespace.
pub(crate) struct Server {
    namespace: Namespace,
    child: Child,
}

impl Server {
    pub(crate) fn start(namespace: &Namespace) -> Self {
        Self { namespace: namespace.clone(), child: spawn(namespace) }
    }

    /// Nothing is kept over its end.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn start_again(&mut self) {
        self.child = spawn(&self.namespace);
    }

    /// Asks for a password from now on, and returns it.
    pub(crate) fn require_password(&self) -> String {
        let secret = ["not", "a", "secret"].join("-");
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, 6379)).unwrap();
        stream.write_all(format!("CONFIG SET requirepass {secret}\r\n").as_bytes()).unwrap();
        let mut answer = [0; 5];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"+OK\r\n");
        secret
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have been killed already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(namespace: &Namespace) -> Child {
    let mut command = namespace.command(PROGRAM);
    // The namespace has no way out, and daemons may come from other ones.
    command.arg0("redis-server").args(["--port", "6379", "--bind", "0.0.0.0", "--protected-mode", "no"]);
    command.args(["--save", ""]);
    command.args(["--appendonly", "no", "--daemonize", "no", "--dir", "/"]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let ready = lines.any(|line| line.unwrap().contains("Ready to accept connections"));
    assert!(ready, "the server ended before it was ready");
    // Whoever does not read on lets it block on a full pipe.
    std::thread::spawn(move || lines.for_each(drop));
    child
}

/// TLS in front of the server.
pub(crate) struct Front {
    port: u16,
    met: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Front {
    pub(crate) async fn start(leaf: Arc<CertifiedKey>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let resolver = Arc::new(SingleCertAndKey::from(leaf));
        let config = config.unwrap().with_no_client_auth().with_cert_resolver(resolver);
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let met = Arc::new(AtomicUsize::new(0));
        let count = met.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    // Clients that do not trust the certificate end here.
                    let Ok(mut stream) = acceptor.accept(stream).await else { return };
                    let server = tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, 6379));
                    let _ = tokio::io::copy_bidirectional(&mut stream, &mut server.await.unwrap()).await;
                });
            }
        });
        Self { port, met, task }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// How many connections there were.
    pub(crate) fn met(&self) -> usize {
        self.met.load(Ordering::Relaxed)
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.task.abort();
    }
}
