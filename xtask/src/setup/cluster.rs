//! The control plane of a real cluster, for tests: `etcd` and `kube-apiserver`, kept in this user's cache. Debian has
//! etcd's program in a package and Kubernetes' server only as source, with everything that it is built from; so it is
//! built here, once. Does not know what the tests ask of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::tools::{cache, debian, link, output, run, say, workspace};

/// What the source is unpacked and built with.
const PACKAGES: [&str; 2] = ["golang-go", "dpkg-dev"];
/// The name of the source in Debian.
const SOURCE: &str = "kubernetes";
/// The package with etcd's program. It is unpacked and not installed: that would start a service.
const ETCD: &str = "etcd-server";
/// A library in the source that is too old for Debian's Go, under which the server would crash, and Debian's own package
/// of it.
const OLD: (&str, &str) = ("github.com/modern-go/reflect2", "golang-github-modern-go-reflect2-dev");
/// Counts up when what is kept has to be made anew.
const RECIPE: u32 = 1;

/// Sees to it that both programs are there, and that `target/clients` of this checkout leads to them.
pub(crate) fn ensure() -> Result<()> {
    let programs = cache()?.join(format!("control-plane-{RECIPE}"));
    if !programs.exists() {
        if !debian::is_here() {
            bail!("please put `etcd` and `kube-apiserver` into {}", programs.display());
        }
        debian::install(&PACKAGES)?;
        let work = cache()?.join(format!("control-plane-{RECIPE}-in-the-making"));
        // What an interrupted run has left. Go protects what it unpacks.
        remove(&work)?;
        make(&work)?;
        // Now it is whole.
        fs::rename(work.join("programs"), &programs).context("keep the programs")?;
        remove(&work)?;
    }
    for name in ["etcd", "kube-apiserver"] {
        link(&programs.join(name), &workspace().join("target/clients").join(name))?;
    }
    Ok(())
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

/// Makes both programs in a folder of its own.
fn make(work: &Path) -> Result<()> {
    let programs = work.join("programs");
    fs::create_dir_all(&programs).with_context(|| format!("make {}", programs.display()))?;
    say("fetching etcd, and the source of Kubernetes");
    debian::unpack(ETCD, &work.join("etcd"))?;
    fs::rename(work.join("etcd/usr/bin/etcd"), programs.join("etcd")).context("find etcd's program")?;
    let tree = work.join("go/src/k8s.io/kubernetes");
    debian::source(SOURCE, &tree)?;
    let (library, package) = OLD;
    debian::unpack(package, &work.join("library"))?;
    remove(&tree.join("vendor").join(library))?;
    fs::rename(work.join("library/usr/share/gocode/src").join(library), tree.join("vendor").join(library))
        .with_context(|| format!("replace {library}"))?;
    say("building kube-apiserver; some minutes, once");
    let go = Go { home: work.join("go"), cache: work.join("go-build"), tree };
    go.generate()?;
    go.build("./cmd/kube-apiserver", &programs.join("kube-apiserver"))
}

/// Go as it was when the source was written: everything is found by its folder, and nothing is fetched.
struct Go {
    home: PathBuf,
    cache: PathBuf,
    tree: PathBuf,
}

impl Go {
    fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command.current_dir(&self.tree).env("GOPATH", &self.home).env("GOCACHE", &self.cache);
        command.env("CGO_ENABLED", "0").env("GO111MODULE", "off").env("GOPROXY", "off").env("GOFLAGS", "");
        command
    }

    fn build(&self, package: &str, program: &Path) -> Result<()> {
        // Without tables for debuggers.
        run(self.command("go").args(["build", "-ldflags", "-s -w", "-o"]).arg(program).arg(package))
    }

    /// Writes the one file that is not in the source: what the server's own types look like, as its build does.
    fn generate(&self) -> Result<()> {
        let generator = self.home.join("openapi-gen");
        self.build("./vendor/k8s.io/kube-openapi/cmd/openapi-gen", &generator)?;
        let mut command = self.command(generator);
        command.args(["-i", &self.described()?.join(",")]);
        command.args(["-p", "k8s.io/kubernetes/pkg/generated/openapi", "-O", "zz_generated.openapi"]);
        command.args(["-h", "hack/boilerplate/boilerplate.generatego.txt", "-r"]);
        run(command.arg(self.home.join("violations")))
    }

    /// The packages whose types are described: those with a file that says so.
    fn described(&self) -> Result<Vec<String>> {
        const SAYS_SO: &str = "+k8s:openapi-gen=";
        let mut grep = self.command("grep");
        grep.args(["-r", "-l", "--include=*.go", "--exclude=*_test.go", "--exclude=zz_generated*", SAYS_SO]);
        let found =
            output(grep.args(["pkg", "cmd", "staging/src"])).context("find what is to be described")?;
        let folders = found.lines().filter_map(|file| Some(file.rsplit_once('/')?.0));
        // Examples, and the generator itself.
        let kept =
            folders.filter(|f| !["code-generator", "sample-apiserver"].iter().any(|no| f.contains(no)));
        let mut packages: Vec<_> = kept
            .map(|folder| match folder.strip_prefix("staging/src/") {
                Some(staged) => format!("k8s.io/kubernetes/vendor/{staged}"),
                None => format!("k8s.io/kubernetes/{folder}"),
            })
            .collect();
        packages.sort();
        packages.dedup();
        Ok(packages)
    }
}
