//! Any bytes cut anywhere: the stream finds what the whole text holds, and what it releases only grows.
#![no_main]

use std::sync::{Arc, LazyLock};

use interceptor_engine::detect::{Detectors, StreamScanner};
use libfuzzer_sys::fuzz_target;

static SET: LazyLock<Arc<Detectors>> = LazyLock::new(Detectors::builtin);

// The first half of the input are the sizes of the fragments, the rest is the text.
fuzz_target!(|input: (Vec<u8>, Vec<u8>)| {
    let (sizes, text) = input;
    let mut whole = Vec::new();
    SET.scan(&text, &mut whole);

    let mut scanner = StreamScanner::new(SET.clone());
    let (mut found, mut at, mut released) = (Vec::new(), 0, 0);
    for size in &sizes {
        let end = (at + usize::from(*size)).min(text.len());
        let now = scanner.push(&text[at..end], &mut found);
        assert!(released <= now && now <= end as u64);
        (at, released) = (end, now);
    }
    scanner.push(&text[at..], &mut found);
    assert_eq!(scanner.finish(&mut found), text.len() as u64);

    assert_eq!(found.len(), whole.len());
    for (a, b) in found.iter().zip(&whole) {
        assert_eq!((a.start, a.end), (b.start as u64, b.end as u64));
        assert_eq!((a.detector, a.confidence), (b.detector, b.confidence));
    }
});
