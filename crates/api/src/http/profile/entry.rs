//! What reading, writing and recording by alias have in common: who calls, what aliases point at, how pairs are answered.

use domain::caller::{Credential, Remembered};
use domain::data::{self, Target};
use http::{HeaderValue, StatusCode};
use model::Result;
use wire::form;

use crate::common::app::App;
use crate::http::provision::device_credential;
use crate::http::{Answer, Head};

/// Pairs of a form. Shorter than its own name for it, because field devices read the whole head into a small buffer.
pub(super) const PAIRS: HeaderValue = HeaderValue::from_static("text/plain");

/// A client that calls.
pub(super) struct Caller {
    pub(super) credential: Credential,
    pub(super) remembered: Remembered,
}

impl Caller {
    /// The credential of a request, if there is one that could be a CIK. Asked before the body is read.
    pub(super) fn credential(head: &Head) -> Result<Credential> {
        device_credential(head)
    }

    /// The client that shows the credential.
    pub(super) async fn find(app: &App, credential: Credential) -> Result<Caller> {
        let remembered = app.callers.find(&app.store, &credential).await?;
        Ok(Caller { credential, remembered })
    }

    /// What aliases point at, where that is known now; what is not in memory is looked up, once for all of them.
    pub(super) async fn targets<'a>(
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
                let caller = domain::caller::again(tx, &remembered, &credential)?;
                let resolve = |(place, alias): &(usize, String)| {
                    Ok((*place, alias.clone(), data::resolve(tx, &caller, alias, None)?))
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
}

/// The pairs that were found, the last asked for first, as deployed clients have always seen them.
pub(super) fn answer_pairs<'a>(pairs: impl DoubleEndedIterator<Item = (&'a str, Option<&'a str>)>) -> Answer {
    let found = pairs.rev().filter_map(|(alias, value)| Some((alias, value?)));
    let mut found = found.peekable();
    if found.peek().is_none() {
        return Answer::no_content();
    }
    Answer::bytes(StatusCode::OK, PAIRS, form::encode(found))
}
