//! Reads whom a policy is for.

use super::{Field, any_patterns};
use crate::document::Fields;
use crate::policy::pattern::Patterns;
use crate::policy::shape;
use crate::policy::subjects::Selector;

/// A list of selectors, one of which has to fit.
pub(super) fn selectors(field: &Field<'_>) -> Option<Vec<Selector>> {
    let items = field.filled_list()?;
    let read: Vec<Selector> = items.iter().filter_map(selector).collect();
    (read.len() == items.len()).then_some(read)
}

fn selector(field: &Field<'_>) -> Option<Selector> {
    let fields = field.shaped(&shape::SUBJECT)?;
    let before = field.mistakes();
    let selector = Selector {
        namespaces: patterns(&fields, "namespaces"),
        namespace_labels: labels(&fields, "namespaceLabels"),
        pods: patterns(&fields, "pods"),
        pod_labels: labels(&fields, "podLabels"),
        service_accounts: patterns(&fields, "serviceAccounts"),
        containers: patterns(&fields, "containers"),
        images: patterns(&fields, "images"),
        executables: patterns(&fields, "executables"),
        units: patterns(&fields, "units"),
        users: patterns(&fields, "users"),
        cgroups: patterns(&fields, "cgroups"),
        known: fields.optional("known").and_then(|known| known.boolean()),
    };
    if field.mistakes() > before {
        return None;
    }
    if selector == Selector::default() {
        field.mistake(
            "selects nobody in particular",
            Some("at least one field; everyone is no `subjects` at all"),
        );
        return None;
    }
    Some(selector)
}

fn patterns(fields: &Fields<'_>, name: &'static str) -> Option<Patterns> {
    fields.optional(name).and_then(|field| any_patterns(&field)).map(Patterns::new)
}

/// Labels: each with one pattern, or a list of them.
fn labels(fields: &Fields<'_>, name: &'static str) -> Vec<(Box<str>, Patterns)> {
    let entries = fields.optional(name).and_then(|field| field.entries()).unwrap_or_default();
    let read = |(label, field): (&str, Field<'_>)| {
        let patterns = if matches!(field.value(), crate::document::Value::List(_)) {
            any_patterns(&field)?
        } else {
            let expected = "a value or pattern without blanks, at most 512 bytes";
            vec![field.parsed(expected, crate::policy::Pattern::parse_any)?]
        };
        Some((label.into(), Patterns::new(patterns)))
    };
    entries.into_iter().filter_map(read).collect()
}
