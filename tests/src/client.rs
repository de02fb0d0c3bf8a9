//! A client that decides about every byte: TLS by rustls over a socket it is given, HTTP/1.1 written and read by hand.
//! Knows framing well enough to read an answer exactly as it came. Does not know namespaces or APIs.

use std::io;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

pub use tokio_rustls::client::TlsStream;

use crate::pki::crypto;
use crate::within;

/// A TLS configuration that trusts the certificates of `pem` and offers `alpn`.
pub fn trusting(pem: &str, alpn: &[&str]) -> Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        roots.add(certificate.map_err(|e| anyhow::anyhow!("a PEM certificate: {e:?}"))?)?;
    }
    let mut config = ClientConfig::builder_with_provider(crypto())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|p| p.as_bytes().to_vec()).collect();
    Ok(Arc::new(config))
}

/// The same for HTTP/1.1, but the hello will name nobody.
pub fn nameless(pem: &str) -> Result<Arc<ClientConfig>> {
    let mut config = ClientConfig::clone(&*trusting(pem, &["http/1.1"])?);
    config.enable_sni = false;
    Ok(Arc::new(config))
}

/// Shakes hands as a client that wants `name`. The inner error is what the client's TLS library said.
pub async fn handshake(
    stream: TcpStream,
    name: &str,
    config: &Arc<ClientConfig>,
) -> Result<io::Result<TlsStream<TcpStream>>> {
    let name = ServerName::try_from(name.to_owned())?;
    within("the TLS handshake", TlsConnector::from(config.clone()).connect(name, stream)).await
}

/// The head of an answer.
#[derive(Clone, Debug)]
pub struct Head {
    /// Every byte up to and with the empty line.
    pub raw: Vec<u8>,
    /// The status code.
    pub status: u16,
    /// Names in lower case, in order.
    pub headers: Vec<(String, String)>,
}

impl Head {
    /// The first value of a header, by lower-case name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    fn parse(raw: Vec<u8>) -> Result<Self> {
        let text = std::str::from_utf8(&raw).context("an answer's head is not UTF-8")?;
        let mut lines = text.trim_end_matches("\r\n").split("\r\n");
        let status = lines.next().unwrap_or_default();
        let status = status.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.with_context(|| format!("no status in {text:?}"))?;
        let mut headers = Vec::new();
        for line in lines {
            let (name, value) = line.split_once(':').with_context(|| format!("header line {line:?}"))?;
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        Ok(Self { status, headers, raw: raw.clone() })
    }
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Status and headers.
    pub head: Head,
    /// The body without its framing; content codings are not undone.
    pub body: Vec<u8>,
    /// Trailers of a chunked body, names in lower case.
    pub trailers: Vec<(String, String)>,
}

impl Answer {
    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> Result<serde_json::Value> {
        serde_json::from_slice(&self.body).with_context(|| format!("not JSON: {}", self.text()))
    }
}

/// An HTTP/1.1 connection in the test's hands.
pub struct Wire<S> {
    stream: S,
    /// Read, but not yet asked for.
    buffer: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    /// Takes a stream over.
    pub fn new(stream: S) -> Self {
        Self { stream, buffer: Vec::new() }
    }

    /// Gives the stream back.
    ///
    /// # Panics
    /// If more was read than was asked for: it would be lost.
    pub fn into_stream(self) -> S {
        assert!(self.buffer.is_empty(), "{} bytes nobody asked for", self.buffer.len());
        self.stream
    }

    /// The stream itself.
    pub fn stream(&self) -> &S {
        &self.stream
    }

    /// Sends exactly these bytes.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> Result<()> {
        within("room to send", self.stream.write_all(bytes.as_ref())).await??;
        Ok(within("the bytes to leave", self.stream.flush()).await??)
    }

    /// Ends this direction and leaves the other open.
    pub async fn finish(&mut self) -> Result<()> {
        Ok(within("this direction to end", self.stream.shutdown()).await??)
    }

    /// Sends a request with a body of known length, and reads the whole answer.
    pub async fn call(&mut self, head: &str, body: impl AsRef<[u8]>) -> Result<Answer> {
        self.send([request(head, body.as_ref().len()).as_bytes(), body.as_ref()].concat()).await?;
        self.answer().await
    }

    /// Reads a whole answer; interim ones (1xx) are passed over.
    pub async fn answer(&mut self) -> Result<Answer> {
        let mut head = self.head().await?;
        while (100..200).contains(&head.status) && head.status != 101 {
            head = self.head().await?;
        }
        let (mut body, mut trailers) = (Vec::new(), Vec::new());
        if head.header("transfer-encoding").is_some_and(|te| te.eq_ignore_ascii_case("chunked")) {
            while let Some(chunk) = self.chunk(&mut trailers).await? {
                body.extend_from_slice(&chunk);
            }
        } else if let Some(length) = head.header("content-length") {
            body = self.exactly(length.parse()?).await?;
        } else if !matches!(head.status, 101 | 204 | 304) {
            body = self.rest().await?;
        }
        Ok(Answer { head, body, trailers })
    }

    /// Reads the next head.
    pub async fn head(&mut self) -> Result<Head> {
        let end = self.head_end().await?;
        Head::parse(self.buffer.drain(..end).collect())
    }

    /// Reads until a head is whole, and returns its length.
    async fn head_end(&mut self) -> Result<usize> {
        loop {
            if let Some(at) = self.buffer.windows(4).position(|w| w == b"\r\n\r\n") {
                return Ok(at + 4);
            }
            if !self.more().await.context("while a head was expected")? {
                let sofar = String::from_utf8_lossy(&self.buffer).into_owned();
                bail!("the connection ended where a head was expected, after {sofar:?}");
            }
        }
    }

    /// Reads the next request's head, where the test plays the server.
    pub async fn head_of_request(&mut self) -> Result<String> {
        let end = self.head_end().await?;
        String::from_utf8(self.buffer.drain(..end).collect()).context("a request's head is not UTF-8")
    }

    /// Reads one chunk of a chunked body; `None` is its end, with the trailers added to `trailers`.
    pub async fn chunk(&mut self, trailers: &mut Vec<(String, String)>) -> Result<Option<Vec<u8>>> {
        let line = self.line().await?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).with_context(|| format!("chunk size {line:?}"))?;
        if size > 0 {
            let data = self.exactly(size).await?;
            ensure!(self.line().await?.is_empty(), "a chunk does not end where its size says");
            return Ok(Some(data));
        }
        loop {
            let line = self.line().await?;
            let Some((name, value)) = line.split_once(':') else { return Ok(None) };
            trailers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }

    /// Reads exactly `length` bytes.
    pub async fn exactly(&mut self, length: usize) -> Result<Vec<u8>> {
        while self.buffer.len() < length {
            let have = self.buffer.len();
            ensure!(self.more().await?, "the connection ended after {have} of {length} bytes");
        }
        Ok(self.buffer.drain(..length).collect())
    }

    /// Reads until the other side ends its direction cleanly.
    pub async fn rest(&mut self) -> Result<Vec<u8>> {
        while self.more().await? {}
        Ok(std::mem::take(&mut self.buffer))
    }

    /// How the connection ends: everything still to come, and the error if it ends with one.
    pub async fn end(&mut self) -> Result<(Vec<u8>, Option<io::Error>)> {
        loop {
            match within("the end of the connection", self.stream.read_buf(&mut self.buffer)).await? {
                Ok(0) => return Ok((std::mem::take(&mut self.buffer), None)),
                Ok(_) => {}
                Err(error) => return Ok((std::mem::take(&mut self.buffer), Some(error))),
            }
        }
    }

    async fn line(&mut self) -> Result<String> {
        loop {
            if let Some(at) = self.buffer.windows(2).position(|w| w == b"\r\n") {
                let line = self.buffer.drain(..at + 2).take(at).collect();
                return String::from_utf8(line).context("a line of framing is not UTF-8");
            }
            ensure!(self.more().await?, "the connection ended within a line of framing");
        }
    }

    /// Reads once. False at the end.
    async fn more(&mut self) -> Result<bool> {
        Ok(within("more bytes", self.stream.read_buf(&mut self.buffer)).await?? > 0)
    }
}

/// Completes a request head: `head` is the request line and headers without the final empty line, separated by
/// CRLF; the length is added.
#[must_use]
pub fn request(head: &str, length: usize) -> String {
    format!("{head}\r\ncontent-length: {length}\r\n\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(bytes: &'static [u8]) -> Result<Answer> {
        let (ours, mut theirs) = tokio::io::duplex(64);
        let writer = async move {
            theirs.write_all(bytes).await.unwrap();
        };
        let mut wire = Wire::new(ours);
        let (answer, ()) = tokio::join!(wire.answer(), writer);
        answer
    }

    #[tokio::test]
    async fn a_chunked_answer_with_trailers_is_read_as_framed() {
        let answer = read(
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
              3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-Sum: 5\r\n\r\n",
        );
        let answer = answer.await.unwrap();
        assert_eq!((answer.head.status, answer.text()), (200, "abcde".to_owned()));
        assert_eq!(answer.trailers, [("x-sum".to_owned(), "5".to_owned())]);
    }

    #[tokio::test]
    async fn a_sized_answer_that_is_cut_off_is_an_error() {
        let error = read(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc").await.unwrap_err();
        assert!(error.to_string().contains("after 3 of 9 bytes"), "{error:#}");
    }

    #[tokio::test]
    async fn a_chunk_longer_than_its_size_is_an_error() {
        let answer = read(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n");
        assert!(answer.await.is_err());
    }
}
