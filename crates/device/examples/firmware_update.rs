//! Keeps a device's firmware up to date: two slots, a trial start, and the old image back when the new one does not
//! confirm itself.
//!
//! ```text
//! cargo run --example firmware_update -- provision.example.com:80 acme lamp 00:1A:7F ./device
//! ```
//!
//! The folder stands for the device: its records, and `slot.0` and `slot.1` for its flash. An image here is a text whose
//! first line is its content id (`firmware_v2`); one that says `hangs` on the second line stands for a bad build. A
//! reboot is one more turn of the loop: nothing but the folder survives it.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use cikada_device::activation::{Activation, Http};
use cikada_device::blocking::{Device, FileImage, FileMemory, System, Tcp};
use cikada_device::board::Board;
use cikada_device::boot::{self, Start};
use cikada_device::download::Sizes;
use cikada_device::{Identity, Pace};

/// What the factory has put into slot 0.
const FACTORY: &str = "firmware_v0\n";
/// The sizes of this device's flash: pages of 256 bytes, sectors of 4 KiB, slots of 1 MiB.
const SIZES: Sizes = Sizes { capacity: 1 << 20, piece: 16 << 10, block: 256, checkpoint: 4 << 10 };
/// A new image gets so many starts to confirm itself.
const TRIES: u8 = 2;
/// A device that reboots more often than this within one run of the example has a fault.
const MOST_BOOTS: usize = 20;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [server, vendor, model, serial_number, folder] = &arguments[..] else {
        println!("usage: firmware_update <server:port> <vendor> <model> <serial number> <folder>");
        return ExitCode::FAILURE;
    };
    match run(server, vendor, model, serial_number, Path::new(folder)) {
        Ok(version) => {
            println!("up to date: {version}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            println!("failed: {why}");
            ExitCode::FAILURE
        }
    }
}

/// What a start of the device leads to.
enum Next {
    Reboot,
    UpToDate(String),
}

/// Starts the device again and again until its firmware is up to date; gives the version that runs then.
pub fn run(server: &str, vendor: &str, model: &str, serial_number: &str, folder: &Path) -> Result<String, String> {
    let identity = Identity::new(vendor, model, serial_number).map_err(|name| format!("{name:?} is no name"))?;
    fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    for _ in 0..MOST_BOOTS {
        match power_up(server, identity, folder)? {
            Next::Reboot => println!("reboot"),
            Next::UpToDate(version) => return Ok(version),
        }
    }
    Err("it reboots for ever".to_owned())
}

fn power_up(server: &str, identity: Identity<'_>, folder: &Path) -> Result<Next, String> {
    // The boot loader's part: which slot to start.
    let mut memory = FileMemory::open(folder).map_err(|error| error.to_string())?;
    let start = boot::choose(&mut memory).map_err(|_| "the memory failed")?;
    let image = fs::read_to_string(slot(folder, start.slot())).unwrap_or_else(|_| FACTORY.to_owned());
    let version = image.lines().next().unwrap_or_default().to_owned();
    println!("started {version} from slot {} ({start:?})", start.slot());
    if image.lines().nth(1) == Some("hangs") {
        println!("{version} hangs; the watchdog bites");
        return Ok(Next::Reboot);
    }

    // From here on it is the image that speaks.
    let world = System::default().for_at_most(Duration::from_secs(120));
    let board = Board { link: Tcp::new(server), memory: memory.clone(), world };
    let mut buffer = [0; Activation::<Http<'_>>::BUFFER];
    let mut device = Device::new(identity, server, Pace::default(), board, &mut buffer).ok_or("no server's name")?;
    let newer = device.find_newer(&version).map_err(|trouble| format!("{trouble:?}"))?;
    if let Start::Trial(_) = start {
        // It started and reached the server, so the next image can be fetched with it: that is what makes it good.
        boot::confirm(&mut memory).map_err(|_| "the memory failed")?;
        println!("{version} confirms itself");
    }

    // An image that was tried and did not confirm itself is not fetched again.
    let tried = fs::read_to_string(folder.join("tried")).unwrap_or_default();
    let Some(id) = newer.filter(|id| *id != tried) else { return Ok(Next::UpToDate(version)) };
    let spare = boot::spare(&mut memory).map_err(|_| "the memory failed")?;
    let mut file = FileImage::open(slot(folder, spare)).map_err(|error| error.to_string())?;
    let image = device.download(&id, spare, SIZES, None, &mut file).map_err(|trouble| format!("{id}: {trouble:?}"))?;
    file.finish(image.length).map_err(|error| error.to_string())?;
    println!("{id}: {} bytes in slot {spare}, digest verified", image.length);
    fs::write(folder.join("tried"), &id).map_err(|error| error.to_string())?;
    boot::stage(&mut memory, TRIES).map_err(|_| "the memory failed")?;
    Ok(Next::Reboot)
}

fn slot(folder: &Path, slot: u8) -> PathBuf {
    folder.join(format!("slot.{slot}"))
}
