//! Dates with named months, as people write them, and what only looks like one.

use crate::detect::{Detectors, Finding};

fn dates(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    Detectors::builtin().scan(text.as_bytes(), &mut found);
    let dates = found.iter().filter(|found| found.detector.name() == "pii.date_of_birth");
    dates.map(|found: &Finding| text[found.start..found.end].to_owned()).collect()
}

#[test]
fn months_are_words_in_any_order_and_language() {
    let cases = [
        ("born ", "March 3, 1980", "."),
        ("She was born on ", "August 14th 1990", " in Bonn"),
        ("Born in Clermont-Ferrand on ", "Sept. 9, 1975", ""),
        ("DOB: ", "Mar 3, 1980", "\n"),
        ("\"date_of_birth\": \"", "March 3, 1980", "\""),
        ("| Birthday | ", "3 March 1980", " |"),
        ("D.O.B. ", "03-Mar-1980", ""),
        ("**Date of birth:** ", "3rd of March 1980", ""),
        ("née le ", "1er août 1992", " à Lyon"),
        ("geboren am ", "3. März 1980", ""),
        ("Geburtsdatum: ", "03. Dezember 1971", ""),
        ("fecha de nacimiento: ", "3 de marzo de 1980", ""),
        ("data de nascimento ", "5 de outubro de 2001", ""),
        ("nata il ", "7 luglio 1966", ""),
        ("urodzony ", "2 października 1988", ""),
    ];
    for (before, date, behind) in cases {
        assert_eq!(dates(&format!("{before}{date}{behind}")), [date], "{before}{date}{behind}");
    }
}

#[test]
fn other_dates_and_words_are_nobodys() {
    let silent = [
        "released on March 3, 1980",
        "born in March",
        "born in March 1980",
        "born May 40, 1980",
        "born February 30, 1980",
        "born March 3, 1780",
        "stubborn March 3, 1980",
        "birth rates\nMarch 3, 1980 was a Monday",
        "birth: see page 3 of March 1980s",
        "airborne on March 3, 1980",
        "born 1980, died March 3, 1999",
    ];
    for text in silent {
        assert_eq!(dates(text), [""; 0], "{text}");
    }
}
