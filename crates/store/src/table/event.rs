//! Table `event`: what happened, append only. A serial number's events form a chain from its newest one backwards, so
//! that an activation appends one row at the end of the table and touches no index.

use model::{Error, Result, UnixSeconds};

use crate::{KeyHash, Row, Tx, params};

/// What happened. The numbers are in rows and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    /// A device received its key.
    Activated = 1,
    /// A device was answered again with the same key, by its nonce.
    Repeated = 2,
    /// A device was answered again with a new key, by the model's grace.
    Regranted = 3,
    /// A try was refused: nobody had enabled the number.
    RefusedUnused = 4,
    /// A try was refused: another had already been answered.
    RefusedActivated = 5,
    /// A try was refused: the window was over, or the key disabled.
    RefusedExpired = 6,
    /// A try was refused: its model asks for a certificate, and the device has shown none.
    RefusedUnproven = 7,
    /// An owner or vendor enabled it: a new client, key and window.
    Enabled = 10,
    /// A new key and window.
    Reenabled = 11,
    /// The client came from another serial number.
    RemappedHere = 12,
    /// The client went to another serial number.
    RemappedAway = 13,
    /// The key was killed.
    Disabled = 14,
    /// The client was removed.
    Dropped = 15,
    /// Its owner made the key work.
    ActivatedByOwner = 16,
    /// Its owner replaced the key.
    KeyReplaced = 17,
    /// Its owner handed the client to another.
    HandedOver = 18,
    /// A model was shared with a vendor, or the share ended.
    Shared = 20,
    /// A share ended.
    Unshared = 21,
    /// A vendor token was made.
    TokenMade = 22,
    /// A vendor token was shown.
    TokenShown = 23,
    /// A vendor token was killed.
    TokenKilled = 24,
    /// A vendor name was registered.
    VendorRegistered = 25,
    /// A vendor name was given up.
    VendorUnregistered = 26,
    /// A content's blob was uploaded or replaced.
    BlobReplaced = 27,
    /// A client's key was shown to its owner.
    KeyShown = 28,
    /// Rights were lent for a time.
    RightsLent = 29,
    /// A person signed in to the portal.
    SignedIn = 40,
    /// A sign-in was refused.
    SignInRefused = 41,
    /// A person signed out, or a session was ended.
    SessionEnded = 42,
    /// A link that makes an account was given out, or taken back.
    Invited = 43,
    /// An account was made.
    AccountMade = 44,
    /// A person chose a password.
    PasswordChosen = 45,
    /// A second factor was set up or given up.
    SecondFactorChanged = 46,
    /// An account was removed.
    AccountRemoved = 47,
    /// An account got another role.
    RoleChanged = 48,
    /// A platform administrator began to work as another client.
    ActedAs = 49,
}

/// A row.
#[derive(Clone)]
pub struct Event {
    /// Row id; ascending in time.
    pub id: i64,
    /// The event before it of the same serial number.
    pub previous_id: Option<i64>,
    /// When.
    pub at: UnixSeconds,
    /// What.
    pub verb: Verb,
    /// The client that did it; a device that activates is nobody yet.
    pub actor_id: Option<i64>,
    /// The peer address of a device's try.
    pub address: Option<String>,
    /// The keyed hash of the nonce that the try brought.
    pub retry: Option<KeyHash>,
    /// What it was done to, where the chain does not say.
    pub detail: Option<String>,
}

const INSERT: &str = "
    INSERT INTO event (id, previous_id, at, verb, actor_id, address, retry, detail)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

/// Appends an event.
pub fn insert(tx: &mut Tx<'_>, event: &Event) -> Result<()> {
    let params = params![
        event.id,
        event.previous_id,
        event.at,
        event.verb as i64,
        event.actor_id,
        event.address.as_deref(),
        event.retry.as_ref().map(KeyHash::as_bytes),
        event.detail.as_deref(),
    ];
    tx.execute(INSERT, params).map(|_| ())
}

const FIND: &str = "
    SELECT id, previous_id, at, verb, actor_id, address, retry, detail
    FROM event
    WHERE id = $1";

/// The event with this id.
pub fn find(tx: &mut Tx<'_>, id: i64) -> Result<Option<Event>> {
    tx.find(FIND, params![id], value)
}

/// The chain that ends in `newest`, newest first, at most `limit` of them.
pub fn chain(tx: &mut Tx<'_>, newest: Option<i64>, limit: usize) -> Result<Vec<Event>> {
    let mut events = Vec::new();
    let mut next = newest;
    while let Some(id) = next.filter(|_| events.len() < limit) {
        // The chain of a long log ends where older events were removed.
        let Some(event) = find(tx, id)? else { break };
        next = event.previous_id;
        events.push(event);
    }
    Ok(events)
}

const DELETE: &str = "DELETE FROM event WHERE id = $1";

/// Removes one event.
pub fn delete(tx: &mut Tx<'_>, id: i64) -> Result<()> {
    tx.execute(DELETE, params![id]).map(|_| ())
}

impl Verb {
    const ALL: [Verb; 36] = [
        Verb::Activated,
        Verb::Repeated,
        Verb::Regranted,
        Verb::RefusedUnused,
        Verb::RefusedActivated,
        Verb::RefusedExpired,
        Verb::RefusedUnproven,
        Verb::Enabled,
        Verb::Reenabled,
        Verb::RemappedHere,
        Verb::RemappedAway,
        Verb::Disabled,
        Verb::Dropped,
        Verb::ActivatedByOwner,
        Verb::KeyReplaced,
        Verb::HandedOver,
        Verb::Shared,
        Verb::Unshared,
        Verb::TokenMade,
        Verb::TokenShown,
        Verb::TokenKilled,
        Verb::VendorRegistered,
        Verb::VendorUnregistered,
        Verb::BlobReplaced,
        Verb::KeyShown,
        Verb::RightsLent,
        Verb::SignedIn,
        Verb::SignInRefused,
        Verb::SessionEnded,
        Verb::Invited,
        Verb::AccountMade,
        Verb::PasswordChosen,
        Verb::SecondFactorChanged,
        Verb::AccountRemoved,
        Verb::RoleChanged,
        Verb::ActedAs,
    ];

    /// The verb with this number.
    pub fn from_code(code: i64) -> Result<Verb> {
        Verb::ALL
            .into_iter()
            .find(|verb| *verb as i64 == code)
            .ok_or_else(|| Error::internal(format_args!("stored verb {code}")))
    }

    /// For a device's try, the word after `result=` in the log (contract, manage.md `show=log`).
    pub fn result_word(self) -> Option<&'static str> {
        match self {
            Verb::Activated => Some("activated"),
            Verb::Repeated => Some("repeated"),
            Verb::Regranted => Some("regranted"),
            Verb::RefusedUnused | Verb::RefusedActivated | Verb::RefusedExpired | Verb::RefusedUnproven => {
                Some("refused")
            }
            _ => None,
        }
    }
}

fn value(row: &Row<'_>) -> Result<Event> {
    let retry = match row.bytes_or_null(6)? {
        Some(bytes) => {
            let bytes: [u8; 32] = bytes.try_into().map_err(|_| Error::internal("stored retry hash"))?;
            Some(KeyHash::from_bytes(bytes))
        }
        None => None,
    };
    Ok(Event {
        id: row.int(0)?,
        previous_id: row.int_or_null(1)?,
        at: row.int(2)?,
        verb: Verb::from_code(row.int(3)?)?,
        actor_id: row.int_or_null(4)?,
        address: row.text_or_null(5)?,
        retry,
        detail: row.text_or_null(7)?,
    })
}
