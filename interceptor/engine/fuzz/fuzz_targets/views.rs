//! Texts in every form that can be made from them: nothing panics, every finding leads back into the text and in
//! order, and what it says was really made from there.
#![no_main]

use std::sync::LazyLock;

use interceptor_engine::{Detectors, TextScanner};
use libfuzzer_sys::fuzz_target;

static DETECTORS: LazyLock<std::sync::Arc<Detectors>> = LazyLock::new(Detectors::builtin);

fuzz_target!(|text: &str| {
    let mut scanner = TextScanner::new(DETECTORS.clone());
    let found = scanner.scan(text);
    let length = text.chars().count();
    let mut last = 0;
    for finding in &found {
        assert!(finding.chars.start >= last, "in order");
        assert!(finding.chars.start < finding.chars.end && finding.chars.end <= length, "inside");
        assert!(!finding.value.is_empty());
        last = finding.chars.start;
    }
    for pair in found.windows(2) {
        let apart = pair[0].chars.end <= pair[1].chars.start;
        assert!(apart || pair[0].chars == pair[1].chars, "what shares a place shares all of it");
    }
    // A scanner keeps nothing of a text.
    assert_eq!(scanner.scan(text), found);
});
