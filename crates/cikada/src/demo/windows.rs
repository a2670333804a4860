//! A window closes while one watches: the vendor's clock is the server's, and at the expiry second it is over.

use std::thread;
use std::time::Duration;

use super::firmware::{Activation, activate};
use super::narrator::expect;
use super::vendor::SPARE;
use super::{MODEL, Story};
use crate::failure::Outcome;

/// Enabled with a window of two seconds, called in after three.
pub fn close_one(story: &mut Story) -> Outcome {
    let Story { stage, narrator, .. } = story;
    let (vendor, owner) = (stage.cast.vendor.name.as_str(), stage.cast.owner.rid.as_str());
    narrator.step("A device comes too late", |narrator| {
        let sn = SPARE[1];
        stage.show(narrator, &["model", "update", MODEL, "--window", "2s"])?;
        stage.show(narrator, &["sn", "enable", MODEL, sn, "--owner", owner])?;
        narrator.say("three seconds pass …")?;
        thread::sleep(Duration::from_secs(3));
        let answer = activate(stage.address(), vendor, MODEL, sn, None)?;
        expect(answer == Activation::Refused(409), || "a device was activated after its window".to_owned())?;
        narrator.good("its window is over: 409")?;
        let shown = stage.show(narrator, &["sn", "show", MODEL, sn])?;
        expect(shown.contains("expired"), || "its status should be expired".to_owned())?;
        stage.show(narrator, &["model", "update", MODEL, "--window", "1h"])?;
        stage.show(narrator, &["sn", "reenable", MODEL, sn])?;
        let answer = activate(stage.address(), vendor, MODEL, sn, None)?;
        expect(matches!(answer, Activation::Key(_)), || "a re-enabled device was not activated".to_owned())?;
        narrator.good("a new window, and it has its key")
    })
}
