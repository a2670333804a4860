//! The device library for firmware in C: the machines of `cikada-device` behind plain functions. `include/cikada_device.h` is made
//! from this crate.
#![cfg_attr(not(feature = "std"), no_std)]

mod action;
mod activation;
mod boot;
mod call;
mod coap_call;
mod content;
mod download;
mod raw;

pub use action::*;
pub use activation::*;
pub use boot::*;
pub use call::*;
pub use coap_call::*;
pub use content::*;
pub use download::*;

/// Nothing in the library panics on bytes from outside; should it all the same, the watchdog is the way out.
#[cfg(all(not(feature = "std"), not(test)))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}

/// The `core` of an operating system's target was built to unwind and names this function. Nothing here unwinds, so nothing calls it.
#[cfg(all(not(feature = "std"), not(test), not(target_os = "none")))]
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}
