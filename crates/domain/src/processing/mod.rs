//! What happens to a value on its way into a series, and from there to others (contract, rpc.md "Processing").

mod method;
mod rule;
mod step;

pub use method::Method;
pub use rule::{Comparison, Condition, Repeat, Rule};
pub use step::{Operand, Operation, Step};
