//! What every x86-64 processor can do: four times sixteen bytes. Rows it has to look up one by one.
#![expect(unsafe_code, reason = "wide instructions are named by functions that know no safety")]

use std::arch::x86_64::{
    __m128i, _mm_add_epi32, _mm_add_epi64, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_min_epu8, _mm_movemask_epi8,
    _mm_mul_epu32, _mm_or_si128, _mm_set1_epi8, _mm_srli_epi64, _mm_storeu_si128, _mm_sub_epi8,
};

use super::{Block, FOUR, Lanes, Rows, WIDTH};

#[derive(Clone, Copy)]
pub(crate) struct Sse2;

/// How many bytes a part has.
const PART: usize = 16;

type Bytes = [__m128i; 4];

impl Lanes for Sse2 {
    type Bytes = Bytes;

    #[inline(always)]
    fn load(self, block: &Block) -> Bytes {
        let (parts, _) = block.as_chunks::<PART>();
        // SAFETY: the load reads the sixteen bytes of the part and wants no alignment. SSE2, which all functions of this
        // file ask for, is a part of x86-64.
        std::array::from_fn(|at| unsafe { _mm_loadu_si128(parts[at].as_ptr().cast()) })
    }

    #[inline(always)]
    fn store(self, bytes: Bytes) -> Block {
        let mut block = [0; WIDTH];
        let (parts, _) = block.as_chunks_mut::<PART>();
        for (part, bytes) in parts.iter_mut().zip(bytes) {
            // SAFETY: the store writes the sixteen bytes of the part and wants no alignment. SSE2 as above.
            unsafe { _mm_storeu_si128(part.as_mut_ptr().cast(), bytes) };
        }
        block
    }

    #[inline(always)]
    fn equal(self, bytes: Bytes, byte: u8) -> u64 {
        // SAFETY: SSE2 is a part of x86-64.
        mask(bytes, |part| unsafe { _mm_cmpeq_epi8(part, _mm_set1_epi8(byte.cast_signed())) })
    }

    #[inline(always)]
    fn within(self, bytes: Bytes, first: u8, last: u8) -> u64 {
        mask(bytes, |part| within(part, first, last))
    }

    #[inline(always)]
    fn same(self, one: Bytes, other: Bytes) -> u64 {
        let mut others = other.into_iter();
        // SAFETY: SSE2 is a part of x86-64.
        mask(one, |part| others.next().map_or(part, |other| unsafe { _mm_cmpeq_epi8(part, other) }))
    }

    #[inline(always)]
    fn letters(self, bytes: Bytes) -> u64 {
        mask(bytes, |part| {
            // SAFETY: SSE2 is a part of x86-64.
            let small = unsafe { _mm_or_si128(part, _mm_set1_epi8(0x20)) };
            within(small, b'a', b'z')
        })
    }

    #[inline(always)]
    fn high(self, bytes: Bytes) -> u64 {
        mask(bytes, |part| part)
    }

    #[inline(always)]
    fn multiplied(self, sums: Bytes, bytes: Bytes, numbers: Bytes) -> Bytes {
        // SAFETY: SSE2 is a part of x86-64.
        std::array::from_fn(|at| unsafe {
            let both = _mm_add_epi32(bytes[at], numbers[at]);
            _mm_add_epi64(sums[at], _mm_mul_epu32(both, _mm_srli_epi64::<32>(both)))
        })
    }

    #[inline(always)]
    fn rows(self, bytes: [Bytes; FOUR], rows: &Rows) -> u64 {
        rows.one_by_one(&bytes.map(|bytes| self.store(bytes)), u64::MAX)
    }
}

#[inline(always)]
fn within(part: __m128i, first: u8, last: u8) -> __m128i {
    // SAFETY: SSE2 is a part of x86-64.
    unsafe {
        let behind = _mm_sub_epi8(part, _mm_set1_epi8(first.cast_signed()));
        _mm_cmpeq_epi8(_mm_min_epu8(behind, _mm_set1_epi8((last - first).cast_signed())), behind)
    }
}

/// The highest bit of each byte that `class` makes of the parts.
#[inline(always)]
fn mask(bytes: Bytes, mut class: impl FnMut(__m128i) -> __m128i) -> u64 {
    bytes.into_iter().enumerate().fold(0, |mask, (at, part)| {
        // SAFETY: SSE2 is a part of x86-64.
        let bits = unsafe { _mm_movemask_epi8(class(part)) };
        mask | u64::from(bits.cast_unsigned()) << (PART * at)
    })
}
