//! The kit: what every suite needs to look at the real `cikada` binary from the outside.
//!
//! It starts and kills servers ([`Server`]), speaks HTTP byte by byte ([`Request`], [`Connection`], [`Answer`]), calls as a
//! vendor or a device ([`Vendor`], [`Device`]), reads answers as the smallest deployed firmware does ([`FieldDevice`])
//! plays transcripts ([`transcript`]), speaks CoAP ([`coap`]) over good links and bad ones ([`Relay`]), furnishes a server with something of
//! everything ([`World`]), looks into its database from outside ([`Witness`]), and drives a real browser ([`chromium`]). It shares no code with
//! the server: what it knows stands in the contract.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a broken expectation ends the test that made it")]

mod address;
mod answer;
mod binary;
mod browser;
mod cast;
pub mod chromium;
pub mod coap;
mod connection;
mod database;
mod device;
mod field_device;
pub mod flood;
mod form;
mod fsck;
mod gate;
mod luck;
mod postgres;
pub mod power;
mod relay;
mod request;
mod rpc;
pub mod rules;
mod server;
mod strace;
pub mod tap;
pub mod transcript;
mod vendor;
mod web_socket;
mod world;

pub use address::fresh_address;
pub use answer::Answer;
pub use binary::cikada;
pub use browser::{Browser, PASSWORD};
pub use cast::{Cast, Client};
pub use connection::Connection;
pub use database::{Held, Witness, damage, lock_database};
pub use device::Device;
pub use field_device::FieldDevice;
pub use form::{decode, encode, form};
pub use fsck::{Copy, Verdict, assert_sound, fsck};
pub use gate::Gate;
pub use luck::Luck;
pub use postgres::{Postgres, Stop};
pub use relay::{Relay, Weather};
pub use request::Request;
pub use rpc::{rpc_request, rpc_status};
pub use server::Server;
pub use strace::{Strace, strace};
pub use vendor::{Snapshot, Vendor};
pub use web_socket::{Heard, WebSocket};
pub use world::World;

/// A key that has the right form and belongs to nobody.
pub const UNKNOWN_KEY: &str = "00112233445566778899aabbccddeeff00112233";

/// Whether the text is a key or a RID: 40 lower-case hex digits.
pub fn is_hex40(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'))
}

/// A name that no other test of this process uses.
pub fn fresh_name(stem: &str) -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(1);
    format!("{stem}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}
