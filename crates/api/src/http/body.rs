//! The body of a request, read whole under a limit or piece by piece (contract, README "Limits").

use bytes::{Bytes, BytesMut};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use model::{Error, Field, Result};

/// What every fault of a body is about.
const BODY: Field = Field("body");

/// An unread body. Nothing is asked of the peer (`Expect: 100-continue`) before the first piece is.
pub struct Body {
    source: Source,
}

enum Source {
    Network(Incoming),
    Memory(Bytes),
}

impl Body {
    pub(super) fn incoming(incoming: Incoming) -> Body {
        Body { source: Source::Network(incoming) }
    }

    /// The length that the peer declared, in bytes; None where it sends chunks.
    pub fn declared_length(&self) -> Option<u64> {
        match &self.source {
            Source::Network(incoming) => incoming.size_hint().exact(),
            Source::Memory(bytes) => Some(bytes.len() as u64),
        }
    }

    /// Whether there is nothing (more) to read.
    pub fn is_empty(&self) -> bool {
        match &self.source {
            Source::Network(incoming) => incoming.is_end_stream(),
            Source::Memory(bytes) => bytes.is_empty(),
        }
    }

    /// Refuses a body whose declared length is over a limit. Nothing is read.
    pub fn require_within(&self, limit_bytes: u64) -> Result<()> {
        if self.declared_length().is_some_and(|length| length > limit_bytes) {
            return Err(Error::TooLarge(BODY));
        }
        Ok(())
    }

    /// Reads the whole body. `TooLarge` as soon as it is known to be over the limit; `Malformed` where it breaks off.
    pub async fn read(mut self, limit_bytes: usize) -> Result<Bytes> {
        self.require_within(limit_bytes as u64)?;
        let Some(first) = self.next().await? else { return Ok(Bytes::new()) };
        if first.len() > limit_bytes {
            return Err(Error::TooLarge(BODY));
        }
        // A small body comes in one piece: no copy.
        let Some(second) = self.next().await? else { return Ok(first) };
        let mut whole = BytesMut::from(first);
        let mut piece = Some(second);
        while let Some(bytes) = piece {
            if whole.len() + bytes.len() > limit_bytes {
                return Err(Error::TooLarge(BODY));
            }
            whole.extend_from_slice(&bytes);
            piece = self.next().await?;
        }
        Ok(whole.freeze())
    }

    /// The next piece, None at the end. `Malformed` where the body breaks off; there is nothing more after that.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        let incoming = match &mut self.source {
            Source::Memory(bytes) => {
                return Ok(Some(std::mem::take(bytes)).filter(|bytes| !bytes.is_empty()));
            }
            Source::Network(incoming) => incoming,
        };
        loop {
            match incoming.frame().await {
                None => return Ok(None),
                Some(Err(_)) => return Err(Error::Malformed(BODY)),
                // Trailers mean nothing here.
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(bytes) if !bytes.is_empty() => return Ok(Some(bytes)),
                    _ => {}
                },
            }
        }
    }
}

/// A body that is in memory already.
impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Body {
        Body { source: Source::Memory(bytes) }
    }
}
