//! Multipart bodies: whatever is sent, every byte is told of once and in order, and every chunking tells the same.
#![no_main]

use interceptor_engine::multipart::{Multipart, MultipartError, PartHead, PartSink};
use libfuzzer_sys::fuzz_target;

/// What was told: kinds, and the bytes of each; neighbours of one kind are put together.
#[derive(Default, PartialEq, Debug)]
struct Told {
    pieces: Vec<(u8, Vec<u8>)>,
    at: usize,
}

impl Told {
    fn piece(&mut self, kind: u8, piece: &[u8], at: usize) {
        assert_eq!(at, self.at);
        self.at += piece.len();
        match self.pieces.last_mut() {
            Some((last, bytes)) if *last == kind => bytes.extend_from_slice(piece),
            _ if piece.is_empty() => {}
            _ => self.pieces.push((kind, piece.to_vec())),
        }
    }
}

impl PartSink for Told {
    fn head(&mut self, head: &[u8], at: usize) {
        let _ = PartHead::parse(head);
        self.pieces.push((b'n', Vec::new()));
        self.piece(b'h', head, at);
    }

    fn content(&mut self, piece: &[u8], at: usize) {
        self.piece(b'c', piece, at);
    }

    fn end(&mut self, at: usize) {
        assert_eq!(at, self.at);
        self.pieces.push((b'e', Vec::new()));
    }

    fn boundary(&mut self, piece: &[u8], at: usize) {
        self.piece(b'b', piece, at);
    }

    fn around(&mut self, piece: &[u8], at: usize) {
        self.piece(b'a', piece, at);
    }
}

fn read(body: &[u8], size: usize) -> (Told, Result<(), MultipartError>) {
    let mut reader = Multipart::new("multipart/form-data; boundary=b").expect("a boundary");
    let mut told = Told::default();
    body.chunks(size).for_each(|chunk| reader.push(chunk, &mut told));
    let result = reader.finish(&mut told);
    assert_eq!(told.at, body.len());
    (told, result)
}

fuzz_target!(|data: &[u8]| {
    let [size, body @ ..] = data else { return };
    let _ = Multipart::new(&String::from_utf8_lossy(body));
    assert_eq!(read(body, body.len().max(1)), read(body, usize::from(*size).max(1)));
});
