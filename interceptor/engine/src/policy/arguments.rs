//! What rules ask of what a tool is called with, and what such a call says.
//! Knows keys and values. Does not know how calls are written, or where they stand.

use std::fmt;

use super::call::CallExpression;
use super::conditions::{Holds, Quantifier};
use super::pattern::{Pattern, Patterns};

/// Most values that are kept of one call.
const MOST_VALUES: usize = 4_096;
/// Most bytes of keys and values that are kept of one call.
const MOST_BYTES: usize = 256 << 10;
/// Most keys in a path that a rule names.
const MOST_STEPS: usize = 16;

/// The keys that lead to a value, from the outermost.
type Keys = Box<[Box<str>]>;

/// What a tool is called with: single values, each with the keys that lead to it. Elements of a list stand where the list
/// stands. All of it is in small letters, as it is compared.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Given {
    values: Vec<(Keys, Box<str>)>,
    bytes: usize,
    is_whole: bool,
}

impl Given {
    /// Takes in a value. False if there is no room for it.
    pub(crate) fn add<'p>(&mut self, path: impl IntoIterator<Item = &'p str>, value: &str) -> bool {
        let path: Keys = path.into_iter().map(|key| key.to_ascii_lowercase().into()).collect();
        self.bytes += value.len() + path.iter().map(|key| key.len()).sum::<usize>();
        if self.values.len() == MOST_VALUES || self.bytes > MOST_BYTES {
            return false;
        }
        self.values.push((path, value.to_ascii_lowercase().into()));
        true
    }

    /// Nothing more will come, and nothing is missing.
    pub(crate) fn is_whole(&mut self) {
        self.is_whole = true;
    }

    /// True if nothing is missing.
    pub(super) fn whole(&self) -> bool {
        self.is_whole
    }

    /// The values, each with the keys that lead to it.
    pub(super) fn values(&self) -> impl Iterator<Item = (&[Box<str>], &str)> {
        self.values.iter().map(|(keys, value)| (&**keys, &**value))
    }

    /// True if it says nothing at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Given({} values, {} bytes)", self.values.len(), self.bytes)
    }
}

/// What has to be true of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Of each path one of the patterns.
    pub(super) paths: Box<[(KeyPath, Patterns)]>,
    /// And this.
    pub(super) call: Option<CallExpression>,
}

impl Wanted {
    /// By what it asks: paths, as they are compared, and `call`.
    pub(super) fn asked(&self) -> impl Iterator<Item = String> {
        let call = self.call.iter().map(|_| "call".to_owned());
        self.paths.iter().map(|(path, _)| path.to_string()).chain(call)
    }

    /// An exemption has to fit all values at its paths, and there has to be one: what is said twice is read in one way or
    /// the other, nobody knows which.
    pub(super) fn fits(&self, names: &[String], given: &Given, quantifier: Quantifier) -> Holds {
        match &self.call {
            _ if !self.paths_fit(given, quantifier) => Holds::No,
            None => Holds::Yes,
            Some(call) => call.holds(names, given, quantifier),
        }
    }

    fn paths_fit(&self, given: &Given, quantifier: Quantifier) -> bool {
        self.paths.iter().all(|(path, patterns)| {
            let at = given.values.iter().filter(|(keys, _)| path.fits(keys));
            let mut fits = at.map(|(_, value)| patterns.fit(value)).peekable();
            match quantifier {
                Quantifier::Any => fits.any(|fits| fits),
                Quantifier::All => given.is_whole && fits.peek().is_some() && fits.all(|fits| fits),
            }
        })
    }
}

/// Keys with dots between them. `*` in one stands for any characters, `**` for any number of keys, also none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeyPath(Box<[Step]>);

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.0.iter().enumerate() {
            let dot = if at == 0 { "" } else { "." };
            match step {
                Step::Key(key) => write!(f, "{dot}{key}")?,
                Step::Any => write!(f, "{dot}**")?,
            }
        }
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(Pattern),
    Any,
}

impl KeyPath {
    /// `None` if it is no such path.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let step = |key: &str| match key {
            "**" => Some(Step::Any),
            key => Pattern::parse_any(key).map(|key| Step::Key(key.folded())),
        };
        let steps: Box<[Step]> = text.split('.').map(step).collect::<Option<_>>()?;
        (steps.len() <= MOST_STEPS).then_some(Self(steps))
    }

    /// As patterns of names are compared: of several `**` only the last has to be tried again.
    fn fits(&self, keys: &[Box<str>]) -> bool {
        let (mut step, mut key) = (0, 0);
        let mut again = None;
        loop {
            match self.0.get(step) {
                Some(Step::Any) => {
                    again = Some((step, key));
                    step += 1;
                    continue;
                }
                Some(Step::Key(pattern)) if keys.get(key).is_some_and(|key| pattern.fits(key)) => {
                    (step, key) = (step + 1, key + 1);
                    continue;
                }
                None if key == keys.len() => return true,
                _ => {}
            }
            match again {
                Some((any, from)) if from < keys.len() => {
                    again = Some((any, from + 1));
                    (step, key) = (any + 1, from + 1);
                }
                _ => return false,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(path: &str, keys: &str) -> bool {
        let keys: Vec<Box<str>> = keys.split('.').filter(|key| !key.is_empty()).map(Into::into).collect();
        KeyPath::parse(path).expect("a path").fits(&keys)
    }

    #[test]
    fn paths_fit_keys() {
        for (path, keys) in [
            ("a", "a"),
            ("a.b", "a.b"),
            ("a.*", "a.x"),
            ("f*.b", "foo.b"),
            ("**", ""),
            ("**", "a.b"),
            ("**.c", "c"),
            ("**.c", "a.c.b.c"),
            ("a.**.c", "a.c"),
            ("a.**.c.**", "a.x.c.y.c.z"),
            ("A", "a"),
        ] {
            assert!(fits(path, keys), "{path} {keys}");
            assert_eq!(KeyPath::parse(path).expect("a path").to_string(), path.to_ascii_lowercase());
        }
        for (path, keys) in
            [("a", ""), ("a", "b"), ("a", "a.b"), ("a.b", "a"), ("*", ""), ("**.c", "c.d"), ("a.**.c", "a.b")]
        {
            assert!(!fits(path, keys), "{path} {keys}");
        }
        let long = vec!["a"; MOST_STEPS + 1].join(".");
        for wrong in ["", ".", "a.", ".a", "a..b", "a b", &long] {
            assert!(KeyPath::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn what_is_said_twice_exempts_nothing_and_hides_nothing() {
        let one =
            |pattern: &str| Patterns::new(vec![Pattern::parse_text(pattern).expect("a pattern").folded()]);
        let wanted = |pattern| Wanted {
            paths: [(KeyPath::parse("command").expect("a path"), one(pattern))].into(),
            call: None,
        };
        let mut given = Given::default();
        assert!(given.add(["Command"], "LS -l") && given.add(["command"], "rm -rf /"));
        assert!(wanted("*rm -rf*").paths_fit(&given, Quantifier::Any));
        given.is_whole();
        assert!(!wanted("ls*").paths_fit(&given, Quantifier::All));
        assert!(wanted("*").paths_fit(&given, Quantifier::All));
        assert!(!wanted("*").paths_fit(&Given::default(), Quantifier::All));
    }

    #[test]
    fn a_call_has_bounds() {
        let mut given = Given::default();
        assert!(!given.add([], &"x".repeat(MOST_BYTES + 1)));
        let mut given = Given::default();
        assert_eq!((0..MOST_VALUES + 1).filter(|_| given.add(["k"], "v")).count(), MOST_VALUES);
        assert_eq!(format!("{given:?}"), "Given(4096 values, 8194 bytes)");
    }
}
