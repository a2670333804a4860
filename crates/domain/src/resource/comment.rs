//! Texts kept with a resource (contract, rpc.md `comment`).

use model::{Error, Field, Limits, Noun, Result};
use store::Tx;
use store::table::comment;

use crate::caller::Controlled;

/// Who may read a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// All who see the resource.
    Public,
    /// Its owner and itself.
    Private,
}

/// Texts of one resource.
const MOST: usize = 1_000;

/// Adds a text.
pub fn add_comment(
    tx: &mut Tx<'_>,
    limits: &Limits,
    resource: &Controlled,
    visibility: Visibility,
    text: &str,
) -> Result<()> {
    if text.len() > limits.meta_bytes {
        return Err(Error::TooLarge(Field("comment")));
    }
    if text.contains('\0') {
        return Err(Error::Malformed(Field("comment")));
    }
    if comment::list(tx, resource.id())?.len() >= MOST {
        return Err(Error::LimitReached(Noun::Resource));
    }
    comment::insert(tx, resource.id(), visibility == Visibility::Public, text)
}

impl Visibility {
    /// Its word.
    pub fn from_word(word: &str) -> Option<Visibility> {
        match word {
            "public" => Some(Visibility::Public),
            "private" => Some(Visibility::Private),
            _ => None,
        }
    }

    /// The word of it.
    pub fn word(self) -> &'static str {
        match self {
            Visibility::Public => "public",
            Visibility::Private => "private",
        }
    }
}
