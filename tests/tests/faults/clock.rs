//! Clocks that jump (promise I6, fault F12, goal G17): no activation at or after the end of its window, no window that opens again,
//! and service time that never runs back, over restarts, too.
//!
//! `CIKADA_JUMPS` sets how many.

use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cikada_tests::{Luck, Server, assert_sound};

const TEN_YEARS_S: i64 = 10 * 366 * 86_400;

#[test]
fn no_jump_of_the_clock_opens_a_window_again_or_turns_service_time_back() {
    let jumps: usize = std::env::var("CIKADA_JUMPS").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000);
    let mut server = Server::start();
    server.vendor().add_model("m", &[("activation_timeout", "3600")]);
    let mut luck = Luck::new(12);
    let (mut latest, mut wall) = (server.now(), 0);
    let (mut opened, mut late) = (0, 0);
    // One number at a time: its window's end as it was told by the clock of the enable.
    let mut window: Option<(String, i64, bool)> = None;
    for jump in 0..jumps {
        // To one of the seconds around the end of the window, back, or far away; the last only now and then, because service time
        // stands still for so long afterwards.
        let real = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
        let near = window.as_ref().map(|(_, end, _)| *end - real + luck.below(5) as i64 - 2);
        wall = match (luck.below(8), near) {
            (0..5, Some(near)) => near,
            (5, _) => wall + luck.below(7200) as i64 - 3600,
            (6, _) if luck.below(40) == 0 => wall + luck.below(TEN_YEARS_S as usize / 10) as i64,
            _ => wall - luck.below(TEN_YEARS_S as usize) as i64,
        };
        server.set_clock(wall);
        if jump % 250 == 249 {
            // The time is written down with what is written, once a second.
            thread::sleep(Duration::from_millis(1100));
            server.vendor().add("m", &[&format!("mark-{jump}")]);
            latest = server.now();
            server.kill();
            server.restart();
        }
        let now = server.now();
        assert!(now >= latest, "service time ran back from {latest} to {now} at jump {jump}");
        latest = now;
        match &mut window {
            Some((sn, end, closed)) => {
                let device = server.device("m", sn);
                let answer = device.activate();
                // Between the two looks at the clock a second may pass.
                let (before, after) = (now, server.now());
                if answer.status == 200 {
                    assert!(before < *end, "activated at {before}, the window ended at {end}");
                    assert!(!*closed, "a window opened again");
                    window = None;
                    opened += 1;
                } else {
                    answer.expect(409);
                    assert!(after >= *end || *closed, "refused at {after}, the window ends at {end}");
                    *closed = true;
                    late += 1;
                    if luck.below(3) == 0 {
                        window = None;
                    }
                }
            }
            None => {
                let sn = format!("A{jump}");
                server.vendor().add("m", &[&sn]);
                server.vendor().enable("m", &sn);
                window = Some((sn, server.now() + 3600, false));
            }
        }
    }
    assert!(opened > 20 && late > 20, "{opened} activated, {late} refused: nothing was tried");
    // The persisted time is years ahead of this machine's: fsck says so, and nothing else.
    server.kill();
    let verdict = cikada_tests::fsck(&server.data());
    let ahead = ("I6".to_owned(), "a persisted time that is ahead of this machine's".to_owned());
    assert!(verdict.violations.iter().all(|found| *found == ahead), "{}", verdict.said);
    println!("{jumps} jumps, {opened} activated in time, {late} refused");
}

#[test]
fn a_window_that_was_found_over_stays_closed_when_the_clock_goes_back() {
    let mut server = Server::start();
    server.vendor().add_model("m", &[("activation_timeout", "60")]);
    server.vendor().add("m", &["A1"]);
    server.vendor().enable("m", "A1");
    server.set_clock(100);
    server.device("m", "A1").activate().expect(409);
    server.kill();
    server.set_clock(-1_000);
    server.restart();
    server.device("m", "A1").activate().expect(409);
    assert_eq!(server.vendor().status("m", "A1"), "expired");
    server.vendor().re_enable("m", "A1").expect(205);
    server.device("m", "A1").activate_ok();
    server.kill();
    assert_sound(&server.data(), "after the clock went back");
}
