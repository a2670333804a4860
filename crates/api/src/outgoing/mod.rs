//! What the server sends of itself: the messages of dispatches (contract, rpc.md "Processing"; threat T37). The rules say what there
//! is to send and are told what became of it; here is how.

mod address;
mod mail;
mod request;

use std::sync::Arc;
use std::time::Duration;

use domain::processing::{self, Delivery, Message, Method};
use model::Result;
use tokio::task::JoinSet;

use crate::common::app::App;

pub use address::Network;
pub use mail::{Encryption, Relay};

/// Messages on their way at once.
const AT_ONCE: usize = 32;
/// Pause after a look that found nothing to send.
const EVERY: Duration = Duration::from_secs(1);
/// How long one message may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the operator says of sending.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where mail goes; without one none is sent.
    pub relay: Option<Relay>,
    /// Networks that are not public and may be called all the same.
    pub allowed: Vec<Network>,
}

/// Sends what there is to send, until it is dropped.
pub async fn send_all(app: Arc<App>, options: Options) {
    let options = Arc::new(options);
    let mut under_way = JoinSet::new();
    let mut was_keeper = false;
    loop {
        // Where several servers share the rows, one of them sends, and knows nothing of what the one before it was sending.
        let is_keeper = app.store.is_keeper();
        if is_keeper
            && !was_keeper
            && let Err(error) = app.store.write(processing::settle_interrupted).await
        {
            tracing::warn!(%error, "cannot say what became of messages");
        }
        was_keeper = is_keeper;
        let room = if is_keeper { AT_ONCE - under_way.len() } else { 0 };
        match take(&app, room).await {
            Ok(messages) => {
                for message in messages {
                    let options = Arc::clone(&options);
                    under_way.spawn_blocking(move || (message.id, send(&options, &message)));
                }
            }
            Err(error) => tracing::warn!(%error, "cannot look for messages"),
        }
        let pause = tokio::time::sleep(EVERY);
        tokio::select! {
            Some(sent) = under_way.join_next() => match sent {
                Ok(delivery) => settle(&app, delivery).await,
                Err(error) => tracing::error!(%error, "sending a message failed"),
            },
            () = pause => {}
        }
    }
}

async fn take(app: &App, room: usize) -> Result<Vec<Message>> {
    if room == 0 {
        return Ok(Vec::new());
    }
    app.store.read(move |tx| processing::take_messages(tx, room as i64)).await
}

async fn settle(app: &App, delivery: (i64, Delivery)) {
    if let Err(error) = app.store.write(move |tx| processing::settle(tx, &[delivery])).await {
        tracing::warn!(%error, "cannot say what became of a message");
    }
}

fn send(options: &Options, message: &Message) -> Delivery {
    match message.method {
        Method::Email => match &options.relay {
            Some(relay) => relay.send(message, PATIENCE),
            None => Delivery::Undelivered("no mail relay is set up"),
        },
        Method::HttpGet | Method::HttpPost | Method::HttpPut => request::send(&options.allowed, message, PATIENCE),
        Method::Sms => Delivery::Undelivered("this server cannot send short messages"),
        Method::Xmpp => Delivery::Undelivered("this server does not speak XMPP"),
    }
}
