//! The devices write what they measure, and somebody who watches sees it arrive (contract, data.md).

use std::thread;
use std::time::{Duration, Instant};

use super::firmware::write;
use super::narrator::expect;
use super::{Narrator, Stage, Story};
use crate::crowd::crowd;
use crate::failure::{Failure, Outcome};
use crate::progress;
use crate::when::span;

const ALIAS: &str = "temperature";
const AT_ONCE: usize = 64;

/// What every device of the model begins with: the template gets a dataport and its name.
pub fn describe(narrator: &Narrator, stage: &Stage) -> Outcome {
    let (vendor, template) = (stage.cast.vendor.cik.as_str(), stage.cast.template.rid.as_str());
    let description = r#"{"format":"float","name":"Temperature","meta":"{\"datasource\":{\"unit\":\"°C\"}}"}"#;
    let made = stage.show_as(vendor, narrator, &["rpc", "create", "dataport", description, "--client-id", template])?;
    stage.show_as(vendor, narrator, &["rpc", "map", "alias", made.trim(), ALIAS, "--client-id", template])?;
    Ok(())
}

/// All of them write; one is watched.
pub fn write_and_watch(story: &mut Story) -> Outcome {
    let Story { stage, narrator, devices, .. } = story;
    narrator.step("The devices write what they measure, and their owner watches one of them", |narrator| {
        let watched = &devices[0];
        let arguments = ["data", "watch", ALIAS, "--count", "2"];
        narrator.command(&format!("cikada {}   # with the key of {}", arguments.join(" "), watched.sn), "")?;
        let watcher = stage.start_as(&watched.cik, &arguments)?;
        let bar = progress::count("    writing", devices.len() as u64);
        let written = crowd(devices.len(), AT_ONCE, &bar, |index| {
            write(stage.address(), &devices[index].cik, ALIAS, &format!("{}.5", 18 + index % 8))
        })?;
        narrator.say(format_args!(
            "{} values written, each on the disk before its 204; {}",
            devices.len(),
            written.pace()
        ))?;
        // Two values of one second are one point: the later one.
        thread::sleep(Duration::from_millis(1_100));
        let begun = Instant::now();
        write(stage.address(), &watched.cik, ALIAS, "21.25")?;
        let seen = watcher.finish()?;
        let took = begun.elapsed();
        seen.lines().try_for_each(|line| narrator.say(format_args!("  {line}")))?;
        let values: Vec<&str> = seen.lines().filter_map(|line| line.split_whitespace().last()).collect();
        expect(values == ["18.5", "21.25"], || format!("the watcher saw {values:?}"))?;
        narrator.good(format_args!("the watcher saw both, the second one {} after it was written", span(took)))?;
        let drawn = stage.show_as(&watched.cik, narrator, &["tree"])?;
        let is_there = drawn.contains(ALIAS) && drawn.contains("21.25 °C");
        if is_there { Ok(()) } else { Err(Failure::new("the tree does not show the value")) }
    })
}
