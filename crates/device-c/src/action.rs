//! The dialogue in C: events in, actions out.

use device::{Action, Because, Env, Event, Machine, Record};

use crate::raw;

/// The first step, after power-up or to start over.
pub const CIKADA_EVENT_BEGIN: u8 = 0;
/// So many bytes of a record were loaded; 0 where there is none.
pub const CIKADA_EVENT_LOADED: u8 = 1;
/// The record is in non-volatile memory and would survive a power cut now.
pub const CIKADA_EVENT_STORED: u8 = 2;
/// The bytes were given to the network.
pub const CIKADA_EVENT_SENT: u8 = 3;
/// So many bytes came in.
pub const CIKADA_EVENT_RECEIVED: u8 = 4;
/// Nothing came in time.
pub const CIKADA_EVENT_TIMED_OUT: u8 = 5;
/// The connection could not be opened, or ended.
pub const CIKADA_EVENT_CLOSED: u8 = 6;
/// The waiting time is over.
pub const CIKADA_EVENT_WOKEN: u8 = 7;
/// So many bytes of the image were read.
pub const CIKADA_EVENT_READ: u8 = 8;
/// The bytes of the image are written and would survive a power cut now.
pub const CIKADA_EVENT_WRITTEN: u8 = 9;
/// Loading, storing, reading or writing did not work.
pub const CIKADA_EVENT_FAILED: u8 = 10;
/// The server accepted the key in another request.
pub const CIKADA_EVENT_ACCEPTED: u8 = 11;
/// The server refused the key in another request (401).
pub const CIKADA_EVENT_REJECTED: u8 = 12;

/// What happened.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct CikadaEvent {
    /// One of CIKADA_EVENT_…; anything else is as if nothing happened.
    pub kind: u8,
    /// How many bytes, for LOADED, RECEIVED and READ.
    pub length: usize,
}

/// What the firmware knows at the moment of asking.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct CikadaEnv {
    /// Milliseconds on a clock that only moves forward, from any starting point.
    pub now_ms: u64,
    /// Fresh random bytes, unpredictable to others: nonces are made of them.
    pub random: [u8; 16],
}

/// What to do next.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CikadaDo {
    /// Read the record `record`, slot `slot`, to `into`, at most `length` bytes. Then LOADED or FAILED.
    Load,
    /// Write `length` `bytes` to that record and slot. Then STORED or FAILED. The other slot must not suffer.
    Store,
    /// Send `length` `bytes` in one write or datagram; connect anew first if `fresh`, or if nothing is open. Then SENT or CLOSED.
    Send,
    /// Receive at most `length` bytes (or one datagram) to `into`, waiting at most `ms`. Then RECEIVED, TIMED_OUT or CLOSED.
    Receive,
    /// Close the connection and do nothing for `ms`; `because` says why. Then WOKEN.
    Wait,
    /// Read at most `length` bytes of the image from `offset` to `into`. Then READ or FAILED.
    Read,
    /// Write `length` `bytes` of the image at `offset`. Then WRITTEN or FAILED.
    Write,
    /// Done; see the result fields of the machine that was asked.
    Done,
    /// There is no result: `stop` says why.
    Stop,
}

/// The records kept in non-volatile memory, each in two slots that can be erased apart from each other.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CikadaRecord {
    /// The key, and the nonce of an activation that is under way: at most 128 bytes.
    Key,
    /// How far a download has come: at most 176 bytes.
    Progress,
    /// Which of two firmware slots to start: at most 32 bytes.
    Boot,
}

/// Why a machine waits.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CikadaBecause {
    /// A random pause, so that a fleet which got its power back does not call in the same second.
    Starting,
    /// Known but not enabled; over CoAP perhaps not known at all.
    NotEnabled,
    /// The server asked for patience.
    Throttled,
    /// No connection, or no whole answer.
    NoAnswer,
    /// The server failed.
    ServerFault,
    /// An answer that this server does not give.
    Unexpected,
    /// The non-volatile memory failed.
    Memory,
    /// The key that this device holds was refused, and there is no new one for it yet.
    KeyRefused,
    /// The image that came did not have the digest that was promised.
    WrongDigest,
}

/// What to do, and with what. Pointers are into the machine's buffer, or the machine: they hold until it is asked again.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct CikadaAction {
    /// What to do.
    pub what: CikadaDo,
    /// For LOAD, RECEIVE and READ: where to.
    pub into: *mut u8,
    /// For STORE, SEND and WRITE: what.
    pub bytes: *const u8,
    /// How many bytes there are, or fit.
    pub length: usize,
    /// For READ and WRITE: where in the image.
    pub offset: u64,
    /// For RECEIVE and WAIT: how long, in milliseconds.
    pub ms: u32,
    /// For LOAD and STORE: which record.
    pub record: CikadaRecord,
    /// For LOAD and STORE: which of its slots, 0 or 1.
    pub slot: u8,
    /// For SEND: connect anew first.
    pub fresh: bool,
    /// For WAIT: why.
    pub because: CikadaBecause,
    /// For STOP: one of the machine's CIKADA_…_STOP_… numbers.
    pub stop: u8,
}

impl CikadaAction {
    const NOTHING: CikadaAction = CikadaAction {
        what: CikadaDo::Stop,
        into: core::ptr::null_mut(),
        bytes: core::ptr::null(),
        length: 0,
        offset: 0,
        ms: 0,
        record: CikadaRecord::Key,
        slot: 0,
        fresh: false,
        because: CikadaBecause::Starting,
        stop: CIKADA_STOP_MISUSED,
    };

    fn from_bytes(what: CikadaDo, bytes: &[u8]) -> CikadaAction {
        CikadaAction { what, bytes: bytes.as_ptr(), length: bytes.len(), ..CikadaAction::NOTHING }
    }

    fn into_bytes(what: CikadaDo, into: &mut [u8]) -> CikadaAction {
        CikadaAction { what, into: into.as_mut_ptr(), length: into.len(), ..CikadaAction::NOTHING }
    }
}

/// A null pointer was given where something has to be.
pub const CIKADA_STOP_MISUSED: u8 = 255;

/// Asks a machine, and translates: `done` takes the outcome, and gives the number of a stop where it is one.
///
/// # Safety
/// As for the functions that call it: `machine` was initialized, `env` and `action` are null or point to what they say.
pub(crate) unsafe fn next<S: Machine>(
    machine: Option<&mut S>,
    event: CikadaEvent,
    env: *const CikadaEnv,
    action: *mut CikadaAction,
    done: impl FnOnce(S::Outcome) -> Result<(), u8>,
) {
    let Some(action) = raw::exclusive(action) else { return };
    *action = CikadaAction::NOTHING;
    let Some(env) = raw::shared(env) else { return };
    let Some(machine) = machine else { return };
    let env = Env { now_ms: env.now_ms, random: env.random };
    *action = match machine.next(event_of(event), &env) {
        Action::Load { record, slot, into } => {
            CikadaAction { record: record_of(record), slot, ..CikadaAction::into_bytes(CikadaDo::Load, into) }
        }
        Action::Store { record, slot, bytes } => {
            CikadaAction { record: record_of(record), slot, ..CikadaAction::from_bytes(CikadaDo::Store, bytes) }
        }
        Action::Send { fresh, bytes } => CikadaAction { fresh, ..CikadaAction::from_bytes(CikadaDo::Send, bytes) },
        Action::Receive { into, within_ms } => {
            CikadaAction { ms: within_ms, ..CikadaAction::into_bytes(CikadaDo::Receive, into) }
        }
        Action::Wait { for_ms, because } => {
            CikadaAction { what: CikadaDo::Wait, ms: for_ms, because: because_of(because), ..CikadaAction::NOTHING }
        }
        Action::Read { offset, into } => CikadaAction { offset, ..CikadaAction::into_bytes(CikadaDo::Read, into) },
        Action::Write { offset, bytes } => CikadaAction { offset, ..CikadaAction::from_bytes(CikadaDo::Write, bytes) },
        Action::Done(outcome) => match done(outcome) {
            Ok(()) => CikadaAction { what: CikadaDo::Done, ..CikadaAction::NOTHING },
            Err(stop) => CikadaAction { stop, ..CikadaAction::NOTHING },
        },
    };
}

fn event_of(event: CikadaEvent) -> Event {
    match event.kind {
        CIKADA_EVENT_BEGIN => Event::Begin,
        CIKADA_EVENT_LOADED => Event::Loaded(event.length),
        CIKADA_EVENT_STORED => Event::Stored,
        CIKADA_EVENT_SENT => Event::Sent,
        CIKADA_EVENT_RECEIVED => Event::Received(event.length),
        CIKADA_EVENT_TIMED_OUT => Event::TimedOut,
        CIKADA_EVENT_CLOSED => Event::Closed,
        CIKADA_EVENT_READ => Event::Read(event.length),
        CIKADA_EVENT_WRITTEN => Event::Written,
        CIKADA_EVENT_FAILED => Event::Failed,
        CIKADA_EVENT_ACCEPTED => Event::Accepted,
        CIKADA_EVENT_REJECTED => Event::Rejected,
        // Waking is harmless: a machine that does not wait, or not long enough, repeats itself.
        _ => Event::Woken,
    }
}

pub(crate) fn record_of(record: Record) -> CikadaRecord {
    match record {
        Record::Key => CikadaRecord::Key,
        Record::Progress => CikadaRecord::Progress,
        Record::Boot => CikadaRecord::Boot,
    }
}

fn because_of(because: Because) -> CikadaBecause {
    match because {
        Because::Starting => CikadaBecause::Starting,
        Because::NotEnabled => CikadaBecause::NotEnabled,
        Because::Throttled => CikadaBecause::Throttled,
        Because::NoAnswer => CikadaBecause::NoAnswer,
        Because::ServerFault => CikadaBecause::ServerFault,
        Because::Unexpected => CikadaBecause::Unexpected,
        Because::Memory => CikadaBecause::Memory,
        Because::KeyRefused => CikadaBecause::KeyRefused,
        Because::WrongDigest => CikadaBecause::WrongDigest,
    }
}
