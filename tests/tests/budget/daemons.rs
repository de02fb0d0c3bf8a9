//! The same with three whole daemons, each on a node of its own, with an application and a provider. What passes is what
//! the providers saw.

use std::net::Ipv4Addr;

use anyhow::Result;
use futures_util::future::try_join_all;
use interceptor_tests::lab::Lab;
use interceptor_tests::netns::Namespace;
use interceptor_tests::stage::{Setup, Stage};
use interceptor_tests::{gate, within};
use serde_json::{Value, json};

use super::server::{PROGRAM, Server};

const NODES: u8 = 3;
/// Requests that an application has under way at a time.
const AT_A_TIME: u64 = 2;
/// What the laboratory's provider says that each call took.
const TOKENS: u64 = 14;

/// The daemons, and the server that they share. The daemons end first.
struct Cluster {
    nodes: Vec<Stage>,
    server: Server,
}

impl Cluster {
    /// Three daemons with one limit, which holds for all of them together.
    async fn up(limit: &str) -> Result<Option<Self>> {
        if !gate::passes(gate::program(PROGRAM)) {
            return Ok(None);
        }
        let store = Namespace::new();
        let server = Server::start(&store);
        let mut nodes = Vec::new();
        for number in 0..NODES {
            let Some(node) = start(&store, number, limit).await? else { return Ok(None) };
            nodes.push(node);
        }
        let cluster = Self { nodes, server };
        cluster.says("the shared store of limits answers", 1).await?;
        Ok(Some(cluster))
    }

    /// Waits until every daemon has said this so many times.
    async fn says(&self, words: &str, times: usize) -> Result<()> {
        for node in &self.nodes {
            node.daemon.logged(words, |log| log.matches(words).count() >= times).await?;
        }
        Ok(())
    }

    /// Whether some daemon has not said this so many times yet.
    fn has_yet_to_say(&self, words: &str, times: usize) -> bool {
        self.nodes.iter().any(|node| node.daemon.written().matches(words).count() < times)
    }

    /// The server and everything it knew are gone, and the daemons have noticed.
    async fn lose_the_store(&mut self) -> Result<()> {
        self.server.kill();
        self.says("the shared store of limits is away", 1).await
    }

    /// So many requests by each application, and how many passed.
    async fn hammer(&self, each: u64) -> Result<u64> {
        let all = self.nodes.iter().map(|node| calls(node, each));
        Ok(try_join_all(all).await?.into_iter().sum())
    }

    /// Uses what is left. Refusals that cross on their way leave something over, and never the other way round.
    async fn use_up(&self, most: u64, mut passed: u64) -> Result<u64> {
        let rest = async {
            while passed < most {
                passed += calls(&self.nodes[0], 1).await?;
            }
            Ok(passed)
        };
        within("everything to be used", rest).await?
    }

    /// What the providers have seen.
    fn arrived(&self) -> Result<u64> {
        let calls = self.nodes.iter().map(|node| node.lab.provider.record().seen().calls.len());
        Ok(u64::try_from(calls.sum::<usize>())?)
    }
}

async fn start(store: &Namespace, number: u8, limit: &str) -> Result<Option<Stage>> {
    let (ours, theirs) = (Ipv4Addr::new(192, 0, 2, 4 * number + 2), Ipv4Addr::new(192, 0, 2, 4 * number + 1));
    let link = store.clone();
    let connect = move |lab: &Lab| {
        let device = format!("store{number}");
        link.join(&lab.topology.node, &device);
        link.add_addresses(&device, &[&format!("{theirs}/30")]);
        lab.topology.node.add_addresses(&device, &[&format!("{ours}/30")]);
    };
    let policy = format!(
        "apiVersion: interceptor.dev/v1alpha1\nkind: EgressPolicy\nmetadata: {{name: limits}}\nspec:\n  limits:\n    - {limit}\n"
    );
    let redis = json!({"url": format!("redis://{theirs}"), "nodes": NODES, "deadline": "5s"});
    let setup = Setup::default().policy(&policy).spec(json!({"limits": {"redis": redis}}));
    setup.before(connect).up().await
}

/// So many requests of one application, some of them at a time, and how many passed. The others are refused by the limit.
async fn calls(node: &Stage, count: u64) -> Result<u64> {
    let lane = async |count: u64| -> Result<u64> {
        let (mut passed, mut app) = (0, node.openai().await?);
        for _ in 0..count {
            let answer = app.call(HEAD, body()).await?;
            match answer.head.status {
                200 => passed += 1,
                429 => {}
                other => anyhow::bail!("answered {other}: {}", answer.text()),
            }
        }
        Ok(passed)
    };
    let lanes = (0..AT_A_TIME).map(|at| lane((count + at) / AT_A_TIME));
    Ok(try_join_all(lanes).await?.into_iter().sum())
}

const HEAD: &str =
    "POST /v1/chat/completions HTTP/1.1\r\nhost: api.openai.com\r\ncontent-type: application/json";

fn body() -> String {
    json!({"messages": [{"role": "user", "content": "hello"}], "model": "lab-1"}).to_string()
}

#[tokio::test]
async fn three_daemons_share_what_there_is_and_one_that_starts_again_finds_it_used() -> Result<()> {
    const MOST: u64 = 90;
    let limit = format!("{{name: shared, requests: {MOST}, each: month, whenUnavailable: block}}");
    let Some(mut cluster) = Cluster::up(&limit).await? else { return Ok(()) };
    let passed = cluster.hammer(60).await?;
    assert_eq!(cluster.use_up(MOST, passed).await?, MOST);
    assert_eq!((cluster.hammer(4).await?, cluster.arrived()?), (0, MOST));
    let event = cluster.nodes[0].exchange("blocked").await?;
    assert_eq!(event["inspection"]["limits"], json!([{"limit": "shared", "why": "over", "refused": true}]));
    // A daemon that starts again is another node to the store, and what it had used stays used.
    let first = cluster.nodes.remove(0);
    let config: Value = serde_json::from_slice(&std::fs::read(first.lab.folder().join("config.yaml"))?)?;
    let Stage { daemon, dialer, lab } = first;
    assert!(daemon.stop().await?.success());
    let daemon = lab.daemon_with(&config).await?;
    cluster.nodes.push(Stage { daemon, dialer, lab });
    cluster.says("the shared store of limits answers", 1).await?;
    assert_eq!((cluster.hammer(4).await?, cluster.arrived()?), (0, MOST));
    Ok(())
}

#[tokio::test]
async fn three_daemons_exceed_tokens_by_the_answers_under_way_and_no_more() -> Result<()> {
    const MOST: u64 = 710;
    let limit = format!("{{name: shared, tokens: {MOST}, each: month, whenUnavailable: block}}");
    let Some(cluster) = Cluster::up(&limit).await? else { return Ok(()) };
    let passed = cluster.hammer(40).await?;
    // What is left in the end is less than is set aside for another.
    let passed = cluster.use_up(MOST / TOKENS, passed).await?;
    assert_eq!((cluster.hammer(4).await?, cluster.arrived()?), (0, passed));
    // What a node has under way, or has had since it asked last, is not told to the others yet.
    let slack = u64::from(NODES) * AT_A_TIME * TOKENS;
    assert!(passed * TOKENS <= MOST + slack, "{passed} answers");
    Ok(())
}

#[tokio::test]
async fn without_the_store_each_daemon_has_its_share_of_what_it_heard_was_left() -> Result<()> {
    const MOST: u64 = 90;
    let limit = format!("{{name: shared, requests: {MOST}, each: month, whenUnavailable: share}}");
    let Some(mut cluster) = Cluster::up(&limit).await? else { return Ok(()) };
    // One has used most of it, and the others have heard.
    assert_eq!(calls(&cluster.nodes[0], 60).await?, 60);
    for node in &cluster.nodes[1..] {
        assert_eq!(calls(node, 1).await?, 1);
    }
    cluster.lose_the_store().await?;
    let alone = cluster.hammer(60).await?;
    // 62 were used. The first has had more than its share of 30; each other takes what it heard was left, 28 or 29.
    assert!((56..=58).contains(&alone), "{alone}");
    let event = cluster.nodes[0].exchange("blocked").await?;
    assert_eq!(
        event["inspection"]["limits"],
        json!([{"limit": "shared", "why": "store_away", "refused": true}])
    );
    // The server comes back and knows nothing. Whoever connects first must not take it for unused.
    cluster.server.start_again();
    while cluster.has_yet_to_say("the shared store of limits answers", 2) {
        assert_eq!(cluster.hammer(2).await?, 0);
    }
    assert_eq!((cluster.hammer(10).await?, cluster.arrived()?), (0, 62 + alone));
    Ok(())
}
