//! Feeds arbitrary bytes to the reader of `CONNECT`: it never panics, its verdict does not depend on chunking, and the
//! head and the target that it accepts are what they are said to be.
#![no_main]

use interceptor::proxy::framing::MAX_HEAD;
use interceptor::proxy::tunnel::head::{Reader, resembles};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u16, Vec<u8>)| {
    let (cut, bytes) = input;
    let whole = Reader::default().read(&bytes);

    let cut = usize::from(cut) % (bytes.len() + 1);
    let mut reader = Reader::default();
    let first = reader.read(&bytes[..cut]);
    if first == Ok(None) {
        assert_eq!(reader.read(&bytes), whole);
    } else {
        assert_eq!(first, whole);
    }

    let Ok(Some(connect)) = whole else { return };
    assert!(resembles(&bytes), "what is one resembles one");
    let head = &bytes[..connect.length];
    assert!(head.len() <= MAX_HEAD && head.ends_with(b"\r\n\r\n"));
    assert_eq!(head.windows(4).position(|window| window == b"\r\n\r\n"), Some(head.len() - 4));
    // Written as we understand it, the target is the same one.
    let again = format!("CONNECT {} HTTP/1.1\r\nhost: a\r\n\r\n", connect.target);
    let again = Reader::default().read(again.as_bytes()).expect("well-formed").expect("whole");
    assert_eq!(again.target, connect.target);
});
