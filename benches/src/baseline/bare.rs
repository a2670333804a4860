//! A bare hyper server that gives one answer to everything: what HTTP alone costs, with the settings of our listener.

use std::net::{SocketAddr, TcpListener};
use std::thread;

use std::pin::Pin;
use std::task::{Context, Poll};

use blob::{BlobStore, Digest, Pieces};
use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::Response;
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::sync::mpsc::{Receiver, Sender, WeakSender, channel};

use crate::Outcome;

/// What our listener lets the parser keep.
const BUFFER_BYTES: usize = 128 << 10;

/// What it answers.
#[derive(Clone)]
pub enum Answers {
    /// 40 bytes.
    Key,
    /// A blob of that digest and length, opened for each request.
    Blob(BlobStore, Digest, u64),
}

/// Threads that each have a runtime and their part of the connections; they end when this is dropped.
pub struct Bare {
    pub address: SocketAddr,
    workers: Vec<Sender<std::net::TcpStream>>,
}

impl Bare {
    /// With as many threads as our listener has: one a core.
    pub fn start(answers: Answers) -> Outcome<Bare> {
        let cores = thread::available_parallelism()?.get();
        Bare::on_threads(answers, cores)
    }

    pub fn on_threads(answers: Answers, threads: usize) -> Outcome<Bare> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let mut workers = Vec::new();
        for _ in 0..threads {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let (hand, arrivals) = channel(1024);
            let answers = answers.clone();
            thread::Builder::new()
                .name("bare-hyper".into())
                .spawn(move || runtime.block_on(serve(arrivals, answers)))?;
            workers.push(hand);
        }
        let hands: Vec<_> = workers.iter().map(Sender::downgrade).collect();
        thread::Builder::new().name("bare-accept".into()).spawn(move || accept(&listener, &hands))?;
        Ok(Bare { address, workers })
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        self.workers.clear();
        // One more arrival, that nobody is there to take, lets the acceptor see that it is over.
        let _ = std::net::TcpStream::connect(self.address);
    }
}

fn accept(listener: &TcpListener, hands: &[WeakSender<std::net::TcpStream>]) {
    for (stream, hand) in listener.incoming().zip(hands.iter().cycle()) {
        let (Ok(stream), Some(hand)) = (stream, hand.upgrade()) else { return };
        if hand.blocking_send(stream).is_err() {
            return;
        }
    }
}

async fn serve(mut arrivals: Receiver<std::net::TcpStream>, answers: Answers) -> std::io::Result<()> {
    let mut builder = http1::Builder::new();
    builder.title_case_headers(true).max_buf_size(BUFFER_BYTES).header_read_timeout(None);
    while let Some(stream) = arrivals.recv().await {
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let stream = tokio::net::TcpStream::from_std(stream)?;
        let answers = answers.clone();
        let service = service_fn(move |_| {
            let answers = answers.clone();
            async move { answers.answer().await }
        });
        tokio::spawn(builder.serve_connection(TokioIo::new(stream), service));
    }
    Ok(())
}

impl Answers {
    async fn answer(self) -> Result<Response<Either<Full<Bytes>, Blob>>, model::Error> {
        const KEY: &[u8; 40] = b"0123456789abcdef0123456789abcdef01234567";
        let body = match self {
            Answers::Key => Either::Left(Full::new(Bytes::from_static(KEY))),
            Answers::Blob(store, digest, length) => {
                let reader = store.open(digest, length).await?;
                match reader.bytes() {
                    Some(bytes) => Either::Left(Full::new(bytes)),
                    None => Either::Right(Blob(reader.pieces(0..length))),
                }
            }
        };
        let mut response = Response::new(body);
        let text = HeaderValue::from_static("text/plain; charset=utf-8");
        response.headers_mut().insert(CONTENT_TYPE, text);
        Ok(response)
    }
}

struct Blob(Pieces);

impl Body for Blob {
    type Data = Bytes;
    type Error = model::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, model::Error>>> {
        self.0.poll_next(context).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.remaining())
    }
}
