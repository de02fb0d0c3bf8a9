//! Character references of HTML and XML: numbers, and the names that stand for ASCII.

use super::Kind;
use super::undo::{Decoded, number};

/// The names that can stand in a key, a number or an address, and those that everybody uses.
const NAMES: [(&str, u8); 28] = [
    ("amp", b'&'),
    ("apos", b'\''),
    ("ast", b'*'),
    ("bsol", b'\\'),
    ("colon", b':'),
    ("comma", b','),
    ("commat", b'@'),
    ("dash", b'-'),
    ("dollar", b'$'),
    ("equals", b'='),
    ("excl", b'!'),
    ("gt", b'>'),
    ("hyphen", b'-'),
    ("lbrace", b'{'),
    ("lowbar", b'_'),
    ("lpar", b'('),
    ("lt", b'<'),
    ("nbsp", b' '),
    ("num", b'#'),
    ("percnt", b'%'),
    ("period", b'.'),
    ("plus", b'+'),
    ("quot", b'"'),
    ("rbrace", b'}'),
    ("rpar", b')'),
    ("semi", b';'),
    ("sol", b'/'),
    ("UnderBar", b'_'),
];

/// Longest name.
const LONGEST: usize = 8;

/// Reads the reference that begins here with `&`.
pub(super) fn read(rest: &[u8]) -> Option<Decoded> {
    match rest {
        [_, b'#', b'x' | b'X', digits @ ..] => numeric(3, digits, 16),
        [_, b'#', digits @ ..] => numeric(2, digits, 10),
        [_, name @ ..] => {
            let end = name.iter().take(LONGEST + 1).position(|byte| *byte == b';')?;
            let (_, byte) = NAMES.iter().find(|(known, _)| known.as_bytes() == &name[..end])?;
            Decoded::byte(end + 2, *byte, Kind::Hidden)
        }
        [] => None,
    }
}

/// Browsers read a number also without the semicolon behind it.
fn numeric(before: usize, digits: &[u8], radix: u32) -> Option<Decoded> {
    let is_digit = |byte: &&u8| char::from(**byte).is_digit(radix);
    let count = digits.iter().take(8).take_while(is_digit).count();
    let semicolon = usize::from(digits.get(count) == Some(&b';'));
    Decoded::code(before + count + semicolon, number(&digits[..count], radix)?)
}
