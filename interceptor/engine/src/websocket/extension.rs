//! What both sides agreed upon in the handshake, as far as it changes the frames.
//! Knows the header. Does not know frames.
//!
//! The offer is handed on as the application made it, and what the provider answers holds. Taking permessage-deflate
//! out of the offer would be simpler, and was not done: it would cost bandwidth that both sides meant to save, and a
//! message in which nothing is changed would not leave as it came. What is changed leaves uncompressed, which the
//! extension allows for every message.

use super::frame::Sender;

/// What the answer to the handshake says about extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agreement {
    /// None.
    Plain,
    /// permessage-deflate alone.
    Deflate(Deflate),
    /// Something that is not known: the frames cannot be read.
    Unknown,
}

/// permessage-deflate, as far as a reader has to know. The window's size is no matter: a reader with the largest
/// window reads all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deflate {
    client_starts_anew: bool,
    server_starts_anew: bool,
}

impl Deflate {
    /// Whether each message of a sender is compressed without regard to those before.
    pub fn starts_anew(self, sender: Sender) -> bool {
        match sender {
            Sender::Client => self.client_starts_anew,
            Sender::Server => self.server_starts_anew,
        }
    }
}

impl Agreement {
    /// Reads the value of the answer's `sec-websocket-extensions`; several headers are joined by commas.
    pub fn parse(header: Option<&str>) -> Agreement {
        let Some(header) = header.map(str::trim).filter(|header| !header.is_empty()) else {
            return Agreement::Plain;
        };
        let mut parts = header.split(';').map(str::trim);
        if header.contains(',')
            || !parts.next().is_some_and(|name| name.eq_ignore_ascii_case("permessage-deflate"))
        {
            return Agreement::Unknown;
        }
        let mut deflate = Deflate::default();
        for part in parts {
            let (name, value) =
                part.split_once('=').map_or((part, None), |(name, value)| (name, Some(value)));
            let bits = || value.is_some_and(|value| is_window(value.trim().trim_matches('"')));
            match name.trim().to_ascii_lowercase().as_str() {
                "client_no_context_takeover" if value.is_none() => deflate.client_starts_anew = true,
                "server_no_context_takeover" if value.is_none() => deflate.server_starts_anew = true,
                "client_max_window_bits" | "server_max_window_bits" if bits() => {}
                _ => return Agreement::Unknown,
            }
        }
        Agreement::Deflate(deflate)
    }
}

/// A logarithm that the extension allows.
fn is_window(value: &str) -> bool {
    value.parse::<u8>().is_ok_and(|bits| (8..=15).contains(&bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agreements_are_read() {
        assert_eq!(Agreement::parse(None), Agreement::Plain);
        assert_eq!(Agreement::parse(Some(" ")), Agreement::Plain);
        let deflate = |client_starts_anew, server_starts_anew| {
            Agreement::Deflate(Deflate { client_starts_anew, server_starts_anew })
        };
        assert_eq!(Agreement::parse(Some("permessage-deflate")), deflate(false, false));
        assert_eq!(
            Agreement::parse(Some(
                "Permessage-Deflate; server_no_context_takeover; client_max_window_bits=\"12\""
            )),
            deflate(false, true)
        );
        assert_eq!(
            Agreement::parse(Some("permessage-deflate;client_no_context_takeover")),
            deflate(true, false)
        );
        for unknown in [
            "x-webkit-deflate-frame",
            "permessage-deflate, bbf",
            "permessage-deflate; client_max_window_bits=7",
            "permessage-deflate; x",
        ] {
            assert_eq!(Agreement::parse(Some(unknown)), Agreement::Unknown, "{unknown}");
        }
    }
}
