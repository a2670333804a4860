//! The devices fetch their firmware in pieces as large as their memory, over a line that may be cut.

use std::io;
use std::time::Instant;

use indicatif::ProgressBar;
use sha2::{Digest, Sha256};

use super::firmware::Fetcher;
use super::narrator::expect;
use super::vendor::{BETA, RELEASE};
use super::{MODEL, Story};
use crate::client::digest;
use crate::crowd::crowd;
use crate::failure::{Doing, Failure, Outcome};
use crate::output::size;
use crate::progress;
use crate::when::span;

/// What a small device has room for.
const PIECE_BYTES: u64 = 32 << 10;
const FETCHERS: usize = 8;

/// Some devices at once; the first of them is cut off in the middle of a piece.
pub fn fetch_in_pieces(story: &mut Story) -> Outcome {
    let Story { stage, narrator, devices, firmware } = story;
    let vendor = stage.cast.vendor.name.as_str();
    let count = devices.len().min(FETCHERS);
    let title = format!("{count} devices download {} in pieces of {}", size(firmware.bytes), size(PIECE_BYTES));
    narrator.step(title, |narrator| {
        let begun = Instant::now();
        let pieces = firmware.bytes.div_ceil(PIECE_BYTES) * count as u64;
        let bar = progress::count("    fetching", pieces);
        let fetched = crowd(count, count, &ProgressBar::hidden(), |index| {
            let connect = || Fetcher::connect(stage.address(), &devices[index].cik, vendor, MODEL, RELEASE);
            let cut_at = (index == 0).then_some(firmware.bytes / 2);
            let sha256 = fetch(connect, cut_at, || bar.inc(1)).doing("download the firmware")?;
            expect(sha256 == firmware.sha256, || format!("{} has other bytes than the vendor sent", devices[index].sn))
        })?;
        bar.finish_and_clear();
        let rate = (firmware.bytes as f64 * count as f64 / fetched.elapsed.as_secs_f64().max(1e-6)) as u64;
        narrator.say(format_args!("{pieces} pieces in {}: {}/s", span(begun.elapsed()), size(rate)))?;
        narrator
            .good(format_args!("{} was cut off in the middle of a piece and went on where it was", devices[0].sn))?;
        narrator.good(format_args!("every copy has the SHA-256 {}", digest::hex(&firmware.sha256)))
    })
}

/// Fetches the whole; `If-Range` makes sure that all pieces are of one content.
fn fetch(
    connect: impl Fn() -> io::Result<Fetcher>,
    mut cut_at: Option<u64>,
    piece_done: impl Fn(),
) -> io::Result<digest::Sha256> {
    let mut fetcher = connect()?;
    let mut hasher = Sha256::new();
    let mut length = 0;
    let mut tag: Option<String> = None;
    loop {
        if cut_at.is_some_and(|cut_at| length >= cut_at) {
            cut_at = None;
            let some = fetcher.piece_cut_after(length, PIECE_BYTES, tag.as_deref(), 1000)?;
            hasher.update(&some);
            length += some.len() as u64;
            fetcher = connect()?;
        }
        let piece = fetcher.piece(length, PIECE_BYTES, tag.as_deref())?;
        if piece.status != 206 || piece.bytes.is_empty() {
            return Err(io::Error::other(format!("a piece was answered {}", piece.status)));
        }
        hasher.update(&piece.bytes);
        length += piece.bytes.len() as u64;
        piece_done();
        if piece.total.is_some_and(|total| length >= total) {
            return Ok(hasher.finalize().into());
        }
        tag = Some(piece.tag);
    }
}

/// What only a group may have.
pub fn guard_the_protected(story: &mut Story) -> Outcome {
    let Story { stage, narrator, devices, .. } = story;
    let vendor = stage.cast.vendor.name.as_str();
    narrator.step("The beta is for the beta group only", |narrator| {
        let status = |index: usize| -> Outcome<u16> {
            let fetcher = Fetcher::connect(stage.address(), &devices[index].cik, vendor, MODEL, BETA);
            let mut fetcher = fetcher.map_err(|error| Failure::new(format!("cannot connect: {error}")))?;
            fetcher.piece(0, PIECE_BYTES, None).map(|piece| piece.status).doing("download the beta")
        };
        let (member, other) = (status(0)?, status(1)?);
        expect(member == 206, || format!("the member of the group was answered {member}"))?;
        narrator.good(format_args!("{} is in the group: it gets {BETA}", devices[0].sn))?;
        expect(other == 404, || format!("a device outside of the group was answered {other}"))?;
        narrator.good(format_args!("{} is not: 404, as if there were none", devices[1].sn))?;
        let listed = stage.show(narrator, &["content", "list", MODEL, "--sn", &devices[1].sn])?;
        expect(listed == RELEASE, || "the list shows what the serial number may not have".to_owned())
    })
}
