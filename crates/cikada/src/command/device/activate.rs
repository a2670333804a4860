//! `cikada device activate`: the one call of a device's life that gives it its key.

use serde_json::json;

use super::link::{Activation, Link};
use super::{State, Who};
use crate::failure::{Failure, Outcome};
use crate::output::Output;

/// Activates; with a state file the nonce is on the disk before the call, and the key after it.
pub fn activate(link: &Link, output: Output, who: &Who, sn: Option<&str>, nonce: Option<&str>) -> Outcome {
    let Some(path) = &who.state else {
        let (vendor, model, sn) = names(who, sn)?;
        let cik = link.activate(&Activation { vendor: &vendor, model: &model, sn: &sn, nonce })?;
        return output.done(&cik, json!({"sn": sn, "cik": cik}));
    };
    let mut state = match State::read(path)? {
        Some(state) => {
            same(&state, who, sn)?;
            state
        }
        None => {
            let (vendor, model, sn) = names(who, sn)?;
            let state = State { vendor, model, sn, nonce: fresh_nonce()?, cik: None };
            state.write(path)?;
            state
        }
    };
    let shown = path.display();
    if state.cik.is_some() {
        return Err(Failure::new(format!("{} was activated before: its key is in {shown}", state.sn))
            .advise("remove the file when the device was re-enabled and needs its new key"));
    }
    let State { vendor, model, sn, nonce, .. } = &state;
    state.cik = Some(link.activate(&Activation { vendor, model, sn, nonce: Some(nonce) })?);
    state.write(path)?;
    output.done(
        format_args!("activated {}; its key is in {shown}", state.sn),
        json!({"sn": state.sn, "state": shown.to_string()}),
    )
}

fn names(who: &Who, sn: Option<&str>) -> Outcome<(String, String, String)> {
    match (&who.vendor, &who.model, sn) {
        (Some(vendor), Some(model), Some(sn)) => Ok((vendor.clone(), model.clone(), sn.to_owned())),
        _ => Err(Failure::new("which device?").advise("give --vendor, --model and --sn")),
    }
}

/// What is given beside a state file must not contradict it.
fn same(state: &State, who: &Who, sn: Option<&str>) -> Outcome {
    let given = [(&who.vendor, &state.vendor), (&who.model, &state.model), (&sn.map(str::to_owned), &state.sn)];
    for (given, kept) in given {
        if given.as_ref().is_some_and(|given| given != kept) {
            return Err(Failure::new(format!("the state file is of {} {} {}", state.vendor, state.model, state.sn))
                .advise("name another file for another device"));
        }
    }
    Ok(())
}

/// 32 characters that nobody can guess.
fn fresh_nonce() -> Outcome<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| Failure::new(format!("no randomness to be had: {error}")))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
