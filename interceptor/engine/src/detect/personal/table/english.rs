//! The United States, Canada, the United Kingdom, Ireland, Australia, New Zealand, South Africa, Nigeria.

use super::super::super::check::{digits, luhn, oceania, south, states};
use super::super::kind::{Kind, Topic, kind};
use super::counts;

/// Areas of two letters, those of the army, of firms and of the islands too; eight others have one (Royal Mail, PAF).
const AREAS: &[u8] = b"\
    ABALBABBBDBFBHBLBNBRBSBTBXCACBCFCHCMCOCRCTCVCWDADDDEDGDHDLDNDTDYECEHENEXFKFYGLGUGXGYHAHDHGHPHRHSHUHX\
    IGIMIPIVJEKAKTKWKYLALDLELLLNLSLUMEMKMLNENGNNNPNRNWOLOXPAPEPHPLPOPRRGRHRMSASESGSKSLSMSNSOSPSRSSSTSWSY\
    TATDTFTNTQTRTSTWUBWAWCWDWFWNWRWSWVYOZE";

/// A postcode of the United Kingdom: an area in use, and the letters of its last part are without C, I, K, M, O, V (Royal
/// Mail, PAF).
fn uk_postcode(text: &[u8]) -> bool {
    let Some((outward, inward)) = text.split_last_chunk::<3>() else { return false };
    let letters =
        |bytes: &[u8], without: &[u8]| bytes.iter().all(|b| b.is_ascii_uppercase() && !without.contains(b));
    let area = match outward {
        [_, digit, ..] if digit.is_ascii_digit() => b"BEGLMNSW".contains(&outward[0]),
        [_, _, digit, ..] if digit.is_ascii_digit() => AREAS.chunks(2).any(|area| outward.starts_with(area)),
        _ => false,
    };
    area && outward.len() <= 4 && inward[0].is_ascii_digit() && letters(&inward[1..], b"CIKMOV")
}

/// A plate of Great Britain since 2001: the age is 02 to 23 or 51 to 73 so far; I, Q and Z are not used (DVLA).
fn uk_plate(text: &[u8]) -> bool {
    let Some(age) = text.get(2..4).and_then(digits::<2>).map(|d| d[0] * 10 + d[1]) else { return false };
    text.len() == 7
        && text[..2].iter().all(|b| !b"IQZ".contains(b))
        && text[4..].iter().all(|b| !b"IQ".contains(b))
        && matches!(age, 2..=29 | 51..=79)
}

/// Plates with one letter for the year, in front (1983) or behind (1963), and those before.
fn uk_old_plate(text: &[u8]) -> bool {
    !text.iter().any(|b| b"IQ".contains(b)) && text.len() >= 4
}

/// Ten digits and perhaps the two letters of the card's version (Ontario, Ministry of Health).
fn ontario(text: &[u8]) -> bool {
    let number = text.get(..10).unwrap_or_default();
    luhn(number) && text[10..].iter().all(u8::is_ascii_uppercase)
}

/// A number of a national card of Nigeria: eleven digits, not one over and over.
fn eleven(text: &[u8]) -> bool {
    text.len() == 11 && !super::super::super::check::monotonous(text)
}

/// A plate of Nigeria: three letters of a council, three digits, two letters.
fn ng_plate(text: &[u8]) -> bool {
    text.len() == 8
}

/// Letters and seven digits of a passport of the United Kingdom, or nine digits that were not typed by counting.
fn uk_passport(text: &[u8]) -> bool {
    text.len() == 9 && !(text[0].is_ascii_digit() && counts(text))
}

/// A number with its check digits, or that of a government department or health authority, which has none (HMRC).
fn uk_vat(text: &[u8]) -> bool {
    let offices = text.strip_prefix(b"GB").and_then(|rest| rest.split_at_checked(2));
    let office = match offices {
        Some((b"GD", number)) => matches!(number, [b'0'..=b'4', _, _]),
        Some((b"HA", number)) => matches!(number, [b'5'..=b'9', _, _]),
        _ => false,
    };
    office || super::super::super::check::vat::gb(text)
}

/// A business number, with the country before it or not.
fn au_abn(text: &[u8]) -> bool {
    oceania::au_abn(text.strip_prefix(b"AU").unwrap_or(text))
}

/// Travel document of the United States: a letter and eight digits or nine digits.
fn us_passport(text: &[u8]) -> bool {
    text.len() == 9 && text[1..].iter().any(|b| *b != b'0')
}

pub(super) const KINDS: &[Kind] = &[
    kind(
        "pii.us_itin",
        "US_ITIN",
        "an individual taxpayer identification number of the United States",
        states::us_itin,
        7,
    )
    .checks(&["leading 9", "assigned middle digits"])
    .forms(&["ddd-dd-dddd", "ddd dd dddd", "ddd-dddddd", "ddddd-dddd", "ddddddddd"])
    .words(&["itin", "individual taxpayer"])
    .topic(Topic::Tax)
    .sample("9dd-7d-dddd"),
    kind("pii.us_ein", "US_EIN", "an employer identification number of the United States", states::us_ein, 1)
        .checks(&["assigned prefix", "context"])
        .forms(&["dd-ddddddd", "!ddddddddd"])
        .words(&["ein", "employer identification", "fein", "federal tax id", "federal tax"])
        .topic(Topic::Tax)
        .sample("1d-ddddddd"),
    kind("pii.us_npi", "US_NPI", "a national provider identifier of the United States", states::us_npi, 50)
        .checks(&["Luhn checksum over 80840 and the number"])
        .forms(&["dddddddddd", "dddd-ddd-ddd", "dddd ddd ddd"])
        .words(&["npi", "national provider", "provider identifier"])
        .topic(Topic::Health)
        .sample("1ddddddddd"),
    kind("pii.us_mbi", "US_MBI", "a Medicare beneficiary identifier", states::us_mbi, 1000)
        .checks(&["class of each of eleven places"])
        .forms(&["dAXdAXdAAdd", "dAXd-AXd-AAdd", "dAXd AXd AAdd"])
        .words(&["mbi", "medicare beneficiary", "medicare number", "medicare id"])
        .topic(Topic::Health)
        .sample("dAXd-AXd-AAdd"),
    kind(
        "pii.us_dea",
        "US_DEA",
        "a registration with the Drug Enforcement Administration",
        states::us_dea,
        // The letters are common in references; only the last digit tells.
        14,
    )
    .checks(&["weighted sum modulo 10", "registrant's letter"])
    .forms(&["AXddddddd"])
    .words(&[
        "dea",
        "dea number",
        "dea registration",
        "certificate number",
        "medical license",
        "medical licence",
    ])
    .topic(Topic::Health)
    .sample("BAddddddd"),
    kind(
        "pii.us_aba_routing",
        "US_ABA",
        "a routing number of a bank of the United States",
        states::us_aba,
        28,
    )
    .checks(&["weighted sum modulo 10", "assigned prefix"])
    .forms(&["ddddddddd", "dddd-dddd-d"])
    .words(&["routing number", "routing no", "aba", "rtn", "routing transit", "bank routing", "routing"])
    .topic(Topic::Bank)
    .sample("0210ddddd"),
    kind("pii.us_passport", "US_PASSPORT", "a passport number of the United States", us_passport, 1)
        .checks(&["shape", "context"])
        .forms(&["Adddddddd", "ddddddddd"])
        .words(&["us passport", "u.s. passport", "american passport"])
        .topic(Topic::Passport)
        .sample("Adddddddd"),
    kind("pii.ca_sin", "CA_SIN", "a social insurance number of Canada", states::ca_sin, 12)
        .checks(&["Luhn checksum", "leading digit in use"])
        .forms(&["ddd ddd ddd", "ddd-ddd-ddd", "ddddddddd"])
        .words(&["sin", "social insurance", "numéro d'assurance sociale", "nas"])
        .topic(Topic::Social)
        .sample("1dd ddd ddd"),
    kind("pii.ca_business_number", "CA_BN", "a business number of Canada", states::ca_bn, 10)
        .checks(&["Luhn checksum"])
        .forms(&["dddddddddAAdddd", "ddddddddd AA dddd", "ddddd dddd AA dddd", "!ddddddddd", "!ddddd dddd"])
        .words(&["business number", "bn:", "gst/hst", "gst number"])
        .topic(Topic::Company)
        .sample("dddddddddRT0001"),
    kind("pii.ca_health_card", "CA_HEALTH_CARD", "a health card of Ontario", ontario, 10)
        .checks(&["Luhn checksum", "context"])
        .forms(&["!dddddddddd", "!dddd-ddd-ddd", "dddd-ddd-ddd-AA", "!dddd ddd ddd", "dddd ddd ddd AA"])
        .words(&["ohip", "health card", "ontario health"])
        .topic(Topic::Health)
        .sample("dddd-ddd-ddd-AA"),
    kind("pii.uk_nino", "UK_NINO", "a national insurance number of the United Kingdom", states::uk_nino, 100)
        .checks(&["prefix and suffix in use"])
        .forms(&["AAddddddA", "AA dd dd dd A", "AA dddddd A", "AA-dd-dd-dd-A", "AA-dddddd-A"])
        .words(&["nino", "national insurance", "ni number", "ni no"])
        .topic(Topic::Social)
        .sample("ABddddddC"),
    kind("pii.uk_nhs", "UK_NHS", "a number of the National Health Service", states::uk_nhs, 11)
        .checks(&["weighted sum modulo 11"])
        .forms(&["ddd ddd dddd", "ddd-ddd-dddd", "dddddddddd"])
        .words(&["nhs", "nhs number", "national health service", "health service number"])
        .topic(Topic::Health)
        .sample("ddd ddd dddd"),
    kind("pii.uk_utr", "UK_UTR", "a unique taxpayer reference of the United Kingdom", states::uk_utr, 11)
        .checks(&["weighted sum modulo 11"])
        .forms(&["dddddddddd", "ddddd ddddd"])
        .words(&["utr", "unique taxpayer", "taxpayer reference"])
        .topic(Topic::Tax)
        .sample("dddddddddd"),
    kind(
        "pii.uk_driving_licence",
        "UK_DRIVING_LICENCE",
        "a driver number of Great Britain",
        states::uk_driver,
        1000,
    )
    .checks(&["surname", "date of birth", "classes of all places"])
    .forms(&["AXXXXddddddXXXAA", "AXXXX ddddddXXXAA", "AXXXX dddddd XXXAA", "AXXXX-dddddd-XXXAA"])
    .words(&["driving licence", "driver number", "licence"])
    .topic(Topic::Licence)
    .sample("AAAAAd'0d1ddAA9AA"),
    kind("pii.uk_passport", "UK_PASSPORT", "a passport number of the United Kingdom", uk_passport, 1)
        .checks(&["shape", "context"])
        .forms(&["AAddddddd", "!ddddddddd"])
        .words(&["uk passport", "british passport"])
        .topic(Topic::Passport)
        .sample("AAddddddd"),
    kind("pii.uk_vat", "UK_VAT", "a value added tax number of the United Kingdom", uk_vat, 48)
        .checks(&["weighted sum modulo 97"])
        .forms(&[
            "AAddddddddd",
            "AAdddddddddddd",
            "AA ddddddddd",
            "AAddd dddd dd",
            "AA ddd dddd dd",
            "AAAAddd",
        ])
        .words(&["vat", "vat reg", "vat number"])
        .topic(Topic::Tax)
        .sample("GBddddddddd"),
    kind("pii.uk_postcode", "UK_POSTCODE", "a postcode of the United Kingdom", uk_postcode, 9)
        .checks(&["areas and letters in use"])
        .forms(&[
            "Ad dAA", "Add dAA", "AAd dAA", "AAdd dAA", "AdA dAA", "AAdA dAA", "AddAA", "AdddAA", "AAddAA",
            "AAdddAA", "AdAdAA", "AAdAdAA",
        ])
        .words(&["postcode", "post code", "postal code", "address"])
        .topic(Topic::Post)
        .sample("SWdA 1AA"),
    kind("pii.uk_license_plate", "UK_PLATE", "a vehicle registration of the United Kingdom", uk_plate, 2)
        .checks(&["letters and ages in use"])
        .forms(&["AAdd AAA", "AAddAAA", "AAdd-AAA"])
        .words(&["vehicle registration", "registration", "vrn", "number plate", "reg"])
        .topic(Topic::Vehicle)
        .sample("AB51 ABC"),
    kind(
        "pii.uk_old_license_plate",
        "UK_PLATE",
        "an older vehicle registration of the United Kingdom",
        uk_old_plate,
        1,
    )
    .checks(&["letters in use", "context"])
    .forms(&[
        "AdddAAA", "Addd AAA", "AddAAA", "Add AAA", "AAAdddA", "AAA dddA", "AAA ddA", "AAA dA", "AAAddA",
    ])
    .words(&["vehicle registration", "registration", "vrn", "number plate"])
    .topic(Topic::Vehicle)
    .sample("Mddd DEF"),
    kind("pii.ie_pps", "IE_PPS", "a personal public service number of Ireland", states::ie_pps, 23)
        .checks(&["weighted sum modulo 23"])
        .forms(&["dddddddA", "dddddddAA"])
        .words(&["pps", "ppsn", "personal public service"])
        .topic(Topic::Social)
        .sample("dddddddA"),
    kind("pii.au_tfn", "AU_TFN", "a tax file number of Australia", oceania::au_tfn, 11)
        .checks(&["weighted sum modulo 11"])
        .forms(&["ddd ddd ddd", "ddd-ddd-ddd", "ddddddddd"])
        .words(&["tfn", "tax file"])
        .topic(Topic::Tax)
        .sample("ddd ddd ddd"),
    kind("pii.au_abn", "AU_ABN", "a business number of Australia", au_abn, 89)
        .checks(&["weighted sum modulo 89"])
        .forms(&["dd ddd ddd ddd", "ddddddddddd", "AAddddddddddd"])
        .words(&["abn", "australian business"])
        .topic(Topic::Company)
        .sample("dd ddd ddd ddd"),
    kind("pii.au_acn", "AU_ACN", "a company number of Australia", oceania::au_acn, 10)
        .checks(&["weighted sum modulo 10"])
        .forms(&["ddd ddd ddd", "ddddddddd"])
        .words(&["acn", "australian company"])
        .topic(Topic::Company)
        .sample("ddd ddd ddd"),
    kind("pii.au_medicare", "AU_MEDICARE", "a Medicare card of Australia", oceania::au_medicare, 22)
        .checks(&["weighted sum modulo 10", "leading digit 2 to 6"])
        .forms(&["dddd ddddd d", "dddddddddd", "dddd ddddd d d", "dddd-ddddd-d", "dddd ddddd d/d"])
        .words(&["medicare"])
        .topic(Topic::Health)
        .sample("2ddd ddddd 1"),
    kind("pii.nz_ird", "NZ_IRD", "a tax number of New Zealand", oceania::nz_ird, 50)
        .checks(&["weighted sum modulo 11", "range in use"])
        .forms(&["dd-ddd-ddd", "ddd-ddd-ddd", "ddddddddd", "!dddddddd", "dd ddd ddd", "ddddddd-d"])
        .words(&["ird", "inland revenue"])
        .topic(Topic::Tax)
        .sample("ddd-ddd-ddd"),
    kind("pii.nz_nhi", "NZ_NHI", "a national health index number of New Zealand", oceania::nz_nhi, 15)
        .checks(&["weighted sum modulo 11 or 24", "letters in use"])
        .forms(&["AAAdddd", "AAAddAA"])
        .words(&["nhi", "national health index"])
        .topic(Topic::Health)
        .sample("AAAdddd"),
    kind("pii.za_id", "ZA_ID", "an identity number of South Africa", south::za_id, 90)
        .checks(&["Luhn checksum", "date of birth", "citizenship"])
        .forms(&["ddddddddddddd", "dddddd dddd ddd", "dddddd dddd dd d", "dddddd ddddddd"])
        .words(&["rsa id", "sa id", "refugee id", "id number", "south african id"])
        .topic(Topic::Identity)
        .sample("yymmttdddd08d"),
    kind("pii.ng_nin", "NG_NIN", "a national identification number of Nigeria", eleven, 1)
        .checks(&["shape", "context"])
        .forms(&["!ddddddddddd"])
        .words(&["nin", "national identification number", "nimc"])
        .topic(Topic::Identity)
        .sample("ddddddddddd"),
    kind("pii.ng_license_plate", "NG_PLATE", "a plate of Nigeria", ng_plate, 1)
        .checks(&["shape"])
        .forms(&["AAA-dddAA", "AAA dddAA", "AAAdddAA"])
        .words(&["plate", "plates", "vehicle registration"])
        .topic(Topic::Vehicle)
        .sample("ABJ-dddAA"),
];
