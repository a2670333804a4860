//! Reading bodies in C: values, what a content is, whether it is newer.

use core::ffi::c_char;

use device::content::{Info, meta_is_newer};
use device::data;

use crate::raw;

/// A piece of a text that does not end with NUL.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct CikadaText {
    /// Its first byte.
    pub bytes: *const u8,
    /// Its length in bytes.
    pub length: usize,
}

impl CikadaText {
    fn new(text: &str) -> CikadaText {
        CikadaText { bytes: text.as_ptr(), length: text.len() }
    }
}

/// What the server says of a content.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct CikadaInfo {
    /// The content type given at upload.
    pub content_type: CikadaText,
    /// The size in bytes.
    pub size: u64,
    /// When it was last replaced, in unix seconds.
    pub updated_s: u64,
    /// Whatever the vendor wrote beside it.
    pub meta: CikadaText,
}

/// Finds the value of an alias in the body of a read or a wait, and decodes it where it stands: each alias can be asked for once. False:
/// it isn't there.
///
/// # Safety
/// `body` points to so many bytes; the other pointers are null or point to what they say; `alias` ends with NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cikada_find_value(
    body: *mut u8,
    body_length: usize,
    alias: *const c_char,
    value: *mut CikadaText,
) -> bool {
    let (body, alias) = (raw::buffer(body, body_length), raw::text(alias));
    let (Some(body), Some(alias), Some(value)) = (body, alias, raw::exclusive(value)) else { return false };
    let found = body.split_mut(|&byte| byte == b'&').find_map(|pair| {
        let named = pair.iter().position(|&byte| byte == b'=').is_some_and(|end| decodes_to(&pair[..end], alias));
        if named { data::pairs(pair).next().map(|(_, value)| CikadaText::new(value)) } else { None }
    });
    match found {
        Some(text) => {
            *value = text;
            true
        }
        None => false,
    }
}

/// Compares an encoded name with a plain one without changing it.
fn decodes_to(encoded: &[u8], plain: &str) -> bool {
    let mut rest = plain.as_bytes();
    let mut bytes = encoded.iter();
    while let Some(&byte) = bytes.next() {
        let decoded = match byte {
            b'+' => b' ',
            b'%' => match (bytes.next().and_then(nibble), bytes.next().and_then(nibble)) {
                (Some(high), Some(low)) => high << 4 | low,
                _ => return false,
            },
            other => other,
        };
        match rest.split_first() {
            Some((&first, after)) if first == decoded => rest = after,
            _ => return false,
        }
    }
    rest.is_empty()
}

fn nibble(digit: &u8) -> Option<u8> {
    char::from(*digit).to_digit(16).map(|value| value as u8)
}

/// Reads the body of an info call; the texts are in the body. False: it is malformed.
///
/// # Safety
/// `body` points to so many bytes; `info` is null or points to one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cikada_parse_info(body: *mut u8, body_length: usize, info: *mut CikadaInfo) -> bool {
    let (body, into) = (raw::buffer(body, body_length), raw::exclusive(info));
    let (Some(found), Some(into)) = (body.and_then(Info::parse), into) else { return false };
    *into = CikadaInfo {
        content_type: CikadaText::new(found.content_type),
        size: found.size,
        updated_s: found.updated_s,
        meta: CikadaText::new(found.meta),
    };
    true
}

/// Whether the version in a content's meta (the first run of numbers with dots) is above the installed one, number by number.
///
/// # Safety
/// The text is what cikada_parse_info gave; `installed` ends with NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cikada_meta_is_newer(meta: CikadaText, installed: *const c_char) -> bool {
    let (meta, installed) = (raw::array(meta.bytes, meta.length), raw::text(installed));
    let (Some(Ok(meta)), Some(installed)) = (meta.map(core::str::from_utf8), installed) else { return false };
    meta_is_newer(meta, installed)
}
