//! Numbers that regulators keep for films, books and manuals: nobody is called by them.

/// Calling codes and the beginnings of numbers behind them, without a trunk prefix; `d` is any digit.
const KEPT: [(&[u8], &[&[u8]]); 6] = [
    // North America: 555-0100 to 555-0199 of every area.
    (b"1", &[b"ddd55501"]),
    // Ofcom, numbers for use in TV and radio drama.
    (
        b"44",
        &[
            b"1134960", b"1144960", b"1154960", b"1164960", b"1174960", b"1184960", b"1214960", b"1314960",
            b"1414960", b"1514960", b"1614960", b"1914980", b"1632960", b"2079460", b"2896496", b"2920180",
            b"3069990", b"7700900", b"8081570", b"9098790",
        ],
    ),
    // Arcep, decision 2018-0881: numbers for audiovisual works.
    (b"33", &[b"19900", b"26191", b"35301", b"46571", b"53649", b"63998"]),
    // Bundesnetzagentur: Rufnummern für Film und Fernsehen.
    (b"49", &[b"3023125", b"4066969", b"6990009", b"8999998", b"2214710"]),
    // ACMA: numbers for fiction.
    (
        b"61",
        &[
            b"25550",
            b"27010",
            b"35550",
            b"37010",
            b"75550",
            b"77010",
            b"85550",
            b"87010",
            b"491570",
            b"1800160401",
        ],
    ),
    // Post- och telestyrelsen: numbers for books and films.
    (b"46", &[b"3139006", b"4062804", b"8465004", b"9803192", b"7017406"]),
];

/// True if the digits, as they are written, are such a number. `abroad` says that a calling code comes first, perhaps
/// behind `00`; else a trunk prefix may.
pub(super) fn is_nobodys(digits: &[u8], abroad: bool) -> bool {
    if abroad {
        let digits = digits.strip_prefix(b"00").unwrap_or(digits);
        return KEPT.iter().any(|(code, kept)| {
            digits.strip_prefix(*code).is_some_and(|national| begins(trunkless(national), kept))
        });
    }
    match digits {
        [b'0', national @ ..] => KEPT[1..].iter().any(|(_, kept)| begins(national, kept)),
        [b'1', national @ ..] if digits.len() == 11 => begins(national, KEPT[0].1),
        _ => digits.len() == 10 && begins(digits, KEPT[0].1),
    }
}

fn trunkless(national: &[u8]) -> &[u8] {
    national.strip_prefix(b"0").unwrap_or(national)
}

fn begins(national: &[u8], kept: &[&[u8]]) -> bool {
    let fits = |kept: &[u8]| {
        national.len() >= kept.len()
            && kept.iter().zip(national).all(|(kept, digit)| *kept == b'd' || kept == digit)
    };
    kept.iter().any(|kept| fits(kept))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_for_films_are_nobodys() {
        for (digits, abroad) in [
            (&b"2125550123"[..], false),
            (b"12125550199", false),
            (b"12125550100", true),
            (b"02079460958", false),
            (b"442079460958", true),
            (b"4402079460958", true),
            (b"00447700900123", true),
            (b"0199001234", false),
        ] {
            assert!(is_nobodys(digits, abroad), "{}", String::from_utf8_lossy(digits));
        }
        for (digits, abroad) in
            [(&b"2125551123"[..], false), (b"02079470958", false), (b"15550123", true), (b"", false)]
        {
            assert!(!is_nobodys(digits, abroad), "{}", String::from_utf8_lossy(digits));
        }
    }
}
