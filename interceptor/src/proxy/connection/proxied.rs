//! A connection whose application takes its destination for a proxy: the tunnel first, then what any connection gets.
//! Knows the order of steps. Does not know how a tunnel is asked for.

use std::rc::Rc;

use tokio::net::TcpStream;

use super::{End, copy, gone, inspect, named, refuse};
use crate::proxy::flow::Flow;
use crate::proxy::peek::{self, Peeked};
use crate::proxy::tunnel::{self, Opened, TunnelError, Unopened};
use crate::proxy::worker::Worker;
use crate::proxy::{passthrough, route};
use crate::telemetry::chain;
use crate::telemetry::event::{Outcome, PassReason, RefuseReason, Route};

/// Handles a connection whose application takes its destination for a proxy. The proxy is dialled before the route is
/// known, because the application says what it wants inside only when the proxy has agreed.
pub(super) async fn run(worker: &Rc<Worker>, mut stream: TcpStream, flow: &Flow, seen: Vec<u8>) -> End {
    let shared = &worker.shared;
    let mut opened = match tunnel::open(&mut stream, flow, seen, &shared.limits).await {
        Ok(opened) => opened,
        Err(unopened) => return not_opened(worker, stream, unopened).await,
    };
    let text = opened.target.to_string();
    let seen = std::mem::take(&mut opened.seen);
    let peeked = if opened.has_answered {
        Ok((Peeked::Silent, seen))
    } else {
        peek::inside(&stream, &opened.stream, seen, &shared.limits).await
    };
    let mut end = match peeked {
        Ok((peeked, seen)) => inside(worker, stream, flow, opened, peeked, seen).await,
        Err(error) => gone().because(error.kind().to_string()),
    };
    end.tunnel = Some(text);
    end
}

/// Routes what is said inside a tunnel.
async fn inside(
    worker: &Rc<Worker>,
    stream: TcpStream,
    flow: &Flow,
    opened: Opened,
    peeked: Peeked,
    seen: Vec<u8>,
) -> End {
    let engine = worker.shared.engine.load_full();
    let mut end = match route::choose_inside(engine.catalogue(), &opened.target, &peeked) {
        route::Route::Passthrough(why) => copy(stream, opened.stream, seen, why).await,
        route::Route::Refuse(why) => refuse(&stream, why),
        route::Route::Gone => gone(),
        route::Route::Inspect(target) => {
            let tunnel = Some(Rc::new(opened.into_tunnel()));
            inspect(worker, stream, flow, tunnel, seen, engine, target).await
        }
    };
    end.host = named(&peeked);
    end
}

/// Ends a connection for which there is no tunnel, as the proxy or its absence would have.
async fn not_opened(worker: &Worker, stream: TcpStream, unopened: Unopened) -> End {
    let (target, error) = match unopened {
        Unopened::Failed(target, error) => (target, error),
        Unopened::Gone => return gone(),
        Unopened::Slow => return refuse(&stream, RefuseReason::SlowConnect),
        // It was told what is wrong, and may read that.
        Unopened::Mistake(mistake) => {
            return End::new(Route::Refuse(RefuseReason::MalformedConnect), Outcome::Refused)
                .because(mistake.to_string());
        }
        Unopened::Otherwise { proxy, seen } => return copy(stream, proxy, seen, PassReason::NotTls).await,
    };
    let outcome = match &error {
        TunnelError::Declined(_) => Outcome::Proxy,
        TunnelError::Application(_) => Outcome::Application,
        _ => {
            passthrough::reset(&stream);
            Outcome::Origin
        }
    };
    let route = route::expected(worker.shared.engine.load().catalogue(), &target);
    let mut end = End::new(route, outcome).because(chain(&error));
    end.tunnel = Some(target.to_string());
    end
}
