//! One device in one process: it activates, is replaced, disabled and enabled again, and updates itself.

use std::time::Duration;

use cikada_tests::{Server, Vendor, fresh_name};
use device::activation::{Activation, Http, Origin, Stop};
use device::blocking::{Device, FileImage, FileMemory, System, Tcp, Trouble};
use device::board::Board;
use device::download::Sizes;
use device::{Identity, Pace};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

const PACE: Pace = Pace { start_ms: 1, least_ms: 5, first_ms: 50, most_ms: 200, trust_ms: 60_000 };
const SIZES: Sizes = Sizes { capacity: 1 << 20, piece: 10_000, block: 256, checkpoint: 4_096 };

/// Everything that a device has but its program.
struct Hardware {
    folder: TempDir,
    address: String,
    serial_number: String,
    vendor: String,
    model: String,
}

impl Hardware {
    fn new(vendor: &Vendor<'_>, server: &Server, model: &str, serial_number: &str) -> Hardware {
        Hardware {
            folder: tempfile::tempdir().unwrap(),
            address: server.address.to_string(),
            serial_number: serial_number.to_owned(),
            vendor: vendor.name.clone(),
            model: model.to_owned(),
        }
    }

    /// Switches it on, runs a program, and switches it off again.
    fn switch_on<T>(
        &self,
        patience: Duration,
        program: impl FnOnce(&mut Device<'_, Tcp, FileMemory, System>) -> T,
    ) -> T {
        let identity = Identity::new(&self.vendor, &self.model, &self.serial_number).unwrap();
        let memory = FileMemory::open(self.folder.path()).unwrap();
        let world = System::default().for_at_most(patience);
        let board = Board { link: Tcp::new(self.address.clone()), memory, world };
        let mut buffer = [0; Activation::<Http<'_>>::BUFFER];
        program(&mut Device::new(identity, &self.address, PACE, board, &mut buffer).unwrap())
    }
}

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(150);

#[test]
fn a_device_activates_once_and_keeps_its_key_over_a_reboot() {
    let server = Server::shared();
    let (vendor, model) = (server.vendor(), fresh_name("library"));
    vendor.add_model(&model, &[]);
    vendor.add(&model, &["00:1A 7"]);
    vendor.enable(&model, "00:1A 7");
    let hardware = Hardware::new(&vendor, &server, &model, "00:1A 7");
    let first = hardware.switch_on(LONG, |device| device.activate().unwrap());
    assert_eq!(first.origin, Origin::Activated);
    assert_eq!(vendor.status(&model, "00:1A 7"), "activated");
    let second = hardware.switch_on(LONG, |device| {
        let ready = device.activate().unwrap();
        assert!(device.list().unwrap().is_empty());
        ready
    });
    assert_eq!((second.origin, second.cik.as_str()), (Origin::Stored, first.cik.as_str()));
}

#[test]
fn a_device_waits_until_it_is_enabled_and_stops_when_it_is_unknown() {
    let server = Server::shared();
    let (vendor, model) = (server.vendor(), fresh_name("library"));
    vendor.add_model(&model, &[]);
    vendor.add(&model, &["1"]);
    let hardware = Hardware::new(&vendor, &server, &model, "1");
    assert_eq!(hardware.switch_on(SHORT, |device| device.activate().err()), Some(Trouble::GaveUp));
    vendor.enable(&model, "1");
    assert!(hardware.switch_on(LONG, |device| device.activate().is_ok()));
    let stranger = Hardware::new(&vendor, &server, &model, "2");
    let trouble = stranger.switch_on(LONG, |device| device.activate().err());
    assert_eq!(trouble, Some(Trouble::NoKey(Stop::Unknown)));
}

#[test]
fn a_device_whose_key_was_replaced_gets_the_new_one_by_itself() {
    let server = Server::shared();
    let (vendor, model) = (server.vendor(), fresh_name("library"));
    vendor.add_model(&model, &[]);
    vendor.add(&model, &["1"]);
    vendor.enable(&model, "1");
    let hardware = Hardware::new(&vendor, &server, &model, "1");
    hardware.switch_on(LONG, |device| {
        let old = device.activate().unwrap().cik;
        assert!(device.list().is_ok());
        vendor.re_enable(&model, "1").expect(205);
        assert!(device.list().is_ok());
        assert_ne!(device.activate().unwrap().cik.as_str(), old.as_str());
        // Disabled: it keeps asking, slowly, and says what it is told.
        vendor.disable(&model, "1").expect(205);
        assert!(matches!(device.list(), Err(Trouble::Refused(401) | Trouble::GaveUp)));
        vendor.re_enable(&model, "1").expect(205);
        assert!(device.list().is_ok());
    });
}

#[test]
fn a_device_fetches_what_is_newer_and_goes_on_after_a_reboot() {
    let server = Server::shared();
    let (vendor, model) = (server.vendor(), fresh_name("library"));
    vendor.add_model(&model, &[]);
    vendor.add(&model, &["1"]);
    vendor.enable(&model, "1");
    let image: Vec<u8> = (0..70_000u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 11) as u8).collect();
    let contents = format!("/manage/content/{model}/");
    for (id, blob) in [("firmware_v1", &b"old"[..]), ("firmware_v2", &image)] {
        vendor.post(&contents, &[("id", id), ("meta", "1.2, stable")]).expect(205);
        vendor.send("POST", &format!("{contents}{id}"), "application/x-firmware", blob).expect(205);
    }
    let hardware = Hardware::new(&vendor, &server, &model, "1");
    let path = hardware.folder.path().join("slot");
    let digest: [u8; 32] = Sha256::digest(&image).into();
    hardware.switch_on(LONG, |device| {
        assert_eq!(device.list().unwrap(), ["firmware_v1", "firmware_v2"]);
        assert_eq!(device.find_newer("firmware_v1").unwrap().as_deref(), Some("firmware_v2"));
        let info = device.info("firmware_v2", |info| (info.content_type.to_owned(), info.size, info.meta.to_owned()));
        assert_eq!(info.unwrap(), ("application/x-firmware".to_owned(), 70_000, "1.2, stable".to_owned()));
        let mut file = FileImage::open(&path).unwrap();
        let got = device.download("firmware_v2", 1, SIZES, None, &mut file).unwrap();
        assert_eq!((got.length, got.digest), (70_000, digest));
    });
    assert!(std::fs::read(&path).unwrap() == image);

    // Replaced while the device was off: it starts over. Not replaced: one question and it is handed over again.
    let newer: Vec<u8> = image.iter().rev().copied().collect();
    vendor.send("POST", &format!("{contents}firmware_v2"), "application/x-firmware", &newer[..]).expect(205);
    for _ in 0..2 {
        hardware.switch_on(LONG, |device| {
            let mut file = FileImage::open(&path).unwrap();
            assert!(device.download("firmware_v2", 1, SIZES, None, &mut file).is_ok());
        });
        assert!(std::fs::read(&path).unwrap() == newer);
    }
}
