//! The numbering plans of all countries: which digits make a number that somebody may have. The table is that of
//! libphonenumber, made by the package `interceptor-plan`, whose tests hold the two together. One look at a word for
//! each digit; nothing is allocated, and no table can make it panic.

/// Made by `interceptor-plan`; its form is described there, in `graph.rs`.
static TABLE: &[u8] = include_bytes!("../../../data/numbers.bin");

/// Digits that lead on.
const DIGITS: u16 = 0x3ff;
/// The national number begins here.
const NATIONAL: u16 = 1 << 10;
/// A number may end here.
const END: u16 = 1 << 11;

/// A place in the plan: some digits of an international number have been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place(u16);

impl Place {
    /// Nothing is read yet: a calling code comes first.
    pub(super) const START: Self = Self(0);

    /// Where the digit, a character, leads; `None` if no number goes on so.
    pub(super) fn step(self, digit: u8) -> Option<Self> {
        let head = word(self.0);
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 || head >> digit & 1 == 0 {
            return None;
        }
        // As many places stand before its own as smaller digits lead on.
        let before = (head & ((1 << digit) - 1)).count_ones();
        let next = self.0.wrapping_add(1).wrapping_add(u16::try_from(before).unwrap_or(0));
        Some(Self(word(next)))
    }

    /// Where these digits lead.
    pub(super) fn walk(self, digits: &[u8]) -> Option<Self> {
        digits.iter().try_fold(self, |place, digit| place.step(*digit))
    }

    /// The digits so far may be all.
    pub(super) fn may_end(self) -> bool {
        word(self.0) & END != 0
    }

    /// The digits so far are a calling code: the lengths of what may follow, one bit each.
    fn lengths(self) -> Option<u16> {
        let head = word(self.0);
        let behind = 1 + u16::try_from((head & DIGITS).count_ones()).unwrap_or(0);
        (head & NATIONAL != 0).then(|| word(self.0.wrapping_add(behind)))
    }
}

/// A calling code that digits begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Code {
    /// How many digits it has.
    pub(super) len: usize,
    /// Where the national number begins.
    pub(super) place: Place,
    lengths: u16,
}

impl Code {
    pub(super) fn of(digits: &[u8]) -> Option<Self> {
        let mut place = Place::START;
        for (at, digit) in digits.iter().enumerate() {
            place = place.step(*digit)?;
            if let Some(lengths) = place.lengths() {
                return Some(Self { len: at + 1, place, lengths });
            }
        }
        None
    }

    /// Every calling code.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        (1..=999u16).filter_map(|number| {
            let digits =
                [number / 100, number / 10 % 10, number % 10].map(|digit| b'0' + digit.to_le_bytes()[0]);
            let first = digits.iter().position(|digit| *digit != b'0')?;
            Self::of(&digits[first..]).filter(|code| code.len == digits.len() - first)
        })
    }

    /// National numbers of so many digits are in use.
    pub(super) fn has_length(&self, digits: usize) -> bool {
        digits < 16 && self.lengths >> digits & 1 == 1
    }

    /// False if no number of the country has so many digits. The lengths say nothing of more than fifteen.
    pub(super) fn may_have_length(&self, digits: usize) -> bool {
        digits >= 16 || self.has_length(digits)
    }
}

/// True if somebody may have the number: `code` is a calling code.
pub(super) fn valid(code: &[u8], national: &[u8]) -> bool {
    let place = Place::START.walk(code).and_then(|place| place.walk(national));
    place.is_some_and(Place::may_end)
}

fn word(at: u16) -> u16 {
    let at = usize::from(at) * 2;
    TABLE.get(at..at + 2).map_or(0, |bytes| u16::from_le_bytes([bytes[0], bytes[1]]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_lengths_are_known() {
        let code = |digits: &[u8]| Code::of(digits).map(|code| code.len);
        assert_eq!(
            [code(b"14155550100"), code(b"442079460000"), code(b"3532012"), code(b"0301234")],
            [Some(1), Some(2), Some(3), None]
        );
        let us = Code::of(b"1415").unwrap();
        assert!(us.has_length(10) && !us.has_length(9) && !us.has_length(11) && !us.has_length(64));
        assert!(valid(b"49", b"3023125000") && valid(b"39", b"0236618300") && valid(b"1", b"6502530000"));
        assert!(!valid(b"1", b"0502530000") && !valid(b"44", b"12") && !valid(b"999", b"1234567"));
    }

    #[test]
    fn every_place_leads_into_the_table() {
        let mut seen = std::collections::HashSet::from([0]);
        let mut open = vec![Place::START];
        while let Some(place) = open.pop() {
            assert!(usize::from(place.0) * 2 + 1 < TABLE.len());
            let next = (b'0'..=b'9').filter_map(|digit| place.step(digit));
            open.extend(next.filter(|next| seen.insert(next.0)));
        }
        assert!(seen.len() > 3000, "{} places", seen.len());
    }

    /// Whoever knows that no number of a country has so many digits need not follow them.
    #[test]
    fn no_number_ends_where_its_country_has_none_of_that_length() {
        for code in Code::all() {
            let mut seen = std::collections::HashSet::from([(code.place.0, 0)]);
            let mut open = vec![(code.place, 0)];
            while let Some((place, digits)) = open.pop() {
                assert!(!place.may_end() || code.may_have_length(digits), "{code:?} ends after {digits}");
                let next = (b'0'..=b'9').filter_map(|digit| Some((place.step(digit)?, digits + 1)));
                open.extend(next.filter(|(place, digits)| seen.insert((place.0, *digits))));
            }
        }
    }
}
