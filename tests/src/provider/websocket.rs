//! Upgrades at the provider: accepted as RFC 6455 asks. A test may speak on the WebSocket itself; otherwise every byte
//! is sent back as it came, whatever the protocol.
//! Knows the handshake. Does not know frames.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine as _;
use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc::UnboundedReceiver;

use super::body::Outgoing;
use super::script::{Content, Script};
use super::seen::{Answer, Record};

/// Appended to the client's key before hashing (RFC 6455, section 1.3).
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

pub(super) fn wanted(request: &Request<Incoming>) -> bool {
    request.headers().contains_key(UPGRADE)
}

pub(super) fn accept(
    record: &Record,
    call: usize,
    request: Request<Incoming>,
    script: Option<Script>,
) -> Response<Outgoing> {
    record.edit_call(call, |c| c.whole = Some(true));
    let field = |name| request.headers().get(name).cloned();
    let (key, protocol) = (field(SEC_WEBSOCKET_KEY), field(UPGRADE));
    let mut response = Response::new(Outgoing::sized(Bytes::new(), record.clone(), call));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    let mut messages = None;
    if let Some(Script { headers: own, content: Content::Socket(socket), .. }) = script {
        *headers = own;
        messages = Some(socket);
    }
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.extend(protocol.map(|protocol| (UPGRADE, protocol)));
    if let Some(key) = key {
        let accept = HeaderValue::from_str(&accept_key(key.as_bytes())).expect("base64 is a header value");
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
    let record = record.clone();
    tokio::spawn(async move {
        let Ok(upgraded) = hyper::upgrade::on(request).await else { return };
        let (mut reader, mut writer) = tokio::io::split(TokioIo::new(upgraded));
        // Either side may end the conversation in any way; the record shows it.
        match messages {
            Some(messages) => converse(&record, call, reader, writer, messages).await,
            None => {
                let _ = tokio::io::copy(&mut reader, &mut writer).await;
                let _ = writer.shutdown().await;
            }
        }
    });
    response
}

/// Sends what the test says and records what the application says, until both have ended.
async fn converse(
    record: &Record,
    call: usize,
    mut reader: impl AsyncRead + Unpin,
    mut writer: impl AsyncWrite + Unpin,
    mut messages: UnboundedReceiver<Bytes>,
) {
    let hear = async {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(read @ 1..) = reader.read(&mut buffer).await {
            record.edit_call(call, |c| c.body.extend_from_slice(&buffer[..read]));
        }
        record.edit_call(call, |c| c.answer = Answer::Complete);
    };
    let say = async {
        while let Some(bytes) = messages.recv().await {
            if writer.write_all(&bytes).await.is_err() || writer.flush().await.is_err() {
                return;
            }
        }
        let _ = writer.shutdown().await;
    };
    tokio::join!(hear, say);
}

/// What a server answers to a client's `Sec-WebSocket-Key`.
#[must_use]
pub fn accept_key(key: &[u8]) -> String {
    let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, &[key, GUID.as_bytes()].concat());
    base64::engine::general_purpose::STANDARD.encode(hash)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_accept_key_is_that_of_the_rfc() {
        assert_eq!(super::accept_key(b"dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}
