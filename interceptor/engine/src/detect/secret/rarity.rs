//! How unlike words a token is. Entropy alone takes every long name for a key; what tells keys from names is
//! that in a key the next character does not depend on the one before.
//!
//! The table holds, in eighths of a bit, how much better "any letter is as likely" explains a pair of letters
//! than "this is a word or an identifier" does. It was counted over the different words and identifiers of
//! 60 MB of Rust, Python, Markdown and configuration files (235,000 of them, each weighted by the logarithm of
//! how often it occurs, pairs that never occur smoothed to 0.04 %). A second, small table does the same for
//! the change between lower case, upper case and digits. Their sum is the score: below zero for names, and
//! for random tokens about two bits more with every character.

mod scores;
mod stretch;

pub(in crate::detect) use scores::{LONG, Scores};
pub(in crate::detect) use stretch::Stretch;
pub(super) use stretch::{AHEAD, BACK};

/// Bits by which a token must look random to be taken for a key where a name announces one.
pub(in crate::detect) const TELLING: i32 = 8;

/// By first and second letter, in eighths of a bit.
static LETTERS: [[i8; 26]; 26] = [
    [30, 3, -6, -6, 23, 17, -1, 34, 2, 41, 17, -13, -5, -10, 36, -2, 41, -12, -7, -17, 7, 18, 17, 11, 11, 35],
    [-11, 18, 5, 18, -10, 25, 22, 29, -14, 3, 31, -15, 18, 23, -8, -2, 50, -3, 0, 0, -13, 27, 40, 37, -6, 41],
    [-12, 16, 7, 17, -14, 14, 23, -11, 2, 45, -7, -2, 12, 24, -18, 9, 37, -3, 6, -12, 5, 19, 35, 40, 11, 48],
    [-11, 16, 12, -4, -23, 11, 9, 17, -15, 29, 20, 3, 14, 14, -2, 10, 38, -4, -5, 10, 3, 15, 3, 25, 13, 46],
    [-3, 18, -7, -8, 9, 5, 9, 26, 17, 40, 23, -1, 2, -12, 19, 7, 14, -18, -12, -9, 23, 4, 17, -2, 8, 40],
    [-7, 15, 12, 5, -6, -9, 21, 37, -19, 53, 36, -13, 16, 14, -15, 16, 42, -7, -8, 5, 2, 37, 24, 37, 12, 53],
    [-1, 19, 10, 19, -25, 17, 12, 1, -8, 42, 30, 3, 8, -7, 0, 12, 34, -10, -10, 3, -2, 23, 28, 35, 18, 29],
    [-20, 22, 12, 6, -21, 21, 29, 30, -11, 48, 23, 14, 2, 19, -14, 15, 42, -8, 7, 0, 1, 29, 12, 51, 12, 36],
    [4, 11, -6, -7, 3, 1, 1, 43, 27, 46, 32, -3, -3, -20, -12, 5, 42, 5, -6, -12, 36, 7, 38, 14, 47, 3],
    [-9, 28, 13, 26, -27, 23, 21, 25, -12, 52, 14, 22, 22, 9, -16, 9, 52, 21, -9, 16, -5, 28, 30, 38, 41, 52],
    [1, 13, 5, 4, -28, 17, 16, 13, -11, 50, 41, 12, 6, 4, 9, 12, 34, 14, -15, 7, 4, 23, 18, 25, 26, 46],
    [-14, 16, 16, 0, -19, 12, 18, 34, -18, 48, 23, -9, 21, 15, -13, 7, 46, 24, 3, 0, -4, 19, 32, 49, 5, 38],
    [-20, 1, 14, 9, -22, 23, 25, 34, -10, 47, 32, 14, 3, 20, -8, -11, 34, 22, -3, 9, -1, 31, 35, 39, 24, 44],
    [-7, 24, -6, -12, -11, -2, -12, 28, -4, 37, 9, 13, 22, 10, -6, 14, 41, 15, -7, -17, 4, 8, 29, 40, 20, 35],
    [14, 9, -7, -4, 27, 3, 10, 37, 13, 31, 12, -5, -5, -20, 5, -5, 49, -16, 0, -1, -6, 10, 3, 25, 32, 45],
    [-15, 20, 10, 12, -16, 4, 24, 6, -3, 49, 15, -6, 20, 23, -11, -1, 41, -16, 2, -9, 1, 15, 24, 37, 16, 51],
    [20, 13, 15, 7, 6, 26, 10, 42, 7, 52, 52, 9, 36, 15, 4, 19, 40, 13, 10, 2, -34, 37, 26, 39, 43, 37],
    [-12, 25, 3, 5, -21, 9, 10, 34, -12, 38, 16, 12, 4, 7, -13, 16, 43, -2, -5, -6, 6, 11, 26, 32, 0, 44],
    [2, 24, -4, 18, -18, 25, 17, -1, -13, 46, 9, 10, 12, 8, -1, -2, 33, 17, -6, -20, 0, 26, 21, 35, 1, 20],
    [-12, 21, 3, 15, -19, 11, 33, -5, -16, 48, 33, 8, 13, 24, -7, 10, 46, -12, -2, 2, 3, 26, 24, 20, -4, 33],
    [3, 1, 4, 6, -9, 2, 8, 44, -1, 44, 39, -7, -7, -16, 20, -5, 45, -11, -12, -13, 27, 37, 46, 21, 42, 34],
    [
        -21, 26, 10, 21, -26, 10, 28, 21, -16, 53, 41, 13, -3, 21, -1, 11, 43, 19, 10, 14, 34, 41, 42, 18,
        45, 39,
    ],
    [-14, 17, 7, 9, -11, 16, 33, 0, -19, 42, 30, 10, 13, -10, -9, 14, 35, -15, -6, 5, 23, 26, 28, 34, 34, 24],
    [-1, 20, -7, 5, -10, 7, 21, 18, -8, 52, 32, 7, 8, 23, 12, -16, 33, 16, 5, -26, 17, 18, 24, 24, 11, 41],
    [4, 8, 5, 14, 1, 9, 26, 22, 6, 43, 28, -1, -5, -8, 7, -23, 41, 9, -17, -12, 19, 15, 17, 39, 30, 30],
    [-5, 28, 11, 9, -32, 18, 31, 4, -3, 50, 37, 15, 19, 19, -7, 13, 37, 22, -3, 22, 13, 16, 34, 37, 13, 10],
];

/// How often a letter occurs, in thousandths of all.
static SHARES: [u16; 26] =
    [82, 19, 52, 35, 109, 26, 18, 16, 85, 2, 10, 48, 33, 64, 67, 41, 2, 73, 63, 77, 34, 15, 9, 6, 10, 4];

/// By class before and class behind (lower case, upper case, digit): tokens of one case, and of both. A digit
/// behind a digit counts nothing: names hold numbers, and so do keys.
static ONE_CASE: [[i8; 3]; 3] = [[-2, 33, 37], [19, 0, 34], [23, 28, 0]];
static BOTH_CASES: [[i8; 3]; 3] = [[-9, 27, 31], [12, -6, 28], [17, 22, 0]];

/// What a letter counts that is repeated or followed by the next of the alphabet: as a rule it is typed.
const TYPED: i8 = -16;

/// How many codes there are for characters, rounded up: other ones, letters of either case, digits.
const CODES: usize = 64;
const UPPER: u8 = 26;
const DIGIT: u8 = 2 * 26 + 1;

/// What each byte is: 0 for what counts nothing.
static CODE: [u8; 256] = {
    let mut codes = [0; 256];
    let mut letter = 0;
    while letter < 26 {
        codes[(b'a' + letter) as usize] = 1 + letter;
        codes[(b'A' + letter) as usize] = 1 + UPPER + letter;
        letter += 1;
    }
    let mut digit = b'0';
    while digit <= b'9' {
        codes[digit as usize] = DIGIT;
        digit += 1;
    }
    codes
};

/// What two characters in a row count, in eighths of a bit, by their codes: in tokens of one case, and of both.
static STEPS: [[[i8; 2]; CODES]; CODES] = {
    let mut steps = [[[0; 2]; CODES]; CODES];
    let mut a = 1;
    while a <= DIGIT {
        let mut b = 1;
        while b <= DIGIT {
            steps[a as usize][b as usize] = [step(a, b, &ONE_CASE), step(a, b, &BOTH_CASES)];
            b += 1;
        }
        a += 1;
    }
    steps
};

/// What the characters of two codes count in a row.
const fn step(a: u8, b: u8, classes: &[[i8; 3]; 3]) -> i8 {
    if a != DIGIT && (a == b || a + 1 == b && a != UPPER && b != DIGIT) {
        return TYPED;
    }
    let change = classes[class(a)][class(b)];
    if a == DIGIT || b == DIGIT {
        return change;
    }
    change + LETTERS[((a - 1) % 26) as usize][((b - 1) % 26) as usize]
}

/// Lower case, upper case or digit.
const fn class(code: u8) -> usize {
    match code {
        DIGIT => 2,
        ..=UPPER => 0,
        _ => 1,
    }
}

/// The score of a token in bits. Characters other than letters and digits count nothing.
pub(in crate::detect) fn bits(token: &[u8]) -> i32 {
    let [mut one, mut both] = [0, 0];
    let mut classes = 0u8;
    let mut before = 0;
    for byte in token {
        let code = CODE[usize::from(*byte)] & 63;
        let [more, more_of_both] = STEPS[usize::from(before)][usize::from(code)];
        (one, both) = (one + i32::from(more), both + i32::from(more_of_both));
        classes |=
            u8::from(code.wrapping_sub(1) < UPPER) | u8::from(code.wrapping_sub(1 + UPPER) < UPPER) << 1;
        before = code;
    }
    (if classes == 3 { both } else { one }) / 8
}

fn letter(b: u8) -> Option<usize> {
    b.is_ascii_alphabetic().then(|| usize::from(b.to_ascii_lowercase() - b'a'))
}

/// How often a pair of bytes stands in texts, in millionths, as far as the tables know. Capitals and marks
/// are rare beside small letters.
pub(in crate::detect) fn pair_share(a: u8, b: u8) -> u64 {
    const RARE: u64 = 200;
    let (Some(i), Some(j)) = (letter(a), letter(b)) else { return RARE };
    // Eighths of a bit to a factor, in sixteenths: 2^(-x/8).
    let bits = i32::from(LETTERS[i][j]);
    let factor = (0..(-bits).clamp(-40, 40).unsigned_abs() / 8)
        .fold(16u64, |f, _| if bits < 0 { f * 2 } else { f / 2 });
    let share = u64::from(SHARES[i]) * 1000 / 26 * factor.max(1) / 16;
    if a.is_ascii_lowercase() && b.is_ascii_lowercase() { share } else { share / 20 + RARE / 4 }
}

/// True if `token` does not look like a name, a number or something typed: at least `telling` bits, or
/// hexadecimal digits of both kinds, or a UUID.
pub(in crate::detect) fn random(token: &[u8], telling: i32) -> bool {
    told_by_shape(token).unwrap_or_else(|| varied(token) && bits(token) >= telling)
}

/// Whether a token that is a UUID or hexadecimal is drawn; `None` for others, which their letters tell.
fn told_by_shape(token: &[u8]) -> Option<bool> {
    if is_uuid(token) {
        return Some(distinct(token) >= 8);
    }
    hexadecimal(token)
}

/// Whether a token of hexadecimal digits only, dashes apart, is drawn; `None` if it has other characters.
fn hexadecimal(token: &[u8]) -> Option<bool> {
    if token.len() < 14 || !token.iter().all(|b| b.is_ascii_hexdigit() || *b == b'-') {
        return None;
    }
    let digits = token.iter().filter(|b| b.is_ascii_digit()).count();
    let dashes = token.iter().filter(|b| **b == b'-').count();
    let letters = token.len() - digits - dashes;
    let typed = token.windows(2).filter(|p| p[0] == p[1] || p[0].wrapping_add(1) == p[1]).count();
    // Letters and digits both, and no long stretches of one digit or of the alphabet.
    let both = digits >= 3 && letters >= 2 && distinct(token) >= 7;
    Some((both || (digits == 0 && letters >= 30 && distinct(token) >= 5)) && typed * 2 <= token.len())
}

/// `8-4-4-4-12` hexadecimal digits.
pub(in crate::detect) fn is_uuid(token: &[u8]) -> bool {
    token.len() == 36
        && token.iter().enumerate().all(|(i, b)| match i {
            8 | 13 | 18 | 23 => *b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

/// True if there are seven different bytes or more, not all of them digits: twenty and more digits are drawn by nobody.
/// Most tokens show it at their beginning.
fn varied(token: &[u8]) -> bool {
    if token.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let mut seen = [0u64; 2];
    token.chunks(8).any(|some| {
        for byte in some {
            seen[usize::from(byte >> 6 & 1)] |= 1 << (byte & 63);
        }
        seen[0].count_ones() + seen[1].count_ones() >= 7
    })
}

/// How many different bytes there are.
pub(in crate::detect) fn distinct(token: &[u8]) -> u32 {
    token.iter().fold(0u128, |seen, b| seen | 1 << (b & 127)).count_ones()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::SampleSource;

    #[test]
    fn names_are_no_keys() {
        for name in [
            "DefaultListableBeanFactory",
            "access_token_expires_in",
            "getUserByEmailAddress",
            "kubernetes-dashboard-token",
            "sha256",
            "abcdefghijklmnopqrstuvwxyz",
            "0123456789abcdef",
            "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
            "qwertyuiopasdf",
            "00000000000000000000",
            "20240115103000",
            "aaaaaaaa-0000-0000-0000-000000000000",
        ] {
            assert!(!random(name.as_bytes(), TELLING), "{name} scores {}", bits(name.as_bytes()));
        }
    }

    /// The rule that the table was made from.
    fn by_the_rule(token: &[u8]) -> i32 {
        let class = |b: u8| match b {
            b'a'..=b'z' => Some(0),
            b'A'..=b'Z' => Some(1),
            b'0'..=b'9' => Some(2),
            _ => None,
        };
        let lower = token.iter().any(u8::is_ascii_lowercase);
        let upper = token.iter().any(u8::is_ascii_uppercase);
        let classes = if lower && upper { &BOTH_CASES } else { &ONE_CASE };
        let step = |a: u8, b: u8| {
            let (Some(class_a), Some(class_b)) = (class(a), class(b)) else { return 0 };
            if letter(a).is_some() && (a == b || a + 1 == b) {
                return i32::from(TYPED);
            }
            let letters = letter(a).zip(letter(b)).map_or(0, |(a, b)| LETTERS[a][b]);
            i32::from(classes[class_a][class_b]) + i32::from(letters)
        };
        token.windows(2).map(|pair| step(pair[0], pair[1])).sum::<i32>() / 8
    }

    #[test]
    fn the_table_says_what_the_rule_says() {
        for a in 0..=u8::MAX {
            for b in 0..=u8::MAX {
                for more in [b"", &b"q"[..], b"Q", b"qQ"] {
                    let token = [&[a, b], more].concat().repeat(3);
                    assert_eq!(bits(&token), by_the_rule(&token), "{token:?}");
                }
            }
        }
    }

    #[test]
    fn drawn_tokens_are_keys() {
        let mut missed = 0;
        for seed in 0..1000 {
            let token = SampleSource::new(seed).mixed(24);
            missed += u32::from(!random(token.as_bytes(), TELLING));
        }
        assert!(missed <= 5, "{missed} of 1000 were taken for names");
    }
}
