//! The pages of an owner: my devices, one device, bringing one in, taking one over.

mod add;
mod card;
mod device;
mod devices;
mod live;
mod points;
mod take;
mod view;

pub use add::{add, form as add_form};
pub use device::{give, reenable, remove, rename, show as device, withdraw, write};
pub use devices::show as devices;
pub use live::{of_device as device_events, of_devices as devices_events};
pub use points::points;
pub use take::{form as take_form, take};
