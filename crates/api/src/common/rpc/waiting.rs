//! `wait`: a call that ends when another one writes (contract, rpc.md `wait`).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::caller::Right;
use domain::data::{Point, Value};
use domain::resource::Named;
use model::{Error, Result};
use store::table::resource::Format;
use wire::rpc::{Auth, Outcome, Status};

use super::call::Wait;
use super::perform;
use crate::common::app::App;
use crate::common::codes;
use crate::common::wait::{Waited, Watched};

/// Waits for a value of a series that the caller may read, for as long as it may.
pub(super) async fn wait(
    app: &Arc<App>,
    auth: &Arc<Auth>,
    named: &Named,
    wait: Wait,
    last_call: impl Future<Output = ()>,
) -> Result<Outcome> {
    let format = Arc::new(Mutex::new(Format::String));
    let find = {
        let (auth, named, format) = (Arc::clone(auth), named.clone(), Arc::clone(&format));
        move |tx: &mut store::Tx<'_>| {
            let caller = super::authenticate(tx, &auth)?;
            let readable = caller.readable(tx, Right::Wait, &named)?;
            let subjects = caller.dependencies(tx, &readable)?;
            let series = readable.into_series();
            *format.lock().unwrap_or_else(PoisonError::into_inner) = series.format;
            Ok(Some(Watched { series, subjects }))
        }
    };
    let timeout = Duration::from_millis(wait.timeout_ms);
    match crate::common::wait::wait(&app.store, find, wait.since, timeout, last_call).await {
        Ok(Waited::Value(at, text)) => {
            let format = *format.lock().unwrap_or_else(PoisonError::into_inner);
            let value = Value::from_stored(format, text)?;
            Ok(Outcome::Result(perform::point(&Point { at, value })))
        }
        Ok(Waited::Expired) => Ok(Outcome::Failed(Status::Expire)),
        Ok(Waited::Gone) => Ok(Outcome::Failed(Status::Restricted)),
        Err(error @ (Error::ReadOnly | Error::Unavailable | Error::Unauthorized)) => Err(error),
        Err(error) => Ok(codes::rpc(&error)),
    }
}
