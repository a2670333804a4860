//! A device on a slow radio speaks CoAP: it gets its key and its firmware by the same rules as the others (contract, coap.md).

use std::fs;

use sha2::{Digest as _, Sha256};

use super::narrator::expect;
use super::vendor::{RELEASE, SPARE};
use super::{MODEL, Story};
use crate::client::digest;
use crate::failure::{Doing as _, Outcome};

/// Activation, the list, the image block by block; and what the vendor sees of it.
pub fn speak_coap(story: &mut Story) -> Outcome {
    let Story { stage, narrator, firmware, .. } = story;
    let (vendor, owner) = (stage.cast.vendor.name.as_str(), stage.cast.owner.rid.as_str());
    let (server, sn) = (stage.coap_base(), SPARE[3]);
    narrator.step("A device on a slow radio speaks CoAP", |narrator| {
        stage.show(narrator, &["sn", "enable", MODEL, sn, "--owner", owner])?;
        let (state, image) = ("radio.json", "radio.bin");
        let activate = ["device", "activate", "--server", &server, "--vendor", vendor, "--model", MODEL];
        stage.show(narrator, &[&activate[..], &["--sn", sn, "--state", state]].concat())?;
        let listed = stage.show(narrator, &["device", "list", "--server", &server, "--state", state])?;
        expect(listed.contains(RELEASE), || format!("{RELEASE} is not in the list"))?;
        stage.show(narrator, &["device", "download", RELEASE, image, "--server", &server, "--state", state])?;
        let fetched = fs::read(stage.file(image)).doing("read the image")?;
        let sha256: digest::Sha256 = Sha256::digest(&fetched).into();
        expect(sha256 == firmware.sha256, || "the image has other bytes than the vendor sent".to_owned())?;
        narrator.good(format_args!(
            "{} blocks of at most 1024 bytes, and the vendor's SHA-256",
            fetched.len().div_ceil(1024)
        ))?;
        let shown = stage.show(narrator, &["sn", "show", MODEL, sn])?;
        expect(shown.contains("activated"), || "the vendor does not see it as activated".to_owned())
    })
}
