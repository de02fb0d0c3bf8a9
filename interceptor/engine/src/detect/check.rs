//! Check digits and the structures around them: whether a string can be a number that some authority issued.
//! Pure functions over upper-case ASCII without separators; they know nothing about text, context or confidence.
//!
//! Each rule names its public source. A function answers `false` for any length and character that its number
//! does not have, so that callers need not look first.

pub(super) mod americas;
pub(super) mod asia;
pub(super) mod baltic;
pub(super) mod coin;
pub(super) mod date;
pub(super) mod east;
pub(super) mod finance;
pub(super) mod germanic;
pub(super) mod india;
pub(super) mod iso7064;
pub(super) mod nordic;
pub(super) mod oceania;
pub(super) mod romance;
pub(super) mod south;
pub(super) mod states;
pub(super) mod vat;
pub(super) mod verhoeff;

/// The digits of `text`, if it is exactly `N` of them. Sixteen bits each: the compiler multiplies them by
/// weights eight at a time.
pub(super) fn digits<const N: usize>(text: &[u8]) -> Option<[u16; N]> {
    let text: &[u8; N] = text.try_into().ok()?;
    let mut digits = [0; N];
    let mut bad = false;
    for (digit, byte) in digits.iter_mut().zip(text) {
        *digit = u16::from(byte.wrapping_sub(b'0'));
        bad |= *digit > 9;
    }
    (!bad).then_some(digits)
}

/// The products of the first digits and `weights`, added up.
pub(super) fn weigh<const M: usize>(digits: &[u16], weights: &[u16; M]) -> u16 {
    digits.iter().zip(weights).map(|(digit, weight)| digit * weight).sum()
}

/// As [`weigh`], with the digits of each product added up instead of the product (two digits at most).
pub(super) fn weigh_crosswise<const M: usize>(digits: &[u16], weights: &[u16; M]) -> u16 {
    digits.iter().zip(weights).map(|(digit, weight)| cross(digit * weight)).sum()
}

/// The sum of the two digits of `n`.
pub(super) fn cross(n: u16) -> u16 {
    n / 10 + n % 10
}

/// The number that the digits write.
pub(super) fn value(digits: &[u16]) -> u64 {
    digits.iter().fold(0, |value, digit| value * 10 + u64::from(*digit))
}

/// What brings `sum` to the next multiple of ten.
pub(super) fn up_to_ten(sum: u16) -> u16 {
    (10 - sum % 10) % 10
}

/// ISO/IEC 7812-1 annex B (Luhn): from the right, every second digit is doubled and its digits added up.
pub(super) fn luhn(text: &[u8]) -> bool {
    luhn_after(0, text)
}

/// Luhn over `text` behind a prefix whose digits add `before` to the sum.
pub(super) fn luhn_after(before: u16, text: &[u8]) -> bool {
    let mut sum = before;
    for (i, byte) in text.iter().rev().enumerate() {
        let digit = u16::from(byte.wrapping_sub(b'0'));
        if digit > 9 {
            return false;
        }
        sum += if i % 2 == 0 { digit } else { 2 * digit - if digit > 4 { 9 } else { 0 } };
    }
    !text.is_empty() && sum.is_multiple_of(10)
}

/// True if every byte is the same: `0000000000` satisfies many sums and is nobody's number.
pub(super) fn monotonous(text: &[u8]) -> bool {
    text.windows(2).all(|two| two[0] == two[1])
}

/// The value of a letter, `A` being `first`; `None` for what is no upper-case letter.
pub(super) fn letter(byte: u8, first: u16) -> Option<u16> {
    byte.is_ascii_uppercase().then(|| u16::from(byte - b'A') + first)
}

/// The place of `byte` in `alphabet`.
pub(super) fn place(alphabet: &[u8], byte: u8) -> Option<u16> {
    alphabet.iter().position(|b| *b == byte).and_then(|i| u16::try_from(i).ok())
}

#[cfg(test)]
mod tests;
