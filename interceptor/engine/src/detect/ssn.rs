//! Social security numbers of the United States: area, group and serial (20 CFR 422.103; never issued: area
//! 000, 666 and 900-999, group 00, serial 0000). Nine bare digits are only a number with a context that says
//! so; with the usual dashes they are taken as one.

use super::number::{Run, Separator, may_end};
use super::text::Text;
use super::{Confidence, Finding, Work, metadata};

/// Numbers that were printed in advertisements and are void.
const VOID: [[u8; 9]; 2] = [[0, 7, 8, 0, 5, 1, 1, 2, 0], [2, 1, 9, 0, 9, 9, 9, 9, 9]];

const CONTEXT: [&str; 5] = ["ssn", "social security", "social-security", "social sec", "soc sec"];
const CONTEXT_REACH: usize = 40;

pub(super) fn confirm(text: Text<'_>, run: &Run, work: &mut Work) -> Option<Finding> {
    let start = run.groups[0].start;
    let mut context = || text.mentions_before(start, CONTEXT_REACH, &CONTEXT, work);
    let (groups, confidence) = if run.shaped(&[3, 2, 4], &[Separator::Dash]) {
        (3, Confidence::High)
    } else if run.shaped(&[3, 2, 4], &[Separator::Space, Separator::Dot]) {
        // House numbers and postcodes make such rows too.
        (3, if context() { Confidence::High } else { Confidence::Low })
    } else if run.groups[0].len == 9 && context() {
        (1, Confidence::Medium)
    } else {
        return None;
    };
    let end = run.groups[groups - 1].end();
    let alone = match run.behind(groups) {
        None => may_end(text, end),
        Some(next) => groups == 1 || next.separator != run.groups[1].separator,
    };
    // Groups of a longer row of numbers have a neighbour on the left.
    let row = groups == 3
        && text.before(start, 1) == Some(b' ')
        && text.before(start, 2).is_some_and(|b| b.is_ascii_digit())
        && run.groups[1].separator == Separator::Space;
    (alone && !row && issued(run.digits_of(groups))).then_some(Finding {
        detector: metadata::US_SSN,
        start,
        end,
        confidence,
    })
}

fn issued(digits: &[u8]) -> bool {
    let [a, b, c, d, e, serial @ ..] = digits else { return false };
    let area = u32::from(*a) * 100 + u32::from(*b) * 10 + u32::from(*c);
    !matches!(area, 0 | 666 | 900..)
        && (*d, *e) != (0, 0)
        && serial != [0; 4]
        && !VOID.iter().any(|v| v == digits)
}
