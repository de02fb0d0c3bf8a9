//! Test cases for policies, as people write them: who calls what, and what must become of it.
//! Reads documents of the kind `PolicyTest` into checked types. Does not run anything.

mod sample;
mod shape;
mod subject;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use interceptor_engine::document::{Field, Fields, Limits, Mistakes, Position, Report, parse};
use interceptor_engine::policy::{PolicySet, Subject, Uncertainty};
use interceptor_engine::{Catalogue, Detectors, ProviderId};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

pub use sample::Samples;
pub use shape::DOCUMENT;

/// Monday, 5 January 2026, noon: when cases happen that do not say.
const STANDARD_TIME: u64 = 1_767_614_400;
/// Bytes of a body file.
const LONGEST_BODY: u64 = 64 << 20;

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
    let reader = Reader { catalogue, detectors: &Detectors::builtin(), here };
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

struct Reader<'a> {
    catalogue: &'a Catalogue,
    detectors: &'a Detectors,
    here: &'a Path,
}

impl Reader<'_> {
    fn case(&self, field: &Field<'_>) -> Option<Case> {
        let fields = field.shaped(&shape::CASE)?;
        let name = fields.required("name").and_then(|field| field.text());
        let subject = fields.optional("subject").and_then(|field| subject::read(&field));
        let time = fields.optional("time").map(|field| {
            field.parsed("a time such as `2026-01-05T12:00:00Z`", |text| {
                let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
                u64::try_from(time.unix_timestamp()).ok()
            })
        });
        let mut samples = Samples::default();
        let request = fields.required("request").and_then(|field| self.request(&field, &mut samples));
        let response = match fields.optional("response") {
            Some(field) => self.response(&field, &mut samples),
            None => Some(Response::standard()),
        };
        let quoted = request.as_ref().is_some_and(|request| request.message.is_json());
        let answers_quoted = response.as_ref().is_some_and(|response| response.message.is_json());
        let expect = fields
            .required("expect")
            .and_then(|field| self.expect(&field, &mut samples, [quoted, answers_quoted]));
        let time = time.unwrap_or(Some(STANDARD_TIME));
        Some(Case {
            name: name?.to_owned(),
            at: field.position(),
            subject: Arc::new(subject.unwrap_or_else(subject::standard)),
            time: time?,
            request: request?,
            response: response?,
            expect: expect?,
            samples,
        })
    }

    fn request(&self, field: &Field<'_>, samples: &mut Samples) -> Option<Request> {
        let fields = field.shaped(&shape::REQUEST)?;
        let called = self.called(&fields);
        let method = fields.optional("method").map_or(Some("POST"), |field| field.text());
        let path = fields.required("path").and_then(|field| field.text());
        let message = self.message(&fields, samples);
        let (provider, host) = called?;
        Some(Request {
            provider,
            host,
            method: method?.to_ascii_uppercase(),
            path: path?.to_owned(),
            message: message?,
        })
    }

    /// By `host`, which the catalogue must know, or by the first host of a `provider`.
    fn called(&self, fields: &Fields<'_>) -> Option<(ProviderId, String)> {
        let catalogue = self.catalogue;
        match (fields.optional("host"), fields.optional("provider")) {
            (Some(field), None) => {
                let host = field.text()?.to_ascii_lowercase();
                let Some(found) = catalogue.route(&host) else {
                    field.mistake("is no host of an AI provider", Some("a host that the catalogue knows"));
                    return None;
                };
                Some((found.provider, host))
            }
            (None, Some(field)) => {
                let name = field.text()?;
                let Some(provider) = catalogue.provider_named(name) else {
                    let known: Vec<&str> = catalogue.providers().map(|(_, p)| &*p.id).collect();
                    field.unknown_word_of_many("provider", name, known, "a provider of the catalogue");
                    return None;
                };
                let host = catalogue.names().find(|(_, of)| *of == provider).map(|(host, _)| host.to_owned());
                if host.is_none() {
                    field.mistake("has no host of its own", Some("`host`"));
                }
                Some((provider, host?))
            }
            _ => {
                fields.this().mistake("must say who is called", Some("either `host` or `provider`"));
                None
            }
        }
    }

    fn response(&self, field: &Field<'_>, samples: &mut Samples) -> Option<Response> {
        let fields = field.shaped(&shape::RESPONSE)?;
        let status = match fields.optional("status") {
            Some(field) => field.number(100..=599).and_then(|number| u16::try_from(number).ok()),
            None => Some(200),
        };
        let message = self.message(&fields, samples);
        Some(Response { status: status?, message: message? })
    }

    fn message(&self, fields: &Fields<'_>, samples: &mut Samples) -> Option<Message> {
        let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        for (name, value) in fields.optional("headers").and_then(|field| field.entries()).unwrap_or_default()
        {
            let (name, value) = (name.to_ascii_lowercase(), value.text()?.to_owned());
            headers.retain(|(known, _)| *known != name);
            headers.push((name, value));
        }
        let chunk = fields.optional("chunks").map(|field| field.number(1..=1 << 20));
        let mut message = Message { headers, body: Vec::new(), chunk: None };
        message.body = match (fields.optional("body"), fields.optional("file")) {
            (Some(_), Some(field)) => {
                field.mistake("is there beside `body`", Some("one of the two"));
                return None;
            }
            (Some(field), None) => self.fill(&field, field.text()?, samples, message.is_json())?.into_bytes(),
            (None, Some(field)) => self.body_file(&field, samples, message.is_json())?,
            (None, None) => Vec::new(),
        };
        message.chunk = match chunk {
            Some(number) => Some(usize::try_from(number?).ok()?),
            None => None,
        };
        Some(message)
    }

    /// A recorded body. Placeholders in it are filled; what is not UTF-8 is taken as it is.
    fn body_file(&self, field: &Field<'_>, samples: &mut Samples, quoted: bool) -> Option<Vec<u8>> {
        let name = field.text()?;
        let path = self.here.join(name);
        let read = std::fs::metadata(&path).and_then(|about| match about.len() {
            0..=LONGEST_BODY => std::fs::read(&path),
            _ => Err(std::io::Error::other("the file is larger than 64 MiB")),
        });
        match read.map(String::from_utf8) {
            Ok(Ok(text)) => Some(self.fill(field, &text, samples, quoted)?.into_bytes()),
            Ok(Err(binary)) => Some(binary.into_bytes()),
            Err(error) => {
                field.mistake(format!("cannot read `{name}`: {error}"), None);
                None
            }
        }
    }

    /// Fills placeholders. Credentials that stand there in clear are mistakes, whoever made them up.
    fn fill(&self, field: &Field<'_>, text: &str, samples: &mut Samples, quoted: bool) -> Option<String> {
        if let Some(detector) = sample::credential(text, self.detectors) {
            let placeholder = detector.replacen('.', ":", 1);
            field.mistake(
                format!("holds what looks like a real credential (`{detector}`)"),
                Some(&format!("`${{{placeholder}}}`, which is filled with a made-up one")),
            );
            return None;
        }
        match samples.fill(text, quoted) {
            Ok(filled) => Some(filled),
            Err(unknown) => {
                let known = sample::names();
                let known: Vec<&str> = known.iter().map(String::as_str).collect();
                field.unknown_word_of_many(
                    "placeholder",
                    &unknown,
                    known,
                    "a detector such as `${pii:email}`",
                );
                None
            }
        }
    }

    fn expect(&self, field: &Field<'_>, samples: &mut Samples, quoted: [bool; 2]) -> Option<Expect> {
        let fields = field.shaped(&shape::EXPECT)?;
        let words = |name: &'static str| {
            let items = fields.optional(name)?.list()?;
            Some(items.iter().filter_map(|item| item.text().map(str::to_owned)).collect::<Vec<_>>())
        };
        let doubts = fields.optional("doubts").and_then(|field| {
            field.list_of(|item| item.one_of(&Uncertainty::ALL.map(|doubt| (doubt.name(), doubt))))
        });
        let findings = fields.optional("findings").and_then(|field| field.list_of(found));
        let bytes = |name: &'static str, samples: &mut Samples, quoted: bool| {
            fields.optional(name).and_then(|field| self.bytes(&field, samples, quoted))
        };
        Some(Expect {
            verdict: fields
                .optional("verdict")
                .and_then(|f| f.one_of(&shape::VERDICTS.map(|word| (word, word)))),
            rule: fields.optional("rule").and_then(|f| f.text()).map(str::to_owned),
            status: { fields.optional("status") }
                .and_then(|f| f.number(100..=599))
                .and_then(|number| u16::try_from(number).ok()),
            sent: bytes("sent", samples, quoted[0]),
            received: bytes("received", samples, quoted[1]),
            removed_headers: words("removedHeaders").unwrap_or_default(),
            findings,
            shadow: words("shadow"),
            doubts,
        })
    }

    fn bytes(&self, field: &Field<'_>, samples: &mut Samples, quoted: bool) -> Option<Bytes> {
        let fields = field.shaped(&shape::BYTES)?;
        let mut texts = |name: &'static str| {
            let items = fields.optional(name).and_then(|field| field.filled_list()).unwrap_or_default();
            { items.iter() }
                .filter_map(|item| self.fill(item, item.text()?, samples, quoted))
                .collect::<Vec<_>>()
        };
        let (contains, absent) = (texts("contains"), texts("absent"));
        let whole =
            fields.optional("whole").and_then(|field| self.fill(&field, field.text()?, samples, quoted));
        let unchanged = fields.optional("unchanged").and_then(|field| field.boolean()).unwrap_or(false);
        Some(Bytes { whole: whole.map(String::into_bytes), unchanged, contains, absent })
    }
}

fn found(field: &Field<'_>) -> Option<Found> {
    let fields = field.shaped(&shape::FOUND)?;
    let text = |name: &'static str| fields.optional(name).and_then(|field| field.text()).map(str::to_owned);
    Some(Found {
        detector: fields.required("detector")?.text()?.to_owned(),
        rule: text("rule"),
        action: fields.optional("action").and_then(|f| f.one_of(&shape::ACTIONS.map(|word| (word, word)))),
        count: fields.optional("count").map_or(Some(1), |field| field.number(0..=1_000))?,
    })
}

impl Response {
    /// What answers where a case does not say.
    fn standard() -> Self {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Self { status: 200, message: Message { headers, body: b"{}".to_vec(), chunk: None } }
    }
}

impl Message {
    fn is_json(&self) -> bool {
        self.header("content-type").is_some_and(|kind| kind.contains("json") || kind.contains("event-stream"))
    }
}
