//! The handshake with the application, and what its failure says about the application's trust.
//! Knows alerts and deadlines. Does not know what a rejection means for policy.

use std::io;
use std::sync::Arc;

use rustls::server::UnbufferedServerConnection;
use rustls::{AlertDescription, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout_at};

use crate::tls::stream::Stream;

/// The encrypted connection with an application.
pub type ServerStream<T> = Stream<UnbufferedServerConnection, T>;

/// The application did not complete the handshake.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// It refused the certificate, or an alert says that it could not go on.
    #[error("the application refused the handshake: {0}")]
    Rejected(Rejection),
    /// It closed the connection in the middle of the handshake. Some clients do so instead of sending
    /// `unknown_ca`.
    #[error("the application closed the connection during the handshake")]
    Closed(#[source] io::Error),
    /// It offers nothing that this side can do, or breaks the protocol.
    #[error("no handshake is possible with the application")]
    Protocol(#[source] rustls::Error),
    /// It was too slow.
    #[error("the application did not complete the handshake in time")]
    TimedOut,
    /// The connection failed.
    #[error("the connection to the application failed")]
    Io(#[source] io::Error),
}

/// The alert that the application sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rejection {
    /// `unknown_ca`: it does not trust the authority.
    UnknownCa,
    /// `bad_certificate`: what clients that pin a certificate send, and some that do not trust.
    BadCertificate,
    /// `certificate_expired`
    Expired,
    /// `certificate_unknown`: Java sends it for everything.
    CertificateUnknown,
    /// Another alert.
    Other(u8),
}

impl Rejection {
    /// Whether the application objects to the certificate rather than to the protocol.
    pub fn is_about_trust(self) -> bool {
        !matches!(self, Self::Other(_))
    }

    fn of(alert: AlertDescription) -> Self {
        match alert {
            AlertDescription::UnknownCA => Self::UnknownCa,
            AlertDescription::BadCertificate => Self::BadCertificate,
            AlertDescription::CertificateExpired => Self::Expired,
            AlertDescription::CertificateUnknown => Self::CertificateUnknown,
            other => Self::Other(other.into()),
        }
    }
}

impl std::fmt::Display for Rejection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::UnknownCa => f.write_str("unknown_ca"),
            Self::BadCertificate => f.write_str("bad_certificate"),
            Self::Expired => f.write_str("certificate_expired"),
            Self::CertificateUnknown => f.write_str("certificate_unknown"),
            Self::Other(alert) => write!(f, "alert {alert}"),
        }
    }
}

/// Does the handshake on `io`, which begins with the ClientHello.
pub async fn accept<T>(
    config: Arc<ServerConfig>,
    io: T,
    deadline: Instant,
) -> Result<ServerStream<T>, AcceptError>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let session = UnbufferedServerConnection::new(config).map_err(AcceptError::Protocol)?;
    match timeout_at(deadline, Stream::handshake(io, session)).await {
        Err(_) => Err(AcceptError::TimedOut),
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(classify(error)),
    }
}

fn classify(error: io::Error) -> AcceptError {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::AlertReceived(alert)) => AcceptError::Rejected(Rejection::of(*alert)),
        Some(tls) => AcceptError::Protocol(tls.clone()),
        None if matches!(
            error.kind(),
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
        ) =>
        {
            AcceptError::Closed(error)
        }
        None => AcceptError::Io(error),
    }
}
