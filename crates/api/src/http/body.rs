//! The body of a request, read whole under a limit or piece by piece (contract, README "Limits"). Its least rate is watched
//! below, where its bytes come in.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use model::{Error, Field, Result};

use super::seat::{Refusal, Seat};

/// What every fault of a body is about.
const BODY: Field = Field("body");

/// As much of a body that no route wants is read, so that the connection can go on behind it.
const DRAINED_BYTES: u64 = 64 << 10;

/// An unread body. Nothing is asked of the peer (`Expect: 100-continue`) before the first piece is.
pub struct Body {
    source: Source,
}

enum Source {
    Network(Option<Arriving>),
    Memory(Bytes),
}

/// A body on its way in.
struct Arriving {
    incoming: Incoming,
    seat: Arc<Seat>,
    /// The peer sends nothing before it is told to.
    awaits_continue: bool,
}

/// What a route left of a body.
pub(super) struct Unread {
    incoming: Incoming,
    awaits_continue: bool,
}

impl Body {
    pub(super) fn incoming(incoming: Incoming, headers: &HeaderMap, seat: Arc<Seat>) -> Body {
        if incoming.is_end_stream() {
            return Body::from(Bytes::new());
        }
        let expectation = headers.get(http::header::EXPECT);
        let awaits_continue = expectation.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"));
        Body { source: Source::Network(Some(Arriving { incoming, seat, awaits_continue })) }
    }

    /// The length that the peer declared, in bytes; None where it sends chunks.
    pub fn declared_length(&self) -> Option<u64> {
        match &self.source {
            Source::Network(arriving) => arriving.as_ref().and_then(|arriving| arriving.incoming.size_hint().exact()),
            Source::Memory(bytes) => Some(bytes.len() as u64),
        }
    }

    /// Whether there is nothing (more) to read.
    pub fn is_empty(&self) -> bool {
        match &self.source {
            Source::Network(arriving) => arriving.is_none(),
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
        let arriving = match &mut self.source {
            Source::Memory(bytes) => return Ok(Some(std::mem::take(bytes)).filter(|bytes| !bytes.is_empty())),
            Source::Network(None) => return Ok(None),
            Source::Network(Some(arriving)) => arriving,
        };
        arriving.awaits_continue = false;
        let piece = next_piece(&mut arriving.incoming).await;
        if piece.is_err() {
            arriving.seat.refuse(Refusal { status: StatusCode::BAD_REQUEST, what: "malformed body", has_turn: true });
        }
        if !matches!(piece, Ok(Some(_))) || arriving.incoming.is_end_stream() {
            self.source = Source::Network(None);
        }
        piece
    }
}

/// What is left of the body is not lost: the connection has to get past it.
impl Drop for Body {
    fn drop(&mut self) {
        if let Source::Network(Some(arriving)) = std::mem::replace(&mut self.source, Source::Network(None)) {
            let Arriving { incoming, seat, awaits_continue } = arriving;
            seat.leave_unread(Unread { incoming, awaits_continue });
        }
    }
}

impl Unread {
    /// Reads on to the end where that is near, and says whether it was reached.
    pub(super) async fn drain(mut self) -> bool {
        let mut bytes = self.incoming.size_hint().lower();
        if self.awaits_continue || bytes > DRAINED_BYTES {
            return false;
        }
        bytes = 0;
        while bytes <= DRAINED_BYTES {
            match next_piece(&mut self.incoming).await {
                Ok(Some(piece)) => bytes += piece.len() as u64,
                Ok(None) => return true,
                Err(_) => return false,
            }
        }
        false
    }
}

async fn next_piece(incoming: &mut Incoming) -> Result<Option<Bytes>> {
    loop {
        match incoming.frame().await {
            None => return Ok(None),
            Some(Err(_)) => return Err(Error::Malformed(BODY)),
            // Trailers mean nothing here.
            Some(Ok(frame)) => match frame.into_data() {
                Ok(piece) if !piece.is_empty() => return Ok(Some(piece)),
                _ => {}
            },
        }
    }
}

/// A body that is in memory already.
impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Body {
        Body { source: Source::Memory(bytes) }
    }
}
