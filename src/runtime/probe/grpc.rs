//! The health check of gRPC: `grpc.health.v1.Health/Check` over HTTP/2, known to be spoken (PRB-014).
//!
//! One request on one connection. Of HTTP/2 only what that needs: our header fields go out as literals, of
//! the answer only its data is read. Fields of answers are packed with tables and codes that a probe has no
//! use for: `SERVING` stands in the data, and an answer without data says that there is no such service.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Answer, connect};
use crate::limits::{GRPC_ANSWER_BYTES_MAX, GRPC_FRAMES_MAX};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The length of a frame's head.
const HEAD_BYTES: usize = 9;
/// The largest frame that anybody may send before we allow more (RFC 9113, 4.2).
const FRAME_BYTES_MAX: usize = 16_384;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;

const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;

/// The stream of our request: the first one of a client.
const STREAM: u32 = 1;

/// Asks for the health of `service`; empty: of the server as a whole.
pub(super) async fn ask(host: &str, port: u16, service: &str) -> Answer {
    let stream = match connect(host, port).await {
        Ok(stream) => stream,
        Err(answer) => return answer,
    };
    match check(stream, host, port, service).await {
        Ok(Some(1)) => Answer::Success("grpc: SERVING".to_owned()),
        Ok(Some(status)) => Answer::Failure(format!("grpc: {}", word(status))),
        Ok(None) if service.is_empty() => {
            Answer::Failure("grpc: the server has no health check (grpc.health.v1.Health)".to_owned())
        }
        Ok(None) => Answer::Failure(format!("grpc: the server knows no health of `{service}`")),
        Err(error) => Answer::Failure(format!("grpc {host}:{port}: {error}")),
    }
}

fn word(status: u64) -> &'static str {
    match status {
        0 => "UNKNOWN",
        2 => "NOT_SERVING",
        3 => "SERVICE_UNKNOWN",
        _ => "a status that is not known",
    }
}

/// The status in the answer; nothing where it carries none.
async fn check(mut stream: TcpStream, host: &str, port: u16, service: &str) -> std::io::Result<Option<u64>> {
    let mut request = PREFACE.to_vec();
    frame(&mut request, SETTINGS, 0, 0, &[]);
    frame(&mut request, HEADERS, END_HEADERS, STREAM, &fields(host, port));
    frame(&mut request, DATA, END_STREAM, STREAM, &message(service));
    stream.write_all(&request).await?;
    let mut data = Vec::new();
    for _ in 0..GRPC_FRAMES_MAX {
        let (kind, flags, id, payload) = read_frame(&mut stream).await?;
        match kind {
            SETTINGS if flags & ACK == 0 => reply(&mut stream, SETTINGS, &[]).await?,
            PING if flags & ACK == 0 => reply(&mut stream, PING, &payload).await?,
            GOAWAY => return Err(protocol("the server went away")),
            RST_STREAM if id == STREAM => return Err(protocol("the server refused the request")),
            DATA if id == STREAM => data.extend_from_slice(without_padding(flags, &payload)?),
            _ => {}
        }
        if data.len() > GRPC_ANSWER_BYTES_MAX {
            return Err(protocol("the answer is too long"));
        }
        let ended = (kind == DATA || kind == HEADERS) && id == STREAM && flags & END_STREAM != 0;
        if let Some(status) = status(&data) {
            return Ok(Some(status));
        }
        if ended {
            return Ok(None);
        }
    }
    Err(protocol("the answer has too many frames"))
}

fn protocol(message: &str) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidData, message.to_owned())
}

async fn reply(stream: &mut TcpStream, kind: u8, payload: &[u8]) -> std::io::Result<()> {
    let mut answer = Vec::with_capacity(HEAD_BYTES + payload.len());
    frame(&mut answer, kind, ACK, 0, payload);
    stream.write_all(&answer).await
}

fn frame(out: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    let length = u32::try_from(payload.len()).unwrap_or_default();
    out.extend_from_slice(&length.to_be_bytes()[1..]);
    out.extend_from_slice(&[kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
    out.extend_from_slice(payload);
}

async fn read_frame(stream: &mut TcpStream) -> std::io::Result<(u8, u8, u32, Vec<u8>)> {
    let mut head = [0; HEAD_BYTES];
    stream.read_exact(&mut head).await?;
    let [l0, l1, l2, kind, flags, s0, s1, s2, s3] = head;
    let length = u32::from_be_bytes([0, l0, l1, l2]) as usize;
    if length > FRAME_BYTES_MAX {
        return Err(protocol("the answer is not HTTP/2"));
    }
    let mut payload = vec![0; length];
    stream.read_exact(&mut payload).await?;
    Ok((kind, flags, u32::from_be_bytes([s0, s1, s2, s3]) & 0x7fff_ffff, payload))
}

/// The data of a frame, without what only fills it up.
fn without_padding(flags: u8, payload: &[u8]) -> std::io::Result<&[u8]> {
    if flags & PADDED == 0 {
        return Ok(payload);
    }
    let bad = || protocol("a frame is longer padded than it is");
    let (padding, rest) = payload.split_first().ok_or_else(bad)?;
    let length = rest.len().checked_sub(usize::from(*padding)).ok_or_else(bad)?;
    Ok(&rest[..length])
}

/// Our header fields, each a literal that nobody needs to remember (RFC 7541, 6.2.2).
fn fields(host: &str, port: u16) -> Vec<u8> {
    let authority = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let mut block = Vec::new();
    for (name, value) in [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/grpc.health.v1.Health/Check"),
        (":authority", &authority),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        ("user-agent", concat!("supd-probe/", env!("CARGO_PKG_VERSION"))),
    ] {
        block.push(0);
        for text in [name, value] {
            length(&mut block, text.len());
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}

/// A length in seven bits, and what is above in bytes that follow (RFC 7541, 5.1).
fn length(out: &mut Vec<u8>, length: usize) {
    const PREFIX: usize = 127;
    if length < PREFIX {
        return out.push(length as u8);
    }
    out.push(PREFIX as u8);
    varint(out, length - PREFIX);
}

/// Seven bits a byte, the lowest first; the highest bit says that more follow.
fn varint(out: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// `HealthCheckRequest { service = 1 }` behind gRPC's five bytes: not compressed, and the length.
fn message(service: &str) -> Vec<u8> {
    let mut message = Vec::new();
    if !service.is_empty() {
        message.push(1 << 3 | 2);
        varint(&mut message, service.len());
        message.extend_from_slice(service.as_bytes());
    }
    let length = u32::try_from(message.len()).unwrap_or_default();
    [&[0][..], &length.to_be_bytes(), &message].concat()
}

/// `HealthCheckResponse { status = 1 }`; nothing until all of it has come.
fn status(data: &[u8]) -> Option<u64> {
    let (head, rest) = data.split_at_checked(5)?;
    let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
    let mut message = rest.get(..length)?;
    // A status of 0 is not written at all.
    let mut status = 0;
    while !message.is_empty() {
        let key = read_varint(&mut message)?;
        match key & 7 {
            0 => {
                let value = read_varint(&mut message)?;
                if key >> 3 == 1 {
                    status = value;
                }
            }
            2 => {
                let skipped = usize::try_from(read_varint(&mut message)?).ok()?;
                message = message.get(skipped..)?;
            }
            1 => message = message.get(8..)?,
            5 => message = message.get(4..)?,
            _ => return None,
        }
    }
    Some(status)
}

fn read_varint(from: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = from.split_first()?;
        *from = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_a_request_as_protobuf_has_it() {
        assert_eq!(message(""), [0, 0, 0, 0, 0]);
        assert_eq!(message("ab"), [0, 0, 0, 0, 4, 10, 2, b'a', b'b']);
        let mut long = Vec::new();
        length(&mut long, 127 + 300);
        assert_eq!(long, [127, 0xac, 2]);
    }

    #[test]
    fn reads_a_status_and_nothing_out_of_noise() {
        assert_eq!(status(&[0, 0, 0, 0, 2, 8, 1]), Some(1));
        assert_eq!(status(&[0, 0, 0, 0, 0]), Some(0));
        // A field of some later version comes first.
        assert_eq!(status(&[0, 0, 0, 0, 6, 18, 2, b'x', b'y', 8, 2]), Some(2));
        assert_eq!(status(&[0, 0, 0, 0, 2, 8]), None, "more is to come");
        for noise in [&[0u8, 0, 0, 0, 1, 0xff][..], &[0, 0, 0, 0, 2, 18, 9], &[0, 0, 0, 0, 1, 7], &[]] {
            assert_eq!(status(noise), None, "{noise:?}");
        }
    }

    #[test]
    fn padding_is_taken_off() {
        assert_eq!(without_padding(PADDED, &[1, b'a', 0]).ok(), Some(&b"a"[..]));
        assert!(without_padding(PADDED, &[3, b'a']).is_err() && without_padding(PADDED, &[]).is_err());
    }
}
