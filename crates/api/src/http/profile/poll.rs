//! Long polling: a read that waits for a value (contract, data.md "Long polling").

use std::sync::Arc;
use std::time::Duration;

use domain::{caller, data};
use http::header::LAST_MODIFIED;
use http::{HeaderValue, StatusCode};
use model::{Error, Field, Result, UnixSeconds};
use wire::form::{self, Form};
use wire::http::time::{http_date, parse_since};

use super::entry::Caller;
use crate::common::app::App;
use crate::common::wait::{Waited, Watched, wait};
use crate::http::head::Watch;
use crate::http::{Answer, Head};

const LONGEST_MS: u64 = 300_000;
/// Beside `Last-Modified` the name of a form does not fit into the 158 bytes of a device answer's head, and where
/// `Connection: close` stands there too, no name does.
const BRIEF: HeaderValue = HeaderValue::from_static("text/plain");

/// What a poll asks for, without the head that said it.
pub(super) struct Poll {
    alias: String,
    since: Option<UnixSeconds>,
    timeout: Duration,
    closes: bool,
    watch: Watch,
}

impl Poll {
    /// Reads it from a head.
    pub(super) fn read(app: &App, head: &Head) -> Result<Poll> {
        let query = Form::from_query(Some(head.query()), app.limits())?;
        let timeout = read_timeout(head.single_header("request-timeout")?.unwrap_or_default())?;
        let since = match head.single_header("if-modified-since")? {
            Some(since) => Some(parse_since(since).ok_or(Error::Malformed(Field("if-modified-since")))?),
            None => None,
        };
        let mut names = query.iter().map(|(alias, _)| alias);
        let (Some(alias), None) = (names.next(), names.next()) else { return Err(Error::Malformed(Field("alias"))) };
        let closes = head.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        Ok(Poll { alias: alias.to_owned(), since, timeout, closes, watch: head.watch() })
    }

    /// Waits for a value of the alias.
    pub(super) async fn wait(self, app: &Arc<App>, caller: Caller) -> Result<Answer> {
        let (credential, name) = (caller.credential, self.alias.clone());
        let find = move |tx: &mut store::Tx<'_>| {
            let client = caller::client(tx, &credential)?;
            Ok(data::resolve(tx, &client, &name, None)?.map(Watched::from))
        };
        let answer = match wait(&app.store, find, self.since, self.timeout, self.watch.last_call()).await? {
            Waited::Value(at, text) => {
                let mut answer = Answer::bytes(StatusCode::OK, BRIEF, form::encode([(&*self.alias, &*text)]));
                if self.closes {
                    answer.content_type = None;
                }
                answer.with(LAST_MODIFIED, HeaderValue::try_from(http_date(at)).map_err(Error::internal)?)
            }
            Waited::Expired => Answer::empty(StatusCode::NOT_MODIFIED),
            Waited::Gone => Answer::no_content(),
        };
        Ok(answer.part("waiting"))
    }
}

/// Milliseconds in decimal.
fn read_timeout(text: &str) -> Result<Duration> {
    let digits = text.bytes().all(|c| c.is_ascii_digit());
    let ms = text.parse().ok().filter(|ms| digits && *ms <= LONGEST_MS);
    ms.map(Duration::from_millis).ok_or(Error::Malformed(Field("request-timeout")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_at_most_five_minutes_in_milliseconds() {
        for (text, ms) in [("0", 0), ("1", 1), ("030000", 30_000), ("300000", 300_000)] {
            assert_eq!(read_timeout(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "300001", "-1", "+1", "1.5", "1e3", "abc", "18446744073709551616"] {
            assert_eq!(read_timeout(text), Err(Error::Malformed(Field("request-timeout"))), "{text}");
        }
    }
}
