//! Time on the wire and in rows: whole seconds of Unix time, by the server's clock.

/// An instant: seconds since 1970-01-01T00:00:00Z.
pub type UnixSeconds = i64;

/// A span of time in seconds.
pub type Seconds = i64;
