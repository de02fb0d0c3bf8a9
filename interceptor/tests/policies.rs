//! What `policies/README.md` shows of the program is what the program says.

use std::path::Path;
use std::process::Command;

/// The block of this language behind a heading.
fn block<'t>(readme: &'t str, heading: &str, language: &str) -> &'t str {
    let section = readme.split(heading).nth(1).expect("the heading is there");
    let begin = section.split_once(&format!("```{language}\n")).expect("a block of it").1;
    begin.split_once("```").expect("its end").0
}

#[test]
fn a_file_with_ten_mistakes_is_told_ten() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies/README.md");
    let readme = std::fs::read_to_string(path).expect("it is shipped");
    let heading = "### What mistakes look like\n";
    let folder = tempfile::tempdir().expect("a directory");
    let file = folder.path().join("mistakes.yaml");
    std::fs::write(&file, block(&readme, heading, "yaml")).expect("it is written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_interceptor"));
    let output = command.current_dir(folder.path()).args(["policy", "check", "mistakes.yaml"]).output();
    let output = output.expect("the program runs");
    assert_eq!(output.status.code(), Some(3));
    assert!(output.stdout.is_empty());
    let said = String::from_utf8(output.stderr).expect("text");
    assert_eq!(said, block(&readme, heading, "text"), "policies/README.md is not what the program says");
    assert!(said.ends_with("\n10 mistakes\n"));
}
