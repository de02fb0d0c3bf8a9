//! Encoded data: a stretch of base64 such as an image. Nothing that is looked for begins deep inside one, and
//! its digits would look like the beginning of something all the time.

/// Where so many base64 characters stand before, data is taken for encoded. Longer than a line of wrapped
/// base64, than a path of names, and than most keys.
pub(super) const ENCODED: usize = 128;

/// What is looked at together; the compiler makes a few wide instructions of it.
const BLOCK: usize = 32;

/// True if `at` lies deep inside encoded data. Looks at the bytes before only, so that the answer does not
/// depend on how far the text goes.
pub(super) fn inside(bytes: &[u8], at: usize) -> bool {
    let Some(before) = at.checked_sub(ENCODED).map(|from| &bytes[from..at]) else { return false };
    before.rchunks(BLOCK).all(all_base64)
}

/// How far encoded data goes on behind `at`, in whole blocks; `at` itself if it is not inside any.
pub(super) fn skip(bytes: &[u8], at: usize) -> usize {
    if !inside(bytes, at) {
        return at;
    }
    let blocks = bytes[at..].chunks_exact(BLOCK).take_while(|block| all_base64(block)).count();
    at + blocks * BLOCK
}

/// Every byte is one of `[A-Za-z0-9+/=]`. Without a branch per byte.
fn all_base64(block: &[u8]) -> bool {
    block.iter().fold(true, |all, b| {
        let letter = (b | 0x20).wrapping_sub(b'a') < 26;
        let digit_or_slash = b.wrapping_sub(b'/') < 11;
        all & (letter | digit_or_slash | (*b == b'+') | (*b == b'='))
    })
}
