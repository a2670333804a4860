//! The web pages for vendors and owners, rendered by the server. A page decodes a form, calls a rule of `domain`, and shows what
//! came of it; it has no rule of its own. Everything here is also possible over the API or the command line.
//!
//! The portal knows nothing of the listener: it takes a [`Request`] and gives a [`Response`], which the binary carries over.

use std::sync::Arc;

use blob::BlobStore;
use domain::Settings;
use domain::caller::Lifetimes;
use model::Limits;
use store::Store;

mod assets;
mod budget;
mod cookie;
mod events;
mod exchange;
mod form;
mod frame;
mod gate;
mod guard;
mod host;
mod label;
mod markup;
mod multipart;
mod pages;
mod refusal;
mod routes;
mod segment;
mod visit;

pub use exchange::{Body, Content, Pieces, Request, Response};
pub use host::BaseUrl;
pub use label::{label_url, svg as label_svg};

/// What the operator sets.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where browsers find the portal; none where that is only this machine, or an address.
    pub base_url: Option<BaseUrl>,
    /// How long a sign-in lasts.
    pub lifetimes: Lifetimes,
}

/// The pages of one server.
pub struct Portal {
    store: Arc<Store>,
    blobs: BlobStore,
    settings: Settings,
    options: Options,
    gate: gate::Gate,
    counting: pages::Counting,
    budget: budget::Budget,
    streams: events::Streams,
}

impl Portal {
    /// The pages over these stores.
    pub fn new(store: Arc<Store>, blobs: BlobStore, settings: Settings, options: Options) -> Portal {
        Portal {
            store,
            blobs,
            settings,
            options,
            gate: gate::Gate::new(),
            counting: pages::Counting::new(),
            budget: budget::Budget::new(),
            streams: events::Streams::default(),
        }
    }

    /// Whether a path is the portal's.
    pub fn has(path: &str) -> bool {
        path == "/" || path == "/portal" || path.starts_with("/portal/")
    }

    /// Answers one request.
    pub async fn answer(self: &Arc<Self>, request: Request) -> Response {
        routes::answer(self, request).await
    }

    fn limits(&self) -> &Limits {
        &self.settings.limits
    }
}
