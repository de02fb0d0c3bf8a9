//! What a limit costs a call, and what it costs more if nodes share it: three daemons beside one another, and a Redis
//! server next to them, so that no distance is in the figures.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::{Value, json};

use super::files;
use super::series::{self, Series};
use crate::bench::Effort;
use crate::bench::contender::{Contestant, Setting, metrics};
use crate::bench::lab::{Lab, Running, command, text};

/// The server goes by the name that it is called by; Debian has this one in a package that starts no service.
pub(super) const SERVER: (&str, &str) = ("/usr/bin/redis-check-rdb", "redis-tools");

pub(super) fn run(lab: &Lab, effort: &Effort) -> anyhow::Result<Value> {
    let _server = serve(lab)?;
    let mut daemons = Vec::new();
    for (number, setting) in settings(lab)?.into_iter().enumerate() {
        daemons.push(Contestant::daemon(lab, setting, number)?);
    }
    let mut all = Vec::new();
    for id in ["keepalive-h1", "rate"] {
        let scenario = series::scenario(id)?;
        let mut ways: Vec<Series> =
            daemons.iter().map(|daemon| Series::new(&scenario, daemon.name())).collect();
        for round in 0..effort.rounds {
            let mut order: Vec<usize> = (0..daemons.len()).collect();
            // Back and forth, so that a drift of the machine cancels out.
            if round % 2 == 1 {
                order.reverse();
            }
            for at in order {
                ways[at].round(&mut daemons[at], &scenario, effort)?;
            }
        }
        series::print(&ways);
        all.push(series::report(&ways)?);
    }
    for daemon in &daemons[1..] {
        counted(lab, daemon)?;
    }
    Ok(json!({ "scenarios": all }))
}

/// Without a limit, with two, and with two that are asked for at the store.
fn settings(lab: &Lab) -> anyhow::Result<[Setting; 3]> {
    let (standard, limits) = (files::standard(), files::limits(&lab.folder)?);
    let setting = |name: &str, policies: &[&Path], more: &str| -> anyhow::Result<Setting> {
        let policies = policies.iter().map(|path| text(path)).collect::<anyhow::Result<Vec<_>>>()?.join(", ");
        let spec = format!("  policy: {{ files: [{policies}] }}\n{more}");
        Ok(Setting { name: name.to_owned(), spec })
    };
    let redis = "  limits: { redis: { url: \"redis://127.0.0.1:6379\", nodes: 3, deadline: 5s } }\n";
    Ok([
        setting("unlimited", &[&standard], "")?,
        setting("limited", &[&standard, &limits], "")?,
        setting("shared", &[&standard, &limits], redis)?,
    ])
}

/// The server, in the daemons' namespace and on the origin's core.
fn serve(lab: &Lab) -> anyhow::Result<Running> {
    let namespace = lab.daemon_namespace()?;
    let words = ["bash", "-c", r#"exec -a redis-server "$0" "$@""#, SERVER.0, "--port", "6379"];
    let more = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", "/"];
    let words: Vec<String> = words.iter().chain(&more).map(|word| (*word).to_owned()).collect();
    let mut server = lab.start("redis", &lab.aside_place(&namespace), &words)?;
    let deadline = Instant::now() + Duration::from_secs(10);
    let answers = [
        "nsenter",
        &format!("--net=/run/netns/{namespace}"),
        "bash",
        "-c",
        "exec 3<>/dev/tcp/127.0.0.1/6379",
    ];
    while command(answers[0], &answers[1..]).is_err() {
        ensure!(!server.ended()? && Instant::now() < deadline, "Redis does not start; {}", server.log_tail());
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(server)
}

/// Proves that what was measured did happen: calls were counted, and where they are shared, at the store.
fn counted(lab: &Lab, daemon: &Contestant<'_>) -> anyhow::Result<()> {
    let metrics = metrics(lab, daemon.setting())?;
    let line =
        |name: &str| metrics.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<f64>().ok());
    let used = line("interceptor_budget_used{limit=\"calls\",measure=\"requests\"}").unwrap_or(0.0);
    ensure!(used > 0.0, "{} has counted no call", daemon.name());
    let up = line("interceptor_budget_store_up");
    let shared = daemon.setting().spec.contains("redis://");
    ensure!(!shared || up == Some(1.0), "{} has lost the store", daemon.name());
    Ok(())
}
