//! Reads documents of kind `DetectorSet`. Knows their fields and what they may hold; every mistake goes to the
//! report, and reading goes on.

use std::collections::HashSet;
use std::sync::Arc;

use super::super::{Confidence, DetectorId, Detectors, Registry, RegistryError};
use super::judge::{FARTHEST, LONGEST_WORD};
use super::pattern::Pattern;
use super::{Compiled, Context, Definition, LONGEST, Own, SHORTEST, Validator, shape};
use crate::document::resource;
use crate::document::{Field, Fields, Mistake, Position, Report};

/// First parts of names that detectors of a build have, or may have.
const RESERVED: [&str; 3] = ["secret", "pii", "risk"];

/// Bytes of all literals together.
const MOST_LITERALS: usize = 64 << 20;

/// A set has so many detectors at most.
const MOST_DETECTORS: usize = 10_000;

/// A file of literals, one on each line: its name and its text.
type List<'a> = (&'a str, &'a str);

struct Reader<'a> {
    lists: &'a [List<'a>],
    report: &'a Report,
    definitions: Vec<Definition>,
    names: Vec<(String, String, Field<'a>)>,
    used: Vec<bool>,
    bytes: usize,
}

/// Reads the roots of documents of this kind into one set, together with the detectors of this build. `lists` are
/// the files that `literalsFile` may name. Returns the names that can be used, and none beside them after having
/// reported what is wrong.
pub(crate) fn read<'a>(
    sets: &[Field<'a>],
    lists: &'a [List<'a>],
    report: &'a Report,
) -> (Registry, Option<Arc<Detectors>>) {
    let before = report.count();
    let used = vec![false; lists.len()];
    let mut reader = Reader { lists, report, definitions: Vec::new(), names: Vec::new(), used, bytes: 0 };
    for set in sets {
        let _ = reader.set(set);
    }
    for ((name, _), _) in lists.iter().zip(&reader.used).filter(|(_, used)| !**used) {
        report.about_file(name, "no detector reads this list", Some("a `literalsFile` with its name"));
    }
    let registry = reader.registry();
    if report.count() > before {
        return (registry, None);
    }
    if reader.definitions.is_empty() {
        return (registry, Some(Detectors::builtin()));
    }
    let compiled = Compiled::new(reader.definitions).map_err(|error| {
        sets.iter().for_each(|set| set.mistake(error.to_string(), Some("fewer or shorter ones")));
    });
    let detectors = compiled.ok().map(|compiled| Detectors::with(registry.clone(), compiled));
    (registry, detectors)
}

impl<'a> Reader<'a> {
    fn set(&mut self, root: &Field<'a>) -> Option<()> {
        let spec = resource::read(root, &shape::DOCUMENT)?.spec.shaped(&shape::SPEC)?;
        for detector in spec.required("detectors")?.filled_list()? {
            if self.definitions.len() == MOST_DETECTORS {
                detector.mistake(format!("there are more than {MOST_DETECTORS} detectors"), None);
                return None;
            }
            if let Some(definition) = self.detector(&detector) {
                self.definitions.push(definition);
            }
        }
        Some(())
    }

    fn detector(&mut self, field: &Field<'a>) -> Option<Definition> {
        let fields = field.shaped(&shape::DETECTOR)?;
        let before = self.report.count();
        let name = fields.required("name");
        let name = name.and_then(|field| Some((field.parsed(NAME, name_of)?, field)));
        let label = fields.optional("label").map(|label| label.parsed(LABEL, label_of));
        let id = DetectorId::after_builtin(self.names.len());
        if let Some((name, field)) = &name {
            // Rules may name it even if the rest of it is wrong: one mistake is enough.
            let label = label.flatten().or_else(|| name.rsplit('.').next()).unwrap_or(name);
            self.names.push((
                (*name).to_owned(),
                label.to_ascii_uppercase().replace('-', "_"),
                field.clone(),
            ));
        }
        let _ = fields.optional("description").map(|text| text.text());
        let flag = |name, default| fields.optional(name).map_or(Some(default), |flag| flag.boolean());
        let (ignore_case, whole_word) = (flag("ignoreCase", false), flag("wholeWord", true));
        let literals = self.literals(&fields);
        let pattern = fields.optional("pattern").map(|field| pattern(&field, ignore_case == Some(true)));
        if literals.is_empty() && pattern.is_none() && self.report.count() == before {
            field.mistake("finds nothing", Some("`literals`, `literalsFile` or `pattern`"));
        }
        let context = fields.optional("context").map(|context| self::context(&context));
        let validator = fields.optional("validator").map(|v| v.one_of(&Validator::WORDS));
        let confidence = match fields.optional("confidence") {
            Some(field) => field.one_of(&shape::CONFIDENCE),
            None => Some(Confidence::Medium),
        };
        name?;
        given(label)?;
        let (context, validator) = (given(context)?, given(validator)?);
        let own = Own { id, confidence: confidence?, whole_word: whole_word?, context, validator };
        let definition = Definition { own, ignore_case: ignore_case?, literals, pattern: given(pattern)? };
        Some(definition)
    }

    /// What `literals` and `literalsFile` say together, each text once.
    fn literals(&mut self, fields: &Fields<'a>) -> Vec<Box<[u8]>> {
        let mut all: HashSet<&str> = HashSet::new();
        for item in fields.optional("literals").and_then(|list| list.filled_list()).unwrap_or_default() {
            all.extend(item.parsed(LITERAL, literal_of));
        }
        if let Some(field) = fields.optional("literalsFile") {
            for (line, text) in self.list(&field).into_iter().flat_map(|(_, text)| text.lines()).enumerate() {
                match literal_of(text) {
                    Some(literal) => drop(all.insert(literal)),
                    None if text.trim().is_empty() => {}
                    None => self.report.add(Mistake {
                        file: field.text().unwrap_or_default().into(),
                        at: Position { line: line + 1, column: 1 },
                        what: "this literal is not allowed".into(),
                        expected: Some(LITERAL.into()),
                        did_you_mean: None,
                    }),
                }
            }
        }
        self.bytes += all.iter().map(|literal| literal.len()).sum::<usize>();
        if self.bytes > MOST_LITERALS {
            fields.this().mistake(format!("the literals are more than {} MiB", MOST_LITERALS >> 20), None);
            return Vec::new();
        }
        let mut all: Vec<Box<[u8]>> = all.into_iter().map(|literal| literal.as_bytes().into()).collect();
        all.sort_unstable();
        all
    }

    /// The list that a field names: by its whole name, or by its name beside the document.
    fn list(&mut self, field: &Field<'a>) -> Option<List<'a>> {
        let wanted = field.text()?;
        let beside = field.file().rsplit_once('/').map(|(folder, _)| format!("{folder}/{wanted}"));
        let fits = |name: &str| name == wanted || beside.as_deref() == Some(name);
        let Some(at) = self.lists.iter().position(|(name, _)| fits(name)) else {
            let known = self.lists.iter().map(|(name, _)| *name);
            field.unknown_word_of_many(
                "list",
                wanted,
                known,
                "the name of a `.txt` file that is loaded, too",
            );
            return None;
        };
        self.used[at] = true;
        Some(self.lists[at])
    }

    fn registry(&self) -> Registry {
        let mut names: Vec<_> = self.names.iter().collect();
        loop {
            match Registry::with(names.iter().map(|(name, label, _)| (&**name, &**label))) {
                Ok(registry) => return registry,
                Err((at, error)) => {
                    let (name, _, field) = names.remove(at);
                    match error {
                        RegistryError::Taken => field.mistake(
                            format!("the name `{name}` is taken by another detector"),
                            Some("another name"),
                        ),
                        RegistryError::Full => field.mistake(error.to_string(), None),
                    }
                }
            }
        }
    }
}

/// What is not there is fine, what is there and wrong is not.
fn given<T>(value: Option<Option<T>>) -> Option<Option<T>> {
    value.map_or(Some(None), |value| value.map(Some))
}

const NAME: &str = "two to eight words of lower-case letters, digits, `_` and `-` with dots between them, such as \
                    `acme.project`; the first is none of `secret`, `pii`, `risk`";

fn name_of(text: &str) -> Option<&str> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-');
    let parts: Vec<&str> = text.split('.').collect();
    let right = text.len() <= 64
        && (2..=8).contains(&parts.len())
        && parts.iter().all(|part| !part.is_empty() && part.bytes().all(plain))
        && !RESERVED.contains(&parts[0]);
    right.then_some(text)
}

const LABEL: &str = "at most 32 upper-case letters, digits and `_`";

fn label_of(text: &str) -> Option<&str> {
    let plain = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
    ((1..=32).contains(&text.len()) && text.bytes().all(plain)).then_some(text)
}

const LITERAL: &str = "3 to 128 bytes without spaces at the ends";

fn literal_of(text: &str) -> Option<&str> {
    ((SHORTEST..=LONGEST).contains(&text.len()) && text.trim() == text).then_some(text)
}

fn pattern(field: &Field<'_>, ignore_case: bool) -> Option<Pattern> {
    match Pattern::parse(field.text()?, ignore_case) {
        Ok(pattern) => Some(pattern),
        Err(refused) => {
            field.mistake(refused.what, Some(&refused.expected));
            None
        }
    }
}

fn context(field: &Field<'_>) -> Option<Context> {
    let fields = field.shaped(&shape::CONTEXT)?;
    let words = fields.required("words").and_then(|words| words.filled_list());
    let word = |text: &str| {
        let right = (2..=LONGEST_WORD).contains(&text.len());
        right.then(|| text.to_ascii_lowercase().into_bytes().into_boxed_slice())
    };
    let words: Option<Vec<_>> =
        words.map(|words| words.iter().filter_map(|field| field.parsed("2 to 64 bytes", word)).collect());
    let farthest = u64::try_from(FARTHEST).unwrap_or(u64::MAX);
    let within = fields.optional("within").map_or(Some(64), |within| within.number(1..=farthest));
    let required = fields.optional("required").map_or(Some(false), |required| required.boolean());
    let within = usize::try_from(within?).ok()?;
    Some(Context { words: words?, within, required: required? })
}
