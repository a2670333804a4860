//! The HTTP door (contract, README "Rules for every HTTP answer"): connections, requests, answers; `routes` says who
//! answers what.

use std::sync::Arc;

use model::tally::Gauge;

use crate::common::app::App;

mod answer;
mod body;
mod connection;
mod door;
mod head;
mod listener;
mod path;
mod profile;
mod provision;
mod refuse;
mod room;
mod routes;
mod rpc;
mod seat;
mod spelling;
mod stream;
pub mod tls;
mod transport;
mod websocket;
mod worker;

pub use answer::Answer;
pub use body::Body;
pub use head::{Credentials, Head, Watch};
pub use listener::{Listener, Options, serve};
pub use path::Segments;
pub use refuse::refuse;
pub use routes::{Route, route};
pub use seat::Patience;
pub use transport::Transport;

/// What stands behind the door.
pub trait Site: Send + Sync + 'static {
    /// Answers one request. A panic in it is answered with 500.
    fn answer(self: Arc<Self>, request: Request) -> impl Future<Output = Answer> + Send;

    /// Where open connections are counted, if anywhere.
    fn connections(&self) -> Option<&Gauge> {
        None
    }
}

impl Site for App {
    async fn answer(self: Arc<App>, request: Request) -> Answer {
        routes::route(&self, request).await
    }

    fn connections(&self) -> Option<&Gauge> {
        Some(&self.measures.connections)
    }
}

/// A request: its head, which can be borrowed while the body is read.
pub struct Request {
    /// Method, path, query, headers and peer.
    pub head: Head,
    /// The body, unread.
    pub body: Body,
}
