//! Reads one case: who calls what, what is answered, and what must become of it. Knows fields and files beside the case.

use std::path::Path;
use std::sync::Arc;

use interceptor_engine::budget::{Limit, Measure, Money};
use interceptor_engine::document::{Field, Fields};
use interceptor_engine::policy::Uncertainty;
use interceptor_engine::{Catalogue, Detectors, ProviderId};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Bytes, Case, Expect, Found, Message, Request, Response, Samples, sample, shape, subject};

/// Monday, 5 January 2026, noon: when cases happen that do not say.
const STANDARD_TIME: u64 = 1_767_614_400;
/// Bytes of a body file.
const LONGEST_BODY: u64 = 64 << 20;

pub(super) struct Reader<'a> {
    pub(super) catalogue: &'a Catalogue,
    pub(super) detectors: &'a Detectors,
    pub(super) limits: &'a [Arc<Limit>],
    pub(super) here: &'a Path,
}

impl Reader<'_> {
    pub(super) fn case(&self, field: &Field<'_>) -> Option<Case> {
        let fields = field.shaped(&shape::CASE)?;
        let name = fields.required("name").and_then(|field| field.text());
        let subject = fields.optional("subject").and_then(|field| subject::read(&field));
        let time = fields.optional("time").map(|field| {
            field.parsed("a time such as `2026-01-05T12:00:00Z`", |text| {
                let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
                u64::try_from(time.unix_timestamp()).ok()
            })
        });
        let used = fields.optional("used").map_or(Some(Vec::new()), |field| self.used(&field));
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
            used: used?,
            request: request?,
            response: response?,
            expect: expect?,
            samples,
        })
    }

    /// How much of each limit was used before, in what it counts.
    fn used(&self, field: &Field<'_>) -> Option<Vec<(Arc<str>, u64)>> {
        let read = |(name, field): (&str, Field<'_>)| {
            let Some(limit) = self.limits.iter().find(|limit| &*limit.name == name) else {
                let known = self.limits.iter().map(|limit| &*limit.name);
                field.unknown_word_of_many("limit", name, known, "the name of a limit of the policy");
                return None;
            };
            let amount = match limit.measure {
                Measure::Cost { .. } => {
                    let expected = "an amount such as `4.50 USD`";
                    field.parsed(expected, |text| Money::parse(text).map(Money::nanos))
                }
                _ => field.number(0..=1_000_000_000_000_000),
            };
            Some((limit.name.clone(), amount?))
        };
        let entries = field.entries()?;
        let count = entries.len();
        let read: Vec<_> = entries.into_iter().filter_map(read).collect();
        (read.len() == count).then_some(read)
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
