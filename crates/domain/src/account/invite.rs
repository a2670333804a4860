//! Links: the only way to an account, and to a new password for one who forgot it. A link is shown to whoever makes it, once.

use model::{Error, Field, InvitationKey, Noun, Result, Role, Seconds};
use store::Tx;
use store::table::account::{self, Account};
use store::table::event::Verb;
use store::table::invitation::{self, Invitation};
use store::table::resource::{self, Kind};
use store::table::vendor;

use crate::caller::{Administrator, Vendor, VendorView};
use crate::provision::log;

/// How long an invitation is good.
const INVITATION_S: Seconds = 7 * 24 * 3600;
/// How long a link to a new password is good.
const RESET_S: Seconds = 24 * 3600;
const LISTED: i64 = 200;

/// A link that was made.
pub struct Link {
    /// Its secret.
    pub key: InvitationKey,
}

/// Who is invited, and as what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Invitee {
    /// To administer the server.
    Administrator,
    /// To administer or to look at the vendor.
    Staff {
        /// Whether the person may change anything.
        may_change: bool,
    },
    /// To own devices, as a new client of the vendor called so.
    Owner {
        /// The name of the client.
        name: String,
    },
}

/// An invitation as those see it who may take it back.
pub type Invited = Invitation;

/// The invitation of the first administrator, made with the server.
pub fn first_administrator(tx: &mut Tx<'_>, root_id: i64) -> Result<Link> {
    make(tx, blank(Role::PlatformAdministrator, Some(root_id), "first administrator"), INVITATION_S)
}

/// Invites another administrator of the server: for the operator, who holds the data folder.
pub fn invite_administrator(tx: &mut Tx<'_>, note: &str) -> Result<Link> {
    let root = resource::find_root(tx)?.ok_or(Error::Absent(Noun::Client))?;
    let note = short(note, Field("note"))?;
    make(tx, blank(Role::PlatformAdministrator, Some(root), &note), INVITATION_S)
}

/// Invites an administrator of a vendor: for the operator.
pub fn invite_vendor_administrator(tx: &mut Tx<'_>, vendor: &str, note: &str) -> Result<Link> {
    let vendor = vendor::find_by_name(tx, vendor)?.ok_or(Error::Absent(Noun::Vendor))?;
    let note = short(note, Field("note"))?;
    make(tx, blank(Role::VendorAdministrator, Some(vendor.client_id), &note), INVITATION_S)
}

/// Invites an owner, as a new client of that vendor: for the operator.
pub fn invite_owner(tx: &mut Tx<'_>, vendor: &str, owner: &str, note: &str) -> Result<Link> {
    let vendor = vendor::find_by_name(tx, vendor)?.ok_or(Error::Absent(Noun::Vendor))?;
    make(tx, owner_below(vendor.client_id, owner, note)?, INVITATION_S)
}

/// Invites somebody to the vendor: its staff, or an owner under it.
pub fn invite(tx: &mut Tx<'_>, vendor: &Vendor, by: i64, invitee: &Invitee, note: &str) -> Result<Link> {
    let note = short(note, Field("note"))?;
    let invitation = match invitee {
        Invitee::Administrator => return Err(Error::Forbidden(Noun::Account)),
        Invitee::Staff { may_change: true } => blank(Role::VendorAdministrator, Some(vendor.id()), &note),
        Invitee::Staff { may_change: false } => blank(Role::VendorViewer, Some(vendor.id()), &note),
        Invitee::Owner { name } => owner_below(vendor.id(), name, &note)?,
    };
    make(tx, Invitation { made_by: Some(by), ..invitation }, INVITATION_S)
}

impl Administrator {
    /// Invites somebody to administer the server.
    pub fn invite(&self, tx: &mut Tx<'_>, note: &str) -> Result<Link> {
        let note = short(note, Field("note"))?;
        let invitation = blank(Role::PlatformAdministrator, Some(self.client_id()), &note);
        make(tx, Invitation { made_by: Some(self.account_id()), ..invitation }, INVITATION_S)
    }

    /// The open invitations to administer the server.
    pub fn invitations(&self, tx: &mut Tx<'_>) -> Result<Vec<Invited>> {
        invitation::list(tx, self.client_id(), LISTED)
    }

    /// Takes an invitation back, whoever made it.
    pub fn withdraw(&self, tx: &mut Tx<'_>, id: i64) -> Result<()> {
        let row = invitation::find(tx, id)?.ok_or(Error::Absent(Noun::Invitation))?;
        take_back(tx, &row)
    }
}

/// The open invitations of a vendor.
pub fn invitations(tx: &mut Tx<'_>, vendor: &VendorView) -> Result<Vec<Invited>> {
    invitation::list(tx, vendor.id(), LISTED)
}

/// Takes an invitation of the vendor back.
pub fn withdraw(tx: &mut Tx<'_>, vendor: &Vendor, id: i64) -> Result<()> {
    let row = invitation::find(tx, id)?.ok_or(Error::Absent(Noun::Invitation))?;
    let is_ours = [row.client_id, row.below_id].contains(&Some(vendor.id()));
    if !is_ours {
        return Err(Error::Absent(Noun::Invitation));
    }
    take_back(tx, &row)
}

/// Makes a link by which a person chooses a new password; links made before are void. For those whom the vendor has invited,
/// and for the operator.
pub fn reset_link(tx: &mut Tx<'_>, account: &Account, by: Option<i64>) -> Result<Link> {
    invitation::delete_of_account(tx, account.id)?;
    let blank = blank(account.role, Some(account.client_id), account.name.as_str());
    make(tx, Invitation { account_id: Some(account.id), made_by: by, ..blank }, RESET_S)
}

/// The invitation whose secret this is, while it is good.
pub(super) fn find(tx: &mut Tx<'_>, key: &InvitationKey) -> Result<Invitation> {
    let absent = Error::Absent(Noun::Invitation);
    let hash = tx.keyring().hash("invitation", key.expose_bytes());
    let (row, expected) = invitation::find_by_hash(tx, &hash)?.ok_or(absent.clone())?;
    if !hash.matches(&expected) || row.expires_at <= tx.now() {
        return Err(absent);
    }
    let anchor = row.client_id.or(row.below_id).unwrap_or(0);
    let lives = resource::find(tx, anchor)?.is_some_and(|client| client.kind == Kind::Client);
    let whose = row.account_id.map(|id| account::find(tx, id)).transpose()?;
    if !lives || matches!(whose, Some(None)) {
        return Err(absent);
    }
    Ok(row)
}

fn take_back(tx: &mut Tx<'_>, row: &Invitation) -> Result<()> {
    invitation::delete(tx, row.id)?;
    let detail = format!("invitation {} was taken back", row.id);
    log::note(tx, Verb::Invited, row.client_id.or(row.below_id), Some(&detail))
}

fn make(tx: &mut Tx<'_>, invitation: Invitation, good_for_s: Seconds) -> Result<Link> {
    let key = InvitationKey::from_bytes(tx.keyring().secret()?);
    let hash = tx.keyring().hash("invitation", key.expose_bytes());
    let (id, now) = (tx.next_id()?, tx.now());
    let row = Invitation { id, created_at: now, expires_at: now + good_for_s, ..invitation };
    invitation::insert(tx, &row, &hash)?;
    let what = row.account_id.map_or_else(|| row.role.word().to_owned(), |id| format!("new password of account {id}"));
    let detail = format!("invitation {id}: {what}");
    log::note(tx, Verb::Invited, row.client_id.or(row.below_id), Some(&detail))?;
    Ok(Link { key })
}

fn owner_below(vendor_id: i64, name: &str, note: &str) -> Result<Invitation> {
    let owner_name = short(name, Field("owner"))?;
    if owner_name.is_empty() {
        return Err(Error::Malformed(Field("owner")));
    }
    let note = short(note, Field("note"))?;
    Ok(Invitation { below_id: Some(vendor_id), owner_name, ..blank(Role::Owner, None, &note) })
}

fn blank(role: Role, client_id: Option<i64>, note: &str) -> Invitation {
    Invitation {
        id: 0,
        account_id: None,
        role,
        client_id,
        below_id: None,
        owner_name: String::new(),
        note: note.to_owned(),
        made_by: None,
        created_at: 0,
        expires_at: 0,
    }
}

/// One line of at most 200 bytes.
fn short(text: &str, field: Field) -> Result<String> {
    let text = text.trim();
    match text.len() {
        n if n > 200 => Err(Error::TooLarge(field)),
        _ if text.chars().any(char::is_control) => Err(Error::Malformed(field)),
        _ => Ok(text.to_owned()),
    }
}
