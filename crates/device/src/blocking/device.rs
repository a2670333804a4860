//! A device in one value, for computers: it activates when it has to and does again what a refused key has stopped.

use crate::activation::{self, Activation, Http};
use crate::backoff::Pace;
use crate::board::{Board, ImageMemory, Link, Memory, World};
use crate::content::{self, Info};
use crate::data;
use crate::dialogue::Event;
use crate::download::{self, Download, Image, RangeFetch, Sizes, Target};
use crate::http::{Access, Call, Failure, Reply, Stamp};
use crate::identity::Identity;

/// Beside a body, there is room for the request.
const ROOM: usize = 2048;
/// The longest body that is read: a list of contents, the values of some aliases.
const LONGEST_BODY: usize = 1 << 20;

/// A device over HTTP with blocking calls.
pub struct Device<'a, L, M, W> {
    identity: Identity<'a>,
    host: &'a str,
    pace: Pace,
    activation: Activation<'a, Http<'a>>,
    begun: bool,
    accepted: bool,
    /// The way to the server, the memory and the world.
    pub board: Board<L, M, W>,
}

/// Why a call did not do what it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// There will be no key until something changes.
    NoKey(activation::Stop),
    /// There is no image.
    NoImage(download::Stop),
    /// There was no answer.
    NoAnswer(Failure),
    /// The server refused, with this status.
    Refused(u16),
    /// The world gave up waiting.
    GaveUp,
    /// A name is too long for a request, or an answer's body malformed.
    Malformed,
}

impl<'a, L: Link, M: Memory, W: World> Device<'a, L, M, W> {
    /// A device that has not called anybody yet. The buffer is the activation's: [`Activation::BUFFER`] bytes. `None`: the
    /// host can't stand in a request.
    pub fn new(
        identity: Identity<'a>,
        host: &'a str,
        pace: Pace,
        board: Board<L, M, W>,
        buffer: &'a mut [u8],
    ) -> Option<Device<'a, L, M, W>> {
        let activation = Activation::new(identity, Http::new(host)?, pace, buffer);
        Some(Device { identity, host, pace, activation, begun: false, accepted: false, board })
    }

    /// The key: from memory, or from the server after however many waits it takes.
    pub fn activate(&mut self) -> Result<activation::Ready, Trouble> {
        let event = if self.begun { Event::Woken } else { Event::Begin };
        self.begun = true;
        self.settle(event)
    }

    /// Writes values; all get the same time. On a connection that had ended unnoticed they may be recorded twice.
    pub fn write(&mut self, values: &[(&str, &str)]) -> Result<(), Trouble> {
        match self.call(|access, buffer| data::write(access, values, buffer).map(Call::repeatable))? {
            (Reply { status: 204 | 200, .. }, _) => Ok(()),
            (reply, _) => Err(Trouble::Refused(reply.status)),
        }
    }

    /// Reads the latest values of those aliases that have one.
    pub fn read(&mut self, aliases: &[&str]) -> Result<Vec<(String, String)>, Trouble> {
        match self.call(|access, buffer| data::read(access, aliases, buffer))? {
            (Reply { status: 200, .. }, mut body) => {
                Ok(data::pairs(&mut body).map(|(alias, value)| (alias.to_string(), value.to_string())).collect())
            }
            (Reply { status: 204, .. }, _) => Ok(Vec::new()),
            (reply, _) => Err(Trouble::Refused(reply.status)),
        }
    }

    /// Waits at most so long for a value newer than `since`, which moves on to that value's time.
    pub fn wait(&mut self, alias: &str, since: &mut Stamp, timeout_ms: u32) -> Result<Option<String>, Trouble> {
        let from = *since;
        match self.call(|access, buffer| data::wait(access, alias, &from, timeout_ms, buffer))? {
            (reply @ Reply { status: 200, .. }, mut body) => {
                *since = reply.last_modified;
                Ok(data::pairs(&mut body).next().map(|(_, value)| value.to_string()))
            }
            (Reply { status: 304, .. }, _) => Ok(None),
            (reply, _) => Err(Trouble::Refused(reply.status)),
        }
    }

    /// The ids of all contents that this device may have.
    pub fn list(&mut self) -> Result<Vec<String>, Trouble> {
        let (vendor, model) = (self.identity.vendor, self.identity.model);
        match self.call(|access, buffer| content::list(access, vendor, model, buffer))? {
            (Reply { status: 200, .. }, mut body) => Ok(content::ids(&mut body).map(str::to_string).collect()),
            (reply, _) => Err(Trouble::Refused(reply.status)),
        }
    }

    /// The newest content that follows the installed one by its name, if there is one: see [`content::Search`].
    pub fn find_newer(&mut self, installed: &str) -> Result<Option<String>, Trouble> {
        let mut search = content::Search::new(installed);
        for id in self.list()? {
            search.take(id.as_bytes());
            search.end();
        }
        Ok(search.best().map(str::to_string))
    }

    /// What a content is; its size, its time and its meta are given to `look`.
    pub fn info<T>(&mut self, id: &str, look: impl FnOnce(&Info<'_>) -> T) -> Result<T, Trouble> {
        let (vendor, model) = (self.identity.vendor, self.identity.model);
        match self.call(|access, buffer| content::info(access, vendor, model, id, buffer))? {
            (Reply { status: 200, .. }, mut body) => {
                Info::parse(&mut body).map(|info| look(&info)).ok_or(Trouble::Malformed)
            }
            (reply, _) => Err(Trouble::Refused(reply.status)),
        }
    }

    /// Downloads a content to a place, or goes on with what a power cut has stopped. `promised` is the SHA-256 where it is
    /// known from a better source than the server.
    pub fn download(
        &mut self,
        id: &str,
        place: u8,
        sizes: Sizes,
        promised: Option<[u8; 32]>,
        image: &mut impl ImageMemory,
    ) -> Result<Image, Trouble> {
        let target = Target { vendor: self.identity.vendor, model: self.identity.model, id, place };
        let mut buffer = vec![0; ROOM + usize::from(sizes.block) + 4 * LINK];
        for round in 0.. {
            let cik = self.activate()?.cik;
            let fetch = RangeFetch::new(self.host).ok_or(Trouble::Malformed)?;
            let mut machine = Download::new(target, cik, fetch, sizes, self.pace, promised, &mut buffer);
            match self.board.run_with(&mut machine, Event::Begin, image).ok_or(Trouble::GaveUp)? {
                Err(download::Stop::Unauthorized) if round < ROUNDS => {
                    self.reject()?;
                }
                Err(stop) => return Err(Trouble::NoImage(stop)),
                Ok(image) => {
                    self.accept()?;
                    return Ok(image);
                }
            }
        }
        Err(Trouble::NoImage(download::Stop::Unauthorized))
    }

    /// Makes a call with the key; when the key is refused, gets a new one and makes it again.
    fn call(
        &mut self,
        build: impl for<'b> Fn(&Access<'_>, &'b mut [u8]) -> Option<Call<'b>>,
    ) -> Result<(Reply, Vec<u8>), Trouble> {
        let mut size = ROOM;
        let mut round = 0;
        loop {
            let access = Access { host: self.host, cik: self.activate()?.cik };
            let mut buffer = vec![0; size];
            let mut call = build(&access, &mut buffer).ok_or(Trouble::Malformed)?;
            match self.board.run(&mut call, Event::Begin).ok_or(Trouble::GaveUp)? {
                Ok(Reply { status: 401, .. }) if round < ROUNDS => {
                    round += 1;
                    self.reject()?;
                }
                Ok(reply) => {
                    let body = call.into_body().to_vec();
                    if reply.status < 400 {
                        self.accept()?;
                    }
                    return Ok((reply, body));
                }
                Err(Failure::TooLarge) if size < LONGEST_BODY => {
                    self.board.link.disconnect();
                    size = LONGEST_BODY;
                }
                Err(failure) => {
                    self.board.link.disconnect();
                    return Err(Trouble::NoAnswer(failure));
                }
            }
        }
    }

    fn reject(&mut self) -> Result<(), Trouble> {
        self.accepted = false;
        self.settle(Event::Rejected).map(|_| ())
    }

    fn accept(&mut self) -> Result<(), Trouble> {
        if self.accepted {
            return Ok(());
        }
        self.accepted = true;
        self.settle(Event::Accepted).map(|_| ())
    }

    fn settle(&mut self, event: Event) -> Result<activation::Ready, Trouble> {
        self.board.run(&mut self.activation, event).ok_or(Trouble::GaveUp)?.map_err(Trouble::NoKey)
    }
}

/// How often one call may find its key refused.
const ROUNDS: usize = 2;
/// How much is received at a time.
const LINK: usize = 4096;
