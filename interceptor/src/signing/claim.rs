//! What a request's head claims about its signature: for which region and service it was made, and over what. Also says
//! which requests can be signed anew by whoever holds a key. Verifies nothing: that takes the caller's secret.

use http::HeaderMap;
use http::header::{AUTHORIZATION, CONTENT_ENCODING, HeaderName};
use http::request::Parts;

use super::PAYLOAD;

/// Longest region or service. AWS has none of half that length.
const LONGEST: usize = 64;

/// Most headers that a signature may name.
const MOST_SIGNED: usize = 100;

/// The claim of a request that can be signed again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    region: String,
    service: String,
    signed: Vec<HeaderName>,
}

/// Headers that say something about the body in their own way. They would be wrong about a changed one.
const DIGESTS: [&str; 8] = [
    "content-md5",
    "digest",
    "content-digest",
    "repr-digest",
    "signature",
    "signature-input",
    "x-amz-trailer",
    "x-amz-decoded-content-length",
];

/// Headers that proxies and HTTP itself may change: nobody signs them, or should.
const UNSIGNED: [&str; 7] =
    ["authorization", "connection", "expect", "te", "trailer", "transfer-encoding", "upgrade"];

impl Claim {
    /// The claim, if the whole body is signed by its hash and the signature stands in one header.
    pub fn of(parts: &Parts) -> Option<Self> {
        let headers = &parts.headers;
        let mut authorizations = headers.get_all(AUTHORIZATION).iter();
        let authorization = authorizations.next()?.to_str().ok()?;
        let is_simple = authorizations.next().is_none()
            && !is_signed_by_query(parts.uri.query().unwrap_or_default())
            && is_hashed_whole(headers)
            && !has_digest(headers);
        is_simple.then(|| Self::parse(authorization)).flatten()
    }

    /// Reads `AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…`.
    pub fn parse(authorization: &str) -> Option<Self> {
        let fields = authorization.trim().strip_prefix("AWS4-HMAC-SHA256")?;
        let fields = fields.strip_prefix([' ', '\t'])?;
        let (mut credential, mut signed, mut signature) = (None, None, None);
        for field in fields.split(',') {
            let (name, value) = field.trim().split_once('=')?;
            let place = match name {
                "Credential" => &mut credential,
                "SignedHeaders" => &mut signed,
                "Signature" => &mut signature,
                _ => return None,
            };
            if place.replace(value).is_some() {
                return None;
            }
        }
        signature?;
        let (region, service) = scope(credential?)?;
        Some(Self { region: region.to_owned(), service: service.to_owned(), signed: names(signed?)? })
    }

    /// The scope of a signature of that day.
    pub(super) fn scope_on(&self, day: &str) -> String {
        format!("{day}/{}/{}/aws4_request", self.region, self.service)
    }

    /// Where the service is.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// What the service is called in signatures.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// What the caller had signed, without what is not to be signed.
    pub fn signed(&self) -> &[HeaderName] {
        &self.signed
    }
}

/// Region and service of `ID/DATE/REGION/SERVICE/aws4_request`.
fn scope(credential: &str) -> Option<(&str, &str)> {
    let mut parts = credential.split('/');
    let (id, day, region, service) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_whole = parts.next() == Some("aws4_request") && parts.next().is_none();
    let is_day = day.len() == 8 && day.bytes().all(|byte| byte.is_ascii_digit());
    let is_word = |word: &str| {
        (1..=LONGEST).contains(&word.len())
            && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    // The storage service has rules of its own for paths, and no model answers there.
    let is_storage = service.starts_with("s3");
    (is_whole && is_day && !id.is_empty() && is_word(region) && is_word(service) && !is_storage)
        .then_some((region, service))
}

fn names(signed: &str) -> Option<Vec<HeaderName>> {
    let mut names = Vec::new();
    for name in signed.split(';') {
        let name: HeaderName = name.parse().ok()?;
        if !UNSIGNED.contains(&name.as_str()) {
            names.push(name);
        }
    }
    (names.len() <= MOST_SIGNED).then_some(names)
}

/// A second signature in the query, or a part of one.
fn is_signed_by_query(query: &str) -> bool {
    query.split('&').any(|pair| {
        let name = pair.split('=').next().unwrap_or_default();
        name.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("x-amz-"))
    })
}

/// False for bodies that are signed piece by piece, and for hashes in words that are not known.
fn is_hashed_whole(headers: &HeaderMap) -> bool {
    let mut hashes = headers.get_all(PAYLOAD).iter();
    let is_hash = |hash: &[u8]| hash.len() == 64 && hash.iter().all(u8::is_ascii_hexdigit);
    let is_hashed = hashes.next().is_none_or(|hash| is_hash(hash.as_bytes())) && hashes.next().is_none();
    let mut codings = headers.get_all(CONTENT_ENCODING).iter();
    is_hashed && codings.all(|coding| coding.to_str().is_ok_and(|coding| !coding.contains("aws-chunked")))
}

fn has_digest(headers: &HeaderMap) -> bool {
    headers.keys().any(|name| {
        let name = name.as_str();
        DIGESTS.contains(&name)
            || name.starts_with("x-amz-checksum-")
            || name.starts_with("x-amz-sdk-checksum-")
    })
}
