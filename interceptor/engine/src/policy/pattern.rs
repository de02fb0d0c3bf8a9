//! Names with `*` in them: `secret.*`, `azure-*`, `*`.

use std::fmt;

/// A name in which `*` stands for any characters, also none. Everything else stands for itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pattern(Box<str>);

impl Pattern {
    /// Reads a pattern of lower-case letters, digits, `.`, `_`, `-` and `*`; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-*".contains(c);
        (!text.is_empty() && text.len() <= 128 && text.chars().all(allowed)).then(|| Self(text.into()))
    }

    /// The pattern that fits everything.
    pub fn any() -> Self {
        Self("*".into())
    }

    /// True if it holds a `*`.
    pub fn is_wild(&self) -> bool {
        self.0.contains('*')
    }

    /// True if it fits every name.
    pub fn is_any(&self) -> bool {
        self.0.bytes().all(|b| b == b'*')
    }

    /// True if `name` fits. Each part between stars is taken at its first place, which is enough: a later
    /// one leaves less room for the rest.
    pub fn fits(&self, name: &str) -> bool {
        let Some((head, rest)) = self.0.split_once('*') else { return *self.0 == *name };
        let Some(mut name) = name.strip_prefix(head) else { return false };
        let mut parts: Vec<&str> = rest.split('*').collect();
        let tail = parts.pop().unwrap_or_default();
        for part in parts {
            match name.find(part) {
                Some(at) => name = &name[at + part.len()..],
                None => return false,
            }
        }
        name.ends_with(tail)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
