//! Bits that flip on the disk (promise I5, fault F07, goal G16): a download is right or fails; what fsck calls clean is what was
//! there. `CIKADA_FLIPS` sets how many.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use cikada_tests::{Copy, Luck, Server, Witness, World, fsck};

fn flips() -> usize {
    std::env::var("CIKADA_FLIPS").ok().and_then(|text| text.parse().ok()).unwrap_or(500)
}

/// Turns one bit over.
fn flip(path: &Path, luck: &mut Luck) -> (u64, u8) {
    let file = File::options().read(true).write(true).open(path).unwrap();
    let (at, bit) = (luck.below(file.metadata().unwrap().len() as usize) as u64, 1u8 << luck.below(8));
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ bit], at).unwrap();
    (at, bit)
}

fn unflip(path: &Path, (at, bit): (u64, u8)) {
    let file = File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ bit], at).unwrap();
}

#[test]
fn a_flipped_bit_of_a_blob_or_its_sums_never_goes_out() {
    // Nothing is kept in memory, so that each download reads the disk.
    let server = Server::start_with("[blob]\ncache_bytes = 0\ncached_blob_bytes = 0\n");
    let world = World::furnish(&server);
    let device = server.device(&world.model, "active");
    let whole = device.blob(&world.device_cik, "firmware").expect(200).body;
    let files: Vec<PathBuf> =
        fs::read_dir(server.data().join("blobs")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let blob = files.iter().filter(|path| path.is_file()).max_by_key(|path| path.metadata().unwrap().len()).unwrap();
    let mut luck = Luck::new(16);
    let (mut refused, mut right) = (0, 0);
    for n in 0..flips() {
        let path = if n % 4 == 3 { blob.with_extension("sum") } else { blob.clone() };
        let flipped = flip(&path, &mut luck);
        let from = luck.below(whole.len());
        let to = (from + 1 + luck.below(100_000)).min(whole.len());
        let requests = [
            (device.download_request(&world.device_cik, "&id=firmware"), 0..whole.len()),
            (
                device
                    .download_request(&world.device_cik, "&id=firmware")
                    .header("Range", &format!("bytes={from}-{}", to - 1)),
                from..to,
            ),
        ];
        for (request, range) in requests {
            match server.try_call_from(device.address, &request) {
                Ok(answer) if [200, 206].contains(&answer.status) => {
                    assert!(
                        answer.body == whole[range],
                        "wrong bytes after a flip at {flipped:?} of {}",
                        path.display()
                    );
                    right += 1;
                }
                Ok(answer) => {
                    answer.expect(500);
                    refused += 1;
                }
                // Cut off in the middle: what went out before was right, and the device sees that it is short.
                Err(_) => refused += 1,
            }
        }
        unflip(&path, flipped);
    }
    assert!(refused > flips() / 4 && right > 0, "{refused} refused, {right} right");
    assert!(device.blob(&world.device_cik, "firmware").expect(200).body == whole);
    println!("{} flips: {refused} downloads refused, {right} right, 0 wrong", flips());
}

/// SQLite has no sums of its own pages, so a flip in a free text or a number that may be any is not seen. What must be seen is
/// all that decides over keys: a flip is found, or every key and every state is what it was.
#[test]
fn a_flipped_bit_of_the_database_is_found_or_touches_no_key() {
    const KEYS: &str = "SELECT coalesce(sum(id * state + length(key_sealed) + coalesce(answer_id, 0)), 0) FROM client";
    let mut server = Server::start();
    World::furnish(&server);
    assert!(server.stop().success());
    let witness = Witness::of(&server.data());
    let (keys, held) = (witness.number(KEYS), witness.held());
    drop(witness);
    let mut luck = Luck::new(17);
    let (mut found, mut harmless, mut unseen) = (0, 0, 0);
    for _ in 0..flips() / 5 {
        let copy = Copy::of(&server.data());
        let flipped = flip(&copy.data().join("cikada.db"), &mut luck);
        if !fsck(&copy.data()).success {
            found += 1;
            continue;
        }
        let witness = Witness::of(&copy.data());
        assert_eq!(
            witness.number(KEYS),
            keys,
            "a flip at {flipped:?} changed a key or its state, and fsck did not see it"
        );
        if witness.held() == held { harmless += 1 } else { unseen += 1 }
    }
    assert!(found > 0, "no flip was found");
    println!("{found} found, {harmless} where nothing is, {unseen} in texts and numbers that may be any");
}
