//! The language of places: `messages[].content[].text`, `tools.**`, `content[type=thinking].**`,
//! `block{type=thinking}.**`.
//! Says where in a body something stands; what is done there is the business of the table.

use std::fmt;

/// One step down into a JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The member of this name.
    Key(Box<str>),
    /// The member of this name, as it is written and as `snake_case`.
    Either(Box<str>, Box<str>),
    /// Any member.
    AnyKey,
    /// Every element of an array.
    Element,
    /// This value and everything below it; only as the last step.
    Rest,
}

/// A set of places in a JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub(crate) steps: Box<[Step]>,
    /// After how many steps the value's own `type` decides, and which types it may have.
    pub(crate) only: Option<(usize, Box<[Box<str>]>)>,
}

/// Why a text is not a place.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PlaceError {
    /// `a..b`, or nothing at all.
    #[error("an empty key")]
    EmptyKey,
    /// A `[` that is not closed, or closed in the middle of a key.
    #[error("brackets that do not match")]
    Brackets,
    /// Something else than nothing or `type=…` in the brackets.
    #[error("only [], [type=…] and {{type=…}} may follow a key")]
    Filter,
    /// `**` means everything below, so nothing can follow.
    #[error("** must be the last step")]
    RestNotLast,
    /// Two filters would need a decision on two levels.
    #[error("more than one [type=…]")]
    TwoFilters,
}

impl Place {
    /// Reads a place.
    pub fn parse(text: &str) -> Result<Self, PlaceError> {
        let mut place = Parsed::default();
        for part in text.split('.') {
            place.part(part)?;
        }
        let rest = place.steps.iter().position(|step| *step == Step::Rest);
        if rest.is_some_and(|at| at + 1 != place.steps.len()) {
            return Err(PlaceError::RestNotLast);
        }
        Ok(Place { steps: place.steps.into(), only: place.only })
    }

    /// The same place, of a value that itself stands at `at`, which has no filter and no `**`.
    pub(crate) fn below(self, at: &Place) -> Place {
        let steps = at.steps.iter().cloned().chain(self.steps).collect();
        Place { steps, only: self.only.map(|(depth, types)| (depth + at.steps.len(), types)) }
    }

    /// The same place; if asked for, its keys may be written in `snake_case` too, each for itself.
    pub(crate) fn spelt(&self, both_ways: bool) -> Place {
        let step = |step: &Step| match step {
            Step::Key(key) if both_ways && key.contains(|c: char| c.is_ascii_uppercase()) => {
                Step::Either(key.clone(), snake_case(key))
            }
            step => step.clone(),
        };
        Place { steps: self.steps.iter().map(step).collect(), only: self.only.clone() }
    }

    /// True if it means everything below something.
    pub(crate) fn is_open_ended(&self) -> bool {
        matches!(self.steps.last(), Some(Step::Rest))
    }

    /// True if the `type` of a value decides.
    pub(crate) fn is_filtered(&self) -> bool {
        self.only.is_some()
    }

    /// How exact the place is: places without `**` first, then by the number of keys written out.
    pub(crate) fn exactness(&self) -> (bool, usize) {
        let keys = self.steps.iter().filter(|step| matches!(step, Step::Key(_) | Step::Either(..))).count();
        (!self.is_open_ended(), keys)
    }
}

impl Step {
    /// The names that it may have in a document.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let (first, second) = match self {
            Step::Key(key) => (Some(key), None),
            Step::Either(written, snake) => (Some(written), Some(snake)),
            Step::AnyKey | Step::Element | Step::Rest => (None, None),
        };
        first.into_iter().chain(second).map(|name| &**name)
    }
}

fn snake_case(key: &str) -> Box<str> {
    let mut name = String::with_capacity(key.len() + 4);
    for c in key.chars() {
        if c.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(c.to_ascii_lowercase());
    }
    name.into()
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.steps.iter().enumerate() {
            if at > 0 && *step != Step::Element {
                f.write_str(".")?;
            }
            match step {
                Step::Key(key) | Step::Either(key, _) => f.write_str(key)?,
                Step::AnyKey => f.write_str("*")?,
                Step::Element => f.write_str("[]")?,
                Step::Rest => f.write_str("**")?,
            }
            if let Some((_, types)) = self.only.as_ref().filter(|(depth, _)| *depth == at + 1) {
                write!(f, "{{type={}}}", types.join("|"))?;
            }
        }
        Ok(())
    }
}

#[derive(Default)]
struct Parsed {
    steps: Vec<Step>,
    only: Option<(usize, Box<[Box<str>]>)>,
}

impl Parsed {
    /// One part between dots: a key, then any number of `[]`, `[type=…]` or `{type=…}`.
    fn part(&mut self, part: &str) -> Result<(), PlaceError> {
        let (key, mut suffix) = part.split_at(part.find(['[', '{']).unwrap_or(part.len()));
        match key {
            // A place may start with brackets: the body itself is an array.
            "" if self.steps.is_empty() && !suffix.is_empty() => {}
            "" => return Err(PlaceError::EmptyKey),
            "*" => self.steps.push(Step::AnyKey),
            "**" => self.steps.push(Step::Rest),
            key if key.contains([']', '}']) => return Err(PlaceError::Brackets),
            key => self.steps.push(Step::Key(key.into())),
        }
        while let Some(open) = suffix.chars().next() {
            let close = match open {
                '[' => ']',
                '{' => '}',
                _ => return Err(PlaceError::Brackets),
            };
            let end = suffix.find(close).ok_or(PlaceError::Brackets)?;
            if open == '[' {
                self.steps.push(Step::Element);
            }
            self.filter(&suffix[1..end], open == '[')?;
            suffix = &suffix[end + 1..];
        }
        Ok(())
    }

    /// What stands between the brackets: the types that the value reached so far may have.
    fn filter(&mut self, filter: &str, may_be_empty: bool) -> Result<(), PlaceError> {
        if filter.is_empty() && may_be_empty {
            return Ok(());
        }
        let types =
            filter.strip_prefix("type=").filter(|types| !types.is_empty()).ok_or(PlaceError::Filter)?;
        if self.only.is_some() {
            return Err(PlaceError::TwoFilters);
        }
        self.only = Some((self.steps.len(), types.split('|').map(Into::into).collect()));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read() {
        let place = Place::parse("messages[].content[type=thinking|other].**").unwrap();
        let key = |text: &str| Step::Key(text.into());
        assert_eq!(*place.steps, [key("messages"), Step::Element, key("content"), Step::Element, Step::Rest]);
        assert_eq!(place.only.unwrap().0, 4);
        assert_eq!(
            place_text("messages[].content[type=thinking].**"),
            "messages[].content[]{type=thinking}.**"
        );
        assert_eq!(place_text("[].a.*[][]"), "[].a.*[][]");
        assert_eq!(Place::parse("block{type=x}.**").unwrap().only.unwrap().0, 1);
        assert_eq!(*Place::parse("[].Text").unwrap().steps, [Step::Element, key("Text")]);
        assert_eq!(
            *Place::parse("a.*[][]").unwrap().steps,
            [key("a"), Step::AnyKey, Step::Element, Step::Element]
        );
    }

    fn place_text(text: &str) -> String {
        Place::parse(text).unwrap().to_string()
    }

    #[test]
    fn places_move_and_have_two_spellings() {
        let at = Place::parse("requests[].params").unwrap();
        let place = Place::parse("c[type=x].**").unwrap().below(&at);
        assert_eq!(
            (place.to_string().as_str(), place.only.unwrap().0),
            ("requests[].params.c[]{type=x}.**", 5)
        );
        let spelt = Place::parse("inlineData.data").unwrap().spelt(true);
        assert_eq!(spelt.steps[0].names().collect::<Vec<_>>(), ["inlineData", "inline_data"]);
        assert_eq!(spelt.steps[1], Step::Key("data".into()));
    }

    #[test]
    fn broken_places_are_refused() {
        for (text, error) in [
            ("", PlaceError::EmptyKey),
            ("a..b", PlaceError::EmptyKey),
            ("a[", PlaceError::Brackets),
            ("a]", PlaceError::Brackets),
            ("a[]b", PlaceError::Brackets),
            ("a[0]", PlaceError::Filter),
            ("a[type=]", PlaceError::Filter),
            ("a{}", PlaceError::Filter),
            ("a.**.b", PlaceError::RestNotLast),
            ("a.**[]", PlaceError::RestNotLast),
            ("a[type=b].c[type=d]", PlaceError::TwoFilters),
        ] {
            assert_eq!(Place::parse(text), Err(error), "{text}");
        }
    }
}
