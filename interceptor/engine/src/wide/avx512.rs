//! Processors with AVX-512 as far as servers have had it since 2021: sixty-four bytes, and tables of 128.
#![expect(unsafe_code, reason = "wide instructions are named by functions that know no safety")]

use std::arch::x86_64::{
    __m512i, _mm512_add_epi32, _mm512_add_epi64, _mm512_and_si512, _mm512_clmulepi64_epi128,
    _mm512_cmpeq_epi8_mask, _mm512_cmple_epu8_mask, _mm512_loadu_si512, _mm512_mask_blend_epi8,
    _mm512_maskz_compress_epi8, _mm512_maskz_loadu_epi8, _mm512_min_epu8, _mm512_movepi8_mask,
    _mm512_mul_epu32, _mm512_or_si512, _mm512_permutex2var_epi8, _mm512_set1_epi8, _mm512_srli_epi64,
    _mm512_storeu_si512, _mm512_sub_epi8, _mm512_test_epi8_mask, _mm512_xor_si512,
};
use std::sync::OnceLock;

use super::rows::{KINDS, LAST};
use super::{Block, FOUR, Lanes, Pass, Rows, WIDTH, inside};

/// Says that the processor can do it: [`Avx512::here`] alone makes one.
#[derive(Clone, Copy)]
pub(crate) struct Avx512(());

impl Avx512 {
    #[inline]
    pub(super) fn here() -> Option<Self> {
        static HERE: OnceLock<bool> = OnceLock::new();
        HERE.get_or_init(Self::asked).then_some(Self(()))
    }

    fn asked() -> bool {
        is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vbmi")
            && is_x86_feature_detected!("avx512vbmi2")
            && is_x86_feature_detected!("vpclmulqdq")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt")
            && is_x86_feature_detected!("popcnt")
    }

    pub(super) fn run<P: Pass>(self, pass: P) -> P::Answer {
        #[target_feature(
            enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2,vpclmulqdq,bmi1,bmi2,lzcnt,popcnt"
        )]
        fn compiled<P: Pass>(lanes: Avx512, pass: P) -> P::Answer {
            pass.run(lanes)
        }
        // SAFETY: there is a value of this type only where the processor has these instructions.
        unsafe { compiled(self, pass) }
    }

    #[inline(always)]
    fn all(self, byte: u8) -> __m512i {
        // SAFETY: as above.
        unsafe { _mm512_set1_epi8(byte.cast_signed()) }
    }

    /// What a table says of each byte.
    #[inline(always)]
    fn looked_up(self, table: &[u8; KINDS], kinds: __m512i) -> __m512i {
        let (halves, _) = table.as_chunks::<WIDTH>();
        // SAFETY: as above.
        unsafe { _mm512_permutex2var_epi8(self.load(&halves[0]), kinds, self.load(&halves[1])) }
    }
}

impl Lanes for Avx512 {
    type Bytes = __m512i;

    #[inline(always)]
    fn load(self, block: &Block) -> __m512i {
        // SAFETY: as above, and the load reads the bytes of the block and wants no alignment.
        unsafe { _mm512_loadu_si512(block.as_ptr().cast()) }
    }

    #[inline(always)]
    fn load_part(self, text: &[u8], at: isize) -> __m512i {
        let (inside, skipped) = inside(text, at);
        if inside.is_empty() {
            return self.all(0);
        }
        let mask = (u64::MAX >> (WIDTH - inside.len())) << skipped;
        // SAFETY: as above, and the load reads only bytes whose bit is set, which lie inside of the text. The pointer may
        // point before it, which is why it is made by wrapping.
        unsafe { _mm512_maskz_loadu_epi8(mask, inside.as_ptr().wrapping_sub(skipped).cast()) }
    }

    #[inline(always)]
    fn store(self, bytes: __m512i) -> Block {
        let mut block = [0; WIDTH];
        // SAFETY: as above, and the store writes the bytes of the block and wants no alignment.
        unsafe { _mm512_storeu_si512(block.as_mut_ptr().cast(), bytes) };
        block
    }

    #[inline(always)]
    fn equal(self, bytes: __m512i, byte: u8) -> u64 {
        // SAFETY: as above.
        unsafe { _mm512_cmpeq_epi8_mask(bytes, self.all(byte)) }
    }

    #[inline(always)]
    fn within(self, bytes: __m512i, first: u8, last: u8) -> u64 {
        // SAFETY: as above.
        unsafe { _mm512_cmple_epu8_mask(_mm512_sub_epi8(bytes, self.all(first)), self.all(last - first)) }
    }

    #[inline(always)]
    fn same(self, one: __m512i, other: __m512i) -> u64 {
        // SAFETY: as above.
        unsafe { _mm512_cmpeq_epi8_mask(one, other) }
    }

    #[inline(always)]
    fn letters(self, bytes: __m512i) -> u64 {
        // SAFETY: as above.
        self.within(unsafe { _mm512_or_si512(bytes, self.all(0x20)) }, b'a', b'z')
    }

    #[inline(always)]
    fn high(self, bytes: __m512i) -> u64 {
        // SAFETY: as above.
        unsafe { _mm512_movepi8_mask(bytes) }
    }

    #[inline(always)]
    fn squeezed(self, bytes: __m512i, letters: u64, kept: u64, table: &[u8; KINDS]) -> Option<Block> {
        // SAFETY: as above.
        unsafe {
            let looked_up = self.looked_up(table, _mm512_min_epu8(bytes, self.all(LAST)));
            let known = _mm512_test_epi8_mask(looked_up, looked_up);
            let written = _mm512_mask_blend_epi8(letters, bytes, looked_up);
            (letters & !known == 0).then(|| self.store(_mm512_maskz_compress_epi8(kept, written)))
        }
    }

    #[inline(always)]
    fn classes<const BITS: usize>(self, bytes: __m512i, table: &[u8; KINDS]) -> Option<[u64; BITS]> {
        let mut classes = [0; BITS];
        // SAFETY: as above.
        unsafe {
            let looked_up = self.looked_up(table, _mm512_min_epu8(bytes, self.all(LAST)));
            for (bit, class) in classes.iter_mut().enumerate() {
                *class = _mm512_test_epi8_mask(looked_up, self.all(1 << bit));
            }
        }
        Some(classes)
    }

    #[inline(always)]
    fn multiplied(self, sums: __m512i, bytes: __m512i, numbers: __m512i) -> __m512i {
        // SAFETY: as above.
        unsafe {
            let both = _mm512_add_epi32(bytes, numbers);
            _mm512_add_epi64(sums, _mm512_mul_epu32(both, _mm512_srli_epi64::<32>(both)))
        }
    }

    #[inline(always)]
    fn multiplied_without_carry(self, sums: __m512i, bytes: __m512i, numbers: __m512i) -> Option<__m512i> {
        // SAFETY: as above.
        unsafe {
            let both = _mm512_xor_si512(bytes, numbers);
            // The lower number of each sixteen bytes by the higher one.
            Some(_mm512_xor_si512(sums, _mm512_clmulepi64_epi128::<0x10>(both, both)))
        }
    }

    #[inline(always)]
    fn rows(self, bytes: [__m512i; FOUR], rows: &Rows) -> u64 {
        let (mut one, mut other) = (self.all(u8::MAX), self.all(u8::MAX));
        for (bytes, table) in bytes.into_iter().zip(&rows.by_kind) {
            // SAFETY: as above.
            unsafe {
                let kinds = _mm512_min_epu8(bytes, self.all(LAST));
                one = _mm512_and_si512(one, self.looked_up(&table[0], kinds));
                other = _mm512_and_si512(other, self.looked_up(&table[1], kinds));
            }
        }
        // SAFETY: as above.
        unsafe {
            let groups = _mm512_or_si512(one, other);
            _mm512_test_epi8_mask(groups, groups)
        }
    }
}
