//! The device's side of cikada: activation, key storage, safe download of content and the data calls, for firmware.
//!
//! Everything is a [`Machine`] without I/O: it says what to do next ([`Action`]), the firmware does it and says how it went
//! ([`Event`]). [`activation`] gets a key and keeps it, [`download`] gets an image and verifies it, [`data`], [`content`] and
//! [`coap`] make single calls, [`boot`] keeps two firmware slots apart. [`board`] runs a machine on four small traits, and
//! with the feature `std`, `blocking` implements them for a computer. Nothing here allocates but `blocking`.
#![cfg_attr(not(any(test, feature = "std")), no_std)]

pub mod activation;
mod backoff;
#[cfg(feature = "std")]
pub mod blocking;
pub mod board;
pub mod boot;
mod buffer;
pub mod coap;
pub mod content;
pub mod data;
mod dialogue;
pub mod download;
pub mod http;
mod identity;
pub mod journal;

pub use backoff::Pace;
pub use dialogue::{Action, Because, Env, Event, Machine, Record};
pub use identity::{BadName, Cik, Identity};

/// The manual's page, so that its program is compiled with every change.
#[cfg(all(doctest, feature = "std"))]
#[doc = include_str!("../../../docs/src/firmware-library.md")]
struct Manual;
