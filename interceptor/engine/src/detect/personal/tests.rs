//! Every kind of personal data finds its own sample, and stays silent where it should. Knows the tables, no single kind.

use std::collections::HashSet;

use super::super::{Confidence, Detectors, Finding};
use super::table::KINDS;
use super::*;

fn scan(text: &str) -> Vec<Finding> {
    let mut out = Vec::new();
    Detectors::builtin().scan(text.as_bytes(), &mut out);
    out
}

/// Its check is a sum over the characters, not a structure alone.
fn has_sum(kind: &kind::Kind) -> bool {
    let sums =
        ["modulo", "Luhn", "ISO 7064", "Verhoeff", "check digit", "check letter", "modulus", "state's check"];
    kind.is_checked() && kind.detector.validators.iter().any(|v| sums.iter().any(|sum| v.contains(sum)))
}

#[test]
fn types_and_validators_are_counted() {
    let checked = KINDS.iter().filter(|kind| has_sum(kind));
    let checks: HashSet<usize> = checked.map(|kind| kind.check as usize).collect();
    assert!(TABLE.len() >= 180, "{} types of personal data", TABLE.len());
    assert!(checks.len() >= 120, "{} checks of identifiers", checks.len());
    let names: HashSet<&str> = TABLE.iter().map(|detector| detector.name).collect();
    assert_eq!(names.len(), TABLE.len(), "no name is given twice");
}

/// With a word that announces it, in both places where a number can end, and in text without spaces around it.
#[test]
fn every_kind_finds_its_value_behind_its_word() {
    for kind in &KINDS {
        for seed in 1..8 {
            let sample = kind.detector.sample(&mut SampleSource::new(seed));
            for text in [sample.clone(), format!("Your {sample}."), format!("({sample}), and more")] {
                let found = scan(&text);
                let own = found.iter().any(|f| f.detector.name() == kind.detector.name);
                assert!(own, "{} does not find {text:?}: {found:?}", kind.detector.name);
            }
        }
    }
}

/// A value alone is reported at some confidence, though perhaps as another kind that it may be as well.
#[test]
fn a_value_without_words_is_reported_at_some_confidence() {
    let mut silent = Vec::new();
    for kind in
        KINDS.iter().filter(|kind| kind.is_checked() && !kind.forms.iter().all(|f| f.starts_with('!')))
    {
        for seed in 1..4 {
            let value = kind.recipe().value(&mut SampleSource::new(seed));
            if scan(&value).is_empty() {
                silent.push((kind.detector.name, value));
            }
        }
    }
    assert!(silent.is_empty(), "not reported alone: {silent:?}");
}

/// In every language: as a form has the word, as a heading has it, and as a field of JSON.
#[test]
fn words_of_all_languages_make_a_value_sure() {
    let mut unsure = Vec::new();
    for (name, word) in words::languages::kinds() {
        let kind = KINDS.iter().find(|kind| kind.detector.name.strip_prefix("pii.") == Some(name));
        let recipe = kind.expect("rows name kinds").recipe();
        let value = recipe.value(&mut SampleSource::new(5));
        // No field has the dots of an abbreviation in its name.
        let field = if word.contains('.') { word.to_owned() } else { word.replace(' ', "_") };
        for text in [
            format!("{word}: {value}\n"),
            format!("{} {value}", word.to_uppercase()),
            format!("{{\"{field}\": \"{value}\"}}"),
        ] {
            let start = text.rfind(&value).expect("the value is there");
            let whole = |f: &Finding| (f.start, f.end) == (start, start + value.len());
            if !scan(&text).iter().any(|f| whole(f) && f.confidence > Confidence::Low) {
                unsure.push(text);
            }
        }
    }
    assert!(unsure.is_empty(), "{} are not sure: {unsure:#?}", unsure.len());
}

/// With a wrong check digit the kind is not sure any more, whatever the words say.
#[test]
fn a_wrong_check_digit_is_noticed() {
    let mut weak = Vec::new();
    for kind in KINDS.iter().filter(|kind| has_sum(kind)) {
        let (mut wrong, mut noticed) = (0, 0);
        for seed in 1..6 {
            let value = kind.recipe().value(&mut SampleSource::new(seed));
            for place in value.char_indices().filter(|(_, c)| c.is_ascii_digit()).map(|(i, _)| i) {
                let mut bytes = value.clone().into_bytes();
                bytes[place] = b'0' + (bytes[place] - b'0' + 1) % 10;
                let plain: Vec<u8> = bytes.iter().filter(|b| b.is_ascii_alphanumeric()).copied().collect();
                wrong += 1;
                noticed += usize::from(!(kind.check)(&plain));
            }
        }
        // Places that no rule weighs (a serial behind the check, a year) are few.
        if 10 * noticed < 6 * wrong {
            weak.push((kind.detector.name, noticed, wrong));
        }
    }
    assert!(weak.is_empty(), "notice too little: {weak:?}");
}

#[test]
fn a_value_with_a_wrong_check_digit_is_not_found_by_its_kind() {
    let certain = |kind: &&kind::Kind| kind.is_checked() && kind.loose.is_none();
    for kind in KINDS.iter().filter(certain) {
        let recipe = kind.recipe();
        let value = recipe.value(&mut SampleSource::new(3));
        for by in 1..10 {
            let mut bytes = value.clone().into_bytes();
            let Some(place) = bytes.iter().rposition(u8::is_ascii_digit) else { continue };
            bytes[place] = b'0' + (bytes[place] - b'0' + by) % 10;
            let plain: Vec<u8> = bytes.iter().filter(|b| b.is_ascii_alphanumeric()).copied().collect();
            if (kind.check)(&plain) {
                continue;
            }
            let text = format!("{} {}", kind.words[0], String::from_utf8_lossy(&bytes));
            let own =
                |f: &&Finding| f.detector.name() == kind.detector.name && f.confidence > Confidence::Low;
            assert_eq!(scan(&text).iter().find(own), None, "{} in {text:?}", kind.detector.name);
        }
    }
}
