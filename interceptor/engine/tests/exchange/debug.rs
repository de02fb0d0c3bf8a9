//! What a developer's `{:?}` shows of an exchange: nothing that was said in it.

use std::sync::Arc;

use bytes::Bytes;
use interceptor_engine::{RequestHead, ResponseHead, Subject};

use crate::run::{ADDRESS, BOTH_WAYS, Format, engine};

#[test]
fn an_exchange_shows_no_payload() {
    let engine = engine(BOTH_WAYS);
    let (host, path) = Format::Chat.host_and_path();
    let mut exchange = engine.exchange(&RequestHead {
        provider: engine.catalogue().route(host).unwrap().provider,
        method: "POST",
        path,
        content_type: Some("application/json"),
        content_encoding: None,
        content_length: None,
        subject: &Arc::new(Subject::default()),
        at: 0,
        host: "",
        request_id: "req-1",
    });
    let mut out = Vec::new();
    let said = format!(r#"{{"messages":[{{"role":"user","content":"marked, {ADDRESS}"#);
    exchange.request_data(Bytes::from(said), &mut out).unwrap();
    let held = format!("{exchange:?}");
    exchange.request_data(Bytes::from_static(b"\"}]}"), &mut out).unwrap();
    exchange.request_end(&mut out).unwrap();
    exchange
        .response_head(&ResponseHead {
            status: 200,
            content_type: Some("text/event-stream"),
            content_encoding: None,
            content_length: None,
        })
        .unwrap();
    let event = format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"marked {ADDRESS}");
    exchange.response_data(Bytes::from(event), &mut out).unwrap();
    for shown in [held, format!("{exchange:?}")] {
        assert!(shown.starts_with("Exchange { operation: "), "{shown}");
        for said in ["marked", ADDRESS, "109, 97, 114, 107"] {
            assert!(!shown.contains(said), "{shown}");
        }
    }
}
