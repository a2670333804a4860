//! What happens to a value on its way into a series, and from there to others (contract, rpc.md "Processing").

mod arrive;
mod dispatch;
mod evaluate;
mod method;
mod number;
mod preprocess;
mod rule;
mod step;

pub(crate) use arrive::arrive;
pub use arrive::elapse;
pub use dispatch::{Delivery, Message, settle, settle_interrupted, take_messages};
pub(crate) use evaluate::arm;
pub use method::Method;
pub use rule::{Comparison, Condition, Repeat, Rule};
pub use step::{Operand, Operation, Step};
