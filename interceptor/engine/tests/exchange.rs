//! Exchanges as the daemon sees them: bytes in, bytes out, a record at the end.
//! Values that look like secrets are put together at run time.

#![expect(clippy::unwrap_used, reason = "helpers of tests are outside of test functions")]

#[path = "exchange/answer.rs"]
mod answer;
#[path = "exchange/chunking.rs"]
mod chunking;
#[path = "exchange/debug.rs"]
mod debug;
#[path = "exchange/form.rs"]
mod form;
#[path = "exchange/golden.rs"]
mod golden;
#[path = "exchange/neighbours.rs"]
mod neighbours;
#[path = "exchange/operator.rs"]
mod operator;
#[path = "exchange/places.rs"]
mod places;
#[path = "exchange/request.rs"]
mod request;
#[path = "exchange/run.rs"]
mod run;
#[path = "exchange/stream.rs"]
mod stream;
#[path = "exchange/tier.rs"]
mod tier;
