//! Looks for the text that costs most by the byte. An input is said over and over, as somebody would who wants to keep
//! the detectors busy; every new height of the cost is a branch of its own, so that the fuzzer climbs. What it has found
//! when it stops is its corpus.
#![no_main]

use std::hint::black_box;
use std::sync::{Arc, LazyLock};

use interceptor_engine::detect::Detectors;
use libfuzzer_sys::fuzz_target;

static SET: LazyLock<Arc<Detectors>> = LazyLock::new(Detectors::builtin);

/// Long enough that what happens once does not count.
const SIZE: usize = 4 << 10;
/// How often a text may be examined. The worst that `benches/rows.rs` has found is examined 28 times.
const MOST: u64 = 160;
/// Longer pieces are no pattern.
const LONGEST: usize = 64;

/// A branch for each height, which the fuzzer takes for new code.
macro_rules! climb {
    ($cost:expr, $($height:literal)*) => {
        $(if $cost >= $height { black_box($height); })*
    };
}

fuzz_target!(|piece: &[u8]| {
    if piece.is_empty() || piece.len() > LONGEST {
        return;
    }
    let text: Vec<u8> = piece.iter().copied().cycle().take(SIZE).collect();
    let work = SET.scan_measured(&text, &mut Vec::new());
    // In quarters of a byte for each byte of the text, and in anchors for each 32 of them.
    let (examined, anchors) = (4 * work.examined / SIZE as u64, 32 * work.anchors / SIZE as u64);
    climb!(examined, 1 2 3 4 6 8 10 12 14 16 18 20 22 24 26 28 30 32 36 40 44 48 52 56 60 64 72 80 88 96 104 112 120
        144 168 192 224 256 320 384 448 512 576);
    climb!(anchors, 1 2 3 4 5 6 7 8 10 12 14 16 18 20 22 24 26 28 30 32);
    assert!(work.examined <= MOST * SIZE as u64, "examined {} times the text", work.examined / SIZE as u64);
});
