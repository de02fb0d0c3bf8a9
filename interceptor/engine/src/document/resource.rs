//! How every document begins that Kubernetes could hold, too: its version, its kind and its name.
//! Knows these three. Does not know what any kind is about.

use super::shape::{Kind, Member, Shape};
use super::{Field, Fields};

/// The version of the language.
pub(crate) const API_VERSION: &str = "interceptor.dev/v1alpha1";

/// A name as Kubernetes takes them: a label of DNS.
pub(crate) const NAME: Kind = Kind::Fitting("^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$");

const NOTES: Kind = Kind::Entries(&Kind::Name);

/// `metadata`.
pub(crate) static METADATA: Shape = Shape {
    name: "Metadata",
    doc: "What a document is called.",
    fields: &[
        Member::required("name", NAME, "Lower-case letters, digits and dashes."),
        Member::optional("labels", NOTES, "For the tools that keep documents; no rule asks for them."),
        Member::optional("annotations", NOTES, "For the tools that keep documents; no rule asks for them."),
    ],
};

/// `apiVersion`.
pub(crate) const VERSION_MEMBER: Member =
    Member::required("apiVersion", Kind::Word(&[API_VERSION]), "The version of the language.");

/// `metadata` of a document that needs a name.
pub(crate) const METADATA_MEMBER: Member =
    Member::required("metadata", Kind::Map(&METADATA), "What the document is called.");

/// A document of the kind that was expected.
pub(crate) struct Resource<'a> {
    /// Its name; `None` if it has none, or a wrong one.
    pub(crate) name: Option<&'a str>,
    /// What it says.
    pub(crate) spec: Field<'a>,
}

/// Reads what stands around `spec`. Every mistake is reported, and `spec` is handed out all the same if it is there.
pub(crate) fn read<'a>(root: &Field<'a>, shape: &'static Shape) -> Option<Resource<'a>> {
    let top = root.shaped(shape)?;
    for word in ["apiVersion", "kind"] {
        let words = shape.member(word).and_then(|member| member.kind.words()).unwrap_or_default();
        let words: Vec<(&str, ())> = words.iter().map(|word| (*word, ())).collect();
        let _ = top.required(word).and_then(|field| field.one_of(&words));
    }
    let is_named = shape.member("metadata").is_some_and(|member| member.required);
    let metadata = if is_named { top.required("metadata") } else { top.optional("metadata") };
    let metadata = metadata.and_then(|metadata| metadata.shaped(&METADATA));
    let name = metadata.as_ref().and_then(self::metadata);
    Some(Resource { name, spec: top.required("spec")? })
}

fn metadata<'a>(fields: &Fields<'a>) -> Option<&'a str> {
    for notes in ["labels", "annotations"] {
        for (_, note) in fields.optional(notes).and_then(|notes| notes.entries()).unwrap_or_default() {
            // `note: ""` and `note:` are the same to those who write them.
            let _ = if note.value().is_null() { None } else { note.text() };
        }
    }
    fields.required("name").and_then(|name| identifier(&name))
}

/// A name of lower-case letters, digits and dashes, at most 63, as Kubernetes takes them.
pub(crate) fn identifier<'a>(field: &Field<'a>) -> Option<&'a str> {
    field.parsed(
        "at most 63 lower-case letters, digits and `-`, with a letter or digit at both ends",
        |name| {
            let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
            let bytes = name.as_bytes();
            let ends = bytes.first().is_some_and(|b| plain(*b)) && bytes.last().is_some_and(|b| plain(*b));
            (ends && bytes.len() <= 63 && bytes.iter().all(|b| plain(*b) || *b == b'-')).then_some(name)
        },
    )
}
