//! Sets as they are signed, with keys that are made for each test, and all that may be done to them afterwards.

use std::fs;
use std::os::unix::fs::symlink;

use minisign::KeyPair;
use tempfile::TempDir;

use super::*;
use crate::app::delivery::{Watch, policies};
use crate::telemetry::chain;

/// Somebody who signs policies, and a directory of policies.
struct Desk {
    pair: KeyPair,
    folder: TempDir,
}

impl Desk {
    /// With its key in `key.pub` and two policies in `policies`.
    fn new() -> Self {
        let desk = Self {
            pair: KeyPair::generate_unencrypted_keypair().unwrap(),
            folder: tempfile::tempdir().unwrap(),
        };
        fs::create_dir(desk.path("policies")).unwrap();
        fs::write(desk.path("key.pub"), desk.pair.pk.to_box().unwrap().into_string()).unwrap();
        desk.write("a.yaml", "one");
        desk.write("b.yml", "two");
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path("policies").join(name), text).unwrap();
    }

    fn config(&self) -> Config {
        Config {
            state: self.folder.path().to_owned(),
            policy_directory: Some(self.path("policies")),
            policy_keys: vec![self.path("key.pub")],
            ..Config::standard()
        }
    }

    /// Lists and signs what is in the directory by now.
    fn sign(&self, at: u64) {
        self.list();
        self.sign_list(&format!("timestamp:{at}\tfile:policy.sha256\thashed"));
    }

    fn list(&self) {
        let mut names: Vec<_> =
            fs::read_dir(self.path("policies")).unwrap().map(|e| e.unwrap().path()).collect();
        names.retain(|path| path.extension().is_some_and(|kind| kind == "yaml" || kind == "yml"));
        let line = |path: &PathBuf| {
            let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &fs::read(path).unwrap());
            let hash: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{hash}  {}\n", path.file_name().unwrap().display())
        };
        self.write(MANIFEST, &names.iter().map(line).collect::<String>());
    }

    fn sign_list(&self, comment: &str) {
        let list = fs::File::open(self.path("policies").join(MANIFEST)).unwrap();
        let signature = minisign::sign(None, &self.pair.sk, list, Some(comment), None).unwrap();
        self.write(SIGNATURE, &signature.into_string());
    }

    /// Whether the set is taken, as at a start or a reload of the daemon.
    fn take(&self) -> Result<usize, String> {
        self.take_by(&self.config())
    }

    fn take_by(&self, config: &Config) -> Result<usize, String> {
        let files = policies(config).unwrap();
        let signed = check(config, &files).and_then(Signed::accept);
        let told =
            |error: SignatureError| chain(&error).replace(&self.folder.path().display().to_string(), "DIR");
        signed.map(|()| files.len()).map_err(told)
    }
}

#[test]
fn a_signed_set_is_taken() {
    let desk = Desk::new();
    desk.sign(1_000);
    assert_eq!(desk.take(), Ok(2));
    // A key without its comment is a key, too.
    fs::write(desk.path("key.pub"), desk.pair.pk.to_base64()).unwrap();
    assert_eq!(desk.take(), Ok(2));
}

#[test]
fn without_keys_nobody_has_to_sign() {
    let desk = Desk::new();
    assert_eq!(desk.take_by(&Config { policy_keys: Vec::new(), ..desk.config() }), Ok(2));
}

#[test]
fn nothing_can_be_changed_added_or_left_out() {
    let desk = Desk::new();
    desk.sign(1_000);
    desk.write("a.yaml", "other");
    assert_eq!(desk.take().unwrap_err(), "DIR/policies/a.yaml is not as policy.sha256 says it was signed");
    desk.write("a.yaml", "one");
    desk.write("c.yaml", "three");
    assert_eq!(desk.take().unwrap_err(), "DIR/policies/c.yaml is not in policy.sha256, so nobody signed it");
    fs::remove_file(desk.path("policies/c.yaml")).unwrap();
    fs::remove_file(desk.path("policies/b.yml")).unwrap();
    assert_eq!(desk.take().unwrap_err(), "DIR/policies/policy.sha256 lists `b.yml`, which is not there");
    // The list is what was signed: it cannot be made to fit.
    desk.list();
    let unfit =
        "DIR/policies/policy.sha256 does not fit its signature: one of them was changed after it was signed";
    assert_eq!(desk.take().unwrap_err(), unfit);
    desk.write("b.yml", "two");
    desk.list();
    desk.sign(1_000);
    // Nor can the time be.
    let signature = desk.path("policies").join(SIGNATURE);
    let text = fs::read_to_string(&signature).unwrap();
    fs::write(&signature, text.replace("timestamp:1000", "timestamp:2000")).unwrap();
    assert_eq!(desk.take().unwrap_err(), unfit);
    fs::write(&signature, text).unwrap();
    assert_eq!(desk.take(), Ok(2));
}

#[test]
fn what_is_missing_or_of_no_known_form_is_told_by_its_name() {
    let desk = Desk::new();
    let refused = |start: &str| {
        let error = desk.take().unwrap_err();
        assert!(error.starts_with(start), "{error}");
    };
    refused(
        "cannot read DIR/policies/policy.sha256, and only signed policy is taken (policy.signature): No such file",
    );
    desk.list();
    refused("cannot read DIR/policies/policy.sha256.minisig, and only signed policy is taken");
    desk.write(SIGNATURE, "what?");
    refused("DIR/policies/policy.sha256.minisig is no signature of minisign");
    desk.write(MANIFEST, "a.yaml\n");
    desk.sign_list("timestamp:1");
    refused("DIR/policies/policy.sha256:1: is no line of `sha256sum`");
    desk.list();
    desk.sign_list("for Bob");
    refused("the trusted comment of DIR/policies/policy.sha256.minisig holds no `timestamp:`");
    fs::write(desk.path("policies").join(SIGNATURE), vec![b' '; 1 << 20]).unwrap();
    refused("cannot read DIR/policies/policy.sha256.minisig");
    fs::write(desk.path("key.pub"), "no key").unwrap();
    refused("DIR/key.pub is no public key of minisign (policy.signature.publicKeys)");
}

#[test]
fn any_of_the_keys_will_do_and_no_other() {
    let (desk, other) = (Desk::new(), Desk::new());
    desk.sign(1_000);
    let config = |keys: &[&Desk]| Config {
        policy_keys: keys.iter().map(|desk| desk.path("key.pub")).collect(),
        ..desk.config()
    };
    assert_eq!(desk.take_by(&config(&[&other, &desk])), Ok(2));
    let wrong = "DIR/policies/policy.sha256.minisig was made with a key that policy.signature.publicKeys does not name";
    assert_eq!(desk.take_by(&config(&[&other])).unwrap_err(), wrong);
}

#[test]
fn an_older_set_does_not_come_back() {
    let desk = Desk::new();
    desk.sign(1_000);
    let old = fs::read(desk.path("policies").join(SIGNATURE)).unwrap();
    assert_eq!(desk.take(), Ok(2));
    desk.sign(2_000);
    assert_eq!(desk.take(), Ok(2));
    fs::write(desk.path("policies").join(SIGNATURE), old).unwrap();
    let older = "DIR/policies/policy.sha256.minisig was signed at 1000, before the policy that was taken last (2000); to \
                 go back to what it says, sign it again, or remove DIR/policy-signed-at";
    assert_eq!(desk.take().unwrap_err(), older);
    fs::write(desk.path("policy-signed-at"), "what?").unwrap();
    assert!(desk.take().unwrap_err().starts_with("cannot read DIR/policy-signed-at"));
    fs::remove_file(desk.path("policy-signed-at")).unwrap();
    assert_eq!(desk.take(), Ok(2));
}

/// Else a set that is new, signed and wrong would keep the last good one from being read at the next start.
#[test]
fn a_set_that_never_was_in_force_makes_no_other_old() {
    let desk = Desk::new();
    desk.sign(2_000);
    let config = desk.config();
    drop(check(&config, &policies(&config).unwrap()).unwrap());
    desk.sign(1_000);
    assert_eq!(desk.take(), Ok(2));
}

#[test]
fn a_swapped_link_brings_manifest_and_files_together() {
    let desk = Desk::new();
    let folder = desk.path("policies");
    let swap = |version: &str, text: &str, at: u64| {
        let staged = Desk { pair: desk.pair.clone(), folder: tempfile::tempdir().unwrap() };
        fs::create_dir(staged.path("policies")).unwrap();
        staged.write("p.yaml", text);
        staged.sign(at);
        fs::create_dir(folder.join(version)).unwrap();
        for name in ["p.yaml", MANIFEST, SIGNATURE] {
            fs::copy(staged.path("policies").join(name), folder.join(version).join(name)).unwrap();
            let _ = symlink(format!("..data/{name}"), folder.join(name));
        }
        symlink(version, folder.join("..data_tmp")).unwrap();
        fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
    };
    fs::remove_dir_all(&folder).unwrap();
    fs::create_dir(&folder).unwrap();
    swap("..1", "one", 1_000);
    assert_eq!(desk.take(), Ok(1));
    swap("..2", "two", 2_000);
    assert_eq!(desk.take(), Ok(1));
    // It is the same directory, whatever the link leads to.
    swap("..3", "one", 1_500);
    assert!(desk.take().unwrap_err().contains("was signed at 1500, before"));
}

#[test]
fn named_files_are_looked_up_beside_themselves() {
    let desk = Desk::new();
    desk.sign(1_000);
    let named = |name: &str| Config {
        policies: vec![desk.path("policies").join(name)],
        policy_directory: None,
        ..desk.config()
    };
    // Which of the signed files are meant is the configuration's to say.
    assert_eq!(desk.take_by(&named("a.yaml")), Ok(1));
    desk.write("c.yaml", "three");
    assert_eq!(
        desk.take_by(&named("c.yaml")).unwrap_err(),
        "DIR/policies/c.yaml is not in policy.sha256, so nobody signed it"
    );
}

#[test]
fn a_new_signature_is_news() {
    let desk = Desk::new();
    desk.list();
    let mut watch = Watch::new(&desk.config());
    assert!(!watch.has_news());
    desk.sign_list("timestamp:1000");
    assert_eq!((watch.has_news(), watch.has_news(), watch.has_news()), (false, true, false));
}
