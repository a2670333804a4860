//! A person who has signed in to the portal, and what that person may do (threats T36 and section 4).
//!
//! A session is looked up inside the transaction that acts on it, like every credential: a session that was ended, an account
//! that was removed or has another role now, is gone at once. An account acts as its client, by the same rules as a key would.

use model::{AccountName, Error, Noun, Result, Role, Seconds, SessionKey};
use store::Tx;
use store::table::account::{self, Account};
use store::table::account_session::{self as sessions, Session};
use store::table::{resource, vendor};

use super::{Caller, CallingClient, Vendor, VendorView, unlocked};
use crate::account::session_hash;

/// How often it is written down that a session is in use.
const NOTED_EVERY_S: Seconds = 60;
/// How long a one-time code may take after the password.
const HALF_S: Seconds = 300;

/// How long a sign-in lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// Without use.
    pub idle_s: Seconds,
    /// In all.
    pub absolute_s: Seconds,
}

/// A person whose session lives.
#[derive(Clone, Debug)]
pub struct SignedIn {
    account: Account,
    session: Session,
}

/// A person who administers the server.
#[derive(Clone, Debug)]
pub struct Administrator {
    account_id: i64,
    client_id: i64,
}

impl Default for Lifetimes {
    fn default() -> Lifetimes {
        Lifetimes { idle_s: 30 * 60, absolute_s: 12 * 3600 }
    }
}

/// The person whose living session this is.
pub fn person(tx: &mut Tx<'_>, key: &SessionKey, lifetimes: Lifetimes) -> Result<SignedIn> {
    let signed_in = any_session(tx, key, lifetimes)?;
    if !signed_in.session.is_whole {
        return Err(Error::Unauthorized);
    }
    Ok(signed_in)
}

/// The person whose living session this is, who looks on and does nothing: that does not count as use of the session.
pub fn onlooker(tx: &mut Tx<'_>, key: &SessionKey, lifetimes: Lifetimes) -> Result<SignedIn> {
    let signed_in = unnoted_session(tx, key, lifetimes)?;
    if !signed_in.session.is_whole {
        return Err(Error::Unauthorized);
    }
    Ok(signed_in)
}

/// The person of a session that may still wait for a one-time code.
pub(crate) fn any_session(tx: &mut Tx<'_>, key: &SessionKey, lifetimes: Lifetimes) -> Result<SignedIn> {
    let signed_in = unnoted_session(tx, key, lifetimes)?;
    let session = &signed_in.session;
    if session.is_whole && tx.now() >= session.used_at + NOTED_EVERY_S {
        tx.require_writing()?;
        sessions::note_use(tx, session.id)?;
    }
    Ok(signed_in)
}

fn unnoted_session(tx: &mut Tx<'_>, key: &SessionKey, lifetimes: Lifetimes) -> Result<SignedIn> {
    let hash = session_hash(tx, key);
    let (session, expected) = sessions::find_by_hash(tx, &hash)?.ok_or(Error::Unauthorized)?;
    let now = tx.now();
    let (idle_s, absolute_s) = match session.is_whole {
        true => (lifetimes.idle_s, lifetimes.absolute_s),
        false => (HALF_S, HALF_S),
    };
    let is_over = now >= session.used_at + idle_s || now >= session.created_at + absolute_s;
    if is_over || !hash.matches(&expected) {
        return Err(Error::Unauthorized);
    }
    let account = account::find(tx, session.account_id)?.ok_or(Error::Unauthorized)?;
    if resource::find(tx, account.client_id)?.is_none() {
        return Err(Error::Unauthorized);
    }
    Ok(SignedIn { account, session })
}

impl SignedIn {
    /// The row id of the account.
    pub fn id(&self) -> i64 {
        self.account.id
    }

    /// Its row.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// The name with which the person signed in.
    pub fn name(&self) -> &AccountName {
        &self.account.name
    }

    /// What the person may do.
    pub fn role(&self) -> Role {
        self.account.role
    }

    /// The session's row.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The row id of the client as which the person works: the account's own, or the one that an administrator has chosen.
    pub fn client_id(&self) -> i64 {
        match self.account.role {
            Role::PlatformAdministrator => self.session.acting_id.unwrap_or(self.account.client_id),
            _ => self.account.client_id,
        }
    }

    /// Whether this is an administrator who works as another client.
    pub fn acts_as_another(&self) -> bool {
        self.client_id() != self.account.client_id
    }

    /// The administrator of the server.
    pub fn administrator(&self) -> Result<Administrator> {
        match self.account.role {
            Role::PlatformAdministrator => {
                Ok(Administrator { account_id: self.account.id, client_id: self.account.client_id })
            }
            _ => Err(Error::Forbidden(Noun::Account)),
        }
    }

    /// The vendor that the person administers.
    pub fn vendor(&self, tx: &mut Tx<'_>) -> Result<Vendor> {
        match self.account.role {
            Role::VendorAdministrator | Role::PlatformAdministrator => Ok(Vendor { view: self.look_at_vendor(tx)? }),
            Role::VendorViewer | Role::Owner => Err(Error::Forbidden(Noun::Account)),
        }
    }

    /// The vendor that the person may look at.
    pub fn vendor_view(&self, tx: &mut Tx<'_>) -> Result<VendorView> {
        match self.account.role {
            Role::Owner => Err(Error::Forbidden(Noun::Account)),
            _ => self.look_at_vendor(tx),
        }
    }

    /// The client as which an owner, or an administrator in its place, works.
    pub fn client(&self, tx: &mut Tx<'_>) -> Result<CallingClient> {
        self.require_own_client()?;
        let Caller { .. } = self.caller(tx)?;
        Ok(CallingClient { id: self.client_id() })
    }

    /// The caller of the resource API as whom the person works. One who may only look is none.
    pub fn caller(&self, tx: &mut Tx<'_>) -> Result<Caller> {
        self.require_own_client()?;
        unlocked(tx, self.client_id(), self.client_id(), None)
    }

    fn require_own_client(&self) -> Result<()> {
        match self.account.role {
            Role::VendorViewer => Err(Error::Forbidden(Noun::Account)),
            _ => Ok(()),
        }
    }

    fn look_at_vendor(&self, tx: &mut Tx<'_>) -> Result<VendorView> {
        let row = vendor::find(tx, self.client_id())?.ok_or(Error::Forbidden(Noun::Vendor))?;
        match resource::is_locked(tx, row.client_id)? {
            Some(true) => Err(Error::Locked),
            _ => Ok(VendorView::of(row)),
        }
    }
}

impl Administrator {
    /// The row id of the account.
    pub fn account_id(&self) -> i64 {
        self.account_id
    }

    /// The row id of the client above all, as which it acts.
    pub fn client_id(&self) -> i64 {
        self.client_id
    }
}
