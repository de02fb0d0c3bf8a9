//! The last frame of a stream that is ended in its middle: the error in the stream's own framing.
//! Knows framings and what client libraries make of them. Does not know why the stream ends.

use bytes::Bytes;

use crate::catalogue::RefusalShape;
use crate::eventstream;
use crate::websocket::{Opcode, close, whole};

/// What the last frame has to fit into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StreamShape {
    /// Server-sent events.
    Sse,
    /// JSON lines.
    Lines,
    /// The elements of an array; whether any of it has left.
    Array { begun: bool },
    /// Amazon's event stream.
    EventStream,
    /// The server's side of a WebSocket.
    Socket,
}

/// The code that ends a WebSocket for what was said on it (RFC 6455, 7.4.1).
const POLICY_VIOLATION: u16 = 1008;

/// The error `body` as the last frame. It has no line ends inside.
pub(super) fn last(shape: RefusalShape, stream: StreamShape, body: &[u8]) -> Bytes {
    match stream {
        StreamShape::Sse => {
            let name: &[u8] = match shape {
                RefusalShape::Anthropic => b"event: error\n",
                _ => b"",
            };
            Bytes::from([name, b"data: ", body, b"\n\n"].concat())
        }
        StreamShape::Lines => Bytes::from([body, b"\n"].concat()),
        StreamShape::Array { begun: true } => Bytes::from([b",\n", body, b"]"].concat()),
        StreamShape::Array { begun: false } => Bytes::from([b"[", body, b"]"].concat()),
        // An exception that every SDK of Amazon's for these streams has a class for.
        StreamShape::EventStream => eventstream::exception("validationException", body)
            .expect("a message of ours is far below the longest"),
        StreamShape::Socket => socket(shape, body),
    }
}

/// The provider's own error event, if it has one, and a close frame that says the same in short.
fn socket(shape: RefusalShape, body: &[u8]) -> Bytes {
    let goodbye = close(POLICY_VIOLATION, &message(body), None);
    let event = match shape {
        // The realtime API's events have a type, and are otherwise what its errors are over HTTP.
        RefusalShape::OpenAi => {
            [b"{\"type\":\"error\",".as_slice(), body.get(1..).unwrap_or_default()].concat()
        }
        // The Live API has no event for errors: it closes, with a reason.
        RefusalShape::Google => return goodbye,
        _ => body.to_vec(),
    };
    Bytes::from([whole(Opcode::Text, &event, None), goodbye].concat())
}

/// What the body says to people.
fn message(body: &[u8]) -> String {
    let Ok(body) = serde_json::from_slice::<serde_json::Value>(body) else { return String::new() };
    let text = body.pointer("/error/message").or_else(|| body.get("message"));
    text.and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::websocket::{Messages, Sender, Unit};

    const BODY: &[u8] = br#"{"error":{"message":"Blocked."}}"#;

    fn text(stream: StreamShape) -> String {
        String::from_utf8(last(RefusalShape::OpenAi, stream, BODY).to_vec()).unwrap()
    }

    #[test]
    fn each_framing_has_its_last_frame() {
        assert_eq!(text(StreamShape::Sse), "data: {\"error\":{\"message\":\"Blocked.\"}}\n\n");
        assert_eq!(text(StreamShape::Lines), "{\"error\":{\"message\":\"Blocked.\"}}\n");
        assert_eq!(text(StreamShape::Array { begun: false }), "[{\"error\":{\"message\":\"Blocked.\"}}]");
        assert_eq!(text(StreamShape::Array { begun: true }), ",\n{\"error\":{\"message\":\"Blocked.\"}}]");
        let raw = last(RefusalShape::Aws, StreamShape::EventStream, BODY);
        let message = eventstream::Message::read(&raw).unwrap();
        assert_eq!(&raw[message.payload], BODY);
    }

    #[test]
    fn a_websocket_ends_with_an_event_and_a_reason() {
        for (shape, event) in [
            (RefusalShape::OpenAi, Some(r#"{"type":"error","error":{"message":"Blocked."}}"#)),
            (RefusalShape::Google, None),
        ] {
            let mut messages = Messages::new(Sender::Server, None, 0);
            messages.push(last(shape, StreamShape::Socket, BODY));
            if let Some(event) = event {
                let unit = messages.next_unit().unwrap().unwrap();
                assert!(matches!(unit, Unit::Message(message) if message.payload == event.as_bytes()));
            }
            let Unit::Control(frame) = messages.next_unit().unwrap().unwrap() else { panic!() };
            let mut payload = Vec::new();
            frame.payload(&mut payload);
            assert_eq!(payload, [&1008u16.to_be_bytes()[..], b"Blocked."].concat());
        }
    }
}
