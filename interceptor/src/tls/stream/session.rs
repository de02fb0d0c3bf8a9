//! One step of rustls' state machine, the same for both sides.
//! Knows rustls' unbuffered states. Does not know sockets.

use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, UnbufferedStatus, WriteTraffic};
use rustls::{CommonState, Error};
use tokio::io::ReadBuf;

/// Either side of a connection. Only rustls' two kinds are.
pub trait Session: private::Sealed + Unpin {
    /// What was negotiated.
    fn common(&self) -> &CommonState;

    /// Runs until something happens. Returns how many bytes of `incoming` are used up, and what happened.
    fn step(&mut self, incoming: &mut [u8], sink: &mut Sink<'_, '_>) -> (usize, Result<Next, Error>);
}

mod private {
    pub trait Sealed {}
    impl Sealed for rustls::client::UnbufferedClientConnection {}
    impl Sealed for rustls::server::UnbufferedServerConnection {}
}

/// What is to be encrypted.
#[derive(Clone, Copy)]
pub enum Write<'a> {
    /// Plaintext.
    Data(&'a [u8]),
    /// The notice that no more will come.
    Close,
}

/// Where a step puts what it makes.
pub struct Sink<'a, 'b> {
    /// Who asked for plaintext, if anybody did.
    pub reader: Option<&'a mut ReadBuf<'b>>,
    /// Plaintext that does not fit there.
    pub plain: &'a mut Vec<u8>,
    /// Messages of the session itself.
    pub outgoing: &'a mut Vec<u8>,
    /// The ciphertext of `write`.
    pub sealed: &'a mut [u8],
    /// What is to be encrypted once that is possible.
    pub write: Option<Write<'a>>,
}

/// What a step came to.
pub enum Next {
    /// There is more to do.
    Again,
    /// Nothing is left to do without more ciphertext.
    NeedsInput,
    /// The data was encrypted into so many bytes.
    Sealed(usize),
    /// The peer will send no more.
    PeerClosed,
}

impl Session for UnbufferedClientConnection {
    fn common(&self) -> &CommonState {
        self
    }

    fn step(&mut self, incoming: &mut [u8], sink: &mut Sink<'_, '_>) -> (usize, Result<Next, Error>) {
        let status: UnbufferedStatus<'_, '_, ClientConnectionData> = self.process_tls_records(incoming);
        handle(status, sink)
    }
}

impl Session for UnbufferedServerConnection {
    fn common(&self) -> &CommonState {
        self
    }

    fn step(&mut self, incoming: &mut [u8], sink: &mut Sink<'_, '_>) -> (usize, Result<Next, Error>) {
        let status: UnbufferedStatus<'_, '_, ServerConnectionData> = self.process_tls_records(incoming);
        handle(status, sink)
    }
}

fn handle<D>(status: UnbufferedStatus<'_, '_, D>, sink: &mut Sink<'_, '_>) -> (usize, Result<Next, Error>) {
    let mut discard = status.discard;
    let next = match status.state {
        Err(error) => Err(error),
        Ok(ConnectionState::ReadTraffic(mut traffic)) => {
            let mut failed = None;
            while let Some(record) = traffic.next_record() {
                match record {
                    Ok(record) => {
                        discard += record.discard;
                        sink.deliver(record.payload);
                    }
                    Err(error) => failed = Some(error),
                }
            }
            failed.map_or(Ok(Next::Again), Err)
        }
        Ok(ConnectionState::EncodeTlsData(mut message)) => {
            let outgoing = &mut *sink.outgoing;
            let before = outgoing.len();
            let written = match message.encode(&mut []) {
                // Asking with no room is how the size is found out.
                Err(EncodeError::InsufficientSize(size)) => {
                    outgoing.resize(before + size.required_size, 0);
                    message.encode(&mut outgoing[before..]).unwrap_or(0)
                }
                Ok(written) => written,
                Err(EncodeError::AlreadyEncoded) => 0,
            };
            outgoing.truncate(before + written);
            Ok(Next::Again)
        }
        // What was encoded lies in `outgoing`, in order; sending it is the stream's business.
        Ok(ConnectionState::TransmitTlsData(transmit)) => {
            transmit.done();
            Ok(Next::Again)
        }
        Ok(ConnectionState::WriteTraffic(traffic)) => sink.seal(traffic),
        Ok(ConnectionState::PeerClosed) => Ok(Next::PeerClosed),
        Ok(ConnectionState::BlockedHandshake | ConnectionState::Closed) => Ok(Next::NeedsInput),
        // Early data is refused by configuration, and later versions may add states.
        Ok(_) => Err(Error::General("an unexpected state of the TLS session".to_owned())),
    };
    (discard, next)
}

impl Sink<'_, '_> {
    fn deliver(&mut self, payload: &[u8]) {
        let direct = match &mut self.reader {
            // What was left over before comes first.
            Some(reader) if self.plain.is_empty() => {
                let len = payload.len().min(reader.remaining());
                reader.put_slice(&payload[..len]);
                len
            }
            _ => 0,
        };
        self.plain.extend_from_slice(&payload[direct..]);
    }

    fn seal<D>(&mut self, mut traffic: WriteTraffic<'_, D>) -> Result<Next, Error> {
        let result = match self.write {
            None => return Ok(Next::NeedsInput),
            Some(Write::Data(data)) => traffic.encrypt(data, self.sealed),
            Some(Write::Close) => traffic.queue_close_notify(self.sealed),
        };
        match result {
            Ok(len) => Ok(Next::Sealed(len)),
            Err(EncryptError::EncryptExhausted) => Err(Error::EncryptError),
            Err(EncryptError::InsufficientSize(_)) => {
                Err(Error::General("a TLS record is larger than its bound".to_owned()))
            }
        }
    }
}
