//! Fuzzes the HTTP/1.1 framing check: no panic, and the verdict does not depend on how the bytes are cut.
#![no_main]

use interceptor::proxy::framing::{Expect, Framing, Side, Violation};
use libfuzzer_sys::fuzz_target;

fn run(side: Side, pieces: &[&[u8]]) -> Result<bool, Violation> {
    let mut framing = Framing::new(side);
    for piece in pieces {
        framing.push(piece, Expect::Normal)?;
    }
    Ok(framing.between_messages())
}

fuzz_target!(|input: (bool, u8, &[u8])| {
    let (upstream, step, bytes) = input;
    let side = if upstream { Side::Upstream } else { Side::Client };
    let pieces: Vec<&[u8]> = bytes.chunks(usize::from(step).max(1)).collect();
    assert_eq!(run(side, &pieces), run(side, &[bytes]));
});
