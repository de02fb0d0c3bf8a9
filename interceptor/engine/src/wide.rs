//! Sixteen bytes at a time: which of them are of a class, one bit for each, the first lowest. Where the processor has
//! instructions for it that every processor of its kind has, they are used. Knows bytes; what the classes are good for
//! is the business of whoever asks.

/// How many bytes are looked at together.
pub(crate) const WIDTH: usize = 16;

/// Bytes that are looked at together.
pub(crate) type Block = [u8; WIDTH];

/// The digits among them.
#[inline]
pub(crate) fn digits(block: &Block) -> u16 {
    bits::digits(block)
}

/// Those that are this byte.
#[inline]
pub(crate) fn equal(block: &Block, byte: u8) -> u16 {
    bits::equal(block, byte)
}

/// Those of either alphabet of base64: letters, digits, `+`, `/`, `-`, `_`.
#[inline]
pub(crate) fn base64(block: &Block) -> u16 {
    bits::base64(block)
}

#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "wide instructions are named by functions that know no safety")]
mod bits {
    use std::arch::x86_64::{
        __m128i, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128,
        _mm_set1_epi8, _mm_sub_epi8,
    };

    use super::Block;

    #[inline(always)]
    pub(super) fn digits(block: &Block) -> u16 {
        // SAFETY: every x86-64 processor has SSE2, which is all that these functions ask for.
        unsafe { mask(within(load(block), b'0', 9)) }
    }

    #[inline(always)]
    pub(super) fn equal(block: &Block, byte: u8) -> u16 {
        // SAFETY: every x86-64 processor has SSE2, which is all that these functions ask for.
        unsafe { mask(is(load(block), byte)) }
    }

    #[inline(always)]
    pub(super) fn base64(block: &Block) -> u16 {
        // SAFETY: every x86-64 processor has SSE2, which is all that these functions ask for.
        unsafe {
            let bytes = load(block);
            let letters = within(_mm_or_si128(bytes, all(0x20)), b'a', 25);
            // From the slash to the nine.
            let digits = within(bytes, b'/', 10);
            let marks = _mm_or_si128(is(bytes, b'+'), _mm_or_si128(is(bytes, b'-'), is(bytes, b'_')));
            mask(_mm_or_si128(letters, _mm_or_si128(digits, marks)))
        }
    }

    #[inline(always)]
    fn load(block: &Block) -> __m128i {
        // SAFETY: the load reads the sixteen bytes of the block and wants no alignment; SSE2 as above.
        unsafe { _mm_loadu_si128(block.as_ptr().cast()) }
    }

    #[target_feature(enable = "sse2")]
    #[inline]
    fn all(byte: u8) -> __m128i {
        _mm_set1_epi8(byte.cast_signed())
    }

    #[target_feature(enable = "sse2")]
    #[inline]
    fn is(bytes: __m128i, byte: u8) -> __m128i {
        _mm_cmpeq_epi8(bytes, all(byte))
    }

    /// Those from `first` to `more` behind it.
    #[target_feature(enable = "sse2")]
    #[inline]
    fn within(bytes: __m128i, first: u8, more: u8) -> __m128i {
        let behind = _mm_sub_epi8(bytes, all(first));
        _mm_cmpeq_epi8(_mm_min_epu8(behind, all(more)), behind)
    }

    #[target_feature(enable = "sse2")]
    #[inline]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "there are sixteen bits")]
    fn mask(bytes: __m128i) -> u16 {
        _mm_movemask_epi8(bytes) as u16
    }
}

#[cfg(not(target_arch = "x86_64"))]
use plain as bits;

/// The same byte by byte: for other processors, and for the test that compares.
#[cfg(any(test, not(target_arch = "x86_64")))]
mod plain {
    use super::Block;

    pub(super) fn digits(block: &Block) -> u16 {
        mask(block, |byte| byte.is_ascii_digit())
    }

    pub(super) fn equal(block: &Block, wanted: u8) -> u16 {
        mask(block, |byte| byte == wanted)
    }

    pub(super) fn base64(block: &Block) -> u16 {
        mask(block, |byte| byte.is_ascii_alphanumeric() || b"+/-_".contains(&byte))
    }

    fn mask(block: &Block, class: impl Fn(u8) -> bool) -> u16 {
        block.iter().rev().fold(0, |mask, byte| mask << 1 | u16::from(class(*byte)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_in_every_place_is_told_as_one_by_one() {
        for byte in 0..=u8::MAX {
            for place in 0..WIDTH {
                for around in [0, b'0', b'z', 0xff] {
                    let mut block = [around; WIDTH];
                    block[place] = byte;
                    assert_eq!(digits(&block), plain::digits(&block), "{byte} {place}");
                    assert_eq!(base64(&block), plain::base64(&block), "{byte} {place}");
                    assert_eq!(equal(&block, byte), plain::equal(&block, byte), "{byte} {place}");
                }
            }
        }
    }
}
