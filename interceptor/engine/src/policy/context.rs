//! What rules can ask about an exchange. Known in two steps: most of it before the body, the rest with it.
//! Holds facts. Does not know who asks.

use super::Subject;

/// What is known of an exchange before its body.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// Stable name of the provider: `openai`.
    pub provider: &'a str,
    /// The host that was called, in small letters.
    pub host: &'a str,
    /// The HTTP method, in capitals.
    pub method: &'a str,
    /// The path, with or without its query, which is never compared.
    pub path: &'a str,
    /// Name of the format: `openai.chat_completions`; `unknown` if it has none.
    pub operation: &'a str,
    /// The caller.
    pub subject: &'a Subject,
    /// When it began, in seconds since 1970, UTC.
    pub at: u64,
}

impl<'a> Context<'a> {
    /// What is known when a connection begins and nothing was asked yet.
    pub fn of_connection(provider: &'a str, host: &'a str, subject: &'a Subject, at: u64) -> Self {
        Self { provider, host, method: "", path: "", operation: "unknown", subject, at }
    }

    /// The path without its query.
    pub(super) fn bare_path(&self) -> &'a str {
        self.path.split(['?', '#']).next().unwrap_or_default()
    }
}

/// What is known of a request once its body was read.
#[derive(Debug, Clone, Copy, Default)]
pub struct BodyFacts<'a> {
    /// Every model that the body, the path or a batch within it names.
    pub models: &'a [String],
    /// Tools that the request offers or the answer calls.
    pub tools: &'a [String],
    /// The methods of the Model Context Protocol that it calls.
    pub methods: &'a [String],
    /// Bytes of the body, decoded.
    pub size: u64,
}
