//! Multipart bodies, in every chunking and cut off everywhere.

use super::*;

const TYPE: &str = "multipart/form-data; charset=utf-8; boundary=\"x y\"";

/// Writes down what it is told, and that it is told of everything once and in order.
#[derive(Default)]
struct Notes {
    parts: Vec<(String, String)>,
    open: bool,
    at: usize,
    all: Vec<u8>,
}

impl Notes {
    fn take(&mut self, piece: &[u8], at: usize) -> String {
        assert_eq!(at, self.at, "told of out of order");
        self.at += piece.len();
        self.all.extend_from_slice(piece);
        String::from_utf8_lossy(piece).into_owned()
    }
}

impl PartSink for Notes {
    fn head(&mut self, head: &[u8], at: usize) {
        assert!(!self.open);
        self.open = true;
        let head = self.take(head, at);
        self.parts.push((head, String::new()));
    }

    fn content(&mut self, piece: &[u8], at: usize) {
        let piece = self.take(piece, at);
        self.parts.last_mut().unwrap().1 += &piece;
    }

    fn end(&mut self, at: usize) {
        assert_eq!((at, self.open), (self.at, true));
        self.open = false;
    }

    fn boundary(&mut self, piece: &[u8], at: usize) {
        assert!(!self.open);
        self.take(piece, at);
    }

    fn around(&mut self, piece: &[u8], at: usize) {
        assert!(!self.open);
        self.take(piece, at);
    }
}

fn read(body: &[u8], size: usize) -> (Notes, Result<(), MultipartError>) {
    let mut reader = Multipart::new(TYPE).unwrap();
    let mut notes = Notes::default();
    for chunk in body.chunks(size.max(1)) {
        reader.push(chunk, &mut notes);
    }
    let result = reader.finish(&mut notes);
    assert_eq!(notes.all, body);
    assert!(!notes.open);
    (notes, result)
}

const BODY: &[u8] =
    b"before\r\n--x y \t\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\none\r\n--x yz\r\n-\r\n--x y\n\
\nbare\n--x y\r\nContent-Type: text/plain\r\n\r\n\r\n--x y--\r\nbehind";

#[test]
fn every_chunking_gives_the_same() {
    let parts = [
        ("Content-Disposition: form-data; name=\"a\"\r\n\r\n".to_owned(), "one\r\n--x yz\r\n-".to_owned()),
        ("\n".to_owned(), "bare".to_owned()),
        ("Content-Type: text/plain\r\n\r\n".to_owned(), String::new()),
    ];
    for size in 1..=BODY.len() {
        let (notes, result) = read(BODY, size);
        assert_eq!(notes.parts, parts, "by {size}");
        assert_eq!(result, Ok(()), "by {size}");
    }
}

#[test]
fn every_prefix_is_incomplete() {
    let complete = memmem::find(BODY, b"--x y--").unwrap() + 7;
    for end in 0..BODY.len() {
        for size in [1, 7, end] {
            let (_, result) = read(&BODY[..end], size);
            assert_eq!(result.is_ok(), end >= complete, "{end} by {size}");
        }
    }
}

#[test]
fn the_first_boundary_needs_no_line_before_it() {
    for size in 1..40 {
        let (notes, result) = read(b"--x y\r\nA: b\r\n\r\ncontent\r\n--x y--", size);
        assert_eq!(notes.parts, [("A: b\r\n\r\n".to_owned(), "content".to_owned())]);
        assert_eq!(result, Ok(()));
    }
    assert_eq!(read(b"--x yz\r\n--x y--", 3).1, Ok(()));
}

#[test]
fn a_head_has_a_longest_length() {
    let body = [b"--x y\r\n", &vec![b'h'; LONGEST_HEAD + 10][..], b"\r\n\r\nx\r\n--x y--"].concat();
    for size in [1_000, body.len()] {
        let (notes, result) = read(&body, size);
        assert_eq!((notes.parts.len(), result), (0, Err(MultipartError::LongHead)));
    }
}

#[test]
fn content_types_name_a_boundary_or_nothing_is_read() {
    for (content_type, known) in [
        ("multipart/form-data; boundary=abc", true),
        ("Multipart/Related; type=\"a;b\"; BOUNDARY=\"a b\"", true),
        ("multipart/form-data", false),
        ("multipart/form-data; boundary=\"\"", false),
        ("application/json; boundary=abc", false),
    ] {
        assert_eq!(Multipart::new(content_type).is_some(), known, "{content_type}");
    }
    let long = format!("multipart/form-data; boundary={}", "b".repeat(71));
    assert!(Multipart::new(&long).is_none());
}

#[test]
fn heads_are_read() {
    let head =
        b"content-disposition : form-data; size=3; name=\"a\\\"b\";\r\n filename=\"c:\\dir\\x;y.csv\"\r\n\
CONTENT-TYPE: text/csv\r\nContent-Transfer-Encoding: BASE64\r\nnonsense\r\n\r\n";
    let expected = PartHead {
        name: Some(b"a\"b".to_vec()),
        file: Some(b"c:\\dir\\x;y.csv".to_vec()),
        content_type: Some("text/csv".into()),
        encoding: PartEncoding::Base64,
    };
    assert_eq!(PartHead::parse(head), expected);
    let bare = PartHead::parse(b"Content-Disposition: form-data; flag; name=token ; filename*=UTF-8''x\n\n");
    assert_eq!((bare.name, bare.file), (Some(b"token".to_vec()), Some(b"UTF-8''x".to_vec())));
    assert_eq!(PartHead::parse(b"\r\n"), PartHead::default());
}
