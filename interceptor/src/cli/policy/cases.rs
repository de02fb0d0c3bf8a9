//! Test cases for policies, as people write them: who calls what, and what must become of it.
//! Reads documents of the kind `PolicyTest` into checked types. Does not run anything.

mod read;
mod sample;
mod shape;
mod subject;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use interceptor_engine::document::{Field, Limits, Mistakes, Position, Report, parse};
use interceptor_engine::policy::{PolicySet, Subject, Uncertainty};
use interceptor_engine::{Catalogue, Detectors, ProviderId};

use read::Reader;
pub use sample::Samples;
pub use shape::DOCUMENT;

/// A document of cases.
#[derive(Debug)]
pub struct Suite {
    /// The file, as it was named.
    pub file: Arc<str>,
    /// Its name.
    pub name: String,
    /// What is tested.
    pub set: PolicySet,
    /// The cases.
    pub cases: Vec<Case>,
}

/// One exchange, and what must become of it.
#[derive(Debug)]
pub struct Case {
    /// What it shows, in words.
    pub name: String,
    /// Where it stands.
    pub at: Position,
    /// Who calls.
    pub subject: Arc<Subject>,
    /// When, in seconds since 1970.
    pub time: u64,
    /// How much of limits was used before, by their names, in what they count.
    pub used: Vec<(Arc<str>, u64)>,
    /// What is sent.
    pub request: Request,
    /// What the provider answers, if it is asked.
    pub response: Response,
    /// What must become of it.
    pub expect: Expect,
    /// The made-up values in it.
    pub samples: Samples,
}

/// What an application sends.
#[derive(Debug)]
pub struct Request {
    /// Who is called.
    pub provider: ProviderId,
    /// By which name.
    pub host: String,
    /// The HTTP method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Everything after the head.
    pub message: Message,
}

/// What a provider answers.
#[derive(Debug)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Everything after the head.
    pub message: Message,
}

/// Headers and a body.
#[derive(Debug)]
pub struct Message {
    /// Names in small letters.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// How many bytes come at a time; all at once if it does not say.
    pub chunk: Option<usize>,
}

impl Message {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        { self.headers.iter() }.find(|(known, _)| known == name).map(|(_, value)| &**value)
    }
}

/// What must become of an exchange. What is not said is not asked.
#[derive(Debug, Default)]
pub struct Expect {
    /// `pass`, `redact`, `block` or `passthrough`.
    pub verdict: Option<&'static str>,
    /// A rule that spoke; of a refusal, the one that refused.
    pub rule: Option<String>,
    /// The status that the application sees.
    pub status: Option<u16>,
    /// What the provider gets.
    pub sent: Option<Bytes>,
    /// What the application gets.
    pub received: Option<Bytes>,
    /// Headers that the provider must not get.
    pub removed_headers: Vec<String>,
    /// Exactly these findings are recorded, in any order.
    pub findings: Option<Vec<Found>>,
    /// Rules in shadow that would have changed something.
    pub shadow: Option<Vec<String>>,
    /// Exactly these doubts are recorded.
    pub doubts: Option<Vec<Uncertainty>>,
}

/// What must be true of bytes.
#[derive(Debug, Default)]
pub struct Bytes {
    /// They are these.
    pub whole: Option<Vec<u8>>,
    /// They are those that were given.
    pub unchanged: bool,
    /// These stand among them.
    pub contains: Vec<String>,
    /// These do not.
    pub absent: Vec<String>,
}

/// A finding in the record.
#[derive(Debug, Default)]
pub struct Found {
    /// The detector's name.
    pub detector: String,
    /// The rule that spoke of it.
    pub rule: Option<String>,
    /// What was done.
    pub action: Option<&'static str>,
    /// How often it is found; once if it does not say.
    pub count: u64,
}

/// Reads a file of cases, and the policy files that it names, or those that are given instead. Every mistake is
/// reported.
///
/// # Errors
/// All mistakes, with their places.
pub fn read(file: &str, text: &str, instead: &[PathBuf]) -> Result<Vec<Suite>, Mistakes> {
    let report = Report::new();
    let documents = parse(file, text, Limits::WRITTEN_BY_HAND, &report);
    if documents.is_empty() && report.is_clean() {
        report.about_file(file, "the file holds no document", Some("a `PolicyTest`"));
    }
    let here = Path::new(file).parent().unwrap_or(Path::new("."));
    let suites = documents
        .iter()
        .filter_map(|document| suite(&document.root(&report), here, instead, &report))
        .collect();
    report.finish(Some(suites))
}

fn suite(root: &Field<'_>, here: &Path, instead: &[PathBuf], report: &Report) -> Option<Suite> {
    let top = root.shaped(&shape::DOCUMENT)?;
    top.required("apiVersion").and_then(|field| field.one_of(&[(shape::API_VERSION, ())]));
    top.required("kind").and_then(|field| field.one_of(&[(shape::KIND, ())]));
    let metadata = top.required("metadata").and_then(|field| field.shaped(&shape::METADATA));
    let name = metadata.and_then(|fields| fields.required("name")).and_then(|field| field.text());
    let spec = top.required("spec")?.shaped(&shape::SPEC)?;
    let set = spec.required("policies").and_then(|field| set(&field, here, instead, report));
    let cases = spec.required("cases").and_then(|field| field.filled_list())?;
    let builtin = Catalogue::builtin();
    let catalogue = set.as_ref().map_or(&builtin, |set| &set.catalogue);
    let limits: Vec<_> = set.iter().flat_map(|set| set.policy.limits()).cloned().collect();
    let reader = Reader { catalogue, detectors: &Detectors::builtin(), limits: &limits, here };
    let cases = cases.iter().filter_map(|case| reader.case(case)).collect();
    Some(Suite { file: root.file().clone(), name: name?.to_owned(), set: set?, cases })
}

/// The set that is tested. What is wrong with it is told like what is wrong with the cases.
fn set(field: &Field<'_>, here: &Path, instead: &[PathBuf], report: &Report) -> Option<PolicySet> {
    let items = field.filled_list()?;
    let named = { items.iter() }.filter_map(|item| Some((here.join(item.text()?), item)));
    let given = instead.iter().map(|path| (path.clone(), field));
    let paths: Vec<_> = if instead.is_empty() { named.collect() } else { given.collect() };
    let mut files = Vec::new();
    for (path, item) in paths {
        match std::fs::read_to_string(&path) {
            Ok(text) => files.push((path.display().to_string(), text)),
            Err(error) => item.mistake(format!("cannot read this file: {error}"), None),
        }
    }
    PolicySet::load(&[], &files)
        .map_err(|mistakes| mistakes.iter().for_each(|mistake| report.add(mistake.clone())))
        .ok()
}
