//! Downloads in C, over HTTP and over CoAP.

use core::ffi::c_char;

use device::Cik;
use device::download::{BlockFetch, Download, Fetch, Image, RangeFetch, Sizes, Stop, Target};

use crate::action::{CikadaAction, CikadaEnv, CikadaEvent, next};
use crate::activation::{CikadaPace, pace_of};
use crate::raw;

/// Beside one block, a buffer of so many bytes more is enough for every download.
pub const CIKADA_DOWNLOAD_BUFFER: usize = 1536;

/// The key is not accepted (401): activate again, then begin again; progress is kept.
pub const CIKADA_DOWNLOAD_STOP_UNAUTHORIZED: u8 = 0;
/// This device may not have contents of this model (403).
pub const CIKADA_DOWNLOAD_STOP_FORBIDDEN: u8 = 1;
/// There is no such content for this device (404).
pub const CIKADA_DOWNLOAD_STOP_ABSENT: u8 = 2;
/// The server finds the request malformed (400).
pub const CIKADA_DOWNLOAD_STOP_MALFORMED: u8 = 3;
/// The content is larger than the place for it.
pub const CIKADA_DOWNLOAD_STOP_TOO_LARGE: u8 = 4;
/// No digest is known: nothing can be verified.
pub const CIKADA_DOWNLOAD_STOP_NO_DIGEST: u8 = 5;
/// Three times in a row the image did not have the digest that was promised.
pub const CIKADA_DOWNLOAD_STOP_WRONG_DIGEST: u8 = 6;
/// The memory failed again and again.
pub const CIKADA_DOWNLOAD_STOP_MEMORY: u8 = 7;
/// The buffer is too small.
pub const CIKADA_DOWNLOAD_STOP_BUFFER_TOO_SMALL: u8 = 8;

/// Which content goes where, in what sizes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct CikadaTarget {
    /// The vendor of the model.
    pub vendor: *const c_char,
    /// The device's model.
    pub model: *const c_char,
    /// The content's id.
    pub id: *const c_char,
    /// The place in the device: progress towards one place doesn't count for another.
    pub place: u8,
    /// The most that the place can hold, in bytes.
    pub capacity: u64,
    /// How much one request asks for, in bytes. Over CoAP it is rounded down to a block of 16 to 1024.
    pub piece: u32,
    /// Every write but the last is of exactly this size, and begins at a multiple of it: the page of a flash memory.
    pub block: u16,
    /// How far apart progress is remembered, in bytes: a multiple of the erase sector. Erase where a write begins at a multiple of it.
    pub checkpoint: u32,
}

/// The whole image, written and verified.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct CikadaImage {
    /// Its length in bytes.
    pub length: u64,
    /// Its SHA-256.
    pub digest: [u8; 32],
}

/// A download over HTTP, in clear or inside TLS.
#[repr(C)]
pub struct CikadaHttpDownload {
    /// Not to be touched.
    pub room: [u64; 152],
}

/// A download over CoAP.
#[repr(C)]
pub struct CikadaCoapDownload {
    /// Not to be touched.
    pub room: [u64; 112],
}

type OverHttp = Download<'static, RangeFetch<'static>>;
type OverCoap = Download<'static, BlockFetch>;

/// Makes a download over HTTP. `cik` is the key, 40 digits; `promised` the image's SHA-256 where it is known from a better source than
/// the server, or NULL; `pace` may be NULL. The buffer holds one block and CIKADA_DOWNLOAD_BUFFER more.
///
/// # Safety
/// Pointers are null or point to what they say; texts end with NUL; texts and buffer outlive the download.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cikada_http_download_init(
    download: *mut CikadaHttpDownload,
    host: *const c_char,
    cik: *const c_char,
    target: *const CikadaTarget,
    promised: *const [u8; 32],
    pace: *const CikadaPace,
    buffer: *mut u8,
    buffer_length: usize,
) -> bool {
    let Some(fetch) = raw::text(host).and_then(RangeFetch::new) else { return false };
    let machine: Option<OverHttp> = make(fetch, cik, target, promised, pace, buffer, buffer_length);
    machine.is_some_and(|machine| raw::put(download, machine))
}

/// Makes a download over CoAP. There the server gives no digest: `promised` has to be known from elsewhere.
///
/// # Safety
/// Pointers are null or point to what they say; texts end with NUL; texts and buffer outlive the download.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cikada_coap_download_init(
    download: *mut CikadaCoapDownload,
    cik: *const c_char,
    target: *const CikadaTarget,
    promised: *const [u8; 32],
    pace: *const CikadaPace,
    buffer: *mut u8,
    buffer_length: usize,
) -> bool {
    let fetch = BlockFetch::new();
    let machine: Option<OverCoap> = make(fetch, cik, target, promised, pace, buffer, buffer_length);
    machine.is_some_and(|machine| raw::put(download, machine))
}

/// Asks for the next action. With DONE, `image` tells of the image.
///
/// # Safety
/// The download was made; the other pointers are null or point to what they say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cikada_http_download_next(
    download: *mut CikadaHttpDownload,
    event: CikadaEvent,
    env: *const CikadaEnv,
    action: *mut CikadaAction,
    image: *mut CikadaImage,
) {
    let machine = raw::take::<_, OverHttp>(download);
    next(machine, event, env, action, |outcome| tell(outcome, raw::exclusive(image)));
}

/// The same over CoAP.
///
/// # Safety
/// The download was made; the other pointers are null or point to what they say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cikada_coap_download_next(
    download: *mut CikadaCoapDownload,
    event: CikadaEvent,
    env: *const CikadaEnv,
    action: *mut CikadaAction,
    image: *mut CikadaImage,
) {
    let machine = raw::take::<_, OverCoap>(download);
    next(machine, event, env, action, |outcome| tell(outcome, raw::exclusive(image)));
}

fn tell(outcome: Result<Image, Stop>, into: Option<&mut CikadaImage>) -> Result<(), u8> {
    let image = outcome.map_err(|stop| match stop {
        Stop::Unauthorized => CIKADA_DOWNLOAD_STOP_UNAUTHORIZED,
        Stop::Forbidden => CIKADA_DOWNLOAD_STOP_FORBIDDEN,
        Stop::Absent => CIKADA_DOWNLOAD_STOP_ABSENT,
        Stop::Malformed => CIKADA_DOWNLOAD_STOP_MALFORMED,
        Stop::TooLarge => CIKADA_DOWNLOAD_STOP_TOO_LARGE,
        Stop::NoDigest => CIKADA_DOWNLOAD_STOP_NO_DIGEST,
        Stop::WrongDigest => CIKADA_DOWNLOAD_STOP_WRONG_DIGEST,
        Stop::Memory => CIKADA_DOWNLOAD_STOP_MEMORY,
        Stop::BufferTooSmall => CIKADA_DOWNLOAD_STOP_BUFFER_TOO_SMALL,
    })?;
    if let Some(into) = into {
        *into = CikadaImage { length: image.length, digest: image.digest };
    }
    Ok(())
}

/// # Safety
/// As for the functions that call it.
unsafe fn make<P: Fetch>(
    fetch: P,
    cik: *const c_char,
    target: *const CikadaTarget,
    promised: *const [u8; 32],
    pace: *const CikadaPace,
    buffer: *mut u8,
    buffer_length: usize,
) -> Option<Download<'static, P>> {
    let (cik, target) = (raw::text(cik)?, raw::shared(target)?);
    let (vendor, model) = (raw::text(target.vendor)?, raw::text(target.model)?);
    let (id, promised) = (raw::text(target.id)?, raw::shared(promised).copied());
    let (pace, buffer) = (pace_of(pace), raw::buffer(buffer, buffer_length)?);
    let CikadaTarget { place, capacity, piece, block, checkpoint, .. } = *target;
    let sizes = Sizes { capacity, piece, block, checkpoint };
    let cik = Cik::parse(cik.as_bytes())?;
    Some(Download::new(Target { vendor, model, id, place }, cik, fetch, sizes, pace, promised, buffer))
}
