//! France, Spain, Italy, Portugal, Greece, Malta, Romania, Bulgaria, Croatia, Slovenia, Serbia, Turkey.

use super::super::super::check::{digits, east, luhn, monotonous, romance, vat};
use super::super::kind::{Kind, Topic, kind};

/// Two letters and seven digits, or two letters, five digits and two letters since 2016.
fn it_card(text: &[u8]) -> bool {
    text.len() == 9
}

/// A driving licence of Italy: a province's letters or `U1`, then letters and digits, a letter.
fn it_licence(text: &[u8]) -> bool {
    let letters = text.iter().filter(|b| b.is_ascii_uppercase()).count();
    text.len() == 10
        && text[9].is_ascii_uppercase()
        && (2..=8).contains(&letters)
        && text[0].is_ascii_uppercase()
}

/// A document of Malta: digits and the letter of the register; before an `A` or a `P` stands no zero (Commissioner for
/// Revenue, in the Union's descriptions of tax numbers).
fn mt_id(text: &[u8]) -> bool {
    let Some((register, number)) = text.split_last() else { return false };
    let ends = number.last().is_some_and(|b| *b != b'0' || !b"AP".contains(register));
    b"MGAPLHBZ".contains(register) && ends && number.iter().any(|b| *b != b'0')
}

/// A tax number of Malta for who has no card: nine digits that begin with one from 1 to 8, twice.
fn mt_tax(text: &[u8]) -> bool {
    matches!(text, [a @ b'1'..=b'8', b, ..] if a == b) && !monotonous(text)
}

/// A tax number of Romania for who is not in the register of persons: it begins with 9000, and its sum is not
/// published.
fn ro_tax(text: &[u8]) -> bool {
    text.strip_prefix(b"9000").is_some_and(|number| number.len() == 9 && !monotonous(number))
}

/// A plate of Turkey: the province is 01 to 81; Q, W and X are not used.
fn tr_plate(text: &[u8]) -> bool {
    let province = text.get(..2).and_then(digits::<2>).map(|d| d[0] * 10 + d[1]);
    province.is_some_and(|province| (1..=81).contains(&province)) && !text.iter().any(|b| b"QWX".contains(b))
}

/// Passport of Spain: three letters, six digits.
fn es_passport(text: &[u8]) -> bool {
    text.len() == 9
}

pub(super) const KINDS: &[Kind] = &[
    kind("pii.fr_nir", "FR_NIR", "a social security number of France", romance::fr_nir, 500)
        .checks(&["rest modulo 97", "sex and month"])
        .forms(&[
            "ddddddddddddddd",
            "d dd dd dd ddd ddd dd",
            "ddddddAdddddddd",
            "d dd dd dA ddd ddd dd",
            "d dd dd ddddd ddd dd",
        ])
        .words(&["nir", "sécurité sociale", "securite sociale", "numéro de sécu", "insee"])
        .topic(Topic::Social)
        .sample("1yymm75dddddddd"),
    kind("pii.fr_siren", "FR_SIREN", "a company number of France", romance::fr_siren, 10)
        .checks(&["Luhn checksum"])
        .forms(&["ddddddddd", "ddd ddd ddd"])
        .words(&["siren", "rcs"])
        .topic(Topic::Company)
        .sample("ddd ddd ddd"),
    kind("pii.fr_siret", "FR_SIRET", "an establishment's number of France", romance::fr_siret, 100)
        .checks(&["Luhn checksum, twice"])
        .forms(&["dddddddddddddd", "ddd ddd ddd ddddd"])
        .words(&["siret"])
        .topic(Topic::Company)
        .sample("ddd ddd ddd 000dd"),
    kind("pii.fr_tax_id", "FR_TAX_ID", "a tax number of France", romance::fr_spi, 1200)
        .checks(&["rest modulo 511", "leading digit 0 to 3"])
        .forms(&["ddddddddddddd", "dd dd ddd ddd ddd"])
        .words(&["numéro fiscal", "spi", "identifiant fiscal"])
        .topic(Topic::Tax)
        .sample("3dddddddddddd"),
    kind("pii.es_nif", "ES_NIF", "a tax number of a citizen of Spain", romance::es_nif, 23)
        .checks(&["check letter modulo 23"])
        .forms(&[
            "ddddddddA",
            "dddddddd-A",
            "dddddddA",
            "ddddddd-A",
            "dd.ddd.ddd-A",
            "dd.ddd.dddA",
            "dddddddd A",
        ])
        .words(&["nif", "dni", "documento nacional de identidad"])
        .topic(Topic::Identity)
        .sample("ddddddddA"),
    kind("pii.es_nie", "ES_NIE", "an identity number of a foreigner in Spain", romance::es_nie, 180)
        .checks(&["check letter modulo 23", "leading letter"])
        .forms(&["AdddddddA", "A-ddddddd-A", "A ddddddd A", "Addddddd-A", "A-dddddddA"])
        .words(&["nie", "extranjero"])
        .topic(Topic::Identity)
        .sample("YdddddddA"),
    kind("pii.es_cif", "ES_CIF", "a tax number of a company of Spain", romance::es_cif, 20)
        .checks(&["cross sums modulo 10", "leading letter"])
        .forms(&["AdddddddX", "A-dddddddX", "A-ddddddd-X"])
        .words(&["cif", "nif"])
        .topic(Topic::Company)
        .sample("Bdddddddd"),
    kind("pii.es_bank_account", "ES_CCC", "a bank account of Spain", romance::es_ccc, 121)
        .checks(&["two weighted sums modulo 11"])
        .forms(&[
            "dddd dddd dd dddddddddd",
            "dddddddddddddddddddd",
            "dddd-dddd-dd-dddddddddd",
            "dddd-dddd-dd dddddddddd",
        ])
        .words(&["ccc", "cuenta bancaria", "código cuenta cliente", "cuenta corriente"])
        .topic(Topic::Bank)
        .sample("2100 dddd dd dddddddddd"),
    kind("pii.es_passport", "ES_PASSPORT", "a passport of Spain", es_passport, 1)
        .checks(&["shape"])
        .forms(&["AAAdddddd"])
        .words(&["pasaporte"])
        .topic(Topic::Passport)
        .sample("AAAdddddd"),
    kind("pii.it_fiscal_code", "IT_FISCAL_CODE", "a fiscal code of Italy", romance::it_fiscal, 1000)
        .checks(&["check letter modulo 26", "structure"])
        .loose(romance::it_fiscal_shape)
        .forms(&["AAAAAAXXAXXAXXXA", "AAA AAA XXAXX AXXXA", "AAAAAA XXAXX AXXXA"])
        .words(&["codice fiscale", "cod. fisc", "c.f.", "fiscal code"])
        .topic(Topic::Tax)
        .sample("AAAAAAyyCttHdddA"),
    kind("pii.it_vat", "IT_VAT", "a value added tax number of Italy", romance::it_vat, 100)
        .checks(&["Luhn checksum", "office"])
        .forms(&["ddddddddddd"])
        .words(&["partita iva", "p.iva", "p. iva", "piva"])
        .topic(Topic::Tax)
        .sample("ddddddd05dd"),
    kind("pii.it_id_card", "IT_ID_CARD", "an identity card of Italy", it_card, 1)
        .checks(&["shape"])
        .forms(&["AAddddddd", "AA ddddddd", "AAdddddAA", "!dddddddAA"])
        .words(&["carta d'identità", "carta identità", "carta d identita", "documento d'identità"])
        .topic(Topic::Identity)
        .sample("AAdddddAA"),
    kind("pii.it_driving_licence", "IT_DRIVING_LICENCE", "a driving licence of Italy", it_licence, 2)
        .checks(&["shape"])
        .forms(&["AAdddddddA", "AdXXXXXXXA"])
        .words(&["patente", "patente di guida"])
        .topic(Topic::Licence)
        .sample("AAdddddddA"),
    kind("pii.pt_nif", "PT_NIF", "a tax number of Portugal", romance::pt_nif, 12)
        .checks(&["weighted sum modulo 11", "leading digit in use"])
        .forms(&["ddddddddd", "ddd ddd ddd"])
        .words(&["nif", "contribuinte", "nipc", "número de identificação fiscal"])
        .topic(Topic::Tax)
        .sample("2dd ddd ddd"),
    kind("pii.pt_citizen_card", "PT_CC", "a citizen card of Portugal", romance::pt_cc, 100)
        .checks(&["Luhn over letters and digits"])
        .forms(&["dddddddddAAd", "dddddddd d AAd", "dddddddd-d-AAd", "dddddddd d AA d"])
        .words(&["cartão de cidadão", "cartao de cidadao", "cc:"])
        .topic(Topic::Identity)
        .sample("dddddddd d AAd"),
    kind("pii.gr_tax_id", "GR_AFM", "a tax number of Greece", east::gr_tax, 11)
        .checks(&["powers of two modulo 11"])
        .forms(&["ddddddddd"])
        .words(&["afm", "αφμ", "α.φ.μ"])
        .topic(Topic::Tax)
        .sample("ddddddddd"),
    kind("pii.gr_amka", "GR_AMKA", "a social security number of Greece", east::gr_amka, 270)
        .checks(&["Luhn checksum", "date of birth"])
        .forms(&["ddddddddddd"])
        .words(&["amka", "αμκα", "α.μ.κ.α"])
        .topic(Topic::Social)
        .sample("ttmmyyddddd"),
    kind("pii.mt_id", "MT_ID", "an identity number of Malta", mt_id, 3)
        .checks(&["letter of the register"])
        .forms(&["!dddddddA", "!ddddddA", "!dddddA", "!ddddA"])
        .words(&["maltese id", "id card", "malta"])
        .topic(Topic::Identity)
        .sample("ddddddd'M"),
    kind("pii.mt_tax_id", "MT_TAX_ID", "a tax number of Malta", mt_tax, 11)
        .checks(&["repeated leading digit", "context"])
        .forms(&["!ddddddddd"])
        .words(&["maltese tax", "malta tin", "malta tax"])
        .topic(Topic::Tax)
        .sample("33ddddddd"),
    kind("pii.ro_cnp", "RO_CNP", "a personal number of Romania", east::ro_cnp, 580)
        .checks(&["weighted sum modulo 11", "date of birth", "county"])
        .forms(&["ddddddddddddd"])
        .words(&["cnp", "cod numeric personal"])
        .topic(Topic::Identity)
        .sample("1yymmtt10dddd"),
    kind("pii.ro_nif", "RO_NIF", "a tax number of a foreigner in Romania", ro_tax, 10_000)
        .checks(&["prefix 9000", "context"])
        .forms(&["!ddddddddddddd"])
        .words(&["nif", "număr de identificare fiscală", "cod fiscal"])
        .topic(Topic::Tax)
        .sample("9000ddddddddd"),
    kind("pii.ro_cui", "RO_CUI", "a company number of Romania", east::ro_cui, 11)
        .checks(&["weighted sum modulo 11"])
        .forms(&[
            "!ddddddd",
            "!dddddddd",
            "!AAdddddddd",
            "!AAddddddd",
            "!dddddd",
            "!ddd ddd dd",
            "!AA ddd ddd dd",
        ])
        .words(&["cui", "cif", "cod unic de înregistrare"])
        .topic(Topic::Company)
        .sample("dddddddd"),
    kind("pii.bg_egn", "BG_EGN", "a personal number of Bulgaria", east::bg_egn, 100)
        .checks(&["weighted sum modulo 11", "date of birth"])
        .forms(&["dddddddddd", "dddddd dddd", "dddddd ddd d"])
        .words(&["egn", "егн"])
        .topic(Topic::Identity)
        .sample("yymmttdddd"),
    kind("pii.bg_company", "BG_EIK", "a company number of Bulgaria", east::bg_company, 10)
        .checks(&["weighted sum modulo 11"])
        .forms(&["!ddddddddd"])
        .words(&["eik", "еик", "bulstat", "булстат"])
        .topic(Topic::Company)
        .sample("ddddddddd"),
    kind("pii.hr_oib", "HR_OIB", "a personal number of Croatia", east::hr_oib, 10)
        .checks(&["ISO 7064 mod 11,10"])
        .forms(&["ddddddddddd"])
        .words(&["oib", "osobni identifikacijski broj"])
        .topic(Topic::Identity)
        .sample("ddddddddddd"),
    kind("pii.si_emso", "SI_EMSO", "a personal number of Slovenia", east::si_emso, 10_000)
        .checks(&["weighted sum modulo 11", "date of birth", "region"])
        .forms(&["ddddddddddddd"])
        .words(&["emšo", "emso"])
        .topic(Topic::Identity)
        .sample("ttmm9yy50dddd"),
    kind("pii.si_tax_id", "SI_TAX_ID", "a tax number of Slovenia", east::si_tax, 11)
        .checks(&["weighted sum modulo 11"])
        .forms(&["dddddddd"])
        .words(&["davčna številka", "davcna stevilka"])
        .topic(Topic::Tax)
        .sample("dddddddd"),
    kind(
        "pii.rs_jmbg",
        "JMBG",
        "a personal number of Serbia, Bosnia, Montenegro and North Macedonia",
        east::jmbg,
        300,
    )
    .checks(&["weighted sum modulo 11", "date of birth", "region"])
    .forms(&["ddddddddddddd"])
    .words(&["jmbg", "јмбг", "matični broj", "ембг"])
    .topic(Topic::Identity)
    .sample("ttmm9yy71dddd"),
    kind("pii.rs_tax_id", "RS_PIB", "a tax number of Serbia", east::rs_tax, 10)
        .checks(&["ISO 7064 mod 11,10"])
        .forms(&["!ddddddddd"])
        .words(&["pib", "пиб"])
        .topic(Topic::Tax)
        .sample("ddddddddd"),
    kind("pii.tr_id", "TR_ID", "an identity number of Turkey", east::tr_id, 110)
        .checks(&["two weighted sums modulo 10"])
        .forms(&["ddddddddddd"])
        .words(&["tckn", "t.c. kimlik", "tc kimlik", "kimlik no", "kimlik numarası"])
        .topic(Topic::Identity)
        .sample("ddddddddddd"),
    kind("pii.tr_tax_id", "TR_VKN", "a tax number of Turkey", east::tr_tax, 10)
        .checks(&["shifted sum modulo 9 and 10"])
        .forms(&["dddddddddd"])
        .words(&["vkn", "vergi no", "vergi kimlik", "vergi numarası"])
        .topic(Topic::Tax)
        .sample("dddddddddd"),
    kind("pii.tr_license_plate", "TR_PLATE", "a plate of Turkey", tr_plate, 2)
        .checks(&["province", "letters in use"])
        .forms(&[
            "dd A dd",
            "dd A dddd",
            "dd A ddd",
            "dd AA dd",
            "dd AA ddd",
            "dd AA dddd",
            "dd AAA dd",
            "dd AAA ddd",
            "dd AAA dddd",
            "!ddAAAddd",
            "!ddAAddd",
            "!ddAAdddd",
            "!ddAAAdd",
        ])
        .words(&["plaka", "plakası", "araç"])
        .topic(Topic::Vehicle)
        .sample("34 AAA ddd"),
    kind("pii.cy_tax_id", "CY_TIC", "a tax number of Cyprus", vat::cy, 26)
        .checks(&["sum by places modulo 26"])
        .forms(&["ddddddddA"])
        .words(&["tic", "φορολογικής ταυτότητας"])
        .topic(Topic::Tax)
        .sample("00ddddddA"),
    kind("pii.loyalty_number", "LOYALTY_NUMBER", "a customer's card with a check digit", luhn, 10)
        .checks(&["Luhn checksum", "context"])
        .forms(&["!dddddddddd", "!ddddddddddddd", "!dddddddddddddddd", "!ddddddddddddddddddd"])
        .words(&[
            "loyalty",
            "frequent flyer",
            "miles & more",
            "bonuscard",
            "payback",
            "kundenkarte",
            "customer card",
            "membership number",
        ])
        .sample("dddddddddddddddd"),
];
