//! Answers that go on: watches and commands, read piece by piece.

use std::marker::PhantomData;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::client::{Client, ClientError, lost};
use super::objects::{Change, ExecFrame, Status, WatchEvent};
use crate::limits::WATCH_LINE_BYTES_MAX;

/// Changes of objects, as they come. An iterator; it ends when the server ends the watch, and an item that
/// is an error is its last one but for [`ClientError::TimedOut`], after which it can be asked again.
pub struct Watch<'c, T> {
    client: &'c Client,
    body: Option<Incoming>,
    /// What came and is not a whole line yet, or not taken yet.
    buffer: Vec<u8>,
    /// How much of the buffer was taken.
    taken: usize,
    object: PhantomData<T>,
}

/// The output of a command, as it comes. An iterator; the last frame tells how it ended.
pub struct Exec<'c> {
    client: &'c Client,
    body: Option<Incoming>,
    buffer: Vec<u8>,
}

impl<'c, T: DeserializeOwned> Watch<'c, T> {
    pub(super) fn new(client: &'c Client, body: Incoming) -> Self {
        Self { client, body: Some(body), buffer: Vec::new(), taken: 0, object: PhantomData }
    }

    /// The next line, without its end; it stays in the buffer.
    fn next_line(&mut self) -> Result<Option<std::ops::Range<usize>>, ClientError> {
        let mut searched = self.taken;
        loop {
            if let Some(length) = self.buffer[searched..].iter().position(|byte| *byte == b'\n') {
                let line = self.taken..searched + length;
                self.taken = line.end + 1;
                return Ok(Some(line));
            }
            self.buffer.drain(..self.taken);
            self.taken = 0;
            searched = self.buffer.len();
            if self.buffer.len() > WATCH_LINE_BYTES_MAX {
                return Err(ClientError::Garbled("a line of the watch has no end".to_owned()));
            }
            if !more(self.client, &mut self.body, &mut self.buffer)? {
                return match self.buffer.is_empty() {
                    true => Ok(None),
                    false => Err(ClientError::Lost("in the middle of a line".to_owned())),
                };
            }
        }
    }

    fn next_event(&mut self) -> Result<Option<WatchEvent<T>>, ClientError> {
        let Some(line) = self.next_line()? else {
            return Ok(None);
        };
        let line = &self.buffer[line];
        let garbled = |error: serde_json::Error| ClientError::Garbled(error.to_string());
        // What happened decides what the object is.
        let Kind { change } = serde_json::from_slice(line).map_err(garbled)?;
        if change == Change::Error {
            let event: WatchEvent<Status> = serde_json::from_slice(line).map_err(garbled)?;
            return Err(ClientError::Refused(Box::new(event.object)));
        }
        serde_json::from_slice(line).map(Some).map_err(garbled)
    }
}

/// A line of a watch without its object.
#[derive(Deserialize)]
struct Kind {
    #[serde(rename = "type")]
    change: Change,
}

impl<T: DeserializeOwned> Iterator for Watch<'_, T> {
    type Item = Result<WatchEvent<T>, ClientError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.body.as_ref()?;
        let event = self.next_event().transpose();
        if !matches!(event, Some(Ok(_) | Err(ClientError::TimedOut))) {
            self.body = None;
        }
        event
    }
}

impl<'c> Exec<'c> {
    pub(super) fn new(client: &'c Client, body: Incoming) -> Self {
        Self { client, body: Some(body), buffer: Vec::new() }
    }

    fn next_frame(&mut self) -> Result<Option<ExecFrame>, ClientError> {
        loop {
            match ExecFrame::decode(&mut self.buffer) {
                Ok(Some(frame)) => return Ok(Some(frame)),
                Ok(None) => {}
                Err(error) => return Err(ClientError::Garbled(error.to_string())),
            }
            if !more(self.client, &mut self.body, &mut self.buffer)? {
                // An answer that ends without an end frame is no answer.
                return Err(ClientError::Lost("before the command has ended".to_owned()));
            }
        }
    }
}

impl Iterator for Exec<'_> {
    type Item = Result<ExecFrame, ClientError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.body.as_ref()?;
        let frame = self.next_frame().transpose();
        if !matches!(frame, Some(Ok(ExecFrame::Stdout(_) | ExecFrame::Stderr(_)))) {
            self.body = None;
        }
        frame
    }
}

/// Reads the next piece of an answer into the buffer; false at its end.
fn more(client: &Client, body: &mut Option<Incoming>, buffer: &mut Vec<u8>) -> Result<bool, ClientError> {
    let Some(body) = body else {
        return Ok(false);
    };
    client.wait(async {
        match body.frame().await {
            None => Ok(false),
            Some(Ok(frame)) => {
                buffer.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
                Ok(true)
            }
            Some(Err(error)) => Err(lost(&error)),
        }
    })
}
