//! What owners do with their devices: bring them in, look after them, hand them over (docs/src/owner.md).

mod claim;
mod devices;
mod history;
mod products;
mod reenable;
mod transfer;

pub use claim::{Claimed, claim};
pub use devices::{Outline, Port, count, device, devices};
pub use history::history;
pub use products::{Product, products};
pub use reenable::{is_held, reenable};
pub(crate) use transfer::code_hash;
pub use transfer::{DAYS_OPEN, Handover, accept, offer, offer_of, withdraw};
