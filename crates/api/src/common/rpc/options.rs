//! The options of reading, flushing and waiting, with their defaults (contract, rpc.md "Procedures").

use model::UnixSeconds;
use serde_json::{Map, Value as Json};

use super::call::{Ends, Selection, Wait, Window};
use super::decode::{Decoded, INVALID, given};

type Options<'o> = Option<&'o Map<String, Json>>;

const DEFAULT_WAIT_MS: i64 = 30_000;
const LONGEST_WAIT_MS: i64 = 300_000;

/// What `read` is asked for.
pub(super) fn window(options: Options<'_>) -> Decoded<Window> {
    let option = |name: &str| options.and_then(|options| given(options, name));
    let descending = match option("sort").map(|sort| sort.as_str()) {
        None | Some(Some("desc")) => true,
        Some(Some("asc")) => false,
        _ => return Err(INVALID),
    };
    let selection = match option("selection").map(|selection| selection.as_str()) {
        None | Some(Some("all")) => Selection::All,
        Some(Some("givenwindow")) => Selection::GivenWindow,
        Some(Some("autowindow")) => Selection::AutoWindow,
        _ => return Err(INVALID),
    };
    Ok(Window {
        start: option("starttime").map_or(Ok(0), seconds)?,
        end: option("endtime").map(seconds).transpose()?,
        descending,
        limit: option("limit").map_or(Ok(1), number)?.try_into().map_err(|_| INVALID)?,
        selection,
    })
}

/// What `flush` is asked for.
pub(super) fn ends(options: Options<'_>) -> Decoded<Ends> {
    let option = |name: &str| options.and_then(|options| given(options, name)).map(seconds).transpose();
    Ok(Ends { newer_than: option("newerthan")?, older_than: option("olderthan")? })
}

/// What `wait` is asked for.
pub(super) fn wait(options: Options<'_>) -> Decoded<Wait> {
    let option = |name: &str| options.and_then(|options| given(options, name));
    let timeout_ms = option("timeout").map_or(Ok(DEFAULT_WAIT_MS), number)?;
    if !(0..=LONGEST_WAIT_MS).contains(&timeout_ms) {
        return Err(INVALID);
    }
    Ok(Wait { timeout_ms: timeout_ms as u64, since: option("since").map(seconds).transpose()? })
}

/// A second; a part of one is left out, as some callers take the time as a double.
pub(super) fn seconds(json: &Json) -> Decoded<UnixSeconds> {
    let whole = |value: f64| (value.abs() <= 9_007_199_254_740_992.0).then_some(value.floor() as i64);
    json.as_i64().or_else(|| json.as_f64().and_then(whole)).ok_or(INVALID)
}

/// A whole number, also where it is written with a point.
pub(super) fn number(json: &Json) -> Decoded<i64> {
    let whole = |value: f64| (value.fract() == 0.0 && value.abs() <= 9_007_199_254_740_992.0).then_some(value as i64);
    json.as_i64().or_else(|| json.as_f64().and_then(whole)).ok_or(INVALID)
}
