//! Germany, Austria, Switzerland, Luxembourg, the Netherlands, Belgium, Poland, Czechia, Slovakia, Hungary; and the
//! value added tax numbers of the Union.

use super::super::super::check::{baltic, east, germanic, vat};
use super::super::kind::{Kind, Topic, kind};
use super::anywhere::any;

/// `T` and eight digits: identity cards that were given out before the letters were mixed in.
fn de_old_card(text: &[u8]) -> bool {
    text.len() == 9 && text[0] == b'T' && text[1..].iter().all(u8::is_ascii_digit)
}

/// A register of companies and a number.
fn de_register(text: &[u8]) -> bool {
    matches!(text, [b'H', b'R', b'A' | b'B', ..] | [b'G' | b'P' | b'V', b'R', ..])
}

/// A company number of Switzerland without the country that belongs before it.
fn ch_digits(text: &[u8]) -> bool {
    text.len() == 9 && germanic::ch_uid(&[b"CHE", text].concat())
}

pub(super) const KINDS: &[Kind] = &[
    kind("pii.de_tax_id", "DE_TAX_ID", "a tax identification number of Germany", germanic::de_tax_id, 12)
        .checks(&["ISO 7064 mod 11,10", "how often digits are repeated"])
        .forms(&["ddddddddddd", "dd ddd ddd ddd", "dd/ddd/ddd/ddd"])
        .words(&[
            "steuer id",
            "steueridentifikationsnummer",
            "steuerliche identifikationsnummer",
            "idnr",
            "steuer idnr",
            "tin",
            "steuernummer",
        ])
        .topic(Topic::Tax)
        .sample("ddddddddddd"),
    kind("pii.de_tax_number", "DE_TAX_NUMBER", "a tax number of Germany", germanic::de_tax_number, 1)
        .checks(&["structure", "context"])
        .forms(&["!ddddddddddddd"])
        .words(&["steuernummer", "st.nr", "stnr", "steuer nr"])
        .topic(Topic::Tax)
        .sample("28150815dddd5"),
    kind(
        "pii.de_local_tax_number",
        "DE_TAX_NUMBER",
        "a tax number of Germany as its offices write it",
        any,
        1,
    )
    .checks(&["structure", "context"])
    .forms(&[
        "!dd/ddd/ddddd",
        "!ddd/ddd/ddddd",
        "!ddd/dddd/dddd",
        "!dddd/ddddd",
        "!ddd dddd dddd",
        "!dd ddd ddddd",
        "!ddd ddd ddddd",
    ])
    .words(&["steuernummer", "st.nr", "stnr", "steuer nr"])
    .topic(Topic::Tax)
    .sample("dd/ddd/ddddd"),
    kind(
        "pii.de_social_security",
        "DE_SOCIAL_SECURITY",
        "a pension insurance number of Germany",
        germanic::de_pension,
        300,
    )
    .checks(&["cross sums modulo 10", "date of birth"])
    .forms(&["ddddddddAddd", "dd dddddd A ddd", "dd dddddd A dd d"])
    .words(&[
        "rentenversicherungsnummer",
        "rvnr",
        "sozialversicherungsnummer",
        "sv nummer",
        "versicherungsnummer",
    ])
    .topic(Topic::Social)
    .sample("15ttmmyyAddd"),
    kind("pii.de_id_card", "DE_ID_CARD", "an identity card of Germany", germanic::de_document, 12)
        .checks(&["ICAO 9303 check digit", "letters in use"])
        .loose(de_old_card)
        .forms(&["AXXXXXXXd", "AXXXXXXXXd"])
        .words(&["personalausweis", "ausweisnummer", "ausweis nr", "ausweis"])
        .topic(Topic::Identity)
        .sample("LddXddTdd"),
    kind("pii.de_passport", "DE_PASSPORT", "a passport of Germany", germanic::de_passport, 30)
        .checks(&["ICAO 9303 check digit", "letters in use"])
        .forms(&["AXXXXXXXd", "AXXXXXXXXd"])
        .words(&["reisepass", "passnummer", "pass nr", "reisepaß"])
        .topic(Topic::Passport)
        .sample("CddXddTdd"),
    kind(
        "pii.de_health_insurance",
        "DE_HEALTH_INSURANCE",
        "a health insurance number of Germany",
        germanic::de_health,
        10,
    )
    .checks(&["weighted cross sums modulo 10"])
    .forms(&["Addddddddd"])
    .words(&[
        "kvnr",
        "krankenversichertennummer",
        "versichertennummer",
        "krankenversicherungsnummer",
        "krankenkasse",
        "versicherten nr",
    ])
    .topic(Topic::Health)
    .sample("Addddddddd"),
    kind("pii.de_lanr", "DE_LANR", "a physician's number of Germany", germanic::de_lanr, 10)
        .checks(&["weighted sum modulo 10"])
        .forms(&["ddddddddd"])
        .words(&["lanr", "arztnummer", "lebenslange arztnummer"])
        .topic(Topic::Health)
        .sample("ddddddd01"),
    kind("pii.de_bsnr", "DE_BSNR", "the number of a medical practice of Germany", germanic::de_bsnr, 4)
        .checks(&["area in use"])
        .forms(&["ddddddddd"])
        .words(&["bsnr", "betriebsstättennummer", "betriebsstaettennummer"])
        .topic(Topic::Health)
        .sample("02ddddddd"),
    kind(
        "pii.de_vat_id",
        "DE_VAT_ID",
        "a value added tax number of Germany",
        |t| t.strip_prefix(b"DE").is_some_and(vat::de),
        1000,
    )
    .checks(&["ISO 7064 mod 11,10", "prefix"])
    .forms(&["AAddddddddd", "AA ddddddddd", "AA ddd ddd ddd"])
    .words(&["ust id", "ust idnr", "ustid", "umsatzsteuer", "vat id", "vat"])
    .topic(Topic::Tax)
    .sample("DEddddddddd"),
    kind(
        "pii.de_driving_licence",
        "DE_DRIVING_LICENCE",
        "a driving licence of Germany",
        germanic::de_licence,
        1,
    )
    .checks(&["structure", "context"])
    .forms(&["!XddXXXXXXXX"])
    .words(&["führerschein", "fuehrerschein", "fahrerlaubnis", "führerscheinnummer"])
    .topic(Topic::Licence)
    .sample("BdddAAddXdd"),
    kind(
        "pii.de_trade_register",
        "DE_TRADE_REGISTER",
        "an entry in the trade register of Germany",
        de_register,
        2,
    )
    .checks(&["register's letters", "context"])
    .forms(&["!AAA dddddd", "!AAA ddddd", "!AAA dddd", "!AAAddddd", "!AAAdddddd"])
    .words(&["handelsregister", "amtsgericht", "registergericht", "registernummer"])
    .topic(Topic::Company)
    .sample("HRB ddddd"),
    kind("pii.at_svnr", "AT_SVNR", "a social insurance number of Austria", germanic::at_svnr, 290)
        .checks(&["weighted sum modulo 11", "date of birth"])
        .forms(&["dddd dddddd", "dddddddddd", "dddd-dddddd"])
        .words(&["svnr", "sozialversicherungsnummer", "sv nummer", "versicherungsnummer"])
        .topic(Topic::Social)
        .sample("dddd ttmmyy"),
    kind("pii.at_tin", "AT_TIN", "a tax number of Austria", germanic::at_tin, 10)
        .checks(&["cross sums modulo 10"])
        .forms(&["dd-ddd/dddd", "ddddddddd"])
        .words(&["abgabenkontonummer", "steuernummer", "tin"])
        .topic(Topic::Tax)
        .sample("dd-ddd/dddd"),
    kind("pii.ch_ahv", "CH_AHV", "a social security number of Switzerland", germanic::ch_ahv, 10_000)
        .checks(&["EAN-13 check digit", "prefix 756"])
        .forms(&["ddd.dddd.dddd.dd", "ddddddddddddd", "ddd dddd dddd dd"])
        .words(&["ahv", "avs", "ahv nummer", "navs"])
        .topic(Topic::Social)
        .sample("756.dddd.dddd.dd"),
    kind("pii.ch_uid", "CH_UID", "a company number of Switzerland", vat::ch, 1000)
        .checks(&["weighted sum modulo 11", "prefix CHE"])
        .forms(&[
            "AAAddddddddd",
            "AAA-ddd.ddd.ddd",
            "AAA ddd ddd ddd",
            "AAA-ddddddddd",
            "AAA-ddd.ddd.dddAAA",
            "AAA-ddd.ddd.dddAAAA",
        ])
        .words(&["uid", "mwst", "unternehmens identifikationsnummer", "tva"])
        .topic(Topic::Tax)
        .sample("CHE-ddd.ddd.ddd"),
    kind("pii.ch_uid_digits", "CH_UID", "the digits of a company number of Switzerland", ch_digits, 11)
        .checks(&["weighted sum modulo 11"])
        .forms(&["!ddd.ddd.ddd"])
        .words(&["uid", "mwst", "unternehmens identifikationsnummer", "tva"])
        .topic(Topic::Tax)
        .sample("ddd.ddd.ddd"),
    kind(
        "pii.lu_matricule",
        "LU_MATRICULE",
        "a national number of Luxembourg",
        germanic::lu_matricule,
        10_000,
    )
    .checks(&["Luhn checksum", "Verhoeff checksum", "date of birth"])
    .forms(&["ddddddddddddd", "dddd dd dd ddddd", "dddddddd ddddd"])
    .words(&["matricule", "numéro d'identification national"])
    .topic(Topic::Identity)
    .sample("19yymmttddddd"),
    kind("pii.nl_bsn", "NL_BSN", "a citizen service number of the Netherlands", germanic::nl_bsn, 11)
        .checks(&["weighted sum modulo 11"])
        .forms(&["ddddddddd", "ddd ddd ddd", "dddd.dd.ddd", "dddd dd ddd"])
        .words(&["bsn", "burgerservicenummer", "sofinummer", "citizen service number"])
        .topic(Topic::Identity)
        .sample("ddddddddd"),
    kind(
        "pii.be_national_number",
        "BE_NATIONAL",
        "a national register number of Belgium",
        germanic::be_national,
        280,
    )
    .checks(&["rest modulo 97", "date of birth"])
    .forms(&[
        "dd.dd.dd-ddd.dd",
        "ddddddddddd",
        "dddddd-ddd-dd",
        "dddddd ddd dd",
        "dd.dd.dd ddd.dd",
        "dd.dd.dd-ddd dd",
        "dd dd dd ddd dd",
    ])
    .words(&[
        "rijksregisternummer",
        "numéro national",
        "numéro de registre national",
        "niss",
        "insz",
        "registre national",
    ])
    .topic(Topic::Identity)
    .sample("yy.mm.tt-ddd.dd"),
    kind("pii.be_id_card", "BE_ID_CARD", "an identity card of Belgium", germanic::be_card, 97)
        .checks(&["rest modulo 97"])
        .forms(&["ddd-ddddddd-dd", "!dddddddddddd"])
        .words(&["identiteitskaart", "carte d'identité", "kaartnummer"])
        .topic(Topic::Identity)
        .sample("59d-ddddddd-dd"),
    kind("pii.eu_vat", "EU_VAT", "a value added tax number of the European Union", vat::eu, 1000)
        .checks(&["the member state's check", "prefix"])
        .forms(&[
            "AAAdddddddd",
            "AAdddddddddd",
            "AAddddddddd",
            "AAddddddddA",
            "AAdddddddd",
            "AAddddddddddd",
            "AAAdddddddA",
            "AAAddddddd",
            "AAAddddddddd",
            "AAdddddddA",
            "AAdddddddAA",
            "AAdAdddddA",
            "AAdddddddddddd",
            "AAdddddddddAdd",
            "AAdXdddddddddd",
            "AA ddddddddd",
            "AA dddddddddd",
            "AA dddddddd",
            "AA ddddddddddd",
            "AA dddd.ddd.ddd",
            "AA ddd.ddd.ddd",
            "AAAdddddddddd",
            "AA dddddddddAdd",
            "AAA dddddddd",
            "AA ddd ddd ddd",
            "AA dddd ddd ddd",
            "AA dd ddd ddd ddd",
            "AAdd ddd ddd ddd",
            "AA dddd dddd",
        ])
        .words(&["vat", "vat id", "vat number", "tva", "iva", "btw", "moms", "dph", "pvn", "pvm", "uid"])
        .topic(Topic::Tax)
        .sample("NLdddddddddBdd"),
    kind("pii.pl_pesel", "PL_PESEL", "a population register number of Poland", baltic::pl_pesel, 60)
        .checks(&["weighted sum modulo 10", "date of birth"])
        .loose(baltic::pl_pesel_sum)
        .summed()
        .forms(&["ddddddddddd"])
        .words(&["pesel"])
        .topic(Topic::Identity)
        .sample("yymmttddddd"),
    kind("pii.pl_nip", "PL_NIP", "a tax number of Poland", baltic::pl_nip, 11)
        .checks(&["weighted sum modulo 11"])
        .forms(&["ddd-ddd-dd-dd", "ddd-dd-dd-ddd", "dddddddddd", "ddd ddd dd dd"])
        .words(&["nip"])
        .topic(Topic::Tax)
        .sample("ddd-ddd-dd-dd"),
    kind("pii.pl_regon", "PL_REGON", "a register number of a business of Poland", baltic::pl_regon, 11)
        .checks(&["weighted sum modulo 11"])
        .forms(&["ddddddddd", "dddddddddddddd"])
        .words(&["regon"])
        .topic(Topic::Company)
        .sample("ddddddddd"),
    kind("pii.pl_id_card", "PL_ID_CARD", "an identity card of Poland", baltic::pl_card, 10)
        .checks(&["weighted sum modulo 10"])
        .forms(&["AAAdddddd", "AAA dddddd"])
        .words(&["dowód osobisty", "dowód", "dowodu", "dowod osobisty"])
        .topic(Topic::Identity)
        .sample("AAAdddddd"),
    kind("pii.pl_passport", "PL_PASSPORT", "a passport of Poland", baltic::pl_passport, 10)
        .checks(&["weighted sum modulo 10"])
        .forms(&["AAddddddd", "AA ddddddd"])
        .words(&["paszport", "paszportu"])
        .topic(Topic::Passport)
        .sample("AAddddddd"),
    kind(
        "pii.cz_birth_number",
        "CZ_BIRTH_NUMBER",
        "a birth number of Czechia and Slovakia",
        east::birth_number,
        130,
    )
    .checks(&["multiple of 11", "date of birth"])
    .forms(&["dddddd/dddd", "dddddddddd", "dddddd/ddd", "ddddddddd"])
    .words(&["rodné číslo", "rodne cislo", "rč", "r.č.", "rodného čísla"])
    .topic(Topic::Identity)
    .sample("yymmtt/dddd"),
    kind("pii.cz_company", "CZ_ICO", "a company number of Czechia and Slovakia", east::cz_company, 11)
        .checks(&["weighted sum modulo 11"])
        .forms(&["dddddddd", "!ddd dd ddd"])
        .words(&["ičo", "ič:", "ico:", "ičo:"])
        .topic(Topic::Company)
        .sample("dddddddd"),
    kind("pii.hu_tax_id", "HU_TAX_ID", "a tax number of Hungary", east::hu_tax, 110)
        .checks(&["weighted sum modulo 11", "leading 8"])
        .forms(&["dddddddddd"])
        .words(&["adóazonosító", "adóazonosító jel"])
        .topic(Topic::Tax)
        .sample("8ddddddddd"),
    kind("pii.hu_taj", "HU_TAJ", "a social security number of Hungary", east::hu_taj, 10)
        .checks(&["weighted sum modulo 10"])
        .forms(&["ddd ddd ddd", "ddddddddd", "ddd-ddd-ddd"])
        .words(&["taj", "taj szám", "társadalombiztosítási"])
        .topic(Topic::Social)
        .sample("ddd ddd ddd"),
    kind("pii.hu_personal_id", "HU_PERSONAL_ID", "a personal number of Hungary", east::hu_personal, 200)
        .checks(&["weighted sum modulo 11", "date of birth"])
        .forms(&["d-dddddd-dddd", "ddddddddddd", "d dddddd dddd"])
        .words(&["személyi szám", "személyi azonosító"])
        .topic(Topic::Identity)
        .sample("1-yymmtt-dddd"),
    kind("pii.hu_company", "HU_ADOSZAM", "a company's tax number of Hungary", east::hu_company, 10)
        .checks(&["weighted sum modulo 10"])
        .forms(&["dddddddd"])
        .words(&["adószám", "adoszam"])
        .topic(Topic::Company)
        .sample("dddddddd"),
];
