//! The portal behind the HTTP listener: its paths go to it, everything else to the API. This is the one place that knows both.

use std::pin::Pin;
use std::sync::Arc;

use ::http::HeaderValue;
use ::http::header::{CONTENT_TYPE, STRICT_TRANSPORT_SECURITY};
use api::common::app::App;
use api::http::{self, Answer, Site};
use bytes::Bytes;
use model::Result;
use model::tally::Gauge;
use portal::{Content, Pieces, Portal, Response};

use crate::config;

/// A browser that has seen the portal over HTTPS keeps to HTTPS for a year (RFC 6797). Said there only, and never to a device.
const ONLY_HTTPS: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Everything that answers over HTTP.
pub struct House {
    app: Arc<App>,
    portal: Option<Arc<Portal>>,
}

impl House {
    /// The API of a server, and its portal where there is to be one.
    pub fn new(app: &Arc<App>, config: &config::Portal) -> std::result::Result<House, String> {
        let options = config.options()?;
        let portal = || Portal::new(app.store.clone(), app.blobs.clone(), app.settings.clone(), options);
        Ok(House { app: app.clone(), portal: config.enabled.then(|| Arc::new(portal())) })
    }
}

impl Site for House {
    async fn answer(self: Arc<House>, request: http::Request) -> Answer {
        match &self.portal {
            Some(portal) if Portal::has(request.head.path()) => visit(portal, request).await,
            _ => http::route(&self.app, request).await,
        }
    }

    fn connections(&self) -> Option<&Gauge> {
        Some(&self.app.measures.connections)
    }
}

async fn visit(portal: &Arc<Portal>, request: http::Request) -> Answer {
    let http::Request { head, body } = request;
    let segments = match head.segments() {
        Ok(Some(segments)) => segments.iter().map(|segment| (*segment).to_owned()).collect(),
        // What no page can be called is answered like a page that is not there.
        _ => Vec::new(),
    };
    let is_secure = head.is_secure();
    let last_call: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(head.watch().last_call());
    let response = portal
        .answer(portal::Request {
            method: head.method().clone(),
            segments,
            query: head.query().to_owned(),
            headers: head.headers().clone(),
            peer: head.peer(),
            is_secure,
            body: portal::Body::new(Incoming(body)),
            last_call,
        })
        .await;
    let answer = carry(response);
    if is_secure { answer.with(STRICT_TRANSPORT_SECURITY, ONLY_HTTPS) } else { answer }
}

/// A response of the portal as an answer of the listener.
fn carry(response: Response) -> Answer {
    let Response { status, mut headers, content, .. } = response;
    let at = headers.iter().position(|(name, _)| *name == CONTENT_TYPE);
    let content_type = at.map_or(HeaderValue::from_static("text/plain"), |at| headers.swap_remove(at).1);
    let answer = match content {
        Content::Empty => Answer::empty(status),
        Content::Bytes(bytes) => Answer::bytes(status, content_type, bytes),
        Content::Stream(length, pieces) => Answer::stream(status, content_type, length, pieces),
        Content::Events(pieces) => Answer::endless(content_type, pieces),
    };
    headers.into_iter().fold(answer, |answer, (name, value)| answer.with(name, value))
}

struct Incoming(http::Body);

impl Pieces for Incoming {
    fn next(&mut self) -> Pin<Box<dyn Future<Output = Result<Option<Bytes>>> + Send + '_>> {
        Box::pin(self.0.next())
    }

    fn declared_length(&self) -> Option<u64> {
        self.0.declared_length()
    }
}
