//! Numbers of no country: securities, vehicles, devices, researchers.

use super::super::super::check::finance;
use super::super::kind::{Kind, Topic, kind};

/// Anything: the words before it are the evidence.
pub(super) fn any(_: &[u8]) -> bool {
    true
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
    kind("pii.bic", "BIC", "a bank identifier code", finance::bic, 3)
        .checks(&["structure of ISO 9362", "context"])
        .forms(&["!AAAAAAXX", "!AAAAAAXXXXX"])
        .words(&["bic", "swift", "swift code", "bic/swift"])
        .sample("AAAADEFd"),
    kind("pii.vin", "VIN", "a vehicle identification number", finance::vin, 11)
        .loose(finance::vin_shape)
        .checks(&["weighted sum modulo 11", "alphabet without I, O and Q"])
        .forms(&["XXXXXXXXXXXXXdddd"])
        .words(&["vin", "chassis", "vehicle identification", "fahrgestellnummer"])
        .topic(Topic::Vehicle)
        .sample("dAAAAddddXAdddddd"),
    kind("pii.imei", "IMEI", "an identity of a mobile device", finance::imei, 10)
        .checks(&["Luhn checksum"])
        .loose(|t| matches!(t.len(), 14 | 16))
        .forms(&[
            "ddddddddddddddd",
            "dd-dddddd-dddddd-d",
            "dd dddddd dddddd d",
            "!dddddddddddddd",
            "!dddddddddddddddd",
            "!dddddddd-dddddd",
            "dddddddd-dddddd-d",
            "dddddddd-dddddd-dd",
        ])
        .words(&["imei", "imeisv"])
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
];
