//! Where made-up test values take their digits and letters from. Deterministic: the same seed gives the same
//! values. Knows no format.

/// A source of made-up values. Not random in any sense that matters for keys.
#[derive(Debug, Clone)]
pub struct SampleSource(u64);

impl SampleSource {
    /// A source; different seeds give different values.
    pub fn new(seed: u64) -> Self {
        // Zero is the one state that the generator cannot leave.
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Xorshift64 (Marsaglia 2003), of which the upper half is used.
    fn next(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        u32::try_from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32).unwrap_or(0)
    }

    /// A number below `bound`, which is not zero.
    pub fn below(&mut self, bound: usize) -> usize {
        let next = usize::try_from(self.next()).unwrap_or(0);
        next % bound.max(1)
    }

    /// One of these.
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// `count` characters of an ASCII alphabet.
    pub fn text(&mut self, alphabet: &[u8], count: usize) -> String {
        (0..count).map(|_| char::from(self.pick(alphabet))).collect()
    }

    /// `count` digits.
    pub fn digits(&mut self, count: usize) -> String {
        self.text(b"0123456789", count)
    }

    /// `count` letters and digits in which both cases and digits occur, if there is room for them.
    pub fn mixed(&mut self, count: usize) -> String {
        const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        let mut text = self.text(ALPHABET, count).into_bytes();
        for (at, class) in
            [(3, &ALPHABET[..26]), (5, &ALPHABET[26..52]), (7, &ALPHABET[52..]), (11, &ALPHABET[52..])]
        {
            if let Some(place) = text.get_mut(at) {
                *place = self.pick(class);
            }
        }
        text.into_iter().map(char::from).collect()
    }
}
