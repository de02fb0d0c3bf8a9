//! How connections are spelled that the kernel refused.

use std::net::SocketAddr;

use serde::Serialize;

use super::caller::CallerLine;
use super::timestamp;
use crate::telemetry::event::Refusal;

#[derive(Serialize)]
pub(super) struct RefusalLine<'a> {
    event: &'static str,
    time: String,
    caller: CallerLine<'a>,
    destination: Option<SocketAddr>,
    hosts: Vec<&'a str>,
    provider: Option<&'a str>,
    decision: &'static str,
    rule: Option<&'a str>,
    policy: Option<&'a str>,
    attempts: u64,
}

impl<'a> RefusalLine<'a> {
    pub(super) fn new(refused: &'a Refusal) -> Self {
        Self {
            event: "connect",
            time: timestamp(refused.at),
            caller: CallerLine::new(&refused.caller),
            destination: refused.destination,
            hosts: refused.hosts.iter().map(|host| &**host).collect(),
            provider: refused.provider.as_deref(),
            decision: "refused_at_connect",
            rule: refused.rule.as_deref(),
            policy: refused.policy.as_deref(),
            attempts: refused.attempts,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::event::Event;
    use expect_test::expect;
    use std::sync::Arc;
    use std::time::SystemTime;

    #[test]
    fn refused_connections_are_one_line_that_names_the_rule() {
        let refused = Event::ConnectRefused(Box::new(Refusal {
            at: SystemTime::UNIX_EPOCH,
            caller: Arc::default(),
            destination: Some("203.0.113.1:443".parse().expect("an address")),
            hosts: vec!["api.example".into()],
            provider: Some("openai".into()),
            rule: Some("no-openai".into()),
            policy: Some("0123456789abcdef".into()),
            attempts: 3,
        }));
        let mut out = Vec::new();
        super::super::write(&mut out, &refused).expect("memory takes it");
        expect![[r#"
            {"event":"connect","time":"1970-01-01T00:00:00Z","caller":{"namespace":"","namespace_cookie":0,"cgroup":0,"pid":0,"uid":0,"comm":"","executable":null,"user":null,"cgroup_path":"","unit":null,"unknown":"not_asked"},"destination":"203.0.113.1:443","hosts":["api.example"],"provider":"openai","decision":"refused_at_connect","rule":"no-openai","policy":"0123456789abcdef","attempts":3}
        "#]].assert_eq(std::str::from_utf8(&out).expect("UTF-8"));
    }
}
