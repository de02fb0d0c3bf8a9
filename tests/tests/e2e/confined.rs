//! A daemon that serves has given up what it does not need, in every one of its threads.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use interceptor_tests::stage::Stage;

use super::{chat, post};

/// Numbers of the capabilities that a daemon keeps (`linux/capability.h`): DAC_READ_SEARCH, NET_ADMIN, SYS_PTRACE, SYS_ADMIN,
/// BPF.
const KEPT: u64 = 1 << 2 | 1 << 12 | 1 << 19 | 1 << 21 | 1 << 39;

/// What the kernel says of a thread.
struct Thread {
    name: String,
    status: String,
}

impl Thread {
    fn field(&self, name: &str) -> Result<&str> {
        let line = self.status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        Ok(line.with_context(|| format!("{name} of {}", self.name))?.trim())
    }

    fn capabilities(&self, name: &str) -> Result<u64> {
        Ok(u64::from_str_radix(self.field(name)?, 16)?)
    }
}

fn threads(pid: u32) -> Result<Vec<Thread>> {
    let read = |path: PathBuf| -> Result<Thread> {
        let name = fs::read_to_string(path.join("comm"))?.trim().to_owned();
        Ok(Thread { name, status: fs::read_to_string(path.join("status"))? })
    };
    fs::read_dir(format!("/proc/{pid}/task"))?.map(|entry| read(entry?.path())).collect()
}

#[tokio::test]
async fn every_thread_keeps_only_what_it_needs() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    // It serves with what is left.
    let answer = stage.openai().await?.call(&post("/v1/chat/completions"), chat("hello")).await?;
    assert_eq!(answer.head.status, 200);
    stage.daemon.audited("the call", |event| event["event"] == "exchange").await?;
    let threads = threads(stage.daemon.pid().context("a daemon that runs")?)?;
    assert!(threads.iter().any(|thread| thread.name.starts_with("worker-")), "there are workers");
    for thread in &threads {
        let name = &thread.name;
        for set in ["CapPrm", "CapEff", "CapBnd"] {
            assert_eq!(thread.capabilities(set)? & !KEPT, 0, "{set} of {name}");
        }
        assert_eq!(thread.capabilities("CapInh")?, 0, "{name}");
        assert_eq!(thread.capabilities("CapAmb")?, 0, "{name}");
        assert_eq!(thread.field("NoNewPrivs")?, "1", "{name}");
        assert_eq!(thread.field("Seccomp")?, "2", "{name}: a filter");
    }
    let said = stage.daemon.written();
    assert!(!said.contains("more than it needs to"), "nothing was left ungiven: {said}");
    Ok(())
}
