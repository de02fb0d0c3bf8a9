//! Says whether a request's head is evidence that its sender signed the body: a changed body is then refused by the
//! provider, in words that nobody understands. Knows the schemes by their headers. Verifies nothing.

/// Who vouches for the body, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Signature {
    /// AWS Signature Version 4 and 4A, over a hash of the body or over its chunks.
    SigV4,
    /// HTTP signatures that cover a digest of the body, as Oracle's do (RFC 9421 and the drafts before it).
    Http,
    /// A cloud's own scheme that hashes the body: Tencent, Volcano Engine, Alibaba, Azure.
    Hmac,
}

impl Signature {
    /// What the head of a request tells: its path and query, and its headers with names in lower case.
    /// `None` means that nothing in it covers the body, which leaves it free to be changed.
    pub fn of<'a>(
        path_and_query: &str,
        headers: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    ) -> Option<Signature> {
        let mut told = Told { aws: is_presigned(path_and_query), ..Told::default() };
        for (name, value) in headers {
            told.header(name, value);
        }
        match told {
            Told { unsigned: true, .. } => told.http.then_some(Signature::Http),
            Told { aws: true, .. } => Some(Signature::SigV4),
            Told { http: true, .. } => Some(Signature::Http),
            Told { hmac: true, .. } => Some(Signature::Hmac),
            _ => None,
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Told {
    aws: bool,
    /// AWS: the signature says that it does not cover the body.
    unsigned: bool,
    http: bool,
    hmac: bool,
}

impl Told {
    fn header(&mut self, name: &str, value: &[u8]) {
        let value = value.trim_ascii();
        match name {
            "authorization" => self.authorization(value),
            "x-amz-content-sha256" => {
                self.unsigned =
                    value == b"UNSIGNED-PAYLOAD" || value == b"STREAMING-UNSIGNED-PAYLOAD-TRAILER";
            }
            // RFC 9421: what is covered stands in quotes.
            "signature-input" => {
                self.http |= [&b"\"content-digest\""[..], b"\"digest\"", b"\"repr-digest\""]
                    .iter()
                    .any(|covered| contains(value, covered));
            }
            _ => {}
        }
    }

    fn authorization(&mut self, value: &[u8]) {
        let scheme = value.split(|byte| *byte == b' ').next().unwrap_or_default().to_ascii_lowercase();
        match &scheme[..] {
            b"aws4-hmac-sha256" | b"aws4-ecdsa-p256-sha256" => self.aws = true,
            b"signature" => {
                self.http |=
                    [&b"x-content-sha256"[..], b"digest"].iter().any(|covered| contains(value, covered));
            }
            b"tc3-hmac-sha256" | b"acs3-hmac-sha256" | b"sdk-hmac-sha256" => self.hmac = true,
            b"hmac-sha256" => {
                self.hmac = [&b"x-content-sha256"[..], b"x-ms-content-sha256"]
                    .iter()
                    .any(|covered| contains(value, covered));
            }
            _ => {}
        }
    }
}

/// The signature may stand in the query; the body is covered then, too.
fn is_presigned(path_and_query: &str) -> bool {
    let query = path_and_query.split_once('?').map_or("", |(_, query)| query);
    let is =
        |pair: &str, name: &str| pair.split('=').next().is_some_and(|key| key.eq_ignore_ascii_case(name));
    query.split('&').any(|pair| is(pair, "x-amz-signature"))
}

fn contains(value: &[u8], wanted: &[u8]) -> bool {
    memchr::memmem::find(&value.to_ascii_lowercase(), wanted).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_tell_what_is_signed() {
        let aws = "AWS4-HMAC-SHA256 Credential=x/20260101/eu-west-1/bedrock/aws4_request, SignedHeaders=host, Signature=0";
        let hash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let oci =
            "Signature version=\"1\",headers=\"date host x-content-sha256 content-type\",signature=\"x\"";
        for (path, headers, expected) in [
            ("/", &[("authorization", "Bearer x")][..], None),
            ("/", &[("authorization", aws)], Some(Signature::SigV4)),
            ("/", &[("authorization", aws), ("x-amz-content-sha256", hash)], Some(Signature::SigV4)),
            (
                "/",
                &[("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"), ("authorization", aws)],
                Some(Signature::SigV4),
            ),
            ("/", &[("x-amz-content-sha256", "UNSIGNED-PAYLOAD"), ("authorization", aws)], None),
            ("/", &[("authorization", "AWS4-ECDSA-P256-SHA256 Credential=x")], Some(Signature::SigV4)),
            ("/m?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=0", &[], Some(Signature::SigV4)),
            ("/m?x=X-Amz-Signature", &[], None),
            ("/", &[("authorization", oci)], Some(Signature::Http)),
            ("/", &[("authorization", "Signature keyId=\"a\",headers=\"date host\"")], None),
            (
                "/",
                &[("signature-input", "sig=(\"@method\" \"content-digest\");created=1")],
                Some(Signature::Http),
            ),
            ("/", &[("signature-input", "sig=(\"@method\" \"date\");created=1")], None),
            ("/", &[("authorization", "TC3-HMAC-SHA256 Credential=x")], Some(Signature::Hmac)),
            (
                "/",
                &[("authorization", "HMAC-SHA256 Credential=x, SignedHeaders=host;x-content-sha256")],
                Some(Signature::Hmac),
            ),
        ] {
            let bytes = headers.iter().map(|(name, value)| (*name, value.as_bytes()));
            assert_eq!(Signature::of(path, bytes), expected, "{path} {headers:?}");
        }
    }
}
