//! Every place that the catalogue names, in every format, request, answer and event: an address is put there, and
//! must be found and replaced while every other byte stays. The documents are made of the places themselves, so
//! that a place that is added is tested by having been added.

use std::fmt::Write;
use std::sync::Arc;

use interceptor_engine::catalogue::Bodies;
use interceptor_engine::json::{Class, Table};
use interceptor_engine::{Catalogue, Engine, Limits};
use serde_json::{Map, Value, json};

use crate::run::{ADDRESS, Call, Format, MASK, engine_of, run};

/// A provider for each format, under a path of its own.
pub(crate) fn probes() -> (Arc<Catalogue>, Vec<(String, Arc<Bodies>)>) {
    let builtin = Catalogue::builtin();
    let walked =
        builtin.formats().iter().filter_map(|format| Some((format.id.to_string(), format.bodies.clone()?)));
    let walked: Vec<_> = walked.collect();
    let mut file = "apiVersion: interceptor.dev/v1alpha1\nkind: Catalogue\nspec:\n  formats:\n".to_owned();
    for (number, (id, _)) in walked.iter().enumerate() {
        writeln!(file, "    - {{ id: probe-{number}, paths: [/probe], sameAs: {id} }}").unwrap();
    }
    file += "  providers:\n";
    for number in 0..walked.len() {
        let host = format!("probe-{number}.example.test");
        writeln!(file, "    - {{ id: probe-{number}, hosts: [{host}], formats: [probe-{number}] }}").unwrap();
    }
    let catalogue =
        Catalogue::load(&[("probes.yaml".into(), file)]).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    (Arc::new(catalogue), walked)
}

/// The smallest document that has `value` at a place.
fn document(place: &str, value: Value) -> Value {
    let (first, rest) = match place.split_once('.') {
        Some((first, rest)) => (first, Some(rest)),
        None => (place, None),
    };
    let (first, kind) = match first.split_once("{type=") {
        Some((first, kind)) => (first, Some(kind.trim_end_matches('}').split('|').next().unwrap())),
        None => (first, None),
    };
    let key = first.trim_end_matches("[]");
    let mut inner = match rest {
        Some(rest) => document(rest, value),
        // Below `**` everything counts: a key, a list, an object.
        None if key == "**" => return json!({"any": [{"deep": value}]}),
        None => value,
    };
    if let (Some(kind), Value::Object(members)) = (kind, &mut inner) {
        members.insert("type".into(), kind.into());
    }
    for _ in 0..(first.len() - key.len()) / 2 {
        inner = json!([inner]);
    }
    match key {
        "" => inner,
        "*" => json!({"any": inner}),
        key => Value::Object(Map::from_iter([(key.to_owned(), inner)])),
    }
}

fn check(engine: &Arc<Engine>, format: &str, host: &str, body: &str, table: &Table) -> usize {
    let places = table.places().map(|(place, class)| (place.to_string(), class));
    places
        .inspect(|(place, class)| {
            let text = match class {
                Class::JsonString => json!({"inner": format!("ask {ADDRESS}")}).to_string(),
                _ => format!("ask {ADDRESS}"),
            };
            let document = document(place, text.into()).to_string();
            let event = format!("data: {document}\n\n");
            let call = Call { host, path: "/probe", ..Call::new(Format::Chat, b"{}") };
            let call = match body {
                "request" => Call { request: document.as_bytes(), ..call },
                "response" => Call { answer: document.as_bytes(), ..call },
                _ => Call { answer: event.as_bytes(), answer_type: "text/event-stream", ..call },
            };
            let outcome = run(engine, &call);
            let (sent, before) = match body {
                "request" => (outcome.sent(), document.clone()),
                "response" => (outcome.received(), document.clone()),
                _ => (outcome.received(), event.clone()),
            };
            let says = || format!("{format} {body} {place}: {document} became {sent}");
            let [finding] = &outcome.record.findings[..] else { panic!("{}", says()) };
            if *class == Class::Sealed && finding.sealed {
                assert_eq!(sent, before, "{}", says());
            } else {
                assert_eq!(sent, before.replace(ADDRESS, "[EMAIL]"), "{}", says());
            }
        })
        .count()
}

#[test]
fn every_place_of_every_format_is_looked_at() {
    let (catalogue, walked) = probes();
    let policy = format!("{MASK}  uncertain: {{ unrewritable: audit }}\n");
    let engine = engine_of(catalogue, &policy, Limits::STANDARD);
    assert_eq!(walked.len(), 56);
    let mut places = 0;
    for (number, (format, bodies)) in walked.iter().enumerate() {
        let host = format!("probe-{number}.example.test");
        places += check(&engine, format, &host, "request", &bodies.request);
        places += check(&engine, format, &host, "response", &bodies.response);
        if let Some(stream) = &bodies.stream {
            places += check(&engine, format, &host, "event", &stream.event);
        }
    }
    assert!(places > 3_000, "{places}");
}
