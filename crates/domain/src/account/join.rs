//! Following a link: a new account with a name and a password, or a new password for an account that is there.

use model::{AccountName, Error, InvitationKey, Limits, Noun, Result, Role, SessionKey};
use serde_json::{Map, json};
use store::Tx;
use store::table::account;
use store::table::account_session as sessions;
use store::table::event::Verb;
use store::table::invitation;
use store::table::resource::{self, Kind};

use super::invite;
use super::password::Hashed;
use super::sign_in::{self, Where};
use crate::provision::log;
use crate::resource::{Description, LIMITED, plant_client};

/// What a link is good for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joining {
    /// The role of the account.
    pub role: Role,
    /// Whose password may be chosen anew; none where an account is made.
    pub name: Option<AccountName>,
    /// What the client is called for which the person will act.
    pub client_name: String,
    /// The row id that a new account gets, or that of the present one: a password is hashed for it.
    pub account_id: i64,
}

/// What the link is good for, if it is good.
pub fn opened(tx: &mut Tx<'_>, key: &InvitationKey) -> Result<Joining> {
    let row = invite::find(tx, key)?;
    let present = row.account_id.map(|id| account::find(tx, id)).transpose()?.flatten();
    let client_name = match (row.client_id, row.below_id) {
        (Some(id), _) => match store::table::vendor::find(tx, id)? {
            Some(vendor) => vendor.name.to_string(),
            None => name_of(tx, id)?,
        },
        (None, _) => row.owner_name.clone(),
    };
    Ok(Joining {
        role: row.role,
        name: present.as_ref().map(|account| account.name.clone()),
        client_name,
        account_id: present.map_or(row.id, |account| account.id),
    })
}

/// Uses the link up and signs the person in. For a new account the name has to be free in any case of its letters.
pub fn join(
    tx: &mut Tx<'_>,
    key: &InvitationKey,
    name: Option<&AccountName>,
    password: &Hashed,
    place: &Where,
) -> Result<SessionKey> {
    let row = invite::find(tx, key)?;
    if !invitation::delete(tx, row.id)? {
        return Err(Error::Absent(Noun::Invitation));
    }
    if let Some(id) = row.account_id {
        let present = account::find(tx, id)?.ok_or(Error::Absent(Noun::Invitation))?;
        sessions::delete_others(tx, id, 0)?;
        sign_in::set_password(tx, id, present.client_id, password)?;
        // A second factor stays: the link proves less than the phone.
        if present.has_second_factor {
            return super::begin_session(tx, id, false, place);
        }
        return sign_in::whole(tx, id, present.client_id, place);
    }
    let name = name.ok_or(Error::Malformed(model::Field("name")))?;
    let client_id = match (row.client_id, row.below_id) {
        (Some(id), _) => id,
        (None, Some(below)) => plant_client(tx, Some(below), &owner(&row.owner_name)?, None)?.id,
        (None, None) => return Err(Error::internal("an invitation to nowhere")),
    };
    // The account takes the row id of its invitation, for which the password was hashed.
    if !account::insert(tx, row.id, name, row.role, client_id)? {
        return Err(Error::Exists(Noun::Account, None));
    }
    log::note(tx, Verb::AccountMade, Some(client_id), Some(&format!("account {}: {}", row.id, row.role.word())))?;
    sign_in::set_password(tx, row.id, client_id, password)?;
    sign_in::whole(tx, row.id, client_id, place)
}

fn owner(name: &str) -> Result<Description> {
    let limits: Map<_, _> = LIMITED.into_iter().map(|kind| (kind.to_owned(), json!("inherit"))).collect();
    let given = Map::from_iter([("limits".to_owned(), json!(limits)), ("name".to_owned(), json!(name))]);
    Description::new(Kind::Client, given, &Limits::default())
}

fn name_of(tx: &mut Tx<'_>, id: i64) -> Result<String> {
    let row = resource::find(tx, id)?.ok_or(Error::Absent(Noun::Client))?;
    Ok(Description::stored(&row)?.word("name").to_owned())
}
