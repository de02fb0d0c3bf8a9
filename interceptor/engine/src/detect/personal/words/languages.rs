//! Words that announce a number, by language: what a form, a letter or a column calls it. Words that stand beside a kind
//! or a topic in the tables are not said again. Also makes the other spellings of a word: that is known of alphabets
//! and not of kinds.

use super::super::kind::Topic;
use super::{east, far, west};

/// The name of a kind, without what all begin with, and words with a `|` between them.
pub(super) type Rows = &'static [(&'static str, &'static str)];
/// The same for a topic.
pub(super) type TopicRows = &'static [(Topic, &'static str)];

/// Every kind's name and a word.
pub(in super::super) fn kinds() -> impl Iterator<Item = (&'static str, &'static str)> {
    let rows = [west::KINDS, east::KINDS, far::KINDS].into_iter().flatten();
    rows.flat_map(|(name, words)| words.split('|').map(move |word| (*name, word)))
}

/// Every topic and a word.
pub(super) fn topics() -> impl Iterator<Item = (Topic, &'static str)> {
    let rows = [west::TOPICS, east::TOPICS, far::TOPICS].into_iter().flatten();
    rows.flat_map(|(topic, words)| words.split('|').map(move |word| (*topic, word)))
}

/// A plainer word than this may be another word: `né le` without its accent is French for something else.
const PLAIN: usize = 6;
/// Letters of an abbreviation that is also written with dots.
const ABBREVIATIONS: std::ops::RangeInclusive<usize> = 3..=4;

/// The word and its other spellings: capitals that are not told by one bit of the small letter, no accents, and dots in an
/// abbreviation or spaces for its dots.
pub(super) fn spellings(word: &str) -> Vec<String> {
    let mut all = vec![word.to_owned()];
    if word.bytes().any(|b| b >= 0x80) {
        all.push(word.to_uppercase());
        let mut chars = word.chars();
        let first = chars.next().map(|first| first.to_uppercase().chain(chars).collect());
        all.extend(first);
        for umlauts in [false, true] {
            let plain: String = word.chars().map(|c| plain(c, umlauts)).collect();
            if plain.is_ascii() && plain.len() >= PLAIN {
                all.push(plain);
            }
        }
    }
    if word.chars().all(char::is_alphabetic) && ABBREVIATIONS.contains(&word.chars().count()) {
        let apart = |word: &String, mark: &str| {
            let letters: Vec<String> = word.chars().map(String::from).collect();
            letters.join(mark)
        };
        let dotted = all.iter().map(|word| apart(word, "."));
        all.extend(dotted.chain(all.iter().map(|word| apart(word, " "))).collect::<Vec<_>>());
    }
    let spaced = word.replace(". ", " ").replace('.', " ");
    if !spaced.ends_with(' ') && spaced.len() > 3 {
        all.push(spaced);
    }
    all.sort();
    all.dedup();
    all
}

/// A letter without its accent; `umlauts` says that two letters stand for one.
fn plain(letter: char, umlauts: bool) -> std::borrow::Cow<'static, str> {
    let plain = match letter {
        'ä' | 'æ' if umlauts => "ae",
        'ö' | 'ø' if umlauts => "oe",
        'ü' if umlauts => "ue",
        'å' if umlauts => "aa",
        'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' | 'ă' | 'ą' | 'ā' => "a",
        'æ' => "ae",
        'ç' | 'č' | 'ć' => "c",
        'ď' | 'đ' | 'ð' => "d",
        'è' | 'é' | 'ê' | 'ë' | 'ě' | 'ę' | 'ė' | 'ē' => "e",
        'ğ' | 'ģ' => "g",
        'ì' | 'í' | 'î' | 'ï' | 'ı' | 'ī' | 'į' => "i",
        'ķ' => "k",
        'ł' | 'ľ' | 'ļ' | 'ĺ' => "l",
        'ñ' | 'ń' | 'ň' | 'ņ' => "n",
        'ò' | 'ó' | 'ô' | 'õ' | 'ö' | 'ø' | 'ő' => "o",
        'ř' | 'ŕ' => "r",
        'š' | 'ś' | 'ş' | 'ș' => "s",
        'ß' => "ss",
        'ť' | 'ţ' | 'ț' => "t",
        'ù' | 'ú' | 'û' | 'ü' | 'ů' | 'ű' | 'ū' | 'ų' => "u",
        'ý' => "y",
        'ž' | 'ź' | 'ż' => "z",
        other => return other.to_string().into(),
    };
    plain.into()
}

#[cfg(test)]
mod tests {
    use super::super::super::table;
    use super::*;

    #[test]
    fn every_row_is_about_a_kind() {
        for (name, word) in kinds() {
            let known = |kind: &super::super::super::kind::Kind| {
                kind.detector.name.strip_prefix("pii.") == Some(name)
            };
            assert!(table::KINDS.iter().any(known), "{name}");
            assert!(word.len() > 1 && word.trim() == word, "{word:?}");
        }
        assert!(topics().all(|(_, word)| word.len() > 1 && word.trim() == word));
    }

    #[test]
    fn words_have_other_spellings() {
        let has = |word: &str, other: &str| spellings(word).iter().any(|it| it == other);
        assert!(has("führerschein", "fuehrerschein") && has("führerschein", "fuhrerschein"));
        assert!(has("číslo účtu", "Číslo účtu") && has("číslo účtu", "cislo uctu"));
        assert!(
            has("снилс", "СНИЛС")
                && has("αφμ", "ΑΦΜ")
                && has("αφμ", "Α.Φ.Μ")
                && has("cif", "c.i.f")
                && has("cif", "c i f")
        );
        assert!(has("p.iva", "p iva") && has("p. iva", "p iva"));
        assert!(!has("né le", "ne le") && spellings("passport") == ["passport"]);
    }
}
