//! A bare hyper server that gives one answer to everything: what HTTP alone costs, with the settings of our listener.

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::Duration;

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
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::oneshot;

use crate::Outcome;

/// What it answers.
#[derive(Clone)]
pub enum Answers {
    /// 40 bytes.
    Key,
    /// A blob of that digest and length, opened for each request.
    Blob(BlobStore, Digest, u64),
}

/// One thread with a runtime of its own; it ends when this is dropped.
pub struct Bare {
    pub address: SocketAddr,
    _stop: oneshot::Sender<Infallible>,
}

impl Bare {
    pub fn start(answers: Answers) -> Outcome<Bare> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        thread::Builder::new().name("bare-hyper".into()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = stopped => {}
                    _ = accept(listener, answers) => {}
                }
            });
        })?;
        Ok(Bare { address, _stop: stop })
    }
}

async fn accept(listener: TcpListener, answers: Answers) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let mut builder = http1::Builder::new();
    builder.title_case_headers(true).timer(TokioTimer::new()).header_read_timeout(Duration::from_secs(20));
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let answers = answers.clone();
        let service = service_fn(move |_| {
            let answers = answers.clone();
            async move { answers.answer().await }
        });
        tokio::spawn(builder.serve_connection(TokioIo::new(stream), service));
    }
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
