//! Frames of `application/vnd.amazon.eventstream`, for tests of whoever reads them.

use bytes::BufMut as _;

/// A message with an event's name, as Bedrock sends it.
pub(crate) fn message(event: &str, payload: &str) -> Vec<u8> {
    let mut headers = Vec::new();
    for (name, value) in
        [(":event-type", event), (":content-type", "application/json"), (":message-type", "event")]
    {
        headers.put_u8(u8::try_from(name.len()).unwrap());
        headers.put_slice(name.as_bytes());
        headers.put_u8(7);
        headers.put_u16(u16::try_from(value.len()).unwrap());
        headers.put_slice(value.as_bytes());
    }
    let crc = |bytes: &[u8]| {
        let mut crc = flate2::Crc::new();
        crc.update(bytes);
        crc.sum()
    };
    let mut out = Vec::new();
    out.put_u32(u32::try_from(16 + headers.len() + payload.len()).unwrap());
    out.put_u32(u32::try_from(headers.len()).unwrap());
    out.put_u32(crc(&out));
    out.put_slice(&headers);
    out.put_slice(payload.as_bytes());
    out.put_u32(crc(&out));
    out
}
