//! What this machine does without our server: the figures that the others are held against.

use blob::{BlobStore, Bounds};
use bytes::Bytes;

use super::content::{big_figures, bytes};
use super::{Target, figures, in_turns, repeat};
use crate::baseline::bare::{Answers, Bare};
use crate::baseline::disk::fsync_time;
use crate::baseline::nginx::Nginx;
use crate::baseline::store_alone::StoreAlone;
use crate::load::Measured;
use crate::process::Watched;
use crate::report::{Report, duration, thousands};
use crate::settings::Settings;
use crate::{Outcome, failed};

const REQUEST: &[u8] = b"GET /file HTTP/1.1\r\nHost: bench\r\n\r\n";

pub fn play(settings: &Settings, report: &mut Report) -> Outcome<()> {
    let folder = tempfile::Builder::new().prefix("cikada-bench-").tempdir()?;
    report.note("fdatasync of 4 KiB", duration(fsync_time(folder.path())?));
    let measure = settings.seconds(3);
    for threads in [1, 2] {
        let bare = Bare::on_threads(Answers::Key, threads)?;
        let target = Target { address: bare.address, server: Watched::Here, connections: 64, measure };
        let measured = repeat(target, REQUEST, &|answer| answer.length == 40)?;
        report.note(format!("bare hyper on {threads} threads, 40 bytes, 64 connections"), figures(&measured));
    }
    for (length, connections) in [(1 << 10, 64), (64 << 20, 1)] {
        let (nginx, contents) = (Nginx::start()?, bytes(length));
        nginx.put("file", &contents)?;
        let store = BlobStore::open_disk(&folder.path().join("blobs"), Bounds::default())?;
        let bare = Bare::start(upload(store, contents)?)?;
        let theirs = Target { address: nginx.address, server: nginx.watched()?, connections, measure };
        let ours = Target { address: bare.address, server: Watched::Here, connections, measure };
        let good = |answer: &crate::load::Answer<'_>| answer.status == 200 && answer.length == length as u64;
        let (ours, theirs) = in_turns(
            3,
            Measured::rate,
            || repeat(ours.clone(), REQUEST, &good),
            || repeat(theirs.clone(), REQUEST, &good),
        )?;
        let show = if connections == 1 { big_figures } else { figures };
        report.note(format!("nginx, {length} bytes, {connections} connections"), show(&theirs));
        report.note(format!("the blob store over bare hyper, {length} bytes, {connections} connections"), show(&ours));
    }
    Ok(())
}

/// Activations in the store, without HTTP, threads to hand them to, or anybody else.
pub fn store_alone(settings: &Settings, report: &mut Report) -> Outcome<()> {
    for numbers in [1_000_000, 10_000_000].map(|numbers| settings.count(numbers)) {
        let folder = tempfile::Builder::new().prefix("cikada-bench-").tempdir()?;
        let store = StoreAlone::prepare(folder.path(), numbers)?;
        let mut places = 0..0;
        for a_commit in [1, 16, 64, 256] {
            places = places.end..places.end + settings.count(if a_commit == 1 { 20_000 } else { 100_000 });
            let rate = store.activations(places.clone(), a_commit)?;
            let what =
                format!("activation in the store alone, {} numbers, {a_commit} a commit", thousands(numbers as f64));
            report.note(what, format!("{}/s", thousands(rate)));
        }
    }
    Ok(())
}

/// Puts the bytes into the store, and gives what answers with them.
fn upload(store: BlobStore, contents: Vec<u8>) -> Outcome<Answers> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(async {
        let mut upload = store.upload(u64::MAX)?;
        upload.write(Bytes::from(contents)).await?;
        let stored = upload.finish().await?;
        if stored.length == 0 {
            failed("nothing was stored")
        } else {
            Ok(Answers::Blob(store, stored.digest, stored.length))
        }
    })
}
