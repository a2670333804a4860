//! `cikada fleet`: thousands of simulated devices that run the device library's own state machines over real sockets, on a
//! link that loses and cuts answers, with power that fails in the middle of writes.
//!
//! It checks as it goes: no two devices with one key, no image accepted whose bytes are not the vendor's, and at the end no
//! device without its key and its new firmware.

mod flash;
mod life;
mod link;
mod luck;
mod product;
mod tally;
mod view;

use std::net::{SocketAddr, ToSocketAddrs};
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio::task::LocalSet;

use crate::client::Flags;
use crate::failure::{Doing, Failure, Outcome};
use crate::output::Cell;
use crate::when::span;
use product::Product;
use tally::Tally;

/// Simulate a fleet of devices on a bad link: they activate, update themselves, crash and start again
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cikada fleet --vendor acme --template <rid> --owner <rid>                  # 1,000 devices, 30 % of answers lost
  cikada fleet … --devices 10000 --loss 30 --cut 10 --crash 1 --seed 7
  cikada fleet … --coap 127.0.0.1:5683 --coap-share 50                      # half of them over CoAP

`cikada init --json` printed the RIDs of the template and the owner. A model fleet-<seed> is made for the run and stays: look at it with
`cikada sn list`. The same seed gives every device the same luck again.")]
pub struct Args {
    #[command(flatten)]
    flags: Flags,
    /// The vendor's name, as devices say it
    #[arg(long, value_name = "NAME")]
    vendor: String,
    /// The RID of the client that devices are cloned from
    #[arg(long, value_name = "RID")]
    template: String,
    /// The RID of the client that will own the devices
    #[arg(long, value_name = "RID")]
    owner: String,
    /// How many devices
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    devices: u32,
    /// Repeats a run: the same seed is the same luck
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    weather: Weather,
    /// The size of the firmware image in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 16_384, value_parser = clap::value_parser!(u32).range(1..=1_048_576))]
    image: u32,
    /// Where the server speaks CoAP, as host:port
    #[arg(long, value_name = "ADDRESS")]
    coap: Option<String>,
    /// How many of a hundred devices use CoAP
    #[arg(long, value_name = "PERCENT", default_value_t = 50, requires = "coap", value_parser = clap::value_parser!(u8).range(0..=100))]
    coap_share: u8,
    /// How many connections are open at once
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    at_once: u32,
    /// Give up on devices that are not done after so long
    #[arg(long, value_name = "SPAN", default_value = "15m", value_parser = crate::when::parse_span)]
    within: u64,
}

/// How bad the world is.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Weather")]
struct Weather {
    /// Of a hundred answers, so many are lost on the way
    #[arg(long, value_name = "PERCENT", default_value_t = 30.0, value_parser = percent)]
    loss: f64,
    /// Of a hundred answers, so many are cut in the middle
    #[arg(long, value_name = "PERCENT", default_value_t = 5.0, value_parser = percent)]
    cut: f64,
    /// Of a hundred steps of a device, in so many the power fails
    #[arg(long, value_name = "PERCENT", default_value_t = 0.5, value_parser = percent)]
    crash: f64,
    /// The longest delay of an answer, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 20)]
    delay: u32,
    /// Clocks run fast or slow by up to so much
    #[arg(long, value_name = "PERCENT", default_value_t = 5.0, value_parser = percent)]
    drift: f64,
    /// Devices start within so many seconds of each other
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    stagger: u32,
    /// The devices' clocks run so many times faster than ours
    #[arg(long, value_name = "TIMES", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    speed: u32,
}

fn percent(text: &str) -> Result<f64, String> {
    let value = text.parse().ok().filter(|value| (0.0..=90.0).contains(value));
    value.ok_or_else(|| "a percentage from 0 to 90".to_owned())
}

/// What all devices share.
struct World {
    http: Place,
    coap: Option<Place>,
    coap_share: u8,
    vendor: String,
    product: Product,
    weather: Weather,
    connections: Semaphore,
    seed: u64,
    begun: Instant,
    tally: Tally,
}

/// Where a protocol is spoken, and what devices call it.
struct Place {
    name: String,
    address: SocketAddr,
}

pub fn run(args: Args) -> Outcome {
    let output = args.flags.output();
    let http = place_of_url(&args.flags.server)?;
    let coap = args.coap.as_deref().map(place).transpose()?;
    let server = args.flags.vendor()?;
    let product = product::prepare(&server, &args)?;
    let count = args.devices;
    let world = Rc::new(World {
        http,
        coap,
        coap_share: args.coap_share,
        vendor: args.vendor,
        product,
        weather: args.weather,
        connections: Semaphore::new(args.at_once as usize),
        seed: args.seed,
        begun: Instant::now(),
        tally: Tally::new(count as usize),
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().doing("start the fleet")?;
    let all = LocalSet::new();
    runtime.block_on(all.run_until(simulate(world.clone(), count, Duration::from_secs(args.within))));
    let tally = &world.tally;
    let fields = tally.fields(world.begun.elapsed());
    output.thing(&fields.iter().map(|(name, text)| (*name, Cell::number(text))).collect::<Vec<_>>())?;
    match tally.verdict() {
        Ok(()) => Ok(()),
        Err(wrong) => Err(Failure::new(wrong).advise(format!(
            "the run is repeatable: the same flags with --seed {} on a fresh server; longer than {} with --within",
            args.seed,
            span(Duration::from_secs(args.within))
        ))),
    }
}

/// Runs all devices to their ends, or until the time is over.
async fn simulate(world: Rc<World>, count: u32, within: Duration) {
    let view = view::View::new(u64::from(count));
    let lives: Vec<_> =
        (0..count).map(|number| tokio::task::spawn_local(life::live(world.clone(), number as usize))).collect();
    let watching = async {
        loop {
            tokio::time::sleep(Duration::from_millis(250)).await;
            view.show(&world.tally);
        }
    };
    let living = async {
        for life in lives {
            // A task that panicked is a device that did not finish: the verdict tells.
            let _ = life.await;
        }
    };
    tokio::select! {
        _ = tokio::time::timeout(within, living) => {}
        () = watching => {}
    }
    view.close();
}

fn place_of_url(url: &str) -> Outcome<Place> {
    let rest = url.strip_prefix("http://").ok_or_else(|| {
        Failure::new("a fleet speaks plain HTTP")
            .advise("give --server as http://host:port, behind the TLS of your server")
    })?;
    let name = rest.trim_end_matches('/');
    if name.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok()) {
        place(name)
    } else {
        place(&format!("{name}:80"))
    }
}

fn place(name: &str) -> Outcome<Place> {
    let mut found = name.to_socket_addrs().doing(format_args!("find {name}"))?;
    let address = found.next().ok_or_else(|| Failure::new(format!("{name} has no address")))?;
    Ok(Place { name: name.to_owned(), address })
}
