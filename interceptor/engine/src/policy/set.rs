//! All that operators write about policy, read together: policies, detectors of their own, and endpoints of their own.
//!
//! They are one set because they name one another: a rule names a detector that another document defines, and a
//! provider that a third one adds. So they are checked together, are in force together, and have one version.

use std::sync::Arc;

use super::{BUILTIN_FILE, Policy, Vocabulary, shape, version};
use crate::catalogue::{Catalogue, ENDPOINTS_KIND};
use crate::detect::{Detectors, SET_KIND, is_list, read_sets};
use crate::document::{Document, Field, Limits, Mistakes, Report, Value};

/// What is in force: immutable, exchanged as a whole.
#[derive(Debug, Clone)]
pub struct PolicySet {
    /// The built-in endpoints, corrected, and those of documents of kind `EndpointCatalog`.
    pub catalogue: Arc<Catalogue>,
    /// The built-in detectors, and those of documents of kind `DetectorSet`.
    pub detectors: Arc<Detectors>,
    /// The documents of kind `EgressPolicy`.
    pub policy: Arc<Policy>,
}

/// The kinds of documents, and what each is for.
const KINDS: [&str; 3] = [shape::KIND, SET_KIND, ENDPOINTS_KIND];

impl PolicySet {
    /// Reads the files of a set, each a name and its text, on top of `corrections` of the catalogue. Files whose
    /// names end in `.txt` are lists that a `DetectorSet` names. Without a policy it is the built-in one.
    ///
    /// # Errors
    /// Every mistake in every file.
    pub fn load(corrections: &[(String, String)], files: &[(String, String)]) -> Result<Self, Mistakes> {
        let report = Report::new();
        let (lists, files): (Vec<_>, Vec<_>) =
            files.iter().map(|(name, text)| (&**name, &**text)).partition(|(name, _)| is_list(name));
        let documents = parse(&files, &report);
        let roots: Vec<Field<'_>> = documents.iter().map(|document| document.root(&report)).collect();
        let of_kind = |kind: &str| -> Vec<Field<'_>> {
            roots.iter().filter(|root| self::kind(root) == Some(kind)).cloned().collect()
        };
        let [policies, detectors, endpoints] = KINDS.map(of_kind);
        let others = roots.iter().filter(|root| self::kind(root).is_none_or(|kind| !KINDS.contains(&kind)));
        others.for_each(unknown_kind);

        let catalogue = Catalogue::read(corrections, &endpoints, &report);
        // Names of detectors that are wrong may be used all the same: one mistake is enough.
        let (registry, detectors) = read_sets(&detectors, &lists, &report);
        let detectors = detectors.unwrap_or_else(Detectors::builtin);
        let providers: Vec<&str> = catalogue.providers().map(|(_, provider)| &*provider.id).collect();
        let operations: Vec<&str> = catalogue.formats().iter().map(|format| &*format.id).collect();
        let registry = Some(&registry);
        let vocabulary = Vocabulary { providers: &providers, operations: &operations, registry };
        // Detectors and endpoints forbid nothing. Where nothing else is delivered, no policy is meant to be none.
        let standard = if policies.is_empty() { parse(&[BUILTIN_FILE], &report) } else { Vec::new() };
        let standard = standard.iter().map(|document| document.root(&report));
        let policies: Vec<Field<'_>> = policies.into_iter().chain(standard).collect();
        let policy = if files.is_empty() {
            Policy::builtin()
        } else {
            Policy::read(&policies, &vocabulary, version(&[&files[..], &lists[..]].concat()))
        };
        let set = Self { catalogue: Arc::new(catalogue), detectors, policy: Arc::new(policy) };
        report.finish(Some(set))
    }
}

/// The documents of some files; a file without any is a mistake.
pub(super) fn parse<N: AsRef<str>, T: AsRef<str>>(files: &[(N, T)], report: &Report) -> Vec<Document> {
    let mut documents = Vec::new();
    for (name, text) in files {
        let clean_before = report.count();
        let read = crate::document::parse(name.as_ref(), text.as_ref(), Limits::WRITTEN_BY_HAND, report);
        if read.is_empty() && report.count() == clean_before {
            report.about_file(name.as_ref(), "the file holds no document", Some("a policy"));
        }
        documents.extend(read);
    }
    documents
}

/// What a document says it is. Nothing is reported: the reader of the kind does that.
fn kind<'a>(root: &Field<'a>) -> Option<&'a str> {
    let Value::Map(entries) = root.value() else { return None };
    match &entries.iter().find(|entry| entry.key == "kind")?.value.value {
        Value::Scalar { text, .. } => Some(text),
        Value::List(_) | Value::Map(_) => None,
    }
}

/// Says which kinds there are.
fn unknown_kind(root: &Field<'_>) {
    let Some(entries) = root.entries() else { return };
    match entries.iter().find(|(name, _)| *name == "kind") {
        Some((_, field)) => drop(field.one_of(&KINDS.map(|kind| (kind, ())))),
        None => root.mistake(
            "the field `kind` is missing",
            Some("`EgressPolicy`, `DetectorSet` or `EndpointCatalog`"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn detectors_alone_leave_the_built_in_policy_in_force() {
        let set = "apiVersion: interceptor.dev/v1alpha1\nkind: DetectorSet\nmetadata: {name: own}\n\
                   spec: {detectors: [{name: acme.project, literals: [bluebird]}]}\n";
        let alone = PolicySet::load(&[], &[("own.yaml".into(), set.into())]).expect("no mistakes");
        let names = |policy: &Policy| policy.rules().iter().map(|rule| rule.name.clone()).collect::<Vec<_>>();
        let builtin = Policy::builtin();
        assert_eq!(names(&alone.policy), names(&builtin));
        // It is another set all the same.
        assert_ne!(alone.policy.version(), builtin.version());
    }
}
