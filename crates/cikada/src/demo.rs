//! `cikada demo`: a server on a temporary folder, and a vendor, an owner and many devices that use it over real HTTP.
//!
//! The vendor's steps are the commands of this binary, shown as they would be typed; the devices speak HTTP by hand, as
//! firmware does. Every step says what it expects and fails when it is not so: contract, manage.md and device.md, in brief.

mod devices;
mod downloads;
mod farewell;
mod firmware;
mod keys;
mod narrator;
mod radio;
mod stage;
mod values;
mod vendor;
mod windows;

use std::sync::Arc;

use crate::failure::Outcome;
use narrator::Narrator;
use stage::Stage;

/// Watch a vendor, an owner and 200 devices use a server, from the first model to the last byte of firmware
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cikada demo                  # tells the story, then keeps the server up for you to play with
  cikada demo --once           # ends after the story; exits 0 only if every step did what it should
  cikada demo --devices 2000

Everything happens in a temporary folder, on a free port of this machine, and is removed at the end.")]
pub struct Args {
    /// Stop the server after the story and remove everything
    #[arg(long)]
    once: bool,
    /// How many devices call in
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(4..=100_000))]
    devices: u32,
}

/// What the story has come to know: the names that later steps need.
struct Story {
    stage: Arc<Stage>,
    narrator: Narrator,
    /// Each device's serial number and, once it has one, its key.
    devices: Vec<Device>,
    firmware: vendor::Firmware,
}

struct Device {
    sn: String,
    cik: String,
}

/// The model's name.
const MODEL: &str = "thermostat";

pub fn run(args: Args) -> Outcome {
    let mut narrator = Narrator::new();
    narrator.title(format_args!("A vendor, an owner and {} devices on one server, over real HTTP", args.devices))?;
    let stage = narrator.step("The server starts on an empty folder", Stage::set)?;
    let _cleaner = stage::clean_up_on_signal(&stage);
    let outcome = play(narrator, &stage, args.devices, args.once);
    let struck = stage.strike();
    outcome.and(struck)
}

fn play(mut narrator: Narrator, stage: &Arc<Stage>, count: u32, once: bool) -> Outcome {
    let firmware = vendor::describe_product(&mut narrator, stage)?;
    let devices = vendor::register_numbers(&mut narrator, stage, count)?;
    let mut story = Story { stage: stage.clone(), narrator, devices, firmware };
    vendor::enable_all(&mut story)?;
    devices::activate_all(&mut story)?;
    devices::refuse_the_rest(&mut story)?;
    devices::lose_an_answer(&mut story)?;
    values::write_and_watch(&mut story)?;
    windows::close_one(&mut story)?;
    downloads::fetch_in_pieces(&mut story)?;
    downloads::guard_the_protected(&mut story)?;
    radio::speak_coap(&mut story)?;
    keys::replace_one(&mut story)?;
    keys::cut_the_power(&mut story)?;
    if once { farewell::stop(&mut story) } else { farewell::keep_serving(&mut story) }
}
