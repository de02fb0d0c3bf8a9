//! `interceptor ca …`: makes, renews, shows and exports the authority that signs for applications.
//! Knows arguments and texts. The work is in [`crate::tls`]; the catalogue's host patterns are given to it.

#[cfg(test)]
mod tests;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use time::OffsetDateTime;

use crate::tls::authority::issue::{self, IssueError, MAX_INTERMEDIATE_DAYS, MAX_ROOT_DAYS, Root};
use crate::tls::authority::{Authority, AuthorityError, KEY_FILE, ROOT_FILE};
use crate::tls::bundle::{self, BundleError};
use crate::tls::constraints::{BadPatterns, Constraints, Domains, Folded};
use crate::tls::inspect::{self, Facts, Inspection};

/// Where the daemon looks for its authority unless the configuration says otherwise.
pub const DIRECTORY: &str = "/var/lib/interceptor/ca";
/// Where `ca init` puts the root, to be taken away from there.
pub const ROOT_DIRECTORY: &str = "/var/lib/interceptor/ca-root";

/// Make, renew, show and export the certificate authority.
#[derive(Debug, Args)]
pub struct Ca {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// The verbs of `interceptor ca`.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Make an offline root and a first intermediate under it.
    #[command(after_help = "Example:\n  interceptor ca init --permit llm.corp.example\n\n\
        Move the root directory to a safe place afterwards; the daemon never needs it.")]
    Init(Init),
    /// Make a new intermediate under an existing root. The daemon takes it up by itself.
    #[command(after_help = "Example, once a day from where the root is kept:\n  \
        interceptor ca issue --root-directory /media/safe/ca-root --directory ./ca")]
    Issue(Issue),
    /// Write the root for applications to trust: alone, or with everything that the system trusts.
    #[command(
        after_help = "Examples:\n  interceptor ca export --pem > /usr/local/share/ca-certificates/interceptor.crt\n  \
        interceptor ca export --bundle --output ca-bundle.pem   # for SSL_CERT_FILE and the like"
    )]
    Export(Export),
    /// Show validity, domains and weak points. Exits with 1 if the daemon would not take it.
    Inspect(Inspect),
}

/// Where the authority is.
#[derive(Debug, Args)]
pub struct Place {
    /// Directory with tls.crt, tls.key and ca.crt.
    #[arg(long, value_name = "DIR", default_value = DIRECTORY)]
    pub directory: PathBuf,
}

/// What an intermediate may do.
#[derive(Debug, Args)]
pub struct Scope {
    /// Directory with root.crt and root.key.
    #[arg(long, value_name = "DIR", default_value = ROOT_DIRECTORY)]
    pub root_directory: PathBuf,
    /// Validity of the intermediate in days.
    #[arg(long, value_name = "DAYS", default_value_t = MAX_INTERMEDIATE_DAYS,
          value_parser = clap::value_parser!(u16).range(1..=i64::from(MAX_INTERMEDIATE_DAYS)))]
    pub days: u16,
    /// A domain, or pattern like *.llm.example, that the intermediate may speak for besides the catalogue's.
    #[arg(long, value_name = "DOMAIN")]
    pub permit: Vec<String>,
    /// Leave the catalogue's domains out: only what --permit names.
    #[arg(long, requires = "permit")]
    pub only_permitted: bool,
    /// Name of the authority in certificates.
    #[arg(long, value_name = "TEXT", default_value = "Interceptor CA")]
    pub name: String,
}

/// `ca init`
#[derive(Debug, Args)]
pub struct Init {
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would print the text as help")]
    pub place: Place,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would print the text as help")]
    pub scope: Scope,
    /// Validity of the root in days.
    #[arg(long, value_name = "DAYS", default_value_t = MAX_ROOT_DAYS,
          value_parser = clap::value_parser!(u16).range(30..=i64::from(MAX_ROOT_DAYS)))]
    pub root_days: u16,
}

/// `ca issue`
#[derive(Debug, Args)]
pub struct Issue {
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would print the text as help")]
    pub place: Place,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would print the text as help")]
    pub scope: Scope,
}

/// `ca export`
#[derive(Debug, Args)]
pub struct Export {
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would print the text as help")]
    pub place: Place,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would print the text as help")]
    pub form: Form,
    /// The system's bundle; by default found where distributions keep it.
    #[arg(long, value_name = "FILE", requires = "bundle")]
    pub system_bundle: Option<PathBuf>,
    /// Look for the system's bundle in this root file system, such as an unpacked image.
    #[arg(
        long,
        value_name = "DIR",
        default_value = "/",
        requires = "bundle",
        conflicts_with = "system_bundle"
    )]
    pub sysroot: PathBuf,
    /// Write to this file instead of standard output.
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// What to export.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Form {
    /// Our root alone, to be added to a trust store.
    #[arg(long)]
    pub pem: bool,
    /// Everything that the system trusts and our root, to replace a bundle.
    #[arg(long)]
    pub bundle: bool,
}

/// `ca inspect`
#[derive(Debug, Args)]
pub struct Inspect {
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would print the text as help")]
    pub place: Place,
    /// Write JSON.
    #[arg(long)]
    pub json: bool,
}

/// A verb failed.
#[derive(Debug, thiserror::Error)]
pub enum CaError {
    /// The authority's files.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// Making one.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// Some of the domains are none.
    #[error("--permit: {0}")]
    Patterns(BadPatterns),
    /// No bundle.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The output cannot be written.
    #[error("cannot write {}", place.display())]
    Output {
        /// Where to.
        place: PathBuf,
        /// Why.
        #[source]
        io: io::Error,
    },
}

/// How a verb ended that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All is well: exit code 0.
    Good,
    /// `inspect` found an authority that the daemon would not take: exit code 1.
    Unusable,
}

impl Ca {
    /// Does what the arguments say. `catalogue` are the host patterns of the catalogue.
    pub fn run(&self, catalogue: &[&str], out: &mut dyn Write) -> Result<Outcome, CaError> {
        let now = OffsetDateTime::now_utc();
        let text = match &self.verb {
            Verb::Init(init) => init.run(catalogue, now)?,
            Verb::Issue(issue) => issue.run(catalogue, now)?,
            Verb::Export(export) => return export.run(out),
            Verb::Inspect(inspect) => return inspect.run(now, out),
        };
        print(out, &text)?;
        Ok(Outcome::Good)
    }
}

impl Scope {
    fn domains(&self, catalogue: &[&str]) -> Result<Folded, CaError> {
        let mut folded = Domains::fold(self.permit.iter().map(String::as_str)).map_err(CaError::Patterns)?;
        for pattern in catalogue.iter().filter(|_| !self.only_permitted) {
            // The catalogue also knows servers on this machine, which have no name to vouch for.
            if folded.add(pattern).is_err() {
                folded.left_out.push((*pattern).into());
            }
        }
        Ok(folded)
    }
}

impl Init {
    fn run(&self, catalogue: &[&str], now: OffsetDateTime) -> Result<String, CaError> {
        let folded = self.scope.domains(catalogue)?;
        let existing = self.place.directory.join(KEY_FILE);
        if existing.exists() {
            return Err(IssueError::Exists { path: existing }.into());
        }
        let roots = &self.scope.root_directory;
        let root = Root::create(roots, &self.scope.name, self.root_days, now)?;
        let mut text = format!(
            "root          {}\n              {}   take this file offline: only `interceptor ca issue` needs it\n",
            roots.join(issue::ROOT_CERTIFICATE_FILE).display(),
            roots.join(issue::ROOT_KEY_FILE).display(),
        );
        text.push_str(&make(&root, &self.place, &self.scope, &folded, now)?);
        text.push_str("next          let applications trust it: interceptor ca export --help\n");
        Ok(text)
    }
}

impl Issue {
    fn run(&self, catalogue: &[&str], now: OffsetDateTime) -> Result<String, CaError> {
        let folded = self.scope.domains(catalogue)?;
        let root = Root::load(&self.scope.root_directory)?;
        make(&root, &self.place, &self.scope, &folded, now)
    }
}

/// Issues the intermediate and says what it is.
fn make(
    root: &Root,
    place: &Place,
    scope: &Scope,
    folded: &Folded,
    now: OffsetDateTime,
) -> Result<String, CaError> {
    let name = format!("{} intermediate", scope.name);
    root.issue(&place.directory, &name, &folded.domains, scope.days, now)?;
    let authority = Authority::load(&place.directory)?;
    let domains = match authority.constraints() {
        Constraints::None => 0,
        Constraints::Domains(domains) => domains.len(),
    };
    let mut text = format!(
        "intermediate  {}   until {}\n              may speak for {domains} domains and what is below them, and for nothing else\n",
        place.directory.display(),
        authority.not_after(),
    );
    for widened in &folded.widened {
        text.push_str(&format!(
            "note          {} became {}, which is wider\n",
            widened.pattern, widened.domain
        ));
    }
    for pattern in folded.left_out.iter().filter(|pattern| pattern.contains('*')) {
        let example = pattern.replace('*', "NAME");
        text.push_str(&format!("left out      {pattern}: name those in use, as in --permit {example}\n"));
    }
    Ok(text)
}

impl Export {
    fn run(&self, out: &mut dyn Write) -> Result<Outcome, CaError> {
        let roots = crate::tls::authority::certificates(&self.place.directory.join(ROOT_FILE))?;
        let text = if self.form.bundle {
            let system = match &self.system_bundle {
                Some(path) => path.clone(),
                None => bundle::find_system(&self.sysroot)?,
            };
            bundle::full(&system, &roots)?.text
        } else {
            bundle::only(&roots)
        };
        match &self.output {
            None => print(out, &text)?,
            Some(path) => {
                fs::write(path, text).map_err(|io| CaError::Output { place: path.clone(), io })?;
            }
        }
        Ok(Outcome::Good)
    }
}

impl Inspect {
    fn run(&self, now: OffsetDateTime, out: &mut dyn Write) -> Result<Outcome, CaError> {
        let inspection = inspect::inspect(&self.place.directory, now)?;
        let text = if self.json {
            let mut json =
                serde_json::to_string_pretty(&inspection).expect("an inspection has no map with odd keys");
            json.push('\n');
            json
        } else {
            readable(&inspection)
        };
        print(out, &text)?;
        Ok(if inspection.problem.is_none() { Outcome::Good } else { Outcome::Unusable })
    }
}

fn print(out: &mut dyn Write, text: &str) -> Result<(), CaError> {
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|io| CaError::Output { place: Path::new("standard output").into(), io })
}

fn readable(inspection: &Inspection) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| text.push_str(&format!("{name:<14}{value}\n"));
    let status = inspection.problem.as_deref().unwrap_or("usable");
    line("status", status);
    describe(&mut line, "intermediate", &inspection.intermediate);
    if inspection.intermediates > 1 {
        line(
            "",
            &format!("and {} more over the same key, each for some domains", inspection.intermediates - 1),
        );
    }
    for root in &inspection.roots {
        describe(&mut line, "root", root);
    }
    match &inspection.domains {
        None => line("may sign", "any name"),
        Some(domains) => {
            line("may sign", &format!("{} domains and what is below them:", domains.len()));
            for domain in domains {
                line("", domain);
            }
        }
    }
    for warning in &inspection.warnings {
        line("warning", &warning.to_string());
    }
    text
}

fn describe(line: &mut impl FnMut(&str, &str), name: &str, facts: &Facts) {
    line(name, &facts.subject);
    line("", &format!("issued by {}", facts.issuer));
    line("", &format!("{} to {}", facts.not_before, facts.not_after));
    let below = match facts.path_length {
        Some(length) => format!("path length {length}"),
        None => "any path length".to_owned(),
    };
    line("", &format!("{}, {below}, {} bytes", facts.key, facts.bytes));
    line("", &format!("SHA-256 {}", facts.sha256));
}
