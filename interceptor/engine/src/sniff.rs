//! Tells by the first bytes of something what it is: JSON, another text, a document, or neither. What a sender calls
//! its bytes is not asked here.

/// So many first bytes decide what a text, an image or a document is.
pub(crate) const MOST_SNIFFED: usize = 512;

/// What bytes look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sniffed {
    /// White space, or nothing at all.
    Nothing,
    Json,
    Document,
    Text,
    Binary,
}

/// Judges by the first bytes of something: [`MOST_SNIFFED`] of them, or all there are.
pub(crate) fn sniff(first: &[u8]) -> Sniffed {
    let first = &first[..first.len().min(MOST_SNIFFED)];
    let Some(byte) = first.iter().find(|byte| !byte.is_ascii_whitespace()) else { return Sniffed::Nothing };
    if crate::extract::is_document(first) {
        return Sniffed::Document;
    }
    if !looks_like_text(first) {
        return Sniffed::Binary;
    }
    if matches!(byte, b'{' | b'[') { Sniffed::Json } else { Sniffed::Text }
}

/// Text has hardly any control characters, in whatever encoding; of random bytes every ninth is one. In UTF-16 every
/// second byte of most languages is the same, mostly zero.
fn looks_like_text(first: &[u8]) -> bool {
    if first.starts_with(&[0xff, 0xfe]) || first.starts_with(&[0xfe, 0xff]) {
        return true;
    }
    let control = |byte: &u8| *byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b);
    let controls = first.iter().filter(|byte| control(byte)).count();
    if controls * 50 <= first.len() {
        return true;
    }
    let halves = [0, 1].map(|odd| first.iter().skip(odd).step_by(2));
    let zeros = halves.clone().map(|half| half.filter(|byte| **byte == 0).count());
    let others = halves.map(|half| half.filter(|byte| control(byte)).count());
    let half = first.len() / 2;
    half > 0 && [0, 1].iter().any(|&at| zeros[at] * 10 >= half * 8 && others[1 - at] * 20 <= half)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_told_apart() {
        let utf16: Vec<u8> = "name,mail\r\nJane".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let noise: Vec<u8> = (0..600u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
        for (bytes, expected) in [
            (&b" \n"[..], Sniffed::Nothing),
            (b"\n {\"a\":1}", Sniffed::Json),
            (b"a,b\n1,2\n", Sniffed::Text),
            (b"gr\xfc\xdfe aus K\xf6ln", Sniffed::Text),
            (&utf16, Sniffed::Text),
            (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3", Sniffed::Document),
            (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", Sniffed::Binary),
            (b"RIFF\x24\0\0\0WAVEfmt ", Sniffed::Binary),
            (&noise, Sniffed::Binary),
        ] {
            assert_eq!(sniff(bytes), expected, "{bytes:?}");
        }
    }
}
