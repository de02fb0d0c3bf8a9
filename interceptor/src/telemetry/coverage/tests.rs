//! Accounts of workloads: what each ending counts as, and what happens where there is no room.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::*;
use crate::telemetry::event::{Caller, Id, PassReason, RefuseReason};

fn ended(cgroup: u64, route: Route, outcome: Outcome) -> Connection {
    Connection {
        id: Id(1),
        at: SystemTime::UNIX_EPOCH,
        took: Duration::ZERO,
        caller: Arc::new(Caller { cgroup, ..Caller::default() }),
        destination: ([203, 0, 113, 10], 443).into(),
        host: None,
        tunnel: None,
        route,
        outcome,
        detail: None,
        sent: 0,
        received: 0,
        exchanges: 0,
    }
}

fn of(route: Route, outcome: Outcome) -> Fate {
    fate(&ended(1, route, outcome))
}

#[test]
fn what_got_nothing_across_is_neither_inspected_nor_passed() {
    let other_name = Route::Passthrough(PassReason::OtherName);
    assert_eq!(of(Route::Inspect, Outcome::Closed), Fate::Inspected);
    assert_eq!(of(Route::Inspect, Outcome::ClientUntrusted), Fate::Failed("client_untrusted"));
    assert_eq!(of(Route::Inspect, Outcome::Origin), Fate::Failed("origin"));
    assert_eq!(of(Route::Inspect, Outcome::Framing), Fate::Refused("framing"));
    assert_eq!(of(Route::Inspect, Outcome::Proxy), Fate::Failed("proxy"));
    assert_eq!(of(other_name, Outcome::Proxy), Fate::Failed("proxy"));
    assert_eq!(of(other_name, Outcome::Closed), Fate::Passed("other_name"));
    assert_eq!(of(other_name, Outcome::Origin), Fate::Failed("origin"));
    assert_eq!(of(Route::Refuse(RefuseReason::NoLeaf), Outcome::Refused), Fate::Refused("no_leaf"));
}

#[test]
fn what_got_something_across_is_counted_by_its_route_however_it_ended() {
    let inspected = Connection { exchanges: 1, ..ended(1, Route::Inspect, Outcome::Framing) };
    assert_eq!(fate(&inspected), Fate::Inspected);
    let route = Route::Passthrough(PassReason::NoName);
    let passed = Connection { sent: 1, ..ended(1, route, Outcome::Application) };
    assert_eq!(fate(&passed), Fate::Passed("no_name"));
    // What a defective origin is told by us is no service.
    let broken = Connection { exchanges: 1, ..ended(1, Route::Inspect, Outcome::OriginCertificate) };
    assert_eq!(fate(&broken), Fate::Failed("origin_certificate"));
}

#[test]
fn a_workload_without_room_shares_an_account_to_its_end() {
    let coverage = Coverage { room: 1, ..Coverage::default() };
    let began = |cgroup| coverage.count(&Event::ConnectionBegan { cgroup });
    let end = |cgroup| {
        coverage.count(&Event::ConnectionEnded(Box::new(ended(cgroup, Route::Inspect, Outcome::Closed))));
    };
    began(1);
    began(2);
    end(1);
    // Room that is made does not part what began together.
    coverage.retain(&mut HashSet::new());
    began(3);
    end(2);
    let accounts = coverage.read();
    assert!(accounts.workloads.is_empty());
    let others = accounts.others.unwrap();
    assert_eq!((others.open, others.total()), (1, 2));
}

#[test]
fn accounts_of_the_dead_are_closed_when_their_last_connection_has_ended() {
    let coverage = Coverage::default();
    for cgroup in [1, 2, 3] {
        coverage.count(&Event::ConnectionBegan { cgroup });
    }
    let not_taken = |cgroup, why| coverage.count(&Event::Capture(Capture::FlowDropped { cgroup, why }));
    not_taken(2, Dropped::NotTaken);
    not_taken(3, Dropped::NotTaken);
    not_taken(3, Dropped::Exhausted);
    assert_eq!(coverage.read().workloads[&3].total(), 2);
    let mut alive = HashSet::from([3]);
    coverage.retain(&mut alive);
    assert_eq!(alive, HashSet::from([1, 3]));
    assert_eq!(coverage.read().workloads.len(), 2);
}
