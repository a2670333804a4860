//! What a target saw in its input, as one number: equal for inputs that went the same way, roughly.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::mem::Discriminant;

/// The number for a value that says which way was gone.
pub fn seen(way: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    way.hash(&mut hasher);
    hasher.finish()
}

/// Sizes that differ little count as one.
pub fn magnitude(size: usize) -> u32 {
    usize::BITS - size.leading_zeros()
}

/// Which variant it is, whatever is in it.
pub fn variant<T>(value: &T) -> Discriminant<T> {
    std::mem::discriminant(value)
}
