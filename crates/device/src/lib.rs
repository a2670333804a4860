//! The device library.
