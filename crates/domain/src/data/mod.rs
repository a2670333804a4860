//! What clients store and read: values in series (contract, data.md; rpc.md `read` to `wait`).

mod alias;
mod flush;
mod read;
mod record;
pub mod retention;
mod selection;
mod series;
mod store_points;
mod value;
mod write;

pub use alias::{Target, resolve};
pub use flush::flush;
pub use read::{AliasRead, first_after, latest, read_aliases};
pub use record::{AliasRecord, Collision, absolute_time, record_aliases};
pub use selection::{Order, Reading, Selection, read};
pub use series::Series;
pub use store_points::{Point, store_points};
pub use value::Value;
pub use write::{AliasWrite, write, write_aliases, write_group};
