//! Provisioning: from a model and its serial numbers to a device with its key and its content.

mod access;
mod activate;
mod content;
mod disable;
mod dossier;
mod enable;
mod group;
pub mod log;
mod model;
mod number;
mod range;
mod reason;
mod remap;
mod search;
mod share;
mod template;

pub use access::{Shelf, device_shelf, shelf_of_number};
pub use activate::{Activate, Answer, Refusal, activate};
pub use content::{
    contents, create_content, delete_content, find_content, groups_of_content, replace_blob, require_content,
};
pub use disable::disable;
pub use dossier::{Dossier, dossier};
pub(crate) use enable::{Enabler, make_client, open_window};
pub use enable::{enable_for_owner, reenable};
pub use group::{
    MemberChange, add_members, create_group, delete_group, group_info, groups, groups_of_group, members, remove_members,
};
pub(crate) use model::wipe as wipe_model;
pub use model::{
    ModelChange, TemplateName, create as create_model, delete as delete_model, list as models, shared_models,
    show as show_model, update as update_model,
};
pub use number::{
    Listed, NewNumber, add as add_numbers, groups_of_number, list as numbers, list_of_partner as numbers_of_partner,
    remove as remove_numbers, show as show_number, show_log,
};
pub use range::{add as add_ranges, list as ranges, remove as remove_ranges};
pub use reason::{Reason, groups_giving, reasons};
pub use remap::remap;
pub use search::{Counts, Found, Search, count, known, search};
pub use share::{is_shared, partners, share, unshare};
pub use template::{Port, Shown as ShownTemplate, make_template, template_of};
