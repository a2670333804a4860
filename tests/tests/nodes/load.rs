//! Devices that call in one after another on several nodes, and ask again until they are answered, as firmware does.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use cikada_tests::{Server, Vendor, fresh_address};

/// Numbers registered at a time.
const BLOCK: usize = 2_000;
/// A device gives up after so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// What devices saw.
#[derive(Default)]
pub struct Journal {
    next: AtomicUsize,
    ended: AtomicBool,
    /// Numbers and their keys.
    keys: Mutex<Vec<(usize, String)>>,
    /// When each answer came that was no answer: status 503, or a connection that ended.
    pub waits: Mutex<Vec<Instant>>,
    pub longest: Mutex<Duration>,
}

/// Registers numbers that enable themselves.
pub fn open_model(vendor: &Vendor, model: &str, blocks: usize) {
    vendor.add_model(model, &[]);
    for block in 0..blocks {
        let numbers: String = (block * BLOCK..(block + 1) * BLOCK).map(|number| format!("{}\n", sn(number))).collect();
        vendor.send("POST", &format!("/manage/model/{model}/"), "text/csv", numbers).expect(205);
    }
}

pub fn sn(number: usize) -> String {
    format!("N{number:06}")
}

impl Journal {
    /// Has `workers` devices at a time call in on the nodes in turn, while `meanwhile` runs. A node may be gone.
    pub fn run(&self, nodes: &[&Server], model: &str, workers: usize, meanwhile: impl FnOnce()) {
        self.ended.store(false, Ordering::SeqCst);
        thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|| {
                    while !self.ended.load(Ordering::SeqCst) {
                        let number = self.next.fetch_add(1, Ordering::SeqCst);
                        self.activate(nodes, model, number);
                    }
                });
            }
            // It ends the load also where it ends the test.
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(meanwhile));
            self.ended.store(true, Ordering::SeqCst);
            outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        });
    }

    /// One device: its owner enables it, it calls in with a nonce until it is answered. The answer is a key, never a refusal.
    fn activate(&self, nodes: &[&Server], model: &str, number: usize) {
        let began = Instant::now();
        let (mut turn, mut is_enabled) = (number, false);
        let nonce = format!("nonce-of-number-{number:06}");
        while began.elapsed() < PATIENCE {
            let node = nodes[turn % nodes.len()];
            turn += 1;
            let asked = Instant::now();
            let owner = &node.cast.owner.rid;
            let request = if is_enabled {
                node.device(model, &sn(number)).activation(&[("nonce", &nonce)])
            } else {
                let path = format!("/manage/model/{model}/{}", sn(number));
                cikada_tests::Request::post(&format!("/provision{path}"), &[("enable", "true"), ("owner", owner)])
                    .header("X-Exosite-CIK", &node.cast.vendor.cik)
            };
            let answer = node.try_call_from(fresh_address(), &request);
            let took = asked.elapsed();
            let mut longest = self.longest.lock().unwrap();
            *longest = (*longest).max(took);
            drop(longest);
            match answer {
                Ok(answer) if answer.status == 200 && is_enabled => {
                    self.keys.lock().unwrap().push((number, answer.text().to_owned()));
                    return;
                }
                // Whoever asked for it before got no answer.
                Ok(answer) if !is_enabled && [200, 409].contains(&answer.status) => is_enabled = true,
                Ok(answer) => {
                    assert_eq!(answer.status, 503, "number {number}, enabled: {is_enabled}: {answer:?}");
                    assert!(answer.header("retry-after").is_some(), "{answer:?}");
                    self.wait();
                }
                Err(_) => self.wait(),
            }
        }
        panic!("number {number} was not served within {PATIENCE:?}");
    }

    fn wait(&self) {
        self.waits.lock().unwrap().push(Instant::now());
        thread::sleep(Duration::from_millis(50));
    }

    /// How many were activated so far.
    pub fn activated(&self) -> usize {
        self.keys.lock().unwrap().len()
    }

    /// Waits until more have been activated; answers how long that took.
    pub fn wait_for_more(&self, more: usize, at_most: Duration) -> Duration {
        let (began, before) = (Instant::now(), self.activated());
        while self.activated() < before + more {
            assert!(began.elapsed() < at_most, "only {} of {more} within {at_most:?}", self.activated() - before);
            thread::sleep(Duration::from_millis(5));
        }
        began.elapsed()
    }

    /// Every key that was answered works on a node, and the rows are as they must be.
    pub fn require_kept(&self, node: &Server, model: &str) {
        for (number, key) in self.keys.lock().unwrap().iter() {
            assert!(node.device(model, &sn(*number)).is_alive(key), "the key of number {number} is dead");
        }
        let fsck = node.run_on_data("fsck");
        assert!(fsck.status.success(), "{fsck:?}");
    }
}
