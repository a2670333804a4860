//! What every request can reach: the stores and the settings of one server.

use model::Limits;

/// One server.
pub struct App {
    /// The limits of the contract.
    pub limits: Limits,
}
