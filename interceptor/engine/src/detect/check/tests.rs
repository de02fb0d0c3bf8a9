//! What any scheme of check digits must notice, asked of all of them, and numbers that are known to be right.

use proptest::prelude::*;

use super::*;

const DIGITS: &[u8] = b"0123456789";
const ALPHANUMERIC: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// The body with a character of `alphabet` behind it that makes `check` agree; `None` if no character does.
fn complete(body: &[u8], alphabet: &[u8], check: fn(&[u8]) -> bool) -> Option<Vec<u8>> {
    alphabet.iter().map(|last| [body, &[*last]].concat()).find(|whole| check(whole))
}

/// Exactly one character completes a body, and any other single character breaks the whole.
#[track_caller]
fn catches_single_errors(body: &[u8], alphabet: &[u8], checks: &[u8], check: fn(&[u8]) -> bool) {
    let whole = complete(body, checks, check).expect("some character completes every body");
    for place in 0..whole.len() {
        let allowed = if place + 1 == whole.len() { checks } else { alphabet };
        for other in allowed.iter().filter(|b| **b != whole[place]) {
            let mut wrong = whole.clone();
            wrong[place] = *other;
            assert!(!check(&wrong), "{} passes", String::from_utf8_lossy(&wrong));
        }
    }
}

/// Two different neighbours that changed places are noticed.
#[track_caller]
fn catches_transpositions(body: &[u8], checks: &[u8], check: fn(&[u8]) -> bool) {
    let whole = complete(body, checks, check).expect("some character completes every body");
    for place in 0..whole.len() - 2 {
        let mut wrong = whole.clone();
        wrong.swap(place, place + 1);
        assert!(wrong == whole || !check(&wrong), "{} passes", String::from_utf8_lossy(&wrong));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn schemes_over_digits(body in "[0-9]{1,18}") {
        let body = body.as_bytes();
        catches_single_errors(body, DIGITS, DIGITS, luhn);
        catches_single_errors(body, DIGITS, DIGITS, verhoeff::check);
        catches_single_errors(body, DIGITS, DIGITS, iso7064::mod11_10);
        catches_single_errors(body, DIGITS, b"0123456789X", iso7064::mod11_2);
        catches_transpositions(body, DIGITS, verhoeff::check);
        catches_transpositions(body, b"0123456789X", iso7064::mod11_2);
    }

    #[test]
    fn schemes_over_letters_and_digits(body in "[0-9A-Z]{1,18}") {
        let body = body.as_bytes();
        catches_single_errors(body, ALPHANUMERIC, ALPHANUMERIC, iso7064::mod37_36);
        catches_single_errors(body, ALPHANUMERIC, b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ*", iso7064::mod37_2);
    }

    #[test]
    fn mod_97_10_notices_one_wrong_digit(body in "[0-9A-Z]{2,16}[0-9]{2}", place in 0usize..16, by in 1u8..10) {
        let rest = iso7064::remainder97(body.bytes().chain(*b"00")).unwrap();
        let mut whole = format!("{body}{:02}", 98 - rest).into_bytes();
        prop_assert!(iso7064::mod97_10(&whole));
        let place = place % whole.len();
        if whole[place].is_ascii_digit() {
            whole[place] = b'0' + (whole[place] - b'0' + by) % 10;
            prop_assert!(!iso7064::mod97_10(&whole));
        }
    }

    /// What the kinds of the tables check is asked about anything, and answers.
    #[test]
    fn nothing_panics(text in prop::collection::vec(prop_oneof![b'0'..=b'9', b'A'..=b'Z', any::<u8>()], 0..24)) {
        for kind in &super::super::personal::KINDS {
            let (check, loose) = kind.rules();
            check(&text);
            if let Some(loose) = loose {
                loose(&text);
            }
        }
        coin::legacy(&text);
        coin::bech32(&text);
        coin::monero(&text);
        coin::ethereum(&text);
    }
}

/// The sums of the specifications' own examples: Keccak of nothing, EIP-55, BIP 173 and BIP 350.
#[test]
fn published_addresses() {
    let eip55 = b"5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
    assert_eq!(coin::ethereum(eip55), Some(true));
    assert_eq!(coin::ethereum(&eip55.to_ascii_lowercase()), None);
    let mut wrong = *eip55;
    wrong[1] = b'A';
    wrong[2] = b'a';
    assert_eq!(coin::ethereum(&wrong), Some(false));
    assert_eq!(coin::bech32(b"bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"), Some(coin::Coin::Bitcoin));
    assert_eq!(coin::bech32(b"BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4"), Some(coin::Coin::Bitcoin));
    assert_eq!(
        coin::bech32(b"bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0"),
        Some(coin::Coin::Bitcoin)
    );
    assert_eq!(coin::bech32(b"bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5"), None);
    assert_eq!(coin::legacy(b"1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"), Some(coin::Coin::Bitcoin));
    assert_eq!(coin::legacy(b"1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb"), None);
}

/// Numbers that authorities print on specimens and in their own descriptions of the rule.
#[test]
fn published_numbers() {
    assert!(luhn(b"79927398713"));
    assert!(verhoeff::check(b"2363"));
    assert!(states::uk_nhs(b"9434765919"));
    assert!(states::us_mbi(b"1EG4TE5MK73"));
    assert!(states::us_npi(b"1234567893"));
    assert!(germanic::de_tax_id(b"86095742719"));
    assert!(germanic::ch_ahv(b"7569217076985"));
    assert!(romance::it_fiscal(b"RSSMRA85T10A562S"));
    assert!(romance::es_nif(b"12345678Z"));
    assert!(nordic::fi_hetu(b"131052308T"));
    assert!(nordic::no_birth(b"01010750160"));
    assert!(baltic::pl_pesel(b"44051401458"));
    assert!(east::tr_id(b"10000000146"));
    assert!(asia::hk_id(b"A1234563"));
    assert!(asia::cn_resident(b"11010519491231002X"));
    assert!(oceania::au_abn(b"51824753556"));
    assert!(oceania::au_tfn(b"876543210"));
    assert!(americas::br_cpf(b"11144477735"));
    assert!(americas::cl_rut(b"111111111") || americas::cl_rut(b"123456785"));
    assert!(finance::lei(b"529900T8BM49AURSDO55"));
    assert!(finance::isin(b"US0378331005"));
    assert!(finance::cusip(b"037833100"));
    assert!(finance::vin(b"1M8GDM9AXKP042788"));
    assert!(finance::imei(b"490154203237518"));
}
