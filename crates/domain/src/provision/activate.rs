//! A device calls in (contract, device.md "Activate"; THREATS 3.3 for lost answers).
//!
//! One guarded update decides whether an activation succeeds; everything else here chooses what to say and what to log.

use std::net::IpAddr;

use model::{Cik, Error, ModelOptions, Noun, Result, Seconds, SecretKey, SerialNumber};
use store::table::client::{self, Client, State};
use store::table::client_model::options;
use store::table::event::{self, Event, Verb};
use store::table::serial_number::{self, Target};
use store::table::{client_model as models, model_try, serial_range, vendor};
use store::{KeyHash, Subject, Tx};

use super::{enable, log};
use crate::key;

/// How long after the first answer old firmware may ask again, and how often.
const GRACE_S: Seconds = 120;
const GRACE_REPEATS: usize = 5;

/// What a device sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activate {
    /// The vendor's name; any text, for an unknown one is absent.
    pub vendor: String,
    /// The model's name.
    pub model: String,
    /// The number that it read about itself.
    pub serial_number: SerialNumber,
    /// What it chose and keeps, so that it can ask again.
    pub nonce: Option<String>,
    /// Where it calls from.
    pub address: IpAddr,
    /// False where the try is over its number's budget: a refusal leaves no trace then.
    pub logged: bool,
    /// True where its model asks for a certificate and the device has shown none: it is refused like one that nobody enabled.
    pub unproven: bool,
}

/// The key it gets.
pub struct Answer {
    /// The key.
    pub cik: Cik,
    /// What happened, for the server's own log.
    pub verb: Verb,
    /// The client that it belongs to.
    pub client_id: i64,
}

/// Why a known number got none. It has been written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal;

/// Gives the device its key, once. A refusal is a value, because the line that it leaves in the log must be committed.
pub fn activate(tx: &mut Tx<'_>, request: &Activate) -> Result<std::result::Result<Answer, Refusal>> {
    let found = serial_number::find_target(tx, &request.vendor, &request.model, &request.serial_number)?;
    let mut target = found.ok_or(Error::Absent(Noun::Model))?;
    if !target.registered && !serial_range::covers(tx, target.model_id, &request.serial_number)? {
        return Err(Error::Absent(Noun::SerialNumber));
    }
    if target.client.is_none() && options(target.options).auto_enable && !request.unproven {
        target.client = Some(enable_itself(tx, &target, request)?);
    }
    match target.client {
        Some(client) => answer(tx, &client, options(target.options), request),
        None => refuse_unused(tx, &target, request),
    }
}

fn answer(
    tx: &mut Tx<'_>,
    client: &Client,
    options: ModelOptions,
    request: &Activate,
) -> Result<std::result::Result<Answer, Refusal>> {
    let retry = request.nonce.as_deref().map(|nonce| nonce_hash(tx, client.id, nonce));
    let open = client.expires_at.is_some_and(|end| tx.now() < end);
    if request.unproven {
        return refuse(tx, client, request, Verb::RefusedUnproven);
    }
    match client.state {
        State::NotActivated if open => give(tx, client, request, retry),
        State::NotActivated => {
            client::expire_window(tx, client.id)?;
            refuse(tx, client, request, Verb::RefusedExpired)
        }
        State::Answered if open => match (first_answer(tx, client)?, retry) {
            (Some(first), Some(retry)) if first.retry.is_some_and(|first| first.matches(&retry)) => {
                give_again(tx, client, request, retry)
            }
            (Some(first), None) if options.grace_retry && in_grace(tx, client, &first, request)? => {
                give_another(tx, client, request)
            }
            _ => refuse(tx, client, request, Verb::RefusedActivated),
        },
        State::Answered | State::Used => refuse(tx, client, request, Verb::RefusedActivated),
        State::Expired => refuse(tx, client, request, Verb::RefusedExpired),
    }
}

/// The first answer of a window: the step that happens exactly once.
fn give(
    tx: &mut Tx<'_>,
    client: &Client,
    request: &Activate,
    retry: Option<KeyHash>,
) -> Result<std::result::Result<Answer, Refusal>> {
    let event_id = tx.next_event_id()?;
    let Some(sealed) = client::activate(tx, client, event_id)? else {
        // Somebody else moved the client since it was read: the transaction is run again and sees it as it is.
        return Err(Error::Unavailable);
    };
    log::activated(tx, client, event_id, &request.address.to_string(), retry)?;
    tx.touch(Subject::Client(client.id));
    Ok(Ok(Answer { cik: key::open(tx, client.id, &sealed)?, verb: Verb::Activated, client_id: client.id }))
}

/// The same nonce gets the same key, as often as it asks.
fn give_again(
    tx: &mut Tx<'_>,
    client: &Client,
    request: &Activate,
    retry: KeyHash,
) -> Result<std::result::Result<Answer, Refusal>> {
    let sealed = client::sealed_key(tx, client.id)?.ok_or_else(|| Error::internal("a client without a key"))?;
    log::try_on_client(tx, client, Verb::Repeated, &request.address.to_string(), Some(retry))?;
    Ok(Ok(Answer { cik: key::open(tx, client.id, &sealed)?, verb: Verb::Repeated, client_id: client.id }))
}

/// Old firmware gets a new key, and the one before it dies: two parties never both hold a working one.
fn give_another(tx: &mut Tx<'_>, client: &Client, request: &Activate) -> Result<std::result::Result<Answer, Refusal>> {
    let issued = key::issue::<Cik>(tx, client.id)?;
    if !client::replace_answered_key(tx, client, &issued.hash, &issued.sealed)? {
        return Err(Error::Unavailable);
    }
    log::try_on_client(tx, client, Verb::Regranted, &request.address.to_string(), None)?;
    tx.touch(Subject::Client(client.id));
    Ok(Ok(Answer { cik: issued.key, verb: Verb::Regranted, client_id: client.id }))
}

fn first_answer(tx: &mut Tx<'_>, client: &Client) -> Result<Option<Event>> {
    match client.answer_id {
        Some(id) => event::find(tx, id),
        None => Ok(None),
    }
}

fn in_grace(tx: &mut Tx<'_>, client: &Client, first: &Event, request: &Activate) -> Result<bool> {
    let from_the_same_address = first.address.as_deref() == Some(request.address.to_string().as_str());
    if first.retry.is_some() || !from_the_same_address || tx.now() - first.at > GRACE_S {
        return Ok(false);
    }
    let since = event::chain(tx, client.event_id, log::KEPT)?;
    let repeats = since.iter().take_while(|event| event.id != first.id).filter(|event| event.verb == Verb::Regranted);
    Ok(repeats.count() < GRACE_REPEATS)
}

fn refuse(
    tx: &mut Tx<'_>,
    client: &Client,
    request: &Activate,
    verb: Verb,
) -> Result<std::result::Result<Answer, Refusal>> {
    if request.logged {
        log::try_on_client(tx, client, verb, &request.address.to_string(), None)?;
    }
    Ok(Err(Refusal))
}

fn refuse_unused(tx: &mut Tx<'_>, target: &Target, request: &Activate) -> Result<std::result::Result<Answer, Refusal>> {
    let address = request.address.to_string();
    match (request.logged, target.registered) {
        (false, _) => {}
        (true, true) => {
            log::try_on_unused(tx, target.model_id, &request.serial_number, target.event_id, &address)?;
        }
        (true, false) => {
            model_try::put(tx, target.model_id, &request.serial_number, &address, Verb::RefusedUnused)?;
        }
    }
    Ok(Err(Refusal))
}

/// An open model: the number enables itself under the vendor's client, in the same step.
fn enable_itself(tx: &mut Tx<'_>, target: &Target, request: &Activate) -> Result<Client> {
    // A client is made, and counted: nobody may do so beside it.
    tx.require_alone()?;
    let row = models::find_by_id(tx, target.model_id)?.ok_or(Error::Absent(Noun::Model))?;
    let maker = vendor::find(tx, row.vendor_id)?.ok_or(Error::Absent(Noun::Vendor))?;
    let enabler = enable::Enabler { partner: None, actor_id: row.vendor_id };
    let made = enable::make_client(tx, &row, &maker.name, &request.serial_number, row.vendor_id, enabler)?;
    client::find(tx, made.id)?.ok_or_else(|| Error::internal("a client that was just made is missing"))
}

/// The nonce as it is kept: bound to its client. That it is bound to its window, too, is because opening a window forgets
/// the answer.
fn nonce_hash(tx: &Tx<'_>, client_id: i64, nonce: &str) -> KeyHash {
    let mut text = client_id.to_be_bytes().to_vec();
    text.extend_from_slice(nonce.as_bytes());
    tx.keyring().hash("nonce", &text)
}

impl Answer {
    /// The answer's body.
    pub fn text(&self) -> String {
        self.cik.expose_hex()
    }
}
