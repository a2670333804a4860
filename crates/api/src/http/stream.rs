//! The bytes of a connection, between the socket and the parser (contract, README "Rules for every HTTP answer", 1 and 7).
//!
//! Every read goes through the framing guard first. A head reaches the parser when it is whole and well-formed; what could
//! be read in two ways never does. HTTP/1.0 is shown to the parser as 1.1, because answers always say 1.1; whether the
//! connection goes on is then decided with the answer.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use http::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use wire::http::framing::{Guard, HeadLimits, Place, Refused};

use super::seat::{Refusal, Seat};
use super::transport::Transport;

/// The parser does not read a head that declares so large a body.
const LARGEST_BODY: u64 = u64::MAX - 2;

/// A socket that the parser reads and writes, and that its connection looks at while a request waits.
#[derive(Clone)]
pub(super) struct Shared(Arc<Mutex<Transport>>);

/// A socket whose peer is watched.
pub(super) struct Stream {
    transport: Shared,
    seat: Arc<Seat>,
    guard: Guard,
    /// Bytes that were read and not given on: `ready` bytes that may go, then a head that is not whole.
    held: Vec<u8>,
    ready: usize,
    /// Bytes of the connection that were read.
    read: u64,
    peer_ended: bool,
}

impl Shared {
    pub(super) fn new(transport: Transport) -> Shared {
        Shared(Arc::new(Mutex::new(transport)))
    }

    /// Whether the peer has sent its last byte, as far as that can be seen without reading; who asks is woken when it does. Over
    /// TLS only a reader sees it.
    pub(super) fn poll_end(&self, context: &mut Context<'_>) -> bool {
        let mut byte = [0];
        match &mut *self.lock() {
            Transport::Plain(tcp) => match tcp.poll_peek(context, &mut ReadBuf::new(&mut byte)) {
                Poll::Ready(Ok(count)) => count == 0,
                Poll::Ready(Err(_)) => true,
                Poll::Pending => false,
            },
            Transport::Tls(_) => false,
        }
    }

    /// The socket, when nobody else has it any more.
    fn into_inner(self) -> Option<Transport> {
        Arc::into_inner(self.0).map(|transport| transport.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    fn lock(&self) -> MutexGuard<'_, Transport> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stream {
    pub(super) fn new(transport: Shared, seat: Arc<Seat>, limits: HeadLimits) -> Stream {
        Stream { transport, seat, guard: Guard::new(limits), held: Vec::new(), ready: 0, read: 0, peer_ended: false }
    }

    /// The socket, when the parser is done with it, and what was read and not given on.
    pub(super) fn into_socket(self) -> Option<(Transport, Vec<u8>)> {
        Some((self.transport.into_inner()?, self.held))
    }

    /// Judges what was just read into the buffer behind its first `before` bytes, and leaves there what may go on.
    fn take_in(&mut self, buffer: &mut ReadBuf<'_>, before: usize) {
        let (new, held) = (buffer.filled().len() - before, self.held.len());
        let held_from = self.read - held as u64;
        let judgement = self.guard.accept(&buffer.filled()[before..]);
        self.read += new as u64;
        let passed = match &judgement {
            Ok(()) => held + new - self.guard.unfinished_head_bytes(),
            Err(Refused { whole: 0, .. }) => 0,
            Err(refused) => held + refused.whole,
        };
        // Nearly always nothing is held, and nothing has to be copied.
        let bytes = if held == 0 {
            self.held.extend_from_slice(&buffer.filled()[before + passed..]);
            buffer.set_filled(before + passed);
            &mut buffer.filled_mut()[before..]
        } else {
            self.held.extend_from_slice(&buffer.filled()[before..]);
            buffer.set_filled(before);
            self.ready = passed;
            &mut self.held[..]
        };
        let place = match &judgement {
            Err(Refused { of_earlier_head: true, .. }) => Place::InBody,
            _ => self.guard.place(),
        };
        let heads = std::iter::from_fn(|| self.guard.take_head()).inspect(|head| {
            if head.is_http_1_0 {
                present_as_1_1(bytes, (head.version_at - held_from) as usize);
            }
        });
        self.seat.received(new, place, heads);
        if let Err(refused) = judgement {
            self.held.truncate(self.ready);
            let (status, what) = (StatusCode::BAD_REQUEST, refused.violation.text());
            self.seat.refuse(Refusal { status, what, has_turn: refused.of_earlier_head });
        }
    }

    /// Gives on what may go of what was held.
    fn give(&mut self, buffer: &mut ReadBuf<'_>) {
        let given = self.ready.min(buffer.remaining());
        buffer.put_slice(&self.held[..given]);
        self.held.drain(..given);
        self.ready -= given;
        if self.held.is_empty() {
            self.held = Vec::new();
        }
    }

    /// Whether what the parser writes now is its own word on a head, which is not given on: the refusal says it better.
    fn is_of_parser(&self) -> bool {
        let is_of_parser = self.seat.is_between_answers();
        if is_of_parser {
            let (status, what) = match self.guard.rest_of_body() {
                0..LARGEST_BODY => (StatusCode::BAD_REQUEST, "malformed request"),
                LARGEST_BODY.. => (StatusCode::PAYLOAD_TOO_LARGE, "the body is too large"),
            };
            self.seat.refuse(Refusal { status, what, has_turn: false });
        }
        is_of_parser
    }

    fn count_written(&self, written: &Poll<io::Result<usize>>) {
        match written {
            Poll::Pending => self.seat.must_hold_back(),
            Poll::Ready(_) => self.seat.sent(),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        loop {
            if this.ready > 0 {
                this.give(buffer);
            }
            if buffer.filled().len() > before {
                return Poll::Ready(Ok(()));
            }
            match this.seat.refusal() {
                None => {}
                Some(refusal) if refusal.has_turn => return Poll::Ready(Err(io::ErrorKind::InvalidData.into())),
                Some(_) => return Poll::Pending,
            }
            if !this.peer_ended {
                match Pin::new(&mut *this.transport.lock()).poll_read(context, buffer) {
                    Poll::Pending => {
                        this.seat.must_wait();
                        return Poll::Pending;
                    }
                    Poll::Ready(read) => read?,
                }
                this.peer_ended = buffer.filled().len() == before;
            }
            if this.peer_ended {
                this.seat.peer_ended();
                // A peer that has said all may still wait for its answers. The connection's task sees when they are out.
                return if this.guard.place() == Place::InBody { Poll::Ready(Ok(())) } else { Poll::Pending };
            }
            this.take_in(buffer, before);
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.is_of_parser() {
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = Pin::new(&mut *this.transport.lock()).poll_write(context, bytes);
        this.count_written(&written);
        written
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.is_of_parser() {
            return Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()));
        }
        let written = Pin::new(&mut *this.transport.lock()).poll_write_vectored(context, slices);
        this.count_written(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Called by the parser whenever it has nothing left to write.
    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // TLS may hold back the end of a record; the socket itself holds nothing back.
        match Pin::new(&mut *this.transport.lock()).poll_flush(context) {
            Poll::Pending => {
                this.seat.must_hold_back();
                Poll::Pending
            }
            Poll::Ready(flushed) => {
                flushed?;
                this.seat.sent();
                this.seat.flushed();
                Poll::Ready(Ok(()))
            }
        }
    }

    /// The parser is done. The socket is closed by the connection's task, which may have more to say.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Writes 1.1 for 1.0 in a head, and takes away the value of an `Expect`, which 1.0 does not know (RFC 9110, section 10.1.1).
fn present_as_1_1(bytes: &mut [u8], version_at: usize) {
    const EXPECT: &[u8] = b"\nexpect:";
    let Some(rest_of_head) = bytes.get_mut(version_at..) else { return };
    if let Some(digit) = rest_of_head.first_mut() {
        *digit = b'1';
    }
    let end = rest_of_head.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or(rest_of_head.len());
    let fields = &mut rest_of_head[..end];
    let found = fields.windows(EXPECT.len()).position(|window| window.eq_ignore_ascii_case(EXPECT));
    if let Some(at) = found {
        fields[at + EXPECT.len()..].iter_mut().take_while(|byte| **byte != b'\r').for_each(|byte| *byte = b' ');
    }
}
