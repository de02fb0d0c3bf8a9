//! What is asked of an API server: path, query and headers, read.
//! Knows the API's conventions. Does not know what there is.

use http::{HeaderMap, Uri, header};
use serde_json::Value;

/// A request's path and query.
pub(super) struct Asks {
    /// `/api/v1/pods`
    pub(super) collection: String,
    /// The object, and what of it.
    pub(super) object: Option<(String, Option<String>)>,
    query: Vec<(String, String)>,
}

impl Asks {
    pub(super) fn read(uri: &Uri) -> Self {
        let query = uri.query().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
        let parts: Vec<&str> = uri.path().trim_matches('/').split('/').collect();
        // Without a group there is one part less.
        let end = if parts.first() == Some(&"api") { 3 } else { 4 };
        let (collection, rest) = parts.split_at(end.min(parts.len()));
        let mut rest = rest.iter().map(|part| (*part).to_owned());
        Self {
            collection: format!("/{}", collection.join("/")),
            object: rest.next().map(|name| (name, rest.next())),
            query: query.map(|(name, value)| (plain(name), plain(value))).collect(),
        }
    }

    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }

    pub(super) fn selector(&self) -> Selector {
        let read = |name: &str| {
            let text = self.parameter(name).unwrap_or_default();
            let terms = text.split(',').filter_map(|term| term.split_once('='));
            terms.map(|(left, right)| (left.to_owned(), right.trim_start_matches('=').to_owned())).collect()
        };
        Selector { fields: read("fieldSelector"), labels: read("labelSelector") }
    }
}

/// `application/x-www-form-urlencoded`, undone.
fn plain(text: &str) -> String {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [bytes.next(), bytes.next()].map(|digit| digit.unwrap_or(b'0'));
                let digits = String::from_utf8_lossy(&digits).into_owned();
                u8::from_str_radix(&digits, 16).unwrap_or(b'?')
            }
            other => other,
        });
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Which objects are meant: equalities only.
pub(super) struct Selector {
    fields: Vec<(String, String)>,
    labels: Vec<(String, String)>,
}

impl Selector {
    pub(super) fn fits(&self, object: &Value) -> bool {
        let field = |path: &str| path.split('.').fold(object, |value, name| &value[name]).clone();
        self.fields.iter().all(|(path, wanted)| field(path) == **wanted)
            && self.labels.iter().all(|(name, wanted)| object["metadata"]["labels"][name] == **wanted)
    }
}

/// The token that somebody shows.
pub(super) fn token(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

/// Whether nothing but metadata is wanted.
pub(super) fn wants_metadata(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.contains("as=PartialObjectMetadata"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_request_is_read_as_the_api_has_it() {
        let uri = "/apis/interceptor.dev/v1alpha1/egresspolicies/a/status?x=1".parse().unwrap();
        let asks = Asks::read(&uri);
        assert_eq!(asks.collection, "/apis/interceptor.dev/v1alpha1/egresspolicies");
        assert_eq!(asks.object, Some(("a".to_owned(), Some("status".to_owned()))));
        let asks = Asks::read(&"/api/v1/pods?&fieldSelector=spec.nodeName%3Dn+1".parse().unwrap());
        assert_eq!((&*asks.collection, &asks.object), ("/api/v1/pods", &None));
        assert!(asks.selector().fits(&json!({"spec": {"nodeName": "n 1"}})));
        assert!(!asks.selector().fits(&json!({"spec": {"nodeName": "n2"}})));
    }
}
