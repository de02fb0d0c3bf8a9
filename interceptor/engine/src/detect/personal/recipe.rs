//! Test values for the kinds of numbers: filled in at random until the check agrees. No value stands in the
//! sources.

use super::super::sample::SampleSource;

/// How a value of a kind is made up.
#[derive(Clone, Copy)]
pub(in super::super) struct Recipe {
    /// A word that announces it.
    pub(super) before: &'static str,
    /// `d` a digit, `A` a letter, `X` either, `y` a digit of the year, `mm` a month, `tt` a day; `'` makes the
    /// next character mean itself, as all others do.
    pub(super) pattern: &'static str,
    pub(super) check: fn(&[u8]) -> bool,
}

/// Twenty times what the strictest check needs on average.
const TRIES: usize = 400_000;

impl Recipe {
    /// The word and the value.
    pub(in super::super) fn text(&self, source: &mut SampleSource) -> String {
        let value = self.value(source);
        if self.before.is_empty() { value } else { format!("{} {value}", self.before) }
    }

    /// A value that passes the check.
    pub(in super::super) fn value(&self, source: &mut SampleSource) -> String {
        for _ in 0..TRIES {
            let value = self.fill(source);
            let plain: Vec<u8> =
                value.bytes().filter(u8::is_ascii_alphanumeric).map(|b| b.to_ascii_uppercase()).collect();
            if (self.check)(&plain) {
                return value;
            }
        }
        unreachable!("no value of the form {:?} passes its check", self.pattern)
    }

    fn fill(&self, source: &mut SampleSource) -> String {
        let mut value = String::with_capacity(self.pattern.len());
        let mut marks = self.pattern.chars().peekable();
        while let Some(mark) = marks.next() {
            match mark {
                'd' | 'y' => value.push_str(&source.digits(1)),
                'A' => value.push_str(&source.text(b"ABCDEFGHJKLMNPRSTUVWXYZ", 1)),
                'X' => value.push_str(&source.text(b"ABCDEFGHJKLMNPRSTUVWXYZ0123456789", 1)),
                'm' | 't' => {
                    marks.next();
                    let most = if mark == 'm' { 12 } else { 28 };
                    value.push_str(&format!("{:02}", 1 + source.below(most)));
                }
                '\'' => value.extend(marks.next()),
                other => value.push(other),
            }
        }
        value
    }
}

impl std::fmt::Debug for Recipe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.pattern)
    }
}
