//! Two firmware slots in C.

use core::ffi::c_void;

use device::Record;
use device::board::{Fault, Memory};
use device::boot::{self, Start};

use crate::action::{CikadaRecord, record_of};
use crate::raw;

/// Non-volatile memory, for the boot loader.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct CikadaMemory {
    /// Given back with every call.
    pub context: *mut c_void,
    /// Reads a slot of a record, at most so many bytes: how many there are (0: none), or below 0 when it failed.
    pub load: Option<unsafe extern "C" fn(*mut c_void, CikadaRecord, u8, *mut u8, usize) -> isize>,
    /// Replaces a slot of a record: 0 when it is safe, anything else when it failed.
    pub store: Option<unsafe extern "C" fn(*mut c_void, CikadaRecord, u8, *const u8, usize) -> i32>,
}

/// What is to be started.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CikadaStart {
    /// The memory failed: start what was started last.
    Fault,
    /// Slot 0, which has proved itself.
    Confirmed0,
    /// Slot 1, which has proved itself.
    Confirmed1,
    /// Slot 0, on trial: it has to call cikada_boot_confirm.
    Trial0,
    /// Slot 1, on trial: it has to call cikada_boot_confirm.
    Trial1,
}

/// At power-up: which slot to start. A trial uses up one of its tries; when none is left, the old image is started for good.
///
/// # Safety
/// `memory` is null or its functions can be called as they say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cikada_boot_choose(memory: *const CikadaMemory) -> CikadaStart {
    let Some(mut memory) = (raw::shared(memory)).copied() else { return CikadaStart::Fault };
    match boot::choose(&mut memory) {
        Ok(Start::Confirmed(0)) => CikadaStart::Confirmed0,
        Ok(Start::Confirmed(_)) => CikadaStart::Confirmed1,
        Ok(Start::Trial(0)) => CikadaStart::Trial0,
        Ok(Start::Trial(_)) => CikadaStart::Trial1,
        Err(Fault) => CikadaStart::Fault,
    }
}

/// The slot that a new image may be written to, 0 or 1; below 0: the memory failed. A trial that was under way is over.
///
/// # Safety
/// `memory` is null or its functions can be called as they say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cikada_boot_spare(memory: *const CikadaMemory) -> i32 {
    let Some(mut memory) = (raw::shared(memory)).copied() else { return -1 };
    boot::spare(&mut memory).map_or(-1, i32::from)
}

/// The spare slot holds a verified image: start it next, at most so many times without its confirmation. False: the memory failed.
///
/// # Safety
/// `memory` is null or its functions can be called as they say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cikada_boot_stage(memory: *const CikadaMemory, tries: u8) -> bool {
    raw::shared(memory).copied().is_some_and(|mut memory| boot::stage(&mut memory, tries).is_ok())
}

/// The running image works: it is the confirmed one from now on. False: the memory failed.
///
/// # Safety
/// `memory` is null or its functions can be called as they say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cikada_boot_confirm(memory: *const CikadaMemory) -> bool {
    raw::shared(memory).copied().is_some_and(|mut memory| boot::confirm(&mut memory).is_ok())
}

impl Memory for CikadaMemory {
    fn load(&mut self, record: Record, slot: u8, into: &mut [u8]) -> Result<usize, Fault> {
        let load = self.load.ok_or(Fault)?;
        // SAFETY: whoever gave the function says that it keeps to the buffer.
        let length = unsafe { load(self.context, record_of(record), slot, into.as_mut_ptr(), into.len()) };
        usize::try_from(length).map(|length| length.min(into.len())).map_err(|_| Fault)
    }

    fn store(&mut self, record: Record, slot: u8, bytes: &[u8]) -> Result<(), Fault> {
        let store = self.store.ok_or(Fault)?;
        // SAFETY: whoever gave the function says that it keeps to the buffer.
        match unsafe { store(self.context, record_of(record), slot, bytes.as_ptr(), bytes.len()) } {
            0 => Ok(()),
            _ => Err(Fault),
        }
    }
}
