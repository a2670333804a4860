//! The vendor: describes the product, uploads firmware, registers serial numbers, and enables them for an owner.

use std::fmt::Write as _;
use std::fs;
use std::time::Instant;

use sha2::{Digest, Sha256};

use super::narrator::{Narrator, expect};
use super::stage::Stage;
use super::{Device, MODEL, Story, values};
use crate::client::{Request, digest};
use crate::crowd::crowd;
use crate::failure::{Doing, Outcome};
use crate::output::size;
use crate::progress;
use crate::when::span;

/// The firmware image that devices fetch.
pub struct Firmware {
    pub bytes: u64,
    pub sha256: digest::Sha256,
}

/// Its id, and the id of one that only a group may have.
pub const RELEASE: &str = "firmware-1.0";
pub const BETA: &str = "firmware-2.0-beta";
/// A serial number that no row names, only the range.
pub const FROM_THE_RANGE: &str = "00:1B:C5:12:34:56";
/// The serial numbers that later steps need beside the crowd.
pub const SPARE: [&str; 4] = ["spare-lost-answer", "spare-late", "spare-never-enabled", "spare-over-coap"];

const IMAGE_BYTES: usize = (4 << 20) + 12_345;
const AT_ONCE: usize = 16;

/// Model, firmware, protected firmware.
pub fn describe_product(narrator: &mut Narrator, stage: &Stage) -> Outcome<Firmware> {
    let template = stage.cast.template.rid.as_str();
    narrator.step("The vendor acme describes its product, a thermostat", |narrator| {
        stage.show(narrator, &["model", "create", MODEL, "--template", template, "--window", "1h"])?;
        let shown = stage.show(narrator, &["model", "show", MODEL])?;
        expect(shown.contains(template) && shown.contains("3600"), || "the model is not as it was made".to_owned())?;
        values::describe(narrator, stage)
    })?;
    narrator.step(format_args!("It uploads a firmware image of {}", size(IMAGE_BYTES as u64)), |narrator| {
        let image = image(1);
        fs::write(stage.file("thermostat-1.0.bin"), &image).doing("write the image")?;
        fs::write(stage.file("thermostat-2.0.bin"), self::image(2)).doing("write the image")?;
        let sha256: digest::Sha256 = Sha256::digest(&image).into();
        let upload = ["content", "upload", MODEL, RELEASE, "thermostat-1.0.bin", "--meta", "first release"];
        let printed = stage.show(narrator, &upload)?;
        expect(printed.contains(&digest::hex(&sha256)), || "another digest was printed than the file has".to_owned())?;
        let damaged = Request::post("/provision/manage/content/", &[MODEL, "damaged"])
            .body("application/octet-stream", image[..1000].to_vec())
            .header("Repr-Digest", digest::field(&sha256));
        let answer = stage.vendor()?.call(&damaged)?;
        expect(answer.status == 400, || format!("a damaged upload was answered {}", answer.status))?;
        narrator.good("an upload whose bytes do not fit its digest is refused (400), nothing is stored")?;
        stage.show(narrator, &["content", "upload", MODEL, BETA, "thermostat-2.0.bin", "--protected"])?;
        stage.show(narrator, &["content", "list", MODEL, "--long"])?;
        Ok(Firmware { bytes: image.len() as u64, sha256 })
    })
}

/// A file of serial numbers, and a range.
pub fn register_numbers(narrator: &mut Narrator, stage: &Stage, count: u32) -> Outcome<Vec<Device>> {
    let sns: Vec<String> = (1..=count).map(|number| format!("T-{number:05}")).collect();
    narrator.step(
        format_args!("It registers {count} serial numbers from a file, and 16 million more as a range"),
        |narrator| {
            let mut csv = String::new();
            for sn in &sns {
                let _ = writeln!(csv, "{sn},batch 2026-01");
            }
            csv.extend(SPARE.map(|sn| format!("{sn},\n")));
            fs::write(stage.file("numbers.csv"), csv).doing("write the file")?;
            stage.show(narrator, &["sn", "import", MODEL, "numbers.csv"])?;
            stage.show(
                narrator,
                &["sn", "range", "add", MODEL, "00:1B:C5:00:00:00", "00:1B:C5:FF:FF:FF", "--casing", "upper"],
            )?;
            let begun = Instant::now();
            let shown = stage.run(&["sn", "show", MODEL, FROM_THE_RANGE])?.stdout;
            expect(shown.contains("unused"), || format!("{FROM_THE_RANGE} should be known and unused: {shown}"))?;
            narrator.good(format_args!(
                "{FROM_THE_RANGE} is known without a row of its own (asked and answered in {})",
                span(begun.elapsed())
            ))?;
            let stranger = stage.run(&["sn", "show", MODEL, "00:1B:C6:00:00:00"])?;
            expect(!stranger.status.success(), || "a number beside the range is known".to_owned())?;
            stage.show(narrator, &["group", "create", MODEL, "beta", "--meta", "early releases"])?;
            stage.show(narrator, &["group", "add", MODEL, "beta", "content", BETA])?;
            stage.show(narrator, &["group", "add", MODEL, "beta", "sn", &sns[0]])?;
            Ok(())
        },
    )?;
    Ok(sns.into_iter().map(|sn| Device { sn, cik: String::new() }).collect())
}

/// Every number of the crowd gets a client under the owner, and its window.
pub fn enable_all(story: &mut Story) -> Outcome {
    let Story { stage, narrator, devices, .. } = story;
    let owner = stage.cast.owner.rid.as_str();
    narrator.step(
        format_args!("It enables {} of them for an owner: each gets a client and a window", devices.len()),
        |narrator| {
            narrator.command(&format!("cikada sn enable {MODEL} {} … --owner {owner}", devices[0].sn), "")?;
            let server = stage.vendor()?;
            let bar = progress::count("    enabling", devices.len() as u64);
            let enabled = crowd(devices.len(), AT_ONCE, &bar, |index| {
                let sn = &devices[index].sn;
                let request = Request::post("/provision/manage/model/", &[MODEL, sn]);
                let request = request.form([("enable", "true"), ("owner", owner)]).to(format!("enable {sn}"));
                server.ask(&request).map(|answer| answer.body)
            })?;
            let are_rids = enabled.results.iter().all(|rid| model::Rid::parse(rid.trim()).is_ok());
            expect(are_rids, || "an enable was not answered with a client's RID".to_owned())?;
            narrator.say(format_args!("{} enabled in {}", devices.len(), enabled.pace()))?;
            let shown = stage.show(narrator, &["sn", "list", MODEL, "--limit", "5"])?;
            expect(shown.contains("notactivated"), || "the list does not show what was enabled".to_owned())
        },
    )
}

/// Bytes that no compression and no accident would produce twice: a counter, stirred.
fn image(seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut bytes = Vec::with_capacity(IMAGE_BYTES + 8);
    while bytes.len() < IMAGE_BYTES {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(IMAGE_BYTES);
    bytes
}
