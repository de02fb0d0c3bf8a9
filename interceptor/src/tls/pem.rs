//! PEM text (RFC 7468) for private keys, in memory that is wiped.
//! Knows base64 and the armour. Does not know keys. Certificates, which are public, are read elsewhere.

use zeroize::Zeroizing;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const LINE: usize = 64;
const LABELS: [&str; 3] = ["PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY"];

/// The text of one PEM block.
pub(super) fn encode(label: &str, der: &[u8]) -> Zeroizing<String> {
    // Room for everything, so that the text never moves and leaves a copy behind.
    let mut text = Zeroizing::new(String::with_capacity(der.len() * 3 / 2 + 2 * label.len() + 64));
    text.push_str(&format!("-----BEGIN {label}-----\n"));
    for line in der.chunks(LINE / 4 * 3) {
        for group in line.chunks(3) {
            push_group(&mut text, group);
        }
        text.push('\n');
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}

fn push_group(text: &mut String, group: &[u8]) {
    let byte = |i: usize| u32::from(group.get(i).copied().unwrap_or(0));
    let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
    for i in 0..4usize {
        if i <= group.len() {
            text.push(char::from(ALPHABET[(bits >> (18 - 6 * i)) as usize & 63]));
        } else {
            text.push('=');
        }
    }
}

/// The content of the first private key block in `text`, or `None` if there is none or it is damaged.
pub(super) fn private_key(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let text = std::str::from_utf8(text).ok()?;
    let body = LABELS.iter().find_map(|label| {
        let begin = format!("-----BEGIN {label}-----");
        let (_, rest) = text.split_once(&begin)?;
        rest.split_once(&format!("-----END {label}-----")).map(|(body, _)| body)
    })?;
    decode(body)
}

fn decode(body: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut der = Zeroizing::new(Vec::with_capacity(body.len()));
    let (mut bits, mut count) = (0u32, 0u32);
    for byte in body.bytes().filter(|b| !b.is_ascii_whitespace()).take_while(|b| *b != b'=') {
        let value = ALPHABET.iter().position(|a| *a == byte)?;
        bits = bits << 6 | u32::try_from(value).ok()?;
        count += 6;
        if count >= 8 {
            count -= 8;
            der.push(u8::try_from(bits >> count & 255).ok()?);
        }
    }
    Some(der)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        for len in 0..200u8 {
            let der: Vec<u8> = (0..len).map(|i| i.wrapping_mul(37)).collect();
            let text = encode("PRIVATE KEY", &der);
            assert!(text.lines().all(|line| line.len() <= LINE));
            assert_eq!(*private_key(text.as_bytes()).unwrap(), der);
        }
    }

    #[test]
    fn text_without_a_key_has_none() {
        let label = ["CERTIFI", "CATE"].concat();
        assert!(private_key(encode(&label, b"x").as_bytes()).is_none());
        assert!(private_key(b"").is_none());
        let damaged = encode("PRIVATE KEY", b"some bytes").replace('=', "!");
        assert!(private_key(damaged.as_bytes()).is_none());
    }
}
