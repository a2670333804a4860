//! Reading by alias as every protocol offers it: who calls, what aliases point at and hold, from memory where that is
//! believed (contract, data.md).

use std::sync::Arc;

use domain::caller::{self, Credential, Remembered};
use domain::data::{self, Target};
use model::Result;

use super::app::App;

/// A client that calls.
pub struct Caller {
    /// The key that it showed.
    pub credential: Credential,
    /// What is known of it.
    pub remembered: Remembered,
}

/// What an alias that exists holds: the text of its newest value, if there is one.
pub type Held = Option<Arc<str>>;

impl Caller {
    /// The client that shows the credential.
    pub async fn find(app: &App, credential: Credential) -> Result<Caller> {
        let remembered = app.callers.find(&app.store, &credential).await?;
        Ok(Caller { credential, remembered })
    }

    /// What aliases point at, where that is known now; what is not in memory is looked up, once for all of them.
    pub async fn targets<'a>(
        &self,
        app: &App,
        aliases: impl Iterator<Item = &'a str> + Clone,
    ) -> Result<Vec<Option<Target>>> {
        let id = self.remembered.id();
        let mut targets: Vec<_> = aliases.clone().map(|alias| app.profiles.target(&app.store, id, alias)).collect();
        let missing: Vec<(usize, String)> = aliases
            .enumerate()
            .filter(|(place, _)| targets[*place].is_none())
            .map(|(place, alias)| (place, alias.to_owned()))
            .collect();
        if missing.is_empty() {
            return Ok(targets);
        }
        let (credential, remembered) = (self.credential.clone(), self.remembered);
        let found = app
            .store
            .peek(move |tx| {
                let client = caller::again(tx, &remembered, &credential)?;
                let resolve = |(place, alias): &(usize, String)| {
                    Ok((*place, alias.clone(), data::resolve(tx, &client, alias, None)?))
                };
                missing.iter().map(resolve).collect::<Result<Vec<_>>>()
            })
            .await?;
        for (place, alias, target) in found {
            if let Some(target) = &target {
                app.profiles.keep_target(id, &alias, target);
            }
            targets[place] = target;
        }
        Ok(targets)
    }
    /// The newest values of aliases, in the order of the names; None for an alias that does not exist.
    pub async fn latest<'a>(
        &self,
        app: &App,
        aliases: impl Iterator<Item = &'a str> + Clone,
    ) -> Result<Vec<Option<Held>>> {
        let (store, profiles, client_id) = (&app.store, &app.profiles, self.remembered.id());
        let known: Option<Vec<_>> = aliases.clone().map(|alias| profiles.latest(store, client_id, alias)).collect();
        if let Some(values) = known {
            return Ok(values.into_iter().map(Some).collect());
        }
        let (credential, remembered) = (self.credential.clone(), self.remembered);
        let names: Vec<String> = aliases.clone().map(str::to_owned).collect();
        let (stamp, found) = store
            .peek(move |tx| {
                let client = caller::again(tx, &remembered, &credential)?;
                Ok((tx.stamp(), data::read_aliases(tx, &client, names.iter().map(String::as_str))?))
            })
            .await?;
        for (alias, read) in aliases.zip(&found) {
            if let Some(read) = read {
                profiles.keep_target(client_id, alias, &read.target);
                profiles.keep_latest(read.target.series().id, read.latest.as_deref(), stamp);
            }
        }
        Ok(found.into_iter().map(|found| found.map(|read| read.latest.map(Arc::from))).collect())
    }
}
