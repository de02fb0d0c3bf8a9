//! Libya and Tunisia. South Africa and Nigeria stand beside the other countries that write English, Egypt beside Asia.

use super::super::super::check::{digits, monotonous, value};
use super::super::kind::{Kind, Topic, kind};
use super::counts;

/// National number of Libya: 1 for men and 2 for women, the year of birth, seven digits (Civil Registry).
fn ly_national(text: &[u8]) -> bool {
    digits::<12>(text).is_some_and(|d| {
        matches!(d[0], 1 | 2) && (1900..=2049).contains(&value(&d[1..5])) && value(&d[5..]) != 0
    })
}

/// Identity card of Tunisia: eight digits.
fn tn_card(text: &[u8]) -> bool {
    text.len() == 8 && !monotonous(text) && !counts(text)
}

pub(super) const KINDS: &[Kind] = &[
    kind("pii.ly_national_id", "LY_NATIONAL_ID", "a national number of Libya", ly_national, 300)
        .checks(&["sex", "year of birth"])
        .forms(&["dddddddddddd"])
        .words(&["الرقم الوطني", "libyan national", "libyan id"])
        .topic(Topic::Identity)
        .sample("119yyddddddd"),
    kind("pii.tn_cin", "TN_CIN", "an identity card of Tunisia", tn_card, 1)
        .checks(&["shape", "context"])
        .forms(&["!dddddddd"])
        .words(&["بطاقة التعريف الوطنية", "tunisian id", "carte d'identité nationale", "cin"])
        .topic(Topic::Identity)
        .sample("0ddddddd"),
];
