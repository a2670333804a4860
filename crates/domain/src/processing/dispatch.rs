//! Dispatches: a message waits until it is sent, and what became of it is stored (contract, rpc.md "Processing"). Whoever sends asks
//! here what there is, and says here how it went; how it is sent is not known here.

use model::{Error, Result, UnixSeconds};
use store::Tx;
use store::table::dispatch_queue;
use store::table::resource::{self, Resource};
use store::table::usage::{self, Metric};

use super::Method;
use super::arrive::keep_and_publish;
use crate::data::{Series, Value};
use crate::resource::Description;

/// Messages of one dispatch that wait.
const MOST_WAITING: i64 = 100;
const SECONDS_A_DAY: i64 = 86_400;

/// A message that is to be sent now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its number.
    pub id: i64,
    /// How.
    pub method: Method,
    /// To whom: a mail address, or a URL.
    pub recipient: String,
    /// Its subject, for methods that have one.
    pub subject: String,
    /// What.
    pub text: String,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Its recipient, or the first on the way to it, took it.
    Delivered,
    /// Why not.
    Undelivered(&'static str),
}

/// A value comes to a dispatch. Where nothing is sent of it, that is what is stored.
pub(super) fn queue(tx: &mut Tx<'_>, row: &Resource, value: &Value) -> Result<Option<Value>> {
    let description = Description::stored(row)?;
    if row.excerpt.locked {
        return Ok(Some(Value::String("undelivered".to_owned())));
    }
    if dispatch_queue::count_of(tx, row.id)? >= MOST_WAITING {
        return Ok(Some(outcome(Delivery::Undelivered("too many wait"))));
    }
    if !consume(tx, row, description.method()?)? {
        return Ok(Some(outcome(Delivery::Undelivered("a limit is used up"))));
    }
    let text = match description.word("message") {
        "" => value.text().into_owned(),
        message => message.to_owned(),
    };
    dispatch_queue::insert(tx, row.id, &text)?;
    Ok(None)
}

/// Messages to send now, at most that many. From here on they are not sent by anybody else, nor again.
pub fn take_messages(tx: &mut Tx<'_>, limit: i64) -> Result<Vec<Message>> {
    let waiting = dispatch_queue::list_waiting(tx, limit)?;
    if waiting.is_empty() {
        return Ok(Vec::new());
    }
    tx.require_writing()?;
    let mut messages = Vec::with_capacity(waiting.len());
    for queued in waiting {
        let Some(row) = resource::find(tx, queued.resource_id)? else {
            dispatch_queue::remove(tx, queued.id)?;
            continue;
        };
        let description = Description::stored(&row)?;
        if dispatch_queue::take(tx, queued.id)? {
            messages.push(Message {
                id: queued.id,
                method: description.method()?,
                recipient: description.word("recipient").to_owned(),
                subject: description.word("subject").to_owned(),
                text: queued.message,
            });
        }
    }
    Ok(messages)
}

/// Stores what became of messages.
pub fn settle(tx: &mut Tx<'_>, deliveries: &[(i64, Delivery)]) -> Result<()> {
    for (id, delivery) in deliveries {
        // It is gone where its dispatch was dropped meanwhile.
        if let Some(resource_id) = dispatch_queue::remove(tx, *id)? {
            keep_outcome(tx, resource_id, *delivery)?;
        }
    }
    Ok(())
}

/// What a server says at its start of the messages that the one before it was sending: nobody knows.
pub fn settle_interrupted(tx: &mut Tx<'_>) -> Result<()> {
    loop {
        let sending = dispatch_queue::list_sending(tx, MOST_WAITING)?;
        if sending.is_empty() {
            return Ok(());
        }
        for queued in sending {
            dispatch_queue::remove(tx, queued.id)?;
            let unknown = Delivery::Undelivered("unknown: the server stopped meanwhile");
            keep_outcome(tx, queued.resource_id, unknown)?;
        }
    }
}

fn keep_outcome(tx: &mut Tx<'_>, resource_id: i64, delivery: Delivery) -> Result<()> {
    let Some(row) = resource::find(tx, resource_id)? else { return Ok(()) };
    let series = Series::of(&row).ok_or_else(|| Error::internal("a dispatch that is no series"))?;
    let now = tx.now();
    keep_and_publish(tx, &series, now, outcome(delivery))
}

fn outcome(delivery: Delivery) -> Value {
    Value::String(match delivery {
        Delivery::Delivered => "delivered".to_owned(),
        Delivery::Undelivered(why) => format!("undelivered: {why}"),
    })
}

/// Uses up one message of a method, where every client from the owner up allows another one: so many a day (UTC), and so many
/// since its description was changed last.
fn consume(tx: &mut Tx<'_>, row: &Resource, method: Method) -> Result<bool> {
    let (metric, a_day, in_all) = match method {
        Method::Email => (Metric::Emails, "email", "email_bucket"),
        Method::HttpGet | Method::HttpPost | Method::HttpPut => (Metric::Https, "http", "http_bucket"),
        Method::Sms => (Metric::Smses, "sms", "sms_bucket"),
        Method::Xmpp => (Metric::Xmpps, "xmpp", "xmpp_bucket"),
    };
    let Some(owner_id) = row.owner_id else { return Ok(false) };
    let now = tx.now();
    let midnight = now - now.rem_euclid(SECONDS_A_DAY);
    let mut next = Some(owner_id);
    while let Some(id) = next {
        let Some(client) = resource::find(tx, id)? else { return Ok(false) };
        let limits = Description::stored(&client)?.into_json();
        let allows = |tx: &mut Tx<'_>, word: &str, since: UnixSeconds| match limits["limits"][word].as_i64() {
            Some(limit) => Ok(usage::used(tx, id, metric, since, now)? < limit),
            None => Ok(limits["limits"][word] == "inherit"),
        };
        if !allows(tx, a_day, midnight)? || !allows(tx, in_all, client.modified_at)? {
            return Ok(false);
        }
        next = client.owner_id;
    }
    usage::add(tx, owner_id, metric, now, 1)?;
    Ok(true)
}
