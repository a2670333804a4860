//! Single calls over HTTP in C: data, contents, time.

use core::ffi::c_char;

use device::http::{Access, Call, Failure, Reply, Stamp};
use device::{Cik, content, data};

use crate::action::{CikadaAction, CikadaEnv, CikadaEvent, next};
use crate::raw;

/// No connection, or no whole answer in time. The request may have been carried out all the same.
pub const CIKADA_CALL_STOP_NO_ANSWER: u8 = 0;
/// What came is no answer.
pub const CIKADA_CALL_STOP_UNEXPECTED: u8 = 1;
/// The answer's body is larger than the buffer.
pub const CIKADA_CALL_STOP_TOO_LARGE: u8 = 2;

/// A value to be written.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct CikadaValue {
    /// Where to.
    pub alias: *const c_char,
    /// What, as text.
    pub value: *const c_char,
}

/// A whole answer.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct CikadaReply {
    /// The HTTP status, or the CoAP code (class * 32 + detail).
    pub status: u16,
    /// When to come back, in seconds, where the server refused for now; 0 where it didn't say.
    pub retry_after_s: u32,
    /// The body, in the call's buffer, to be changed as you like.
    pub body: *mut u8,
    /// Its length.
    pub body_length: usize,
    /// For a wait: the time of the value, to be given to the next wait; empty where there is none.
    pub since: [c_char; 33],
}

/// A call over HTTP, in clear or inside TLS.
#[repr(C)]
pub struct CikadaHttpCall {
    /// Not to be touched.
    pub room: [u64; 104],
}

type Machine = Call<'static>;

/// The most aliases and values of one call.
pub const CIKADA_CALL_MOST: usize = 16;

/// Makes a call that writes values, all with the same time. 204 when they are stored. False: a null pointer, more than
/// CIKADA_CALL_MOST values, or a buffer that is too small for the request.
///
/// # Safety
/// Pointers are null or point to what they say; texts end with NUL; the buffer outlives the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cikada_http_write(
    call: *mut CikadaHttpCall,
    host: *const c_char,
    cik: *const c_char,
    values: *const CikadaValue,
    count: usize,
    buffer: *mut u8,
    buffer_length: usize,
) -> bool {
    let mut pairs = [("", ""); CIKADA_CALL_MOST];
    let (values, buffer) = (raw::array(values, count), raw::buffer(buffer, buffer_length));
    let (access, Some(values), Some(buffer)) = (access(host, cik), values, buffer) else { return false };
    let (Some(access), Some(pairs)) = (access, pairs.get_mut(..count)) else { return false };
    for (pair, value) in pairs.iter_mut().zip(values) {
        let (Some(alias), Some(value)) = (raw::text(value.alias), raw::text(value.value)) else {
            return false;
        };
        *pair = (alias, value);
    }
    put(call, data::write(&access, pairs, buffer))
}

/// Makes a call that reads the latest values: 200, see cikada_next_pair; 204 where there is none.
///
/// # Safety
/// Pointers are null or point to what they say; texts end with NUL; the buffer outlives the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cikada_http_read(
    call: *mut CikadaHttpCall,
    host: *const c_char,
    cik: *const c_char,
    aliases: *const *const c_char,
    count: usize,
    buffer: *mut u8,
    buffer_length: usize,
) -> bool {
    let mut names = [""; CIKADA_CALL_MOST];
    let (aliases, buffer) = (raw::array(aliases, count), raw::buffer(buffer, buffer_length));
    let (access, Some(aliases), Some(buffer)) = (access(host, cik), aliases, buffer) else { return false };
    let (Some(access), Some(names)) = (access, names.get_mut(..count)) else { return false };
    for (name, alias) in names.iter_mut().zip(aliases) {
        let Some(alias) = raw::text(*alias) else { return false };
        *name = alias;
    }
    put(call, data::read(&access, names, buffer))
}

/// Makes a call that waits for a value newer than `since` (NULL or empty: from now on): 200 with it, 304 when there was none in time.
///
/// # Safety
/// Pointers are null or point to what they say; texts end with NUL; the buffer outlives the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cikada_http_wait(
    call: *mut CikadaHttpCall,
    host: *const c_char,
    cik: *const c_char,
    alias: *const c_char,
    since: *const c_char,
    timeout_ms: u32,
    buffer: *mut u8,
    buffer_length: usize,
) -> bool {
    let (access, alias) = (access(host, cik), raw::text(alias));
    let (since, buffer) = (raw::text(since), raw::buffer(buffer, buffer_length));
    let (Some(access), Some(alias), Some(buffer)) = (access, alias, buffer) else { return false };
    let since = Stamp::new(since.unwrap_or_default().as_bytes());
    put(call, data::wait(&access, alias, &since, timeout_ms, buffer))
}

/// Makes a call for the server's time: 200 with unix seconds. No key is needed.
///
/// # Safety
/// Pointers are null or point to what they say; texts end with NUL; the buffer outlives the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cikada_http_time(
    call: *mut CikadaHttpCall,
    host: *const c_char,
    buffer: *mut u8,
    buffer_length: usize,
) -> bool {
    let (host, buffer) = (raw::text(host), raw::buffer(buffer, buffer_length));
    let (Some(host), Some(buffer)) = (host, buffer) else { return false };
    put(call, data::time(host, buffer))
}

/// Makes a call for the newest content that follows `installed` by its name (`firmware_v2` follows `firmware_v1`), however long the list
/// is. After 200 see cikada_http_found.
///
/// # Safety
/// Pointers are null or point to what they say; texts end with NUL; `installed` and the buffer outlive the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cikada_http_find_newer(
    call: *mut CikadaHttpCall,
    host: *const c_char,
    cik: *const c_char,
    vendor: *const c_char,
    model: *const c_char,
    installed: *const c_char,
    buffer: *mut u8,
    buffer_length: usize,
) -> bool {
    let (access, installed) = (access(host, cik), raw::text(installed));
    let (vendor, model) = (raw::text(vendor), raw::text(model));
    let (Some(access), Some(buffer)) = (access, raw::buffer(buffer, buffer_length)) else { return false };
    let (Some(vendor), Some(model), Some(installed)) = (vendor, model, installed) else { return false };
    put(call, content::find_newer(&access, vendor, model, installed, buffer))
}

/// Makes a call that asks what a content is: 200, see cikada_parse_info.
///
/// # Safety
/// Pointers are null or point to what they say; texts end with NUL; the buffer outlives the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cikada_http_info(
    call: *mut CikadaHttpCall,
    host: *const c_char,
    cik: *const c_char,
    vendor: *const c_char,
    model: *const c_char,
    id: *const c_char,
    buffer: *mut u8,
    buffer_length: usize,
) -> bool {
    let (access, id) = (access(host, cik), raw::text(id));
    let (vendor, model) = (raw::text(vendor), raw::text(model));
    let (Some(access), Some(buffer)) = (access, raw::buffer(buffer, buffer_length)) else { return false };
    let (Some(vendor), Some(model), Some(id)) = (vendor, model, id) else { return false };
    put(call, content::info(&access, vendor, model, id, buffer))
}

/// Asks for the next action. With DONE, the answer is in `reply`.
///
/// # Safety
/// The call was made; the other pointers are null or point to what they say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cikada_http_call_next(
    call: *mut CikadaHttpCall,
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
            status: found.status,
            retry_after_s: found.retry_after_s,
            body: body.as_mut_ptr(),
            body_length: body.len(),
            since: [0; 33],
        };
        copy(found.last_modified.as_bytes(), &mut into.since);
    }
}

/// What cikada_http_find_newer has found: copies the id with a NUL at its end. False: nothing newer, or no room for it.
///
/// # Safety
/// The call was made and is done; `id` points to so many bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cikada_http_found(call: *mut CikadaHttpCall, id: *mut u8, room: usize) -> bool {
    let (machine, into) = (raw::take::<_, Machine>(call), raw::buffer(id, room));
    let (Some(found), Some(into)) = (machine.and_then(|machine| machine.found()), into) else { return false };
    let Some((text, end)) = into.split_at_mut_checked(found.len()) else { return false };
    let Some(end) = end.first_mut() else { return false };
    text.copy_from_slice(found.as_bytes());
    *end = 0;
    true
}

fn number(failure: Failure) -> u8 {
    match failure {
        Failure::NoAnswer => CIKADA_CALL_STOP_NO_ANSWER,
        Failure::Unexpected => CIKADA_CALL_STOP_UNEXPECTED,
        Failure::TooLarge => CIKADA_CALL_STOP_TOO_LARGE,
    }
}

/// Copies a text and leaves at least one NUL behind it.
fn copy(text: &[u8], into: &mut [c_char]) {
    let room = into.len().saturating_sub(1);
    into.iter_mut().zip(text.iter().take(room)).for_each(|(place, &byte)| *place = byte as c_char);
}

/// # Safety
/// The pointer is null or points to a call's struct.
unsafe fn put(call: *mut CikadaHttpCall, machine: Option<Machine>) -> bool {
    machine.is_some_and(|machine| raw::put(call, machine))
}

/// # Safety
/// Pointers are null or point to texts that end with NUL and outlive the result.
unsafe fn access(host: *const c_char, cik: *const c_char) -> Option<Access<'static>> {
    let (host, cik) = (raw::text(host)?, raw::text(cik)?);
    Some(Access { host, cik: Cik::parse(cik.as_bytes())? })
}
