//! Vendor tokens (contract, manage.md "Vendor tokens").

use model::{Error, Noun, Result, Token, TokenId};
use store::table::event::Verb;
use store::table::vendor_token;
use store::{Subject, Tx};

use crate::Settings;
use crate::caller::{Vendor, VendorView};
use crate::key;
use crate::provision::log;

/// The ids of the vendor's tokens.
pub fn list(tx: &mut Tx<'_>, vendor: &VendorView) -> Result<Vec<TokenId>> {
    vendor_token::list(tx, vendor.id())
}

/// Makes a token.
pub fn create(tx: &mut Tx<'_>, vendor: &Vendor, id: &TokenId) -> Result<Token> {
    let row = tx.next_id()?;
    let issued = key::issue::<Token>(tx, row)?;
    if !vendor_token::insert(tx, row, vendor.id(), id, &issued.hash, &issued.sealed)? {
        return Err(Error::Exists(Noun::Token, None));
    }
    log::note(tx, Verb::TokenMade, Some(vendor.id()), Some(id.as_str()))?;
    Ok(issued.key)
}

/// Shows a token again; that it was shown is written down.
pub fn show(tx: &mut Tx<'_>, settings: &Settings, vendor: &Vendor, id: &TokenId) -> Result<Token> {
    if settings.conceals(vendor.name()) {
        return Err(Error::Forbidden(Noun::Token));
    }
    tx.require_writing()?;
    let (row, sealed) = vendor_token::find(tx, vendor.id(), id)?.ok_or(Error::Absent(Noun::Token))?;
    log::note(tx, Verb::TokenShown, Some(vendor.id()), Some(id.as_str()))?;
    key::open(tx, row, &sealed)
}

/// Kills a token.
pub fn delete(tx: &mut Tx<'_>, vendor: &Vendor, id: &TokenId) -> Result<()> {
    if !vendor_token::delete(tx, vendor.id(), id)? {
        return Err(Error::Absent(Noun::Token));
    }
    log::note(tx, Verb::TokenKilled, Some(vendor.id()), Some(id.as_str()))?;
    tx.touch(Subject::Vendor(vendor.id()));
    Ok(())
}
