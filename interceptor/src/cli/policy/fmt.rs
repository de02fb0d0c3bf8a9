//! `interceptor policy fmt`: writes policy files in the one way in which all of them are written.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use interceptor_engine::document::{Shape, format};
use interceptor_engine::policy::schema::shape_of;

use super::cases;
use crate::app::StartError;
use crate::cli::exit;

pub(super) const EXAMPLES: &str = "Examples:\n  interceptor policy fmt policies/*.yaml\n  \
     interceptor policy fmt --check policies/*.yaml\n\n\
     Comments stay, and so does what the files say. With --check nothing is written, and the exit code is 1 if a file \
     would change.\nA file that cannot be formatted safely is named and left alone; the exit code is 3 then.";

/// `policy fmt`
#[derive(Debug, Args)]
pub struct Fmt {
    /// Files of any kind that a policy is made of.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Only name the files that are not formatted.
    #[arg(long)]
    check: bool,
}

impl Fmt {
    pub(super) fn run(&self) -> Result<ExitCode, StartError> {
        let (mut others, mut refused) = (0, false);
        for path in &self.files {
            let name = path.display().to_string();
            let text = super::read(path)?;
            match format(&name, &text, shape) {
                Ok(formatted) if formatted == text => {}
                Ok(formatted) => {
                    others += 1;
                    super::print(&format!("{name}\n"));
                    if !self.check {
                        replace(path, &formatted)
                            .map_err(|io| StartError::Read { path: path.clone(), io })?;
                    }
                }
                Err(mistakes) => {
                    refused = true;
                    eprintln!("{mistakes}");
                }
            }
        }
        Ok(match (refused, self.check && others > 0) {
            (true, _) => ExitCode::from(exit::MISTAKES),
            (false, true) => ExitCode::from(exit::FAILED),
            (false, false) => ExitCode::SUCCESS,
        })
    }
}

/// The shape of a kind of document, whose order its fields get.
fn shape(kind: &str) -> Option<&'static Shape> {
    let tests = (kind == cases::DOCUMENT.name).then_some(&cases::DOCUMENT);
    shape_of(kind).or(tests)
}

/// Writes a file anew beside the old one and puts it in its place, so that nobody reads half of it.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    // Through a link, the file that it leads to is meant.
    let path = path.canonicalize()?;
    let mode = std::fs::metadata(&path)?.permissions().mode();
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let beside = path.with_file_name(name);
    let written =
        std::fs::OpenOptions::new().write(true).create_new(true).open(&beside).and_then(|mut file| {
            file.set_permissions(std::fs::Permissions::from_mode(mode))?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&beside, &path)
        });
    if written.is_err() {
        // It may not even have been made.
        let _ = std::fs::remove_file(&beside);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_keeps_its_mode() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("p.yaml");
        let text = "kind: EgressPolicy\napiVersion: interceptor.dev/v1alpha1 # x\nmetadata:\n    name: p\n";
        std::fs::write(&path, text).expect("it is written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).expect("it is ours");
        let run = |check| Fmt { files: vec![path.clone()], check }.run().expect("it reads");
        let code = |code: ExitCode| format!("{code:?}");
        assert_eq!(code(run(true)), code(ExitCode::from(exit::FAILED)));
        assert_eq!(std::fs::read_to_string(&path).expect("it is there"), text);
        assert_eq!(code(run(false)), code(ExitCode::SUCCESS));
        let expected = "apiVersion: interceptor.dev/v1alpha1 # x\nkind: EgressPolicy\nmetadata:\n  name: p\n";
        assert_eq!(std::fs::read_to_string(&path).expect("it is there"), expected);
        assert_eq!(std::fs::metadata(&path).expect("it is there").permissions().mode() & 0o777, 0o640);
        assert_eq!(std::fs::read_dir(directory.path()).expect("it is there").count(), 1);
        assert_eq!(code(run(true)), code(ExitCode::SUCCESS));
    }

    #[test]
    fn shipped_cases_are_formatted_already() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies/tests");
        for entry in std::fs::read_dir(root).expect("it is there") {
            let path = entry.expect("it is listed").path();
            let text = std::fs::read_to_string(&path).expect("it is text");
            let name = path.display().to_string();
            assert!(
                format(&name, &text, shape).expect("it is YAML") == text,
                "interceptor policy fmt {name}"
            );
        }
    }
}
