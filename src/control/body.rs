//! Bodies of answers: made piece by piece as the client reads, so that no answer is in memory as a whole.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::vec;

use hyper::body::{Body, Bytes, Frame, SizeHint};
use serde::Serialize;
use tokio::sync::mpsc;

use super::objects::{ListMetadata, Object};
use super::places::Busy;
use super::request::Collection;
use super::watch::WatchStream;
use crate::limits::ANSWER_CHUNK_BYTES;

/// The body of an answer. As long as it is there its connection is busy.
#[derive(Debug)]
pub(super) struct AnswerBody {
    content: Content,
    /// Held, not read.
    _busy: Busy,
}

/// What is in it.
#[derive(Debug)]
pub(super) enum Content {
    /// It is there as a whole.
    Whole(Bytes),
    /// Objects, one after the other.
    List(ListText),
    /// Changes, as they come.
    Watch(WatchStream),
    /// Bytes, as they come.
    Stream(mpsc::Receiver<Bytes>),
}

/// A list on its way to becoming text.
#[derive(Debug)]
pub(super) struct ListText {
    /// What stands before the items; taken with the first piece.
    head: Option<Vec<u8>>,
    version: String,
    items: vec::IntoIter<Object>,
    ended: bool,
}

impl AnswerBody {
    pub(super) fn new(content: Content, busy: Busy) -> Self {
        Self { content, _busy: busy }
    }
}

impl Content {
    /// An object, with a line's end for people who use curl.
    pub(super) fn json(value: &impl Serialize) -> Self {
        let mut bytes = serde_json::to_vec(value).unwrap_or_default();
        bytes.push(b'\n');
        Self::Whole(bytes.into())
    }
}

impl ListText {
    pub(super) fn new(collection: Collection, version: u64, items: Vec<Object>) -> Self {
        let version = version.to_string();
        let metadata = ListMetadata { resource_version: version.clone() };
        let mut head = format!(
            r#"{{"apiVersion":"{}","kind":"{}List","metadata":"#,
            collection.api_version(),
            collection.kind()
        )
        .into_bytes();
        head.extend(serde_json::to_vec(&metadata).unwrap_or_default());
        head.extend_from_slice(br#","items":["#);
        Self { head: Some(head), version, items: items.into_iter(), ended: false }
    }

    /// The next piece.
    fn next_chunk(&mut self) -> Option<Bytes> {
        if self.ended {
            return None;
        }
        let mut first = self.head.is_some();
        let mut text = self.head.take().unwrap_or_default();
        while text.len() < ANSWER_CHUNK_BYTES {
            let Some(mut object) = self.items.next() else {
                text.extend_from_slice(b"]}\n");
                self.ended = true;
                break;
            };
            if let Some(metadata) = object.metadata_mut() {
                metadata.resource_version.clone_from(&self.version);
            }
            if !std::mem::take(&mut first) {
                text.push(b',');
            }
            text.extend(serde_json::to_vec(&object).unwrap_or_default());
        }
        Some(text.into())
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let bytes = match &mut self.content {
            Content::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Content::Whole(bytes) => Poll::Ready(Some(std::mem::take(bytes))),
            Content::List(list) => Poll::Ready(list.next_chunk()),
            Content::Watch(watch) => watch.poll_line(cx),
            Content::Stream(stream) => stream.poll_recv(cx),
        };
        bytes.map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.content, Content::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::List(_) | Content::Watch(_) | Content::Stream(_) => SizeHint::default(),
        }
    }
}
