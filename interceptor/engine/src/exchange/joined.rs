//! Names of tools that come in fragments, put together as clients do it: what is said under the same numbers is one text.
//! Others take what was said last for the whole name, and some providers say it again in every event: so a fragment is a
//! name as well, which whoever asks knows already. Knows keys and names. Decides nothing.

use super::event::Named;

/// Most calls whose names are kept.
const MOST: usize = 512;
/// No tool has a longer name.
const LONGEST: usize = 128;

/// See the head of this file.
#[derive(Debug, Default)]
pub(super) struct Joined {
    /// What was said under some keys so far.
    whole: Vec<Named>,
    left_out: bool,
}

impl Joined {
    /// Takes in what is said, and gives what it is together with what was said before, if something was.
    pub(super) fn add(&mut self, named: &Named) -> Option<Named> {
        // Without a number nobody knows what belongs together, and no client puts it together.
        if named.keys.iter().all(Option::is_none) || named.name.is_empty() {
            return None;
        }
        let Some(known) = self.whole.iter_mut().find(|known| known.keys == named.keys) else {
            if self.whole.len() == MOST {
                self.left_out = true;
            } else {
                self.whole.push(named.clone());
            }
            return None;
        };
        if known.name.len() <= LONGEST {
            known.name.push_str(&named.name);
        }
        (known.name.len() <= LONGEST).then(|| known.clone())
    }

    /// Whether there were more calls than are kept, since the last time.
    pub(super) fn take_left_out(&mut self) -> bool {
        std::mem::take(&mut self.left_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::event::Keys;

    fn check(said: &[(Option<u32>, &str)], expected: &[&str]) {
        let mut joined = Joined::default();
        let named = |key: &Option<u32>, name: &str| {
            let mut keys = Keys::default();
            keys[0] = *key;
            Named { name: name.to_owned(), keys }
        };
        let told: Vec<_> = said.iter().filter_map(|(key, name)| joined.add(&named(key, name))).collect();
        assert_eq!(told.iter().map(|named| &*named.name).collect::<Vec<_>>(), expected, "{said:?}");
    }

    #[test]
    fn fragments_of_one_call_are_put_together() {
        check(&[(Some(0), "sh"), (Some(0), "el"), (Some(0), "l")], &["shel", "shell"]);
        check(&[(Some(0), "sh"), (Some(1), "no"), (Some(0), "ell"), (Some(1), "te")], &["shell", "note"]);
        check(&[(Some(0), "l"), (Some(0), "l"), (Some(0), "s")], &["ll", "lls"]);
        check(&[(Some(0), "a"), (Some(0), "")], &[]);
    }

    #[test]
    fn what_has_no_number_is_whole() {
        check(&[(None, "sh"), (None, "ell")], &[]);
    }

    #[test]
    fn there_are_bounds() {
        let mut joined = Joined::default();
        let named = |key, length| {
            let mut keys = Keys::default();
            keys[0] = Some(key);
            Named { name: "x".repeat(length), keys }
        };
        assert!(joined.add(&named(0, LONGEST - 1)).is_none());
        assert!(joined.add(&named(0, 1)).is_some_and(|joined| joined.name.len() == LONGEST));
        for _ in 0..2 {
            assert!(joined.add(&named(0, LONGEST)).is_none() && !joined.take_left_out());
        }
        (1..=MOST).for_each(|key| drop(joined.add(&named(u32::try_from(key).unwrap(), 1))));
        assert!(joined.take_left_out() && !joined.take_left_out());
    }
}
