//! Social security numbers of the United States: area, group and serial (20 CFR 422.103; never issued: area
//! 000, 666 and 900-999, group 00, serial 0000). Nine bare digits are only a number with a context that says
//! so; with the usual dashes they are taken as one.

use super::number::{Digits, Mark, may_end};
use super::text::Text;
use super::{Confidence, Finding, Work, metadata};

/// Numbers that were printed in advertisements and are void.
const VOID: [&[u8; 9]; 2] = [b"078051120", b"219099999"];

const CONTEXT: [&str; 9] = [
    "ssn",
    "s.s.n",
    "social security",
    "social-security",
    "social_security",
    "socialsecurity",
    "social sec",
    "soc sec",
    "seguro social",
];
const CONTEXT_REACH: usize = 40;

/// `quiet` says that no letter stands in the bytes before.
pub(super) fn confirm(text: Text<'_>, run: &Digits<'_>, quiet: bool, work: &mut Work) -> Option<Finding> {
    let start = run.groups[0].start;
    let mut context = || !quiet && text.mentions_before(start, CONTEXT_REACH, &CONTEXT, work);
    let (groups, confidence) = if run.shaped(&[3, 2, 4], &[Mark::Dash]) {
        (3, Confidence::High)
    } else if run.shaped(&[3, 2, 4], &[Mark::Space, Mark::Dot]) {
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
        Some(next) => groups == 1 || next.mark != run.groups[1].mark,
    };
    // Groups of a longer row of numbers have a neighbour on the left.
    let row = groups == 3
        && text.before(start, 1) == Some(b' ')
        && text.before(start, 2).is_some_and(|b| b.is_ascii_digit())
        && run.groups[1].mark == Mark::Space;
    if !alone || row || !issued(run.of(groups)) {
        return None;
    }
    let confidence = if is_typed(run.of(groups)) { Confidence::Low } else { confidence };
    Some(Finding { detector: metadata::US_SSN, start, end, confidence })
}

/// `111-22-3333`: each group is one digit over and over, as in examples.
fn is_typed(digits: &[u8]) -> bool {
    let [a, b, c, d, e, serial @ ..] = digits else { return false };
    a == b && b == c && d == e && serial.windows(2).all(|two| two[0] == two[1])
}

fn issued(digits: &[u8]) -> bool {
    let [a, b, c, d, e, serial @ ..] = digits else { return false };
    let area = [*a, *b, *c];
    !matches!(&area, b"000" | b"666")
        && *a != b'9'
        && (*d, *e) != (b'0', b'0')
        && serial != b"0000"
        && !VOID.iter().any(|v| *v == digits)
}
