//! Firmware for a microcontroller: no standard library, no allocator, everything in statics or on a small stack.
//!
//! What the board support brings is named in the four traits; this file shows their shape with a modem that is spoken to
//! through a byte interface, as embedded-hal's serial traits are. Check it with
//!
//! ```text
//! cargo build --example bare_metal --no-default-features [--target thumbv7em-none-eabi]
//! ```
#![no_std]

use cikada_device::activation::{Activation, Http, Ready, Stop};
use cikada_device::board::{Board, Fault, Link, Memory, Received, World};
use cikada_device::{Because, Event, Identity, Pace, Record};

/// A serial line to a modem, as a hardware abstraction layer gives it.
pub trait Serial {
    /// Sends a byte, waiting for room.
    fn write(&mut self, byte: u8) -> Result<(), Fault>;
    /// Takes a byte if one has come.
    fn read(&mut self) -> Option<u8>;
}

/// Two flash sectors for each record, far enough apart to be erased one by one.
pub trait Flash {
    /// Reads from an address.
    fn read(&mut self, address: u32, into: &mut [u8]) -> Result<(), Fault>;
    /// Erases the sector at an address.
    fn erase(&mut self, address: u32) -> Result<(), Fault>;
    /// Programs erased bytes.
    fn program(&mut self, address: u32, bytes: &[u8]) -> Result<(), Fault>;
}

/// A counter of milliseconds and a source of real randomness.
pub trait Clock {
    /// Milliseconds since power-up.
    fn now_ms(&mut self) -> u64;
    /// From the hardware's generator, not from a seed.
    fn random(&mut self) -> [u8; 16];
    /// Sleeps until an interrupt.
    fn doze(&mut self);
}

/// A modem with one transparent connection.
pub struct Modem<S, C> {
    /// The line to it.
    pub serial: S,
    /// For the time that passes while nothing comes.
    pub clock: C,
    /// Whether the modem says that it is connected.
    pub connected: bool,
}

impl<S: Serial, C: Clock> Link for Modem<S, C> {
    fn connect(&mut self) -> Result<(), Fault> {
        self.send(b"ATDT cikada.example:80\r")?;
        self.connected = true;
        Ok(())
    }

    fn is_connected(&self) -> bool {
        self.connected
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        bytes.iter().try_for_each(|&byte| self.serial.write(byte))
    }

    fn receive(&mut self, into: &mut [u8], within_ms: u32) -> Received {
        let end_ms = self.clock.now_ms() + u64::from(within_ms);
        let mut length = 0;
        loop {
            match (self.serial.read(), into.get_mut(length)) {
                (Some(byte), Some(place)) => {
                    *place = byte;
                    length += 1;
                }
                _ if length > 0 => return Received::Bytes(length),
                _ if self.clock.now_ms() >= end_ms => return Received::Nothing,
                _ => self.clock.doze(),
            }
        }
    }

    fn disconnect(&mut self) {
        if self.send(b"+++ATH\r").is_ok() {
            self.connected = false;
        }
    }
}

/// Records in the last sectors of the flash.
pub struct Sectors<F>(
    /// The flash.
    pub F,
);

const FIRST_SECTOR: u32 = 0x0807_0000;
const SECTOR: u32 = 0x1000;

fn address(record: Record, slot: u8) -> u32 {
    FIRST_SECTOR + (2 * record as u32 + u32::from(slot & 1)) * SECTOR
}

impl<F: Flash> Memory for Sectors<F> {
    fn load(&mut self, record: Record, slot: u8, into: &mut [u8]) -> Result<usize, Fault> {
        let length = into.len().min(SECTOR as usize);
        let into = into.get_mut(..length).unwrap_or_default();
        self.0.read(address(record, slot), into)?;
        Ok(length)
    }

    fn store(&mut self, record: Record, slot: u8, bytes: &[u8]) -> Result<(), Fault> {
        self.0.erase(address(record, slot))?;
        self.0.program(address(record, slot), bytes)
    }
}

/// The world of a microcontroller: it never gives up, and shows why it waits.
pub struct Idle<C> {
    /// Time and chance.
    pub clock: C,
    /// Shows a reason on a light: slow blinking while it is not enabled, say.
    pub show: fn(Because),
}

impl<C: Clock> World for Idle<C> {
    fn now_ms(&mut self) -> u64 {
        self.clock.now_ms()
    }

    fn random(&mut self) -> [u8; 16] {
        self.clock.random()
    }

    fn pause(&mut self, for_ms: u32, because: Because) -> bool {
        (self.show)(because);
        let end_ms = self.clock.now_ms() + u64::from(for_ms);
        while self.clock.now_ms() < end_ms {
            self.clock.doze();
        }
        true
    }
}

/// What `main` does before anything else that needs the network.
pub fn activate<L: Link, M: Memory, W: World>(
    board: &mut Board<L, M, W>,
    serial_number: &str,
) -> Option<Result<Ready, Stop>> {
    let identity = Identity::new("acme", "lamp", serial_number).ok()?;
    let mut buffer = [0; Activation::<Http<'_>>::BUFFER];
    let mut activation = Activation::new(identity, Http::new("cikada.example")?, Pace::default(), &mut buffer);
    board.run(&mut activation, Event::Begin)
}
