//! Pieces of HTTP/1 that are ours to decide.
