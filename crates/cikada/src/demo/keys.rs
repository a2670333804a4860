//! Keys that die, and keys that live on: one is replaced, and the power is cut under all of them.

use std::time::Instant;

use super::firmware::{Activation, activate};
use super::narrator::expect;
use super::stage::Stage;
use super::{MODEL, Story};
use crate::client::Request;
use crate::crowd::crowd;
use crate::failure::{Failure, Outcome};
use crate::progress;
use crate::when::span;

/// A new key for one device; the old one is dead before the vendor's call is answered.
pub fn replace_one(story: &mut Story) -> Outcome {
    let Story { stage, narrator, devices, .. } = story;
    let vendor = stage.cast.vendor.name.as_str();
    let device = &mut devices[2];
    narrator.step(format_args!("{} was stolen, they say: its key has to go", device.sn), |narrator| {
        expect(is_alive(stage, &device.cik)?, || "the key did not work before".to_owned())?;
        narrator.good("its key works: 200")?;
        stage.show(narrator, &["sn", "reenable", MODEL, &device.sn])?;
        expect(!is_alive(stage, &device.cik)?, || "the old key still works".to_owned())?;
        narrator.good("the old key is dead: 401")?;
        let Activation::Key(cik) = activate(stage.address(), vendor, MODEL, &device.sn, None)? else {
            return Err(Failure::new("the re-enabled device was refused"));
        };
        expect(cik != device.cik && is_alive(stage, &cik)?, || "the new key does not work".to_owned())?;
        device.cik = cik;
        narrator.good("the device called in again, and its new key works: 200")
    })
}

/// The server dies without a word; what it had answered is still so.
pub fn cut_the_power(story: &mut Story) -> Outcome {
    let Story { stage, narrator, devices, .. } = story;
    narrator.step("The power fails: the server is killed, and started again", |narrator| {
        stage.kill()?;
        let begun = Instant::now();
        stage.restart()?;
        narrator.say(format_args!("kill -9, and ready again after {}", span(begun.elapsed())))?;
        let bar = progress::count("    asking", devices.len() as u64);
        let asked = crowd(devices.len(), 16, &bar, |index| is_alive(stage, &devices[index].cik))?;
        let alive = asked.results.iter().filter(|is_alive| **is_alive).count();
        expect(alive == devices.len(), || format!("only {alive} of {} keys still work", devices.len()))?;
        narrator.good(format_args!("all {alive} keys still work"))
    })
}

/// Whether a device's list of content is answered with 200; anything but that and 401 is an error.
fn is_alive(stage: &Stage, cik: &str) -> Outcome<bool> {
    let vendor = stage.cast.vendor.name.as_str();
    let request = Request::get("/provision/download", &[]).query("vendor", vendor).query("model", MODEL);
    match stage.holder_of(cik)?.call(&request)?.status {
        200 => Ok(true),
        401 => Ok(false),
        status => Err(Failure::new(format!("a key was answered {status}, neither 200 nor 401"))),
    }
}
