//! Streams in every framing: what is found is cut out wherever it was split, what is clean leaves as it came, and a
//! block ends the stream in its own words.
#![expect(clippy::unwrap_used, reason = "the helpers are tests, too")]

#[path = "shared/eventstream.rs"]
mod eventstream;
#[path = "framing/exact.rs"]
mod exact;
#[path = "framing/http.rs"]
mod http;
#[path = "framing/raw.rs"]
mod raw;
#[path = "framing/redact.rs"]
mod redact;
#[path = "framing/run.rs"]
mod run;
#[path = "framing/socket.rs"]
mod socket;
