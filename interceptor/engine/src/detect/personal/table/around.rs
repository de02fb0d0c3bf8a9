//! What only words can tell about where and what somebody is: plates, places, work, school.

use super::super::super::check::monotonous;
use super::super::kind::{Kind, Topic, kind};
use super::anywhere::any;
use super::told::with_digit;

/// Four decimal places and more of a place on earth.
fn place(text: &[u8]) -> bool {
    with_digit(text)
}

/// Not digits that count, or one over and over: those show what a code looks like.
fn postal(text: &[u8]) -> bool {
    let step = |by: u8| text.windows(2).all(|two| two[1] == two[0].wrapping_add(by));
    !(monotonous(text) || step(1) || step(u8::MAX))
}

/// A month, and a year of this century.
fn expiry(text: &[u8]) -> bool {
    matches!(text, [b'0', b'1'..=b'9', ..] | [b'1', b'0'..=b'2', ..])
        && matches!(text[2..], [b'1'..=b'5', _] | [b'2', b'0', _, _])
}

pub(super) const KINDS: &[Kind] = &[
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
    kind("pii.postal_code", "POSTAL_CODE", "a postal code", postal, 1)
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
        .nobodys()
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
    kind("pii.card_expiry", "CARD_EXPIRY", "the expiry date of a payment card", expiry, 1)
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
