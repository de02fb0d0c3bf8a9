//! Which detectors look for what a label names. Labels of others have names of their own; most say what ours say,
//! with the country in front. Knows names only.

/// The names, or beginnings of names that end in `*`, of the detectors for a label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted(Vec<String>);

/// Labels whose detectors have other names than the label in lower case.
const ALIASES: &[(&str, &[&str])] = &[
    ("ABA_ROUTING_NUMBER", &["pii.aba*", "pii.us_aba*", "pii.us_routing*"]),
    ("CREDIT_CARD", &["pii.card"]),
    ("CRYPTO", &["pii.crypto*", "pii.btc*", "pii.bitcoin*", "pii.eth*"]),
    ("DATE_TIME", &["pii.date*", "pii.birth*", "pii.dob*"]),
    ("DE_FUEHRERSCHEIN", &["pii.de_*licence*", "pii.driver_license"]),
    ("DE_KFZ", &["pii.de_*plate*", "pii.licen?e_plate*"]),
    ("DE_PASSPORT", &["pii.de_passport", "pii.passport"]),
    ("DE_PLZ", &["pii.de_*post*", "pii.postal_code"]),
    ("EMAIL_ADDRESS", &["pii.email"]),
    ("ES_PASSPORT", &["pii.es_passport", "pii.passport"]),
    ("FI_PERSONAL_IDENTITY_CODE", &["pii.fi_hetu"]),
    ("IBAN_CODE", &["pii.iban"]),
    ("IN_PASSPORT", &["pii.in_passport", "pii.passport"]),
    ("IN_VEHICLE_REGISTRATION", &["pii.in_*plate*", "pii.license_plate"]),
    ("IN_VOTER", &["pii.in_voter*"]),
    ("IP_ADDRESS", &["pii.ip*"]),
    ("IT_DRIVER_LICENSE", &["pii.it_driving_licence", "pii.driver_license"]),
    ("IT_FISCAL_CODE", &["pii.it_fiscal_code"]),
    ("IT_IDENTITY_CARD", &["pii.it_id_card"]),
    ("IT_PASSPORT", &["pii.it_passport", "pii.passport"]),
    ("IT_VAT_CODE", &["pii.it_vat", "pii.eu_vat"]),
    ("KR_DRIVER_LICENSE", &["pii.kr_driver_license", "pii.driver_license"]),
    ("KR_PASSPORT", &["pii.kr_passport", "pii.passport"]),
    ("MAC_ADDRESS", &["pii.mac*"]),
    ("MEDICAL_LICENSE", &["pii.us_dea*", "pii.medical*", "pii.dea*"]),
    ("NG_VEHICLE_REGISTRATION", &["pii.ng_license_plate", "pii.license_plate"]),
    ("PHONE_NUMBER", &["pii.phone*"]),
    ("PH_MOBILE_NUMBER", &["pii.phone*", "pii.ph_*"]),
    ("SE_ORGANISATIONSNUMMER", &["pii.se_organisation"]),
    ("SG_NRIC_FIN", &["pii.sg_nric"]),
    ("TR_LICENSE_PLATE", &["pii.tr_license_plate", "pii.license_plate"]),
    ("TR_NATIONAL_ID", &["pii.tr_id"]),
    ("TR_PHONE_NUMBER", &["pii.phone*", "pii.tr_*"]),
    ("UK_DRIVING_LICENCE", &["pii.uk_driving_licence", "pii.driver_license"]),
    ("UK_PASSPORT", &["pii.uk_passport", "pii.passport"]),
    ("UK_VEHICLE_REGISTRATION", &["pii.uk_*plate*", "pii.license_plate"]),
    ("URL", &["pii.url*", "secret.url*"]),
    ("US_BANK_NUMBER", &["pii.us_bank*", "pii.bank*"]),
    ("US_DRIVER_LICENSE", &["pii.us_driver*", "pii.driver_license"]),
    ("US_PASSPORT", &["pii.us_passport", "pii.passport"]),
    ("ZA_ID_NUMBER", &["pii.za_id"]),
];

/// Types of check digits that belong to no country.
const CHECKED: &[(&str, &[&str])] = &[
    ("AbaRouting", &["pii.aba*", "pii.us_aba*", "pii.us_routing*"]),
    ("BIC", &["pii.bic*", "pii.swift*"]),
    ("BtcAddress", &["pii.btc*", "pii.bitcoin*", "pii.crypto*"]),
    ("CreditCard", &["pii.card"]),
    ("Email", &["pii.email"]),
    ("EthereumAddress", &["pii.eth*", "pii.crypto*"]),
    ("IBAN", &["pii.iban"]),
    ("IMEI", &["pii.imei"]),
    ("IP", &["pii.ip*"]),
    ("ISIN", &["pii.isin"]),
    ("MACAddress", &["pii.mac*"]),
    ("MobilePhone", &["pii.phone*"]),
    ("Phone", &["pii.phone*"]),
];

impl Wanted {
    /// The detectors for a label of a place.
    pub(super) fn label(label: &str) -> Self {
        match ALIASES.iter().find(|(name, _)| *name == label) {
            Some((_, names)) => Wanted(names.iter().map(ToString::to_string).collect()),
            None => Wanted(vec![format!("pii.{}*", label.to_ascii_lowercase())]),
        }
    }

    /// The detectors for a type of check digits. Where a country is named, any of that country's may find it: what one
    /// calls a tax number is another's identity card. None for options that do not concern the check. Also says for
    /// which country that is; none for what has one form everywhere.
    pub(super) fn checked(kind: &str, locale: Option<&str>) -> Option<(Self, String)> {
        if let Some((_, names)) = CHECKED.iter().find(|(name, _)| *name == kind) {
            let plain = locale.is_none_or(|locale| !locale.starts_with('{'));
            return plain.then(|| (Wanted(names.iter().map(ToString::to_string).collect()), String::new()));
        }
        let locale = locale.filter(|locale| *locale != "any" && !locale.starts_with('{'))?;
        let country = locale.rsplit('-').next()?.to_ascii_lowercase();
        let country = match country.as_str() {
            "gb" => "uk".to_owned(),
            "el" => "gr".to_owned(),
            _ => country,
        };
        let names = match kind {
            "PassportNumber" => vec![format!("pii.{country}_*passport*"), "pii.passport".into()],
            "LicensePlate" => vec![format!("pii.{country}_*plate*"), "pii.license_plate".into()],
            "PostalCode" => vec![format!("pii.{country}_*post*")],
            // One register served both countries.
            _ if country == "sk" => vec!["pii.sk_*".into(), "pii.cz_*".into(), "pii.eu_vat*".into()],
            _ => vec![format!("pii.{country}_*"), "pii.eu_vat*".into()],
        };
        Some((Wanted(names), country))
    }

    /// True if values of a type of check digits have any: the forms of plates, postal codes and passports, of telephone
    /// numbers and addresses say only how they are written, and so do most rules that are published for numbers of
    /// value added tax, which hold whatever the digits are.
    pub(super) fn has_digits(kind: &str, value: &str) -> bool {
        const FORMS: [&str; 9] = [
            "BIC",
            "Email",
            "IP",
            "LicensePlate",
            "MACAddress",
            "MobilePhone",
            "PassportNumber",
            "Phone",
            "PostalCode",
        ];
        // What counts 1 2 3 4 5, or repeats a nine, was typed to show a form.
        let plain: String = value.chars().filter(char::is_ascii_alphanumeric).collect();
        let typed = |shown: &&str| plain.contains(*shown);
        !(FORMS.contains(&kind) || (kind == "VAT" && ["2345", "9999999"].iter().any(typed)))
    }

    /// True if a detector is one of these.
    pub(super) fn has(&self, detector: &str) -> bool {
        self.0.iter().any(|pattern| fits(pattern.as_bytes(), detector.as_bytes()))
    }
}

/// `*` stands for anything, `?` for one byte. Patterns are ours and short.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern.split_first(), name.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => (0..=name.len()).any(|skip| fits(rest, &name[skip..])),
        (Some((b'?', rest)), Some((_, name))) => fits(rest, name),
        (Some((a, rest)), Some((b, name))) => a == b && fits(rest, name),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_lead_to_detectors() {
        assert!(Wanted::label("DE_TAX_ID").has("pii.de_tax_id"));
        assert!(!Wanted::label("DE_TAX_ID").has("pii.de_passport"));
        assert!(Wanted::label("CREDIT_CARD").has("pii.card"));
        let has = |kind, locale, name| Wanted::checked(kind, Some(locale)).unwrap().0.has(name);
        assert!(has("TaxID", "en-GB", "pii.uk_utr"));
        assert!(has("LicensePlate", "de-DE", "pii.de_licence_plate"));
        assert!(!has("LicensePlate", "de-DE", "pii.de_tax_id"));
        assert_eq!(Wanted::checked("IBAN", Some("{\"blacklist\":1}")), None);
        assert_eq!(Wanted::checked("IdentityCard", Some("any")), None);
    }
}
