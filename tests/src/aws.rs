//! AWS Signature Version 4 as a service checks it, and as an application makes it. Written from AWS' description and not
//! from the daemon: what one of them gets wrong, the other refuses.

use std::time::SystemTime;

use anyhow::{Context as _, Result, ensure};
use aws_lc_rs::{digest, hmac};

use crate::provider::Call;

/// Somebody's credentials.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The access key's identifier.
    pub id: String,
    /// Its secret.
    pub secret: String,
    /// The token of temporary credentials.
    pub token: Option<String>,
}

/// What is signed, as both sides see it.
struct Signed<'a> {
    method: &'a str,
    path: &'a str,
    query: &'a str,
    /// Sorted by name.
    headers: Vec<(String, String)>,
    payload: String,
    stamp: &'a str,
    region: &'a str,
    service: &'a str,
}

impl Credentials {
    /// The headers that sign a request without a query: date, token and authorization. `headers` are signed, too.
    #[must_use]
    pub fn sign(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Vec<(String, String)> {
        let stamp = stamp(SystemTime::now());
        let mut own = vec![("x-amz-date".to_owned(), stamp.clone())];
        own.extend(self.token.iter().map(|token| ("x-amz-security-token".to_owned(), token.clone())));
        let given = headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), (*value).to_owned()));
        let mut signed: Vec<(String, String)> = given.chain(own.clone()).collect();
        signed.sort();
        let names: Vec<&str> = signed.iter().map(|(name, _)| name.as_str()).collect();
        let scope = format!("{}/us-east-1/bedrock/aws4_request", &stamp[..8]);
        let head = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={}, Signature=",
            self.id,
            names.join(";")
        );
        let said = Signed {
            method,
            path,
            query: "",
            headers: signed.clone(),
            payload: hash(body),
            stamp: &stamp,
            region: "us-east-1",
            service: "bedrock",
        };
        own.push(("authorization".to_owned(), head + &self.signature(&said)));
        own
    }

    /// Refuses a call that these credentials did not sign as it came.
    ///
    /// # Errors
    /// In words that a test may show.
    pub fn verify(&self, call: &Call) -> Result<()> {
        let authorization = call.header("authorization").context("no authorization")?;
        let fields = authorization.strip_prefix("AWS4-HMAC-SHA256 ").context("another scheme")?;
        let field = |name: &str| {
            let found = fields.split(", ").find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
            found.with_context(|| format!("no {name}"))
        };
        let [id, day, region, service, "aws4_request"] =
            field("Credential")?.split('/').collect::<Vec<_>>()[..]
        else {
            anyhow::bail!("no scope");
        };
        let stamp = call.header("x-amz-date").context("no date")?;
        ensure!(id == self.id, "somebody else's credentials");
        ensure!(stamp.starts_with(day), "the scope is of another day");
        // A service takes five minutes either way; nothing in the laboratory takes one.
        let now = stamp_around_now();
        ensure!(now.0.as_str() <= stamp && stamp <= now.1.as_str(), "{stamp} is not now");
        ensure!(call.header("x-amz-security-token") == self.token.as_deref(), "another session's token");
        let payload = hash(&call.body);
        let told = call.header("x-amz-content-sha256");
        ensure!(told.is_none_or(|told| told == payload), "the hash is of another body");
        let (host, target) = authority(call)?;
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut headers = Vec::new();
        for name in field("SignedHeaders")?.split(';') {
            let value = if name == "host" { Some(host) } else { call.header(name) };
            headers
                .push((name.to_owned(), value.with_context(|| format!("{name} is not there"))?.to_owned()));
        }
        let is_signed = |name: &str| headers.iter().any(|(signed, _)| signed == name);
        let all =
            call.headers.iter().filter(|(name, _)| name.starts_with("x-amz-")).map(|(name, _)| name.as_str());
        for name in all.chain(["host"]) {
            ensure!(is_signed(name), "{name} is not signed");
        }
        let method = &call.method;
        let said = Signed { method, path, query, headers, payload, stamp, region, service };
        ensure!(self.signature(&said) == field("Signature")?, "the signature does not match");
        Ok(())
    }

    fn signature(&self, said: &Signed<'_>) -> String {
        let lines: String = said
            .headers
            .iter()
            .map(|(name, value)| {
                format!("{name}:{}\n", value.split_whitespace().collect::<Vec<_>>().join(" "))
            })
            .collect();
        let names: Vec<&str> = said.headers.iter().map(|(name, _)| name.as_str()).collect();
        let request = format!(
            "{}\n{}\n{}\n{lines}\n{}\n{}",
            said.method,
            escaped(said.path),
            said.query,
            names.join(";"),
            said.payload
        );
        let scope = format!("{}/{}/{}/aws4_request", &said.stamp[..8], said.region, said.service);
        let to_sign = format!("AWS4-HMAC-SHA256\n{}\n{scope}\n{}", said.stamp, hash(request.as_bytes()));
        let mut key = format!("AWS4{}", self.secret).into_bytes();
        for part in scope.split('/').chain([to_sign.as_str()]) {
            let sealed = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), part.as_bytes());
            key = sealed.as_ref().to_vec();
        }
        hex(&key)
    }
}

/// The authority that a call is for, and the rest of its target.
fn authority(call: &Call) -> Result<(&str, &str)> {
    match call.target.strip_prefix("https://") {
        Some(rest) => Ok(rest.split_at(rest.find('/').context("no path")?)),
        None => Ok((call.header("host").context("no host")?, &call.target)),
    }
}

/// Every byte but slashes and those that never need it.
fn escaped(path: &str) -> String {
    let escape = |byte: u8| match byte {
        b'/' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    path.bytes().map(escape).collect()
}

fn hash(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn stamp(at: SystemTime) -> String {
    let form = time::macros::format_description!("[year][month][day]T[hour][minute][second]Z");
    time::OffsetDateTime::from(at).format(form).unwrap_or_default()
}

fn stamp_around_now() -> (String, String) {
    let (now, minute) = (SystemTime::now(), std::time::Duration::from_secs(60));
    (stamp(now - minute), stamp(now + minute))
}
