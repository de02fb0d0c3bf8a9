//! Authorities on disk: what is made, what is refused, and what a stolen key cannot do.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, SanType};
use time::Duration;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::issue::{IssueError, Root};
use super::*;
use crate::tls::constraints::Domains;
use crate::tls::testkit::{Ca, Origin, host};

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn keys_are_readable_by_their_owner_only() {
    let ca = Ca::new();
    for secret in ["root/root.key", "ca/tls.key"] {
        assert_eq!(mode(&ca.files.path().join(secret)), 0o600, "{secret}");
    }
    for directory in ["root", "ca"] {
        assert_eq!(mode(&ca.files.path().join(directory)), 0o700, "{directory}");
    }
    assert_eq!(mode(&ca.files.path().join("ca/ca.crt")), 0o644);
    let mut names: Vec<_> = std::fs::read_dir(ca.files.path().join("ca"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["ca.crt", "tls.crt", "tls.key"]);
}

#[test]
fn a_root_key_is_never_overwritten() {
    let ca = Ca::new();
    let again = Root::create(&ca.files.path().join("root"), "test", 30, OffsetDateTime::now_utc());
    assert!(matches!(again.err(), Some(IssueError::Exists { .. })));
}

#[test]
fn validities_have_limits() {
    let files = tempfile::tempdir().unwrap();
    let now = OffsetDateTime::now_utc();
    let domains = Domains::fold(["a.example"]).unwrap().domains;
    assert!(matches!(Root::create(files.path(), "r", 0, now).err(), Some(IssueError::Days { .. })));
    let root = Root::create(files.path(), "r", 3, now).unwrap();
    let target = files.path().join("ca");
    assert!(matches!(root.issue(&target, "i", &domains, 8, now), Err(IssueError::Days { most: 7, .. })));
    assert!(matches!(root.issue(&target, "i", &domains, 4, now), Err(IssueError::RootExpires { .. })));
    assert!(matches!(root.issue(&target, "i", &Domains::default(), 1, now), Err(IssueError::NoDomains)));
    root.issue(&target, "i", &domains, 3, now).unwrap();
}

#[test]
fn what_is_wrong_with_the_files_is_said() {
    let now = OffsetDateTime::now_utc();
    let ca = Ca::new();
    let directory = ca.files.path().join("ca");
    let load = || Authority::load(&directory).err().expect("unusable");

    let late = Authority::load_at(&directory, now + Duration::days(8)).err().expect("expired");
    assert!(matches!(late, AuthorityError::Expired { .. }));
    assert!(late.to_string().contains("interceptor ca issue"), "{late}");
    let early = Authority::load_at(&directory, now - Duration::days(1)).err().expect("too early");
    assert!(early.to_string().contains("clock"), "{early}");

    let other = Ca::new();
    std::fs::copy(other.path("ca.crt"), ca.path("ca.crt")).unwrap();
    assert!(matches!(load(), AuthorityError::Refused { .. }));
    std::fs::copy(other.path("tls.key"), ca.path("tls.key")).unwrap();
    assert!(matches!(load(), AuthorityError::Mismatch { .. }));
    std::fs::write(ca.path("tls.key"), "no key").unwrap();
    assert!(matches!(load(), AuthorityError::NoKey { .. }));
    std::fs::remove_file(ca.path("tls.crt")).unwrap();
    let missing = load().to_string();
    assert!(missing.contains("interceptor ca init"), "{missing}");
}

#[test]
fn a_leaf_is_no_authority() {
    let ca = Ca::new();
    let origin = Origin::new();
    let (chain, key) = origin.certificate("api.openai.com", crate::tls::testkit::Wrong::Nothing);
    let text = |label: &str, der: &[u8]| crate::tls::pem::encode(label, der).to_string();
    std::fs::write(ca.path("tls.crt"), text("CERTIFICATE", &chain[0])).unwrap();
    std::fs::write(ca.path("tls.key"), text("PRIVATE KEY", key.secret_der())).unwrap();
    let error = Authority::load(&ca.files.path().join("ca")).err().expect("unusable");
    assert!(matches!(error, AuthorityError::NotAnAuthority { .. }), "{error}");
}

#[test]
fn the_constraints_are_the_domains_that_were_asked_for() {
    let ca = Ca::for_patterns(&["api.openai.com", "*.openai.azure.com"]);
    let Constraints::Domains(domains) = ca.live.current().constraints().clone() else { panic!() };
    assert_eq!(domains.iter().collect::<Vec<_>>(), ["api.openai.com", "openai.azure.com"]);
}

/// What a thief of the intermediate's key can make: a certificate for any name, signed in its name.
fn forged(ca: &Ca, names: Vec<SanType>) -> Vec<CertificateDer<'static>> {
    let key = SecretKey::generate().unwrap();
    let mut params = CertificateParams::default();
    params.not_before = OffsetDateTime::now_utc() - Duration::hours(1);
    params.not_after = OffsetDateTime::now_utc() + Duration::hours(1);
    params.subject_alt_names = names;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    ca.live.current().sign(&host("api.openai.com"), &params, &key).unwrap()
}

fn dns(name: &str) -> SanType {
    SanType::DnsName(name.try_into().unwrap())
}

#[test]
fn a_stolen_key_cannot_speak_for_a_bank() {
    let ca = Ca::new();
    let authority = ca.live.current();
    let mut roots = RootCertStore::empty();
    roots.add(authority.roots()[0].clone()).unwrap();
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build().unwrap();
    for (names, name, accepted) in [
        (vec![dns("api.openai.com")], "api.openai.com", true),
        (vec![dns("x.openai.azure.com")], "x.openai.azure.com", true),
        (vec![dns("bank.example")], "bank.example", false),
        (vec![dns("api.openai.com"), dns("bank.example")], "bank.example", false),
        (vec![dns("openai.com")], "openai.com", false),
        (vec![dns("*.com")], "bank.com", false),
        (vec![SanType::IpAddress([203, 0, 113, 1].into())], "203.0.113.1", false),
        (vec![SanType::IpAddress("2001:db8::1".parse().unwrap())], "2001:db8::1", false),
    ] {
        let chain = forged(&ca, names.clone());
        let (leaf, above) = chain.split_first().unwrap();
        let server = ServerName::try_from(name).unwrap();
        let verdict = verifier.verify_server_cert(leaf, above, &server, &[], UnixTime::now());
        assert_eq!(verdict.is_ok(), accepted, "rustls, {names:?}: {verdict:?}");
        assert_eq!(openssl_accepts(&ca, leaf, name).unwrap_or(accepted), accepted, "openssl, {names:?}");
    }
}

/// Whether `openssl verify` accepts the leaf under the intermediate; `None` if openssl is not installed.
fn openssl_accepts(ca: &Ca, leaf: &CertificateDer<'_>, name: &str) -> Option<bool> {
    openssl_verify(ca, leaf, name, &ca.path("tls.crt"))
}

fn openssl_verify(ca: &Ca, leaf: &CertificateDer<'_>, name: &str, untrusted: &str) -> Option<bool> {
    let path = ca.files.path().join("forged.pem");
    std::fs::write(&path, crate::tls::pem::encode("CERTIFICATE", leaf).as_bytes()).unwrap();
    let named = if name.parse::<std::net::IpAddr>().is_ok() { "-verify_ip" } else { "-verify_hostname" };
    let output = Command::new("openssl")
        .args(["verify", "-purpose", "sslserver", named, name, "-CAfile", &ca.path("ca.crt")])
        .args(["-untrusted", untrusted])
        .arg(&path)
        .output();
    let Ok(output) = output else {
        assert!(std::env::var_os("CI").is_none(), "openssl is not installed, and CI must run this test");
        eprintln!("skipped: openssl is not installed");
        return None;
    };
    Some(output.status.success())
}

#[test]
fn a_stolen_key_cannot_make_another_authority() {
    let ca = Ca::new();
    let authority = ca.live.current();
    let key = SecretKey::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, "second");
    let chain = authority.sign(&host("api.openai.com"), &params, &key).unwrap();
    let issuer = Issuer::new(params, key);
    let leaf_key = SecretKey::generate().unwrap();
    let leaf =
        CertificateParams::new(vec!["api.openai.com".to_owned()]).unwrap().signed_by(&leaf_key, &issuer);
    let leaf = CertificateDer::from(leaf.unwrap());
    let mut roots = RootCertStore::empty();
    roots.add(authority.roots()[0].clone()).unwrap();
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build().unwrap();
    assert_eq!(chain.len(), 2);
    let server = ServerName::try_from("api.openai.com").unwrap();
    assert!(verifier.verify_server_cert(&leaf, &chain, &server, &[], UnixTime::now()).is_err());
}

#[test]
fn leafs_live_a_day_at_most_and_never_outlive_the_authority() {
    let ca = Ca::new();
    let authority = ca.live.current();
    let key = SecretKey::generate().unwrap();
    let name = host("api.openai.com");
    let now = OffsetDateTime::now_utc();
    let validity = |at| {
        let leaf = leaf::good(&authority, &key, &name, at).unwrap();
        let (_, parsed) = X509Certificate::from_der(&leaf.chain[0]).unwrap();
        (parsed.validity().not_before.to_datetime(), parsed.validity().not_after.to_datetime())
    };
    let (start, end) = validity(now + Duration::days(1));
    assert!(start <= now + Duration::days(1) - Duration::minutes(9) && end - start <= Duration::hours(24));
    let last_hour = authority.not_after() - Duration::hours(1);
    assert_eq!(validity(last_hour).1, authority.not_after());
    assert!(validity(now).0 >= authority.not_before());
}

#[test]
fn a_root_that_signs_by_itself_works_and_is_not_sent() {
    // What cert-manager makes from a self-signed issuer.
    let ca = Ca::new();
    std::fs::copy(ca.files.path().join("root/root.crt"), ca.path("tls.crt")).unwrap();
    std::fs::copy(ca.files.path().join("root/root.key"), ca.path("tls.key")).unwrap();
    let authority = Authority::load(&ca.files.path().join("ca")).unwrap();
    let key = SecretKey::generate().unwrap();
    let leaf = leaf::good(&authority, &key, &host("any.example"), OffsetDateTime::now_utc()).unwrap();
    assert_eq!(leaf.chain.len(), 1);
    assert_eq!(authority.constraints(), &Constraints::None);
}

#[test]
fn many_domains_are_spread_over_intermediates_of_one_key() {
    let names: Vec<String> = (0..100).map(|i| format!("api.p{i}.example")).collect();
    let ca = Ca::for_patterns(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let authority = ca.live.current();
    assert_eq!(authority.heads.len(), 7);
    let key = SecretKey::generate().unwrap();
    let now = OffsetDateTime::now_utc();
    for name in &names {
        let leaf = leaf::good(&authority, &key, &host(name), now).unwrap();
        assert_eq!(leaf.chain.len(), 2);
        assert!(leaf.chain[1].len() < 1200, "{} bytes", leaf.chain[1].len());
        assert!(openssl_chain_accepts(&ca, &leaf.chain, name).unwrap_or(true), "{name}");
    }
    assert!(!authority.constraints().permit(&host("api.p100.example")));
    // Other names of a mirrored certificate must be within the same intermediate, or be left out.
    assert!(authority.permits_beside(&host("api.p1.example"), &host("api.p10.example")));
    assert!(!authority.permits_beside(&host("api.p1.example"), &host("api.p99.example")));
}

fn openssl_chain_accepts(ca: &Ca, chain: &[CertificateDer<'_>], name: &str) -> Option<bool> {
    let path = ca.files.path().join("sent.pem");
    std::fs::write(&path, crate::tls::pem::encode("CERTIFICATE", &chain[1]).as_bytes()).unwrap();
    openssl_verify(ca, &chain[0], name, path.to_str().unwrap())
}
