//! The dialogue between a state machine of this crate and the firmware around it.
//!
//! A machine never touches a socket, a flash page or a clock. It is asked for its next [`Action`]; the firmware does
//! that one thing and says how it went with an [`Event`]; and so on until [`Action::Done`]. Asking again with an event
//! that does not fit changes nothing and repeats the action, so a lost step does no harm.

/// What the firmware knows at the moment of asking.
#[derive(Clone, Copy, Debug)]
pub struct Env {
    /// Milliseconds on a clock that only moves forward, from any starting point.
    pub now_ms: u64,
    /// Fresh random bytes, unpredictable to others: nonces are made of them.
    pub random: [u8; 16],
}

impl Env {
    /// Four of the random bytes, for jitter.
    pub(crate) fn chance(&self) -> u32 {
        u32::from_le_bytes([self.random[0], self.random[1], self.random[2], self.random[3]])
    }
}

/// What the firmware tells the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The first step, after power-up or to start over.
    Begin,
    /// That many bytes of a record were loaded; 0 where there is none.
    Loaded(usize),
    /// The record is in non-volatile memory and would survive a power cut now.
    Stored,
    /// The bytes were given to the network.
    Sent,
    /// That many bytes came in.
    Received(usize),
    /// Nothing came in time.
    TimedOut,
    /// The connection could not be opened, or ended.
    Closed,
    /// The waiting time is over.
    Woken,
    /// That many bytes of the image were read.
    Read(usize),
    /// The bytes of the image are written and would survive a power cut now.
    Written,
    /// Loading, storing, reading or writing did not work.
    Failed,
    /// The server accepted the key in another request.
    Accepted,
    /// The server refused the key in another request (401).
    Rejected,
}

/// What the machine asks the firmware to do.
pub enum Action<'m, Outcome> {
    /// Read a record into the buffer, then [`Event::Loaded`] or [`Event::Failed`].
    Load {
        /// Which record.
        record: Record,
        /// Which of its two slots: 0 or 1.
        slot: u8,
        /// Where to read it to.
        into: &'m mut [u8],
    },
    /// Write a record, then [`Event::Stored`] or [`Event::Failed`]. A power cut half-way may leave rubbish in this slot, but must not
    /// touch the other one.
    Store {
        /// Which record.
        record: Record,
        /// Which of its two slots: 0 or 1.
        slot: u8,
        /// What to write.
        bytes: &'m [u8],
    },
    /// Send these bytes, in one write or one datagram, then [`Event::Sent`] or [`Event::Closed`].
    Send {
        /// Close what is open and connect anew first. Otherwise connect only if nothing is open.
        fresh: bool,
        /// What to send.
        bytes: &'m [u8],
    },
    /// Receive some bytes (or one datagram), then [`Event::Received`], [`Event::TimedOut`] or [`Event::Closed`].
    Receive {
        /// Where to receive to.
        into: &'m mut [u8],
        /// How long to wait for the first byte, in milliseconds.
        within_ms: u32,
    },
    /// Close the connection and do nothing for that long, then [`Event::Woken`].
    Wait {
        /// How long, in milliseconds.
        for_ms: u32,
        /// What to tell a person who asks why nothing happens.
        because: Because,
    },
    /// Read the image from this offset, as much as fits or less, then [`Event::Read`] or [`Event::Failed`].
    Read {
        /// Where in the image.
        offset: u64,
        /// Where to read it to.
        into: &'m mut [u8],
    },
    /// Write these bytes of the image, then [`Event::Written`] or [`Event::Failed`].
    Write {
        /// Where in the image.
        offset: u64,
        /// What to write.
        bytes: &'m [u8],
    },
    /// There is nothing more to do.
    Done(Outcome),
}

/// The records that a device keeps in non-volatile memory, each in two slots (see [`crate::journal`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Record {
    /// The key, and the nonce of an activation that is under way.
    Key = 0,
    /// How far a download has come.
    Progress = 1,
    /// Which of two firmware slots to start.
    Boot = 2,
}

/// Why a machine waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Because {
    /// A random pause, so that a fleet which got its power back does not call in the same second.
    Starting = 0,
    /// The serial number is known but not enabled (HTTP 409), or over CoAP perhaps not known at all (4.04).
    NotEnabled = 1,
    /// The server asked for patience (429 or 503).
    Throttled = 2,
    /// No connection, or no whole answer.
    NoAnswer = 3,
    /// The server failed (5xx).
    ServerFault = 4,
    /// An answer that this server does not give: a captive portal, a proxy, another server.
    Unexpected = 5,
    /// The non-volatile memory failed.
    Memory = 6,
    /// The key that this device holds was refused, and there is no new one for it yet.
    KeyRefused = 7,
    /// The image that came did not have the digest that the server promised.
    WrongDigest = 8,
}

/// What every machine of this crate is: a function of its state, an event and the moment.
pub trait Machine {
    /// What it ends with.
    type Outcome;

    /// Takes what happened and says what to do next.
    fn next(&mut self, event: Event, env: &Env) -> Action<'_, Self::Outcome>;
}
