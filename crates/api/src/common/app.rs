//! What every request can reach: the stores and the settings of one server.

use std::sync::Arc;

use blob::BlobStore;
use domain::Settings;
use model::Limits;
use store::Store;

use super::anchors::Anchors;
use super::callers::Callers;
use super::measures::Measures;
use super::places::Places;
use super::profiles::Profiles;
use super::shelves::Shelves;
use super::stopping::Stopping;
use super::tries::{Budgets, Tries};

/// One server.
pub struct App {
    /// The rows.
    pub store: Arc<Store>,
    /// The bytes of contents.
    pub blobs: BlobStore,
    /// The settings of the rules.
    pub settings: Settings,
    /// Who failed to activate how often.
    pub tries: Tries,
    /// Who called lately.
    pub callers: Callers,
    /// What aliases point at, and the newest values.
    pub profiles: Profiles,
    /// What devices may download, remembered.
    pub shelves: Shelves,
    /// Where pages of long lists ended.
    pub anchors: Anchors,
    /// Whether it is to end.
    pub stopping: Stopping,
    /// The sockets that clients hold.
    pub places: Places,
    /// What is counted for the operator.
    pub measures: Measures,
}

impl App {
    /// A server over these stores.
    pub fn new(store: Store, blobs: BlobStore, settings: Settings, budgets: Budgets) -> App {
        App {
            store: Arc::new(store),
            blobs,
            settings,
            tries: Tries::new(budgets),
            callers: Callers::new(),
            profiles: Profiles::new(),
            shelves: Shelves::new(),
            anchors: Anchors::new(),
            stopping: Stopping::new(),
            places: Places::default(),
            measures: Measures::new(),
        }
    }

    /// The limits of the contract.
    pub fn limits(&self) -> &Limits {
        &self.settings.limits
    }
}
