//! What a value looks like before anybody reads it: encoded data, or a number that may be somebody's. Knows no place.

/// Digits before the point that make a number worth a look: the shortest numbers of persons have nine.
pub(super) const SHORTEST_NUMBER: usize = 8;

/// The number without its sign, if it is long enough to mean something. Fractions are no numbers of persons:
/// vectors consist of them.
pub(super) fn worth_a_look(raw: &[u8]) -> Option<&[u8]> {
    let digits = raw.strip_prefix(b"-").unwrap_or(raw);
    let whole = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (whole >= SHORTEST_NUMBER).then_some(digits)
}

/// True for a data URL, and for text that consists of base64 and is too long to be a word.
pub(super) fn is_binary(raw: &[u8]) -> bool {
    const LONG: usize = 64;
    let data = encoded_data(raw);
    if data.len() == raw.len() && (raw.len() < LONG || raw.starts_with(b"data:")) {
        return false;
    }
    let base64 =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_' | b'\\');
    data.iter().all(base64)
}

/// What is encoded: a data URL without its head, or all of it.
pub(super) fn encoded_data(raw: &[u8]) -> &[u8] {
    if !raw.starts_with(b"data:") {
        return raw;
    }
    match memchr::memchr(b',', &raw[..raw.len().min(256)]) {
        Some(comma) if raw[..comma].ends_with(b";base64") => &raw[comma + 1..],
        _ => raw,
    }
}
