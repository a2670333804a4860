//! How the demo ends: with a server that stops in good order, or with one that keeps serving and a few things to try.

use std::thread;
use std::time::Duration;

use super::narrator::expect;
use super::vendor::{RELEASE, SPARE};
use super::{MODEL, Story};
use crate::failure::{Failure, Outcome};
use crate::output::line;

/// SIGTERM, and a look at what is on the disk.
pub fn stop(story: &mut Story) -> Outcome {
    let Story { stage, narrator, .. } = story;
    narrator.step("The server is asked to stop", |narrator| {
        let status = stage.stop()?.and_then(|status| status.code());
        expect(status == Some(0), || format!("it ended with {status:?}, not 0"))?;
        narrator.good("it finished what it was doing and exited with 0")?;
        let data = stage.data();
        let checked = stage.show(narrator, &["fsck", "--data", &data.to_string_lossy()])?;
        expect(!checked.is_empty(), || "fsck said nothing".to_owned())
    })?;
    narrator.title("\nEvery step did what it should.")
}

/// Stays until it is interrupted: the thread that waits for that ends the process.
pub fn keep_serving(story: &mut Story) -> Outcome {
    let Story { stage, narrator, devices, .. } = story;
    let base = stage.base();
    let cast = &stage.cast;
    narrator.title("\nThe server stays up. Try, in another terminal:")?;
    let (vendor, sn, cik) = (&cast.vendor.name, SPARE[2], &devices[0].cik);
    let text = format!(
        "
    export CIKADA_SERVER={base} CIKADA_TOKEN={token}

    # the vendor looks at its numbers, and enables one more
    cikada sn list {MODEL}
    cikada sn enable {MODEL} {sn} --owner {owner}

    # its device calls in; twice is once too often
    curl -i {base}/provision/activate -d vendor={vendor} -d model={MODEL} -d sn={sn}

    # a device that has its key lists and downloads what it may have, here the first 100 bytes
    curl -H X-Exosite-CIK:{cik} '{base}/provision/download?vendor={vendor}&model={MODEL}'
    curl -H X-Exosite-CIK:{cik} -r 0-99 '{base}/provision/download?vendor={vendor}&model={MODEL}&id={RELEASE}' | xxd

    # the same as the command line does it: resumed when cut, checked at the end
    CIKADA_CIK={cik} cikada device --vendor {vendor} --model {MODEL} download {RELEASE} /tmp/fw.bin

    # and over CoAP; with libcoap: coap-client -m get '{coap}/ts'
    CIKADA_CIK={cik} cikada device --server {coap} --vendor {vendor} --model {MODEL} list

    # a token of its own for every script, made with the vendor's key
    CIKADA_CIK={vendor_cik} cikada token create my-script

    # the vendor over plain HTTP
    curl -H X-Exosite-Token:{token} '{base}/provision/manage/model/{MODEL}/?status=true&limit=10'

Ctrl-C ends it and removes {data}.",
        coap = stage.coap_base(),
        token = cast.vendor.token,
        vendor_cik = cast.vendor.cik,
        owner = cast.owner.rid,
        data = stage.file("").display(),
    );
    line(text)?;
    while stage.is_up() {
        thread::sleep(Duration::from_millis(200));
    }
    Err(Failure::new("the server ended by itself"))
}
