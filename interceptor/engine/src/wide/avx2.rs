//! Processors with AVX2: twice thirty-two bytes.
#![expect(unsafe_code, reason = "wide instructions are named by functions that know no safety")]

use std::arch::x86_64::{
    __m256i, _mm_loadu_si128, _mm256_add_epi32, _mm256_add_epi64, _mm256_and_si256,
    _mm256_broadcastsi128_si256, _mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_min_epu8,
    _mm256_movemask_epi8, _mm256_mul_epu32, _mm256_or_si256, _mm256_set1_epi8, _mm256_setzero_si256,
    _mm256_shuffle_epi8, _mm256_srli_epi16, _mm256_srli_epi64, _mm256_storeu_si256, _mm256_sub_epi8,
};
use std::sync::OnceLock;

use super::rows::LAST;
use super::{Block, FOUR, Lanes, Pass, Rows, WIDTH};

/// Says that the processor can do it: [`Avx2::here`] alone makes one.
#[derive(Clone, Copy)]
pub(crate) struct Avx2(());

/// How many bytes a part has.
const PART: usize = 32;

type Bytes = [__m256i; 2];

impl Avx2 {
    #[inline]
    pub(super) fn here() -> Option<Self> {
        static HERE: OnceLock<bool> = OnceLock::new();
        HERE.get_or_init(Self::asked).then_some(Self(()))
    }

    fn asked() -> bool {
        is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt")
            && is_x86_feature_detected!("popcnt")
    }

    pub(super) fn run<P: Pass>(self, pass: P) -> P::Answer {
        #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
        fn compiled<P: Pass>(lanes: Avx2, pass: P) -> P::Answer {
            pass.run(lanes)
        }
        // SAFETY: there is a value of this type only where the processor has these instructions.
        unsafe { compiled(self, pass) }
    }

    /// Places of a part at which rows may begin, by the halves of their bytes.
    #[inline(always)]
    fn halves(self, fours: [__m256i; FOUR], rows: &Rows) -> u64 {
        let (mut one, mut other) = (self.all(u8::MAX), self.all(u8::MAX));
        for (place, bytes) in fours.into_iter().enumerate() {
            // SAFETY: as above.
            unsafe {
                let kinds = _mm256_min_epu8(bytes, self.all(LAST));
                let low = _mm256_and_si256(kinds, self.all(0x0f));
                let high = _mm256_and_si256(_mm256_srli_epi16::<4>(kinds), self.all(0x0f));
                let (by_low, by_high) = (&rows.by_low[place], &rows.by_high[place]);
                one = _mm256_and_si256(one, self.looked_up(&by_low[0], low));
                one = _mm256_and_si256(one, self.looked_up(&by_high[0], high));
                other = _mm256_and_si256(other, self.looked_up(&by_low[1], low));
                other = _mm256_and_si256(other, self.looked_up(&by_high[1], high));
            }
        }
        // SAFETY: as above.
        unsafe {
            let none = self.part_equal(_mm256_or_si256(one, other), _mm256_setzero_si256());
            u64::from(!_mm256_movemask_epi8(none).cast_unsigned())
        }
    }

    /// What a table says of each byte, which is one of its sixteen places.
    #[inline(always)]
    fn looked_up(self, table: &[u8; 16], places: __m256i) -> __m256i {
        // SAFETY: as above; the load reads the sixteen bytes of the table and wants no alignment.
        unsafe {
            let table = _mm256_broadcastsi128_si256(_mm_loadu_si128(table.as_ptr().cast()));
            _mm256_shuffle_epi8(table, places)
        }
    }

    #[inline(always)]
    fn part(self, part: &[u8; PART]) -> __m256i {
        // SAFETY: as above; the load reads the bytes of the part and wants no alignment.
        unsafe { _mm256_loadu_si256(part.as_ptr().cast()) }
    }

    #[inline(always)]
    fn all(self, byte: u8) -> __m256i {
        // SAFETY: as above.
        unsafe { _mm256_set1_epi8(byte.cast_signed()) }
    }

    #[inline(always)]
    fn part_equal(self, one: __m256i, other: __m256i) -> __m256i {
        // SAFETY: as above.
        unsafe { _mm256_cmpeq_epi8(one, other) }
    }

    #[inline(always)]
    fn part_within(self, part: __m256i, first: u8, last: u8) -> __m256i {
        // SAFETY: as above.
        unsafe {
            let behind = _mm256_sub_epi8(part, self.all(first));
            self.part_equal(_mm256_min_epu8(behind, self.all(last - first)), behind)
        }
    }

    /// The highest bit of each byte of both parts. No closure: one has none of the instructions of the function that it
    /// is in, and what it asks for would be called instead of put in line.
    #[inline(always)]
    fn mask(self, [one, other]: Bytes) -> u64 {
        // SAFETY: as above.
        let (one, other) = unsafe { (_mm256_movemask_epi8(one), _mm256_movemask_epi8(other)) };
        u64::from(one.cast_unsigned()) | u64::from(other.cast_unsigned()) << PART
    }

    #[inline(always)]
    fn part_lower(self, part: __m256i) -> __m256i {
        // SAFETY: as above.
        unsafe { _mm256_or_si256(part, self.all(0x20)) }
    }

    #[inline(always)]
    fn part_multiplied(self, sums: __m256i, bytes: __m256i, numbers: __m256i) -> __m256i {
        // SAFETY: as above.
        unsafe {
            let both = _mm256_add_epi32(bytes, numbers);
            _mm256_add_epi64(sums, _mm256_mul_epu32(both, _mm256_srli_epi64::<32>(both)))
        }
    }
}

impl Lanes for Avx2 {
    type Bytes = Bytes;

    #[inline(always)]
    fn load(self, block: &Block) -> Bytes {
        let (parts, _) = block.as_chunks::<PART>();
        [self.part(&parts[0]), self.part(&parts[1])]
    }

    #[inline(always)]
    fn store(self, bytes: Bytes) -> Block {
        let mut block = [0; WIDTH];
        let (parts, _) = block.as_chunks_mut::<PART>();
        for (part, bytes) in parts.iter_mut().zip(bytes) {
            // SAFETY: as above; the store writes the bytes of the part and wants no alignment.
            unsafe { _mm256_storeu_si256(part.as_mut_ptr().cast(), bytes) };
        }
        block
    }

    #[inline(always)]
    fn equal(self, [one, other]: Bytes, byte: u8) -> u64 {
        let byte = self.all(byte);
        self.mask([self.part_equal(one, byte), self.part_equal(other, byte)])
    }

    #[inline(always)]
    fn within(self, [one, other]: Bytes, first: u8, last: u8) -> u64 {
        self.mask([self.part_within(one, first, last), self.part_within(other, first, last)])
    }

    #[inline(always)]
    fn same(self, one: Bytes, other: Bytes) -> u64 {
        self.mask([self.part_equal(one[0], other[0]), self.part_equal(one[1], other[1])])
    }

    #[inline(always)]
    fn letters(self, [one, other]: Bytes) -> u64 {
        self.within([self.part_lower(one), self.part_lower(other)], b'a', b'z')
    }

    #[inline(always)]
    fn high(self, bytes: Bytes) -> u64 {
        self.mask(bytes)
    }

    #[inline(always)]
    fn multiplied(self, sums: Bytes, bytes: Bytes, numbers: Bytes) -> Bytes {
        [
            self.part_multiplied(sums[0], bytes[0], numbers[0]),
            self.part_multiplied(sums[1], bytes[1], numbers[1]),
        ]
    }

    #[inline(always)]
    fn rows(self, bytes: [Bytes; FOUR], rows: &Rows) -> u64 {
        let [a, b, c, d] = bytes;
        let first = self.halves([a[0], b[0], c[0], d[0]], rows);
        let second = self.halves([a[1], b[1], c[1], d[1]], rows);
        // The two halves of a byte may be those of two other bytes.
        match first | second << PART {
            0 => 0,
            places => rows.one_by_one(&[self.store(a), self.store(b), self.store(c), self.store(d)], places),
        }
    }
}
