//! Finland, Sweden, Norway, Denmark, Iceland, Estonia, Latvia, Lithuania, Ukraine, Russia, Kazakhstan, Moldova.

use super::super::super::check::{baltic, nordic};
use super::super::kind::{Kind, Topic, kind};

pub(super) const KINDS: &[Kind] = &[
    kind("pii.fi_hetu", "FI_HETU", "a personal identity code of Finland", nordic::fi_hetu, 850)
        .checks(&["check character modulo 31", "date of birth", "century"])
        .forms(&["dddddd-dddX", "ddddddAdddX", "dddddd+dddX"])
        .words(&["henkilötunnus", "hetu", "personal identity code", "personbeteckning"])
        .topic(Topic::Identity)
        .sample("ttmmyy-dddX"),
    kind("pii.fi_business_id", "FI_YTUNNUS", "a business identity code of Finland", nordic::fi_business, 11)
        .checks(&["weighted sum modulo 11"])
        .forms(&["ddddddd-d", "dddddddd"])
        .words(&["y tunnus", "ytunnus", "fo nummer", "business id"])
        .topic(Topic::Company)
        .sample("ddddddd-d"),
    kind("pii.se_personnummer", "SE_PERSONNUMMER", "a personal number of Sweden", nordic::se_personal, 150)
        .checks(&["Luhn checksum", "date of birth"])
        .loose(nordic::se_personal_whole)
        .summed()
        .forms(&["dddddd-dddd", "dddddddd-dddd", "dddddddddddd", "dddddddddd", "dddddd+dddd"])
        .words(&["personnummer", "pnr", "personal identity", "samordningsnummer"])
        .topic(Topic::Identity)
        .sample("yymmtt-dddd"),
    kind(
        "pii.se_organisation",
        "SE_ORGANISATION",
        "an organisation number of Sweden",
        nordic::se_organisation,
        12,
    )
    .checks(&["Luhn checksum", "third digit"])
    .forms(&["dddddd-dddd", "dddddddddd"])
    .words(&["organisationsnummer", "orgnr", "org nr", "orgnummer", "org.nr"])
    .topic(Topic::Company)
    .sample("556ddd-dddd"),
    kind("pii.no_fnr", "NO_FNR", "a birth number of Norway", nordic::no_birth, 3000)
        .checks(&["two weighted sums modulo 11", "date of birth"])
        .forms(&["ddddddddddd", "dddddd ddddd", "dddddd-ddddd"])
        .words(&["fødselsnummer", "fodselsnummer", "fnr", "d nummer"])
        .topic(Topic::Identity)
        .sample("ttmmyyddddd"),
    kind("pii.no_organisation", "NO_ORGNR", "an organisation number of Norway", nordic::no_organisation, 55)
        .checks(&["weighted sum modulo 11", "leading 8 or 9"])
        .forms(&["ddddddddd", "ddd ddd ddd"])
        .words(&["organisasjonsnummer", "orgnr", "org nr", "org.nr", "foretaksregisteret"])
        .topic(Topic::Company)
        .sample("9dd ddd ddd"),
    kind(
        "pii.no_vat",
        "NO_VAT",
        "a value added tax number of Norway",
        super::super::super::check::vat::no,
        1000,
    )
    .checks(&["weighted sum modulo 11", "suffix MVA"])
    .forms(&["dddddddddAAA", "AAdddddddddAAA", "ddd ddd ddd AAA", "ddddddddd AAA"])
    .words(&["mva", "vat"])
    .topic(Topic::Tax)
    .sample("9ddddddddMVA"),
    kind("pii.dk_cpr", "DK_CPR", "a personal number of Denmark", nordic::dk_cpr, 300)
        .checks(&["date of birth", "weighted sum modulo 11 but for births on 1 January"])
        .loose(nordic::dk_cpr_without_sum)
        .forms(&["dddddd-dddd", "dddddddddd", "dddddd dddd"])
        .words(&["cpr", "cpr nummer", "cpr nr"])
        .topic(Topic::Identity)
        .sample("ttmmyy-dddd"),
    kind("pii.dk_cvr", "DK_CVR", "a company number of Denmark", nordic::dk_cvr, 11)
        .checks(&["weighted sum modulo 11"])
        .forms(&["dddddddd", "!dd dd dd dd"])
        .words(&["cvr", "cvr nr", "cvr nummer"])
        .topic(Topic::Company)
        .sample("dddddddd"),
    kind("pii.is_kennitala", "IS_KENNITALA", "an identity number of Iceland", nordic::is_kennitala, 1000)
        .checks(&["weighted sum modulo 11", "date of birth", "century"])
        .forms(&["dddddd-dddd", "!dddddddddd"])
        .words(&["kennitala", "kt."])
        .topic(Topic::Identity)
        .sample("ttmmyy-ddd9"),
    kind("pii.ee_isikukood", "EE_ISIKUKOOD", "a personal code of Estonia", baltic::personal_code, 120)
        .checks(&["two weighted sums modulo 11", "date of birth"])
        .forms(&["ddddddddddd"])
        .words(&["isikukood", "estonian personal"])
        .topic(Topic::Identity)
        .sample("3yymmttdddd"),
    kind(
        "pii.lt_asmens_kodas",
        "LT_ASMENS_KODAS",
        "a personal code of Lithuania",
        baltic::personal_code,
        120,
    )
    .checks(&["two weighted sums modulo 11", "date of birth"])
    .forms(&["ddddddddddd"])
    .words(&["asmens kodas", "a.k.", "lithuanian personal"])
    .topic(Topic::Identity)
    .sample("3yymmttdddd"),
    kind("pii.lv_personas_kods", "LV_PERSONAS_KODS", "a personal code of Latvia", baltic::lv_personal, 900)
        .checks(&["weighted sum modulo 11", "date of birth", "century"])
        .loose(baltic::lv_new)
        .forms(&["dddddd-ddddd", "ddddddddddd"])
        .words(&["personas kods", "personas kodu"])
        .topic(Topic::Identity)
        .sample("ttmmyy-1dddd"),
    kind("pii.ua_tax_id", "UA_RNOKPP", "a taxpayer's number of Ukraine", baltic::ua_tax, 11)
        .checks(&["weighted sum modulo 11"])
        .forms(&["dddddddddd"])
        .words(&["рнокпп", "РНОКПП", "іпн", "ІПН", "ідентифікаційний код", "ipn"])
        .topic(Topic::Tax)
        .sample("3ddddddddd"),
    kind("pii.ru_inn", "RU_INN", "a taxpayer's number of Russia", baltic::ru_inn, 30)
        .checks(&["weighted sums modulo 11"])
        .forms(&["dddddddddd", "dddddddddddd"])
        .words(&["инн", "ИНН", "inn"])
        .topic(Topic::Tax)
        .sample("77dddddddddd"),
    kind("pii.ru_snils", "RU_SNILS", "a social insurance number of Russia", baltic::ru_snils, 101)
        .checks(&["weighted sum modulo 101"])
        .forms(&["ddd-ddd-ddd dd", "ddd-ddd-ddd-dd", "ddddddddddd"])
        .words(&["снилс", "СНИЛС", "snils"])
        .topic(Topic::Social)
        .sample("ddd-ddd-ddd dd"),
    kind("pii.ru_ogrn", "RU_OGRN", "a register number of a business of Russia", baltic::ru_ogrn, 11)
        .checks(&["rest modulo 11 or 13"])
        .forms(&["ddddddddddddd", "ddddddddddddddd"])
        .words(&["огрн", "ОГРН", "огрнип", "ОГРНИП", "ogrn"])
        .topic(Topic::Company)
        .sample("1dddddddddddd"),
    kind("pii.kz_iin", "KZ_IIN", "an individual number of Kazakhstan", baltic::kz_iin, 450)
        .checks(&["two weighted sums modulo 11", "date of birth"])
        .forms(&["dddddddddddd"])
        .words(&["иин", "ИИН", "iin", "жсн"])
        .topic(Topic::Identity)
        .sample("yymmtt3ddddd"),
    kind("pii.md_idnp", "MD_IDNP", "a personal number of Moldova", baltic::md_idnp, 50)
        .checks(&["weighted sum modulo 10", "leading digit"])
        .forms(&["ddddddddddddd"])
        .words(&["idnp", "cod personal"])
        .topic(Topic::Identity)
        .sample("2dddddddddddd"),
];
