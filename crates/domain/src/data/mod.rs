//! What clients store and read: values in series (contract, data.md; rpc.md `read` to `wait`).

mod series;
mod store_points;
mod value;

pub use series::Series;
pub use store_points::{Point, store_points};
pub use value::Value;
