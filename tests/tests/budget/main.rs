//! Limits that nodes share through a real Redis server, in network namespaces of the tests' own.
//! A node is what a daemon has of it: its counts, and its connection to the store. `daemons.rs` has whole daemons.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop here")]

mod daemons;
mod server;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use interceptor::budget::redis::StoreSpec;
use interceptor::budget::{Budgets, Reservation};
use interceptor_engine::budget::{
    Asking, Caller, Drawn, Each, End, Limit, Measure, Note, Short, Usage, WhenUnavailable, Why, draws,
};
use interceptor_engine::policy::{Mode, Pattern};
use interceptor_engine::price::Prices;
use interceptor_engine::record::Ledger;
use interceptor_tests::netns::Namespace;
use interceptor_tests::pki::{Pki, Quality};
use interceptor_tests::{gate, require_root};

use server::{Front, Server};

const NODES: u64 = 3;
const MOST: u64 = 300;
const PATIENCE: Duration = Duration::from_secs(20);

fn limit(measure: Measure, when_unavailable: WhenUnavailable) -> Arc<Limit> {
    let any = || Box::from([Pattern::any()]);
    Arc::new(Limit {
        name: "shared".into(),
        providers: any(),
        models: any(),
        operations: any(),
        per: Box::default(),
        measure,
        mode: Mode::Enforce,
        when_unavailable,
        allow_unknown_price: false,
    })
}

/// The month is the window that is least likely to end while a test runs.
fn requests(when_unavailable: WhenUnavailable) -> Arc<Limit> {
    limit(Measure::Requests { most: MOST, each: Each::Month }, when_unavailable)
}

fn drawn(limit: &Arc<Limit>) -> Drawn {
    let request = Ledger { seen: 40, scanned: 40, ..Ledger::default() };
    let models = ["gpt-4.1".to_owned()];
    let asking = Asking {
        caller: Caller::default(),
        provider: "openai",
        operation: "openai.chat_completions",
        models: &models,
        request: &request,
    };
    draws(std::slice::from_ref(limit), &asking, Prices::builtin())
}

type Reserved = Result<(Reservation, Vec<Note>), Short>;

async fn reserve(node: &Arc<Budgets>, limit: &Arc<Limit>) -> Reserved {
    node.reserve(drawn(limit)).await
}

/// Makes a request, if there is enough left.
async fn request(node: &Arc<Budgets>, limit: &Arc<Limit>) -> bool {
    let reserved = reserve(node, limit).await;
    if let Ok((reservation, _)) = reserved {
        reservation.settle(End::Used(Usage::default()));
        return true;
    }
    false
}

/// What all nodes get when each asks for more than there is, with several requests under way at each.
async fn hammer(nodes: &[Arc<Budgets>], limit: &Arc<Limit>) -> u64 {
    let passed = Arc::new(AtomicU64::new(0));
    let tasks = nodes.iter().flat_map(|node| (0..4).map(move |_| node)).map(|node| {
        let (node, limit, passed) = (node.clone(), limit.clone(), passed.clone());
        tokio::spawn(async move {
            for _ in 0..MOST {
                if request(&node, &limit).await {
                    passed.fetch_add(1, Ordering::Relaxed);
                }
            }
        })
    });
    join_all(tasks).await.into_iter().for_each(|task| task.unwrap());
    passed.load(Ordering::Relaxed)
}

async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let begin = Instant::now();
    let mut look = tokio::time::interval(Duration::from_millis(5));
    while !condition().await {
        assert!(begin.elapsed() < PATIENCE, "waited in vain until {what}");
        look.tick().await;
    }
}

async fn up(nodes: &[Arc<Budgets>], wanted: bool) {
    until("the store is up or away", async || nodes.iter().all(|node| node.store_is_up() == Some(wanted)))
        .await;
}

fn spec(url: &str) -> StoreSpec {
    StoreSpec { nodes: NODES, deadline: Duration::from_secs(2), ..StoreSpec::of_url(url).unwrap() }
}

async fn nodes(spec: &StoreSpec) -> Vec<Arc<Budgets>> {
    let nodes: Vec<_> = (0..NODES).map(|_| Budgets::shared(spec).unwrap()).collect();
    up(&nodes, true).await;
    nodes
}

/// Runs a test in a namespace of its own, with a server in it.
fn with_server<F: Future<Output = ()>>(test: impl FnOnce(Server) -> F + Send) {
    if !gate::passes(gate::program(server::PROGRAM)) {
        return;
    }
    let namespace = Namespace::new();
    let server = Server::start(&namespace);
    namespace.run(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(3).enable_all().build();
        runtime.unwrap().block_on(test(server));
    });
}

const URL: &str = "redis://127.0.0.1:6379";

#[test]
fn three_nodes_share_exactly_what_there_is() {
    require_root!();
    with_server(async |_server| {
        let nodes = nodes(&spec(URL)).await;
        let limit = requests(WhenUnavailable::Block);
        // Refusals that cross on their way may leave something over for a moment, and never the other way round.
        let mut passed = hammer(&nodes, &limit).await;
        assert!(passed <= MOST, "{passed}");
        until("everything is used", async || {
            passed += u64::from(request(&nodes[0], &limit).await);
            passed >= MOST
        })
        .await;
        assert_eq!(hammer(&nodes, &limit).await, 0);
        // Another node that comes later finds it used, too.
        let late = Budgets::shared(&spec(URL)).unwrap();
        up(std::slice::from_ref(&late), true).await;
        let short = reserve(&late, &limit).await.err().unwrap();
        assert_eq!((&*short.limit.name, short.why), ("shared", Why::Over));
        assert!(short.retry_after > 1);
    });
}

#[test]
fn what_answers_cost_more_than_was_expected_is_the_slack() {
    require_root!();
    with_server(async |_server| {
        let nodes = nodes(&spec(URL)).await;
        const ACTUAL: u64 = 100;
        let measure = Measure::Tokens { most: 10_000, each: Each::Month, reserve: 0 };
        let limit = limit(measure, WhenUnavailable::Block);
        let expected = drawn(&limit).draws[0].amount;
        let used = Arc::new(AtomicU64::new(0));
        let tasks = nodes.iter().map(|node| {
            let (node, limit, used) = (node.clone(), limit.clone(), used.clone());
            tokio::spawn(async move {
                while let Ok((reservation, _)) = reserve(&node, &limit).await {
                    reservation.settle(End::Used(Usage { output: ACTUAL, ..Usage::default() }));
                    used.fetch_add(ACTUAL, Ordering::Relaxed);
                }
            })
        });
        join_all(tasks).await.into_iter().for_each(|task| task.unwrap());
        let used = used.load(Ordering::Relaxed);
        // Every question tells what its node has settled before: at most one answer a node is not known of.
        let slack = NODES * (ACTUAL - expected) + ACTUAL;
        assert!((10_000 - ACTUAL..=10_000 + slack).contains(&used), "{used}, slack {slack}");
    });
}

#[test]
fn without_the_store_a_node_has_its_share_and_a_store_that_forgot_learns_again() {
    require_root!();
    with_server(async |mut server| {
        let nodes = nodes(&spec(URL)).await;
        let limit = requests(WhenUnavailable::Share);
        for node in &nodes {
            for _ in 0..30 {
                assert!(request(node, &limit).await);
            }
        }
        server.kill();
        // Whoever is under way meets the end of the server; its share is what it has then.
        assert_eq!(hammer(&nodes, &limit).await, MOST - 90);
        let short = reserve(&nodes[0], &limit).await.err().unwrap();
        assert_eq!(short.why, Why::Away);
        up(&nodes, false).await;
        server.start_again();
        up(&nodes, true).await;
        assert_eq!(hammer(&nodes, &limit).await, 0);
        let late = Budgets::shared(&spec(URL)).unwrap();
        up(std::slice::from_ref(&late), true).await;
        until("the nodes have told what they had used", async || !request(&late, &limit).await).await;
    });
}

#[test]
fn the_worst_that_an_absence_can_cost_is_the_shares_of_all_others() {
    require_root!();
    with_server(async |mut server| {
        let nodes = nodes(&spec(URL)).await;
        let limit = requests(WhenUnavailable::Share);
        until("one node has used everything", async || !request(&nodes[0], &limit).await).await;
        server.kill();
        up(&nodes, false).await;
        // The others have never asked, and do not know.
        assert_eq!(hammer(&nodes, &limit).await, MOST / NODES * (NODES - 1));
    });
}

#[test]
fn policy_says_whether_to_wait_for_the_store() {
    require_root!();
    with_server(async |mut server| {
        let nodes = nodes(&spec(URL)).await;
        server.kill();
        up(&nodes, false).await;
        let (_reservation, notes) = reserve(&nodes[0], &requests(WhenUnavailable::Allow)).await.ok().unwrap();
        assert_eq!(notes[0].why, Why::Away);
        let short = reserve(&nodes[0], &requests(WhenUnavailable::Block)).await.err().unwrap();
        assert_eq!((short.why, short.retry_after), (Why::Away, 1));
        // What is counted at the same time is every node's own.
        let places = limit(Measure::Concurrency { most: 1 }, WhenUnavailable::Block);
        let place = reserve(&nodes[0], &places).await.ok().unwrap();
        assert!(reserve(&nodes[1], &places).await.is_ok());
        assert_eq!(reserve(&nodes[0], &places).await.err().unwrap().why, Why::Over);
        drop(place);
        assert!(reserve(&nodes[0], &places).await.is_ok());
    });
}

#[test]
fn the_server_is_verified_and_asked_for_in_its_users_name() {
    require_root!();
    with_server(async |server| {
        let pki = Pki::new().unwrap();
        let files = tempfile::tempdir().unwrap();
        let (roots, password) = (files.path().join("roots.pem"), files.path().join("password"));
        std::fs::write(&roots, pki.root_pem()).unwrap();
        let secret = server.require_password();
        std::fs::write(&password, format!("{secret}\n")).unwrap();
        let front = Front::start(pki.leaf("localhost", Quality::Good).unwrap()).await;
        let good = StoreSpec {
            roots: vec![roots.clone()],
            password: Some(password),
            ..spec(&format!("rediss://localhost:{}", front.port()))
        };
        let limit = requests(WhenUnavailable::Block);
        assert!(request(&nodes(&good).await[0], &limit).await);
        let stranger = Front::start(pki.leaf("localhost", Quality::UnknownIssuer).unwrap()).await;
        let (port, no_password) = (stranger.port(), None);
        for wrong in [StoreSpec { port, ..good.clone() }, StoreSpec { password: no_password, ..good }] {
            let met = if wrong.port == port { &stranger } else { &front };
            let before = met.met();
            let node = Budgets::shared(&wrong).unwrap();
            until("it has tried twice", async || met.met() >= before + 2).await;
            assert_eq!(node.store_is_up(), Some(false));
            assert_eq!(reserve(&node, &limit).await.err().unwrap().why, Why::Away);
        }
    });
}
