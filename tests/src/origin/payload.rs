//! The bodies of the benchmark: plain prose in the shape of chat calls, the same in every run.
//! Knows text and a clock for the stamps of events. There is nothing in it that a detector may find.

use std::cell::RefCell;
use std::collections::HashMap;

use bytes::Bytes;
use nix::time::{ClockId, clock_gettime};

/// The event that ends a stream.
pub const LAST_EVENT: &[u8] = b"data: [DONE]\n\n";

/// What stands before the stamp in an event.
const STAMP: &[u8] = b"\"fp_";
/// One letter a nibble, because digits would look like numbers to a detector.
const STAMP_LETTERS: usize = 16;

const WORDS: [&str; 48] = [
    "the",
    "river",
    "carries",
    "small",
    "boats",
    "past",
    "a",
    "quiet",
    "town",
    "where",
    "people",
    "talk",
    "about",
    "weather",
    "bread",
    "and",
    "old",
    "songs",
    "while",
    "children",
    "draw",
    "maps",
    "of",
    "places",
    "they",
    "have",
    "never",
    "seen",
    "because",
    "every",
    "road",
    "leads",
    "somewhere",
    "if",
    "one",
    "keeps",
    "walking",
    "until",
    "evening",
    "light",
    "turns",
    "windows",
    "into",
    "gold",
    "before",
    "night",
    "comes",
    "slowly",
];

/// A POST body for chat completions, of exactly `size` bytes (at least a few hundred).
#[must_use]
pub fn chat_request(size: usize) -> Bytes {
    let head = r#"{"model":"gpt-4o","messages":[{"role":"system","content":"You are a careful assistant."},{"role":"user","content":""#;
    fill(head, r#""}],"temperature":0.5,"stream":false}"#, size)
}

/// A chat completion of exactly `size` bytes (at least a few hundred), made once per size and thread.
#[must_use]
pub fn chat_answer(size: usize) -> Bytes {
    thread_local! {
        static MADE: RefCell<HashMap<usize, Bytes>> = RefCell::new(HashMap::new());
    }
    MADE.with_borrow_mut(|made| {
        made.entry(size)
            .or_insert_with(|| {
                let head = r#"{"id":"chatcmpl-bench","object":"chat.completion","model":"gpt-4o","choices":[{"index":0,"message":{"role":"assistant","content":""#;
                let tail = r#""},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":12,"total_tokens":21}}"#;
                fill(head, tail, size)
            })
            .clone()
    })
}

fn fill(head: &str, tail: &str, size: usize) -> Bytes {
    let room = size.saturating_sub(head.len() + tail.len());
    let mut body = String::with_capacity(size);
    body.push_str(head);
    let end = head.len() + room;
    let mut state = 7_usize;
    while body.len() < end {
        // A fixed linear congruence: varied enough not to repeat in a cache line, the same everywhere.
        state = state.wrapping_mul(1_103_515_245).wrapping_add(12_345) & 0x7fff_ffff;
        body.push_str(WORDS[(state >> 8) % WORDS.len()]);
        body.push(if (state >> 4).is_multiple_of(13) { '.' } else { ' ' });
    }
    body.truncate(end);
    body.push_str(tail);
    Bytes::from(body)
}

/// One streamed event, stamped with now.
#[must_use]
pub fn event(number: u32) -> Bytes {
    let word = WORDS[number as usize % WORDS.len()];
    let stamp = encode(now());
    Bytes::from(format!(
        "data: {{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"model\":\"gpt-4o\",\
         \"system_fingerprint\":\"fp_{stamp}\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\" {word}\"}},\
         \"finish_reason\":null}}]}}\n\n"
    ))
}

/// The nanoseconds that the first stamped event in `text` carries; none in `[DONE]`.
#[must_use]
pub fn stamp(text: &[u8]) -> Option<u64> {
    let at = text.windows(STAMP.len()).position(|window| window == STAMP)? + STAMP.len();
    decode(text.get(at..at + STAMP_LETTERS)?)
}

/// Monotonic nanoseconds, the same clock in every network namespace of the machine.
#[must_use]
pub fn now() -> u64 {
    let time = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("Linux always has a monotonic clock");
    let (seconds, nanoseconds) = (time.tv_sec().unsigned_abs(), time.tv_nsec().unsigned_abs());
    seconds * 1_000_000_000 + nanoseconds
}

fn encode(value: u64) -> String {
    (0..STAMP_LETTERS).rev().map(|place| char::from(b'a' + (value >> (place * 4) & 0xf) as u8)).collect()
}

fn decode(letters: &[u8]) -> Option<u64> {
    letters.iter().try_fold(0_u64, |value, letter| {
        (b'a'..=b'p').contains(letter).then(|| value << 4 | u64::from(letter - b'a'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_json_of_the_size_asked_for() {
        for size in [1024, 2048, 1_000_000] {
            for body in [chat_request(size), chat_answer(size)] {
                assert_eq!(body.len(), size);
                serde_json::from_slice::<serde_json::Value>(&body).unwrap();
            }
        }
    }

    #[test]
    fn an_event_carries_the_time_it_was_made() {
        let before = now();
        let event = event(3);
        let stamped = stamp(&event).unwrap();
        assert!((before..=now()).contains(&stamped));
        assert_eq!(stamp(LAST_EVENT), None);
        assert_eq!(stamp(&event[..event.len() / 2]), None);
    }
}
