//! Keys that everybody knows: their issuers print them in documentation, or public programs ship with them.
//! They are no secrets, and are kept here as hashes only.

/// FNV-1a (64 bits) of Google API keys of public samples, browsers and build tools, sorted.
static HASHES: [u64; 16] = [
    0x08b5_4596_2adc_7d8b,
    0x1211_3c2e_6979_f447,
    0x294c_63f8_344d_5df1,
    0x29a3_36c7_244f_48dd,
    0x515c_b771_a423_8032,
    0x6835_e0f2_8883_2a40,
    0x6acb_d824_bd32_bbd4,
    0x816c_d10f_db11_ead0,
    0x8288_18f8_3325_7868,
    0x99b2_7263_46a1_e92a,
    0xadbd_04e3_fe1b_6d49,
    0xc73f_1e61_952e_6987,
    0xc800_bf21_00a2_1c67,
    0xdb94_22f1_dd33_2dcc,
    0xe754_678e_a2b1_4ef1,
    0xe766_6dbb_286c_6c2e,
];

/// True if `key` is one of them.
pub(super) fn is(key: &[u8]) -> bool {
    let hash = key.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, b| {
        (hash ^ u64::from(*b)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    HASHES.binary_search(&hash).is_ok()
}
