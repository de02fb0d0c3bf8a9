//! Asks a gRPC service on a Unix socket one question after the other.
//! Knows HTTP/2 and the framing of messages. Does not know what they mean.

use std::io;
use std::path::Path;

use bytes::{BufMut as _, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Method, Request, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::TokioIo;
use prost::Message;
use tokio::net::UnixStream;
use tokio::task::JoinHandle;

/// The largest answer that is taken. One about a single container has some kilobytes.
const LARGEST: usize = 1 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum GrpcError {
    /// Nobody listens, or not for us.
    #[error("cannot connect")]
    Connect(#[source] io::Error),
    /// It does not speak HTTP/2, or broke off.
    #[error("the exchange failed")]
    Http(#[from] hyper::Error),
    /// The answer broke off, or is larger than any that is expected.
    #[error("the answer cannot be read")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The answer is not framed as a message of its own.
    #[error("the answer is not one whole message")]
    Framing,
    /// The message has another shape.
    #[error("the answer's message cannot be decoded")]
    Message(#[from] prost::DecodeError),
    /// The service says no.
    #[error("the service answers with status {0}")]
    Status(String),
}

/// An open connection to a service. Belongs to the thread that made it.
pub struct Channel {
    sender: SendRequest<Full<Bytes>>,
    driver: JoinHandle<()>,
}

/// Starts the tasks of a connection on the thread that it belongs to.
#[derive(Clone, Copy)]
struct Here;

impl<F: Future<Output: 'static> + 'static> hyper::rt::Executor<F> for Here {
    fn execute(&self, future: F) {
        tokio::task::spawn_local(future);
    }
}

impl Channel {
    /// Connects. Has to be called within a `LocalSet`.
    pub async fn open(socket: &Path) -> Result<Self, GrpcError> {
        let stream = UnixStream::connect(socket).await.map_err(GrpcError::Connect)?;
        let (sender, connection) = http2::handshake(Here, TokioIo::new(stream)).await?;
        let driver = tokio::task::spawn_local(async move {
            // Whoever waits for an answer is told of the failure there.
            let _ = connection.await;
        });
        Ok(Self { sender, driver })
    }

    /// One question, one answer.
    pub async fn ask<A: Message + Default>(
        &mut self,
        method: &str,
        question: &impl Message,
    ) -> Result<A, GrpcError> {
        self.sender.ready().await?;
        let answer = self.sender.send_request(request(method, question)).await?;
        let (head, body) = answer.into_parts();
        if !head.status.is_success() {
            return Err(GrpcError::Status(format!("HTTP {}", head.status.as_u16())));
        }
        // A service that fails at once says so in the head.
        status(&head.headers)?;
        let body = Limited::new(body, LARGEST).collect().await.map_err(GrpcError::Body)?;
        if let Some(trailers) = body.trailers() {
            status(trailers)?;
        }
        Ok(A::decode(unframe(&body.to_bytes()).ok_or(GrpcError::Framing)?)?)
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

fn request(method: &str, question: &impl Message) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(frame(question)));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = format!("http://localhost{method}").parse().expect("methods are constants of ours");
    let headers = request.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(header::TE, HeaderValue::from_static("trailers"));
    request
}

/// A message with the five bytes in front that say it is not compressed, and how long it is.
fn frame(message: &impl Message) -> Bytes {
    let length = message.encoded_len();
    let mut out = BytesMut::with_capacity(5 + length);
    out.put_u8(0);
    out.put_u32(u32::try_from(length).expect("questions are short"));
    message.encode(&mut out).expect("there is room for its length");
    out.freeze()
}

/// The message in an answer that has exactly one. A compressed one was not asked for.
pub fn unframe(answer: &[u8]) -> Option<&[u8]> {
    let (&[compressed, a, b, c, d], message) = answer.split_first_chunk::<5>()?;
    let length = u32::from_be_bytes([a, b, c, d]);
    (compressed == 0 && usize::try_from(length).is_ok_and(|length| length == message.len()))
        .then_some(message)
}

/// Says what the service's status is, if it is there and not `0`. Its message may quote what it likes: it is left out.
fn status(headers: &HeaderMap) -> Result<(), GrpcError> {
    match headers.get("grpc-status").map(HeaderValue::as_bytes) {
        None | Some(b"0") => Ok(()),
        Some(code) => Err(GrpcError::Status(String::from_utf8_lossy(code).chars().take(8).collect())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_comes_out_of_its_frame_whole_or_not_at_all() {
        let framed = frame(&"a text as a message".to_owned());
        let message = unframe(&framed).unwrap();
        assert_eq!(String::decode(message).unwrap(), "a text as a message");
        for end in 0..framed.len() {
            assert_eq!(unframe(&framed[..end]), None, "{end}");
        }
        let longer = [&framed[..], b"x"].concat();
        assert_eq!(unframe(&longer), None);
        let mut compressed = framed.to_vec();
        compressed[0] = 1;
        assert_eq!(unframe(&compressed), None);
    }

    #[test]
    fn a_status_other_than_0_is_an_error() {
        let mut headers = HeaderMap::new();
        assert!(status(&headers).is_ok());
        headers.insert("grpc-status", HeaderValue::from_static("0"));
        assert!(status(&headers).is_ok());
        headers.insert("grpc-status", HeaderValue::from_static("14"));
        assert_eq!(status(&headers).unwrap_err().to_string(), "the service answers with status 14");
    }
}
