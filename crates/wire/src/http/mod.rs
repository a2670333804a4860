//! The pieces of HTTP that a header's value decides (contract, device.md "Download and list content", data.md).

pub mod byte_range;
pub mod conditional;
pub mod digest;
pub mod framing;
pub mod media_type;
pub mod time;

/// Whether a character may stand in a token (RFC 9110, section 5.6.2), for each byte.
const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut c = 0;
    while c < 256 {
        table[c] = (c as u8).is_ascii_alphanumeric();
        c += 1;
    }
    let marks = b"!#$%&'*+-.^_`|~";
    let mut place = 0;
    while place < marks.len() {
        table[marks[place] as usize] = true;
        place += 1;
    }
    table
};

fn is_token_byte(c: u8) -> bool {
    TOKEN[usize::from(c)]
}

/// Removes optional white space at both ends.
fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}
