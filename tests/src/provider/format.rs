//! Answers in the shapes of the providers' APIs: whole JSON documents, and streams event by event.
//! Knows JSON and server-sent events. Does not know connections or pacing.

use serde_json::{Value, json};

/// The wire formats which the laboratory's provider speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `POST /v1/chat/completions`.
    Chat,
    /// `POST /v1/responses`.
    Responses,
    /// `POST /v1/messages`.
    Messages,
}

const MODEL: &str = "lab-1";

impl Format {
    /// The format spoken at a path, query not included.
    #[must_use]
    pub fn of_path(path: &str) -> Option<Self> {
        match path {
            "/v1/chat/completions" => Some(Self::Chat),
            "/v1/responses" => Some(Self::Responses),
            "/v1/messages" => Some(Self::Messages),
            _ => None,
        }
    }

    /// The path of the format.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::Chat => "/v1/chat/completions",
            Self::Responses => "/v1/responses",
            Self::Messages => "/v1/messages",
        }
    }

    /// A whole answer with `text` in the model's mouth.
    #[must_use]
    pub fn whole(self, text: &str) -> Value {
        match self {
            Self::Chat => json!({
                "id": "chatcmpl-lab", "object": "chat.completion", "created": 1_767_225_600, "model": MODEL,
                "choices": [{"index": 0, "finish_reason": "stop", "logprobs": null,
                    "message": {"role": "assistant", "content": text, "refusal": null}}],
                "usage": {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14}
            }),
            Self::Responses => response_object("completed", json!([output_item("completed", text)])),
            Self::Messages => json!({
                "id": "msg_lab", "type": "message", "role": "assistant", "model": MODEL,
                "content": [{"type": "text", "text": text}],
                "stop_reason": "end_turn", "stop_sequence": null,
                "usage": {"input_tokens": 9, "output_tokens": 5}
            }),
        }
    }

    /// The events before the first token.
    #[must_use]
    pub fn opening(self) -> Vec<String> {
        match self {
            Self::Chat => vec![chunk(json!({"role": "assistant", "content": ""}), None)],
            Self::Responses => vec![
                event(json!({"type": "response.created", "sequence_number": 0,
                    "response": response_object("in_progress", json!([]))})),
                event(json!({"type": "response.output_item.added", "sequence_number": 1, "output_index": 0,
                    "item": {"id": "msg_lab", "type": "message", "role": "assistant",
                        "status": "in_progress", "content": []}})),
                event(json!({"type": "response.content_part.added", "sequence_number": 2, "output_index": 0,
                    "item_id": "msg_lab", "content_index": 0,
                    "part": {"type": "output_text", "text": "", "annotations": []}})),
            ],
            Self::Messages => vec![
                event(json!({"type": "message_start", "message": {
                    "id": "msg_lab", "type": "message", "role": "assistant", "model": MODEL, "content": [],
                    "stop_reason": null, "stop_sequence": null,
                    "usage": {"input_tokens": 9, "output_tokens": 1}}})),
                event(json!({"type": "content_block_start", "index": 0,
                    "content_block": {"type": "text", "text": ""}})),
                event(json!({"type": "ping"})),
            ],
        }
    }

    /// The event of one token. `number` counts tokens from 0.
    #[must_use]
    pub fn token(self, number: usize, text: &str) -> String {
        match self {
            Self::Chat => chunk(json!({"content": text}), None),
            Self::Responses => event(json!({"type": "response.output_text.delta",
                "sequence_number": number + 3, "item_id": "msg_lab", "output_index": 0, "content_index": 0,
                "delta": text, "logprobs": []})),
            Self::Messages => event(json!({"type": "content_block_delta", "index": 0,
                "delta": {"type": "text_delta", "text": text}})),
        }
    }

    /// The events after the last token; `text` is everything that was streamed.
    #[must_use]
    pub fn closing(self, tokens: usize, text: &str) -> Vec<String> {
        match self {
            Self::Chat => vec![chunk(json!({}), Some("stop")), "data: [DONE]\n\n".to_owned()],
            Self::Responses => {
                let next = tokens + 3;
                vec![
                    event(json!({"type": "response.output_text.done", "sequence_number": next,
                        "item_id": "msg_lab", "output_index": 0, "content_index": 0, "text": text,
                        "logprobs": []})),
                    event(json!({"type": "response.content_part.done", "sequence_number": next + 1,
                        "item_id": "msg_lab", "output_index": 0, "content_index": 0,
                        "part": {"type": "output_text", "text": text, "annotations": []}})),
                    event(json!({"type": "response.output_item.done", "sequence_number": next + 2,
                        "output_index": 0, "item": output_item("completed", text)})),
                    event(json!({"type": "response.completed", "sequence_number": next + 3,
                        "response": response_object("completed", json!([output_item("completed", text)]))})),
                ]
            }
            Self::Messages => vec![
                event(json!({"type": "content_block_stop", "index": 0})),
                event(json!({"type": "message_delta", "delta": {"stop_reason": "end_turn",
                    "stop_sequence": null}, "usage": {"output_tokens": tokens}})),
                event(json!({"type": "message_stop"})),
            ],
        }
    }

    /// A whole stream of `tokens`, as the events one after the other.
    #[must_use]
    pub fn stream<'a>(self, tokens: impl IntoIterator<Item = &'a str>) -> Vec<String> {
        let mut events = self.opening();
        let (mut text, mut count) = (String::new(), 0);
        for token in tokens {
            events.push(self.token(count, token));
            text.push_str(token);
            count += 1;
        }
        events.extend(self.closing(count, &text));
        events
    }
}

/// A chat event has no name; the others name their type in an `event:` line too.
fn chunk(delta: Value, finish: Option<&str>) -> String {
    let chunk = json!({"id": "chatcmpl-lab", "object": "chat.completion.chunk", "created": 1_767_225_600,
        "model": MODEL, "choices": [{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}]});
    format!("data: {chunk}\n\n")
}

fn event(data: Value) -> String {
    let kind = data["type"].as_str().unwrap_or("message");
    format!("event: {kind}\ndata: {data}\n\n")
}

fn output_item(status: &str, text: &str) -> Value {
    json!({"id": "msg_lab", "type": "message", "role": "assistant", "status": status,
        "content": [{"type": "output_text", "text": text, "annotations": []}]})
}

fn response_object(status: &str, output: Value) -> Value {
    json!({"id": "resp_lab", "object": "response", "created_at": 1_767_225_600, "status": status,
        "model": MODEL, "output": output, "parallel_tool_calls": true, "tool_choice": "auto", "tools": [],
        "error": null, "incomplete_details": null, "instructions": null, "metadata": {},
        "temperature": 1.0, "top_p": 1.0,
        "usage": {"input_tokens": 9, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 5,
            "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 14}})
}
