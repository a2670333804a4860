//! The path of a request as segments: split at its slashes first, each decoded once after that (contract, README
//! "Limits": an id may hold anything but a slash). `/model/x` and `/model/x/` differ by an empty last segment.

use std::ops::Deref;

use model::{Error, Field, Result};
use wire::path::decode_segment;

/// Deeper than any path that is served.
const MAX_SEGMENTS: usize = 12;

/// A path, decoded where it needed decoding.
pub(super) struct Path {
    /// The segments one after another; None where the request's own text serves.
    decoded: Option<Box<str>>,
    /// Where each segment begins and ends, in the decoded text or in the request's.
    places: [(u16, u16); MAX_SEGMENTS],
    count: u8,
}

/// The decoded segments, to be matched as a slice of `&str`.
pub struct Segments<'a> {
    names: [&'a str; MAX_SEGMENTS],
    count: usize,
}

impl Path {
    /// Reads the path of a request, its first slash left out. A malformed escape is `Malformed`; a path deeper than any
    /// that is served gives `None`.
    pub fn read(path: &str) -> Result<Option<Path>> {
        let text = path.strip_prefix('/').unwrap_or(path);
        let mut read = Path { decoded: None, places: [(0, 0); MAX_SEGMENTS], count: 0 };
        let mut decoded = text.contains('%').then(String::new);
        let mut begin = path.len() - text.len();
        for segment in text.split('/') {
            if usize::from(read.count) == MAX_SEGMENTS {
                return Ok(None);
            }
            read.places[usize::from(read.count)] = match &mut decoded {
                None => place(begin, segment.len())?,
                Some(decoded) => {
                    let name = decode_segment(segment)?;
                    decoded.push_str(&name);
                    place(decoded.len() - name.len(), name.len())?
                }
            };
            read.count += 1;
            begin += segment.len() + 1;
        }
        read.decoded = decoded.map(String::into_boxed_str);
        Ok(Some(read))
    }

    /// The segments; `path` is the text that was read.
    pub fn segments<'a>(&'a self, path: &'a str) -> Segments<'a> {
        let text = self.decoded.as_deref().unwrap_or(path);
        let mut segments = Segments { names: [""; MAX_SEGMENTS], count: usize::from(self.count) };
        for (name, (begin, end)) in segments.names.iter_mut().zip(&self.places[..segments.count]) {
            *name = text.get(usize::from(*begin)..usize::from(*end)).unwrap_or_default();
        }
        segments
    }
}

impl<'a> Deref for Segments<'a> {
    type Target = [&'a str];

    fn deref(&self) -> &[&'a str] {
        &self.names[..self.count]
    }
}

fn place(begin: usize, length: usize) -> Result<(u16, u16)> {
    let short = |place: usize| u16::try_from(place).map_err(|_| Error::TooLarge(Field("path")));
    Ok((short(begin)?, short(begin + length)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segments(path: &str) -> Vec<String> {
        let read = Path::read(path).unwrap().unwrap();
        read.segments(path).iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_path_is_split_before_it_is_decoded() {
        for (path, names) in [
            ("/provision/activate", vec!["provision", "activate"]),
            ("/model/x", vec!["model", "x"]),
            ("/model/x/", vec!["model", "x", ""]),
            ("/", vec![""]),
            ("", vec![""]),
            ("*", vec!["*"]),
            ("//a", vec!["", "a"]),
            ("/a%2Fb/c%20d/", vec!["a/b", "c d", ""]),
            ("/%2e%2e/../a%252Fb", vec!["..", "..", "a%2Fb"]),
        ] {
            assert_eq!(segments(path), names, "{path}");
        }
    }

    #[test]
    fn a_malformed_escape_is_refused_and_an_endless_path_is_nowhere() {
        assert!(matches!(Path::read("/a/%zz"), Err(Error::Malformed(_))));
        assert!(Path::read(&"/a".repeat(MAX_SEGMENTS)).unwrap().is_some());
        assert!(Path::read(&"/a".repeat(MAX_SEGMENTS + 1)).unwrap().is_none());
        assert!(matches!(Path::read(&format!("/{}", "a".repeat(70_000))), Err(Error::TooLarge(_))));
    }
}
