//! The answer to `exec`: frames of output, and how the command ended.
//!
//! A frame is a channel (1 standard output, 2 standard error, 3 the end), a length of four bytes, biggest
//! first, and that many bytes: Kubernetes' channel numbers, and no escaping of what may be anything.

use hyper::body::Bytes;
use serde::{Deserialize, Serialize};

use super::is_default;
use crate::limits::EXEC_FRAME_BYTES_MAX;

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExecFrame {
    /// The command's standard output.
    Stdout(Bytes),
    /// The command's standard error.
    Stderr(Bytes),
    /// How it ended: the last frame.
    End(ExecEnd),
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExecEnd {
    /// `128 + n` for signal n; 125 to 127 as docker where it could not be started.
    pub exit_code: u8,
    /// The signal that ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_signal: Option<u8>,
    /// Why it could not be started.
    #[serde(default, skip_serializing_if = "is_default")]
    pub message: String,
}

/// Why bytes are no frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// A channel that is none.
    Channel(u8),
    /// Longer than a frame may be.
    Length(usize),
    /// The end cannot be read.
    End(String),
}

/// Channel and length.
const HEADER_BYTES: usize = 5;

impl ExecFrame {
    /// As bytes of the answer. Output over the limit of a frame must have been cut by the caller; what is
    /// longer is cut here.
    pub fn encode(&self) -> Bytes {
        let end;
        let (channel, data): (u8, &[u8]) = match self {
            Self::Stdout(data) => (1, data),
            Self::Stderr(data) => (2, data),
            Self::End(status) => {
                end = serde_json::to_vec(status).unwrap_or_default();
                (3, &end)
            }
        };
        let data = &data[..data.len().min(EXEC_FRAME_BYTES_MAX)];
        let mut bytes = Vec::with_capacity(HEADER_BYTES + data.len());
        bytes.push(channel);
        // At most EXEC_FRAME_BYTES_MAX, which fits.
        bytes.extend_from_slice(&(data.len() as u32).to_be_bytes());
        bytes.extend_from_slice(data);
        bytes.into()
    }

    /// Takes a frame from the front of `buffer`; nothing while it is not there as a whole.
    pub fn decode(buffer: &mut Vec<u8>) -> Result<Option<Self>, FrameError> {
        let Some((&[channel, a, b, c, d], rest)) = buffer.split_first_chunk::<HEADER_BYTES>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        if length > EXEC_FRAME_BYTES_MAX {
            return Err(FrameError::Length(length));
        }
        let Some(data) = rest.get(..length) else {
            return Ok(None);
        };
        let frame = match channel {
            1 => Self::Stdout(Bytes::copy_from_slice(data)),
            2 => Self::Stderr(Bytes::copy_from_slice(data)),
            3 => Self::End(serde_json::from_slice(data).map_err(|error| FrameError::End(error.to_string()))?),
            other => return Err(FrameError::Channel(other)),
        };
        buffer.drain(..HEADER_BYTES + length);
        Ok(Some(frame))
    }
}

impl std::fmt::Display for FrameError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Channel(channel) => write!(f, "the answer has a frame of unknown channel {channel}"),
            Self::Length(length) => write!(f, "the answer has a frame of {length} bytes, which is too long"),
            Self::End(cause) => write!(f, "how the command ended cannot be read: {cause}"),
        }
    }
}

impl std::error::Error for FrameError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_survive_any_cut() {
        let frames = [
            ExecFrame::Stdout(Bytes::from_static(b"\x00\xff\n")),
            ExecFrame::Stderr(Bytes::new()),
            ExecFrame::End(ExecEnd { exit_code: 137, exit_signal: Some(9), message: String::new() }),
        ];
        let bytes: Vec<u8> = frames.iter().flat_map(ExecFrame::encode).collect();
        let (mut buffer, mut seen) = (Vec::new(), Vec::new());
        for byte in bytes {
            buffer.push(byte);
            while let Some(frame) = ExecFrame::decode(&mut buffer).unwrap() {
                seen.push(frame);
            }
        }
        assert_eq!(seen, frames);
        assert!(buffer.is_empty());
    }

    #[test]
    fn garbage_is_refused_before_it_is_buffered() {
        assert_eq!(
            ExecFrame::decode(&mut vec![1, 0xff, 0xff, 0xff, 0xff]),
            Err(FrameError::Length(0xffff_ffff))
        );
        assert_eq!(ExecFrame::decode(&mut vec![9, 0, 0, 0, 0]), Err(FrameError::Channel(9)));
        assert!(matches!(ExecFrame::decode(&mut vec![3, 0, 0, 0, 1, b'{']), Err(FrameError::End(_))));
        assert_eq!(ExecFrame::decode(&mut vec![1, 0, 0, 0, 2, b'a']), Ok(None));
    }
}
