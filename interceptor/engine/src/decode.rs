//! Content codings: decoded as the bytes arrive and within bounds, encoded again when a body was changed.
//! Knows gzip, deflate, brotli and zstd. Does not know what the bytes mean.

use std::io::{self, Write};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::{DeflateDecoder, DeflateEncoder, GzEncoder, MultiGzDecoder, ZlibDecoder, ZlibEncoder};
use zstd::stream::raw::{DParameter, InBuffer, Operation, OutBuffer};

/// A coding that can be undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// RFC 1952.
    Gzip,
    /// RFC 1950, which is what `deflate` means; bare RFC 1951 is understood too, since some send it.
    Deflate,
    /// RFC 7932.
    Brotli,
    /// RFC 8878, with windows of at most 8 MiB (RFC 9659).
    Zstd,
}

/// What a `content-encoding` header asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coded {
    /// The bytes are the body.
    Plain,
    /// They have to be decoded.
    By(Coding),
    /// A coding that is not known, or several on top of each other.
    Unknown,
}

impl Coded {
    /// Reads the header's value.
    pub fn parse(header: Option<&str>) -> Coded {
        let name = header.unwrap_or_default().trim();
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        if name.is_empty() || is("identity") {
            Coded::Plain
        } else if is("gzip") || is("x-gzip") {
            Coded::By(Coding::Gzip)
        } else if is("deflate") {
            Coded::By(Coding::Deflate)
        } else if is("br") {
            Coded::By(Coding::Brotli)
        } else if is("zstd") {
            Coded::By(Coding::Zstd)
        } else {
            Coded::Unknown
        }
    }
}

/// Why decoding stopped.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The bytes are not of the coding.
    #[error("broken {coding:?} data")]
    Broken {
        /// The coding that was announced.
        coding: Coding,
        /// What the decoder said.
        #[source]
        source: io::Error,
    },
    /// The body became larger than allowed, compared with what was received.
    #[error("decoded data beyond the ratio that is allowed")]
    Limit,
}

/// Bytes that a body may always have, whatever the ratio: small repetitive bodies compress very well.
const ALWAYS_ALLOWED: usize = 64 * 1024;

/// Compressed bytes that are decoded between two looks at the limits. Deflate grows at most 1,032 times, so
/// at most 4 MiB are produced between two looks.
const STRIDE: usize = 4 * 1024;

/// Decodes one body as it arrives.
pub struct Decoder {
    coding: Coding,
    inflate: Inflate,
    ratio: usize,
    received: usize,
    decoded: usize,
}

enum Inflate {
    /// Nothing has come yet; `deflate` is told apart by its first two bytes.
    Undecided(Vec<u8>),
    Gzip(MultiGzDecoder<Vec<u8>>),
    Zlib(ZlibDecoder<Vec<u8>>),
    Bare(DeflateDecoder<Vec<u8>>),
    Brotli(Box<brotli::DecompressorWriter<Vec<u8>>>),
    Zstd(Zstd),
}

/// Zstandard, frame after frame.
struct Zstd {
    raw: zstd::stream::raw::Decoder<'static>,
    ready: Vec<u8>,
    /// The last frame has ended.
    complete: bool,
}

/// Largest window that a sender may ask for, as a power of two: what HTTP allows, and what clients offer.
const ZSTD_WINDOW: u32 = 23;

impl Zstd {
    fn new() -> io::Result<Self> {
        let mut raw = zstd::stream::raw::Decoder::new()?;
        raw.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW))?;
        Ok(Zstd { raw, ready: Vec::new(), complete: true })
    }

    /// Decodes a piece, or as much of it as gives `most` bytes: a few bytes can stand for very many.
    fn write(&mut self, piece: &[u8], most: usize) -> io::Result<()> {
        let mut input = InBuffer::around(piece);
        let mut buffer = [0; 4 * STRIDE];
        while self.ready.len() <= most {
            let mut output = OutBuffer::around(&mut buffer[..]);
            self.complete = self.raw.run(&mut input, &mut output)? == 0;
            let written = output.as_slice();
            self.ready.extend_from_slice(written);
            if input.pos() == piece.len() && written.len() < 4 * STRIDE {
                break;
            }
        }
        Ok(())
    }
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Decoder({:?}, {} -> {})", self.coding, self.received, self.decoded)
    }
}

impl Decoder {
    /// A decoder at the beginning of a body, for at most `ratio` decoded bytes for each byte received. How much
    /// that is in all is for the caller to watch.
    pub fn new(coding: Coding, ratio: usize) -> Self {
        let inflate = match coding {
            Coding::Gzip => Inflate::Gzip(MultiGzDecoder::new(Vec::new())),
            Coding::Deflate => Inflate::Undecided(Vec::new()),
            Coding::Brotli => Inflate::Brotli(Box::new(brotli::DecompressorWriter::new(Vec::new(), STRIDE))),
            Coding::Zstd => Inflate::Zstd(Zstd::new().expect("a window that the library knows")),
        };
        Decoder { coding, inflate, ratio, received: 0, decoded: 0 }
    }

    /// Takes a chunk and gives back what it decodes to, possibly nothing.
    pub fn push(&mut self, chunk: &[u8]) -> Result<Bytes, DecodeError> {
        let mut out = Vec::new();
        for piece in chunk.chunks(STRIDE) {
            self.received += piece.len();
            self.inflate(piece)?;
            self.take(&mut out)?;
        }
        Ok(out.into())
    }

    /// The body has ended: gives back the rest. A body that ends too early is broken.
    pub fn finish(&mut self) -> Result<Bytes, DecodeError> {
        let mut out = Vec::new();
        let coding = self.coding;
        let ended = match &mut self.inflate {
            Inflate::Undecided(begun) if begun.is_empty() => Ok(()),
            Inflate::Undecided(_) => Err(io::ErrorKind::UnexpectedEof.into()),
            Inflate::Gzip(inner) => inner.try_finish(),
            Inflate::Zlib(inner) => inner.try_finish(),
            Inflate::Bare(inner) => inner.try_finish(),
            Inflate::Brotli(inner) => inner.close(),
            Inflate::Zstd(inner) if inner.complete => Ok(()),
            Inflate::Zstd(_) => Err(io::ErrorKind::UnexpectedEof.into()),
        };
        // An empty body is no broken one, whatever its header says.
        if self.received > 0 {
            ended.map_err(|source| DecodeError::Broken { coding, source })?;
        }
        self.take(&mut out)?;
        Ok(out.into())
    }

    fn inflate(&mut self, piece: &[u8]) -> Result<(), DecodeError> {
        let (coding, most) = (self.coding, self.most().saturating_sub(self.decoded));
        let done = match &mut self.inflate {
            Inflate::Undecided(begun) => {
                begun.extend_from_slice(piece);
                if begun.len() < 2 {
                    return Ok(());
                }
                let begun = std::mem::take(begun);
                self.inflate = deflate_of(begun[0], begun[1]);
                return self.inflate(&begun);
            }
            Inflate::Gzip(inner) => inner.write_all(piece).and_then(|()| inner.flush()),
            Inflate::Zlib(inner) => inner.write_all(piece).and_then(|()| inner.flush()),
            Inflate::Bare(inner) => inner.write_all(piece).and_then(|()| inner.flush()),
            Inflate::Brotli(inner) => inner.write_all(piece).and_then(|()| inner.flush()),
            Inflate::Zstd(inner) => inner.write(piece, most),
        };
        done.map_err(|source| DecodeError::Broken { coding, source })
    }

    /// So many bytes may come of what was received.
    fn most(&self) -> usize {
        self.received.saturating_mul(self.ratio).max(ALWAYS_ALLOWED)
    }

    /// Moves what was decoded, and holds it against the limits.
    fn take(&mut self, out: &mut Vec<u8>) -> Result<(), DecodeError> {
        let ready = match &mut self.inflate {
            Inflate::Undecided(_) => return Ok(()),
            Inflate::Gzip(inner) => inner.get_mut(),
            Inflate::Zlib(inner) => inner.get_mut(),
            Inflate::Bare(inner) => inner.get_mut(),
            Inflate::Brotli(inner) => inner.get_mut(),
            Inflate::Zstd(inner) => &mut inner.ready,
        };
        self.decoded += ready.len();
        let ready = std::mem::take(ready);
        if self.decoded > self.most() {
            return Err(DecodeError::Limit);
        }
        if out.is_empty() {
            *out = ready;
        } else {
            out.extend_from_slice(&ready);
        }
        Ok(())
    }
}

/// zlib names its method and checks its first two bytes; what does not fit is taken for bare deflate.
fn deflate_of(first: u8, second: u8) -> Inflate {
    let zlib = first & 0x0f == 8 && (u16::from(first) << 8 | u16::from(second)) % 31 == 0;
    if zlib {
        Inflate::Zlib(ZlibDecoder::new(Vec::new()))
    } else {
        Inflate::Bare(DeflateDecoder::new(Vec::new()))
    }
}

/// Encodes a whole body again. `like` is the decoder that read the original, so that bare deflate stays bare.
pub fn encode(like: &Decoder, body: &[Bytes]) -> io::Result<Bytes> {
    fn all<W: Write>(mut writer: W, body: &[Bytes]) -> io::Result<W> {
        body.iter().try_for_each(|chunk| writer.write_all(chunk))?;
        Ok(writer)
    }
    let level = Compression::fast();
    let encoded = match &like.inflate {
        Inflate::Gzip(_) => all(GzEncoder::new(Vec::new(), level), body)?.finish()?,
        Inflate::Bare(_) => all(DeflateEncoder::new(Vec::new(), level), body)?.finish()?,
        Inflate::Zlib(_) | Inflate::Undecided(_) => {
            all(ZlibEncoder::new(Vec::new(), level), body)?.finish()?
        }
        Inflate::Brotli(_) => {
            let mut writer = brotli::CompressorWriter::new(Vec::new(), STRIDE, 4, 20);
            body.iter().try_for_each(|chunk| writer.write_all(chunk))?;
            writer.into_inner()
        }
        Inflate::Zstd(_) => all(zstd::stream::write::Encoder::new(Vec::new(), 1)?, body)?.finish()?,
    };
    Ok(encoded.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATIO: usize = 100;
    const EVERY: [Coding; 4] = [Coding::Gzip, Coding::Deflate, Coding::Brotli, Coding::Zstd];

    fn encoded(coding: Coding, text: &[u8]) -> Bytes {
        let mut like = Decoder::new(coding, RATIO);
        if coding == Coding::Deflate {
            like.inflate = deflate_of(0x78, 0x9c);
        }
        encode(&like, &[Bytes::copy_from_slice(text)]).unwrap()
    }

    fn decoded(coding: Coding, bytes: &[u8], size: usize) -> Result<Vec<u8>, DecodeError> {
        let mut decoder = Decoder::new(coding, RATIO);
        let mut out = Vec::new();
        for chunk in bytes.chunks(size) {
            out.extend_from_slice(&decoder.push(chunk)?);
        }
        out.extend_from_slice(&decoder.finish()?);
        Ok(out)
    }

    #[test]
    fn every_coding_survives_every_chunking() {
        let text: Vec<u8> = (0..5_000u32).flat_map(|n| n.to_string().into_bytes()).collect();
        for coding in EVERY {
            let coded = encoded(coding, &text);
            for size in [1, 2, 7, 1_000, coded.len()] {
                assert_eq!(decoded(coding, &coded, size).unwrap(), text, "{coding:?} by {size}");
            }
        }
    }

    #[test]
    fn bare_deflate_is_understood() {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(b"hello hello hello").unwrap();
        let coded = encoder.finish().unwrap();
        assert_eq!(decoded(Coding::Deflate, &coded, 1).unwrap(), b"hello hello hello");
    }

    #[test]
    fn bombs_are_cut_off() {
        let zeros = vec![b'0'; 8 << 20];
        for coding in EVERY {
            let bomb = encoded(coding, &zeros);
            assert!(matches!(decoded(coding, &bomb, 512), Err(DecodeError::Limit)), "{coding:?}");
        }
    }

    #[test]
    fn broken_and_cut_bodies_are_errors() {
        for coding in EVERY {
            let broken =
                |bytes: &[u8]| matches!(decoded(coding, bytes, 100), Err(DecodeError::Broken { .. }));
            let coded = encoded(coding, b"some text that is long enough to be cut off in the middle of it");
            assert!(broken(&coded[..coded.len() - 9]), "{coding:?} cut");
            assert!(broken(b"\xff\xff\xff\xff not compressed"), "{coding:?} nonsense");
            assert_eq!(decoded(coding, b"", 1).unwrap(), b"", "{coding:?} empty");
        }
    }

    #[test]
    fn frames_of_zstd_follow_one_another_and_give_what_they_have() {
        let two = [encoded(Coding::Zstd, b"one "), encoded(Coding::Zstd, b"two")].concat();
        assert_eq!(decoded(Coding::Zstd, &two, 3).unwrap(), b"one two");
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
        let mut decoder = Decoder::new(Coding::Zstd, RATIO);
        for event in ["data: 1\n\n", "data: 2\n\n"] {
            encoder.write_all(event.as_bytes()).unwrap();
            encoder.flush().unwrap();
            let sent = std::mem::take(encoder.get_mut());
            assert_eq!(decoder.push(&sent).unwrap(), event);
        }
    }

    #[test]
    fn a_window_beyond_what_http_allows_is_refused() {
        // A frame that asks for 16 MiB, with one raw block of one byte.
        let frame = b"\x28\xb5\x2f\xfd\x00\x70\x09\x00\x00x";
        assert!(matches!(decoded(Coding::Zstd, frame, 100), Err(DecodeError::Broken { .. })));
        let frame = b"\x28\xb5\x2f\xfd\x00\x68\x09\x00\x00x";
        assert_eq!(decoded(Coding::Zstd, frame, 1).unwrap(), b"x");
    }

    #[test]
    fn headers_are_read() {
        assert_eq!(Coded::parse(None), Coded::Plain);
        assert_eq!(Coded::parse(Some(" GZIP ")), Coded::By(Coding::Gzip));
        assert_eq!(Coded::parse(Some("gzip, br")), Coded::Unknown);
        assert_eq!(Coded::parse(Some("zstd")), Coded::By(Coding::Zstd));
        assert_eq!(Coded::parse(Some("compress")), Coded::Unknown);
    }
}
