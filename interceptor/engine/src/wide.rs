//! Sixty-four bytes at a time: which of them are of a class, one bit for each, the first lowest. What the processor can
//! do is asked once; a [`Pass`] over a text is compiled for each kind of processor and gives the same answer on all of
//! them. Knows bytes; what the classes are good for is the business of whoever asks.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(any(test, not(target_arch = "x86_64")))]
mod plain;
mod rows;
#[cfg(target_arch = "x86_64")]
mod sse2;

pub(crate) use rows::{FOUR, Four, GROUPS, KINDS, Rows};

/// How many bytes are looked at together.
pub(crate) const WIDTH: usize = 64;

/// Bytes that are looked at together.
pub(crate) type Block = [u8; WIDTH];

/// What a processor does with a block. Its values are only there where the processor can do it.
pub(crate) trait Lanes: Copy {
    /// A block, where the processor wants it.
    type Bytes: Copy;

    fn load(self, block: &Block) -> Self::Bytes;

    fn store(self, bytes: Self::Bytes) -> Block;

    /// The block that begins at `at` of a text, with zeros in place of what lies outside of it.
    #[inline(always)]
    fn load_at(self, text: &[u8], at: isize) -> Self::Bytes {
        match usize::try_from(at).ok().and_then(|at| text.get(at..)?.first_chunk()) {
            Some(block) => self.load(block),
            None => self.load_part(text, at),
        }
    }

    /// The same where some of it does lie outside.
    #[inline(always)]
    fn load_part(self, text: &[u8], at: isize) -> Self::Bytes {
        self.load(&around(text, at))
    }

    /// Those that are this byte.
    fn equal(self, bytes: Self::Bytes, byte: u8) -> u64;

    /// Those from `first` to `last`.
    fn within(self, bytes: Self::Bytes, first: u8, last: u8) -> u64;

    /// Those that are the same in both.
    fn same(self, one: Self::Bytes, other: Self::Bytes) -> u64;

    /// Letters of either case.
    fn letters(self, bytes: Self::Bytes) -> u64;

    /// Those outside of ASCII.
    fn high(self, bytes: Self::Bytes) -> u64;

    /// The bytes of `kept`, one behind the other, those of `letters` among them as the table says; none if it has a zero
    /// for one of these, or if the processor does such things byte by byte only.
    #[inline(always)]
    fn squeezed(self, _: Self::Bytes, _letters: u64, _kept: u64, _table: &[u8; 128]) -> Option<Block> {
        None
    }

    /// Which bytes have each of some bits in a table by their kind, all bytes outside of ASCII being of the last one; none
    /// if the processor has no table of that size.
    #[inline(always)]
    fn classes<const BITS: usize>(self, _: Self::Bytes, _table: &[u8; KINDS]) -> Option<[u64; BITS]> {
        None
    }

    /// To both numbers of 32 bits in each eight bytes, those of `numbers` are added; their product is added to the sum in
    /// the same eight bytes of `sums`.
    fn multiplied(self, sums: Self::Bytes, bytes: Self::Bytes, numbers: Self::Bytes) -> Self::Bytes;

    /// To both numbers of 64 bits in each sixteen bytes, those of `numbers` are added without carry; their product without
    /// carry is added so to the sum in the same sixteen bytes of `sums`. None if the processor cannot.
    #[inline(always)]
    fn multiplied_without_carry(
        self,
        _sums: Self::Bytes,
        _bytes: Self::Bytes,
        _numbers: Self::Bytes,
    ) -> Option<Self::Bytes> {
        None
    }

    /// Places at which rows begin: of each place the four bytes are given.
    fn rows(self, bytes: [Self::Bytes; FOUR], rows: &Rows) -> u64;

    /// Letters and digits.
    #[inline(always)]
    fn alphanumeric(self, bytes: Self::Bytes) -> u64 {
        self.letters(bytes) | self.within(bytes, b'0', b'9')
    }

    /// Either alphabet of base64: letters, digits, `+`, `/`, `-`, `_`.
    #[inline(always)]
    fn base64(self, bytes: Self::Bytes) -> u64 {
        // From the slash to the nine.
        let digits = self.within(bytes, b'/', b'9');
        let marks = self.equal(bytes, b'+') | self.equal(bytes, b'-') | self.equal(bytes, b'_');
        self.letters(bytes) | digits | marks
    }
}

/// Something that is done with many blocks. `run` has to be inlined, so that it is compiled for each processor.
pub(crate) trait Pass {
    type Answer;

    fn run<L: Lanes>(self, lanes: L) -> Self::Answer;
}

/// The block that begins at `from` of a few bytes more than one.
#[inline(always)]
pub(crate) fn part<L: Lanes, const BYTES: usize>(lanes: L, near: &[u8; BYTES], from: usize) -> L::Bytes {
    lanes.load(near[from..].first_chunk().expect("a block and more are there"))
}

/// Two passes, for which the processor is asked once.
pub(crate) struct Both<A, B>(pub(crate) A, pub(crate) B);

impl<A: Pass, B: Pass> Pass for Both<A, B> {
    type Answer = (A::Answer, B::Answer);

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) -> Self::Answer {
        (self.0.run(lanes), self.1.run(lanes))
    }
}

/// Does it as well as this processor can.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(crate) fn run<P: Pass>(pass: P) -> P::Answer {
    // Each question is a look at what was asked once.
    if let Some(lanes) = avx512::Avx512::here().filter(|_| may_use(64)) {
        lanes.run(pass)
    } else if let Some(lanes) = avx2::Avx2::here().filter(|_| may_use(32)) {
        lanes.run(pass)
    } else {
        pass.run(sse2::Sse2)
    }
}

/// The widest instructions that benchmarks want, in bytes.
#[cfg(feature = "lanes")]
static MOST: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(WIDTH);

/// From now on nothing wider than so many bytes is used. For benchmarks: answers stay the same.
#[cfg(feature = "lanes")]
pub fn use_at_most(bytes: usize) {
    MOST.store(bytes, std::sync::atomic::Ordering::Relaxed);
}

#[cfg(all(target_arch = "x86_64", feature = "lanes"))]
fn may_use(bytes: usize) -> bool {
    bytes <= MOST.load(std::sync::atomic::Ordering::Relaxed)
}

#[cfg(all(target_arch = "x86_64", not(feature = "lanes")))]
#[inline(always)]
fn may_use(_bytes: usize) -> bool {
    true
}

/// Does it as well as this processor can.
#[cfg(not(target_arch = "x86_64"))]
#[inline]
pub(crate) fn run<P: Pass>(pass: P) -> P::Answer {
    pass.run(plain::Plain)
}

/// How many digits these few bytes begin with: what is asked so often that even a [`Pass`] is too much.
#[inline(always)]
pub(crate) fn leading_digits(bytes: &[u8; 16]) -> usize {
    // Digits become 0 to 9; what is added shows in the highest bit of all others. A carry meets only bytes behind one.
    let values = u128::from_le_bytes(*bytes) ^ u128::from_le_bytes([b'0'; 16]);
    let others =
        (values.wrapping_add(u128::from_le_bytes([0x76; 16])) | values) & u128::from_le_bytes([0x80; 16]);
    others.trailing_zeros() as usize / 8
}

/// The block that begins at `at` of a text, with zeros in place of what lies outside of it.
#[inline]
fn around(text: &[u8], at: isize) -> Block {
    let mut block = [0; WIDTH];
    let (inside, skipped) = inside(text, at);
    block[skipped..skipped + inside.len()].copy_from_slice(inside);
    block
}

/// What of the block at `at` lies in the text, and how many bytes of the block come before it.
#[inline(always)]
fn inside(text: &[u8], at: isize) -> (&[u8], usize) {
    let skipped = at.min(0).unsigned_abs().min(WIDTH);
    let from = usize::try_from(at).unwrap_or(0).min(text.len());
    let rest = &text[from..];
    (&rest[..rest.len().min(WIDTH - skipped)], skipped)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is told of a block, and what rows need behind it.
    type Near = [u8; WIDTH + FOUR - 1];

    /// All that lanes tell of some bytes.
    struct Tell<'a>(&'a Near, &'a Rows);

    impl Pass for Tell<'_> {
        type Answer = ([u64; 10], [Block; 2]);

        #[inline(always)]
        fn run<L: Lanes>(self, lanes: L) -> Self::Answer {
            let Tell(near, rows) = self;
            let fours: [_; FOUR] = std::array::from_fn(|at| lanes.load(near[at..].first_chunk().unwrap()));
            let bytes = fours[0];
            let told = [
                lanes.equal(bytes, near[33]),
                lanes.equal(bytes, b'@'),
                lanes.within(bytes, b'0', b'9'),
                lanes.within(bytes, 0x80, 0xfe),
                lanes.same(bytes, lanes.load(near.last_chunk().unwrap())),
                lanes.letters(bytes),
                lanes.high(bytes),
                lanes.rows(fours, rows),
                lanes.alphanumeric(bytes),
                lanes.base64(bytes),
            ];
            let multiplied = lanes.multiplied(fours[1], bytes, fours[3]);
            (told, [lanes.store(bytes), lanes.store(multiplied)])
        }
    }

    fn compare(near: &Near, rows: &Rows) {
        let told = Tell(near, rows).run(plain::Plain);
        #[cfg(target_arch = "x86_64")]
        {
            assert_eq!(Tell(near, rows).run(sse2::Sse2), told, "{near:?}");
            // What this processor cannot do is compared on another.
            for other in [
                avx2::Avx2::here().map(|lanes| lanes.run(Tell(near, rows))),
                avx512::Avx512::here().map(|lanes| lanes.run(Tell(near, rows))),
            ] {
                assert_eq!(other.unwrap_or(told), told, "{near:?}");
            }
        }
        assert_eq!(run(Tell(near, rows)), told);
    }

    fn some_rows() -> Rows {
        let mut rows = Rows::new();
        let one = |text: &[u8; FOUR]| text.map(Four::one);
        rows.enter(0, &one(b"ghp_"));
        rows.enter(3, &one(b"sk-0"));
        rows.enter(9, &one(b"zzzz"));
        rows.enter(9, &one(b"0z@~"));
        rows.enter(15, &[Four::one(b'p'), Four::one(b'w'), Four::one(b'd'), Four::ANY]);
        rows.enter(8, &[0xf3, 0xa0, 0x80, 0xa0].map(Four::one));
        rows
    }

    #[test]
    fn every_byte_in_every_place_is_told_as_one_by_one() {
        let rows = some_rows();
        for byte in 0..=u8::MAX {
            for place in 0..WIDTH + FOUR - 1 {
                for around in [0, b'0', b'z', 0xff] {
                    let mut near = [around; WIDTH + FOUR - 1];
                    near[place] = byte;
                    compare(&near, &rows);
                }
            }
        }
    }

    #[test]
    fn rows_are_found_in_every_place() {
        let rows = some_rows();
        for row in [&b"ghp_"[..], b"sk-0", b"zzzz", b"0z@~", b"pwd ", b"pwd\xff", b"\xf3\xa0\x80\xa0"] {
            for place in 0..WIDTH {
                let mut near = [b' '; WIDTH + FOUR - 1];
                near[place..place + FOUR].copy_from_slice(row);
                compare(&near, &rows);
                let (told, _) = Tell(&near, &rows).run(plain::Plain);
                assert_eq!(told[7], 1 << place, "{row:?} {place}");
            }
        }
    }

    #[test]
    fn digits_at_the_beginning_are_counted() {
        for count in 0..=16 {
            for behind in 0..=u8::MAX {
                for digit in b'0'..=b'9' {
                    let mut bytes = [digit; 16];
                    bytes[count..].fill(behind);
                    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
                    assert_eq!(leading_digits(&bytes), digits, "{bytes:?}");
                }
            }
        }
    }

    /// What is read at a place of a text.
    struct Part<'a>(&'a [u8], isize);

    impl Pass for Part<'_> {
        type Answer = Block;

        #[inline(always)]
        fn run<L: Lanes>(self, lanes: L) -> Block {
            lanes.store(lanes.load_at(self.0, self.1))
        }
    }

    #[test]
    fn what_lies_outside_of_a_text_is_zero() {
        let text: Vec<u8> = (1..=200).collect();
        for length in [0, 1, 2, 63, 64, 65, 127, 128, 200] {
            for at in -70..210 {
                let byte = |place: usize| {
                    let at = usize::try_from(at + place.cast_signed()).ok()?;
                    text[..length].get(at).copied()
                };
                let wanted: Block = std::array::from_fn(|place| byte(place).unwrap_or(0));
                assert_eq!(Part(&text[..length], at).run(plain::Plain), wanted, "{length} {at}");
                #[cfg(target_arch = "x86_64")]
                assert_eq!(Part(&text[..length], at).run(sse2::Sse2), wanted, "{length} {at}");
                assert_eq!(run(Part(&text[..length], at)), wanted, "{length} {at}");
            }
        }
    }
}
