//! Single calls over CoAP in C.

use core::ffi::c_char;

use device::Cik;
use device::coap::{Call, Failure, Reply, Request};

use crate::action::{CikadaAction, CikadaEnv, CikadaEvent, next};
use crate::call::CikadaReply;
use crate::raw;

/// Nothing came back after all retransmissions. The request may have been carried out all the same.
pub const CIKADA_COAP_STOP_NO_ANSWER: u8 = 0;
/// What was asked for changed meanwhile: ask again.
pub const CIKADA_COAP_STOP_CHANGED: u8 = 1;
/// The answer is larger than the buffer.
pub const CIKADA_COAP_STOP_TOO_LARGE: u8 = 2;
/// The buffer is too small for the request.
pub const CIKADA_COAP_STOP_BUFFER_TOO_SMALL: u8 = 3;

/// A call over CoAP.
#[repr(C)]
pub struct CikadaCoapCall {
    /// Not to be touched.
    pub room: [u64; 64],
}

type Machine = Call<'static>;

/// Makes a call that writes a value: 2.04 (68) when it is stored.
///
/// # Safety
/// Pointers are null or point to what they say; texts end with NUL; texts and buffer outlive the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cikada_coap_write(
    call: *mut CikadaCoapCall,
    cik: *const c_char,
    alias: *const c_char,
    value: *const c_char,
    buffer: *mut u8,
    buffer_length: usize,
) -> bool {
    let (Some(alias), Some(value)) = (raw::text(alias), raw::text(value)) else { return false };
    make(call, Request::Write { alias, value }, cik, buffer, buffer_length)
}

/// Makes a call that reads the latest value: 2.05 (69), empty where there is none.
///
/// # Safety
/// Pointers are null or point to what they say; texts end with NUL; texts and buffer outlive the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cikada_coap_read(
    call: *mut CikadaCoapCall,
    cik: *const c_char,
    alias: *const c_char,
    buffer: *mut u8,
    buffer_length: usize,
) -> bool {
    let Some(alias) = raw::text(alias) else { return false };
    make(call, Request::Read { alias }, cik, buffer, buffer_length)
}

/// Makes a call that reads the latest value, then every new one: each is DONE by itself; ask for the next with CIKADA_EVENT_BEGIN.
///
/// # Safety
/// Pointers are null or point to what they say; texts end with NUL; texts and buffer outlive the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cikada_coap_observe(
    call: *mut CikadaCoapCall,
    cik: *const c_char,
    alias: *const c_char,
    buffer: *mut u8,
    buffer_length: usize,
) -> bool {
    let Some(alias) = raw::text(alias) else { return false };
    make(call, Request::Observe { alias }, cik, buffer, buffer_length)
}

/// Makes a call for the ids of all contents (`id` NULL), one a line, or that asks what one content is (see cikada_parse_info): 2.05 (69).
///
/// # Safety
/// Pointers are null or point to what they say; texts end with NUL; texts and buffer outlive the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cikada_coap_contents(
    call: *mut CikadaCoapCall,
    cik: *const c_char,
    vendor: *const c_char,
    model: *const c_char,
    id: *const c_char,
    buffer: *mut u8,
    buffer_length: usize,
) -> bool {
    let (Some(vendor), Some(model)) = (raw::text(vendor), raw::text(model)) else { return false };
    let request = match raw::text(id) {
        Some(id) => Request::Info { vendor, model, id },
        None => Request::List { vendor, model },
    };
    make(call, request, cik, buffer, buffer_length)
}

/// Asks for the next action. With DONE, the answer is in `reply`.
///
/// # Safety
/// The call was made; the other pointers are null or point to what they say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cikada_coap_call_next(
    call: *mut CikadaCoapCall,
    event: CikadaEvent,
    env: *const CikadaEnv,
    action: *mut CikadaAction,
    reply: *mut CikadaReply,
) {
    let mut outcome: Option<Reply> = None;
    let machine = raw::take::<_, Machine>(call);
    next(machine, event, env, action, |result| result.map(|reply| outcome = Some(reply)).map_err(number));
    let (machine, reply) = (raw::take::<_, Machine>(call), raw::exclusive(reply));
    if let (Some(machine), Some(into), Some(found)) = (machine, reply, outcome) {
        let body = machine.body();
        *into = CikadaReply {
            status: u16::from(found.code),
            retry_after_s: found.retry_after_s,
            body: body.as_mut_ptr(),
            body_length: body.len(),
            since: [0; 33],
        };
    }
}

fn number(failure: Failure) -> u8 {
    match failure {
        Failure::NoAnswer => CIKADA_COAP_STOP_NO_ANSWER,
        Failure::Changed => CIKADA_COAP_STOP_CHANGED,
        Failure::TooLarge => CIKADA_COAP_STOP_TOO_LARGE,
        Failure::BufferTooSmall => CIKADA_COAP_STOP_BUFFER_TOO_SMALL,
    }
}

/// # Safety
/// As for the functions that call it.
unsafe fn make(
    call: *mut CikadaCoapCall,
    request: Request<'static>,
    cik: *const c_char,
    buffer: *mut u8,
    buffer_length: usize,
) -> bool {
    let (cik, buffer) = (raw::text(cik), raw::buffer(buffer, buffer_length));
    let (Some(cik), Some(buffer)) = (cik.and_then(|cik| Cik::parse(cik.as_bytes())), buffer) else { return false };
    raw::put(call, Machine::new(request, cik, buffer))
}
