//! The devices call in: all at once, once too often, uninvited, and over a link that loses the answer.

use std::collections::HashSet;

use super::firmware::{Activation, activate, activate_and_hang_up};
use super::narrator::expect;
use super::vendor::{FROM_THE_RANGE, SPARE};
use super::{MODEL, Story};
use crate::crowd::crowd;
use crate::failure::{Failure, Outcome};
use crate::progress;

/// As many as an ordinary limit of open files leaves room for.
const AT_ONCE: usize = 256;

/// Everybody, at once.
pub fn activate_all(story: &mut Story) -> Outcome {
    let Story { stage, narrator, devices, .. } = story;
    let vendor = stage.cast.vendor.name.as_str();
    let at_once = devices.len().min(AT_ONCE);
    narrator.step(format_args!("{} devices call in, {at_once} at the same time", devices.len()), |narrator| {
        let bar = progress::count("    activating", devices.len() as u64);
        let activated = crowd(devices.len(), at_once, &bar, |index| {
            match activate(stage.address(), vendor, MODEL, &devices[index].sn, None)? {
                Activation::Key(cik) => Ok(cik),
                Activation::Refused(status) => {
                    Err(Failure::new(format!("{} was refused: {status}", devices[index].sn)))
                }
            }
        })?;
        narrator
            .say(format_args!("each has its key, in a whole answer of less than 200 bytes; {}", activated.pace()))?;
        let different: HashSet<&String> = activated.results.iter().collect();
        expect(different.len() == devices.len(), || "two devices were given the same key".to_owned())?;
        for (device, cik) in devices.iter_mut().zip(&activated.results) {
            device.cik.clone_from(cik);
        }
        narrator.good(format_args!("{} different keys, each on the disk before it was answered", different.len()))?;
        let list = stage.run(&["sn", "list", MODEL, "--all", "--json"])?.stdout;
        let count = list.matches("\"status\":\"activated\"").count();
        expect(count == devices.len(), || format!("{count} of {} are listed as activated", devices.len()))
    })
}

/// Twice, unknown, not enabled.
pub fn refuse_the_rest(story: &mut Story) -> Outcome {
    let Story { stage, narrator, devices, .. } = story;
    let vendor = stage.cast.vendor.name.as_str();
    let first = devices[0].sn.as_str();
    narrator.step("Those who should not get a key do not get one", |narrator| {
        for (sn, status, who) in [
            (first, 409, "the same serial number once more"),
            ("T-99999999", 404, "a serial number nobody registered"),
            (SPARE[2], 409, "one that is registered, but not enabled"),
            (FROM_THE_RANGE, 409, "one of the range, not enabled"),
        ] {
            let answer = activate(stage.address(), vendor, MODEL, sn, None)?;
            expect(answer == Activation::Refused(status), || format!("{who} ({sn}) was not refused with {status}"))?;
            narrator.good(format_args!("{status} for {who}: {sn}"))?;
        }
        let log = stage.show(narrator, &["sn", "log", MODEL, first])?;
        expect(log.contains("refused"), || "the refused try is not in the log".to_owned())
    })
}

/// The nonce of a device gets it the same key again, and nobody else any.
pub fn lose_an_answer(story: &mut Story) -> Outcome {
    let Story { stage, narrator, .. } = story;
    let (vendor, owner) = (stage.cast.vendor.name.as_str(), stage.cast.owner.rid.as_str());
    narrator.step("A device behind a bad link loses the answer, and asks again", |narrator| {
        let sn = SPARE[0];
        stage.show(narrator, &["sn", "enable", MODEL, sn, "--owner", owner])?;
        let nonce = "a-nonce-kept-in-flash-0001";
        activate_and_hang_up(stage.address(), vendor, MODEL, sn, nonce)?;
        narrator
            .say("the device called in with a nonce it keeps, and the line went dead before the answer was there")?;
        let another = activate(stage.address(), vendor, MODEL, sn, Some("somebody-elses-nonce-0001"))?;
        expect(another == Activation::Refused(409), || "another nonce was given a key".to_owned())?;
        narrator.good("somebody else with another nonce: 409")?;
        let Activation::Key(cik) = activate(stage.address(), vendor, MODEL, sn, Some(nonce))? else {
            return Err(Failure::new("the same nonce was not given the key again"));
        };
        let Activation::Key(again) = activate(stage.address(), vendor, MODEL, sn, Some(nonce))? else {
            return Err(Failure::new("the same nonce was not given the key a third time"));
        };
        expect(cik == again, || "the same nonce was given another key".to_owned())?;
        narrator.good("the same nonce: the same key, as often as the device asks, until it is used")
    })
}
