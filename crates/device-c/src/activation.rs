//! Activation in C, over HTTP and over CoAP.

use core::ffi::c_char;

use device::activation::{Activation, Coap, Http, Origin, Ready, Stop};
use device::{Identity, Pace};

use crate::action::{CikadaAction, CikadaEnv, CikadaEvent, next};
use crate::raw;

/// A buffer of this size is enough for every activation.
pub const CIKADA_ACTIVATION_BUFFER: usize = 1536;

/// The server does not know this vendor, model or serial number (404).
pub const CIKADA_ACTIVATION_STOP_UNKNOWN: u8 = 0;
/// The server finds the request malformed (400).
pub const CIKADA_ACTIVATION_STOP_MALFORMED: u8 = 1;
/// The buffer is too small.
pub const CIKADA_ACTIVATION_STOP_BUFFER_TOO_SMALL: u8 = 2;

/// The times of a back-off, in milliseconds.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct CikadaPace {
    /// Up to so long a device waits before its first call after power-up.
    pub start_ms: u32,
    /// Never come back sooner than this.
    pub least_ms: u32,
    /// The upper end of the first random wait; it doubles with each failure.
    pub first_ms: u32,
    /// The upper end never grows beyond this.
    pub most_ms: u32,
    /// A Retry-After is believed up to this.
    pub trust_ms: u32,
}

/// Where a key comes from.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CikadaOrigin {
    /// It was in memory.
    Stored,
    /// The server has just given it.
    Activated,
    /// It was refused once, and the server gives no other: carry on with it.
    Kept,
}

/// A key that is stored, and so may be used.
#[repr(C)]
pub struct CikadaKey {
    /// 40 hex digits and a NUL.
    pub cik: [c_char; 41],
    /// Where it comes from.
    pub origin: CikadaOrigin,
}

/// An activation over HTTP, in clear or inside TLS.
#[repr(C)]
pub struct CikadaHttpActivation {
    /// Not to be touched.
    pub room: [u64; 80],
}

/// An activation over CoAP.
#[repr(C)]
pub struct CikadaCoapActivation {
    /// Not to be touched.
    pub room: [u64; 56],
}

type OverHttp = Activation<'static, Http<'static>>;
type OverCoap = Activation<'static, Coap>;

/// Makes an activation over HTTP. `host` is what stands in the Host field; `pace` may be NULL for the usual one. False: a name that
/// the server would refuse, or a null pointer.
///
/// # Safety
/// Pointers are null or point to what they say; texts end with NUL; texts and buffer outlive the activation.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cikada_http_activation_init(
    activation: *mut CikadaHttpActivation,
    host: *const c_char,
    vendor: *const c_char,
    model: *const c_char,
    serial_number: *const c_char,
    pace: *const CikadaPace,
    buffer: *mut u8,
    buffer_length: usize,
) -> bool {
    let (Some(host), Some(identity)) = (raw::text(host), identity(vendor, model, serial_number)) else {
        return false;
    };
    let (pace, buffer) = (pace_of(pace), raw::buffer(buffer, buffer_length));
    let (Some(http), Some(buffer)) = (Http::new(host), buffer) else { return false };
    raw::put(activation, OverHttp::new(identity, http, pace, buffer))
}

/// Makes an activation over CoAP; otherwise the same.
///
/// # Safety
/// Pointers are null or point to what they say; texts end with NUL; texts and buffer outlive the activation.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cikada_coap_activation_init(
    activation: *mut CikadaCoapActivation,
    vendor: *const c_char,
    model: *const c_char,
    serial_number: *const c_char,
    pace: *const CikadaPace,
    buffer: *mut u8,
    buffer_length: usize,
) -> bool {
    let (identity, pace) = (identity(vendor, model, serial_number), pace_of(pace));
    let (Some(identity), Some(buffer)) = (identity, raw::buffer(buffer, buffer_length)) else {
        return false;
    };
    raw::put(activation, OverCoap::new(identity, Coap::new(), pace, buffer))
}

/// Asks for the next action. With DONE, the key is in `key`; after that it may be asked again, with CIKADA_EVENT_REJECTED when the
/// server answered 401 to it, and with CIKADA_EVENT_ACCEPTED when it worked.
///
/// # Safety
/// The activation was made; the other pointers are null or point to what they say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cikada_http_activation_next(
    activation: *mut CikadaHttpActivation,
    event: CikadaEvent,
    env: *const CikadaEnv,
    action: *mut CikadaAction,
    key: *mut CikadaKey,
) {
    let machine = raw::take::<_, OverHttp>(activation);
    next(machine, event, env, action, |outcome| tell(outcome, raw::exclusive(key)));
}

/// The same over CoAP.
///
/// # Safety
/// The activation was made; the other pointers are null or point to what they say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cikada_coap_activation_next(
    activation: *mut CikadaCoapActivation,
    event: CikadaEvent,
    env: *const CikadaEnv,
    action: *mut CikadaAction,
    key: *mut CikadaKey,
) {
    let machine = raw::take::<_, OverCoap>(activation);
    next(machine, event, env, action, |outcome| tell(outcome, raw::exclusive(key)));
}

fn tell(outcome: Result<Ready, Stop>, key: Option<&mut CikadaKey>) -> Result<(), u8> {
    let ready = outcome.map_err(|stop| match stop {
        Stop::Unknown => CIKADA_ACTIVATION_STOP_UNKNOWN,
        Stop::Malformed => CIKADA_ACTIVATION_STOP_MALFORMED,
        Stop::BufferTooSmall => CIKADA_ACTIVATION_STOP_BUFFER_TOO_SMALL,
    })?;
    if let Some(key) = key {
        key.cik = [0; 41];
        key.cik.iter_mut().zip(ready.cik.as_bytes()).for_each(|(place, &digit)| *place = digit as c_char);
        key.origin = match ready.origin {
            Origin::Stored => CikadaOrigin::Stored,
            Origin::Activated => CikadaOrigin::Activated,
            Origin::Kept => CikadaOrigin::Kept,
        };
    }
    Ok(())
}

/// # Safety
/// Pointers are null or point to texts that end with NUL and outlive the result.
unsafe fn identity(
    vendor: *const c_char,
    model: *const c_char,
    serial_number: *const c_char,
) -> Option<Identity<'static>> {
    let (vendor, model) = (raw::text(vendor)?, raw::text(model)?);
    let serial_number = raw::text(serial_number)?;
    Identity::new(vendor, model, serial_number).ok()
}

/// # Safety
/// The pointer is null or points to a pace.
pub(crate) unsafe fn pace_of(pace: *const CikadaPace) -> Pace {
    match raw::shared(pace) {
        None => Pace::default(),
        Some(&CikadaPace { start_ms, least_ms, first_ms, most_ms, trust_ms }) => {
            Pace { start_ms, least_ms, first_ms, most_ms, trust_ms }
        }
    }
}

const _: () = assert!(CIKADA_ACTIVATION_BUFFER == OverHttp::BUFFER, "one size, said twice");
