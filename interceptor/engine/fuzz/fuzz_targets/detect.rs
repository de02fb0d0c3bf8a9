//! Any bytes: findings are in order, apart, not empty and inside the text, and the work is linear.
#![no_main]

use std::sync::{Arc, LazyLock};

use interceptor_engine::detect::Detectors;
use libfuzzer_sys::fuzz_target;

static SET: LazyLock<Arc<Detectors>> = LazyLock::new(Detectors::builtin);

fuzz_target!(|text: &[u8]| {
    let mut out = Vec::new();
    let work = SET.scan_measured(text, &mut out);
    let mut end = 0;
    for finding in &out {
        assert!(end <= finding.start && finding.start < finding.end && finding.end <= text.len());
        end = finding.end;
    }
    assert!(work.examined <= 256 + 32 * text.len() as u64);
});
