//! Which contents there are, what they are, and whether there is a newer one (contract, device.md "Download and list
//! content"). Getting one is the business of [`crate::download`].

use crate::buffer::parse_number;
use crate::http::{Access, Call, request};

const PATIENCE_MS: u32 = 30_000;

/// Asks for the ids of all contents that this device may have: 200, see [`ids`].
pub fn list<'b>(access: &Access<'_>, vendor: &str, model: &str, buffer: &'b mut [u8]) -> Option<Call<'b>> {
    let length = ask(access, vendor, model, None, buffer)?;
    Some(Call::new(buffer, length, PATIENCE_MS, true))
}

/// Asks for the newest content of the scheme of `installed` (see [`Search`]), however long the list is: the answer is in
/// [`Call::found`].
pub fn find_newer<'b>(
    access: &Access<'_>,
    vendor: &str,
    model: &str,
    installed: &'b str,
    buffer: &'b mut [u8],
) -> Option<Call<'b>> {
    let length = ask(access, vendor, model, None, buffer)?;
    Some(Call::new(buffer, length, PATIENCE_MS, true).searching(Search::new(installed)))
}

/// Asks what a content is: 200, see [`Info::parse`].
pub fn info<'b>(access: &Access<'_>, vendor: &str, model: &str, id: &str, buffer: &'b mut [u8]) -> Option<Call<'b>> {
    let length = ask(access, vendor, model, Some(id), buffer)?;
    Some(Call::new(buffer, length, PATIENCE_MS, true))
}

fn ask(access: &Access<'_>, vendor: &str, model: &str, id: Option<&str>, buffer: &mut [u8]) -> Option<usize> {
    let mut writer = request::begin(buffer, "GET", access.host, |line| {
        line.text("/provision/download?vendor=").percent(vendor).text("&model=").percent(model);
        if let Some(id) = id {
            line.text("&id=").percent(id).text("&info=true");
        }
    });
    request::credential(&mut writer, &access.cik);
    writer.text("\r\n").finish()
}

/// The ids in the body of a list, one a line.
pub fn ids(body: &mut [u8]) -> impl Iterator<Item = &str> {
    body.split_mut(|&byte| byte == b'\n').filter_map(|line| {
        let id = unquote(line)?;
        core::str::from_utf8(id).ok().filter(|id| !id.is_empty())
    })
}

/// What the server says of a content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Info<'a> {
    /// The content type given at upload.
    pub content_type: &'a str,
    /// The size in bytes.
    pub size: u64,
    /// When it was last replaced, in unix seconds.
    pub updated_s: u64,
    /// Whatever the vendor wrote beside it.
    pub meta: &'a str,
}

impl<'a> Info<'a> {
    /// Reads the one record in the body of an info call.
    pub fn parse(body: &'a mut [u8]) -> Option<Info<'a>> {
        let (content_type, rest) = split_field(body)?;
        let (size, rest) = split_field(rest)?;
        let (updated_s, meta) = split_field(rest)?;
        let [meta @ .., b'\n'] = meta else { return None };
        let (size, updated_s) = (parse_number(size)?, parse_number(updated_s)?);
        let content_type = core::str::from_utf8(unquote(content_type)?).ok()?;
        Some(Info { content_type, size, updated_s, meta: core::str::from_utf8(unquote(meta)?).ok()? })
    }
}

/// A field and what is behind its comma.
fn split_field(record: &mut [u8]) -> Option<(&mut [u8], &mut [u8])> {
    let mut quoted = false;
    let comma = record.iter().position(|&byte| {
        quoted ^= byte == b'"';
        byte == b',' && !quoted
    })?;
    let (field, rest) = record.split_at_mut(comma);
    Some((field, rest.get_mut(1..)?))
}

/// Takes the quotes of RFC 4180 off a field, where it has them.
fn unquote(field: &mut [u8]) -> Option<&[u8]> {
    if field.first() != Some(&b'"') {
        return Some(field);
    }
    let [b'"', inner @ .., b'"'] = field else { return None };
    let (mut from, mut to) = (0, 0);
    while let Some(&byte) = inner.get(from) {
        *inner.get_mut(to)? = byte;
        to += 1;
        from += if byte == b'"' { 2 } else { 1 };
    }
    inner.get(..to)
}

const ID: usize = 128;

/// Looks in a list for a newer content by its name: `firmware_v1` is followed by `firmware_v2` and `firmware_v10`. What stands
/// before the digits at the end is the scheme; an id without digits at the end has no successor.
pub struct Search<'a> {
    scheme: &'a str,
    best: u64,
    best_id: [u8; ID],
    best_length: usize,
    line: [u8; ID],
    line_length: usize,
    quotes: u8,
}

impl<'a> Search<'a> {
    /// A search for something newer than that id.
    pub fn new(installed: &'a str) -> Search<'a> {
        let (scheme, number) = split_version(installed).unwrap_or((installed, u64::MAX));
        Search { scheme, best: number, best_id: [0; ID], best_length: 0, line: [0; ID], line_length: 0, quotes: 0 }
    }

    /// Takes a piece of the list.
    pub fn take(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            match byte {
                b'\n' => self.end(),
                // Of a quoted id, the first quote and every second one inside are left out.
                b'"' if self.quotes == 0 && self.line_length == 0 => self.quotes = 1,
                b'"' if self.quotes == 1 => self.quotes = 2,
                _ => {
                    self.quotes = self.quotes.min(1);
                    if let Some(place) = self.line.get_mut(self.line_length) {
                        *place = byte;
                    }
                    self.line_length += 1;
                }
            }
        }
    }

    /// The list is at its end.
    pub fn end(&mut self) {
        self.quotes = 0;
        let length = core::mem::take(&mut self.line_length);
        let Some(line) = self.line.get(..length) else { return };
        let Some((scheme, number)) = core::str::from_utf8(line).ok().and_then(split_version) else { return };
        if scheme == self.scheme && number > self.best {
            self.best = number;
            self.best_id = self.line;
            self.best_length = length;
        }
    }

    /// The newest id so far, if there is one.
    pub fn best(&self) -> Option<&str> {
        let id = self.best_id.get(..self.best_length).filter(|id| !id.is_empty())?;
        core::str::from_utf8(id).ok()
    }
}

fn split_version(id: &str) -> Option<(&str, u64)> {
    let scheme = id.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = parse_number(id.as_bytes().get(scheme.len()..)?)?;
    Some((scheme, number))
}

/// Whether the version in a content's meta is above the installed one. A version is the first run of numbers with dots
/// (`1.4.2` in `version=1.4.2, stable`); numbers are compared one by one, and one that is missing counts as 0. Where the meta
/// holds none, it is not newer.
pub fn meta_is_newer(meta: &str, installed: &str) -> bool {
    let Some(theirs) = find_version(meta) else { return false };
    let ours = find_version(installed).unwrap_or("0");
    let (mut theirs, mut ours) = (theirs.split('.'), ours.split('.'));
    loop {
        let pair = (theirs.next(), ours.next());
        if pair == (None, None) {
            return false;
        }
        let [a, b] = [pair.0, pair.1].map(|part| part.and_then(|part| parse_number(part.as_bytes())).unwrap_or(0));
        if a != b {
            return a > b;
        }
    }
}

fn find_version(text: &str) -> Option<&str> {
    let start = text.find(|c: char| c.is_ascii_digit())?;
    let rest = text.get(start..)?;
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    rest.get(..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_info_are_read_as_the_server_writes_them() {
        let mut list = *b"a\nfirmware_v1\n\"say \"\"hi\"\"\"\n";
        assert_eq!(ids(&mut list).collect::<Vec<_>>(), ["a", "firmware_v1", "say \"hi\""]);
        assert_eq!(ids(&mut []).count(), 0);
        let mut plain = *b"application/octet-stream,1024,1700000000,\n";
        let info = Info::parse(&mut plain).unwrap();
        assert_eq!(
            (info.content_type, info.size, info.updated_s, info.meta),
            ("application/octet-stream", 1024, 1700000000, "")
        );
        let mut quoted = *b"\"text/plain; a=\"\"b,c\"\"\",0,1,\"1.2,\nand \"\"more\"\"\"\n";
        let info = Info::parse(&mut quoted).unwrap();
        assert_eq!((info.content_type, info.meta), ("text/plain; a=\"b,c\"", "1.2,\nand \"more\""));
        for broken in [&b""[..], b"a,b", b"a,1,x,m\n", b"a,1,2,m", b"\"a,1,2,m\n"] {
            assert!(Info::parse(&mut broken.to_vec()).is_none(), "{broken:?}");
        }
    }

    #[test]
    fn the_newest_of_a_scheme_is_found_in_pieces_of_any_size() {
        let list = b"boot_v9\nfirmware_v1\nfirmware_v10\nfirmware_v2\nfirmware_v9x\nfirmware_vx\nother\n\"q\"\"1\"\n\"q\"\"2\"\n";
        for (installed, newest) in [
            ("firmware_v1", Some("firmware_v10")),
            ("firmware_v9", Some("firmware_v10")),
            ("firmware_v10", None),
            ("firmware_v", None),
            ("boot_v08", Some("boot_v9")),
            ("q\"1", Some("q\"2")),
            ("", None),
        ] {
            for piece in 1..list.len() {
                let mut search = Search::new(installed);
                list.chunks(piece).for_each(|bytes| search.take(bytes));
                search.end();
                assert_eq!(search.best(), newest, "{installed} in {piece}");
            }
        }
        let mut search = Search::new("f1");
        search.take(&[b"f2\n", &[b'9'; 500][..], b"\nf3"].concat());
        search.end();
        assert_eq!(search.best(), Some("f3"));
    }

    #[test]
    fn versions_in_meta_are_compared_number_by_number() {
        for (meta, installed, newer) in [
            ("1.10.0", "1.9.9", true),
            ("version=1.4.2, stable", "v1.4.1", true),
            ("1.4", "1.4.0", false),
            ("1.4.0.1", "1.4", true),
            ("1.3", "1.4", false),
            ("stable", "1.0", false),
            ("2", "", true),
            ("", "", false),
        ] {
            assert_eq!(meta_is_newer(meta, installed), newer, "{meta} after {installed}");
        }
    }
}
