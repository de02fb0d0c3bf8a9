//! What only words can tell about a person, in any country: a date of birth, records, accounts, papers.

use super::super::super::check::{date, monotonous};
use super::super::kind::{Kind, Topic, kind};

/// A day, month and year in an order that some country uses.
fn birth(text: &[u8]) -> bool {
    if let Some(name) = text.iter().position(u8::is_ascii_alphabetic) {
        return text.len() - name >= 3 + 4 && is_month(&text[name..name + 3]);
    }
    if !text.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let number = |part: &[u8]| part.iter().fold(0u16, |n, b| n * 10 + u16::from(b - b'0'));
    let year = |part: &[u8]| matches!(number(part), 1900..=2030);
    match text.len() {
        8 => {
            let (a, b, c, d) =
                (number(&text[..2]), number(&text[2..4]), number(&text[4..]), number(&text[..4]));
            (year(&text[4..]) && (date::exists(c, a, b) || date::exists(c, b, a)))
                || (year(&text[..4]) && date::exists(d, number(&text[4..6]), number(&text[6..])))
        }
        // Written with one digit where one is enough. The marks are gone, so that only the year can be told.
        7 => year(&text[3..]) || year(&text[..4]),
        // `dd/mm/yy` and `d/m/yyyy`.
        6 => year(&text[2..]) || short(text),
        5 => true,
        _ => false,
    }
}

/// Two digits each of a day, a month and a year, in some order.
fn short(text: &[u8]) -> bool {
    let part = |at: usize| (text[at] - b'0') * 10 + (text[at + 1] - b'0');
    let both = |a: u8, b: u8| matches!((a, b), (1..=12, 1..=31) | (13..=31, 1..=12));
    both(part(0), part(2)) || both(part(2), part(4))
}

/// Beginnings of the names of months in the languages whose names have no other letters than ASCII has, after each other.
fn is_month(letters: &[u8]) -> bool {
    const MONTHS: &[u8] =
        b"JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDECMAIMEIOKTDEZDEZFEVAVRJUIENEABRAGODICGENMAGGIULUGSETOTTOUT";
    MONTHS.chunks(3).any(|month| month == letters)
}

/// A value that is not one character over and over, with a digit in it.
pub(super) fn with_digit(text: &[u8]) -> bool {
    text.iter().filter(|b| b.is_ascii_digit()).count() >= 3 && !monotonous(text)
}

pub(super) const KINDS: &[Kind] = &[
    kind("pii.date_of_birth", "DATE_OF_BIRTH", "a date of birth", birth, 1)
        .checks(&["calendar", "context"])
        .forms(&[
            "!dd/dd/dddd",
            "!d/d/dddd",
            "!dd/d/dddd",
            "!d/dd/dddd",
            "!dddd/dd/dd",
            "!dd/dd/dd",
            "!d/d/dd",
            "!dd/d/dd",
            "!d/dd/dd",
            "!dd-dd-dddd",
            "!d-d-dddd",
            "!dddd-dd-dd",
            "!dd-dd-dd",
            "!dd.dd.dddd",
            "!d.d.dddd",
            "!dd.d.dddd",
            "!d.dd.dddd",
            "!dd.dd.dd",
            "!dddd.dd.dd",
            "!dd dd dddd",
            "!dd-AAA-dddd",
            "!d-AAA-dddd",
            "!dd AAA dddd",
            "!d AAA dddd",
            "!dd AAAA dddd",
            "!d AAAA dddd",
            "!dd AAAAA dddd",
            "!d AAAAA dddd",
            "!dd AAAAAA dddd",
            "!d AAAAAA dddd",
            "!dd AAAAAAA dddd",
            "!d AAAAAAA dddd",
            "!dd AAAAAAAA dddd",
            "!d AAAAAAAA dddd",
            "!dd AAAAAAAAA dddd",
            "!d AAAAAAAAA dddd",
            "!dddddddd",
        ])
        .words(&["date of birth", "dob", "born on", "birth date", "birthday"])
        .topic(Topic::Birth)
        .sample("tt/mm/19yy"),
    kind("pii.medical_record", "MEDICAL_RECORD", "the number of a medical record or patient", with_digit, 1)
        .checks(&["context"])
        .forms(&[
            "!dddddd",
            "!ddddddd",
            "!dddddddd",
            "!ddddddddd",
            "!dddddddddd",
            "!Addddddd",
            "!Adddddddd",
            "!AAdddddd",
            "!AAAdddddd",
            "!AAA-dddddd",
            "!AAA-ddddddd",
            "!AAA-dddddddd",
            "!ddd-ddd-ddd",
            "!AA-dddddd",
            "!dd-dd-dd",
        ])
        .words(&[
            "mrn",
            "medical record number",
            "medical record",
            "patient id",
            "patient number",
            "patient no",
            "chart number",
            "patientennummer",
            "numéro de dossier",
            "historia clínica",
            "cartella clinica",
            "病历号",
            "カルテ番号",
            "차트번호",
        ])
        .sample("ddddddddd"),
    kind(
        "pii.insurance_number",
        "INSURANCE_NUMBER",
        "the number of an insurance policy or member",
        with_digit,
        1,
    )
    .checks(&["context"])
    .forms(&[
        "!ddddddddd",
        "!dddddddddd",
        "!ddddddddddd",
        "!dddddddddddd",
        "!Adddddddd",
        "!Addddddddd",
        "!AAAddddddd",
        "!AAAddddddddd",
        "!AAAdddddddd",
        "!AAAdAAdddddd",
        "!AAA-ddddddddd",
        "!AA-ddddddd",
        "!AAA-ddddddd",
    ])
    .words(&[
        "member id",
        "member number",
        "policy number",
        "policy no",
        "subscriber id",
        "insurance id",
        "insurance number",
        "insurance policy",
        "versicherungsschein",
        "policennummer",
        "numéro de police",
        "número de póliza",
        "numero di polizza",
        "apólice",
        "polisnummer",
        "numer polisy",
        "poliçe",
        "保单号",
        "証券番号",
        "보험증권",
    ])
    .sample("AAAddddddddd"),
    kind("pii.bank_account", "BANK_ACCOUNT", "a bank account number", with_digit, 1)
        .checks(&["context"])
        .forms(&[
            "!dddddd",
            "!ddddddd",
            "!dddddddd",
            "!ddddddddd",
            "!dddddddddd",
            "!ddddddddddd",
            "!dddddddddddd",
            "!ddddddddddddd",
            "!dddddddddddddd",
            "!ddddddddddddddd",
            "!dddddddddddddddd",
            "!ddddddddddddddddd",
            "!dddd-dddd-dddd",
            "!dddd dddd dddd",
            "!dd-dddddd-d",
            "!ddd-dddddd-d",
            "!dddd-ddddddd",
            "!dddd dd ddddd",
            "!dddd.dd.ddddd",
            "!ddd-ddd-dddddd",
            "!ddd-dd-dddddd",
            "!ddd-dddddd-dd-ddd",
            "!dd-dddd-ddddddd-dd",
        ])
        .words(&[
            "account number",
            "account no",
            "account #",
            "acct number",
            "acct no",
            "acct",
            "bank account",
            "checking account",
            "savings account",
            "kontonummer",
            "konto nr",
            "kontonr",
            "numéro de compte",
            "número de cuenta",
            "cuenta bancaria",
            "numero di conto",
            "conta bancária",
            "rekeningnummer",
            "numer konta",
            "bankkontonummer",
            "tilinumero",
            "hesap numarası",
            "hesap no",
            "číslo účtu",
            "номер счета",
            "银行账号",
            "口座番号",
            "계좌번호",
            "เลขที่บัญชี",
            "nomor rekening",
        ])
        .topic(Topic::Bank)
        .sample("dddddddddddd"),
    kind("pii.passport", "PASSPORT", "a passport number", with_digit, 1)
        .checks(&["context"])
        .forms(&[
            "!ddddddd",
            "!dddddddd",
            "!ddddddddd",
            "!dddddddddd",
            "!Adddddd",
            "!Addddddd",
            "!Adddddddd",
            "!Addddddddd",
            "!AAdddddd",
            "!AAddddddd",
            "!AAdddddddd",
            "!AAAdddddd",
            "!AAAddddddd",
            "!ddAAddddd",
            "!AAXXXXXXd",
            "!dddddddA",
            "!AA dddddd",
            "!AA ddddddd",
            "!A ddddddd",
            "!dd dd dddddd",
            "!dddd dddddd",
            "!dd ddddddd",
            "!AdddAdddd",
            "!AAAddddddA",
            "!AAAAdddddd",
        ])
        .words(&[
            "passport",
            "travel document",
            "reisepass",
            "passnummer",
            "passeport",
            "pasaporte",
            "passaporto",
            "passaporte",
            "paspoort",
            "paszport",
            "паспорт",
            "διαβατήριο",
            "护照",
            "護照",
            "パスポート",
            "旅券",
            "여권",
            "หนังสือเดินทาง",
            "pasaport",
            "útlevél",
            "pașaport",
            "passport no",
            "passport number",
        ])
        .topic(Topic::Passport)
        .sample("Adddddddd"),
    kind("pii.driver_license", "DRIVER_LICENSE", "the number of a driving licence", with_digit, 1)
        .checks(&["context"])
        .forms(&[
            "!ddddddd",
            "!dddddddd",
            "!ddddddddd",
            "!dddddddddd",
            "!ddddddddddd",
            "!dddddddddddd",
            "!Adddddd",
            "!Addddddd",
            "!Adddddddd",
            "!Addddddddd",
            "!Adddddddddd",
            "!Addddddddddd",
            "!Adddddddddddd",
            "!Addddddddddddd",
            "!Adddddddddddddd",
            "!AAdddddd",
            "!AAddddddA",
            "!AAddddddd",
            "!AAddddddddA",
            "!AAdddddddA",
            "!Addd-dddd-dddd",
            "!Addd-ddd-dd-ddd-d",
            "!ddd-dd-dddd",
            "!ddAAAdddd",
            "!ddAAAddddd",
            "!dddAAdddd",
            "!dd-dd-dddddd-dd",
            "!dd dd dddddd",
            "!ddAAdddddd",
            "!AAAddddddddd",
            "!AAAAAdddddd",
            "!AdddddA",
            "!Adddd-ddddd-ddddd",
            "!ddddddddA",
            "!dddddddAA",
            "!AdXddd dddXd",
            "!AA-dd-dddd-ddddddd",
        ])
        .words(&[
            "driver's lic",
            "drivers lic",
            "driver lic",
            "driver’s lic",
            "driving lic",
            "dl number",
            "dl no",
            "license number",
            "licence number",
            "führerschein",
            "permis de conduire",
            "licencia de conducir",
            "permiso de conducir",
            "patente di guida",
            "carta de condução",
            "rijbewijs",
            "prawo jazdy",
            "körkort",
            "kørekort",
            "førerkort",
            "ajokortti",
            "ehliyet",
            "řidičský průkaz",
            "водительск",
            "驾驶证",
            "運転免許",
            "운전면허",
            "ใบขับขี่",
        ])
        .topic(Topic::Licence)
        .sample("Adddddddd"),
];
