//! Plays one test case through the engine, as the daemon would: connection, head, headers, body, answer.
//! Knows the order of things. The engine decides, and nothing is sent anywhere.

use std::sync::Arc;

use bytes::Bytes;
use interceptor_engine::budget::{Draw, Drawn, Note, Short, Table, Why};
use interceptor_engine::policy::{Action, Context};
use interceptor_engine::record::Record;
use interceptor_engine::{Engine, Exchange, Refusal, RequestFacts, RequestHead, ResponseHead, Signature};

use super::cases::{Case, Message};

/// What became of a case.
#[derive(Debug)]
pub struct Played {
    /// The rule that let the connection pass unseen.
    pub passthrough: Option<Arc<str>>,
    /// The answer in the place of the provider's.
    pub refusal: Option<Refusal>,
    /// What the provider gets; `None` if it is not asked.
    pub sent: Option<Vec<u8>>,
    /// The headers that it gets.
    pub sent_headers: Vec<(String, String)>,
    /// The status that the application sees.
    pub status: u16,
    /// What the application gets.
    pub received: Vec<u8>,
    /// What is recorded; nothing of a connection that passes unseen.
    pub record: Option<Record>,
    /// What rules were told of the request's body.
    pub facts: RequestFacts,
    /// The limits that it draws on; none if it never came so far.
    pub drawn: Vec<Arc<str>>,
}

/// Plays a case.
pub fn play(engine: &Arc<Engine>, case: &Case) -> Played {
    let request = &case.request;
    let provider = &engine.catalogue().provider(request.provider).id;
    let connection = Context::of_connection(provider, &request.host, &case.subject, case.time);
    let decision = engine.policy().connection(&connection);
    if decision.action == Action::Passthrough {
        return Played {
            passthrough: decision.rule,
            refusal: None,
            sent: Some(request.message.body.clone()),
            sent_headers: request.message.headers.clone(),
            status: case.response.status,
            received: case.response.message.body.clone(),
            record: None,
            facts: RequestFacts::default(),
            drawn: Vec::new(),
        };
    }
    let mut exchange = engine.exchange(&RequestHead {
        provider: request.provider,
        host: &request.host,
        method: &request.method,
        path: &request.path,
        content_type: request.message.header("content-type"),
        content_encoding: request.message.header("content-encoding"),
        content_length: Some(request.message.body.len() as u64),
        subject: &case.subject,
        at: case.time,
        request_id: "test",
    });
    let headers = { request.message.headers.iter() }.map(|(name, value)| (name.as_str(), value.as_bytes()));
    exchange.signed(Signature::of(&request.path, headers));
    let mut played = Played {
        passthrough: None,
        refusal: None,
        sent: None,
        sent_headers: request.message.headers.clone(),
        status: case.response.status,
        received: Vec::new(),
        record: None,
        facts: RequestFacts::default(),
        drawn: Vec::new(),
    };
    if let Err(refusal) = converse(&mut exchange, case, &mut played) {
        played.refuse(refusal);
    }
    played.facts = exchange.request_facts();
    played.record = Some(exchange.record());
    played
}

/// Request and answer. An error is what the application gets instead.
fn converse(exchange: &mut Exchange, case: &Case, played: &mut Played) -> Result<(), Refusal> {
    exchange.begin()?;
    obey(exchange, &mut played.sent_headers)?;
    let mut out = Vec::new();
    for chunk in chunks(&case.request.message) {
        exchange.request_data(chunk, &mut out)?;
    }
    exchange.request_end(&mut out)?;
    let drawn = exchange.drawn();
    played.drawn = { drawn.draws.iter() }
        .map(|draw| &draw.limit)
        .chain(&drawn.unpriced)
        .map(|l| l.name.clone())
        .collect();
    match reserve(&drawn, case) {
        Ok(notes) => exchange.noted(notes),
        Err(short) => return Err(exchange.short(&short)),
    }
    played.sent = Some(out.concat());
    let answer = &case.response;
    exchange.response_head(&ResponseHead {
        status: answer.status,
        content_type: answer.message.header("content-type"),
        content_encoding: answer.message.header("content-encoding"),
        content_length: None,
    })?;
    let mut out = Vec::new();
    let result = { chunks(&answer.message) }
        .try_for_each(|chunk| exchange.response_data(chunk, &mut out))
        .and_then(|()| exchange.response_end(&mut out));
    // What was handed on before a refusal is with the application.
    played.received = out.concat();
    result
}

/// Takes what the exchange draws on, of what the case leaves of it.
fn reserve(drawn: &Drawn, case: &Case) -> Result<Vec<Note>, Short> {
    let mut table = Table::new(drawn.draws.len(), false);
    for (name, used) in &case.used {
        for draw in drawn.draws.iter().filter(|draw| draw.limit.name == *name) {
            let mut nothing: Draw = draw.clone();
            nothing.amount = 0;
            // What was used before may be more than there is.
            for taken in table.take(&[nothing], case.time)?.taken {
                table.settle(&taken, *used);
            }
        }
    }
    let mut notes = crate::budget::unpriced(drawn)?;
    notes.extend(table.take(&drawn.draws, case.time)?.notes);
    Ok(notes)
}

/// What rules ask of headers: what is required must be there, what is to be removed goes.
fn obey(exchange: &mut Exchange, headers: &mut Vec<(String, String)>) -> Result<(), Refusal> {
    let lacks = exchange.header_rules().find_map(|(rule, asked)| {
        let missing =
            asked.require.iter().find(|name| !headers.iter().any(|(known, _)| *known == ***name))?;
        Some((rule.clone(), missing.clone()))
    });
    if let Some((rule, missing)) = lacks {
        return Err(exchange.lacks_header(&rule, &missing));
    }
    for (_, asked) in exchange.header_rules() {
        headers.retain(|(name, _)| !asked.remove.iter().any(|removed| **removed == **name));
    }
    Ok(())
}

fn chunks(message: &Message) -> impl Iterator<Item = Bytes> + '_ {
    let size = message.chunk.unwrap_or(usize::MAX);
    message.body.chunks(size.min(message.body.len().max(1))).map(Bytes::copy_from_slice)
}

impl Played {
    fn refuse(&mut self, refusal: Refusal) {
        // A stream that has begun ends with a frame; an answer of which nothing was seen is replaced.
        match &refusal.stream_frame {
            Some(frame) if !self.received.is_empty() => self.received.extend_from_slice(frame),
            _ => {
                self.status = refusal.status;
                self.received = refusal.body.to_vec();
            }
        }
        self.refusal = Some(refusal);
    }

    /// What happened in the end.
    pub fn verdict(&self) -> &'static str {
        use interceptor_engine::record::Verdict;
        match &self.record {
            None => "passthrough",
            Some(record) => match record.verdict {
                Verdict::Pass => "pass",
                Verdict::Redact => "redact",
                Verdict::Block => "block",
            },
        }
    }

    /// Every rule that spoke, and every answer to a doubt; of a refusal, only what refused.
    pub fn rules(&self) -> Vec<&str> {
        if let Some(refusal) = &self.refusal {
            return vec![&refusal.rule];
        }
        let mut rules: Vec<&str> = self.passthrough.as_deref().into_iter().collect();
        if let Some(record) = &self.record {
            rules.extend(record.ruled.as_ref().and_then(|ruled| ruled.rule.as_deref()));
            rules.extend(record.tools.iter().filter_map(|tool| tool.rule.as_deref()));
            rules.extend(record.findings.iter().filter_map(|finding| finding.rule.as_deref()));
            rules.extend(record.doubts.iter().map(|doubt| doubt.rule));
            rules.extend(record.limits.iter().map(|limit| &*limit.limit));
        }
        rules.sort_unstable();
        rules.dedup();
        rules
    }

    /// Every rule in shadow that would have changed something.
    pub fn shadow(&self) -> Vec<&str> {
        let Some(record) = &self.record else { return Vec::new() };
        let mut rules: Vec<&str> = Vec::new();
        let ruled = record.ruled.iter().filter_map(|ruled| ruled.shadow.as_ref());
        let tools = record.tools.iter().filter_map(|tool| tool.shadow.as_ref());
        let findings = record.findings.iter().filter_map(|finding| finding.shadow.as_ref());
        rules.extend(ruled.chain(tools).chain(findings).map(|shadow| &*shadow.rule));
        let limits = record.limits.iter().filter(|limit| limit.why == Why::Over && !limit.refused);
        rules.extend(limits.map(|limit| &*limit.limit));
        rules.sort_unstable();
        rules.dedup();
        rules
    }
}
