//! Characters of other scripts that look like ASCII ones, and digits of other scripts. From Unicode's lists of
//! confusable characters (UTS 39) and of decimal digits (`Nd`); those that nobody could mistake are left out.

use std::sync::LazyLock;

/// Where each script's zero stands; nine more digits follow it.
const ZEROS: [u32; 37] = [
    0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66, 0x0DE6,
    0x0E50, 0x0ED0, 0x0F20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0,
    0x1C40, 0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0x104A0, 0x1FBF0,
];

/// Letters by script. The two texts of a pair run side by side.
const ALIKE: [(&str, &str); 9] = [
    // Cyrillic
    (
        "аАВвсСԁԀеЕҽҺһНнІіЈјКкМмоОрРԛԚѕЅТтхХуУҮүѡԝԜѵѴзЗбьӏгпЬ",
        "aABbcCddeEeHhHhIiJjKkMmoOpPqQsSTtxXyYYywwWvV336blrnb",
    ),
    // Greek
    ("αΑΒβϲϹεΕΖηΗιΙϳͿκΚΜνΝοΟσρΡτΤυΥχΧγωϜ", "aABbcCeEZnHiIjJkKMvNoOopPtTuYxXywF"),
    // Latin beyond ASCII
    ("ıɑɡɩɪʟʀʙɢʜɴʏƽɯɓɗɠƙƤƬƲǀ", "iagiilrbghny5mbdgkPTVl"),
    // Small capitals
    ("ᴀᴄᴅᴇᴊᴋᴍᴏᴘᴛᴜᴠᴡᴢꜰꜱ", "acdejkmoptuvwzfs"),
    // Armenian
    ("օսհցոզյՕՍԼ", "ouhgnqjOUL"),
    // Cherokee
    ("ᎪᏴᏟᎠᎬᏀᎻᎥᎫᏦᏞᎷᏢᏒᏚᎢᏙᎳᏃ", "ABCDEGHiJKLMPRSTVWZ"),
    // Lisu
    ("ꓮꓐꓚꓓꓰꓝꓖꓧꓲꓙꓗꓡꓟꓠꓳꓑꓣꓢꓔꓴꓦꓪꓫꓬꓜ", "ABCDEFGHIJKLMNOPRSTUVWXYZ"),
    // Roman numerals of one letter, and letters of formulas
    ("ⅰⅴⅹⅼⅽⅾⅿⅠⅤⅩⅬⅭⅮⅯℓℎℊℯℴℂℍℕℙℚℝℤℬℰℱℋℐℒℳℛ", "ivxlcdmIVXLCDMlhgeoCHNPQRZBEFHILMR"),
    // Marks
    ("․。｡ꓸ∕⁄⧸∶ː꞉﹫‗ꘌ꓿𐄂⍺", "....///:::@_==xa"),
];

/// What a character looks like, and whether it is nothing else.
pub(super) fn find(code: u32) -> Option<(u8, bool)> {
    if code < 0xB2 {
        return None;
    }
    digit(code)
        .or_else(|| styled(code))
        .map(|byte| (byte, true))
        .or_else(|| alike(code).map(|byte| (byte, false)))
}

fn digit(code: u32) -> Option<u8> {
    let at = ZEROS.partition_point(|zero| *zero <= code).checked_sub(1)?;
    let value = code - ZEROS[at];
    let value = match code {
        0x2080..=0x2089 => code - 0x2080,
        0x2460..=0x2468 => code - 0x2460 + 1,
        0x24F5..=0x24FD => code - 0x24F5 + 1,
        0x2776..=0x277E => code - 0x2776 + 1,
        0x1D7CE..=0x1D7FF => (code - 0x1D7CE) % 10,
        0x24EA => 0,
        _ => value,
    };
    (value < 10).then(|| b'0' + u8::try_from(value).unwrap_or(0))
}

/// Letters in circles and squares, and the alphabets of formulas: 26 capitals and 26 small ones in each.
fn styled(code: u32) -> Option<u8> {
    let letter = |first: u8, at: u32| u8::try_from(at).ok().map(|at| first + at);
    match code {
        0x24B6..=0x24CF => letter(b'A', code - 0x24B6),
        0x24D0..=0x24E9 => letter(b'a', code - 0x24D0),
        0x1F130..=0x1F149 => letter(b'A', code - 0x1F130),
        0x1F150..=0x1F169 => letter(b'A', code - 0x1F150),
        0x1F170..=0x1F189 => letter(b'A', code - 0x1F170),
        0x1D400..=0x1D6A3 => match (code - 0x1D400) % 52 {
            at @ 0..26 => letter(b'A', at),
            at => letter(b'a', at - 26),
        },
        _ => None,
    }
}

/// What a letter looks like.
pub(super) fn alike(code: u32) -> Option<u8> {
    static SORTED: LazyLock<Box<[(u32, u8)]>> = LazyLock::new(|| {
        let pairs = ALIKE.iter().flat_map(|(those, these)| those.chars().map(u32::from).zip(these.bytes()));
        let mut sorted: Vec<(u32, u8)> = pairs.collect();
        sorted.sort_unstable();
        sorted.into()
    });
    let at = SORTED.binary_search_by_key(&code, |(known, _)| *known).ok()?;
    Some(SORTED[at].1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_of_every_pair_are_equally_long() {
        for (those, these) in ALIKE {
            assert_eq!(those.chars().count(), these.len(), "{these}");
            assert!(these.is_ascii());
        }
        assert!(ZEROS.is_sorted());
    }

    #[test]
    fn digits_and_letters_are_known() {
        let find = |c: char| find(u32::from(c)).map(|(byte, sure)| (char::from(byte), sure));
        assert_eq!(find('٣'), Some(('3', true)));
        assert_eq!(find('९'), Some(('9', true)));
        assert_eq!(find('𝟘'), Some(('0', true)));
        assert_eq!(find('𝐀'), Some(('A', true)));
        assert_eq!(find('ⓩ'), Some(('z', true)));
        assert_eq!(find('е'), Some(('e', false)));
        assert_eq!(find('Ι'), Some(('I', false)));
        assert_eq!(find('é'), None);
        assert_eq!(find('漢'), None);
        assert_eq!(find('²'), None);
    }
}
