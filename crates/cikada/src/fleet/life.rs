//! One device, from its first power-up to its new firmware: the state machines of the device library, carried out on a bad
//! link, a flash memory that tears and a clock that drifts.

use std::rc::Rc;
use std::time::{Duration, Instant};

use device::activation::{self, Activation, Coap, Http};
use device::boot::{self, Start};
use device::coap::{self, Request as Ask, code};
use device::content::{self, Search};
use device::download::{BlockFetch, Download, Fetch, RangeFetch, Sizes, Stop, Target};
use device::http::Access;
use device::{Action, Cik, Env, Event, Identity, Machine, Pace};
use tokio::time::sleep;

use super::World;
use super::flash::Flash;
use super::link::{Came, Link, Speaks};
use super::luck::Luck;
use super::product::{FACTORY, NEWEST};
use crate::client::digest;

const SIZES: Sizes = Sizes { capacity: 1 << 20, piece: 4_096, block: 256, checkpoint: 4_096 };
/// A new image gets so many starts to confirm itself. Here the power fails often, and that must not look like a bad image.
const TRIES: u8 = 200;
/// Between two tries of a call that did not work, in milliseconds of the device's clock.
const AGAIN_MS: u64 = 5_000;

/// The power failed.
struct Dark;

/// What a start of the device led to.
enum Day {
    /// A new image is staged.
    Reboot,
    /// The newest firmware runs, and the server knows the key.
    Done,
    /// It waits for somebody's help.
    Stuck(String),
}

/// Everything of a device but its program.
struct Body<'w> {
    world: &'w World,
    number: usize,
    link: Link<'w>,
    flash: Flash,
    luck: Luck,
    /// Its clock against ours: the fleet's speed, and its own drift.
    rate: f64,
    begun: Instant,
    /// What it waited in vain without any of our time passing, in its milliseconds.
    skipped_ms: u64,
    /// The slot that a download writes to.
    spare: u8,
}

/// Lives until the device is done or stuck.
pub async fn live(world: Rc<World>, number: usize) {
    let mut luck = Luck::of(world.seed, number);
    let over_coap = world.coap.is_some() && luck.up_to(99) < u64::from(world.coap_share);
    let speaks = if over_coap { Speaks::Coap } else { Speaks::Http };
    let weather = &world.weather;
    let rate = f64::from(weather.speed) * (1.0 + luck.lean() * weather.drift / 100.0);
    sleep(Duration::from_millis(luck.up_to(u64::from(weather.stagger) * 1_000))).await;
    let mut body = Body {
        world: &world,
        number,
        link: Link::new(&world, speaks, number),
        flash: Flash::default(),
        luck,
        rate,
        begun: Instant::now(),
        skipped_ms: 0,
        spare: 1,
    };
    loop {
        let day = match speaks {
            Speaks::Http => match Http::new(&world.http.name) {
                Some(http) => body.power_up(speaks, http).await,
                None => Ok(Day::Stuck("the server's name can't stand in a request".to_owned())),
            },
            Speaks::Coap => body.power_up(speaks, Coap::new()).await,
        };
        match day {
            Err(Dark) => world.tally.crashed(),
            Ok(Day::Reboot) => {}
            Ok(Day::Done) => return world.tally.is_done(number, world.begun.elapsed()),
            Ok(Day::Stuck(why)) => return world.tally.breaks(format!("device {number} is stuck: {why}")),
        }
        // Nothing but the flash survives.
        body.link.hang_up();
        body.begun = Instant::now();
        body.skipped_ms = 0;
    }
}

impl Body<'_> {
    /// From the boot loader to whatever the day brings.
    async fn power_up<P: activation::Protocol>(&mut self, speaks: Speaks, protocol: P) -> Result<Day, Dark> {
        let world = self.world;
        let start = boot::choose(&mut self.flash).map_err(|_| Dark)?;
        let running = if self.flash.image(start.slot()).is_empty() { FACTORY } else { NEWEST };
        if running == NEWEST && self.flash.image(start.slot()) != world.product.image {
            return Ok(Day::Stuck("it started an image that is not the vendor's".to_owned()));
        }
        let sn = world.product.serial_number(self.number);
        let Ok(identity) = Identity::new(&world.vendor, &world.product.model, &sn) else {
            return Ok(Day::Stuck("a name that the server would refuse".to_owned()));
        };
        let mut buffer = vec![0; 1_536];
        let mut activation = Activation::new(identity, protocol, Pace::default(), &mut buffer);
        let mut event = Event::Begin;
        loop {
            let cik = match self.run(&mut activation, event).await? {
                Ok(ready) => ready.cik,
                Err(stop) => return Ok(Day::Stuck(format!("no key: {stop:?}"))),
            };
            world.tally.holds(self.number, cik.as_bytes(), world.begun.elapsed());
            event = match self.use_key(speaks, cik, start, running).await? {
                Used::Day(day) => return Ok(day),
                Used::Refused => Event::Rejected,
            };
        }
    }

    /// Looks for newer firmware and fetches it.
    async fn use_key(&mut self, speaks: Speaks, cik: Cik, start: Start, running: &str) -> Result<Used, Dark> {
        let newer = match self.find_newer(speaks, cik, running).await? {
            Found::Refused => return Ok(Used::Refused),
            Found::Nothing => None,
            Found::Newer(digest) => Some(digest),
        };
        if let Start::Trial(_) = start {
            boot::confirm(&mut self.flash).map_err(|_| Dark)?;
        }
        let Some(digest) = newer else {
            let is_newest = running == NEWEST;
            let day = if is_newest { Day::Done } else { Day::Stuck("it was told of no newer firmware".to_owned()) };
            return Ok(Used::Day(day));
        };
        self.spare = boot::spare(&mut self.flash).map_err(|_| Dark)?;
        let world = self.world;
        let fetched = match speaks {
            Speaks::Http => match RangeFetch::new(&world.http.name) {
                Some(fetch) => self.download(fetch, cik, None).await?,
                None => Err(Stop::Malformed),
            },
            Speaks::Coap => self.download(BlockFetch::new(), cik, digest).await?,
        };
        match fetched {
            Err(Stop::Unauthorized) => return Ok(Used::Refused),
            Err(stop) => return Ok(Used::Day(Day::Stuck(format!("no image: {stop:?}")))),
            Ok(image) => {
                // The library has checked a digest; here the bytes themselves are compared.
                if self.flash.image(self.spare) != world.product.image || image.digest != world.product.digest {
                    world.tally.breaks(format!("device {} accepted an image that is not the vendor's", self.number));
                }
            }
        }
        boot::stage(&mut self.flash, TRIES).map_err(|_| Dark)?;
        self.flash.drop_image(1 - self.spare);
        Ok(Used::Day(Day::Reboot))
    }

    async fn download<P: Fetch>(
        &mut self,
        fetch: P,
        cik: Cik,
        promised: Option<[u8; 32]>,
    ) -> Result<Result<device::download::Image, Stop>, Dark> {
        let world = self.world;
        let target = Target { vendor: &world.vendor, model: &world.product.model, id: NEWEST, place: self.spare };
        let mut buffer = vec![0; 256 + 2_048];
        let mut machine = Download::new(target, cik, fetch, SIZES, Pace::default(), promised, &mut buffer);
        self.run(&mut machine, Event::Begin).await
    }

    /// Asks until there is an answer.
    async fn find_newer(&mut self, speaks: Speaks, cik: Cik, running: &str) -> Result<Found, Dark> {
        loop {
            let answered = match speaks {
                Speaks::Http => self.find_newer_http(cik, running).await?,
                Speaks::Coap => self.find_newer_coap(cik, running).await?,
            };
            if let Some(found) = answered {
                return Ok(found);
            }
            self.link.hang_up();
            let pause_ms = 1_000 + self.luck.up_to(AGAIN_MS);
            self.pause(pause_ms).await;
        }
    }

    async fn find_newer_http(&mut self, cik: Cik, running: &str) -> Result<Option<Found>, Dark> {
        let world = self.world;
        let access = Access { host: &world.http.name, cik };
        let mut buffer = vec![0; 2_048];
        let call = content::find_newer(&access, &world.vendor, &world.product.model, running, &mut buffer);
        let Some(mut call) = call else { return Ok(None) };
        Ok(match self.run(&mut call, Event::Begin).await? {
            Ok(reply) if reply.status == 401 => Some(Found::Refused),
            Ok(reply) if reply.status == 200 => match call.found() {
                Some(NEWEST) => Some(Found::Newer(None)),
                _ => Some(Found::Nothing),
            },
            _ => None,
        })
    }

    /// Over CoAP the digest comes from the content's meta: the answers themselves carry none.
    async fn find_newer_coap(&mut self, cik: Cik, running: &str) -> Result<Option<Found>, Dark> {
        let world = self.world;
        let (vendor, model) = (&*world.vendor, &*world.product.model);
        let mut buffer = vec![0; 4_096];
        let mut list = coap::Call::new(Ask::List { vendor, model }, cik, &mut buffer);
        match self.run(&mut list, Event::Begin).await? {
            Ok(reply) if reply.code == code::UNAUTHORIZED => return Ok(Some(Found::Refused)),
            Ok(reply) if reply.code == code::CONTENT => {}
            _ => return Ok(None),
        }
        let mut search = Search::new(running);
        search.take(list.body());
        search.end();
        if search.best() != Some(NEWEST) {
            return Ok(Some(Found::Nothing));
        }
        let mut buffer = vec![0; 4_096];
        let mut info = coap::Call::new(Ask::Info { vendor, model, id: NEWEST }, cik, &mut buffer);
        match self.run(&mut info, Event::Begin).await? {
            Ok(reply) if reply.code == code::CONTENT => {}
            _ => return Ok(None),
        }
        let meta = content::Info::parse(info.body()).map(|info| info.meta.to_owned()).unwrap_or_default();
        let told = meta.strip_prefix("sha256=").map(str::to_owned);
        let digest = world.product.digest;
        Ok(match told {
            Some(told) if told == digest::hex(&digest) => Some(Found::Newer(Some(digest))),
            _ => None,
        })
    }

    /// Carries a machine through to its end, unless the power fails first.
    async fn run<M: Machine>(&mut self, machine: &mut M, first: Event) -> Result<M::Outcome, Dark> {
        let mut event = first;
        loop {
            let env = Env { now_ms: self.now_ms(), random: self.luck.bytes() };
            let action = machine.next(event, &env);
            let dark = self.luck.strikes(self.world.weather.crash);
            event = match action {
                Action::Done(outcome) => return Ok(outcome),
                Action::Store { record, slot, bytes } if dark => {
                    let written = usize::try_from(self.luck.up_to(bytes.len() as u64)).unwrap_or(0);
                    self.flash.tear_record(record, slot, bytes, written);
                    return Err(Dark);
                }
                Action::Write { offset, bytes } if dark => {
                    let written = usize::try_from(self.luck.up_to(bytes.len() as u64)).unwrap_or(0);
                    self.flash.write_image(self.spare, offset, bytes.get(..written).unwrap_or_default());
                    return Err(Dark);
                }
                Action::Send { fresh, bytes } if dark => {
                    // The question is out; nobody is there for its answer.
                    self.link.send(fresh, bytes, &mut self.luck).await;
                    return Err(Dark);
                }
                _ if dark => return Err(Dark),
                action => self.carry_out(action).await,
            };
        }
    }

    async fn carry_out<O>(&mut self, action: Action<'_, O>) -> Event {
        use device::board::Memory as _;
        match action {
            Action::Load { record, slot, into } => {
                self.flash.load(record, slot, into).map_or(Event::Failed, Event::Loaded)
            }
            Action::Store { record, slot, bytes } => {
                self.flash.store(record, slot, bytes).map_or(Event::Failed, |()| Event::Stored)
            }
            Action::Send { fresh, bytes } => self.link.send(fresh, bytes, &mut self.luck).await,
            Action::Receive { into, within_ms } => {
                let Came { event, in_vain } = self.link.receive(into, within_ms).await;
                if in_vain {
                    self.skipped_ms += u64::from(within_ms);
                }
                event
            }
            Action::Wait { for_ms, .. } => {
                self.world.tally.waited();
                self.link.hang_up();
                self.pause(u64::from(for_ms)).await;
                Event::Woken
            }
            Action::Read { offset, into } => Event::Read(self.flash.read_image(self.spare, offset, into)),
            Action::Write { offset, bytes } => {
                self.flash.write_image(self.spare, offset, bytes);
                Event::Written
            }
            Action::Done(_) => Event::Woken,
        }
    }

    /// Milliseconds on the device's own clock since it was switched on.
    fn now_ms(&self) -> u64 {
        (self.begun.elapsed().as_secs_f64() * 1_000.0 * self.rate) as u64 + self.skipped_ms
    }

    /// Sleeps so many milliseconds of the device's clock, and one of ours more.
    async fn pause(&mut self, for_ms: u64) {
        sleep(Duration::from_secs_f64(for_ms as f64 / 1_000.0 / self.rate) + Duration::from_millis(1)).await;
    }
}

/// What came of using the key.
enum Used {
    Day(Day),
    Refused,
}

/// What the list of contents said.
enum Found {
    Refused,
    Nothing,
    Newer(Option<[u8; 32]>),
}
