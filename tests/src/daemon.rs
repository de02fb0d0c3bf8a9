//! The interceptor as a process: started with a configuration, waited for, watched, stopped.
//! Knows its command line, its ready line and its audit file. Nothing of its insides.

use std::io;
use std::os::fd::{AsFd as _, AsRawFd, RawFd};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use crate::place::Place;
use crate::within;

/// The daemon's program: `INTERCEPTOR_BIN`, or the one that was built together with the tests.
pub fn binary() -> Result<PathBuf> {
    match std::env::var_os("INTERCEPTOR_BIN") {
        Some(path) => Ok(path.into()),
        None => crate::program("interceptor"),
    }
}

/// A running daemon. It is killed when dropped.
pub struct Daemon {
    child: Child,
    folder: PathBuf,
    stdout: Arc<watch::Sender<Vec<String>>>,
    ready: Value,
}

impl Daemon {
    /// Starts `interceptor run` at `place`, working in `folder`, and waits until it says that it is ready.
    ///
    /// # Errors
    /// When it ends before, with its exit code and everything that it wrote.
    pub async fn start(place: &Place, config: &Value, folder: &Path) -> Result<Self> {
        Self::start_with(place, config, folder, &[]).await
    }

    /// The same, with more arguments.
    ///
    /// # Errors
    /// As above.
    pub async fn start_with(place: &Place, config: &Value, folder: &Path, more: &[&str]) -> Result<Self> {
        let file = folder.join("config.yaml");
        // JSON is YAML; the annotated example is tested elsewhere.
        std::fs::write(&file, serde_json::to_string_pretty(config)?)?;
        let mut command = place.command(binary()?);
        command.arg("run").arg("--config").arg(&file).args(more).current_dir(folder);
        // Everything it could ever say: what it writes is searched for payload.
        command.env("INTERCEPTOR_LOG", "trace").env("RUST_BACKTRACE", "1");
        let stderr = std::fs::File::options().append(true).create(true).open(folder.join("stderr.log"))?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr);
        let mut child = Command::from(command).kill_on_drop(true).spawn().context("start the daemon")?;
        let lines = BufReader::new(child.stdout.take().context("the daemon's stdout")?).lines();
        let stdout = Arc::new(watch::Sender::new(Vec::new()));
        let sender = stdout.clone();
        tokio::spawn(async move {
            let mut lines = lines;
            while let Ok(Some(line)) = lines.next_line().await {
                sender.send_modify(|all| all.push(line));
            }
        });
        let mut daemon = Self { child, folder: folder.to_owned(), stdout, ready: Value::Null };
        daemon.ready = daemon.wait_ready().await?;
        Ok(daemon)
    }

    async fn wait_ready(&mut self) -> Result<Value> {
        let ready = |lines: &Vec<String>| {
            let events = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            events.into_iter().find(|event| event["event"] == "ready")
        };
        let mut lines = self.stdout.subscribe();
        tokio::select! {
            found = lines.wait_for(|all| ready(all).is_some()) => {
                if let Ok(all) = found {
                    return ready(&all).context("the ready line was there a moment ago");
                }
            }
            status = self.child.wait() => bail!("the daemon ended early, {}:\n{}", status?, self.written()),
            () = tokio::time::sleep(crate::deadline()) => {}
        }
        bail!("the daemon did not become ready; it wrote:\n{}", self.written())
    }

    /// The ready event.
    #[must_use]
    pub fn ready(&self) -> &Value {
        &self.ready
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Everything it wrote to stdout and stderr.
    #[must_use]
    pub fn written(&self) -> String {
        let stderr = std::fs::read(self.folder.join("stderr.log")).unwrap_or_default();
        format!("{}\n{}", self.stdout.borrow().join("\n"), String::from_utf8_lossy(&stderr))
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let pid = self.child.id().context("the daemon has ended")?;
        Ok(kill(Pid::from_raw(pid.cast_signed()), signal)?)
    }

    /// Waits for its end.
    pub async fn ended(&mut self) -> Result<ExitStatus> {
        Ok(within("the daemon's end", self.child.wait()).await??)
    }

    /// Asks it to stop and waits for its end.
    pub async fn stop(mut self) -> Result<ExitStatus> {
        self.signal(Signal::SIGTERM)?;
        self.ended().await
    }

    /// Where the audit events go.
    #[must_use]
    pub fn audit_file(&self) -> PathBuf {
        self.folder.join("audit.jsonl")
    }

    /// The audit events so far, oldest first.
    pub fn audit(&self) -> Result<Vec<Value>> {
        let text = match std::fs::read_to_string(self.audit_file()) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error.into()),
        };
        // The last line may still be being written: it has no line feed yet.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(|line| serde_json::from_str(line).with_context(|| line.to_owned())).collect()
    }

    /// Waits until an audit event satisfies `wanted`, and returns it.
    pub async fn audited(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        let changes = Changes::of(&self.folder)?;
        let search = async {
            loop {
                if let Some(event) = self.audit()?.into_iter().find(&wanted) {
                    return Ok(event);
                }
                changes.next().await?;
            }
        };
        match within(&format!("the audit event: {what}"), search).await {
            Ok(found) => found,
            Err(error) => {
                let events = self.audit()?;
                let events: Vec<_> = events.iter().map(Value::to_string).collect();
                bail!("{error:#}; there are only:\n{}", events.join("\n"))
            }
        }
    }

    /// Waits until what it wrote satisfies `wanted`.
    pub async fn logged(&self, what: &str, wanted: impl Fn(&str) -> bool) -> Result<()> {
        let changes = Changes::of(&self.folder)?;
        let search = async {
            while !wanted(&self.written()) {
                changes.next().await?;
            }
            Ok(())
        };
        let found = within(&format!("a log line: {what}"), search).await;
        found.unwrap_or_else(|error| bail!("{error:#}; it wrote only:\n{}", self.written()))
    }

    /// The port of the administration, as the daemon noted it.
    pub fn admin_port(&self) -> Result<u16> {
        let text = std::fs::read_to_string(self.folder.join("admin.port")).context("the admin port file")?;
        let port = text.trim().rsplit(':').next().unwrap_or_default();
        port.parse().with_context(|| format!("no port in {text:?}"))
    }
}

/// Changes of files in a folder.
struct Changes(AsyncFd<Watch>);

/// nix's type has no raw descriptor, which tokio wants.
struct Watch(Inotify);

impl AsRawFd for Watch {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

impl Changes {
    fn of(folder: &Path) -> Result<Self> {
        let watch = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        watch.add_watch(folder, AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_CREATE)?;
        #[expect(unsafe_code, reason = "tokio wants to be told that the descriptor stays open")]
        // SAFETY: the `AsyncFd` owns the watch, which owns its descriptor and never changes it.
        let watch = unsafe { AsyncFd::register(Watch(watch)) };
        Ok(Self(watch.map_err(|error| anyhow::anyhow!("watch {}: {error}", folder.display()))?))
    }

    async fn next(&self) -> Result<()> {
        loop {
            let mut ready = self.0.readable().await?;
            match ready.try_io(|watch| watch.get_ref().0.read_events().map_err(io::Error::from)) {
                Ok(events) => return events.map(drop).map_err(Into::into),
                Err(_would_block) => {}
            }
        }
    }
}

/// What a command that runs to its end left behind.
#[derive(Debug)]
pub struct Output {
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// Runs a command to its end with nothing on its standard input.
pub async fn run(command: std::process::Command) -> Result<Output> {
    let what = format!("{} to end", command.get_program().display());
    let mut command = Command::from(command);
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = within(&what, command.output()).await??;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ok(Output { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) })
}
