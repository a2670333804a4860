//! Header names that Title-Case would spell otherwise than the contract does: `ETag`.
//!
//! The parser keeps the spelling of a request's names, and writes an answer's names as it finds them there. It offers no
//! other way to spell a name, so it is shown a request once, and what it remembers of that goes with the answers.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::OnceLock;
use std::sync::mpsc;
use std::task::{Context, Waker};

use http::{Extensions, Request, Response};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;

const SPELLED: &[u8] = b"GET / HTTP/1.1\r\nETag: \r\n\r\n";

/// What an answer with such a name carries beside its headers.
pub(super) fn spelled() -> Extensions {
    static SPELLED: OnceLock<Extensions> = OnceLock::new();
    SPELLED.get_or_init(learn).clone()
}

/// Names are in Title-Case where nothing is learnt.
fn learn() -> Extensions {
    let (sender, learnt) = mpsc::channel();
    let service = service_fn(|request: Request<Incoming>| {
        let _ = sender.send(request.into_parts().0.extensions);
        std::future::ready(Ok::<_, Infallible>(Response::new(Empty::<bytes::Bytes>::new())))
    });
    let io = TokioIo::new(tokio::io::join(SPELLED, tokio::io::sink()));
    let mut connection =
        http1::Builder::new().preserve_header_case(true).header_read_timeout(None).serve_connection(io, service);
    let _ = Future::poll(Pin::new(&mut connection), &mut Context::from_waker(Waker::noop()));
    learnt.try_recv().unwrap_or_default()
}
