//! What the operator sets for the rules.

use model::{Limits, Seconds, VendorName};

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
    /// The vendors whose secrets are told when they are made and never shown again; `*` is every vendor.
    pub no_reveal: Vec<String>,
}

impl Settings {
    /// Whether the secrets of a vendor are never shown again.
    pub fn conceals(&self, vendor: &VendorName) -> bool {
        self.no_reveal.iter().any(|name| name == "*" || name == vendor.as_str())
    }
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            limits: Limits::default(),
            default_timeout_s: 86_400,
            minimum_timeout_s: 60,
            maximum_timeout_s: 31_536_000,
            certified: Vec::new(),
            no_reveal: Vec::new(),
        }
    }
}
