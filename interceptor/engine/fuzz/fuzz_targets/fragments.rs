//! Any text cut anywhere, with all that may hide in it: nothing panics, what is released only grows, and every finding lies
//! in the text.
#![no_main]

use std::sync::{Arc, LazyLock};

use interceptor_engine::{Detectors, FragmentScanner};
use libfuzzer_sys::fuzz_target;

static SET: LazyLock<Arc<Detectors>> = LazyLock::new(Detectors::builtin);

// The first half of the input are the sizes of the fragments, the rest is the text.
fuzz_target!(|input: (Vec<u8>, Vec<u8>)| {
    let (sizes, text) = input;
    let mut scanner = FragmentScanner::new(SET.clone());
    let (mut found, mut at, mut released) = (Vec::new(), 0, 0);
    for size in &sizes {
        let end = (at + usize::from(*size)).min(text.len());
        let now = scanner.push(&text[at..end], &mut found);
        assert!(released <= now && now <= end as u64);
        (at, released) = (end, now);
    }
    scanner.push(&text[at..], &mut found);
    assert_eq!(scanner.finish(&mut found), text.len() as u64);
    for finding in &found {
        assert!(finding.start < finding.end && finding.end <= text.len() as u64);
    }
});
