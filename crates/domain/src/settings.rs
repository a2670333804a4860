//! What the operator sets for the rules.

use model::{Limits, Seconds};

/// Settings of the rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Sizes and counts.
    pub limits: Limits,
    /// The activation window of a model that sets none, in seconds.
    pub default_timeout_s: Seconds,
    /// The shortest window that a model may set.
    pub minimum_timeout_s: Seconds,
    /// The longest.
    pub maximum_timeout_s: Seconds,
    /// The vendors and models whose devices activate with a certificate only.
    pub certified: Vec<(String, String)>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            limits: Limits::default(),
            default_timeout_s: 86_400,
            minimum_timeout_s: 60,
            maximum_timeout_s: 31_536_000,
            certified: Vec::new(),
        }
    }
}
