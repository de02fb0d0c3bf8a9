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
        // SAFETY: as above. Tables have sixteen bytes, and loads want no alignment.
        unsafe {
            let table =
                |table: &[u8; 16]| _mm256_broadcastsi128_si256(_mm_loadu_si128(table.as_ptr().cast()));
            let (mut one, mut other) = (self.all(u8::MAX), self.all(u8::MAX));
            for (place, bytes) in fours.into_iter().enumerate() {
                let kinds = _mm256_min_epu8(bytes, self.all(LAST));
                let low = _mm256_and_si256(kinds, self.all(0x0f));
                let high = _mm256_and_si256(_mm256_srli_epi16::<4>(kinds), self.all(0x0f));
                let groups = |half: usize| {
                    let by_low = _mm256_shuffle_epi8(table(&rows.by_low[place][half]), low);
                    let by_high = _mm256_shuffle_epi8(table(&rows.by_high[place][half]), high);
                    _mm256_and_si256(by_low, by_high)
                };
                one = _mm256_and_si256(one, groups(0));
                other = _mm256_and_si256(other, groups(1));
            }
            let none = self.part_equal(_mm256_or_si256(one, other), _mm256_setzero_si256());
            u64::from(!_mm256_movemask_epi8(none).cast_unsigned())
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

    /// The highest bit of each byte that `class` makes of the parts.
    #[inline(always)]
    fn mask(self, bytes: Bytes, mut class: impl FnMut(__m256i) -> __m256i) -> u64 {
        bytes.into_iter().enumerate().fold(0, |mask, (at, part)| {
            // SAFETY: as above.
            let bits = unsafe { _mm256_movemask_epi8(class(part)) };
            mask | u64::from(bits.cast_unsigned()) << (PART * at)
        })
    }
}

impl Lanes for Avx2 {
    type Bytes = Bytes;

    #[inline(always)]
    fn load(self, block: &Block) -> Bytes {
        let (parts, _) = block.as_chunks::<PART>();
        std::array::from_fn(|at| self.part(&parts[at]))
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
    fn equal(self, bytes: Bytes, byte: u8) -> u64 {
        self.mask(bytes, |part| self.part_equal(part, self.all(byte)))
    }

    #[inline(always)]
    fn within(self, bytes: Bytes, first: u8, last: u8) -> u64 {
        self.mask(bytes, |part| self.part_within(part, first, last))
    }

    #[inline(always)]
    fn same(self, one: Bytes, other: Bytes) -> u64 {
        let mut others = other.into_iter();
        self.mask(one, |part| others.next().map_or(part, |other| self.part_equal(part, other)))
    }

    #[inline(always)]
    fn letters(self, bytes: Bytes) -> u64 {
        self.mask(bytes, |part| {
            // SAFETY: as above.
            let small = unsafe { _mm256_or_si256(part, self.all(0x20)) };
            self.part_within(small, b'a', b'z')
        })
    }

    #[inline(always)]
    fn high(self, bytes: Bytes) -> u64 {
        self.mask(bytes, |part| part)
    }

    #[inline(always)]
    fn multiplied(self, sums: Bytes, bytes: Bytes, numbers: Bytes) -> Bytes {
        // SAFETY: as above.
        std::array::from_fn(|at| unsafe {
            let both = _mm256_add_epi32(bytes[at], numbers[at]);
            _mm256_add_epi64(sums[at], _mm256_mul_epu32(both, _mm256_srli_epi64::<32>(both)))
        })
    }

    #[inline(always)]
    fn rows(self, bytes: [Bytes; FOUR], rows: &Rows) -> u64 {
        let halves = |part: usize| self.halves(bytes.map(|bytes| bytes[part]), rows) << (PART * part);
        // The two halves of a byte may be those of two other bytes.
        match halves(0) | halves(1) {
            0 => 0,
            places => rows.one_by_one(&bytes.map(|bytes| self.store(bytes)), places),
        }
    }
}
