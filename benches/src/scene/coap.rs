//! Devices that speak CoAP (contract, coap.md): a million numbers, ten thousand devices that read, observe and download.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use wire::coap::{Block, Code, Draft, Kind, Message, Response, Token, number};

use super::figures;
use super::provisioning::enable;
use crate::exchanges::{Crowd, Exchanges};
use crate::load::Measured;
use crate::report::{Report, Row, duration, thousands};
use crate::rpc::Rpc;
use crate::server::Server;
use crate::settings::Settings;
use crate::vendor::{Vendor, scattered, serial_number};
use crate::{Outcome, failed};

const MODEL: &str = "bench-coap";
/// Its numbers have to be enabled.
const WINDOW_MODEL: &str = "bench-coap-window";
const SOCKETS: usize = 64;
const CONTENT: &str = "fw";
const CONTENT_BYTES: usize = 256 << 10;
const BLOCK_BYTES: usize = 1024;
/// Between two blocks of one slow download.
const PACE: Duration = Duration::from_secs(3);

pub fn play(settings: &Settings, report: &mut Report) -> Outcome<()> {
    let server = Server::start_with("", &["--coap", "127.0.0.1:0"])?;
    let Some(address) = server.coap else { return failed("the server does not speak CoAP") };
    Rpc::open(&server)?.make_dataport(&server.cast.template.rid, "float", "t")?;
    let mut vendor = Vendor::new(&server)?;
    vendor.make_model(MODEL, &["autoenable"])?;
    vendor.upload(MODEL, CONTENT, &content())?;
    drop(vendor);
    let scene = Scene { settings, server, address };
    if settings.wants("coap-activation") {
        scene.activation(report)?;
    }
    if settings.wants_any(&["coap-read", "coap-observe", "coap-download"]) {
        let keys = scene.keys(settings.count(10_000))?;
        if settings.wants("coap-read") {
            scene.read(report, &keys)?;
        }
        if settings.wants("coap-observe") {
            scene.observe(report, &keys[..keys.len() / 2])?;
        }
        if settings.wants("coap-download") {
            scene.download(report, &keys)?;
        }
    }
    Ok(())
}

struct Scene<'a> {
    settings: &'a Settings,
    server: Server,
    address: SocketAddr,
}

impl Scene<'_> {
    /// Activates numbers whose windows were opened before, as the row over HTTP does.
    fn activation(&self, report: &mut Report) -> Outcome<()> {
        let (numbers, vendor) = (self.settings.count(1_000_000), self.server.cast.vendor_name.as_str());
        let mut manager = Vendor::new(&self.server)?;
        manager.make_model(WINDOW_MODEL, &[])?;
        manager.register(WINDOW_MODEL, 0..numbers)?;
        let places = 0..self.settings.count(200_000);
        let number = |place: u64| serial_number(scattered(place, numbers));
        enable(self.settings, &self.server, WINDOW_MODEL, places.clone(), &number)?;
        let mut places = places;
        let mut next = |out: &mut Vec<u8>, id: u16, token: Token| {
            let Some(place) = places.next() else { return false };
            let sn = number(place);
            let path = ["provision", "activate", vendor, WINDOW_MODEL, &sn];
            request(out, Code::POST, id, token, &path, &[], |_| {})
        };
        let good = |answer: &Message<'_>| answer.code == Code::CONTENT && answer.payload.len() == 40;
        let (measured, again) = self.load(&mut next, &good, self.settings.seconds(15))?;
        report.add(Row {
            what: format!("CoAP activation, durable, {} numbers, {SOCKETS} peers", thousands(numbers as f64)),
            asked: "8,000/s".into(),
            reached: format!("{}; {again} sent again", figures(&measured)),
            limit: String::new(),
            held: Some(measured.rate() >= 8_000.0),
        });
        Ok(())
    }

    /// Activates devices of the open model, and uses each key once: that is written down too, and over before
    /// anything is measured.
    fn keys(&self, count: u64) -> Outcome<Vec<String>> {
        let mut vendor = Vendor::new(&self.server)?;
        vendor.register(MODEL, 0..count)?;
        let keys = (0..count).map(|place| vendor.activate(MODEL, place));
        let keys = keys.collect::<Outcome<Vec<String>>>()?;
        let mut places = keys.iter();
        let mut next = |out: &mut Vec<u8>, id: u16, token: Token| {
            let Some(key) = places.next() else { return false };
            request(out, Code::POST, id, token, &["1a", "t"], &[key], |draft| draft.payload = b"20.5")
        };
        self.load(&mut next, &|answer| answer.code == Code::CHANGED, Duration::MAX)?;
        Ok(keys)
    }

    fn read(&self, report: &mut Report, keys: &[String]) -> Outcome<()> {
        let mut place = 0;
        let mut next = |out: &mut Vec<u8>, id: u16, token: Token| {
            place += 1;
            let key = &keys[scattered(place, keys.len() as u64) as usize];
            request(out, Code::GET, id, token, &["1a", "t"], &[key], |_| {})
        };
        let good = |answer: &Message<'_>| answer.code == Code::CONTENT && answer.payload == b"20.5";
        let (measured, again) = self.load(&mut next, &good, self.settings.seconds(10))?;
        report.add(Row {
            what: format!("CoAP alias read, {} devices, {SOCKETS} peers", thousands(keys.len() as f64)),
            asked: "30,000/s".into(),
            reached: format!("{}; {again} sent again", figures(&measured)),
            limit: String::new(),
            held: Some(measured.rate() >= 30_000.0),
        });
        Ok(())
    }

    /// Each device observes its own alias from a socket of its own; then each gets one write.
    fn observe(&self, report: &mut Report, keys: &[String]) -> Outcome<()> {
        let mut observers = Crowd::open(self.address, keys.len())?;
        let before = self.server.memory()?.resident;
        // A thousand at a time, as many as the system's buffers hold.
        let (mut place, mut observing) = (0, 0);
        while observing < keys.len() {
            while place < keys.len() && place < observing + 1000 {
                let key = &keys[place];
                observers.peers[place].ask(&mut |out, id, token| {
                    request(out, Code::GET, id, token, &["1a", "t"], &[key], |draft| {
                        draft.add_uint(number::OBSERVE, 0);
                    })
                })?;
                place += 1;
            }
            observers.hear(Duration::from_millis(250), |peer, message| {
                let is_observer = Response::read(message).is_ok_and(|response| response.observe.is_some());
                if message.token != peer.token() || !is_observer {
                    return failed(format!("not an observer: {message:?}"));
                }
                // The token stays: what comes under it are notifications now.
                observing += 1;
                Ok(())
            })?;
        }
        let each = (self.server.memory()?.resident.saturating_sub(before)) / keys.len() as u64;
        let writing = self.write_all(keys);
        let begin = Instant::now();
        let writer = std::thread::spawn(writing);
        let mut told = 0;
        while told < keys.len() && begin.elapsed() < Duration::from_secs(30) {
            observers.hear(Duration::from_millis(250), |_, message| {
                told += usize::from(message.payload == b"30.25");
                Ok(())
            })?;
        }
        let took = begin.elapsed();
        writer.join().map_err(|_| "the writer panicked")?.map_err(|why: String| why)?;
        if told < keys.len() {
            return failed(format!("{told} of {} observers were told", keys.len()));
        }
        report.add(Row {
            what: format!("CoAP: {} observers, each woken by a write of its own", thousands(keys.len() as f64)),
            asked: "within 1 s".into(),
            reached: format!("{} from the first write to the last notification; {each} bytes each", duration(took)),
            limit: String::new(),
            held: Some(took <= Duration::from_secs(1)),
        });
        Ok(())
    }

    /// One write for each key, from other sockets.
    fn write_all(&self, keys: &[String]) -> impl FnOnce() -> Result<(), String> + Send + use<> {
        let (address, keys, server) = (self.address, keys.to_vec(), self.server.watched());
        move || {
            let mut places = keys.iter();
            let mut next = |out: &mut Vec<u8>, id: u16, token: Token| {
                let Some(key) = places.next() else { return false };
                request(out, Code::POST, id, token, &["1a", "t"], &[key], |draft| draft.payload = b"30.25")
            };
            let good = |answer: &Message<'_>| answer.code == Code::CHANGED;
            let (warm_up, measure) = (Duration::ZERO, Duration::MAX);
            let run =
                Exchanges { address, sockets: 4 * SOCKETS, warm_up, measure, server, next: &mut next, good: &good };
            run.run().map(|_| ()).map_err(|why| why.to_string())
        }
    }

    /// Every device fetches a block now and then, for a while: what the server holds for each.
    fn download(&self, report: &mut Report, keys: &[String]) -> Outcome<()> {
        let (content, vendor) = (content(), self.server.cast.vendor_name.as_str());
        let path = ["provision", "download", vendor, MODEL, CONTENT];
        let mut devices = Crowd::open(self.address, keys.len())?;
        self.server.forget_peak()?;
        let before = self.server.memory()?.resident;
        let (begin, time) = (Instant::now(), self.settings.seconds(40));
        let (mut asked, mut fetched, mut looked) = (0_u64, 0_u64, begin);
        while begin.elapsed() < time {
            // Each device has its turn once in a pace.
            let due = (begin.elapsed().as_secs_f64() / PACE.as_secs_f64() * keys.len() as f64) as u64;
            while asked < due {
                let place = (asked % keys.len() as u64) as usize;
                asked += 1;
                if devices.peers[place].token() != Token::default() {
                    continue;
                }
                let number = devices.peers[place].answers() % (CONTENT_BYTES / BLOCK_BYTES) as u32;
                let (key, block) = (&keys[place], Block::new(number, false, BLOCK_BYTES));
                devices.peers[place].ask(&mut |out, id, token| {
                    request(out, Code::GET, id, token, &path, &[key], |draft| {
                        block.into_iter().for_each(|block| draft.add_block(number::BLOCK2, block));
                    })
                })?;
            }
            let now = Instant::now();
            if now - looked > Duration::from_millis(250) {
                looked = now;
                devices.send_again(now)?;
            }
            devices.hear(Duration::from_millis(1), |peer, message| {
                if message.token != peer.token() || !message.code.is_response() {
                    return Ok(());
                }
                let response = Response::read(message).map_err(|_| "an answer that is not understood")?;
                let block = response.block2.ok_or("an answer without a block")?;
                let from = block.offset() as usize;
                if message.code != Code::CONTENT || message.payload != &content[from..from + BLOCK_BYTES] {
                    return failed(format!("a wrong block: {message:?}"));
                }
                fetched += 1;
                peer.answered();
                Ok(())
            })?;
        }
        let grown = self.server.memory()?.peak.saturating_sub(before);
        let each = grown as f64 / keys.len() as f64;
        report.add(Row {
            what: format!("CoAP: {} slow downloads at a time", thousands(keys.len() as f64)),
            asked: "at most 2 KiB of memory each".into(),
            reached: format!(
                "{each:.0} bytes each at most; {} blocks in {}",
                thousands(fetched as f64),
                duration(time)
            ),
            limit: String::new(),
            held: Some(each <= 2048.0 && fetched as f64 > 0.9 * asked as f64),
        });
        Ok(())
    }

    fn load(
        &self,
        next: &mut dyn FnMut(&mut Vec<u8>, u16, Token) -> bool,
        good: &dyn Fn(&Message<'_>) -> bool,
        measure: Duration,
    ) -> Outcome<(Measured, u32)> {
        let (server, warm_up) = (self.server.watched(), self.settings.seconds(1));
        let warm_up = if measure == Duration::MAX { Duration::ZERO } else { warm_up };
        Exchanges { address: self.address, sockets: SOCKETS, warm_up, measure, server, next, good }.run()
    }
}

/// Writes a confirmable request.
fn request<'a>(
    out: &mut Vec<u8>,
    method: Code,
    id: u16,
    token: Token,
    path: &[&'a str],
    query: &[&'a str],
    more: impl FnOnce(&mut Draft<'a>),
) -> bool {
    let mut draft = Draft::new(Kind::Confirmable, method, id, token);
    path.iter().for_each(|segment| draft.add_bytes(number::URI_PATH, segment.as_bytes()));
    query.iter().for_each(|part| draft.add_bytes(number::URI_QUERY, part.as_bytes()));
    more(&mut draft);
    draft.encode(out).is_ok()
}

fn content() -> Vec<u8> {
    (0..CONTENT_BYTES as u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}
