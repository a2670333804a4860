//! Provisioning over HTTP: what devices call, and what vendors call.

mod blob;
pub(super) mod device;
pub(super) mod download;
mod entry;
pub(super) mod manage;

pub(super) use entry::{Kind, body_form, credential, device_credential, require_kind, text};
