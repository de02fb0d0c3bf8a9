//! Reads what a rule asks for.

use super::{Field, any_patterns};
use crate::detect::{Confidence, Registry};
use crate::document::{Fields, Value};
use crate::policy::Pattern;
use crate::policy::arguments::{KeyPath, Wanted};
use crate::policy::call::CallExpression;
use crate::policy::conditions::{Conditions, Size, Time};
use crate::policy::document::Vocabulary;
use crate::policy::expression::Expression;
use crate::policy::pattern::Patterns;
use crate::policy::rule::{Detectors, Target, Tools};
use crate::policy::shape;

/// The checked `match` of a rule.
pub(super) struct Match {
    pub(super) directions: [bool; 2],
    pub(super) target: Target,
    pub(super) conditions: Conditions,
}

pub(super) fn read(field: &Field<'_>, vocabulary: &Vocabulary<'_>) -> Option<Match> {
    let fields = field.shaped(&shape::MATCH)?;
    let before = field.mistakes();
    let target = target(&fields, vocabulary.registry);
    let conditions = conditions(&fields, vocabulary, &target);
    let directions = directions(&fields, target.as_ref());
    (field.mistakes() == before).then_some(())?;
    Some(Match { directions: directions?, target: target?, conditions })
}

/// A rule about findings says which way they go; one about tools looks both ways, and one about exchanges at requests.
fn directions(fields: &Fields<'_>, target: Option<&Target>) -> Option<[bool; 2]> {
    const WORDS: [(&str, [bool; 2]); 3] =
        [("request", [true, false]), ("response", [false, true]), ("both", [true, true])];
    let Some(field) = fields.optional("direction") else {
        return match target? {
            Target::Findings { .. } => fields.required("direction")?.one_of(&WORDS),
            Target::Tools(_) => Some([true, true]),
            Target::Exchange => Some([true, false]),
        };
    };
    let read = field.one_of(&WORDS)?;
    if *target? == Target::Exchange && read != [true, false] {
        let expected = "`request`, or `detectors` or `tools` to look for";
        field.mistake("an exchange begins with its request", Some(expected));
        return None;
    }
    Some(read)
}

fn target(fields: &Fields<'_>, registry: Option<&Registry>) -> Option<Target> {
    if let Some(field) = fields.optional("detectors") {
        if let Some(field) = fields.optional("arguments") {
            field.mistake("say something of calls", Some("`tools` beside them, and no `detectors`"));
        }
        if let Some(field) = fields.optional("call") {
            field.mistake("says something of calls", Some("`tools` beside it, and no `detectors`"));
        }
        let detectors = detectors(&field, registry.unwrap_or(&Registry::builtin()));
        let confidence = match fields.optional("confidence") {
            Some(field) => field.one_of(&Confidence::ALL.map(|c| (c.name(), c))),
            None => Some(Confidence::Medium),
        };
        let at_least = match fields.optional("atLeast") {
            Some(field) => field.number(1..=100_000).and_then(|number| u32::try_from(number).ok()),
            None => Some(1),
        };
        return Some(Target::Findings {
            detectors: detectors?,
            confidence: confidence?,
            at_least: at_least?,
        });
    }
    for name in ["confidence", "atLeast"] {
        if let Some(field) = fields.optional(name) {
            field.mistake("says something of findings", Some("`detectors` beside it"));
        }
    }
    let (arguments, call) = (fields.optional("arguments"), fields.optional("call"));
    let wanted = wanted(arguments.as_ref(), call.as_ref());
    let Some(names) = fields.optional("tools") else {
        let beside = [(arguments, "say", "them"), (call, "says", "it")];
        let mut is_alone = true;
        for (field, says, them) in beside {
            if let Some(field) = field {
                field.mistake(format!("{says} something of calls"), Some(&format!("`tools` beside {them}")));
                is_alone = false;
            }
        }
        return is_alone.then_some(Target::Exchange);
    };
    let names = folded(&names);
    Some(Target::Tools(Tools { names: names?, arguments: wanted? }))
}

/// What is asked of calls. `None` if it could not be read, all of it.
fn wanted(paths: Option<&Field<'_>>, call: Option<&Field<'_>>) -> Option<Option<Wanted>> {
    let read = paths.map(arguments).map_or(Some(Vec::new()), |read| read);
    let call = call.map(call_expression).map_or(Some(None), |read| read.map(Some));
    let (paths, call) = (read?, call?);
    let asks = !paths.is_empty() || call.is_some();
    Some(asks.then(|| Wanted { paths: paths.into(), call }))
}

fn call_expression(field: &Field<'_>) -> Option<CallExpression> {
    CallExpression::parse(field.text()?)
        .map_err(|wrong| field.mistake(wrong, Some("an expression of CEL that is true or false")))
        .ok()
}

/// Paths of keys, each with patterns of what has to stand there.
fn arguments(field: &Field<'_>) -> Option<Vec<(KeyPath, Patterns)>> {
    let entries = field.entries()?;
    if entries.is_empty() {
        field.mistake("asks for nothing", Some("at least one key"));
        return None;
    }
    let read = |(path, field): &(&str, Field<'_>)| {
        let parsed = KeyPath::parse(path);
        if parsed.is_none() {
            let expected =
                "keys with dots between them, in which `*` stands for any characters and `**` for any keys";
            field.mistake("stands under no path", Some(expected));
        }
        let items = match field.value() {
            Value::List(_) => field.filled_list()?,
            _ => vec![field.clone()],
        };
        let expected = "a text or pattern without line breaks, at most 512 bytes";
        let texts: Vec<Pattern> =
            items.iter().filter_map(|item| item.parsed(expected, Pattern::parse_text)).collect();
        let whole = texts.len() == items.len();
        Some((parsed?, Patterns::new(texts.into_iter().map(Pattern::folded).collect()))).filter(|_| whole)
    };
    let read: Vec<_> = entries.iter().filter_map(read).collect();
    (read.len() == entries.len()).then_some(read)
}

fn conditions(fields: &Fields<'_>, vocabulary: &Vocabulary<'_>, target: &Option<Target>) -> Conditions {
    let any = |name: &'static str| fields.optional(name).and_then(|field| folded(&field));
    // Of a rule without detectors the tools are what it is about.
    let about_findings = matches!(target, Some(Target::Findings { .. }));
    Conditions {
        providers: names(fields, "providers", "provider", vocabulary.providers),
        operations: names(fields, "operations", "operation", vocabulary.operations),
        hosts: any("hosts"),
        paths: fields.optional("paths").and_then(|field| any_patterns(&field)).map(Patterns::new),
        models: any("models"),
        tools: if about_findings { any("tools") } else { None },
        methods: any("mcpMethods"),
        size: fields.optional("size").and_then(|field| size(&field)),
        time: fields.optional("time").and_then(|field| time(&field)),
        when: fields.optional("when").and_then(|field| when(&field)),
    }
}

fn when(field: &Field<'_>) -> Option<Expression> {
    Expression::parse(field.text()?)
        .map_err(|wrong| field.mistake(wrong, Some("an expression of CEL that is true or false")))
        .ok()
}

fn size(field: &Field<'_>) -> Option<Size> {
    let fields = field.shaped(&shape::SIZE)?;
    let bound = |name: &'static str| fields.optional(name).map(|field| field.byte_size());
    let (over, under) = (bound("over"), bound("under"));
    if over.is_none() && under.is_none() {
        field.mistake("asks for nothing", Some("`over`, `under` or both"));
        return None;
    }
    let size = Size { over: over.flatten(), under: under.flatten() };
    if let (Some(over), Some(under)) = (size.over, size.under)
        && under <= over + 1
    {
        field.mistake("nothing is of such a size", Some("`under` greater than `over`"));
        return None;
    }
    Some(size)
}

fn time(field: &Field<'_>) -> Option<Time> {
    let fields = field.shaped(&shape::TIME)?;
    let days = match fields.optional("days") {
        Some(field) => days(&field),
        None => Some([true; 7]),
    };
    let clock = |name: &'static str, default: u16| match fields.optional(name) {
        Some(field) => field.parsed("a time of day such as `08:30` or `24:00`", minute),
        None => Some(default),
    };
    let (from, to) = (clock("from", 0), clock("to", 24 * 60));
    let offset = match fields.optional("zone") {
        Some(field) => field.parsed("`UTC`, or a distance from it such as `+02:00`", zone),
        None => Some(0),
    };
    let time = Time { offset: offset?, days: days?, from: from?, to: to? };
    if time.from == time.to {
        field.mistake("begins and ends at the same time", Some("`from` and `to` that differ"));
        return None;
    }
    Some(time)
}

const DAYS: [(&str, usize); 7] =
    [("mon", 0), ("tue", 1), ("wed", 2), ("thu", 3), ("fri", 4), ("sat", 5), ("sun", 6)];

/// Days and spans of days: `mon-fri`, `sun`.
fn days(field: &Field<'_>) -> Option<[bool; 7]> {
    let mut days = [false; 7];
    let items = field.filled_list()?;
    let number = |name: &str| DAYS.iter().find(|(known, _)| *known == name).map(|(_, at)| *at);
    let mut whole = true;
    for item in &items {
        let span = item.parsed("a day or a span of days, such as `mon` or `mon-fri`", |text| {
            let (first, last) = text.split_once('-').unwrap_or((text, text));
            Some((number(first)?, number(last)?))
        });
        let Some((first, last)) = span else {
            whole = false;
            continue;
        };
        let length = (last + 7 - first) % 7;
        (0..=length).for_each(|step| days[(first + step) % 7] = true);
    }
    whole.then_some(days)
}

fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let digits = |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(hour) || !digits(minute) {
        return None;
    }
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    (minute < 60 && hour * 60 + minute <= 24 * 60).then_some(hour * 60 + minute)
}

fn zone(text: &str) -> Option<i64> {
    if text == "UTC" {
        return Some(0);
    }
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    minute(rest).filter(|minutes| *minutes <= 14 * 60).map(|minutes| sign * i64::from(minutes) * 60)
}

/// Names that are compared in small letters.
fn folded(field: &Field<'_>) -> Option<Patterns> {
    Some(Patterns::new(any_patterns(field)?.into_iter().map(Pattern::folded).collect()))
}

/// A list of detector names and patterns, each of which fits at least one detector.
fn detectors(field: &Field<'_>, registry: &Registry) -> Option<Detectors> {
    let mut chosen = Detectors::default();
    let mut whole = true;
    for item in field.filled_list()? {
        let Some(pattern) = pattern(&item) else {
            whole = false;
            continue;
        };
        let mut fits = false;
        for detector in registry.fits(&pattern) {
            chosen.insert(detector);
            fits = true;
        }
        if !fits {
            let known = registry.ids().map(|id| &**registry.name(id)).chain(["secret.*", "pii.*", "risk.*"]);
            let expected = "a detector such as `pii.email`, or a pattern such as `secret.*`";
            item.unknown_word_of_many("detector", &pattern.to_string(), known, expected);
            whole = false;
        }
    }
    whole.then_some(chosen)
}

/// A list of names of the catalogue and patterns of such. Names without a `*` must be known, patterns must fit one.
pub(super) fn catalogue_names(
    fields: &Fields<'_>,
    name: &'static str,
    kind: &str,
    known: &[&str],
) -> Option<Vec<Pattern>> {
    let items = fields.optional(name)?.filled_list()?;
    let mut read = Vec::with_capacity(items.len());
    for item in &items {
        let Some(pattern) = pattern(item) else { continue };
        if !known.is_empty() && !known.iter().any(|k| pattern.fits(k)) {
            let expected = format!("{kind}s of the catalogue, or a pattern that fits one");
            item.unknown_word_of_many(kind, &pattern.to_string(), known.iter().copied(), &expected);
            continue;
        }
        read.push(pattern);
    }
    (read.len() == items.len()).then_some(read)
}

fn names(fields: &Fields<'_>, name: &'static str, kind: &str, known: &[&str]) -> Option<Patterns> {
    catalogue_names(fields, name, kind, known).map(Patterns::new)
}

fn pattern(field: &Field<'_>) -> Option<Pattern> {
    field.parsed("lower-case letters, digits, `.`, `_`, `-` and `*`", Pattern::parse)
}
