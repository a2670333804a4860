//! Where pointers from C become Rust. What each relies on is said in the header's first lines and at each function.

use core::ffi::{CStr, c_char};
use core::mem::MaybeUninit;

/// A text that ends with NUL, if it is UTF-8.
///
/// # Safety
/// The pointer is null or points to such a text, which stays as it is for as long as the result is used.
pub(crate) unsafe fn text(pointer: *const c_char) -> Option<&'static str> {
    if pointer.is_null() {
        return None;
    }
    // SAFETY: not null, and the caller says that a NUL ends it.
    unsafe { CStr::from_ptr(pointer) }.to_str().ok()
}

/// A buffer of the caller's.
///
/// # Safety
/// The pointer is null or points to that many bytes, which nobody else touches for as long as the result is used.
pub(crate) unsafe fn buffer(pointer: *mut u8, length: usize) -> Option<&'static mut [u8]> {
    if pointer.is_null() || length > isize::MAX as usize {
        return None;
    }
    // SAFETY: not null, not longer than memory, and the caller says that the bytes are ours.
    Some(unsafe { core::slice::from_raw_parts_mut(pointer, length) })
}

/// Several things in a row.
///
/// # Safety
/// The pointer is null or points to that many things, which don't change for as long as the result is used.
pub(crate) unsafe fn array<T>(pointer: *const T, length: usize) -> Option<&'static [T]> {
    if pointer.is_null() || length.checked_mul(size_of::<T>()).is_none_or(|bytes| bytes > isize::MAX as usize) {
        return None;
    }
    // SAFETY: not null, not longer than memory, and the caller says that the things are there.
    Some(unsafe { core::slice::from_raw_parts(pointer, length) })
}

/// What is behind a pointer.
///
/// # Safety
/// The pointer is null or points to a `T` that nobody else touches for as long as the result is used.
pub(crate) unsafe fn exclusive<T>(pointer: *mut T) -> Option<&'static mut T> {
    // SAFETY: the caller says so.
    unsafe { pointer.as_mut() }
}

/// What is behind a pointer, to be read.
///
/// # Safety
/// The pointer is null or points to a `T` that doesn't change for as long as the result is used.
pub(crate) unsafe fn shared<T>(pointer: *const T) -> Option<&'static T> {
    // SAFETY: the caller says so.
    unsafe { pointer.as_ref() }
}

/// Room for a machine inside a C struct.
#[repr(transparent)]
pub(crate) struct Room<S>(MaybeUninit<S>);

/// Puts a machine into a C struct, in place of whatever is there.
///
/// # Safety
/// The pointer is null or points to a `C`, aligned and ours.
pub(crate) unsafe fn put<C, S>(place: *mut C, machine: S) -> bool {
    const { assert!(size_of::<S>() <= size_of::<C>() && align_of::<S>() <= align_of::<C>(), "the C struct is large enough") };
    // SAFETY: the caller says that it points to a C, and an S fits into one.
    match unsafe { place.cast::<Room<S>>().as_mut() } {
        Some(room) => {
            room.0.write(machine);
            true
        }
        None => false,
    }
}

/// The machine in a C struct.
///
/// # Safety
/// The pointer is null, or [`put`] has put an `S` there, which nobody else touches for as long as the result is used.
pub(crate) unsafe fn take<C, S>(place: *mut C) -> Option<&'static mut S> {
    // SAFETY: the caller says that an S is there.
    unsafe { place.cast::<S>().as_mut() }
}
