//! One connection, from its first byte to its orderly end (contract, README "Rules for every HTTP answer", 1 to 5 and 7;
//! threats T17, T18).

use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, SystemTime};

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use model::tally::Gauge;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use wire::http::framing::HeadLimits;

use super::Site;
use super::door::Door;
use super::seat::{Refusal, Seat};
use super::stream::{Shared, Stream};
use super::transport::Transport;

/// What the parser keeps of a body or an answer at most, in bytes.
const BUFFER_BYTES: usize = 128 << 10;
/// How long the end of a connection may take in all: a last answer, and what the peer still sends.
const PARTING: Duration = Duration::from_secs(30);
/// A peer that still sends is read for so long after its last byte, so that it gets to see its answer.
const LINGERING: Duration = Duration::from_secs(2);

/// How connections are read and written: one for all of a worker's.
pub(super) struct Manners {
    parser: http1::Builder,
    /// The same for a socket that can be looked at without reading: while a request is answered, nothing is read, and no
    /// buffer kept for it. Thousands wait at a time.
    patient: http1::Builder,
    head_limits: HeadLimits,
}

impl Manners {
    pub(super) fn new(head_limits: HeadLimits) -> Manners {
        let mut parser = http1::Builder::new();
        parser
            .title_case_headers(true)
            .max_header_size(head_limits.bytes)
            .max_buf_size(BUFFER_BYTES)
            // The worker watches over heads, and over everything else that takes its time.
            .header_read_timeout(None);
        if head_limits.fields != HeadLimits::default().fields {
            parser.max_headers(head_limits.fields);
        }
        let mut patient = parser.clone();
        patient.half_close(true);
        Manners { parser, patient, head_limits }
    }

    fn parser(&self, transport: &Transport) -> &http1::Builder {
        match transport {
            Transport::Plain(_) => &self.patient,
            Transport::Tls(_) => &self.parser,
        }
    }
}

/// Serves a connection until it is over.
pub(super) async fn serve(transport: Transport, seat: Arc<Seat>, site: Arc<impl Site>, manners: Arc<Manners>) {
    let counting = site.clone();
    let _present = counting.connections().map(Gauge::enter);
    let parser = manners.parser(&transport);
    let socket = Shared::new(transport);
    let stream = Stream::new(socket.clone(), seat.clone(), manners.head_limits);
    let door = Door { site, seat: seat.clone() };
    let mut connection = parser.serve_connection(TokioIo::new(stream), door);
    let ended = std::future::poll_fn(|context| {
        let polled = Pin::new(&mut connection).poll(context);
        if polled.is_pending() && seat.is_attended() && socket.poll_end(context) {
            seat.peer_ended();
        }
        if polled.is_pending() && seat.is_over() { Poll::Ready(Ok(())) } else { polled }
    });
    if let Err(error) = ended.await {
        tracing::debug!(peer = %seat.peer, %error, "a connection broke off");
    }
    drop(socket);
    let parts = connection.into_parts();
    let Some((socket, held)) = parts.io.into_inner().into_socket() else { return };
    if let Some(upgrade) = seat.take_upgrade() {
        let early = [&parts.read_buf[..], &held].concat();
        // What the parser had goes: whoever speaks another protocol may do so for long.
        drop((parts.read_buf, parts.service, held));
        return upgrade(socket, early).await;
    }
    seat.retire();
    // Boxed: a connection that waits keeps no room for its end.
    let _ = Box::pin(tokio::time::timeout(PARTING, part(socket, &seat))).await;
}

/// Says why, where that was not said yet, and lets the peer read it.
async fn part(mut socket: Transport, seat: &Seat) -> std::io::Result<()> {
    if let Some(refusal) = seat.refusal().filter(|refusal| !refusal.has_turn) {
        socket.write_all(written(refusal).as_bytes()).await?;
        socket.flush().await?;
    }
    socket.shutdown().await?;
    if seat.leaves_unread() {
        // Closing on unread bytes would reset the connection, and take back an answer that was not read yet.
        let mut unread = vec![0; 16 << 10];
        while let Ok(read) = tokio::time::timeout(LINGERING, socket.read(&mut unread)).await {
            if read? == 0 {
                break;
            }
        }
    }
    Ok(())
}

/// The one answer that does not come out of a route.
fn written(Refusal { status, what, .. }: Refusal) -> String {
    let (length, date) = (what.len(), httpdate::fmt_http_date(SystemTime::now()));
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\
         Connection: close\r\nDate: {date}\r\n\r\n{what}"
    )
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::super::seat::{Clock, Patience};
    use super::super::{Answer, Request};
    use super::*;

    struct Nobody;

    impl Site for Nobody {
        async fn answer(self: Arc<Self>, _: Request) -> Answer {
            Answer::no_content()
        }
    }

    #[tokio::test]
    async fn a_connection_that_waits_takes_little_room() {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let tcp = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let clock = Arc::new(Clock::new(Patience::default()));
        let seat = Arc::new(Seat::new(IpAddr::V4(Ipv4Addr::LOCALHOST), clock));
        let serving =
            serve(Transport::Plain(tcp), seat, Arc::new(Nobody), Arc::new(Manners::new(HeadLimits::default())));
        // Thousands of connections wait at a time. Buffers come on top, when there is something to be read.
        let bytes = size_of_val(&serving);
        assert!(bytes <= 2048, "{bytes} bytes");
    }
}
