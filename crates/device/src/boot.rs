//! Two firmware slots, and the promise that a bad image costs one start and not the device: a new image is started on
//! trial, and unless it confirms itself the old one is started again.
//!
//! The record is written before what it speaks of happens, so a power cut at any point leads to the old image or to the new
//! one on trial, never to a slot that is being written.

use crate::board::{Fault, Memory};
use crate::dialogue::Record;
use crate::journal::{self, Cursor};

const PAYLOAD: usize = 3;
const NONE: u8 = 0xFF;

/// What is to be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// The image that has proved itself.
    Confirmed(u8),
    /// An image that has to [`confirm`] itself.
    Trial(u8),
}

impl Start {
    /// The slot.
    pub fn slot(&self) -> u8 {
        match *self {
            Start::Confirmed(slot) | Start::Trial(slot) => slot,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Plan {
    confirmed: u8,
    trial: u8,
    tries: u8,
}

/// At power-up: which slot to start. A trial uses up one of its tries, before the image has the chance to hang; when none is
/// left, the confirmed image is started for good.
pub fn choose(memory: &mut impl Memory) -> Result<Start, Fault> {
    let (plan, cursor) = load(memory)?;
    if plan.trial == NONE {
        return Ok(Start::Confirmed(plan.confirmed));
    }
    if plan.tries == 0 {
        store(memory, cursor, Plan { trial: NONE, ..plan })?;
        return Ok(Start::Confirmed(plan.confirmed));
    }
    store(memory, cursor, Plan { tries: plan.tries - 1, ..plan })?;
    Ok(Start::Trial(plan.trial))
}

/// The slot that a new image may be written to: the one that isn't confirmed. A trial that was under way is over.
pub fn spare(memory: &mut impl Memory) -> Result<u8, Fault> {
    let (plan, cursor) = load(memory)?;
    if plan.trial != NONE {
        store(memory, cursor, Plan { trial: NONE, ..plan })?;
    }
    Ok(1 - plan.confirmed)
}

/// The spare slot holds a verified image: start it next, at most so many times without its confirmation.
pub fn stage(memory: &mut impl Memory, tries: u8) -> Result<(), Fault> {
    let (plan, cursor) = load(memory)?;
    store(memory, cursor, Plan { trial: 1 - plan.confirmed, tries, ..plan })
}

/// The running image works: it is the confirmed one from now on. Without a trial under way nothing changes.
pub fn confirm(memory: &mut impl Memory) -> Result<(), Fault> {
    let (plan, cursor) = load(memory)?;
    match plan.trial {
        NONE => Ok(()),
        trial => store(memory, cursor, Plan { confirmed: trial, trial: NONE, tries: 0 }),
    }
}

fn load(memory: &mut impl Memory) -> Result<(Plan, Cursor), Fault> {
    let mut cursor = Cursor::default();
    let mut plan = Plan { confirmed: 0, trial: NONE, tries: 0 };
    for slot in 0..2 {
        let mut bytes = [0; journal::size(PAYLOAD)];
        let length = memory.load(Record::Boot, slot, &mut bytes)?.min(bytes.len());
        if let Some(&[confirmed, trial, tries]) =
            cursor.offer(Record::Boot, slot, bytes.get(..length).unwrap_or_default())
        {
            plan = Plan { confirmed: confirmed & 1, trial: if trial < 2 { trial } else { NONE }, tries };
        }
    }
    Ok((plan, cursor))
}

fn store(memory: &mut impl Memory, cursor: Cursor, plan: Plan) -> Result<(), Fault> {
    let mut bytes = [0; journal::size(PAYLOAD)];
    cursor.encode(Record::Boot, &[plan.confirmed, plan.trial, plan.tries], &mut bytes).ok_or(Fault)?;
    memory.store(Record::Boot, cursor.next_slot(), &bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Memory that fails in the middle of the n-th byte it is to store.
    #[derive(Clone, Default)]
    struct Torn {
        slots: [Vec<u8>; 2],
        bytes_left: Option<usize>,
    }

    impl Memory for Torn {
        fn load(&mut self, _record: Record, slot: u8, into: &mut [u8]) -> Result<usize, Fault> {
            let bytes = &self.slots[usize::from(slot)];
            into[..bytes.len()].copy_from_slice(bytes);
            Ok(bytes.len())
        }

        fn store(&mut self, _record: Record, slot: u8, bytes: &[u8]) -> Result<(), Fault> {
            let slot = &mut self.slots[usize::from(slot)];
            *slot = vec![0xFF; bytes.len()];
            for (place, byte) in slot.iter_mut().zip(bytes) {
                match &mut self.bytes_left {
                    Some(0) => return Err(Fault),
                    Some(left) => *left -= 1,
                    None => {}
                }
                *place = *byte;
            }
            Ok(())
        }
    }

    #[test]
    fn an_image_that_confirms_itself_stays() {
        let mut memory = Torn::default();
        assert_eq!(choose(&mut memory), Ok(Start::Confirmed(0)));
        assert_eq!(spare(&mut memory), Ok(1));
        stage(&mut memory, 2).unwrap();
        assert_eq!(choose(&mut memory), Ok(Start::Trial(1)));
        confirm(&mut memory).unwrap();
        assert_eq!(choose(&mut memory), Ok(Start::Confirmed(1)));
        assert_eq!(spare(&mut memory), Ok(0));
    }

    #[test]
    fn an_image_that_never_confirms_itself_is_rolled_back() {
        let mut memory = Torn::default();
        stage(&mut memory, 3).unwrap();
        for _ in 0..3 {
            assert_eq!(choose(&mut memory), Ok(Start::Trial(1)));
        }
        for _ in 0..3 {
            assert_eq!(choose(&mut memory), Ok(Start::Confirmed(0)));
        }
        confirm(&mut memory).unwrap();
        assert_eq!(choose(&mut memory), Ok(Start::Confirmed(0)));
    }

    #[test]
    fn the_power_may_fail_at_any_byte_of_any_step() {
        type Step = fn(&mut Torn) -> Result<(), Fault>;
        let steps: [Step; 4] = [
            |memory| spare(memory).map(|_| ()),
            |memory| stage(memory, 1),
            |memory| choose(memory).map(|_| ()),
            confirm,
        ];
        for broken in 0..steps.len() {
            for bytes in 0..journal::size(PAYLOAD) {
                let mut memory = Torn::default();
                for (number, step) in steps.iter().enumerate() {
                    memory.bytes_left = (number == broken).then_some(bytes);
                    let before = load(&mut memory.clone()).unwrap().0;
                    if step(&mut memory).is_err() {
                        assert_eq!(load(&mut memory.clone()).unwrap().0, before, "step {number}, byte {bytes}");
                        break;
                    }
                }
                memory.bytes_left = None;
                let start = choose(&mut memory).unwrap();
                assert!(broken != 1 || start == Start::Confirmed(0), "an image that was not staged is not started");
            }
        }
    }
}
