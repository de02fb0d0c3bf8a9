//! Numbers of no country: securities, vehicles, devices, researchers; and what only words can tell: accounts,
//! dates of birth, records.

use super::super::super::check::{date, finance};
use super::super::kind::{Kind, Topic, kind};

/// Anything: the words before it are the evidence.
pub(super) fn any(_: &[u8]) -> bool {
    true
}

/// A day, month and year in an order that some country uses.
fn birth(text: &[u8]) -> bool {
    if !text.iter().all(u8::is_ascii_digit) {
        return text.iter().filter(|b| b.is_ascii_digit()).count() >= 5;
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
        4..=6 => true,
        _ => false,
    }
}

/// A value that is not one character over and over, with a digit in it.
fn with_digit(text: &[u8]) -> bool {
    text.iter().filter(|b| b.is_ascii_digit()).count() >= 3 && !super::super::super::check::monotonous(text)
}

/// Four decimal places and more of a place on earth.
fn place(text: &[u8]) -> bool {
    with_digit(text)
}

pub(super) const KINDS: &[Kind] = &[
    kind("pii.lei", "LEI", "a legal entity identifier", finance::lei, 97)
        .checks(&["ISO 7064 mod 97-10"])
        .forms(&["XXXXXXXXXXXXXXXXXXdd", "!XXXX XXXX XXXX XXXX XXdd"])
        .words(&["lei", "legal entity"])
        .topic(Topic::Company)
        .sample("dddd00XXXXXXXXXXXXdd"),
    kind("pii.isin", "ISIN", "a securities identification number", finance::isin, 10)
        .checks(&["Luhn over letters and digits", "country"])
        .forms(&["AAXXXXXXXXXd"])
        .words(&["isin", "securities identification"])
        .sample("USdddddddddd"),
    kind("pii.cusip", "CUSIP", "a CUSIP number of a security", finance::cusip, 10)
        .checks(&["modulus 10 double add double"])
        .forms(&["!XXXXXXXXd"])
        .words(&["cusip"])
        .sample("dddddXddd"),
    kind("pii.sedol", "SEDOL", "a SEDOL number of a security", finance::sedol, 10)
        .checks(&["weighted sum modulo 10"])
        .forms(&["!XXXXXXd"])
        .words(&["sedol"])
        .sample("Bdddddd"),
    kind("pii.bic", "BIC", "a bank identifier code", finance::bic, 1)
        .checks(&["structure of ISO 9362", "context"])
        .forms(&["!AAAAAAXX", "!AAAAAAXXXXX"])
        .words(&["bic", "swift", "swift code", "bic/swift"])
        .sample("AAAADEFd"),
    kind("pii.vin", "VIN", "a vehicle identification number", finance::vin, 11)
        .loose(finance::vin_shape)
        .checks(&["weighted sum modulo 11", "alphabet without I, O and Q"])
        .forms(&["XXXXXXXXXXXXXdddd"])
        .words(&[
            "vin",
            "chassis",
            "vehicle identification",
            "fahrgestellnummer",
            "fin:",
            "bastidor",
            "telaio",
        ])
        .topic(Topic::Vehicle)
        .sample("dAAAAddddXAdddddd"),
    kind("pii.imei", "IMEI", "an identity of a mobile device", finance::imei, 10)
        .checks(&["Luhn checksum"])
        .forms(&["ddddddddddddddd", "dd-dddddd-dddddd-d", "dd dddddd dddddd d"])
        .words(&["imei"])
        .topic(Topic::Device)
        .sample("35ddddddddddddd"),
    kind("pii.iccid", "ICCID", "the number of a SIM card", finance::iccid, 1000)
        .checks(&["Luhn checksum", "prefix 89"])
        .forms(&["ddddddddddddddddddd", "dddddddddddddddddddd"])
        .words(&["iccid", "sim"])
        .topic(Topic::Device)
        .sample("8949ddddddddddddddd"),
    kind("pii.imsi", "IMSI", "an identity of a mobile subscriber", any, 1)
        .checks(&["context"])
        .forms(&["!ddddddddddddddd"])
        .words(&["imsi"])
        .sample("26201dddddddddd"),
    kind("pii.orcid", "ORCID", "an identifier of a researcher", finance::orcid, 1000)
        .checks(&["ISO 7064 mod 11-2"])
        .forms(&["dddd-dddd-dddd-dddX"])
        .words(&["orcid"])
        .sample("0000-000d-dddd-dddd"),
    kind("pii.grid", "GRID", "a global release identifier", finance::grid, 1000)
        .checks(&["ISO 7064 mod 37,36"])
        .forms(&["AdXXXXXXXXXXXXXXXX", "Ad-XXXXX-XXXXXXXXXX-X"])
        .words(&["grid"])
        .sample("'A1-2425G-dddddddddd-d"),
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
        .sample("Adddddddd"),
    kind("pii.license_plate", "LICENSE_PLATE", "the plate of a vehicle", any, 1)
        .checks(&["context"])
        .forms(&[
            "!AAA dddd",
            "!AAA-dddd",
            "!AAAdddd",
            "!dAAAddd",
            "!AA-ddd-AA",
            "!AA ddd AA",
            "!AAdddAA",
            "!A-AA dddd",
            "!A-AA ddd",
            "!AA-AA ddd",
            "!AA-A ddd",
            "!AA-A dddd",
            "!A-A dddd",
            "!AAA-A ddd",
            "!AA-AA dddd",
            "!AAA-AA ddd",
            "!AA-AA dd",
            "!AAA-ddd",
            "!AAA ddd",
            "!AAAddd",
            "!dddd AAA",
            "!dddd-AAA",
            "!ddddAAA",
            "!AA ddddd",
            "!AA dddd AA",
            "!dd-AA-dd",
            "!AA-dd-dd",
            "!dd-dd-AA",
            "!dAAAdd",
            "!AAAdAdd",
            "!d-AAA-ddd",
            "!ddd AA dd",
            "!ddd-AAA",
            "!ddd AAA",
            "!AA dd dddd",
            "!AA-dd-AA-dddd",
            "!AA dd AA dddd",
        ])
        .topic(Topic::Vehicle)
        .words(&[
            "license plate",
            "licence plate",
            "number plate",
            "plate number",
            "kennzeichen",
            "plaque d'immatriculation",
            "matrícula",
            "matricula",
            "targa",
            "kenteken",
            "nummerplade",
            "plaka",
            "rendszám",
            "车牌",
            "車牌",
            "차량번호",
            "госномер",
        ])
        .sample("AAA dddd"),
    kind("pii.postal_code", "POSTAL_CODE", "a postal code", any, 1)
        .checks(&["context"])
        .forms(&[
            "!ddddd",
            "!ddddd-dddd",
            "!dddddd",
            "!AdA dAd",
            "!AdAdAd",
            "!dd-ddd",
            "!ddd dd",
            "!ddddd-ddd",
            "!dddd AA",
            "!ddd-dddd",
            "!ddd-ddd",
            "!dddd-ddd",
            "!AddXXXX",
            "!Add XXXX",
            "!ddddAA",
            "!AA-dddd",
            "!dddddddd",
        ])
        .words(&[
            "zip code",
            "zipcode",
            "zip",
            "postal code",
            "postcode",
            "post code",
            "postleitzahl",
            "plz",
            "code postal",
            "código postal",
            "cep",
            "codice postale",
            "kod pocztowy",
            "postnummer",
            "psč",
            "irányítószám",
            "индекс",
            "posta kodu",
            "邮编",
            "邮政编码",
            "郵便番号",
            "우편번호",
            "รหัสไปรษณีย์",
            "poskod",
            "kode pos",
            "pin code",
            "pincode",
            "eircode",
        ])
        .sample("ddddd"),
    kind("pii.geo_coordinate", "COORDINATE", "a coordinate of a place", place, 1)
        .checks(&["context"])
        .forms(&[
            "!dd.dddd",
            "!d.dddd",
            "!ddd.dddd",
            "!dd.ddddd",
            "!d.ddddd",
            "!ddd.ddddd",
            "!dd.dddddd",
            "!d.dddddd",
            "!ddd.dddddd",
            "!dd.ddddddd",
            "!ddd.ddddddd",
        ])
        .words(&[
            "latitude",
            "longitude",
            "lat",
            "lon",
            "lng",
            "gps",
            "coordinates",
            "breitengrad",
            "längengrad",
            "koordinaten",
        ])
        .sample("4d.ddddd"),
    kind("pii.employee_id", "EMPLOYEE_ID", "the number of an employee", with_digit, 1)
        .checks(&["context"])
        .forms(&[
            "!ddddd",
            "!dddddd",
            "!ddddddd",
            "!dddddddd",
            "!Addddd",
            "!Adddddd",
            "!AAAddddd",
            "!AAA-ddddd",
            "!AAA-dddddd",
            "!A-dddddd",
        ])
        .words(&[
            "employee id",
            "employee number",
            "employee no",
            "staff id",
            "staff number",
            "personnel number",
            "personalnummer",
            "matricule salarié",
            "número de empleado",
            "badge number",
        ])
        .sample("dddddd"),
    kind("pii.student_id", "STUDENT_ID", "the number of a student", with_digit, 1)
        .checks(&["context"])
        .forms(&["!dddddd", "!ddddddd", "!dddddddd", "!ddddddddd", "!dddddddddd", "!Adddddddd", "!Addddddd"])
        .words(&[
            "student id",
            "student number",
            "student no",
            "matrikelnummer",
            "numéro étudiant",
            "numero di matricola",
            "学号",
            "学籍番号",
            "학번",
        ])
        .sample("ddddddd"),
    kind("pii.card_expiry", "CARD_EXPIRY", "the expiry date of a payment card", any, 1)
        .checks(&["month", "context"])
        .forms(&["!dd/dd", "!dd/dddd", "!dd-dd", "!dd-dddd"])
        .words(&[
            "expiry",
            "expires",
            "exp date",
            "exp.",
            "exp:",
            "exp ",
            "expiration",
            "valid thru",
            "valid until",
            "gültig bis",
            "ablaufdatum",
            "caduca",
            "scadenza",
            "expire fin",
        ])
        .sample("mm/3d"),
];
