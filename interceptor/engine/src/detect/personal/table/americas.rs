//! Latin America.

use super::super::super::check::{americas, finance, monotonous};
use super::super::kind::{Kind, Topic, kind};
use super::counts;

/// An identity number of Argentina: seven or eight digits. Those from 60 to 69 million are kept for provisional tax
/// numbers (Renaper, disposición 4678/2019), and from 97 million on none were given out.
fn ar_dni(text: &[u8]) -> bool {
    let reserved = text.len() == 8 && (text[0] == b'6' || matches!(text, [b'9', b'7'..=b'9', ..]));
    !monotonous(text) && !reserved
}

/// A social number of Brazil that was not typed by counting.
fn br_pis(text: &[u8]) -> bool {
    americas::br_pis(text) && !counts(text)
}

pub(super) const KINDS: &[Kind] = &[
    kind("pii.br_cpf", "BR_CPF", "a taxpayer's number of Brazil", americas::br_cpf, 100)
        .checks(&["two weighted sums modulo 11"])
        .forms(&["ddd.ddd.ddd-dd", "ddddddddddd", "ddd.ddd.ddd/dd", "ddd ddd ddd dd"])
        .words(&["cpf", "cadastro de pessoas"])
        .topic(Topic::Tax)
        .sample("ddd.ddd.ddd-dd"),
    kind("pii.br_cnpj", "BR_CNPJ", "a company number of Brazil", americas::br_cnpj, 100)
        .checks(&["two weighted sums modulo 11"])
        .forms(&["dd.ddd.ddd/dddd-dd", "dddddddddddddd", "XX.XXX.XXX/XXXX-dd", "XXXXXXXXXXXXdd"])
        .words(&["cnpj"])
        .topic(Topic::Company)
        .sample("dd.ddd.ddd/0001-dd"),
    kind("pii.br_pis", "BR_PIS", "a social register number of Brazil", br_pis, 10)
        .checks(&["weighted sum modulo 11"])
        .forms(&["ddd.ddddd.dd-d", "ddddddddddd"])
        .words(&["pis", "pasep", "nis", "nit"])
        .topic(Topic::Social)
        .sample("1dd.ddddd.dd-d"),
    kind("pii.br_voter", "BR_VOTER", "a voter's number of Brazil", americas::br_voter, 400)
        .checks(&["two weighted sums modulo 11", "state"])
        .forms(&["dddddddddddd", "dddd dddd dddd"])
        .words(&["título de eleitor", "titulo eleitoral", "título eleitoral"])
        .topic(Topic::Identity)
        .sample("dddddddd05dd"),
    kind("pii.ar_cuit", "AR_CUIT", "a tax number of Argentina", americas::ar_cuit, 80)
        .checks(&["weighted sum modulo 11", "kind of person"])
        .forms(&["dd-dddddddd-d", "ddddddddddd"])
        .words(&["cuit", "cuil"])
        .topic(Topic::Tax)
        .sample("20-dddddddd-d"),
    kind("pii.ar_dni", "AR_DNI", "an identity number of Argentina", ar_dni, 1)
        .checks(&["context"])
        .forms(&["!dd.ddd.ddd", "!dddddddd", "!d.ddd.ddd"])
        .words(&["dni", "documento nacional"])
        .topic(Topic::Identity)
        .sample("3d.ddd.ddd"),
    kind("pii.cl_rut", "CL_RUT", "a tax and identity number of Chile", americas::cl_rut, 11)
        .checks(&["weighted sum modulo 11"])
        .forms(&["dd.ddd.ddd-X", "dddddddd-X", "d.ddd.ddd-X", "ddddddd-X", "!ddddddddX"])
        // `run` alone is English for something else.
        .words(&["rut", "mi run", "su run", "run es", "run del", "rol único"])
        .topic(Topic::Tax)
        .sample("1d.ddd.ddd-d"),
    kind("pii.co_nit", "CO_NIT", "a tax number of Colombia", americas::co_nit, 11)
        .checks(&["weighted sum modulo 11"])
        .forms(&["ddd.ddd.ddd-d", "ddddddddd-d", "!dddddddddd"])
        .words(&["nit", "rut"])
        .topic(Topic::Tax)
        .sample("ddd.ddd.ddd-d"),
    kind("pii.mx_curp", "MX_CURP", "a population register key of Mexico", americas::mx_curp, 10_000)
        .checks(&["weighted sum modulo 10", "date of birth", "structure"])
        .forms(&["AAAAddddddAAAAAAXd"])
        .words(&["curp"])
        .topic(Topic::Identity)
        .sample("AAAAyymmttHDFAAA0d"),
    kind("pii.mx_rfc", "MX_RFC", "a tax number of Mexico", americas::mx_rfc, 300)
        .checks(&["weighted sum modulo 11", "date"])
        .loose(americas::mx_rfc_shape)
        .forms(&[
            "AAAAddddddXXX",
            "AAAddddddXXX",
            "AAAA-dddddd-XXX",
            "AAA-dddddd-XXX",
            "AAAA dddddd XXX",
            "AAA dddddd XXX",
        ])
        .words(&["rfc", "registro federal de contribuyentes"])
        .topic(Topic::Tax)
        .sample("AAAAyymmttXXX"),
    kind("pii.mx_clabe", "MX_CLABE", "a bank account of Mexico", finance::mx_clabe, 10)
        .checks(&["weights modulo 10"])
        .forms(&["dddddddddddddddddd", "ddd ddd ddddddddddd d"])
        .words(&["clabe", "cuenta clabe", "interbancaria"])
        .topic(Topic::Bank)
        .sample("002ddddddddddddddd"),
    kind("pii.mx_nss", "MX_NSS", "a social security number of Mexico", americas::mx_nss, 10)
        .checks(&["Luhn checksum"])
        .forms(&["!ddddddddddd", "!dd-dd-dd-dddd-d", "!dddd-dd-dddd-d"])
        .words(&["nss", "imss", "seguridad social"])
        .topic(Topic::Social)
        .sample("ddddddddddd"),
    kind("pii.pe_ruc", "PE_RUC", "a tax number of Peru", americas::pe_ruc, 200)
        .checks(&["weighted sum modulo 11", "kind of payer"])
        .forms(&["ddddddddddd"])
        .words(&["ruc"])
        .topic(Topic::Tax)
        .sample("20ddddddddd"),
    kind("pii.ec_cedula", "EC_CEDULA", "an identity number of Ecuador", americas::ec_cedula, 65)
        .checks(&["Luhn checksum", "province"])
        .forms(&["dddddddddd", "ddddddddd-d"])
        .words(&["cédula", "cedula", "ci:"])
        .topic(Topic::Identity)
        .sample("17dddddddd"),
    kind("pii.uy_ci", "UY_CI", "an identity number of Uruguay", americas::uy_ci, 10)
        .checks(&["weighted sum modulo 10"])
        .forms(&["d.ddd.ddd-d", "ddddddd-d", "dddddddd"])
        .words(&["cédula", "cedula", "ci:"])
        .topic(Topic::Identity)
        .sample("d.ddd.ddd-d"),
    kind("pii.uy_rut", "UY_RUT", "a tax number of Uruguay", americas::uy_rut, 50)
        .checks(&["weighted sum modulo 11", "office"])
        .forms(&["dddddddddddd", "dd-dddddd-ddd-d", "dd dddddd ddd d"])
        .words(&["rut"])
        .topic(Topic::Tax)
        .sample("21dddddddddd"),
    kind("pii.ve_rif", "VE_RIF", "a tax number of Venezuela", americas::ve_rif, 55)
        .checks(&["weighted sum modulo 11", "kind of person"])
        .forms(&["Addddddddd", "A-dddddddd-d", "A-ddddddddd"])
        .words(&["rif"])
        .topic(Topic::Tax)
        .sample("J-dddddddd-d"),
    kind("pii.py_ruc", "PY_RUC", "a tax number of Paraguay", americas::py_ruc, 10)
        .checks(&["weighted sum modulo 11"])
        .forms(&["dddddddd-d", "!ddddddd-d", "!dddddd-d", "!ddddd-d", "!dddd-d", "!ddddddddd"])
        .words(&["ruc"])
        .topic(Topic::Tax)
        .sample("8ddddddd-d"),
    kind(
        "pii.do_cedula",
        "DO_CEDULA",
        "an identity number of the Dominican Republic",
        americas::do_cedula,
        10,
    )
    .checks(&["Luhn checksum"])
    .forms(&["ddd-ddddddd-d", "!ddddddddddd"])
    .words(&["cédula", "cedula"])
    .topic(Topic::Identity)
    .sample("001-ddddddd-d"),
    kind("pii.do_rnc", "DO_RNC", "a tax number of the Dominican Republic", americas::do_rnc, 30)
        .checks(&["weighted sum modulo 11"])
        .forms(&["!ddddddddd", "d-dd-ddddd-d"])
        .words(&["rnc"])
        .topic(Topic::Tax)
        .sample("1-dd-ddddd-d"),
    kind("pii.gt_nit", "GT_NIT", "a tax number of Guatemala", americas::gt_nit, 11)
        .checks(&["weighted sum modulo 11"])
        .forms(&["!ddddddd-X", "!dddddddX", "!dddddd-X", "!ddddd-X", "!dddd-X", "!ddddddX"])
        .words(&["nit"])
        .topic(Topic::Tax)
        .sample("ddddddd-d"),
];
