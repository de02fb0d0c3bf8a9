//! Directories as they are met: swapped, half-written, looped, too large.

use std::fs;
use std::os::unix::fs::symlink;

use tempfile::TempDir;

use super::*;
use crate::telemetry::chain;

/// A directory of policies, and the configuration that names it.
fn directory(files: &[(&str, &str)]) -> (TempDir, Config) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let config = Config { policy_directory: Some(folder.path().to_owned()), ..Config::standard() };
    (folder, config)
}

/// The texts in order, or what is wrong without the folder's name.
fn texts(folder: &TempDir, config: &Config) -> Result<Vec<String>, String> {
    let read = policies(config).map(|files| files.into_iter().map(|(_, text)| text).collect());
    read.map_err(|error| chain(&error).replace(&folder.path().display().to_string(), "DIR"))
}

/// Writes version `name` as kubelet does: a new directory, and the link swapped by a rename.
fn swap(folder: &TempDir, name: &str, text: &str) {
    let path = folder.path();
    fs::create_dir(path.join(name)).unwrap();
    fs::write(path.join(name).join("p.yaml"), text).unwrap();
    symlink(name, path.join("..data_tmp")).unwrap();
    fs::rename(path.join("..data_tmp"), path.join(SWAPPED)).unwrap();
    let _ = symlink("..data/p.yaml", path.join("p.yaml"));
}

#[test]
fn files_come_in_the_order_of_their_names_and_others_are_left_alone() {
    let (folder, config) = directory(&[
        ("b.yaml", "2"),
        ("a.yml", "1"),
        (".c.yaml.swp", "x"),
        (".d.yaml", "x"),
        ("README", "x"),
    ]);
    assert_eq!(texts(&folder, &config).unwrap(), ["1", "2"]);
}

#[test]
fn objects_come_after_files_and_share_their_room() {
    let (folder, config) = directory(&[("a.yaml", "1")]);
    let object = |size: usize| [("EgressPolicy/p.json".to_owned(), "x".repeat(size))];
    let read = policies_with(&config, &object(3)).unwrap();
    assert_eq!(read.iter().map(|(_, text)| &**text).collect::<Vec<_>>(), ["1", "xxx"]);
    let error = policies_with(&config, &object(16 << 20)).unwrap_err();
    assert_eq!(error.to_string(), "policies hold more than 16 MiB with EgressPolicy/p.json");
    drop(folder);
}

#[test]
fn mistakes_are_told_to_the_objects_that_they_are_in() {
    let files = [("EgressPolicy/p.json".to_owned(), "{\"kind\": \"EgressPolicy\", \"sepc\": 1}".to_owned())];
    let Err(mistakes) = interceptor_engine::policy::PolicySet::load(&[], &files) else {
        panic!("it is wrong")
    };
    let wrong = wrong(&StartError::Mistakes(mistakes));
    assert!(wrong.mistakes.iter().all(|(file, _)| file == "EgressPolicy/p.json"), "{wrong:?}");
    let texts: Vec<_> = wrong.mistakes.iter().map(|(_, text)| &**text).collect();
    assert!(texts.iter().any(|text| text.contains("unknown field `sepc`")), "{texts:?}");
    assert!(!texts.iter().any(|text| text.contains("json:1")), "{texts:?}");
}

#[test]
fn a_swapped_link_is_news_at_once_and_never_a_mixture() {
    let (folder, config) = directory(&[]);
    swap(&folder, "..1", "old");
    let mut watch = Watch::new(&config);
    assert_eq!(texts(&folder, &config).unwrap(), ["old"]);
    assert!(!watch.has_news());
    swap(&folder, "..2", "new");
    assert!(watch.has_news());
    assert_eq!(texts(&folder, &config).unwrap(), ["new"]);
    assert!(!watch.has_news());
}

#[test]
fn a_file_that_is_being_written_is_no_news_until_it_rests() {
    let (folder, config) = directory(&[("p.yaml", "one")]);
    let mut watch = Watch::new(&config);
    fs::write(folder.path().join("p.yaml"), "two, half").unwrap();
    assert!(!watch.has_news());
    fs::write(folder.path().join("p.yaml"), "two, half and whole").unwrap();
    assert!(!watch.has_news());
    assert!(watch.has_news());
    assert!(!watch.has_news());
    fs::remove_file(folder.path().join("p.yaml")).unwrap();
    assert_eq!((watch.has_news(), watch.has_news(), watch.has_news()), (false, true, false));
}

#[test]
fn without_a_directory_there_is_never_news() {
    assert!(!Watch::new(&Config::standard()).has_news());
}

#[test]
fn links_that_lead_to_one_another_are_a_mistake() {
    let (folder, config) = directory(&[("a.yaml", "fine")]);
    symlink("y.yaml", folder.path().join("x.yaml")).unwrap();
    symlink("x.yaml", folder.path().join("y.yaml")).unwrap();
    let error = texts(&folder, &config).unwrap_err();
    assert!(error.starts_with("cannot read DIR/x.yaml: Too many levels of symbolic links"), "{error}");
}

#[test]
fn a_file_of_50_mb_is_refused() {
    let (folder, config) = directory(&[("a.yaml", "fine")]);
    File::create(folder.path().join("b.yaml")).unwrap().set_len(50 << 20).unwrap();
    assert_eq!(texts(&folder, &config).unwrap_err(), "policies hold more than 16 MiB with DIR/b.yaml");
    // Nor may many files together hold more.
    for name in ["b.yaml", "c.yaml"] {
        File::create(folder.path().join(name)).unwrap().set_len(9 << 20).unwrap();
    }
    assert_eq!(texts(&folder, &config).unwrap_err(), "policies hold more than 16 MiB with DIR/c.yaml");
}

#[test]
fn what_is_no_text_file_is_refused() {
    let (folder, config) = directory(&[]);
    let empty = "DIR holds no policy: no file that ends with .yaml or .yml (policy.directory)";
    assert_eq!(texts(&folder, &config).unwrap_err(), empty);
    nix::unistd::mkfifo(&folder.path().join("p.yaml"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert_eq!(texts(&folder, &config).unwrap_err(), "DIR/p.yaml is no file");
    fs::remove_file(folder.path().join("p.yaml")).unwrap();
    fs::write(folder.path().join("p.yaml"), b"\xff").unwrap();
    assert_eq!(texts(&folder, &config).unwrap_err(), "DIR/p.yaml is not UTF-8");
    fs::remove_dir_all(folder.path()).unwrap();
    assert!(texts(&folder, &config).unwrap_err().starts_with("cannot read DIR: No such file"));
}
