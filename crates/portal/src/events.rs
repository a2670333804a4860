//! Streams of events (`text/event-stream`): what changes on a page while somebody looks at it.
//!
//! A stream is a place on the bus of the store and nothing else: it sleeps until something happens that its page shows, and looks
//! again with the rights that the person has then. It is no use of the session: it ends with it, when it is idle for too long as
//! well as when it is ended. There are so many of them at most.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use model::{Error, Result};
use store::{Heard, Listener, Stored};

use crate::exchange::{Content, Response};

/// A word to the listener at least so often, and a look whether the session still is.
const WORD_EVERY: Duration = Duration::from_secs(10);
/// What comes in short succession goes out together.
const GATHERED_FOR: Duration = Duration::from_millis(120);
/// Values that wait in an inbox; more, and the page is drawn from the store again.
const WAITING_VALUES: u32 = 256;
/// Streams of one account, and of all.
const MOST_OF_ONE: u32 = 24;
const MOST: u32 = 4096;

/// What a page can say about itself.
pub trait Scene: Send + 'static {
    /// What it depends on; asked again after every [`Scene::look`].
    fn subjects(&self) -> Vec<store::Subject>;
    /// Looks into the store, as the person: what the page shows now, as events. An error ends the stream.
    fn look(&mut self) -> Pin<Box<dyn Future<Output = Result<String>> + Send + '_>>;
    /// What some values change, without a look.
    fn values(&mut self, values: &[Arc<Stored>]) -> String;
    /// Whether the person may still see it.
    fn is_allowed(&self) -> Pin<Box<dyn Future<Output = Result<()>> + Send + '_>>;
    /// Begins to listen.
    fn listen(&self, subjects: &[store::Subject], capacity: u32) -> Listener;
}

/// Who has how many streams.
#[derive(Default)]
pub struct Streams {
    open: Arc<Mutex<HashMap<i64, u32>>>,
}

/// A place among them, given up when it is dropped.
pub struct Place {
    open: Arc<Mutex<HashMap<i64, u32>>>,
    account_id: i64,
}

impl Streams {
    /// A place for one more, if there is one.
    pub fn take(&self, account_id: i64) -> Result<Place> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let all: u32 = open.values().sum();
        let own = open.entry(account_id).or_default();
        if *own >= MOST_OF_ONE || all >= MOST {
            return Err(Error::TooManyTries { retry_after_s: 30 });
        }
        *own += 1;
        Ok(Place { open: Arc::clone(&self.open), account_id })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = open.get_mut(&self.account_id) {
            *own -= 1;
            if *own == 0 {
                open.remove(&self.account_id);
            }
        }
    }
}

/// One event.
pub fn event(name: &str, data: &str) -> String {
    let mut text = format!("event: {name}\n");
    // A bare carriage return ends a line of such a stream, too.
    for line in data.split(['\n', '\r']).filter(|line| !line.is_empty()) {
        text.push_str("data: ");
        text.push_str(line);
        text.push('\n');
    }
    if data.is_empty() {
        text.push_str("data:\n");
    }
    text.push('\n');
    text
}

struct Playing<S> {
    scene: S,
    place: Place,
    listener: Listener,
    last_call: Pin<Box<dyn Future<Output = ()> + Send>>,
    is_first: bool,
    is_over: bool,
}

/// Plays a scene until its session, its listener or the server ends.
pub fn play<S: Scene>(scene: S, place: Place, last_call: Pin<Box<dyn Future<Output = ()> + Send>>) -> Response {
    let listener = scene.listen(&scene.subjects(), WAITING_VALUES);
    let playing = Playing { scene, place, listener, last_call, is_first: true, is_over: false };
    let pieces = stream::unfold(playing, |mut playing| async move {
        if playing.is_over {
            drop(playing.place);
            return None;
        }
        let text = playing.next().await?;
        Some((Ok::<_, Error>(Frame::data(Bytes::from(text))), playing))
    });
    let response = Response::empty(StatusCode::OK)
        .with(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"))
        .with(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Response { content: Content::Events(StreamBody::new(pieces).boxed_unsync()), ..response }
}

impl<S: Scene> Playing<S> {
    async fn next(&mut self) -> Option<String> {
        if self.is_first {
            self.is_first = false;
            let shown = self.look().await;
            return Some(format!("retry: 3000\n\n{shown}"));
        }
        loop {
            let heard = tokio::select! {
                heard = self.listener.next() => Some(heard),
                () = &mut self.last_call => return None,
                () = tokio::time::sleep(WORD_EVERY) => None,
            };
            let Some(heard) = heard else {
                return Some(match self.scene.is_allowed().await {
                    Ok(()) => ": here\n\n".to_owned(),
                    Err(error) => self.end(&error),
                });
            };
            let text = self.tell(heard).await;
            if !text.is_empty() {
                return Some(text);
            }
        }
    }

    /// What was heard now and in the short time after.
    async fn tell(&mut self, first: Heard) -> String {
        tokio::time::sleep(GATHERED_FOR).await;
        let (mut values, mut is_changed) = (Vec::new(), false);
        let mut heard = Some(first);
        while let Some(one) = heard {
            match one {
                Heard::Value(value) => values.push(value),
                Heard::Missed | Heard::Changed => is_changed = true,
            }
            heard = self.listener.try_next();
        }
        let mut text = self.scene.values(&values);
        if is_changed {
            text.push_str(&self.look().await);
        }
        text
    }

    async fn look(&mut self) -> String {
        let before = self.scene.subjects();
        match self.scene.look().await {
            Ok(mut text) => {
                let subjects = self.scene.subjects();
                if subjects != before {
                    // What is new is listened to first, and then looked at once more.
                    self.listener = self.scene.listen(&subjects, WAITING_VALUES);
                    if let Ok(again) = self.scene.look().await {
                        text = again;
                    }
                }
                text
            }
            Err(error) => self.end(&error),
        }
    }

    /// The person may not see it any more, or it is gone: the page finds out which by loading again.
    fn end(&mut self, error: &Error) -> String {
        self.is_over = true;
        match error {
            Error::Unauthorized => event("end", ""),
            Error::Unavailable | Error::Internal(_) => String::from(": later\n\n"),
            _ => event("reload", ""),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_of_data_begins_another_field() {
        assert_eq!(
            event("patch", "<p>a\nevent: end\n\nb</p>\n"),
            "event: patch\ndata: <p>a\ndata: event: end\ndata: b</p>\n\n"
        );
        assert_eq!(event("patch", "a\r\nid: 7\rb"), "event: patch\ndata: a\ndata: id: 7\ndata: b\n\n");
        assert_eq!(event("end", ""), "event: end\ndata:\n\n");
    }

    #[test]
    fn one_account_cannot_take_all_places() {
        let streams = Streams::default();
        let places: Vec<Place> = (0..MOST_OF_ONE).map(|_| streams.take(1).unwrap()).collect();
        assert!(streams.take(1).is_err());
        drop(streams.take(2).unwrap());
        drop(places);
        assert!(streams.take(1).is_ok() && streams.open.lock().unwrap().is_empty());
    }
}
