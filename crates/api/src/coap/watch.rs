//! What an observer waits for: the next value of an alias, or the end of its right to it (contract, coap.md; threat T23,
//! promise I7).

use std::sync::Arc;

use domain::caller::{self, Credential};
use domain::data::{self, Target};
use model::{Error, Noun, Result};
use store::{Heard, Listener, Stored, Subject};

use super::Answer;
use super::routes::{answer_value, refuse};
use crate::common::app::App;

/// Values that may come while an observer was woken and nobody looked yet.
const INBOX: u32 = 16;

/// An alias that is watched in the name of a client.
pub(super) struct Watch {
    app: Arc<App>,
    credential: Credential,
    alias: String,
    target: Target,
    listener: Listener,
}

/// What an observer is to be told.
pub(super) enum Notice {
    /// There is a new value.
    Value(Answer),
    /// It is over, and that is why.
    Over(Answer),
}

/// What an alias points at, and what stands there.
type Look = (Target, Option<data::Point>);

impl Watch {
    /// Begins to watch; answers what the alias holds now. Whatever is committed after that is heard.
    pub(super) async fn begin(app: &Arc<App>, credential: Credential, alias: String) -> Result<(Answer, Watch)> {
        let (mut target, _) = look(app, &credential, &alias).await?;
        loop {
            // Listen first, look after that.
            let [client, resource] = target.subjects();
            let listener = app.store.listen(&[client, resource, Subject::Series(target.series().id)], INBOX);
            let (found, point) = look(app, &credential, &alias).await?;
            if found.series() != target.series() {
                target = found;
                continue;
            }
            let app = Arc::clone(app);
            let value = point.map_or_else(String::new, |point| point.value.text().into_owned());
            return Ok((answer_value(value), Watch { app, credential, alias, target: found, listener }));
        }
    }

    /// Waits for something to tell.
    pub(super) async fn next(&mut self) -> Notice {
        match self.hear().await {
            Ok(value) => Notice::Value(value),
            Err(error) => Notice::Over(refuse(&error)),
        }
    }

    async fn hear(&mut self) -> Result<Answer> {
        loop {
            match self.listener.next().await {
                Heard::Value(stored) if stored.is_current || self.is_newest(&stored).await? => {
                    return Ok(answer_value(String::from(stored.value.clone())));
                }
                Heard::Value(_) => {}
                Heard::Missed => {
                    let (_, point) = look(&self.app, &self.credential, &self.alias).await?;
                    return Ok(answer_value(point.map_or_else(String::new, |point| point.value.text().into_owned())));
                }
                Heard::Changed => {
                    let (found, _) = look(&self.app, &self.credential, &self.alias).await?;
                    if found.series() != self.target.series() {
                        // The alias points elsewhere now: that has a value of its own.
                        let began = Watch::begin(&self.app, self.credential.clone(), self.alias.clone());
                        let (value, watch) = Box::pin(began).await?;
                        *self = watch;
                        return Ok(value);
                    }
                }
            }
        }
    }

    /// Whether a value of the past is the newest one all the same.
    async fn is_newest(&self, stored: &Stored) -> Result<bool> {
        let (_, point) = look(&self.app, &self.credential, &self.alias).await?;
        Ok(point.is_some_and(|point| point.at == stored.at))
    }
}

/// What the alias points at and its newest value, as far as the client still may know.
async fn look(app: &App, credential: &Credential, alias: &str) -> Result<Look> {
    let (credential, alias) = (credential.clone(), alias.to_owned());
    app.store
        .peek(move |tx| {
            let client = caller::client(tx, &credential)?;
            let target = data::resolve(tx, &client, &alias, None)?.ok_or(Error::Absent(Noun::Alias))?;
            let point = data::latest(tx, target.series())?;
            Ok((target, point))
        })
        .await
}
