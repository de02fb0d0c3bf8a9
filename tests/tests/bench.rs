//! Keeps the benchmark from rotting: every shape of load runs for a moment against a real origin, through the relay.
//! Pure tier: loopback only; the tests of the command itself need root. What it costs is not judged here; that the figures are there, and right, is.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop here")]

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use interceptor_tests::{require_kernel, require_root};
use serde_json::Value;

const NAME: &str = "api.openai.com";

#[test]
fn kept_connections_are_reused_and_every_call_is_counted() {
    let bench = Bench::start();
    let result = bench.through_relay(Origin::Http1, &["keep-alive", "--connections", "2"]);
    clean(&result);
    assert!(result["cpu_us"].as_f64().unwrap() > 0.0, "{result}");
    assert_eq!(result["latency_us"]["count"], result["units"]);
    let counted = bench.counters();
    assert_eq!(counted["connections"], 2);
    assert!(counted["requests"].as_u64() >= result["units"].as_u64());
}

#[test]
fn h2_carries_several_calls_on_one_connection() {
    let bench = Bench::start();
    clean(
        &bench.direct(Origin::Both, &["--alpn", "h2", "keep-alive", "--connections", "1", "--streams", "4"]),
    );
    assert_eq!(bench.counters()["connections"], 1);
}

#[test]
fn cold_calls_open_a_connection_each() {
    let bench = Bench::start();
    clean(&bench.direct(Origin::Http1, &["cold", "--concurrency", "2"]));
    let counted = bench.counters();
    assert_eq!(counted["connections"], counted["requests"]);
}

#[test]
fn a_far_origin_is_as_late_as_it_says() {
    let bench = Bench::start();
    let handshake = bench.direct(Origin::FarHandshake, &["cold", "--concurrency", "2"]);
    let whole = bench.direct(Origin::FarWhole, &["cold", "--concurrency", "2"]);
    assert!(handshake["latency_us"]["p50"].as_f64().unwrap() >= 20_000.0, "{handshake}");
    assert!(whole["latency_us"]["p50"].as_f64().unwrap() >= 40_000.0, "{whole}");
}

#[test]
fn a_fixed_rate_is_kept_even_if_answers_are_late() {
    let bench = Bench::start();
    // Two connections and answers after 20 ms cannot serve 1000 calls a second: what waits must show as latency.
    let result = bench.direct(
        Origin::FarWhole,
        &["--measure", "400", "rate", "--per-second", "1000", "--connections", "2"],
    );
    clean(&result);
    assert!(result["latency_us"]["max"].as_f64().unwrap() > 200_000.0, "the backlog was hidden: {result}");
}

#[test]
fn every_streamed_event_arrives_by_itself() {
    let bench = Bench::start();
    let result =
        bench.through_relay(Origin::Http1, &["--answer", "stream 20 5000", "stream", "--streams", "3"]);
    clean(&result);
    assert_eq!((&result["units"], &result["merged"]), (&60.into(), &0.into()));
    assert_eq!(result["first_chunk_us"]["count"], 3);
}

#[test]
fn large_bodies_arrive_whole_in_both_directions() {
    let bench = Bench::start();
    let sizes = ["--body", "3000000", "--answer", "bytes 3000000"];
    clean(&bench.through_relay(Origin::Http1, &[&sizes[..], &["keep-alive", "--connections", "1"]].concat()));
    assert!(bench.counters()["received"].as_u64().unwrap() >= 3_000_000);
}

#[test]
fn idle_connections_are_held_while_memory_is_read() {
    let bench = Bench::start();
    let result = bench.through_relay(Origin::Http1, &["--warmup", "0", "idle", "--connections", "200"]);
    assert_eq!((&result["units"], &result["errors"]), (&200.into(), &0.into()));
    assert!(result["memory_bytes"].as_i64().unwrap() > 0, "{result}");
}

#[test]
fn another_root_than_the_expected_one_is_an_error() {
    let bench = Bench::start();
    let wrong = bench.pki.join("peer-ca.pem");
    let output = bench.run(bench.address(Origin::Http1), &wrong, &["keep-alive"]);
    assert!(!output.status.success());
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(message.contains("UnknownIssuer"), "{message}");
}

#[test]
fn the_command_measures_and_writes_its_result() {
    require_root!();
    let result = command("keepalive-h1", &["direct"]);
    assert_eq!(result["summary"][0]["contender"], "direct");
    assert!(result["summary"][0]["figures"]["rate"]["median"].as_f64().unwrap() > 0.0);
}

#[test]
fn the_command_measures_the_daemon_beside_the_direct_way() {
    require_kernel!();
    let result = command("keepalive-h1", &["direct", "interceptor"]);
    let figures = &result["summary"][1]["figures"];
    assert!(figures["cpu"]["median"].as_f64().unwrap() > 0.0, "{result}");
    assert!(result["summary"][1]["added_to_direct"]["p50"]["median"].is_number(), "{result}");
}

#[test]
fn the_command_finds_out_what_an_idle_passed_through_connection_keeps() {
    require_kernel!();
    let result = command("idle-passed", &["interceptor"]);
    assert!(result["summary"][0]["figures"]["memory"]["median"].is_number(), "{result}");
}

#[test]
fn the_command_finds_out_what_the_programs_in_the_kernel_cost() {
    require_kernel!();
    let result = run(&["capture", "--quick"]);
    let ways = result["connect_divided_by_bare"].as_array().unwrap();
    assert!(ways.len() == 4 && ways.iter().all(|way| way["ratio"]["median"].is_number()), "{result}");
    let measured = &result["measured"];
    // Whoever executes a program on the machine meanwhile runs that one, wherever he is.
    let is_of_cgroup = |cost: &&Value| cost["program"] != "executed";
    let programs = |of: &Value| of["programs"].as_array().unwrap().iter().filter(is_of_cgroup).count();
    assert_eq!(programs(&measured["connect"][0]), 0, "no program runs outside its cgroup: {result}");
    let runs =
        |way: &Value, name: &str| way["programs"].as_array().unwrap().iter().any(|p| p["program"] == name);
    let seen = |way: &Value| ["connect4", "guard", "dns"].iter().all(|name| runs(way, name));
    assert!(measured["connect"].as_array().unwrap()[1..].iter().all(seen), "{result}");
    assert!(measured["dns"].as_array().unwrap().iter().all(|kind| programs(kind) > 0), "{result}");
    assert_eq!((&measured["burst"]["connections"], &measured["burst"]["lost"]), (&400.into(), &0.into()));
    let veth = |of: &Value| of.as_array().unwrap().iter().any(|cost| cost["program"] == "interceptor_veth");
    let guarded = &measured["guarded"];
    assert!(veth(&guarded["connect"]) && veth(&guarded["stream"]), "{result}");
    assert!(!veth(&measured["stream"]["programs"]), "nothing is guarded before: {result}");
    assert!(result["passthrough_divided_by_direct"]["median"].is_number(), "{result}");
}

#[test]
fn the_command_finds_out_what_namespaces_cost() {
    require_kernel!();
    let result = run(&["namespaces", "--quick", "--count", "6"]);
    let measured = &result["measured"];
    let first = &measured["first_calls"];
    let served =
        first["served_at_once"].as_u64().unwrap() + first["refused_and_then_served"].as_u64().unwrap();
    assert_eq!((served, &first["uninspected"]), (6, &0.into()), "{result}");
    assert!(measured["answered_us"]["p50"].as_f64() >= measured["connect_served_us"]["p50"].as_f64());
    // A handle, two listeners, and two copies for a successor.
    assert_eq!(measured["descriptors"]["each"], 5.0, "{result}");
    let descriptors = |when: &str| measured["descriptors"][when].as_f64().unwrap();
    assert!(descriptors("after") <= descriptors("before"), "dead namespaces are let go: {result}");
}

#[test]
fn the_command_finds_out_what_policy_costs() {
    require_kernel!();
    let result = run(&["policy", "--quick"]);
    let identity = &result["identity"];
    assert!(identity["known_ns"]["p50"].is_number() && identity["first_us"]["p99"].is_number(), "{result}");
    let ways = |part: &str, scenario: usize| {
        let ways = result[part]["scenarios"][scenario].as_array().unwrap();
        ways.iter().map(|way| way["way"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ways("store", 0), ["unlimited", "limited", "shared"]);
    assert_eq!(ways("reload", 1), ["left alone", "reading"]);
    let shared = &result["store"]["scenarios"][0][2];
    assert_eq!(shared["compared_with"], "limited");
    assert!(shared["ratios"]["cpu"]["median"].as_f64().unwrap() > 0.0, "{result}");
    assert!(result["reload"]["times"].as_u64().unwrap() >= 2, "{result}");
}

/// One scenario for a moment.
fn command(scenario: &str, contenders: &[&str]) -> Value {
    let scenario = ["--quick", "--seconds", "0.2", "--only", scenario];
    let contenders = contenders.iter().flat_map(|contender| ["--contender", contender]);
    run(&scenario.into_iter().chain(contenders).collect::<Vec<_>>())
}

/// `cargo xtask bench` with the programs that were built together with this test.
fn run(words: &[&str]) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("bench.json");
    let binaries = Path::new(env!("CARGO_BIN_EXE_bench-load")).parent().unwrap();
    let mut command = Command::new(env!("CARGO"));
    command.args(["run", "--quiet", "--package", "xtask", "--", "bench"]).args(words);
    command.arg("--json").arg(&json).arg("--binaries").arg(binaries);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap()
}

#[derive(Clone, Copy)]
enum Origin {
    Http1,
    Both,
    FarHandshake,
    FarWhole,
}

/// An origin and a relay before its first address, on loopback ports of their own.
struct Bench {
    origin: Serving,
    relay: Serving,
    pki: PathBuf,
    _folder: tempfile::TempDir,
    control: PathBuf,
}

impl Bench {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (pki, control) = (folder.path().join("pki"), folder.path().join("control"));
        let made = tool().args(["pki", "--name", NAME, "--folder"]).arg(&pki).status().unwrap();
        assert!(made.success());
        let mut origin = tool();
        origin.arg("serve").arg("--pki").arg(&pki).arg("--control").arg(&control);
        for behaviour in ["alpn=h1", "alpn=both", "alpn=h1,handshake=20", "alpn=h1,handshake=20,answer=20"] {
            origin.args(["--listen", &format!("127.0.0.1:0,{behaviour}")]);
        }
        let origin = Serving::start(origin);
        let mut relay = tool();
        relay.args(["relay", "--route", &format!("127.0.0.1:0={}", origin.addresses[0])]);
        Self { relay: Serving::start(relay), origin, pki, _folder: folder, control }
    }

    fn address(&self, origin: Origin) -> SocketAddr {
        self.origin.addresses[origin as usize]
    }

    fn direct(&self, origin: Origin, arguments: &[&str]) -> Value {
        self.measured(self.address(origin), arguments)
    }

    fn through_relay(&self, origin: Origin, arguments: &[&str]) -> Value {
        assert!(matches!(origin, Origin::Http1), "the relay leads to the first address only");
        let pid = self.relay.child.id().to_string();
        self.measured(self.relay.addresses[0], &[&["--pid", &pid], arguments].concat())
    }

    fn measured(&self, address: SocketAddr, arguments: &[&str]) -> Value {
        let output = self.run(address, &self.pki.join("origin-root.pem"), arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn run(&self, address: SocketAddr, roots: &Path, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bench-load"));
        command.args(["--connect", &address.to_string(), "--name", NAME, "--roots"]).arg(roots);
        // Defaults first: what a test asks for comes later and wins.
        let has = |option: &str| arguments.contains(&option);
        for (option, value) in [("--warmup", "20"), ("--measure", "150")] {
            if !has(option) {
                command.args([option, value]);
            }
        }
        command.args(arguments).output().unwrap()
    }

    fn counters(&self) -> Value {
        let mut text = String::new();
        UnixStream::connect(&self.control).unwrap().read_to_string(&mut text).unwrap();
        serde_json::from_str(&text).unwrap()
    }
}

fn tool() -> Command {
    Command::new(env!("CARGO_BIN_EXE_bench-origin"))
}

fn clean(result: &Value) {
    assert_eq!(result["errors"], 0, "{result}");
    assert!(result["units"].as_u64().unwrap() > 0, "{result}");
}

/// A process that said where it listens; killed when dropped.
struct Serving {
    child: Child,
    addresses: Vec<SocketAddr>,
}

impl Serving {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(ready["event"], "ready");
        let listening = ready["listening"].as_array().unwrap();
        let addresses = listening.iter().map(|address| address.as_str().unwrap().parse().unwrap()).collect();
        Self { child, addresses }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
