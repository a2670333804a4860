//! Rights that are lent for a time (contract, rpc.md `grant`).

use model::{Error, Noun, Result, Token};
use store::Tx;
use store::table::client::{self, State};
use store::table::{grant, resource};

use super::{Caller, unlocked};
use crate::key;

/// The right to call one procedure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is the procedure of its name")]
pub enum Right {
    Read,
    Write,
    WriteGroup,
    Record,
    RecordBatch,
    Flush,
    Wait,
    Create,
    Update,
    Info,
    Listing,
    Drop,
    Move,
    Usage,
    Map,
    Unmap,
    Lookup,
    Share,
    Activate,
    Deactivate,
    Revoke,
    Comment,
    Subscribe,
    /// To lend rights oneself; it cannot be lent.
    Grant,
}

/// What a token may do, read in the transaction in which it is used.
#[derive(Clone, Debug)]
pub struct Grant {
    rights: Vec<(i64, i64)>,
}

const LENT: [(Right, &str); 23] = [
    (Right::Read, "read"),
    (Right::Write, "write"),
    (Right::WriteGroup, "writegroup"),
    (Right::Record, "record"),
    (Right::RecordBatch, "recordbatch"),
    (Right::Flush, "flush"),
    (Right::Wait, "wait"),
    (Right::Create, "create"),
    (Right::Update, "update"),
    (Right::Info, "info"),
    (Right::Listing, "listing"),
    (Right::Drop, "drop"),
    (Right::Move, "move"),
    (Right::Usage, "usage"),
    (Right::Map, "map"),
    (Right::Unmap, "unmap"),
    (Right::Lookup, "lookup"),
    (Right::Share, "share"),
    (Right::Activate, "activate"),
    (Right::Deactivate, "deactivate"),
    (Right::Revoke, "revoke"),
    (Right::Comment, "comment"),
    (Right::Subscribe, "subscribe"),
];

/// The caller that a living token stands for. It dies with its time, with the key of the client that lent it, and where that
/// client no longer has the calling client in its tree.
pub fn by_grant(tx: &mut Tx<'_>, token: &Token) -> Result<Caller> {
    let id = key::locate(tx.keyring(), token);
    let (row, expected) = grant::find_with_hash(tx, id)?.ok_or(Error::Unauthorized)?;
    if !key::hash(tx, token).matches(&expected) || row.expires_at <= tx.now() {
        return Err(Error::Unauthorized);
    }
    let (lender, lender_hash) = client::find_with_hash(tx, row.lender_id)?.ok_or(Error::Unauthorized)?;
    let living = matches!(lender.state, State::Answered | State::Used) && lender_hash.matches(&row.lender_hash);
    if !living || !resource::is_within(tx, row.client_id, row.lender_id)? {
        return Err(Error::Unauthorized);
    }
    unlocked(tx, row.lender_id, row.lender_id, None)?;
    let rights = grant::list_rights(tx, id)?;
    unlocked(tx, row.client_id, row.lender_id, Some(Grant { rights }))
}

impl Right {
    /// The right to the procedure of that name, if it can be lent.
    pub fn from_word(word: &str) -> Option<Right> {
        LENT.iter().find(|(_, known)| *known == word).map(|(right, _)| *right)
    }

    /// Its bit in rows.
    pub fn bit(self) -> i64 {
        LENT.iter().position(|(right, _)| *right == self).map_or(0, |place| 1 << place)
    }
}

impl Grant {
    /// Makes sure that the right was lent on the resource, or on a client above it.
    pub(super) fn require(&self, tx: &mut Tx<'_>, right: Right, resource_id: i64) -> Result<()> {
        for (lent_on, rights) in &self.rights {
            if rights & right.bit() != 0 && (*lent_on == resource_id || resource::is_within(tx, resource_id, *lent_on)?)
            {
                return Ok(());
            }
        }
        Err(Error::Forbidden(Noun::Token))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_right_that_can_be_lent_has_a_word_and_a_bit_of_its_own() {
        let mut bits = 0;
        for (right, word) in LENT {
            assert_eq!(Right::from_word(word), Some(right));
            assert_eq!(bits & right.bit(), 0);
            bits |= right.bit();
        }
        assert_eq!(Right::Grant.bit(), 0);
        assert_eq!(Right::from_word("grant"), None);
    }
}
