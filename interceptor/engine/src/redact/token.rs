//! Tokens: how one is made, and what looks like one. Knows letters. Does not know what a token stands for.

use super::key::TenantKey;
use crate::detect::{DetectorId, Registry};

/// How every token begins. No word of any language that models speak has these letters next to each other, so that
/// ordinary text is never held back for long.
pub(super) const PREFIX: &[u8; 2] = b"QX";

/// What the body is made of: no vowels, so that it spells nothing; no digits, so that it looks like no number.
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";

/// Letters of the body: 60 bits.
const BODY: usize = 14;

/// Longest label. More of it would make tokens long and say nothing more.
const LONGEST_LABEL: usize = 12;

/// Longest token.
#[cfg(test)]
pub(super) const LONGEST: usize = PREFIX.len() + LONGEST_LABEL + BODY + 1;

/// The token for what a detector found.
pub(crate) fn token(key: &TenantKey, names: &Registry, detector: DetectorId, text: &[u8]) -> String {
    let mut number = key.number(&[names.name(detector).as_bytes(), text]);
    let mut token: String = PREFIX.iter().map(|letter| char::from(*letter)).collect();
    let label = names.label(detector).bytes().filter(u8::is_ascii_alphanumeric).take(LONGEST_LABEL);
    token.extend(label.map(|letter| char::from(letter.to_ascii_uppercase())));
    let body: Vec<usize> = (0..BODY)
        .map(|_| {
            let place = usize::try_from(number % 20).unwrap_or_default();
            number /= 20;
            place
        })
        .collect();
    let check = check(body.iter().copied());
    token.extend(body.into_iter().chain([check]).map(|place| char::from(LETTERS[place])));
    token
}

/// The letter that makes the body whole: Luhn's algorithm with twenty letters, which notices every letter that is
/// wrong and nearly every two that changed places.
fn check(body: impl DoubleEndedIterator<Item = usize>) -> usize {
    let sum: usize = body
        .rev()
        .enumerate()
        .map(|(at, place)| {
            let weighed = if at % 2 == 0 { place * 2 } else { place };
            weighed / 20 + weighed % 20
        })
        .sum();
    (20 - sum % 20) % 20
}

/// True if a text is a token and nothing else, of whatever key. What already stands for something is left alone.
pub(crate) fn is_token(text: &[u8]) -> bool {
    let Some(rest) = text.strip_prefix(PREFIX) else { return false };
    let Some((label, body)) = rest.split_last_chunk::<{ BODY + 1 }>() else { return false };
    let places: Option<Vec<usize>> =
        body.iter().map(|letter| LETTERS.iter().position(|known| known == letter)).collect();
    let plain = |letter: &u8| letter.is_ascii_uppercase() || letter.is_ascii_digit();
    let Some(places) = places else { return false };
    !label.is_empty()
        && label.len() <= LONGEST_LABEL
        && label.iter().all(plain)
        && check(places[..BODY].iter().copied()) == places[BODY]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::{Confidence, Detectors};
    use crate::redact::RedactionKey;

    #[test]
    fn a_token_is_letters_and_checks_itself() {
        let key = RedactionKey::new([1; 32]).tenant("");
        for detector in DetectorId::all() {
            let token = token(&key, &Registry::builtin(), detector, b"jane");
            assert!(
                token.len() <= LONGEST && token.bytes().all(|byte| byte.is_ascii_alphanumeric()),
                "{token}"
            );
            assert!(is_token(token.as_bytes()), "{token}");
            // Nothing takes it for something else.
            let mut found = Vec::new();
            Detectors::builtin().scan(format!("it is {token}, is it?").as_bytes(), &mut found);
            found.retain(|finding| finding.confidence > Confidence::Low);
            assert_eq!(found, []);
        }
    }

    #[test]
    fn a_wrong_letter_is_noticed() {
        let key = RedactionKey::new([1; 32]).tenant("");
        let names = Registry::builtin();
        let email = DetectorId::named("pii.email").unwrap();
        let token = token(&key, &names, email, b"jane@example.com");
        for at in token.len() - BODY - 1..token.len() {
            for letter in LETTERS {
                let mut other = token.clone().into_bytes();
                other[at] = *letter;
                assert_eq!(is_token(&other), other == token.as_bytes());
            }
        }
        for other in ["", "QX", "QXEMAIL", "EMAIL", &token[1..], &token[..9], &token.to_lowercase()] {
            assert!(!is_token(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn the_same_text_has_the_same_token_and_another_has_another() {
        let key = RedactionKey::new([1; 32]).tenant("");
        let names = Registry::builtin();
        let email = DetectorId::named("pii.email").unwrap();
        let card = DetectorId::named("pii.card").unwrap();
        let one = token(&key, &names, email, b"a");
        assert_eq!(one, token(&key, &names, email, b"a"));
        assert_ne!(one, token(&key, &names, email, b"b"));
        assert_ne!(one[7..], token(&key, &names, card, b"a")[6..]);
    }
}
