//! The pieces of HTTP that a header's value decides (contract, device.md "Download and list content", data.md).

pub mod byte_range;
pub mod conditional;
pub mod digest;
pub mod media_type;
pub mod time;

/// A character of a token (RFC 9110, section 5.6.2).
pub(crate) fn is_token_byte(c: u8) -> bool {
    c.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&c)
}

/// Removes optional white space at both ends.
pub(crate) fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}
