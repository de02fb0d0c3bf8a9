//! Reads what a rule does.

use std::sync::Arc;

use crate::document::{Field, Fields, Value};
use crate::policy::rule::{At, Headers, Reply};
use crate::policy::{Action, Redaction, shape};

/// Longest `message`: it stands in an error that people read in a log.
const LONGEST_MESSAGE: usize = 300;

/// What a rule does, and where.
pub(super) struct Act {
    pub(super) action: Action,
    /// What the application is told.
    pub(super) reply: Option<Arc<Reply>>,
    pub(super) at: At,
}

impl Act {
    fn plain(action: Action) -> Self {
        Self { action, reply: None, at: At::Automatic }
    }
}

/// An action, and what the application is told with it. `redact` alone is `redact: label`, and `redact: token` is short
/// for `redact: {with: token}`.
pub(super) fn read(field: &Field<'_>) -> Option<Act> {
    if !matches!(field.value(), Value::Map(_)) {
        let action = field.one_of(&[
            ("passthrough", Action::Passthrough),
            ("allow", Action::Allow),
            ("audit", Action::Audit),
            ("redact", Action::Redact(Redaction::Label)),
            ("block", Action::Block),
        ])?;
        return Some(Act::plain(action));
    }
    let fields = field.shaped(&shape::ACTION)?;
    match (fields.optional("redact"), fields.optional("block")) {
        (Some(how), None) => redaction(&how).map(|how| Act::plain(Action::Redact(how))),
        (None, Some(how)) => block(&how),
        _ => {
            field.mistake("says not one thing", Some("either `redact` or `block`"));
            None
        }
    }
}

fn block(field: &Field<'_>) -> Option<Act> {
    let fields = field.shaped(&shape::BLOCK)?;
    let at = match fields.optional("at") {
        Some(at) => Some((at.one_of(&[("exchange", At::Exchange), ("connect", At::Connect)])?, at)),
        None => None,
    };
    let says = fields.optional("status").is_some() || fields.optional("message").is_some();
    let reply = reply(&fields)?;
    if says && let Some((At::Connect, at)) = &at {
        at.mistake("leaves nobody to be told a `status` or a `message`", Some("`exchange` beside them"));
        return None;
    }
    // What is to be told can only be told in an exchange.
    let unsaid = if says { At::Exchange } else { At::Automatic };
    let at = at.map_or(unsaid, |(at, _)| at);
    Some(Act { action: Action::Block, reply: Some(Arc::new(reply)), at })
}

fn reply(fields: &Fields<'_>) -> Option<Reply> {
    let status = match fields.optional("status") {
        Some(status) => u16::try_from(status.number(400..=499)?).ok()?,
        None => 403,
    };
    let message = match fields.optional("message") {
        Some(message) => {
            let plain = |text: &&str| text.len() <= LONGEST_MESSAGE && !text.chars().any(char::is_control);
            let expected = format!("one line of at most {LONGEST_MESSAGE} bytes");
            Some(message.parsed(&expected, |text| Some(text).filter(plain))?.into())
        }
        None => None,
    };
    Some(Reply { status, message })
}

/// What is done with headers.
pub(super) fn headers(field: &Field<'_>) -> Option<Headers> {
    let fields = field.shaped(&shape::HEADERS)?;
    let names = |name: &'static str| match fields.optional(name) {
        Some(field) => field.filled_list()?.iter().map(header).collect::<Option<Vec<_>>>(),
        None => Some(Vec::new()),
    };
    let (remove, require) = (names("remove"), names("require"));
    Some(Headers { remove: remove?, require: require? })
}

fn header(field: &Field<'_>) -> Option<Box<str>> {
    // Without these a request is no request, or another one.
    const FRAMING: [&str; 6] =
        ["host", "content-length", "transfer-encoding", "connection", "content-encoding", "content-type"];
    let token = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
    let name = field.parsed("the name of a header", |text| {
        (!text.is_empty() && text.len() <= 64 && text.bytes().all(token)).then(|| text.to_ascii_lowercase())
    })?;
    if FRAMING.contains(&name.as_str()) {
        field.mistake(format!("`{name}` says what the request is"), Some("another header"));
        return None;
    }
    Some(name.into())
}

fn redaction(field: &Field<'_>) -> Option<Redaction> {
    const WAYS: [(&str, Redaction); 3] = [
        ("label", Redaction::Label),
        ("token", Redaction::Token),
        ("reversible", Redaction::Reversible { in_tools: false }),
    ];
    if !matches!(field.value(), Value::Map(_)) {
        return field.one_of(&WAYS);
    }
    let fields = field.shaped(&shape::REDACT)?;
    let with = fields.required("with")?.one_of(&WAYS);
    let Some(places) = fields.optional("restoreIn") else { return with };
    let tools: Vec<bool> = places
        .filled_list()?
        .iter()
        .filter_map(|place| place.one_of(&[("text", false), ("toolArguments", true)]))
        .collect();
    let in_tools = tools.contains(&true);
    match with? {
        Redaction::Reversible { .. } => Some(Redaction::Reversible { in_tools }),
        other => {
            places.mistake(
                format!("`{}` is never put back", other.name()),
                Some("`restoreIn` with `reversible` only"),
            );
            None
        }
    }
}
