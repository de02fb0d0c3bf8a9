//! Dates as they stand in identifiers: two digits of the year, a century by convention, months with offsets.
//! The check is the calendar's; which years are plausible is the caller's affair.

/// True if the month has the day. `year` in full; only its leap years matter.
pub(in super::super) fn exists(year: u16, month: u16, day: u16) -> bool {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u16::from(leap),
        _ => return false,
    };
    (1..=days).contains(&day)
}

/// A date whose century is not known: 29 February exists in every fourth year.
pub(super) fn short(year: u16, month: u16, day: u16) -> bool {
    exists(2000 + year % 100, month, day)
}

/// `YYMMDD`.
pub(super) fn yymmdd(digits: &[u16]) -> bool {
    matches!(digits, [a, b, c, d, e, f, ..] if short(two(*a, *b), two(*c, *d), two(*e, *f)))
}

/// `DDMMYY`.
pub(super) fn ddmmyy(digits: &[u16]) -> bool {
    matches!(digits, [a, b, c, d, e, f, ..] if short(two(*e, *f), two(*c, *d), two(*a, *b)))
}

/// `YYYYMMDD` of the nineteenth to the twenty-first century.
pub(super) fn yyyymmdd(digits: &[u16]) -> bool {
    let [a, b, c, d, e, f, g, h, ..] = digits else { return false };
    let year = two(*a, *b) * 100 + two(*c, *d);
    (1850..=2099).contains(&year) && exists(year, two(*e, *f), two(*g, *h))
}

/// Two digits as a number.
pub(super) fn two(tens: u16, ones: u16) -> u16 {
    tens * 10 + ones
}
