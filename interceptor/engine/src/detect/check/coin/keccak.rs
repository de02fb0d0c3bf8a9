//! Keccak-256 as Ethereum and Monero use it: the sponge with the padding of the competition, not that of
//! SHA-3 (Bertoni, Daemen, Peeters, Van Assche, "The Keccak reference", 2011). A few dozen bytes at a time.

/// Bytes taken in per permutation.
const RATE: usize = 136;

/// The round constants, of the linear feedback shift register in the reference.
const ROUNDS: [u64; 24] = constants();

const fn constants() -> [u64; 24] {
    let mut all = [0u64; 24];
    let mut state = 1u8;
    let mut round = 0;
    while round < 24 {
        let mut bit = 0;
        while bit < 7 {
            if state & 1 == 1 {
                all[round] ^= 1 << ((1 << bit) - 1);
            }
            state = if state & 0x80 != 0 { (state << 1) ^ 0x71 } else { state << 1 };
            bit += 1;
        }
        round += 1;
    }
    all
}

fn permute(lanes: &mut [u64; 25]) {
    for constant in ROUNDS {
        let mut columns = [0; 5];
        for (x, column) in columns.iter_mut().enumerate() {
            *column = lanes[x] ^ lanes[x + 5] ^ lanes[x + 10] ^ lanes[x + 15] ^ lanes[x + 20];
        }
        for x in 0..5 {
            let mix = columns[(x + 4) % 5] ^ columns[(x + 1) % 5].rotate_left(1);
            for y in 0..5 {
                lanes[x + 5 * y] ^= mix;
            }
        }
        // Rotation and exchange of the lanes along the path of the reference.
        let (mut x, mut y, mut lane, mut turn) = (1, 0, lanes[1], 0);
        for step in 1..=24u32 {
            turn += step;
            (x, y) = (y, (2 * x + 3 * y) % 5);
            (lane, lanes[x + 5 * y]) = (lanes[x + 5 * y], lane.rotate_left(turn % 64));
        }
        for row in lanes.chunks_exact_mut(5) {
            let before = [row[0], row[1], row[2], row[3], row[4]];
            for x in 0..5 {
                row[x] = before[x] ^ (!before[(x + 1) % 5] & before[(x + 2) % 5]);
            }
        }
        lanes[0] ^= constant;
    }
}

/// The hash of fewer bytes than are taken in at once, which addresses are.
pub(super) fn keccak256(text: &[u8]) -> [u8; 32] {
    let mut lanes = [0; 25];
    let (whole, rest) = text.as_chunks::<RATE>();
    let mut last = [0; RATE];
    last[..rest.len()].copy_from_slice(rest);
    last[rest.len()] ^= 0x01;
    last[RATE - 1] ^= 0x80;
    for block in whole.iter().chain([&last]) {
        for (lane, bytes) in lanes.iter_mut().zip(block.as_chunks::<8>().0) {
            *lane ^= u64::from_le_bytes(*bytes);
        }
        permute(&mut lanes);
    }
    let mut hash = [0; 32];
    for (bytes, lane) in hash.chunks_exact_mut(8).zip(lanes) {
        bytes.copy_from_slice(&lane.to_le_bytes());
    }
    hash
}
