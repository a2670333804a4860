//! What ended: the rights that an older copy of the database still knows and must not give back (threat T39, promise I7).
//!
//! A right is named by its row and by the keyed hash that the row had, so that a row of the same id in another life of the
//! database is never meant. Nothing here is a secret.

use std::fmt;

use model::Rid;

use crate::KeyHash;

/// A right that has ended.
#[derive(Clone, Copy)]
pub enum Revoked {
    /// A CIK: replaced, killed, or gone with its client.
    Key {
        /// The client.
        client_id: i64,
        /// The hash of the dead key.
        hash: KeyHash,
    },
    /// A vendor token.
    Token {
        /// Its row.
        id: i64,
        /// The hash of the dead key.
        hash: KeyHash,
    },
    /// A token with lent rights, before its time was over.
    Grant {
        /// Its row.
        id: i64,
        /// The hash of the dead key.
        hash: KeyHash,
    },
    /// A share code.
    ShareCode {
        /// Its row.
        id: i64,
        /// The hash of the dead code.
        hash: KeyHash,
    },
    /// What a client could read by a share code that goes on.
    Reading {
        /// The row of the code.
        code_id: i64,
        /// The hash of the code.
        hash: KeyHash,
        /// Who could.
        client: Rid,
    },
    /// A model's share with a vendor.
    ModelShare {
        /// The model.
        model_id: i64,
        /// The vendor's client.
        partner: Rid,
    },
}

impl Revoked {
    /// One line of words, as it is kept.
    pub(crate) fn text(&self) -> String {
        let word = self.word();
        match self {
            Revoked::Key { client_id: id, hash }
            | Revoked::Token { id, hash }
            | Revoked::Grant { id, hash }
            | Revoked::ShareCode { id, hash } => format!("{word} {id} {}", hex(hash.as_bytes())),
            Revoked::Reading { code_id, hash, client } => format!("{word} {code_id} {} {client}", hex(hash.as_bytes())),
            Revoked::ModelShare { model_id, partner } => format!("{word} {model_id} {partner}"),
        }
    }

    /// Reads what [`Revoked::text`] wrote.
    pub(crate) fn parse(text: &str) -> Option<Revoked> {
        let words: Vec<&str> = text.split(' ').collect();
        let (&kind, id) = (words.first()?, words.get(1)?.parse().ok()?);
        let hash = || unhex(words.get(2)?).map(KeyHash::from_bytes);
        let rid = |place: usize| Rid::parse(words.get(place)?).ok();
        let (revoked, length) = match kind {
            "key" => (Revoked::Key { client_id: id, hash: hash()? }, 3),
            "token" => (Revoked::Token { id, hash: hash()? }, 3),
            "grant" => (Revoked::Grant { id, hash: hash()? }, 3),
            "share-code" => (Revoked::ShareCode { id, hash: hash()? }, 3),
            "reading" => (Revoked::Reading { code_id: id, hash: hash()?, client: rid(3)? }, 4),
            "model-share" => (Revoked::ModelShare { model_id: id, partner: rid(2)? }, 3),
            _ => return None,
        };
        (words.len() == length).then_some(revoked)
    }

    fn word(&self) -> &'static str {
        match self {
            Revoked::Key { .. } => "key",
            Revoked::Token { .. } => "token",
            Revoked::Grant { .. } => "grant",
            Revoked::ShareCode { .. } => "share-code",
            Revoked::Reading { .. } => "reading",
            Revoked::ModelShare { .. } => "model-share",
        }
    }
}

impl fmt::Debug for Revoked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N || !digits.iter().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again_and_nothing_else_is() {
        let (hash, rid) = (KeyHash::from_bytes([0xab; 32]), Rid::from_bytes([7; 20]));
        for revoked in [
            Revoked::Key { client_id: 5, hash },
            Revoked::Token { id: 6, hash },
            Revoked::Grant { id: 7, hash },
            Revoked::ShareCode { id: 8, hash },
            Revoked::Reading { code_id: 9, hash, client: rid },
            Revoked::ModelShare { model_id: 10, partner: rid },
        ] {
            let text = revoked.text();
            assert_eq!(Revoked::parse(&text).unwrap().text(), text);
            for wrong in [format!("{text} "), format!("x{text}"), text[..text.len() - 1].to_owned(), format!("{text}0")]
            {
                assert!(Revoked::parse(&wrong).is_none(), "{wrong}");
            }
        }
    }
}
