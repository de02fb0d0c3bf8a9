//! Windows of the calendar, in UTC: the minute, hour, day or month that a moment lies in.
//! Knows the Gregorian calendar. Does not know what is counted.

/// How often a limit begins anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Each {
    /// At the full minute.
    Minute,
    /// At the full hour.
    Hour,
    /// At midnight, UTC.
    Day,
    /// At midnight before the first of the month, UTC.
    Month,
}

/// One window: its number, counted from 1970 in its own unit, and the second at which it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Window {
    /// Its number. A later window has a greater one.
    pub number: u64,
    /// The second, counted from 1970, at which the next begins.
    pub end: u64,
}

const DAY: u64 = 86_400;

impl Each {
    /// The words used in policies.
    pub const WORDS: [(&'static str, Self); 4] =
        [("minute", Self::Minute), ("hour", Self::Hour), ("day", Self::Day), ("month", Self::Month)];

    /// The word used in policies, events and keys.
    pub fn name(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Month => "month",
        }
    }

    /// The window that the second `now`, counted from 1970, lies in.
    pub fn window(self, now: u64) -> Window {
        let fixed = |length: u64| {
            let number = now / length;
            Window { number, end: number.saturating_add(1).saturating_mul(length) }
        };
        match self {
            Self::Minute => fixed(60),
            Self::Hour => fixed(3_600),
            Self::Day => fixed(DAY),
            Self::Month => month(now),
        }
    }
}

fn month(now: u64) -> Window {
    // A clock that is set to the year 100,000 or later stays in the last month that is counted.
    let days = (now / DAY).min(35_800_000);
    let (year, month) = year_and_month(days);
    let (next_year, next_month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    Window {
        number: (year - 1970) * 12 + (month - 1),
        end: first_day(next_year, next_month).saturating_mul(DAY),
    }
}

/// Years are counted from March here, so that the leap day is the last of its year: then the lengths of the months follow
/// a straight line, and no table is needed.
const DAYS_BEFORE_1970: u64 = 719_468;

fn year_and_month(days: u64) -> (u64, u64) {
    let days = days + DAYS_BEFORE_1970;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let (year, month) = (year + era * 400, if month < 10 { month + 3 } else { month - 9 });
    (year + u64::from(month <= 2), month)
}

/// Days from 1970 to the first of a month.
fn first_day(year: u64, month: u64) -> u64 {
    let year = year - u64::from(month <= 2);
    let (era, year) = (year / 400, year % 400);
    let since_march = if month > 2 { month - 3 } else { month + 9 };
    let day = (153 * since_march + 2) / 5 + 365 * year + year / 4 - year / 100;
    era * 146_097 + day - DAYS_BEFORE_1970
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// 2026-11-23T11:30:15Z.
    const NOW: u64 = 1_795_433_415;

    #[test]
    fn windows_are_those_of_the_calendar() {
        for (each, now, end) in [
            (Each::Minute, NOW, 1_795_433_460),
            (Each::Hour, NOW, 1_795_435_200),
            (Each::Day, NOW, 1_795_478_400),
            // 2026-12-01T00:00:00Z.
            (Each::Month, NOW, 1_796_083_200),
            // The last second of a leap day is followed by March, the last of a year by January.
            (Each::Month, 1_709_251_199, 1_709_251_200),
            (Each::Month, 1_735_689_599, 1_735_689_600),
            (Each::Month, 0, 31 * DAY),
        ] {
            assert_eq!(each.window(now).end, end, "{each:?} {now}");
        }
        assert_eq!(Each::Month.window(0).number, 0);
        assert_eq!(Each::Month.window(NOW).number, (2026 - 1970) * 12 + 10);
    }

    #[test]
    fn no_clock_is_too_wrong() {
        for each in Each::WORDS.map(|(_, each)| each) {
            assert!(each.window(u64::MAX).number >= each.window(NOW).number);
        }
    }

    proptest! {
        #[test]
        fn a_window_ends_where_the_next_begins(now in 0u64..2_000_000_000_000) {
            for each in Each::WORDS.map(|(_, each)| each) {
                let window = each.window(now);
                prop_assert!(window.end > now);
                prop_assert_eq!(each.window(window.end - 1), window);
                prop_assert_eq!(each.window(window.end).number, window.number + 1);
            }
        }
    }
}
