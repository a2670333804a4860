//! A section of the configuration: its keys, with what is printed of them.

use serde::Serialize;
use toml::Table;

/// A section that knows its comments.
pub trait Section: Default + Serialize {
    /// What the section is about.
    const ABOUT: &'static [&'static str];
    /// Every key with its comment, in the order in which they are printed.
    const KEYS: &'static [(&'static str, &'static [&'static str])];
}

/// Declares a section: for each key its comment, type and default.
macro_rules! section {
    ($(#[doc = $about:literal])+ $name:ident { $($(#[doc = $comment:literal])+ $key:ident: $type:ty = $default:expr,)+ }) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            $($(#[doc = $comment])+ pub $key: $type,)+
        }

        impl Default for $name {
            fn default() -> $name {
                $name { $($key: $default,)+ }
            }
        }

        impl $crate::config::section::Section for $name {
            const ABOUT: &'static [&'static str] = &[$($about),+];
            const KEYS: &'static [(&'static str, &'static [&'static str])] =
                &[$((stringify!($key), &[$($comment),+])),+];
        }
    };
}

pub(super) use section;

/// Writes a section with its defaults.
pub fn print_onto<S: Section>(text: &mut String, name: &str) {
    // A section holds plain values, which all have a spelling in TOML.
    let values = Table::try_from(S::default()).unwrap_or_default();
    text.push('\n');
    comment_onto(text, S::ABOUT);
    text.push_str(&format!("[{name}]\n"));
    for (key, comment) in S::KEYS {
        if let Some(value) = values.get(*key) {
            comment_onto(text, comment);
            text.push_str(&format!("{key} = {value}\n"));
        }
    }
}

fn comment_onto(text: &mut String, comment: &[&str]) {
    for line in comment {
        text.push_str(&format!("#{line}\n"));
    }
}
