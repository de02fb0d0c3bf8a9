//! The published test suite of AWS' signatures, and what may and may not be signed again.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use http::request::Parts;
use interceptor_engine::catalogue::HostPattern;

use super::*;
use crate::hello::Host;

const ID: &str = "AKIDEXAMPLE";

/// The suite's secret, which is in every copy of AWS' documentation.
fn secret() -> String {
    ["wJalrXUtnFEMI", "/K7MDENG+", "bPxRfiCYEXAMPLEKEY"].concat()
}

fn keys(token: Option<&str>) -> Arc<Keys> {
    Arc::new(Keys::of("suite", ID, &secret(), token))
}

/// 2015-08-30 12:36:00.
fn moment() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_440_938_160)
}

/// A request whose caller says that these headers, the host and the date are signed.
fn request(method: &str, target: &str, headers: &[(&str, &str)]) -> Request<()> {
    let names = headers.iter().map(|(name, _)| name.to_ascii_lowercase());
    let mut names: Vec<String> = names.chain(["host".into(), "x-amz-date".into()]).collect();
    names.sort();
    names.dedup();
    let claim = format!(
        "AWS4-HMAC-SHA256 Credential=SOMEBODY/20150829/us-east-1/service/aws4_request, SignedHeaders={}, Signature=00",
        names.join(";")
    );
    let request = Request::builder().method(method).uri(target).header("host", "example.amazonaws.com");
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    request.header("x-amz-date", "20150829T000000Z").header(AUTHORIZATION, claim).body(()).unwrap()
}

fn head(request: Request<()>) -> Parts {
    request.into_parts().0
}

fn resign(mut request: Request<()>, body: &'static str, token: Option<&str>) -> HeaderMap {
    let (parts, ()) = request.clone().into_parts();
    let claim = Claim::of(&parts).expect("it can be signed");
    Signer::new(claim, keys(token), &[Bytes::from(body)]).sign(&mut request, moment());
    request.headers().clone()
}

fn signature(headers: &HeaderMap) -> &str {
    headers[AUTHORIZATION].to_str().unwrap().rsplit_once("Signature=").unwrap().1
}

#[test]
fn the_published_suite_is_signed_as_published() {
    let form = "application/x-www-form-urlencoded";
    for (name, request, body, expected) in [
        (
            "get-vanilla",
            request("GET", "/", &[]),
            "",
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
        (
            "post-vanilla",
            request("POST", "/", &[]),
            "",
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
        ),
        (
            "get-vanilla-query-order-key-case",
            request("GET", "/?Param2=value2&Param1=value1", &[]),
            "",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        (
            "post-x-www-form-urlencoded",
            request("POST", "/", &[("Content-Type", form)]),
            "Param1=value1",
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        ),
        (
            "get-header-value-trim",
            request("GET", "/", &[("My-Header1", " value1"), ("My-Header2", " \"a   b   c\"")]),
            "",
            "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
        ),
        (
            "get-header-key-duplicate",
            request(
                "GET",
                "/",
                &[("My-Header1", "value2"), ("My-Header1", "value2"), ("My-Header1", "value1")],
            ),
            "",
            "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
        ),
        (
            "get-utf8",
            request("GET", "/\u{1234}", &[]),
            "",
            "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85",
        ),
        (
            "get-relative-relative",
            request("GET", "/example1/example2/../..", &[]),
            "",
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
    ] {
        let headers = resign(request, body, None);
        assert_eq!(signature(&headers), expected, "{name}");
        assert_eq!(headers[DATE], "20150830T123600Z");
        let start = format!("AWS4-HMAC-SHA256 Credential={ID}/20150830/us-east-1/service/aws4_request, ");
        assert!(headers[AUTHORIZATION].to_str().unwrap().starts_with(&start), "{name}");
        assert!(headers[AUTHORIZATION].is_sensitive());
    }
}

#[test]
fn what_is_escaped_in_a_path_is_escaped_twice_in_what_is_signed() {
    assert_eq!(sigv4::path("/model/a.b-v1%3A0/converse"), "/model/a.b-v1%253A0/converse");
    assert_eq!(sigv4::path("//a//./b/"), "/a/b/");
    assert_eq!((sigv4::path(""), sigv4::path("/")), ("/".into(), "/".into()));
    assert_eq!(sigv4::query("b=2&a=%7e%20&a&c=%zz"), "a=&a=~%20&b=2&c=%25zz");
}

#[test]
fn tokens_and_hashes_in_the_head_follow() {
    let old = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let given = [("x-amz-content-sha256", old), ("x-amz-security-token", "theirs")];
    let headers = resign(request("POST", "/", &given), "{}", Some("ours"));
    assert_eq!(headers[TOKEN], "ours");
    assert!(headers[TOKEN].is_sensitive());
    assert_eq!(headers[PAYLOAD], "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
    let signed = "SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token,";
    assert!(headers[AUTHORIZATION].to_str().unwrap().contains(signed));
    // Credentials that are not temporary have none, and a caller's is nobody else's.
    let headers = resign(request("POST", "/", &given), "{}", None);
    assert!(!headers.contains_key(TOKEN));
    assert!(!headers[AUTHORIZATION].to_str().unwrap().contains("security-token"));
    // A header that the caller had not signed is AWS' all the same.
    let mut unsigned = request("POST", "/", &[]);
    unsigned.headers_mut().insert("x-amz-target", HeaderValue::from_static("a"));
    let headers = resign(unsigned, "{}", None);
    assert!(headers[AUTHORIZATION].to_str().unwrap().contains("SignedHeaders=host;x-amz-date;x-amz-target,"));
}

#[test]
fn only_whole_bodies_signed_in_one_header_are_signed_again() {
    assert!(Claim::of(&head(request("POST", "/", &[]))).is_some());
    for header in [
        ("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"),
        ("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
        ("content-encoding", "aws-chunked"),
        ("content-md5", "x"),
        ("content-digest", "x"),
        ("x-amz-checksum-crc32", "x"),
        ("x-amz-trailer", "x-amz-checksum-crc32"),
        ("authorization", "Bearer x"),
    ] {
        assert_eq!(Claim::of(&head(request("POST", "/", &[header]))), None, "{header:?}");
    }
    for target in ["/?X-Amz-Signature=0", "/?a=b&x-amz-credential=c"] {
        assert_eq!(Claim::of(&head(request("POST", target, &[]))), None, "{target}");
    }
}

#[test]
fn claims_are_read_or_refused() {
    let claim = |scope: &str| {
        format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host;te;x-amz-date, Signature=0")
    };
    let right = Claim::parse(&claim("a/20260101/eu-west-1/bedrock/aws4_request")).unwrap();
    assert_eq!((right.region(), right.service()), ("eu-west-1", "bedrock"));
    assert_eq!(right.signed().iter().map(HeaderName::as_str).collect::<Vec<_>>(), ["host", "x-amz-date"]);
    for scope in [
        "",
        "a",
        "a/20260101/eu-west-1/bedrock",
        "a/20260101/eu-west-1/bedrock/aws4_request/more",
        "/20260101/eu-west-1/bedrock/aws4_request",
        "a/2026010/eu-west-1/bedrock/aws4_request",
        "a/20260101//bedrock/aws4_request",
        "a/20260101/eu west/bedrock/aws4_request",
        "a/20260101/eu-west-1/s3/aws4_request",
    ] {
        assert_eq!(Claim::parse(&claim(scope)), None, "{scope}");
    }
    let whole = claim("a/20260101/eu-west-1/bedrock/aws4_request");
    for wrong in [
        whole.replace("HMAC-SHA256 ", "ECDSA-P256-SHA256 "),
        whole.replace(" Credential", "Credential"),
        whole.replace(", Signature=0", ""),
        whole.replace(", Signature=0", ", Signature=0, Signature=0"),
        whole.replace("host;", "ho st;"),
        whole.replace("Signature=0", "Signature=0, More=1"),
    ] {
        assert_eq!(Claim::parse(&wrong), None, "{wrong}");
    }
    for end in 0..whole.find("Signature=").unwrap() {
        assert_eq!(Claim::parse(&whole[..end]), None, "{end}");
    }
}

/// Credentials in a folder.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        desk.write("id", " first_id\n");
        desk.write("secret", "first");
        desk
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.path().join(name), text).unwrap();
    }

    fn spec(&self) -> CredentialSpec {
        CredentialSpec {
            name: "desk".into(),
            provider: "aws-bedrock".into(),
            hosts: vec![HostPattern::parse("bedrock-runtime.*.amazonaws.com").unwrap()],
            id: self.0.path().join("id"),
            secret: self.0.path().join("secret"),
            token: None,
        }
    }

    fn ring(&self) -> Result<Keyring, String> {
        let told = |error: CredentialError| {
            crate::telemetry::chain(&error).replace(&self.0.path().display().to_string(), "DIR")
        };
        Keyring::load(&[self.spec()]).map_err(told)
    }
}

fn in_force(ring: &Keyring) -> (String, String) {
    let host = Host::parse("bedrock-runtime.eu-west-1.amazonaws.com").unwrap();
    let keys = ring.keys("aws-bedrock", &host).unwrap();
    (keys.id().to_owned(), keys.secret().to_owned())
}

#[test]
fn credentials_are_for_their_provider_and_hosts() {
    let desk = Desk::new();
    let ring = desk.ring().unwrap();
    assert_eq!(in_force(&ring), ("first_id".into(), "first".into()));
    let host = |name| Host::parse(name).unwrap();
    assert!(ring.keys("aws-bedrock", &host("bedrock-runtime-fips.us-east-1.amazonaws.com")).is_none());
    assert!(ring.keys("aws-sagemaker", &host("bedrock-runtime.us-east-1.amazonaws.com")).is_none());
    assert!(ring.check(|provider| provider == "aws-bedrock").is_ok());
    let unknown = ring.check(|_| false).unwrap_err().to_string();
    let expected = "the catalogue has no provider `aws-bedrock` (signing.credentials: desk); expected one ";
    assert!(unknown.starts_with(expected), "{unknown}");
}

#[test]
fn what_is_no_credential_is_refused_and_never_shown() {
    let desk = Desk::new();
    desk.write("secret", "two words");
    assert_eq!(
        desk.ring().err().unwrap(),
        "DIR/secret holds no secret access key of AWS (signing.credentials: desk); expected that one word and nothing else"
    );
    desk.write("secret", "");
    assert!(desk.ring().is_err());
    desk.write("secret", &"a".repeat(20_000));
    assert!(desk.ring().is_err());
    fs::remove_file(desk.0.path().join("secret")).unwrap();
    let told = desk.ring().err().unwrap();
    assert!(told.starts_with("cannot read DIR/secret (signing.credentials: desk): No such file"), "{told}");
    let shown = format!("{:?}", Keys::of("name", "an_id", "hush", Some("hush")));
    assert_eq!(shown, "Keys { name: \"name\", .. }");
}

#[test]
fn changed_files_are_taken_up_when_they_have_been_changed() {
    let desk = Desk::new();
    let ring = desk.ring().unwrap();
    let look = || ring.look().into_iter().map(|look| look.error.is_none()).collect::<Vec<_>>();
    assert!(look().is_empty());
    // Met half-way: an identifier without its secret is never used.
    desk.write("id", "second_id");
    assert!(look().is_empty());
    desk.write("secret", "second");
    assert!(look().is_empty());
    assert_eq!(in_force(&ring).0, "first_id");
    assert_eq!(look(), [true]);
    assert_eq!(in_force(&ring), ("second_id".into(), "second".into()));
    assert!(look().is_empty());
    // What is wrong is told once, when it is wrong for the second time, and changes nothing.
    desk.write("secret", "");
    assert!(look().is_empty());
    assert_eq!(look(), [false]);
    assert!(look().is_empty() && look().is_empty());
    assert_eq!(in_force(&ring), ("second_id".into(), "second".into()));
    desk.write("secret", "third");
    assert!(look().is_empty());
    assert_eq!(look(), [true]);
    assert_eq!(in_force(&ring).1, "third");
}

#[test]
fn files_that_others_can_read_are_used_all_the_same() {
    let desk = Desk::new();
    fs::set_permissions(desk.0.path().join("secret"), fs::Permissions::from_mode(0o644)).unwrap();
    assert!(desk.ring().is_ok());
}
