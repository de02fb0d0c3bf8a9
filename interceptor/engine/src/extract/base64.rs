//! Base64 as it is met inside JSON and mail: either alphabet, with or without padding, line ends and escapes.
//! Lenient, because what a receiver would decode must be looked at.

/// Decodes until something comes that is no base64. Line ends and the backslashes of JSON's `\/` are left out.
pub(crate) fn decode(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let (mut bits, mut count) = (0u32, 0);
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'\r' | b'\n' | b' ' => continue,
            b'\\' => match bytes.as_slice().first() {
                Some(b'n' | b'r') => {
                    bytes.next();
                    continue;
                }
                _ => continue,
            },
            _ => break,
        };
        bits = bits << 6 | u32::from(digit);
        count += 1;
        if count == 4 {
            out.extend_from_slice(&bits.to_be_bytes()[1..]);
            (bits, count) = (0, 0);
        }
    }
    let left = bits << (6 * (4 - count));
    match count {
        2 => out.extend_from_slice(&left.to_be_bytes()[1..2]),
        3 => out.extend_from_slice(&left.to_be_bytes()[1..3]),
        _ => {}
    }
    out
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn both_alphabets_and_all_lengths_are_read() {
        for (text, expected) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8", "fo"),
            ("Zm9v", "foo"),
            ("Zm9v\r\nYmFy", "foobar"),
            ("Pj4\\/Pz8=", ">>???"),
            ("Pj4_Pz8", ">>???"),
            ("Zm9v\\nYmFy!ignored", "foobar"),
        ] {
            assert_eq!(decode(text.as_bytes()), expected.as_bytes(), "{text}");
        }
    }
}
