//! Signs requests again that their callers had signed with AWS Signature Version 4 and that a rule has changed, with
//! credentials of the daemon's own.
//! Knows heads of requests, credentials and hashes. Does not know rules: who asks has decided that it may be done.

mod claim;
mod keyring;
mod sigv4;

use std::sync::Arc;
use std::time::SystemTime;

use aws_lc_rs::digest::{self, SHA256};
use bytes::Bytes;
use http::header::{AUTHORIZATION, HOST, HeaderName, HeaderValue};
use http::{HeaderMap, Request, Version};
use time::OffsetDateTime;
use time::macros::format_description;

pub use claim::Claim;
pub use keyring::{CredentialError, CredentialSpec, Keyring, Keys, Look};

const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
const PAYLOAD: HeaderName = HeaderName::from_static("x-amz-content-sha256");

/// Signs one request, as often as it is sent.
#[derive(Debug)]
pub struct Signer {
    claim: Claim,
    keys: Arc<Keys>,
    /// The hash of the body as it leaves.
    payload: String,
}

impl Signer {
    /// What signs a request with this claim and body.
    pub fn new<'b>(claim: Claim, keys: Arc<Keys>, body: impl IntoIterator<Item = &'b Bytes>) -> Self {
        let mut hash = digest::Context::new(&SHA256);
        body.into_iter().for_each(|piece| hash.update(piece));
        Self { claim, keys, payload: sigv4::hex(hash.finish().as_ref()) }
    }

    /// Puts the signature over the head as it is now, in place of the one that is there. Nothing in the head may change
    /// afterwards.
    pub fn sign<B>(&self, request: &mut Request<B>, at: SystemTime) {
        let stamp = stamp(at);
        // What a server goes by: a header of HTTP/1.1, the authority of HTTP/2.
        let authority = request.uri().authority().filter(|_| request.version() == Version::HTTP_2);
        let authority = authority.map(|authority| authority.as_str().to_owned());
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let headers = request.headers_mut();
        headers.insert(DATE, plain(&stamp));
        if headers.contains_key(PAYLOAD) {
            headers.insert(PAYLOAD, plain(&self.payload));
        }
        match self.keys.token() {
            Some(token) => {
                let mut value = plain(token);
                value.set_sensitive(true);
                headers.insert(TOKEN, value);
            }
            None => {
                headers.remove(TOKEN);
            }
        }
        let names = self.names(headers);
        let scope = self.claim.scope_on(&stamp[..8]);
        let said = sigv4::Said {
            method: method.as_str(),
            path: uri.path(),
            query: uri.query().unwrap_or_default(),
            headers,
            host: authority.as_deref(),
            names: &names,
            payload: &self.payload,
        };
        let key = sigv4::key(self.keys.secret(), &stamp[..8], self.claim.region(), self.claim.service());
        let signature = sigv4::signature(&key, &stamp, &scope, &said);
        let mut value = plain(&format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={}, Signature={signature}",
            self.keys.id(),
            names.join(";"),
        ));
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }

    /// What is signed: the host, all that speaks to AWS, and what the caller had signed and still leaves.
    fn names(&self, headers: &HeaderMap) -> Vec<String> {
        let of_aws = headers.keys().filter(|name| name.as_str().starts_with("x-amz-"));
        let callers = self.claim.signed().iter().filter(|name| headers.contains_key(*name));
        let mut names: Vec<String> = of_aws.chain(callers).map(|name| name.as_str().to_owned()).collect();
        names.push(HOST.as_str().to_owned());
        names.sort_unstable();
        names.dedup();
        names
    }

    /// What the configuration calls the credentials.
    pub fn name(&self) -> &Arc<str> {
        self.keys.name()
    }
}

/// The moment as AWS writes it: `20150830T123600Z`.
fn stamp(at: SystemTime) -> String {
    let form = format_description!("[year][month][day]T[hour][minute][second]Z");
    OffsetDateTime::from(at).format(form).expect("the form asks only for what a moment has")
}

fn plain(text: &str) -> HeaderValue {
    HeaderValue::from_str(text)
        .expect("made of visible ASCII: credentials and claims are checked when they are read")
}

#[cfg(test)]
mod tests;
