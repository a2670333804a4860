//! Ending again what an older copy of the database still knows (threat T39, promise I7): what the revocation journal says is
//! done to the copy before anything is served from it.

use model::{Error, Result, UnixSeconds};
use store::journal::Record;
use store::table::client;
use store::table::event::Verb;
use store::table::{
    account_session, grant, invitation, model_share, resource, revocation, serial_number, share_code, vendor_token,
};
use store::{KeyHash, Revoked, Subject, Tx};

use crate::provision::log;
use crate::resource::room;

/// How much of what ended was still living in the copy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Keys of clients.
    pub keys: u64,
    /// Tokens of vendors, and tokens with lent rights.
    pub tokens: u64,
    /// Share codes, what clients could read by them, and shares of models.
    pub shares: u64,
}

/// Ends all of it, in this one transaction.
pub fn replay(tx: &mut Tx<'_>, records: &[Record]) -> Result<Replayed> {
    tx.require_writing()?;
    let mut replayed = Replayed::default();
    for record in records {
        if !revocation::lives(tx, &record.revoked)? {
            continue;
        }
        match &record.revoked {
            Revoked::Key { client_id, .. } => {
                end_key(tx, *client_id, record.at)?;
                replayed.keys += 1;
            }
            Revoked::Token { id, hash } => {
                if let Some(vendor_id) = vendor_token::delete_revoked(tx, *id, hash)? {
                    log::note(tx, Verb::TokenKilled, None, Some(&again(record.at)))?;
                    tx.touch(Subject::Vendor(vendor_id));
                }
                replayed.tokens += 1;
            }
            Revoked::Grant { id, hash } => {
                grant::delete_revoked(tx, *id, hash)?;
                replayed.tokens += 1;
            }
            Revoked::ShareCode { id, .. } => {
                end_code(tx, *id)?;
                replayed.shares += 1;
            }
            Revoked::Reading { code_id, hash, client } => {
                let client = resource::find_by_rid(tx, *client)?;
                if let (Some(client), Some((code, kept))) = (client, share_code::find_with_hash(tx, *code_id)?) {
                    require_same(&kept, hash)?;
                    share_code::deactivate(tx, code.id, client.id)?;
                    tx.touch(Subject::Resource(code.resource_id));
                }
                replayed.shares += 1;
            }
            Revoked::ModelShare { model_id, partner } => {
                if let Some(partner) = resource::find_by_rid(tx, *partner)? {
                    model_share::delete(tx, *model_id, partner.id)?;
                    log::note(tx, Verb::Unshared, None, Some(&again(record.at)))?;
                    tx.touch(Subject::Vendor(partner.id));
                }
                replayed.shares += 1;
            }
        }
    }
    if let Some(newest) = records.last() {
        revocation::catch_up(tx, newest.number)?;
    }
    Ok(replayed)
}

/// Ends every session of the portal and takes every link back that was given out: which of them ended since the copy was made
/// nobody knows, and both are easily had anew.
pub fn end_visits(tx: &mut Tx<'_>) -> Result<()> {
    account_session::delete_all(tx)?;
    invitation::delete_all(tx).map(|_| ())
}

fn end_key(tx: &mut Tx<'_>, client_id: i64, at: UnixSeconds) -> Result<()> {
    client::expire(tx, client_id)?;
    tx.touch(Subject::Client(client_id));
    match serial_number::find_of_client(tx, client_id)? {
        Some(_) => log::note_on_client(tx, client_id, Verb::Disabled, None),
        None => log::note(tx, Verb::Disabled, None, Some(&again(at))),
    }
}

fn end_code(tx: &mut Tx<'_>, id: i64) -> Result<()> {
    let Some((code, _)) = share_code::find_with_hash(tx, id)? else { return Ok(()) };
    share_code::delete(tx, id)?;
    if let Some(owner_id) = resource::find(tx, code.resource_id)?.and_then(|shared| shared.owner_id) {
        room::give_back(tx, owner_id, &room::one_share())?;
    }
    tx.touch(Subject::Resource(code.resource_id));
    Ok(())
}

fn require_same(kept: &KeyHash, named: &KeyHash) -> Result<()> {
    if kept.matches(named) { Ok(()) } else { Err(Error::internal("a code changed while it was looked at")) }
}

fn again(at: UnixSeconds) -> String {
    format!("again after a restore; first at {at}")
}
