//! The engine's table is what the library knows, and the engine's detector says what the library says.
#![expect(clippy::unwrap_used, reason = "a helper that fails has failed the test")]

use std::fs;
use std::path::Path;

use interceptor_engine::detect::{Confidence, Detectors, SampleSource};
use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumber};

#[test]
fn the_table_is_that_of_the_library_in_use() {
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/data/numbers.bin");
    let table = interceptor_plan::table().unwrap();
    assert!(fs::read(committed).unwrap() == table, "write it anew: cargo run -p interceptor-plan");
}

/// What the detector says of an international number in a sentence.
enum Said {
    Phone(Confidence),
    Nothing,
    /// Check digits of another kind are right by chance, and say more.
    Other,
}

fn said(digits: &str) -> Said {
    let mut found = Vec::new();
    Detectors::builtin().scan(format!("From abroad: +{digits}, at noon.").as_bytes(), &mut found);
    match found.as_slice() {
        [] => Said::Nothing,
        [one] if one.detector.name() != "pii.phone" => Said::Other,
        [one] if one.end - one.start == digits.len() + 1 => Said::Phone(one.confidence),
        _ => panic!("+{digits} is read in parts: {found:?}"),
    }
}

/// The digits behind a calling code as the library keeps them: a number, and how many zeros stand before it.
fn number(code: i32, national: &str) -> PhoneNumber {
    let zeros = i32::try_from(national.bytes().take_while(|b| *b == b'0').count()).unwrap();
    PhoneNumber {
        country_code: code,
        national_number: national.parse().unwrap(),
        italian_leading_zero: (zeros > 0).then_some(true),
        number_of_leading_zeros: (zeros > 1).then_some(zeros),
        ..PhoneNumber::default()
    }
}

#[test]
fn the_detector_says_of_drawn_numbers_what_the_library_says() {
    let mut source = SampleSource::new(11);
    let codes: Vec<i32> = PHONE_NUMBER_UTIL.get_supported_calling_codes().collect();
    let regions: Vec<_> = PHONE_NUMBER_UTIL.get_supported_regions().collect();
    let (mut asked, mut valid, mut kept, mut others) = (0, 0, 0, 0);
    let mut ask = |code: i32, national: &str| {
        let library = PHONE_NUMBER_UTIL.is_valid_number(&number(code, national));
        match said(&format!("{code}{national}")) {
            Said::Other => others += u32::from(library),
            // Numbers for films are valid, and nobody's.
            Said::Phone(Confidence::Medium) if library => kept += 1,
            Said::Phone(confidence) => {
                assert_eq!(confidence == Confidence::High, library, "+{code} {national}");
            }
            Said::Nothing => assert!(!library, "+{code} {national}"),
        }
        (asked, valid) = (asked + 1, valid + u32::from(library));
    };
    for region in &regions {
        // An example and its neighbours: one digit changed, or one more or fewer.
        let Ok(example) = PHONE_NUMBER_UTIL.get_example_number(*region) else { continue };
        let national = rlibphonenumber::get_national_significant_number_owned(&example);
        ask(example.country_code, &national);
        for _ in 0..60 {
            let mut digits = national.clone().into_bytes();
            let at = source.below(digits.len());
            digits[at] = source.digits(1).into_bytes()[0];
            let digits = String::from_utf8(digits).unwrap();
            // A zero in front is the trunk prefix of many countries, and forgiven by the detector.
            if !digits.starts_with('0') || national.starts_with('0') {
                ask(example.country_code, &digits);
            }
        }
    }
    for code in &codes {
        for _ in 0..200 {
            let length = 4 + source.below(9);
            let national = format!("{}{}", 1 + source.below(9), source.digits(length));
            ask(*code, &national);
        }
    }
    assert!(asked > 40_000 && valid > 5_000, "{asked} numbers, {valid} of them valid");
    assert!(others * 100 < valid, "{others} of {valid} valid numbers are taken for something else");
    assert!(kept * 100 < valid, "{kept} of {valid} valid numbers are said to be kept for films");
}
