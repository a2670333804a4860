//! One socket after its handshake (contract, rpc.md "Over WebSocket"; threat T25): a credential first, then calls, answered as they
//! finish.
//!
//! The calls of a frame run in order, and frames one after the other; only what waits is answered on its own. While a frame is being
//! answered, the next is not read, so that a peer which floods waits for itself.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use model::{Error, Result};
use serde_json::Value as Json;
use store::{Listener, Subject};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error as SocketError, Message};
use wire::rpc::{Answers, Auth, Encoding, Outcome, RequestError, Status};

use super::MESSAGE_BYTES;
use super::outbox::{Next, Outbox};

use super::subscription::{self, Asked};
use crate::common::app::App;
use crate::common::codes;
use crate::common::places::Place;
use crate::common::rpc;
use crate::http::Transport;

/// How long a peer may take to say who it is.
const AUTH: Duration = Duration::from_secs(10);
/// How often a peer is asked whether it is there. It has until the next time to answer.
const PING: Duration = Duration::from_secs(30);
/// A right that ends by itself is looked at so often.
const RECHECK: Duration = Duration::from_secs(2);
/// How long a peer may take for its last frames.
const PARTING: Duration = Duration::from_secs(5);
/// Calls of one socket that wait at once.
const WAITING: usize = 64;

type Reader = SplitStream<WebSocketStream<Transport>>;
type Writer = SplitSink<WebSocketStream<Transport>, Message>;

/// Why a socket ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The peer is gone, or says good-bye.
    Gone,
    /// The server stops.
    Stopping,
    /// Its right is over.
    Revoked,
    /// It said something that is not understood.
    Unreadable,
    /// It sends more than it may.
    TooLarge,
    /// It does not read, or has too many sockets.
    TooMuch,
}

/// Serves a socket until it is over.
pub(super) async fn serve(app: &Arc<App>, stream: WebSocketStream<Transport>, last_call: impl Future<Output = ()>) {
    let (mut writer, mut reader) = stream.split();
    let mut last_call = std::pin::pin!(last_call);
    let outbox = Outbox::default();
    let opened = tokio::select! {
        opened = timeout(AUTH, open(app, &mut reader, &outbox)) => opened.unwrap_or(Err(End::Revoked)),
        () = &mut last_call => Err(End::Stopping),
    };
    let end = match opened {
        Ok((auth, place, client_id)) => {
            let mut session = Session::new(app, auth, client_id, outbox.clone());
            let ended = tokio::select! {
                end = session.serve(&mut reader) => end,
                end = send(&mut writer, &outbox) => end,
                () = &mut last_call => End::Stopping,
            };
            drop(place);
            ended
        }
        Err(end) => end,
    };
    let _ = timeout(PARTING, part(&mut writer, &mut reader, &outbox, end)).await;
}

/// Reads the credential; the socket's place among its client's, and the client.
async fn open(
    app: &Arc<App>,
    reader: &mut Reader,
    outbox: &Outbox,
) -> std::result::Result<(Arc<Auth>, Place, i64), End> {
    let Said::Text(text) = next(reader).await? else { return Err(End::Unreadable) };
    let auth = wire::json::decode(text.as_bytes())
        .map_err(|_| RequestError::of_body(text.as_bytes()))
        .and_then(|body| wire::rpc::auth(&body));
    let auth = match auth {
        Ok(auth) => Arc::new(auth),
        Err(error) => return Err(refuse(outbox, error)),
    };
    let client_id = match who(app, &auth).await {
        Ok(client_id) => client_id,
        Err(Error::Unauthorized) => return Err(refuse(outbox, RequestError::Unauthorized)),
        Err(Error::Locked) => {
            outbox.put(format!("{{\"status\":\"{}\"}}", Status::Locked.word()));
            return Err(End::Revoked);
        }
        Err(_) => return Err(refuse(outbox, RequestError::Internal)),
    };
    let place = app.places.socket(client_id).ok_or(End::TooMuch)?;
    outbox.put("{\"status\":\"ok\"}".to_owned());
    Ok((auth, place, client_id))
}

fn refuse(outbox: &Outbox, error: RequestError) -> End {
    if let Ok(text) = error.encode(Encoding::Json) {
        outbox.put(String::from_utf8_lossy(&text).into_owned());
    }
    End::Revoked
}

/// The client as which a credential calls at this moment.
async fn who(app: &App, auth: &Arc<Auth>) -> Result<i64> {
    let auth = Arc::clone(auth);
    app.store.peek(move |tx| Ok(rpc::authenticate(tx, &auth)?.id())).await
}

/// What both rest on: the client, and whoever is behind it.
async fn subjects(app: &App, auth: &Arc<Auth>) -> Result<Vec<Subject>> {
    let auth = Arc::clone(auth);
    app.store
        .peek(move |tx| {
            let caller = rpc::authenticate(tx, &auth)?;
            caller.standing_on(tx)
        })
        .await
}

/// A socket whose client is known.
struct Session {
    app: Arc<App>,
    auth: Arc<Auth>,
    client_id: i64,
    outbox: Outbox,
    tasks: JoinSet<()>,
    waiting: usize,
    subscriptions: Vec<Subscribed>,
}

struct Subscribed {
    subs_id: Json,
    rid: model::Rid,
    task: AbortHandle,
}

enum Said {
    Text(String),
    Pong,
}

impl Session {
    fn new(app: &Arc<App>, auth: Arc<Auth>, client_id: i64, outbox: Outbox) -> Session {
        Session {
            app: Arc::clone(app),
            auth,
            client_id,
            outbox,
            tasks: JoinSet::new(),
            waiting: 0,
            subscriptions: Vec::new(),
        }
    }

    async fn serve(&mut self, reader: &mut Reader) -> End {
        let (mut pings, mut checks) = (every(PING), every(RECHECK));
        let mut has_spoken = true;
        let is_lent = matches!(*self.auth, Auth::Token(_));
        let Ok(mut listener) = self.listen().await else { return End::Revoked };
        loop {
            tokio::select! {
                said = next(reader), if self.waiting < WAITING => match said {
                    Ok(Said::Text(text)) => {
                        has_spoken = true;
                        if let Err(end) = self.hear(&text).await {
                            return end;
                        }
                    }
                    Ok(Said::Pong) => has_spoken = true,
                    Err(end) => return end,
                },
                _ = listener.next() => match self.listen().await {
                    Ok(again) => listener = again,
                    Err(_) => return End::Revoked,
                },
                Some(_) = self.tasks.join_next() => self.forget_ended(),
                _ = checks.tick(), if is_lent => if who(&self.app, &self.auth).await.is_err() {
                    return End::Revoked;
                },
                _ = pings.tick() => {
                    if !std::mem::take(&mut has_spoken) {
                        return End::Gone;
                    }
                    self.outbox.ping();
                }
            }
        }
    }

    /// Hears of whatever may end the socket's right, which is looked up again under it.
    async fn listen(&self) -> Result<Listener> {
        let listener = self.app.store.listen(&subjects(&self.app, &self.auth).await?, 1);
        who(&self.app, &self.auth).await?;
        Ok(listener)
    }

    /// Answers a frame of calls.
    async fn hear(&mut self, text: &str) -> std::result::Result<(), End> {
        let read = wire::json::decode(text.as_bytes())
            .map_err(|_| RequestError::of_body(text.as_bytes()))
            .and_then(|body| wire::rpc::calls(body, self.app.limits()));
        let calls = match read {
            Ok(calls) => calls,
            Err(error) => {
                self.put(error.encode(Encoding::Json));
                return Ok(());
            }
        };
        let mut batch = Vec::new();
        for call in calls {
            let here = match &call.invocation {
                Ok(invocation) => subscription::read(call.id.as_ref(), invocation, self.app.limits()),
                Err(_) => None,
            };
            match here {
                Some(asked) => {
                    // What was asked before it is answered before it.
                    self.answer(std::mem::take(&mut batch)).await?;
                    let outcome = match asked {
                        Ok(asked) => self.subscribe_or_not(asked).await?,
                        Err(refusal) => refusal,
                    };
                    self.put(entry(call.id.as_ref(), &outcome));
                }
                None => match rpc::asked_one(&self.app, call) {
                    waiting if waiting.waits() => self.wait(waiting),
                    asked => batch.push(asked),
                },
            }
        }
        self.answer(batch).await
    }

    /// Runs calls that do not wait, and puts their answer.
    async fn answer(&mut self, batch: Vec<rpc::Asked>) -> std::result::Result<(), End> {
        if batch.is_empty() {
            return Ok(());
        }
        let never = std::future::pending::<()>;
        match rpc::run(&self.app, &self.auth, batch, Encoding::Json, MESSAGE_BYTES, never).await {
            Err(Error::Unauthorized) => Err(End::Revoked),
            Err(_) => {
                self.put(RequestError::Internal.encode(Encoding::Json));
                Ok(())
            }
            answer => {
                self.put(answer);
                Ok(())
            }
        }
    }

    /// Lets a call wait beside all others.
    fn wait(&mut self, asked: rpc::Asked) {
        let (app, auth, outbox) = (Arc::clone(&self.app), Arc::clone(&self.auth), self.outbox.clone());
        self.waiting += 1;
        self.tasks.spawn(async move {
            let never = std::future::pending::<()>;
            if let Ok(answer) = rpc::run(&app, &auth, vec![asked], Encoding::Json, MESSAGE_BYTES, never).await {
                put(&outbox, answer);
            }
        });
    }

    async fn subscribe_or_not(&mut self, asked: Asked) -> std::result::Result<Outcome, End> {
        match asked {
            Asked::Unsubscribe { named, subs_id } => {
                let rid = match named {
                    Some(named) => match self.rid_of(named).await {
                        Ok(rid) => Some(rid),
                        Err(Error::Unauthorized) => return Err(End::Revoked),
                        Err(error) => return Ok(codes::rpc(&error)),
                    },
                    None => None,
                };
                self.subscriptions.retain(|subscribed| {
                    let is_meant = rid.is_none_or(|rid| subscribed.rid == rid)
                        && subs_id.as_ref().is_none_or(|id| subscribed.subs_id == *id);
                    if is_meant {
                        subscribed.task.abort();
                    }
                    !is_meant
                });
                Ok(Outcome::Done)
            }
            Asked::Subscribe(subscription) => {
                let found = match subscription.find(&self.app, &self.auth).await {
                    Err(Error::Unauthorized) => return Err(End::Revoked),
                    Err(error) => return Ok(codes::rpc(&error)),
                    Ok(found) => found,
                };
                let Some(place) = self.app.places.subscription(self.client_id) else {
                    return Ok(Outcome::Failed(Status::Limit));
                };
                let (subs_id, rid) = (subscription.subs_id.clone(), found.rid());
                let (outbox, matched) = (self.outbox.clone(), subs_id.clone());
                let tell = move |outcome: Outcome| {
                    if let Ok(text) = entry(Some(&matched), &outcome) {
                        put(&outbox, text);
                    }
                };
                let (app, auth) = (Arc::clone(&self.app), Arc::clone(&self.auth));
                // It runs on this thread when this call has been acknowledged.
                let task = self.tasks.spawn(async move {
                    let _place = place;
                    subscription.run(app, auth, found, tell).await;
                });
                self.subscriptions.push(Subscribed { subs_id, rid, task });
                Ok(Outcome::Done)
            }
        }
    }

    async fn rid_of(&self, named: domain::resource::Named) -> Result<model::Rid> {
        let auth = Arc::clone(&self.auth);
        self.app
            .store
            .peek(move |tx| {
                let caller = rpc::authenticate(tx, &auth)?;
                Ok(caller.readable(tx, domain::caller::Right::Subscribe, &named)?.rid())
            })
            .await
    }

    fn forget_ended(&mut self) {
        self.subscriptions.retain(|subscribed| !subscribed.task.is_finished());
        self.waiting = self.tasks.len().saturating_sub(self.subscriptions.len());
    }

    fn put(&self, encoded: Result<Vec<u8>>) {
        match encoded {
            Ok(bytes) => put(&self.outbox, bytes),
            Err(error) => tracing::error!(%error, "an answer could not be written"),
        }
    }
}

fn every(period: Duration) -> tokio::time::Interval {
    let mut interval = interval_at(Instant::now() + period, period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

/// The answer to one call: a list of one entry.
fn entry(id: Option<&Json>, outcome: &Outcome) -> Result<Vec<u8>> {
    let mut answers = Answers::new(Encoding::Json, MESSAGE_BYTES);
    answers.push(id, outcome)?;
    Ok(answers.finish())
}

/// What has no id to be matched by is not answered.
fn put(outbox: &Outbox, bytes: Vec<u8>) {
    if !bytes.is_empty() {
        outbox.put(String::from_utf8_lossy(&bytes).into_owned());
    }
}

/// What the peer says next.
async fn next(reader: &mut Reader) -> std::result::Result<Said, End> {
    loop {
        match reader.next().await {
            Some(Ok(Message::Text(text))) => return Ok(Said::Text(text.as_str().to_owned())),
            Some(Ok(Message::Pong(_) | Message::Ping(_))) => return Ok(Said::Pong),
            Some(Ok(Message::Binary(_))) => return Err(End::Unreadable),
            Some(Ok(Message::Frame(_))) => {}
            Some(Ok(Message::Close(_))) | None => return Err(End::Gone),
            Some(Err(SocketError::Capacity(_))) => return Err(End::TooLarge),
            Some(Err(SocketError::Utf8(_) | SocketError::Protocol(_))) => return Err(End::Unreadable),
            Some(Err(_)) => return Err(End::Gone),
        }
    }
}

/// Sends what is in the outbox, until there is more in it than may be.
async fn send(writer: &mut Writer, outbox: &Outbox) -> End {
    loop {
        let sent = match outbox.next().await {
            Next::OverFull => return End::TooMuch,
            Next::Ping => writer.send(Message::Ping(Default::default())).await.map(|()| 0),
            Next::Text(text) => {
                let bytes = text.len();
                tokio::select! {
                    sent = writer.send(Message::Text(text.into())) => sent.map(|()| bytes),
                    () = outbox.over_full() => return End::TooMuch,
                }
            }
        };
        match sent {
            Ok(bytes) => outbox.sent(bytes),
            Err(_) => return End::Gone,
        }
    }
}

/// Says why, and lets the peer say good-bye.
async fn part(writer: &mut Writer, reader: &mut Reader, outbox: &Outbox, end: End) {
    let code = match end {
        End::Gone => None,
        End::Stopping => Some(CloseCode::Away),
        End::Revoked => Some(CloseCode::Policy),
        End::Unreadable => Some(CloseCode::Unsupported),
        End::TooLarge => Some(CloseCode::Size),
        End::TooMuch => Some(CloseCode::Again),
    };
    if end != End::TooMuch {
        while let Some(Next::Text(text)) = outbox.take() {
            if writer.send(Message::Text(text.into())).await.is_err() {
                return;
            }
        }
    }
    let frame = code.map(|code| CloseFrame { code, reason: Default::default() });
    if writer.send(Message::Close(frame)).await.is_ok() {
        while let Some(Ok(_)) = reader.next().await {}
    }
}
