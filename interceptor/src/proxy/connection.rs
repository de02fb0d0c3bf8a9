//! One connection from accept to its end: peek, route, dial, terminate, serve.
//! Each step is a file of its own; this one is their order, and the record of how it went.

mod proxied;

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use interceptor_engine::Engine;
use interceptor_engine::policy::{Action, Answer, Context, Direction, Uncertainty};
use tokio::net::TcpStream;

use super::exchange::unix_time;
use super::flow::Flow;
use super::hints::Hint;
use super::passthrough::{self, Ended, Moved};
use super::peek::Peeked;
use super::replay::Replay;
use super::route::{self, Target};
use super::serve::{self, Served};
use super::tunnel::Tunnel;
use super::upstream::{ConnectError, Key};
use super::worker::Worker;
use super::{dial, peek};
use crate::hello::Host;
use crate::telemetry::chain;
use crate::telemetry::event::{self, Event, Outcome, PassReason, RefuseReason, Route};
use crate::tls::Defect;
use crate::tls::server::{self, AcceptError};
use crate::tls::upstream::{AlpnOffer, UpstreamError};

/// How a connection went.
struct End {
    route: Route,
    outcome: Outcome,
    detail: Option<String>,
    host: Option<Host>,
    tunnel: Option<String>,
    moved: Moved,
    exchanges: u64,
}

impl End {
    fn new(route: Route, outcome: Outcome) -> Self {
        Self { route, outcome, detail: None, host: None, tunnel: None, moved: Moved::default(), exchanges: 0 }
    }

    fn because(mut self, detail: impl Into<Option<String>>) -> Self {
        self.detail = detail.into();
        self
    }
}

/// Handles one redirected connection and tells how it went.
pub async fn run(worker: Rc<Worker>, stream: TcpStream, flow: Flow) {
    let (at, start) = (SystemTime::now(), Instant::now());
    let end = handle(&worker, stream, &flow).await;
    worker.shared.telemetry.record(Event::ConnectionEnded(Box::new(event::Connection {
        id: flow.id,
        at,
        took: start.elapsed(),
        caller: worker.shared.identities.now(&flow.caller),
        destination: flow.destination.0,
        host: end.host,
        tunnel: end.tunnel,
        route: end.route,
        outcome: end.outcome,
        detail: end.detail,
        sent: end.moved.sent,
        received: end.moved.received,
        exchanges: end.exchanges,
    })));
}

async fn handle(worker: &Rc<Worker>, stream: TcpStream, flow: &Flow) -> End {
    let shared = &worker.shared;
    let Some(_open) = shared.open.enter(shared.limits.connections) else {
        return refuse(&stream, RefuseReason::Overload);
    };
    let peeked = if flow.is_proxy {
        peek::to_proxy(&stream, &shared.limits).await
    } else {
        peek::hello(&stream, &shared.limits).await
    };
    let (peeked, seen) = match peeked {
        // Boxed, so that a direct connection has no room for it.
        Ok((Peeked::Connect, seen)) => return Box::pin(proxied::run(worker, stream, flow, seen)).await,
        Ok(read) => read,
        Err(error) => return gone().because(error.kind().to_string()),
    };
    // One snapshot from here on: what the route says about providers holds for no other catalogue.
    let engine = shared.engine.load_full();
    let route = if flow.is_proxy {
        route::choose_to_proxy(engine.catalogue(), &peeked, &seen)
    } else {
        route::choose(engine.catalogue(), &peeked)
    };
    let mut end = match route {
        route::Route::Passthrough(why) => {
            if !flow.is_proxy && matches!(why, PassReason::OtherName | PassReason::NoName) {
                shared.hints.leave(|| Hint::Other(flow.destination.0.ip()));
            }
            pass(worker, stream, flow, None, seen, why).await
        }
        route::Route::Refuse(why) => refuse(&stream, why),
        route::Route::Gone => gone(),
        // Boxed, so that a connection that passes has no room for what it does not do.
        route::Route::Inspect(target) => {
            Box::pin(inspect(worker, stream, flow, None, seen, engine, target)).await
        }
    };
    end.host = named(&peeked);
    end
}

/// The name in the hello, if there is one.
fn named(peeked: &Peeked) -> Option<Host> {
    match peeked {
        Peeked::Hello(hello) => hello.sni.host().cloned(),
        _ => None,
    }
}

/// The application has gone before it had said enough.
fn gone() -> End {
    End::new(Route::Passthrough(PassReason::NoName), Outcome::Application)
}

/// Ends a connection at once. A reset, because an orderly end would claim that the origin had nothing to say.
fn refuse(stream: &TcpStream, why: RefuseReason) -> End {
    passthrough::reset(stream);
    End::new(Route::Refuse(why), Outcome::Refused)
}

/// Copies a connection unread, through the tunnel that is open or else to where it wanted to go.
async fn pass(
    worker: &Worker,
    stream: TcpStream,
    flow: &Flow,
    tunnel: Option<&Tunnel>,
    seen: Vec<u8>,
    why: PassReason,
) -> End {
    if let Some(open) = tunnel.and_then(Tunnel::take) {
        return copy(stream, open, seen, why).await;
    }
    let limit = worker.shared.limits.dial;
    match dial::connect(&flow.namespace, flow.destination, limit).await {
        Ok(origin) => copy(stream, origin, seen, why).await,
        Err(error) => {
            passthrough::reset(&stream);
            End::new(Route::Passthrough(why), Outcome::Origin).because(chain(&error))
        }
    }
}

async fn copy(stream: TcpStream, origin: TcpStream, seen: Vec<u8>, why: PassReason) -> End {
    let route = Route::Passthrough(why);
    let (moved, ended) = passthrough::run(stream, origin, seen).await;
    let mut end = match ended {
        Ended::Closed => End::new(route, Outcome::Closed),
        Ended::Application(error) => End::new(route, Outcome::Application).because(error.kind().to_string()),
        Ended::Origin(error) => End::new(route, Outcome::Origin).because(error.kind().to_string()),
    };
    end.moved = moved;
    end
}

/// Terminates, serves and ends an AI connection.
async fn inspect(
    worker: &Rc<Worker>,
    stream: TcpStream,
    flow: &Flow,
    tunnel: Option<Rc<Tunnel>>,
    seen: Vec<u8>,
    engine: Arc<Engine>,
    target: Target,
) -> End {
    let shared = &worker.shared;
    let Some(_inspected) = shared.inspected.enter(shared.limits.inspected) else {
        return refuse(&stream, RefuseReason::Overload);
    };
    let served = match prepare(worker, flow, tunnel.clone(), engine, target).await {
        Ok(served) => served,
        Err(Unprepared::Pass(why, rule)) => {
            let end = pass(worker, stream, flow, tunnel.as_deref(), seen, why).await;
            return match rule {
                Some(rule) => end.because(format!("the rule `{rule}` lets it pass")),
                None => end,
            };
        }
        Err(Unprepared::Unreachable(error)) => {
            // A direct connection would have been refused or reset; ours ends the same way.
            passthrough::reset(&stream);
            return End::new(Route::Inspect, Outcome::Origin).because(chain(&error));
        }
    };
    let alpn = serve::alpn(served.protocol, served.target.hello.alpn);
    let host = &served.target.host;
    let config = match &served.broken {
        None => shared.server_tls.config(host, alpn),
        Some(defect) => shared.server_tls.mirror(host, alpn, defect),
    };
    let config = match config {
        Ok(config) => config,
        Err(error) => return refuse(&stream, RefuseReason::NoLeaf).because(chain(&error)),
    };
    let deadline = tokio::time::Instant::now() + shared.limits.handshake;
    let stream = match server::accept(config, Replay::new(seen, stream), deadline).await {
        Ok(stream) => stream,
        Err(error) => return handshake_failed(&served, &error),
    };
    shared.trust.accepted(flow.caller.cgroup, host);
    let (outcome, detail) = serve::run(served.clone(), stream).await;
    let outcome = if served.broken.is_some() { Outcome::OriginCertificate } else { outcome };
    let mut end = End::new(Route::Inspect, outcome).because(detail);
    end.exchanges = served.total.get();
    end
}

/// Why a connection cannot be served.
enum Unprepared {
    /// Policy lets this workload pass: a rule says so, or it does not trust us.
    Pass(PassReason, Option<Arc<str>>),
    /// The provider cannot be reached.
    Unreachable(ConnectError),
}

/// Opens or finds the upstream connection that decides what the application is shown.
async fn prepare(
    worker: &Rc<Worker>,
    flow: &Flow,
    tunnel: Option<Rc<Tunnel>>,
    engine: Arc<Engine>,
    target: Target,
) -> Result<Rc<Served>, Unprepared> {
    let shared = &worker.shared;
    // What is inspected is judged by who asks: here, and not before, it is worth a wait.
    let flow = &Flow { caller: shared.identities.settled(&flow.caller).await, ..flow.clone() };
    let subject = Arc::new(flow.caller.subject.clone());
    let provider: Arc<str> = Arc::from(&*engine.catalogue().provider(target.provider).id);
    let context =
        Context::of_connection(&provider, target.host.as_str(), &subject, unix_time(SystemTime::now()));
    let decision = engine.policy().connection(&context);
    if decision.action == Action::Passthrough {
        return Err(Unprepared::Pass(PassReason::Rule, decision.rule));
    }
    if shared.trust.is_refused(flow.caller.cgroup, &target.host) && may_pass_untrusted(&engine, &context) {
        return Err(Unprepared::Pass(PassReason::UntrustedAuthority, None));
    }
    let offer = AlpnOffer::mirroring(target.hello.alpn);
    let key = Key {
        namespace: flow.namespace.cookie,
        host: target.host.clone(),
        port: tunnel.as_ref().map_or(flow.destination.0.port(), |tunnel| tunnel.port()),
        offer,
        via: tunnel.as_ref().map(|tunnel| tunnel.via()),
    };
    let slot = worker.pool.slot(key, shared.limits.upstream_spare);
    let mut served = Served::new(
        shared.clone(),
        engine,
        flow.clone(),
        subject,
        target,
        provider,
        offer,
        slot,
        worker.drain.clone(),
    );
    served.tunnel = tunnel;
    match served.slot.clone().prepare(&served.way()).await {
        Ok(protocol) => served.protocol = protocol,
        Err(ConnectError::Tls { error: UpstreamError::Certificate(defect), .. }) => {
            served.broken = Some(defect);
        }
        Err(error) => return Err(Unprepared::Unreachable(error)),
    }
    // Where a warm connection was found, nobody needs the tunnel that the application has asked for.
    drop(served.tunnel.as_ref().and_then(|tunnel| tunnel.take()));
    Ok(Rc::new(served))
}

/// What policy says of a workload that does not trust us. It has not said what it wants to do, so the operation
/// is unknown.
fn may_pass_untrusted(engine: &Engine, context: &Context<'_>) -> bool {
    let (answer, _) = engine.policy().scope(context).when(Uncertainty::UntrustedClient, Direction::Request);
    answer != Answer::Block
}

fn handshake_failed(served: &Served, error: &AcceptError) -> End {
    let outcome = match error {
        _ if served.broken.is_some() => Outcome::OriginCertificate,
        AcceptError::Rejected(rejection) if rejection.is_about_trust() => {
            served.shared.trust.refused(served.flow.caller.cgroup, &served.target.host);
            Outcome::ClientUntrusted
        }
        AcceptError::Rejected(_) | AcceptError::Protocol(_) | AcceptError::TimedOut => {
            Outcome::ClientHandshake
        }
        AcceptError::Closed(_) | AcceptError::Io(_) => Outcome::Application,
    };
    let detail = match &served.broken {
        Some(defect) => describe(defect),
        None => chain(error),
    };
    End::new(Route::Inspect, outcome).because(detail)
}

fn describe(defect: &Defect) -> String {
    format!("the provider's certificate is {defect}; the application was shown the same")
}
