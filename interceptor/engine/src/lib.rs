//! The pure half of interceptor: formats, detectors, policy, redaction and the exchange state machine.
//! Takes bytes and answers with bytes and decisions. Knows no socket, clock, environment or log.

pub mod detect;
pub mod document;
