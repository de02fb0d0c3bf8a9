//! Says quickly where nothing can begin. Knows first bytes. Does not know automata.

/// The first bytes of literals, by hash: at most places of a text a look-up is all there is to do.
pub(super) struct Prefixes {
    bits: Box<[u64]>,
    /// The hash's upper bits are kept.
    shift: u32,
    /// How many first bytes are hashed: as many as every literal has, at most four.
    width: usize,
}

impl Prefixes {
    pub(super) fn new<'a>(literals: impl Iterator<Item = &'a [u8]> + Clone) -> Self {
        let width = literals.clone().map(<[u8]>::len).min().unwrap_or(4).min(4);
        // Sixteen bits for each literal: one place in sixteen of the table is taken.
        let log = (literals.clone().count() * 16).next_power_of_two().trailing_zeros().clamp(12, 28);
        let mut filter = Self { bits: vec![0; (1 << log) / 64].into(), shift: 32 - log, width };
        for literal in literals {
            let place = filter.place(&literal[..width]);
            filter.bits[place / 64] |= 1 << (place % 64);
        }
        filter
    }

    /// The first place from `from` on at which a literal may begin, or where too little of the text is left to tell.
    pub(super) fn next(&self, bytes: &[u8], from: usize) -> usize {
        let rest = bytes.get(from..).unwrap_or_default();
        let mut windows = rest.windows(self.width);
        let skipped = windows.position(|window| self.may_begin(window));
        from + skipped.unwrap_or((rest.len() + 1).saturating_sub(self.width))
    }

    fn may_begin(&self, window: &[u8]) -> bool {
        let place = self.place(window);
        self.bits[place / 64] >> (place % 64) & 1 == 1
    }

    /// Upper and lower case have the same place.
    fn place(&self, window: &[u8]) -> usize {
        let word = match *window {
            [a, b, c, d] => u32::from_le_bytes([a, b, c, d]),
            [a, b, c] => u32::from_le_bytes([a, b, c, 0]),
            _ => 0,
        };
        // Fibonacci hashing (Knuth 6.4): the upper bits depend on all of the lower.
        ((word | 0x2020_2020).wrapping_mul(0x9e37_79b9) >> self.shift) as usize
    }

    pub(super) fn memory(&self) -> usize {
        size_of_val(&*self.bits)
    }
}

/// The pairs of bytes with which a match can begin.
pub(super) struct Pairs(Box<[u64; 1024]>);

impl Pairs {
    pub(super) fn new(may_begin: impl Fn(u8, u8) -> bool) -> Self {
        let mut bits = Box::new([0; 1024]);
        for a in 0..=u8::MAX {
            for b in (0..=u8::MAX).filter(|b| may_begin(a, *b)) {
                let place = usize::from(a) << 8 | usize::from(b);
                bits[place / 64] |= 1 << (place % 64);
            }
        }
        Self(bits)
    }

    /// As [`Prefixes::next`].
    pub(super) fn next(&self, bytes: &[u8], from: usize) -> usize {
        let rest = bytes.get(from..).unwrap_or_default();
        let begins = |pair: &[u8]| {
            let place = usize::from(pair[0]) << 8 | usize::from(pair[1]);
            self.0[place / 64] >> (place % 64) & 1 == 1
        };
        from + rest.windows(2).position(begins).unwrap_or(rest.len().saturating_sub(1))
    }
}
