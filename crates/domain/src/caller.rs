//! From a credential to what it may do. The only place that makes authority.
//!
//! A credential is looked up inside the transaction that acts on it, so a right that was revoked before the transaction
//! began is gone (promise I7). Nothing tells a malformed credential from an unknown one.

use std::ops::Deref;

use model::{Cik, Error, ModelName, Noun, Result, SecretKey, Token};
use store::table::client::{self, State};
use store::table::{vendor, vendor_token};
use store::{Keyring, Stamp, Store, Subject, Tx};

use crate::key;

mod grant;
mod own;
mod person;
mod reach;
mod view;

pub use grant::{Grant, Right, by_grant};
pub use own::{Claim, Offered, OwnDevice};
pub(crate) use person::any_session;
pub use person::{Administrator, Lifetimes, SignedIn, onlooker, person};
use reach::unlocked;
pub use reach::{Caller, ClientWithin, Controlled, Readable, Seen, Standing, Writable, calling};
pub use view::{ModelView, NumbersView, VendorView};

/// What a request showed.
#[derive(Clone)]
pub enum Credential {
    /// Nothing, or nothing that could be a key.
    Absent,
    /// A CIK.
    Cik(Cik),
    /// A vendor token.
    Token(Token),
    /// Either of them (`Authorization: Bearer`).
    Bearer([u8; 20]),
}

/// A client that showed its living CIK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallingClient {
    id: i64,
}

/// A client that showed its living CIK a moment ago, as a cache keeps it under the [`fingerprint`] of that CIK.
#[derive(Clone, Copy, Debug)]
pub struct Remembered {
    client: CallingClient,
    stamp: Stamp,
}

/// A vendor that showed its CIK or one of its tokens, or a person who administers it. It sees what a [`VendorView`] sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vendor {
    view: VendorView,
}

/// A model that belongs to the calling vendor. It shows what a [`ModelView`] shows.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnedModel {
    view: ModelView,
    vendor: Vendor,
}

/// The serial numbers of a model, as far as the caller may touch them: all of its own model, or through a share those that
/// it enabled itself. They show what a [`NumbersView`] shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Numbers {
    view: NumbersView,
}

impl Credential {
    /// What stands in a CIK header.
    pub fn from_cik(text: &str) -> Credential {
        Cik::parse(text).map_or(Credential::Absent, Credential::Cik)
    }

    /// What stands in a token header.
    pub fn from_token(text: &str) -> Credential {
        Token::parse(text).map_or(Credential::Absent, Credential::Token)
    }

    /// What stands behind `Bearer`.
    pub fn from_bearer(text: &str) -> Credential {
        Cik::parse(text).map_or(Credential::Absent, |key| Credential::Bearer(*key.expose_bytes()))
    }

    /// The same credential where a token header may hold a CIK as well (contract, manage.md "Registration").
    pub fn either(self) -> Credential {
        match self {
            Credential::Token(token) => Credential::Bearer(*token.expose_bytes()),
            other => other,
        }
    }

    fn as_cik(&self) -> Option<Cik> {
        match self {
            Credential::Cik(cik) => Some(cik.clone()),
            Credential::Bearer(bytes) => Some(Cik::from_bytes(*bytes)),
            Credential::Token(_) | Credential::Absent => None,
        }
    }

    fn as_token(&self) -> Option<Token> {
        match self {
            Credential::Token(token) => Some(token.clone()),
            Credential::Bearer(bytes) => Some(Token::from_bytes(*bytes)),
            Credential::Cik(_) | Credential::Absent => None,
        }
    }
}

/// The client whose living CIK this is, unless it is locked. The first use of a key is written down before anything is answered to it.
pub fn client(tx: &mut Tx<'_>, credential: &Credential) -> Result<CallingClient> {
    let cik = credential.as_cik().ok_or(Error::Unauthorized)?;
    let id = key::locate(tx.keyring(), &cik);
    let (client, expected, locked) = client::find_calling(tx, id)?.ok_or(Error::Unauthorized)?;
    let hash = key::hash(tx, &cik);
    if !hash.matches(&expected) {
        return Err(Error::Unauthorized);
    }
    match client.state {
        State::Used | State::Answered if locked => Err(Error::Locked),
        State::Used => Ok(CallingClient { id }),
        State::Answered => {
            tx.require_writing()?;
            if !client::mark_used(tx, id, &hash)? {
                return Err(Error::Unauthorized);
            }
            tx.touch(Subject::Client(id));
            Ok(CallingClient { id })
        }
        State::NotActivated | State::Expired => Err(Error::Unauthorized),
    }
}

/// What a cache knows a CIK by: its keyed hash. That says nothing about whether the key is good.
pub fn fingerprint(keyring: &Keyring, credential: &Credential) -> Option<[u8; 32]> {
    let cik = credential.as_cik()?;
    Some(*keyring.hash(<Cik as key::Purpose>::PURPOSE, cik.expose_bytes()).as_bytes())
}

/// The client whose living CIK this is, to be kept in a cache.
pub fn remember(tx: &mut Tx<'_>, credential: &Credential) -> Result<Remembered> {
    Ok(Remembered { client: client(tx, credential)?, stamp: tx.stamp() })
}

/// The client that was remembered under this credential, or what the credential means now.
pub fn again(tx: &mut Tx<'_>, remembered: &Remembered, credential: &Credential) -> Result<CallingClient> {
    if tx.is_unchanged(Subject::Client(remembered.id()), remembered.stamp) {
        return Ok(remembered.client);
    }
    client(tx, credential)
}

/// The vendor that calls, by its CIK or a token. A good credential of no vendor is forbidden here.
pub fn vendor(tx: &mut Tx<'_>, credential: &Credential) -> Result<Vendor> {
    if let Some(vendor) = vendor_by_token(tx, credential)? {
        return Ok(vendor);
    }
    vendor_by_cik(tx, credential)
}

/// The vendor that calls by its CIK; a token is forbidden here.
pub fn vendor_by_cik_only(tx: &mut Tx<'_>, credential: &Credential) -> Result<Vendor> {
    if vendor_by_token(tx, credential)?.is_some() {
        return Err(Error::Forbidden(Noun::Token));
    }
    vendor_by_cik(tx, credential)
}

/// The client behind a CIK or, through its vendor, behind a token.
pub fn client_or_vendor(tx: &mut Tx<'_>, credential: &Credential) -> Result<CallingClient> {
    match vendor_by_token(tx, credential)? {
        Some(vendor) => Ok(CallingClient { id: vendor.id() }),
        None => client(tx, credential),
    }
}

fn vendor_by_cik(tx: &mut Tx<'_>, credential: &Credential) -> Result<Vendor> {
    let client = client(tx, credential)?;
    let row = vendor::find(tx, client.id)?.ok_or(Error::Forbidden(Noun::Vendor))?;
    Ok(Vendor { view: VendorView::of(row) })
}

fn vendor_by_token(tx: &mut Tx<'_>, credential: &Credential) -> Result<Option<Vendor>> {
    let Some(token) = credential.as_token() else { return Ok(None) };
    let row = key::locate(tx.keyring(), &token);
    let Some((vendor_id, expected)) = vendor_token::find_with_hash(tx, row)? else { return Ok(None) };
    if !key::hash(tx, &token).matches(&expected) {
        return Ok(None);
    }
    Ok(vendor::find(tx, vendor_id)?.map(|row| Vendor { view: VendorView::of(row) }))
}

impl CallingClient {
    /// Its row id.
    pub fn id(&self) -> i64 {
        self.id
    }
}

impl Remembered {
    /// The client's row id.
    pub fn id(&self) -> i64 {
        self.client.id
    }

    /// Whether the key still is what it was, as far as this process knows.
    pub fn is_believed(&self, store: &Store) -> bool {
        store.is_unchanged(Subject::Client(self.client.id), self.stamp)
    }
}

impl Vendor {
    /// Its model of that name. Another vendor's model is absent.
    pub fn model(&self, tx: &mut Tx<'_>, name: &ModelName) -> Result<OwnedModel> {
        Ok(OwnedModel { view: self.view.model_view(tx, name)?, vendor: self.clone() })
    }

    /// The serial numbers of its own model or, where `maker` is named, of a model that this vendor shares with it. No share, an
    /// ended one and no such model are one and the same.
    pub fn numbers(&self, tx: &mut Tx<'_>, name: &ModelName, maker: Option<&str>) -> Result<Numbers> {
        Ok(Numbers { view: self.view.numbers_view(tx, name, maker)? })
    }
}

impl OwnedModel {
    /// The vendor that calls, to which it belongs.
    pub fn vendor(&self) -> &Vendor {
        &self.vendor
    }

    /// All its serial numbers.
    pub fn numbers(self) -> Numbers {
        Numbers { view: self.view.numbers_view() }
    }
}

impl Deref for Vendor {
    type Target = VendorView;

    fn deref(&self) -> &VendorView {
        &self.view
    }
}

impl Deref for OwnedModel {
    type Target = ModelView;

    fn deref(&self) -> &ModelView {
        &self.view
    }
}

impl Deref for Numbers {
    type Target = NumbersView;

    fn deref(&self) -> &NumbersView {
        &self.view
    }
}
