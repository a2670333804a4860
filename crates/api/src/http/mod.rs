//! The HTTP door (contract, README "Rules for every HTTP answer"): connections, requests, answers; `routes` says who
//! answers what.

mod answer;
mod body;
mod head;
mod path;
mod provision;
mod refuse;
mod routes;

pub use answer::Answer;
pub use body::Body;
pub use head::{Credentials, Head};
pub use path::Segments;
pub use refuse::refuse;
pub use routes::route;

/// A request: its head, which can be borrowed while the body is read.
pub struct Request {
    /// Method, path, query, headers and peer.
    pub head: Head,
    /// The body, unread.
    pub body: Body,
}
