//! People who use the portal: how they are called, what they may do, and the secrets that they show.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::{Error, Field, Limits, Result};

/// The name with which a person signs in, usually a mail address: visible ASCII, unique on the server whatever its case.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountName(String);

/// What a person may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Everything on this server.
    PlatformAdministrator,
    /// Everything that belongs to a vendor.
    VendorAdministrator,
    /// Looks at what belongs to a vendor and changes nothing.
    VendorViewer,
    /// Has devices.
    Owner,
}

impl AccountName {
    /// Takes text from outside, or refuses it. Spaces around it are no part of it.
    pub fn parse(text: &str, limits: &Limits) -> Result<AccountName> {
        const NAME: Field = Field("name");
        let text = text.trim();
        if text.len() > limits.id_bytes {
            return Err(Error::TooLarge(NAME));
        }
        let good =
            |c: u8| c.is_ascii_graphic() && !matches!(c, b'"' | b'\'' | b'<' | b'>' | b'&' | b',' | b'/' | b'\\');
        if text.is_empty() || !text.bytes().all(good) {
            return Err(Error::Malformed(NAME));
        }
        Ok(AccountName(text.to_owned()))
    }

    /// Takes text that was parsed before it was stored.
    pub fn from_stored(text: String) -> AccountName {
        AccountName(text)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text without case, by which it is found.
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Role {
    /// All of them.
    pub const ALL: [Role; 4] =
        [Role::PlatformAdministrator, Role::VendorAdministrator, Role::VendorViewer, Role::Owner];

    /// Its number in rows.
    pub fn code(self) -> i64 {
        match self {
            Role::PlatformAdministrator => 1,
            Role::VendorAdministrator => 2,
            Role::VendorViewer => 3,
            Role::Owner => 4,
        }
    }

    /// The role with this number.
    pub fn from_code(code: i64) -> Result<Role> {
        let role = Role::ALL.into_iter().find(|role| role.code() == code);
        role.ok_or_else(|| Error::internal(format_args!("stored role {code}")))
    }

    /// Its word in forms and on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Role::PlatformAdministrator => "administrator",
            Role::VendorAdministrator => "vendor-administrator",
            Role::VendorViewer => "vendor-viewer",
            Role::Owner => "owner",
        }
    }

    /// The role that this word stands for.
    pub fn from_word(word: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.word() == word)
    }

    /// What it is called on a page.
    pub fn title(self) -> &'static str {
        match self {
            Role::PlatformAdministrator => "Platform administrator",
            Role::VendorAdministrator => "Vendor administrator",
            Role::VendorViewer => "Vendor viewer",
            Role::Owner => "Owner",
        }
    }
}

macro_rules! long_key {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Zeroize, ZeroizeOnDrop)]
        pub struct $name([u8; 32]);

        impl $name {
            /// The key with these bytes.
            pub fn from_bytes(bytes: [u8; 32]) -> $name {
                $name(bytes)
            }

            /// Reads 64 lower-case hex digits; anything else is nobody's key.
            pub fn parse(text: &str) -> Option<$name> {
                read_hex(text).map($name)
            }

            /// Its 32 bytes: for hashing only.
            pub fn expose_bytes(&self) -> &[u8; 32] {
                &self.0
            }

            /// The 64 hex digits, for the one who is to keep it.
            pub fn expose_hex(&self) -> String {
                self.0.iter().map(|byte| format!("{byte:02x}")).collect()
            }
        }
    };
}

long_key! {
    /// The secret of a session, kept by a browser as a cookie. Like all secrets it has no `Debug`, no `Display` and no `==`.
    SessionKey
}
long_key! {
    /// The secret in the link of an invitation.
    InvitationKey
}

fn read_hex(text: &str) -> Option<[u8; 32]> {
    let digit = |c: u8| match c {
        b'0'..=b'9' => Some(c - b'0'),
        b'a'..=b'f' => Some(c - b'a' + 10),
        _ => None,
    };
    let text: &[u8; 64] = text.as_bytes().try_into().ok()?;
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_canonical_form() {
        let limits = Limits::default();
        let name = AccountName::parse("  Ada@Example.org ", &limits).unwrap();
        assert_eq!((name.as_str(), name.folded().as_str()), ("Ada@Example.org", "ada@example.org"));
        for bad in ["", " ", "a b", "a\tb", "é@b", "a<b", "a,b", "a\u{200b}b", "a/b"] {
            assert!(AccountName::parse(bad, &limits).is_err(), "{bad:?}");
        }
        assert!(AccountName::parse(&"x".repeat(129), &limits).is_err());
    }

    #[test]
    fn a_long_key_comes_back_from_its_digits_only() {
        let key = SessionKey::from_bytes([0xa5; 32]);
        assert_eq!(SessionKey::parse(&key.expose_hex()).unwrap().expose_bytes(), &[0xa5; 32]);
        for bad in ["", "a5", &"A5".repeat(32), &"a5".repeat(33), &"g5".repeat(32)] {
            assert!(SessionKey::parse(bad).is_none(), "{bad}");
        }
    }
}
