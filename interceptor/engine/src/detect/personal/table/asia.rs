//! Israel, the Gulf, Egypt, Iran, India and its neighbours, the south-east and the east of Asia.

use super::super::super::check::{asia, east, india, south};
use super::super::kind::{Kind, Topic, kind};

/// The old number has the year of birth in two digits: whoever was born before 1910 has none, and since 2016 the new one
/// is given out.
fn lk_nic(text: &[u8]) -> bool {
    text.first() != Some(&b'0') && india::lk_nic(text)
}

/// Three letters and seven digits of a voter's card.
fn in_voter(text: &[u8]) -> bool {
    text.len() == 10 && text[3..].iter().any(|b| *b != b'0')
}

/// A letter and seven digits, the first not 0.
fn in_passport(text: &[u8]) -> bool {
    text.len() == 8 && text[1] != b'0' && !b"QXZ".contains(&text[0])
}

/// A plate of India: a state's two letters, district, series, number.
fn in_plate(text: &[u8]) -> bool {
    const STATES: [&[u8; 2]; 39] = [
        b"AN", b"AP", b"AR", b"AS", b"BR", b"CG", b"CH", b"DD", b"DL", b"DN", b"GA", b"GJ", b"HP", b"HR",
        b"JH", b"JK", b"KA", b"KL", b"LA", b"LD", b"MH", b"ML", b"MN", b"MP", b"MZ", b"NL", b"OD", b"OR",
        b"PB", b"PY", b"RJ", b"SK", b"TN", b"TR", b"TS", b"UK", b"UP", b"UT", b"WB",
    ];
    text.len() >= 8 && STATES.iter().any(|state| text.starts_with(*state))
}

/// A passport of Korea: a kind, then eight digits or three digits, a letter, four digits.
fn kr_passport(text: &[u8]) -> bool {
    text.len() == 9 && b"MSRODG".contains(&text[0])
}

/// A card of the Philippines with twelve digits.
fn twelve(text: &[u8]) -> bool {
    text.len() == 12 && !super::super::super::check::monotonous(text)
}

pub(super) const KINDS: &[Kind] = &[
    kind("pii.il_id", "IL_ID", "an identity number of Israel", south::il_id, 10)
        .checks(&["Luhn checksum"])
        .forms(&["ddddddddd", "dddddddd-d", "!ddddddd-d", "!dddddddd"])
        .words(&["teudat zehut", "תעודת זהות", "ת.ז", "ת\"ז", "israeli id"])
        .topic(Topic::Identity)
        .sample("ddddddddd"),
    kind(
        "pii.ae_emirates_id",
        "AE_EMIRATES_ID",
        "an identity number of the United Arab Emirates",
        south::ae_id,
        10_000,
    )
    .checks(&["Luhn checksum", "prefix 784", "year of birth"])
    .forms(&["ddd-dddd-ddddddd-d", "ddddddddddddddd", "ddd dddd ddddddd d"])
    .words(&["emirates id", "الهوية"])
    .topic(Topic::Identity)
    .sample("784-19yy-ddddddd-d"),
    kind("pii.sa_id", "SA_ID", "an identity number of Saudi Arabia", south::sa_id, 50)
        .checks(&["Luhn checksum", "leading digit"])
        .forms(&["dddddddddd"])
        .words(&["iqama", "saudi id", "رقم الهوية"])
        .topic(Topic::Identity)
        .sample("1ddddddddd"),
    kind("pii.kw_civil_id", "KW_CIVIL_ID", "a civil number of Kuwait", south::kw_civil, 1000)
        .checks(&["weighted sum modulo 11", "date of birth", "century"])
        .forms(&["dddddddddddd"])
        .words(&["civil id", "civil number", "الرقم المدني"])
        .topic(Topic::Identity)
        .sample("2yymmttddddd"),
    kind("pii.eg_national_id", "EG_NATIONAL_ID", "a national number of Egypt", south::eg_id, 400)
        .checks(&["date of birth", "governorate"])
        .forms(&["dddddddddddddd"])
        .words(&["الرقم القومي", "egyptian national"])
        .topic(Topic::Identity)
        .sample("2yymmtt01ddddd"),
    kind("pii.ir_national_code", "IR_NATIONAL_CODE", "a national code of Iran", east::ir_code, 11)
        .checks(&["weighted sum modulo 11"])
        .forms(&["dddddddddd", "ddd-dddddd-d"])
        .words(&["کد ملی", "کدملی", "national code", "melli code"])
        .topic(Topic::Identity)
        .sample("ddd-dddddd-d"),
    kind("pii.in_aadhaar", "IN_AADHAAR", "an Aadhaar number of India", india::in_aadhaar, 12)
        .checks(&["Verhoeff checksum", "leading digit"])
        .forms(&["dddd dddd dddd", "dddd-dddd-dddd", "dddddddddddd", "dddd:dddd:dddd"])
        .words(&["aadhaar", "aadhar", "adhaar", "uidai", "आधार"])
        .topic(Topic::Identity)
        .sample("3ddd dddd dddd"),
    kind("pii.in_pan", "IN_PAN", "a permanent account number of India", india::in_pan, 90)
        .checks(&["structure", "kind of holder"])
        .forms(&["AAAAAddddA"])
        .words(&["pan", "pan number", "pan card", "permanent account"])
        .topic(Topic::Tax)
        .sample("AAAPAddddA"),
    kind("pii.in_gstin", "IN_GSTIN", "a goods and services tax number of India", india::in_gstin, 10_000)
        .checks(&["Luhn over 36 characters", "state", "account number inside"])
        .loose(india::in_gstin_shape)
        .forms(&["ddAAAAAddddAXAX"])
        .words(&["gstin", "gst", "gst number"])
        .topic(Topic::Tax)
        .sample("27AAAPAddddA1ZX"),
    kind("pii.in_voter_id", "IN_VOTER_ID", "a voter's card of India", in_voter, 1)
        .checks(&["shape"])
        .forms(&["AAAddddddd"])
        .words(&["voter", "vote", "epic", "voter id", "elector", "election card"])
        .topic(Topic::Identity)
        .sample("AAAddddddd"),
    kind("pii.in_passport", "IN_PASSPORT", "a passport of India", in_passport, 1)
        .checks(&["shape"])
        .forms(&["Addddddd", "Add ddddd"])
        .words(&["indian passport"])
        .topic(Topic::Passport)
        .sample("Jddddddd"),
    kind("pii.in_license_plate", "IN_PLATE", "a plate of India", in_plate, 17)
        .checks(&["state"])
        .forms(&[
            "AAddAAdddd",
            "AAddAdddd",
            "AA dd AA dddd",
            "AA-dd-AA-dddd",
            "AAdAAdddd",
            "AA dd A dddd",
            "AAdAdddd",
            "AAddAAAdddd",
        ])
        .words(&["vehicle number", "plate", "registration"])
        .topic(Topic::Vehicle)
        .sample("KAddAAdddd"),
    kind("pii.pk_cnic", "PK_CNIC", "an identity number of Pakistan", india::pk_cnic, 2)
        .checks(&["province", "shape"])
        .forms(&["ddddd-ddddddd-d", "!ddddddddddddd"])
        .words(&["cnic", "nadra", "شناختی کارڈ"])
        .topic(Topic::Identity)
        .sample("3dddd-ddddddd-1"),
    kind("pii.lk_nic", "LK_NIC", "an identity number of Sri Lanka", lk_nic, 4)
        .checks(&["day of the year"])
        .forms(&["dddddddddA", "dddddddddddd"])
        .words(&["nic", "sri lankan nic"])
        .topic(Topic::Identity)
        .sample("ddddddddd'V"),
    kind("pii.th_tnin", "TH_TNIN", "a national number of Thailand", india::th_id, 18)
        .checks(&["weighted sum modulo 11", "province"])
        .forms(&["ddddddddddddd", "d dddd ddddd dd d", "d-dddd-ddddd-dd-d"])
        .words(&["thai id", "thai national", "บัตรประชาชน", "เลขประจำตัวประชาชน", "tnin"])
        .topic(Topic::Identity)
        .sample("1-1ddd-ddddd-dd-d"),
    kind("pii.my_nric", "MY_NRIC", "an identity number of Malaysia", india::my_nric, 30)
        .checks(&["date of birth", "place of birth"])
        .forms(&["dddddd-dd-dddd", "dddddd dd dddd", "!dddddddddddd"])
        .words(&["mykad", "nric", "kad pengenalan", "no. kp", "ic number", "ic no"])
        .topic(Topic::Identity)
        .sample("yymmtt-14-dddd"),
    kind("pii.id_nik", "ID_NIK", "an identity number of Indonesia", india::id_nik, 90)
        .checks(&["date of birth", "province"])
        .forms(&["dddddddddddddddd"])
        .words(&["nik", "ktp", "nomor induk kependudukan"])
        .topic(Topic::Identity)
        .sample("3173ddttmmyydddd"),
    kind("pii.sg_nric", "SG_NRIC", "an identity number of Singapore", india::sg_nric, 57)
        .checks(&["check letter modulo 11", "leading letter"])
        .loose(|t| t.len() == 9 && b"STFGM".contains(&t[0]))
        .forms(&["AdddddddA"])
        .words(&["nric", "fin number", "nric/fin", "uinfin"])
        .topic(Topic::Identity)
        .sample("SdddddddA"),
    kind("pii.sg_uen", "SG_UEN", "an entity number of Singapore", india::sg_uen, 26)
        .checks(&["check letter modulo 11"])
        .forms(&["ddddddddA", "dddddddddA", "AddAAddddA"])
        .words(&["uen", "unique entity"])
        .topic(Topic::Company)
        .sample("19yydddddA"),
    kind("pii.ph_tin", "PH_TIN", "a taxpayer's number of the Philippines", india::ph_tin, 11)
        .checks(&["weighted sum modulo 11"])
        .forms(&[
            "ddd-ddd-ddd-ddd",
            "ddd-ddd-ddd-ddddd",
            "ddd-ddd-ddd",
            "!ddddddddd",
            "!dddddddddddd",
            "ddd ddd ddd ddd",
        ])
        .words(&["tin", "bir tin", "bir"])
        .topic(Topic::Tax)
        .sample("ddd-ddd-ddd-000"),
    kind("pii.ph_umid", "PH_UMID", "a multi-purpose identity number of the Philippines", twelve, 1)
        .checks(&["shape", "context"])
        .forms(&["!dddd-ddddddd-d", "!dd-ddddddd-d", "!dddddddddddd"])
        .words(&["umid", "crn", "sss number", "sss no", "philhealth", "pag-ibig"])
        .topic(Topic::Social)
        .sample("dddddddddddd"),
    kind(
        "pii.cn_resident_id",
        "CN_RESIDENT_ID",
        "a resident identity number of China",
        asia::cn_resident,
        40_000,
    )
    .checks(&["ISO 7064 mod 11-2", "date of birth", "province"])
    .forms(&["dddddddddddddddddX"])
    .words(&["身份证", "身份證", "居民身份", "resident identity"])
    .topic(Topic::Identity)
    .sample("11010119yymmttdddX"),
    kind(
        "pii.cn_old_resident_id",
        "CN_RESIDENT_ID",
        "a resident identity number of China with fifteen digits",
        asia::cn_resident_old,
        60,
    )
    .checks(&["date of birth", "province"])
    .forms(&["ddddddddddddddd"])
    .words(&["身份证", "居民身份"])
    .topic(Topic::Identity)
    .sample("110101yymmttddd"),
    kind("pii.cn_credit_code", "CN_USCC", "a unified social credit code of China", asia::cn_company, 1000)
        .checks(&["powers of three modulo 31", "alphabet"])
        .forms(&["XXddddddXXXXXXXXXX"])
        .words(&["统一社会信用代码", "信用代码", "uscc"])
        .topic(Topic::Company)
        .sample("91110000ddddddddXX"),
    kind("pii.hk_id", "HK_ID", "an identity card of Hong Kong", asia::hk_id, 11)
        .checks(&["weighted sum modulo 11"])
        .forms(&["Adddddd(X)", "AAdddddd(X)", "AddddddX", "!AAddddddX", "AA dddddd(X)", "Adddddd[X]"])
        .words(&["hkid", "香港身份證", "hong kong identity"])
        .topic(Topic::Identity)
        .sample("Adddddd(d)"),
    kind("pii.tw_id", "TW_ID", "an identity number of Taiwan", asia::tw_id, 25)
        .checks(&["weighted sum modulo 10", "letter and sex"])
        .forms(&["Addddddddd"])
        .words(&["身分證", "國民身分證", "taiwan id"])
        .topic(Topic::Identity)
        .sample("A1dddddddd"),
    kind("pii.tw_company", "TW_UBN", "a business number of Taiwan", asia::tw_company, 5)
        .checks(&["cross sums modulo 5"])
        .forms(&["dddddddd"])
        .words(&["統一編號", "統編", "ubn", "gui number"])
        .topic(Topic::Company)
        .sample("dddddddd"),
    kind("pii.jp_my_number", "JP_MY_NUMBER", "an individual number of Japan", asia::jp_my_number, 11)
        .checks(&["weighted sum modulo 11"])
        .forms(&["dddd dddd dddd", "dddddddddddd", "dddd-dddd-dddd"])
        .words(&["my number", "マイナンバー", "個人番号"])
        .topic(Topic::Identity)
        .sample("dddd dddd dddd"),
    kind("pii.jp_corporate_number", "JP_CORPORATE", "a corporate number of Japan", asia::jp_corporate, 9)
        .checks(&["weighted sum modulo 9"])
        .forms(&["!ddddddddddddd", "!d-dddd-dddd-dddd"])
        .words(&["法人番号", "corporate number"])
        .topic(Topic::Company)
        .sample("ddddddddddddd"),
    kind("pii.kr_rrn", "KR_RRN", "a resident registration number of Korea", asia::kr_resident, 700)
        .checks(&["weighted sum modulo 11", "date of birth", "sex"])
        .loose(asia::kr_resident_shape)
        .forms(&["dddddd-ddddddd", "ddddddddddddd"])
        .words(&["주민등록번호", "주민번호", "rrn", "resident registration"])
        .topic(Topic::Identity)
        .sample("yymmtt-1dddddd"),
    kind("pii.kr_frn", "KR_FRN", "a foreigner registration number of Korea", asia::kr_foreigner, 700)
        .checks(&["weighted sum modulo 11", "date of birth", "sex"])
        .loose(asia::kr_foreigner_shape)
        .forms(&["dddddd-ddddddd", "ddddddddddddd"])
        .words(&["외국인등록번호", "frn", "foreigner registration", "alien registration"])
        .topic(Topic::Identity)
        .sample("yymmtt-5dddddd"),
    kind("pii.kr_brn", "KR_BRN", "a business registration number of Korea", asia::kr_business, 11)
        .checks(&["weighted sum modulo 10"])
        .forms(&["ddd-dd-ddddd", "!dddddddddd"])
        .words(&["사업자등록번호", "사업자번호", "brn", "business registration"])
        .topic(Topic::Company)
        .sample("1dd-dd-ddddd"),
    kind("pii.kr_driver_license", "KR_DRIVER_LICENSE", "a driving licence of Korea", asia::kr_licence, 6)
        .checks(&["region", "shape"])
        .forms(&["dd-dd-dddddd-dd", "dd dd dddddd dd", "!dddddddddddd"])
        .words(&["운전면허", "면허번호", "korean driver"])
        .topic(Topic::Licence)
        .sample("11-dd-dddddd-dd"),
    kind("pii.kr_passport", "KR_PASSPORT", "a passport of Korea", kr_passport, 4)
        .checks(&["kind", "shape"])
        .forms(&["AdddAdddd", "Adddddddd"])
        .words(&["여권", "korean passport", "여권번호"])
        .topic(Topic::Passport)
        .sample("MdddAdddd"),
];
