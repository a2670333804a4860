//! Names that parse or refuse (contract README, "Limits").

use std::fmt;

use crate::{Error, Field, Limits, Result};

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $field:literal, $check:path) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// The name as it stands on the wire in forms and errors.
            pub const FIELD: Field = Field($field);

            /// Takes text from outside, or refuses it.
            pub fn parse(text: &str, limits: &Limits) -> Result<$name> {
                $check(text, limits).map_err(|wrong| wrong.of(Self::FIELD))?;
                Ok($name(text.to_owned()))
            }

            /// Takes text that was parsed before it was stored.
            pub fn from_stored(text: String) -> $name {
                $name(text)
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text! {
    /// A vendor: unique on the server, also when only case differs.
    VendorName, "vendor", check_name
}
text! {
    /// A client model, unique within its vendor.
    ModelName, "model", check_name
}
text! {
    /// What a device can read about itself; unique within a model.
    SerialNumber, "sn", check_id
}
text! {
    /// The id of a content, unique within a model.
    ContentId, "id", check_id
}
text! {
    /// The id of a group, unique within a model.
    GroupId, "id", check_id
}
text! {
    /// The id of a vendor token, unique within a vendor.
    TokenId, "id", check_id
}
text! {
    /// A name, unique within its client, that points at one of the client's resources.
    Alias, "alias", check_id
}
text! {
    /// Free text kept with a content, a group or a membership; may hold line breaks, may be empty.
    Meta, "meta", check_meta
}
text! {
    /// Free text kept with a serial number; may hold line breaks, may be empty.
    Extra, "extra", check_meta
}

#[expect(clippy::derivable_impls, reason = "a derive would stand in the macro and give every name an empty default")]
impl Default for Meta {
    fn default() -> Meta {
        Meta(String::new())
    }
}

#[expect(clippy::derivable_impls, reason = "a derive would stand in the macro and give every name an empty default")]
impl Default for Extra {
    fn default() -> Extra {
        Extra(String::new())
    }
}

/// What was wrong with a text, before it is known which field it stood in.
enum Wrong {
    Form,
    Size,
}

impl Wrong {
    fn of(self, field: Field) -> Error {
        match self {
            Wrong::Form => Error::Malformed(field),
            Wrong::Size => Error::TooLarge(field),
        }
    }
}

fn check_name(text: &str, limits: &Limits) -> std::result::Result<(), Wrong> {
    let allowed = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-');
    match text.len() {
        0 => Err(Wrong::Form),
        n if n > limits.name_characters => Err(Wrong::Size),
        _ if text.bytes().all(allowed) => Ok(()),
        _ => Err(Wrong::Form),
    }
}

fn check_id(text: &str, limits: &Limits) -> std::result::Result<(), Wrong> {
    let forbidden = |c: char| c.is_control() || matches!(c, ',' | '/');
    match text.len() {
        0 => Err(Wrong::Form),
        n if n > limits.id_bytes => Err(Wrong::Size),
        _ if text.starts_with(' ') || text.ends_with(' ') => Err(Wrong::Form),
        _ if text.chars().any(forbidden) => Err(Wrong::Form),
        _ => Ok(()),
    }
}

/// PostgreSQL cannot keep a NUL in a text, so none is accepted anywhere.
fn check_meta(text: &str, limits: &Limits) -> std::result::Result<(), Wrong> {
    match text.len() {
        n if n > limits.meta_bytes => Err(Wrong::Size),
        _ if text.contains('\0') => Err(Wrong::Form),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_letters_digits_dot_underscore_dash() {
        let limits = Limits::default();
        for good in ["a", "A.b_c-9", &"x".repeat(100), "..", "-"] {
            assert!(VendorName::parse(good, &limits).is_ok(), "{good:?}");
        }
        for bad in ["", " a", "a b", "a/b", "a,b", "é", "a\n", "a%"] {
            assert_eq!(ModelName::parse(bad, &limits), Err(Error::Malformed(Field("model"))), "{bad:?}");
        }
        assert_eq!(VendorName::parse(&"x".repeat(101), &limits), Err(Error::TooLarge(Field("vendor"))));
    }

    #[test]
    fn an_id_is_any_text_without_controls_comma_slash_and_outer_spaces() {
        let limits = Limits::default();
        for good in ["0", "..", "a b", "01:02:03:04:05:FF", "é", &"x".repeat(128), "\u{202e}x", "a\u{a0}"] {
            assert!(SerialNumber::parse(good, &limits).is_ok(), "{good:?}");
        }
        for bad in ["", " ", " a", "a ", "a,b", "a/b", "a\u{7f}", "\0", "a\u{85}b", "a\tb"] {
            assert_eq!(SerialNumber::parse(bad, &limits), Err(Error::Malformed(Field("sn"))), "{bad:?}");
        }
        assert_eq!(GroupId::parse(&"é".repeat(65), &limits), Err(Error::TooLarge(Field("id"))));
    }

    #[test]
    fn meta_may_be_empty_and_hold_line_breaks_but_no_nul() {
        let limits = Limits::default();
        assert!(Meta::parse("", &limits).is_ok());
        assert!(Meta::parse("a\r\nb,\"c\"", &limits).is_ok());
        assert!(Extra::parse(&"x".repeat(1024), &limits).is_ok());
        assert_eq!(Extra::parse(&"x".repeat(1025), &limits), Err(Error::TooLarge(Field("extra"))));
        assert_eq!(Meta::parse("a\0", &limits), Err(Error::Malformed(Field("meta"))));
    }
}
