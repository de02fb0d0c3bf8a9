//! Only what was found changes: of texts made of words, settings, marks, line ends and addresses, what arrives is the text
//! with a label in the place of each address, in one piece, in parts and in fragments. Knows addresses only, which are
//! masked wherever they stand.

use std::sync::{Arc, LazyLock};

use interceptor_engine::Engine;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::redact::{answer, chat, events, said, send};
use crate::run::{BOTH_WAYS, begin, engine};

/// Masks addresses, and not what looks a little like a number of something else.
static ENGINE: LazyLock<Arc<Engine>> = LazyLock::new(|| engine(&BOTH_WAYS.replace("pii.*", "pii.email")));

const CHAT: (&str, &str) = ("api.openai.com", "/v1/chat/completions");

/// What stands around addresses.
const WORDS: [&str; 24] = [
    "the",
    "Regards",
    "Tom",
    "naïve",
    "東京",
    "NAME=val",
    "DEBUG=true",
    "3.5",
    "12",
    "x=1",
    "end\n",
    "end.\n",
    "\n\n",
    "OK",
    "path/to",
    "\"quoted\"",
    "{a}",
    "[b]",
    "<tag>",
    "@all",
    "a @ b",
    "😀",
    "http://a.b/c",
    "\\n",
];

const BEFORE: [&str; 10] = [" ", "\n", "\n  ", "\n> ", "(", "\"", ", ", ": ", "<", "["];
const BEHIND: [&str; 10] = [" ", "\n", ".\n", ",\n", ")", "\"", ", ", ". ", ">", "]"];
const ADDRESSES: [&str; 4] = ["jane.roe@corp.io", "t@acme.co.uk", "maria-luise.fay@firma.de", "tom_h@x9.org"];

/// A text, and what is to arrive of it. In fragments addresses are announced, or their first word would leave.
fn text(announced: bool) -> impl Strategy<Value = (String, String)> {
    let words =
        || prop::collection::vec(prop::sample::select(&WORDS[..]), 0..8).prop_map(|words| words.join(" "));
    let pick = |of: &'static [&'static str]| prop::sample::select(of);
    let one = (words(), pick(&BEFORE), pick(&ADDRESSES), pick(&BEHIND));
    (prop::collection::vec(one, 0..4), words()).prop_map(move |(ones, rest)| {
        let (mut text, mut expected) = (String::new(), String::new());
        for (words, before, address, behind) in ones {
            let around = format!("{words}{}{before}", if announced { " email" } else { "" });
            text += &format!("{around}{address}{behind}");
            expected += &format!("{around}[EMAIL]{behind}");
        }
        (text + &rest, expected + &rest)
    })
}

/// Cuts where the numbers say, between characters.
fn pieces<'t>(text: &'t str, cuts: &[prop::sample::Index]) -> Vec<&'t str> {
    let mut points: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
    points.retain(|point| text.is_char_boundary(*point));
    points.extend([0, text.len()]);
    points.sort_unstable();
    points.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect()
}

proptest! {
    #[test]
    fn of_a_request_nothing_else_changes((text, expected) in text(false)) {
        let body = chat(&text);
        let sent = send(&mut begin(&ENGINE, "POST", CHAT.0, CHAT.1), &body);
        prop_assert_eq!(sent, chat(&expected).to_string());
    }

    #[test]
    fn of_lines_in_parts_nothing_else_changes(texts in prop::collection::vec(text(false), 1..5)) {
        let parts = |texts: Vec<&String>| {
            let parts: Vec<Value> = texts.into_iter().map(|text| json!({"type": "text", "text": text})).collect();
            json!({"messages": [{"role": "user", "content": parts}]})
        };
        let body = parts(texts.iter().map(|(text, _)| text).collect());
        let sent = send(&mut begin(&ENGINE, "POST", CHAT.0, CHAT.1), &body);
        prop_assert_eq!(sent, parts(texts.iter().map(|(_, expected)| expected).collect()).to_string());
    }

    #[test]
    fn of_a_stream_nothing_else_changes(
        (text, expected) in text(true),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..60),
        chunk in 1..200usize,
    ) {
        let mut exchange = begin(&ENGINE, "POST", CHAT.0, CHAT.1);
        send(&mut exchange, &chat("hello"));
        let stream = events(&pieces(&text, &cuts));
        let chunks: Vec<&[u8]> = stream.as_bytes().chunks(chunk).collect();
        prop_assert_eq!(said(&answer(&mut exchange, "text/event-stream", &chunks)), expected);
    }
}
