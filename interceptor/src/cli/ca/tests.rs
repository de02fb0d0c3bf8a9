//! An authority is made, renewed, exported and inspected in folders of a test; what is wrong with one is said.

use clap::Parser;

use super::*;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    ca: Ca,
}

const CATALOGUE: &[&str] = &["api.openai.com", "*.openai.azure.com", "copilot-api.*.ghe.com"];

fn run(line: &str, files: &Path) -> Result<(Outcome, String), CaError> {
    let line = line.replace("{}", files.to_str().unwrap());
    let line = Line::try_parse_from(std::iter::once("ca").chain(line.split_whitespace())).unwrap();
    let mut out = Vec::new();
    let outcome = line.ca.run(CATALOGUE, &mut out)?;
    Ok((outcome, String::from_utf8(out).unwrap()))
}

const PLACES: &str = "--directory {}/ca --root-directory {}/root";

#[test]
fn init_issue_inspect_export() {
    let files = tempfile::tempdir().unwrap();
    let (_, said) = run(&format!("init {PLACES} --permit llm.corp.example"), files.path()).unwrap();
    assert!(said.contains("offline") && said.contains("3 domains"), "{said}");
    assert!(said.contains("--permit copilot-api.NAME.ghe.com"), "{said}");
    let (outcome, said) = run("inspect --directory {}/ca", files.path()).unwrap();
    assert_eq!(outcome, Outcome::Good);
    assert!(said.contains("llm.corp.example") && said.contains("openai.azure.com"), "{said}");
    assert!(!said.contains("warning"), "{said}");

    let (_, said) =
        run(&format!("issue {PLACES} --days 1 --permit a.example --only-permitted"), files.path()).unwrap();
    assert!(said.contains("1 domains"), "{said}");
    let (_, json) = run("inspect --json --directory {}/ca", files.path()).unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["domains"], serde_json::json!(["a.example"]));
    assert_eq!(json["problem"], serde_json::Value::Null);
    assert_eq!(json["intermediate"]["path_length"], 0);
    assert_eq!(json["intermediate"]["key"], "ECDSA P-256");
    assert_eq!(json["warnings"][0]["warning"], "ends_soon");

    let (_, pem) = run("export --pem --directory {}/ca", files.path()).unwrap();
    assert_eq!(pem.matches("BEGIN CERTIFICATE").count(), 1);
    std::fs::write(files.path().join("system.pem"), &pem).unwrap();
    let (_, said) =
        run("export --bundle --directory {}/ca --system-bundle {}/system.pem -o {}/out.pem", files.path())
            .unwrap();
    assert_eq!(said, "");
    assert_eq!(std::fs::read_to_string(files.path().join("out.pem")).unwrap(), pem);
}

#[test]
fn all_bad_domains_are_named_at_once() {
    let files = tempfile::tempdir().unwrap();
    let error = run(&format!("init {PLACES} --permit com --permit a..b --permit good.example"), files.path());
    let said = error.unwrap_err().to_string();
    assert!(said.contains("\"com\"") && said.contains("a..b") && !said.contains("good.example"), "{said}");
    assert!(!files.path().join("root").exists());
}

#[test]
fn nothing_is_overwritten_by_init() {
    let files = tempfile::tempdir().unwrap();
    run(&format!("init {PLACES}"), files.path()).unwrap();
    let error = run(&format!("init {PLACES}"), files.path()).unwrap_err();
    assert!(error.to_string().contains("never overwritten"), "{error}");
}

#[test]
fn an_authority_that_is_not_there_says_what_to_do() {
    let files = tempfile::tempdir().unwrap();
    let error = run("inspect --directory {}/ca", files.path()).unwrap_err();
    assert!(error.to_string().contains("interceptor ca init"), "{error}");
}

#[test]
fn weak_points_are_named() {
    let files = tempfile::tempdir().unwrap();
    run(&format!("init {PLACES}"), files.path()).unwrap();
    // The root as the signing certificate, with a key that everybody can read.
    std::fs::copy(files.path().join("root/root.crt"), files.path().join("ca/tls.crt")).unwrap();
    fs::write(files.path().join("ca/tls.key"), fs::read(files.path().join("root/root.key")).unwrap())
        .unwrap();
    std::fs::copy(files.path().join("root/root.key"), files.path().join("ca/root.key")).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    fs::set_permissions(files.path().join("ca/tls.key"), mode).unwrap();
    let (outcome, json) = run("inspect --json --directory {}/ca", files.path()).unwrap();
    assert_eq!(outcome, Outcome::Good);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let mut names: Vec<_> = json["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|w| w["warning"].as_str().unwrap().to_owned())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "any_purpose",
            "key_readable",
            "long_lived",
            "path_length",
            "root_in_use",
            "root_key_here",
            "unconstrained"
        ]
    );
}

#[test]
fn a_key_of_another_pair_makes_it_unusable() {
    let files = tempfile::tempdir().unwrap();
    run(&format!("init {PLACES}"), files.path()).unwrap();
    std::fs::copy(files.path().join("root/root.key"), files.path().join("ca/tls.key")).unwrap();
    let (outcome, said) = run("inspect --directory {}/ca", files.path()).unwrap();
    assert_eq!(outcome, Outcome::Unusable);
    assert!(said.contains("do not belong together"), "{said}");
}
