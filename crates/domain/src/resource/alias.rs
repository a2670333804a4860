//! Names that a client gives to its resources (contract, rpc.md `map`, `unmap`, `lookup`).

use model::{Alias, Error, Limits, Noun, Result, Rid, ShareCode};
use store::Tx;
use store::table::{alias, resource, share_code};

use super::Named;
use crate::caller::{Caller, ClientWithin, Controlled, Right};
use crate::key;

/// What somebody looks for.
#[derive(Clone)]
pub enum Sought {
    /// What a name points at; None is the client itself.
    Alias(Option<Alias>),
    /// Who owns a resource.
    Owner(Named),
    /// What a code shares.
    Shared(ShareCode),
}

/// Gives a name to a resource that the client owns. The same name again is fine; another resource's name is not free.
pub fn map(tx: &mut Tx<'_>, client: &ClientWithin, resource: &Controlled, name: &Alias) -> Result<()> {
    if resource.owner_id() != client.id() {
        return Err(Error::Forbidden(Noun::Resource));
    }
    let known = alias::find(tx, client.id(), name.as_str())?;
    if known == Some(resource.id()) {
        return Ok(());
    }
    if known.is_some() || !alias::insert(tx, client.id(), name.as_str(), resource.id())? {
        return Err(Error::Exists(Noun::Alias, None));
    }
    Ok(())
}

/// Takes a name away, if it was given.
pub fn unmap(tx: &mut Tx<'_>, client: &ClientWithin, name: &Alias) -> Result<()> {
    alias::delete(tx, client.id(), name.as_str()).map(|_| ())
}

/// The RID of what is looked for.
pub fn lookup(tx: &mut Tx<'_>, caller: &Caller, client: &ClientWithin, sought: &Sought) -> Result<Rid> {
    match sought {
        Sought::Alias(None) => Ok(client.row().rid),
        Sought::Alias(Some(name)) => {
            let id = alias::find(tx, client.id(), name.as_str())?.ok_or(Error::Absent(Noun::Alias))?;
            rid(tx, id)
        }
        // The owner of the caller itself is not the caller's to know.
        Sought::Owner(owned) => {
            let owned = caller.controlled(tx, Right::Lookup, owned)?;
            rid(tx, owned.owner_id())
        }
        Sought::Shared(code) => {
            let unknown = Error::Absent(Noun::Share);
            let id = key::locate(tx.keyring(), code);
            let (row, expected) = share_code::find_with_hash(tx, id)?.ok_or(unknown.clone())?;
            if !key::hash(tx, code).matches(&expected) {
                return Err(unknown);
            }
            rid(tx, row.resource_id)
        }
    }
}

fn rid(tx: &mut Tx<'_>, id: i64) -> Result<Rid> {
    let row = resource::find(tx, id)?.ok_or_else(|| Error::internal("a name of nothing"))?;
    Ok(row.rid)
}

/// Reads a name as it stands in a call: empty for the client itself.
pub fn sought_alias(text: &str, limits: &Limits) -> Result<Sought> {
    match text {
        "" => Ok(Sought::Alias(None)),
        name => Alias::parse(name, limits).map(|name| Sought::Alias(Some(name))),
    }
}
