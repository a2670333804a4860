//! Reading what strace wrote down: one event a line, in the order in which things began and ended.

use std::collections::HashMap;
use std::path::Path;
use std::{fs, str};

/// The calls that have to be recorded.
pub const CALLS: &str =
    "openat,lseek,write,pwrite64,sendto,ftruncate,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat";

/// Where bytes go that are appended.
pub const AT_THE_END: u64 = u64::MAX;

/// Something that happened. Ids name calls, so that their ends are told apart.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the variants say what their fields are")]
pub enum Event {
    /// A file got a name.
    Made { path: String },
    /// Bytes were handed over; they may be on the disk from now on.
    Written { id: usize, path: String, at: u64, bytes: Vec<u8> },
    /// A file got another length.
    Cut { id: usize, path: String, length: u64 },
    /// The call of that id has returned: a sync that begins from now on covers it.
    Done { id: usize },
    /// A sync began.
    SyncBegan { id: usize, path: String },
    /// It ended well: what was done before it began is on the disk.
    SyncEnded { id: usize },
    /// A file got another name.
    Renamed { from: String, to: String },
    /// A name was taken away.
    Removed { path: String },
    /// Bytes went out to a peer.
    Sent { bytes: Vec<u8> },
}

/// All that happened, in order.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// The events.
    pub events: Vec<Event>,
}

/// A call on its way.
struct Call {
    name: String,
    arguments: Vec<Argument>,
}

#[derive(Clone, Debug)]
enum Argument {
    /// A file descriptor and what it leads to, or any other bare word.
    Word(String, Option<String>),
    /// A quoted string.
    Text(Vec<u8>),
}

impl Trace {
    /// Reads a recording, of calls on files below a folder and of what went to peers.
    pub fn read(file: &Path, folder: &Path) -> Trace {
        let text = fs::read(file).expect("a recording");
        let folder = folder.to_str().expect("UTF-8").to_owned();
        let mut reader = Reader { folder, events: Vec::new(), positions: HashMap::new(), next: 0 };
        // What a thread has begun and not ended.
        let mut begun: HashMap<String, (Call, Option<usize>)> = HashMap::new();
        for line in text.split(|byte| *byte == b'\n').filter_map(|line| str::from_utf8(line).ok()) {
            let Some((thread, rest)) = line.split_once(' ') else { continue };
            let rest = rest.trim_start();
            if let Some(resumed) = rest.strip_prefix("<... ") {
                if let Some((call, id)) = begun.remove(thread) {
                    reader.end(&call, id, resumed);
                }
            } else if let Some(call) = parse(rest) {
                let id = reader.begin(&call);
                if rest.contains("<unfinished ...>") {
                    begun.insert(thread.to_owned(), (call, id));
                } else {
                    reader.end(&call, id, rest);
                }
            }
        }
        Trace { events: reader.events }
    }
}

struct Reader {
    folder: String,
    events: Vec<Event>,
    /// Where each file is written to next by `write`.
    positions: HashMap<String, u64>,
    next: usize,
}

impl Reader {
    /// What is so from the beginning of a call on.
    fn begin(&mut self, call: &Call) -> Option<usize> {
        self.next += 1;
        let id = self.next;
        let event = match (call.name.as_str(), &call.arguments[..]) {
            ("pwrite64", [Argument::Word(_, Some(path)), Argument::Text(bytes), _, at]) if self.is_ours(path) => {
                Event::Written { id, path: path.clone(), at: number(at), bytes: bytes.clone() }
            }
            ("write", [Argument::Word(_, Some(path)), Argument::Text(bytes), _]) if self.is_ours(path) => {
                // A file that was open before anybody listened is one that is appended to.
                let at = match self.positions.get_mut(path) {
                    Some(position) => {
                        let at = *position;
                        *position += bytes.len() as u64;
                        at
                    }
                    None => AT_THE_END,
                };
                Event::Written { id, path: path.clone(), at, bytes: bytes.clone() }
            }
            ("sendto", [_, Argument::Text(bytes), ..]) => Event::Sent { bytes: bytes.clone() },
            ("write", [Argument::Word(_, Some(to)), Argument::Text(bytes), _]) if to.starts_with("socket:") => {
                Event::Sent { bytes: bytes.clone() }
            }
            ("writev", [_, parts @ ..]) => {
                let texts = parts.iter().filter_map(|part| match part {
                    Argument::Text(bytes) => Some(bytes.as_slice()),
                    Argument::Word(..) => None,
                });
                Event::Sent { bytes: texts.collect::<Vec<_>>().concat() }
            }
            ("ftruncate", [Argument::Word(_, Some(path)), length]) if self.is_ours(path) => {
                Event::Cut { id, path: path.clone(), length: number(length) }
            }
            ("fsync" | "fdatasync", [Argument::Word(_, Some(path))]) if self.is_ours(path) => {
                Event::SyncBegan { id, path: path.clone() }
            }
            _ => return None,
        };
        self.events.push(event);
        Some(id)
    }

    /// What is so from the end of a call on; `rest` holds its result.
    fn end(&mut self, call: &Call, id: Option<usize>, rest: &str) {
        let result = rest.rsplit_once(" = ").map_or("", |(_, result)| result);
        if result.starts_with('-') || result.is_empty() {
            return;
        }
        let texts: Vec<String> = call
            .arguments
            .iter()
            .filter_map(|argument| match argument {
                Argument::Text(bytes) => String::from_utf8(bytes.clone()).ok(),
                Argument::Word(..) => None,
            })
            .collect();
        match (call.name.as_str(), &texts[..]) {
            // A call that strace answered in the kernel's place did nothing.
            ("fsync" | "fdatasync", _) if !result.contains("INJECTED") => {
                self.events.extend(id.map(|id| Event::SyncEnded { id }));
            }
            ("pwrite64" | "write" | "ftruncate", _) => self.events.extend(id.map(|id| Event::Done { id })),
            ("openat", [path]) if self.is_ours(path) && has_word(call, "O_CREAT") => {
                if has_word(call, "O_TRUNC") || has_word(call, "O_EXCL") {
                    self.positions.insert(path.clone(), 0);
                }
                self.events.push(Event::Made { path: path.clone() });
            }
            ("rename" | "renameat" | "renameat2", [from, to]) if self.is_ours(from) => {
                if let Some(position) = self.positions.remove(from) {
                    self.positions.insert(to.clone(), position);
                }
                self.events.push(Event::Renamed { from: from.clone(), to: to.clone() });
            }
            ("unlink" | "unlinkat", [path]) if self.is_ours(path) => {
                self.events.push(Event::Removed { path: path.clone() });
            }
            ("lseek", _) => {
                if let [Argument::Word(_, Some(path)), ..] = &call.arguments[..]
                    && self.is_ours(path)
                {
                    let position = result.split(' ').next().and_then(|text| text.parse().ok()).unwrap_or(0);
                    self.positions.insert(path.clone(), position);
                }
            }
            _ => {}
        }
    }

    fn is_ours(&self, path: &str) -> bool {
        path.starts_with(&self.folder)
    }
}

fn has_word(call: &Call, word: &str) -> bool {
    call.arguments.iter().any(|argument| matches!(argument, Argument::Word(text, _) if text.contains(word)))
}

fn number(argument: &Argument) -> u64 {
    match argument {
        Argument::Word(text, _) => text.parse().unwrap_or(0),
        Argument::Text(_) => 0,
    }
}

/// `name(argument, …`; strings and paths are hexadecimal throughout, so that no comma or bracket stands in one.
fn parse(line: &str) -> Option<Call> {
    let (name, rest) = line.split_once('(')?;
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return None;
    }
    let end = rest.find(" <unfinished").or_else(|| rest.rfind(") = ")).unwrap_or(rest.len());
    let mut arguments = Vec::new();
    for word in rest[..end].split([',', ' ', '[', ']', '{', '}', ')']).filter(|word| !word.is_empty()) {
        let word = word.strip_prefix("iov_base=").unwrap_or(word);
        if let Some(text) = word.strip_prefix('"') {
            arguments.push(Argument::Text(unescape(text.trim_end_matches(['"', '.']))));
        } else {
            let (word, path) = match word.split_once('<') {
                Some((word, path)) => (word, String::from_utf8(unescape(path.trim_end_matches('>'))).ok()),
                None => (word, None),
            };
            arguments.push(Argument::Word(word.to_owned(), path));
        }
    }
    Some(Call { name: name.to_owned(), arguments })
}

/// `\x2f\x74` as bytes; what is not escaped stands for itself.
fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() / 4);
    let mut rest = text.as_bytes();
    while let [first, others @ ..] = rest {
        match (first, others) {
            (b'\\', [b'x', high, low, others @ ..]) => {
                let digits = [*high, *low];
                bytes
                    .push(str::from_utf8(&digits).ok().and_then(|text| u8::from_str_radix(text, 16).ok()).unwrap_or(0));
                rest = others;
            }
            _ => {
                bytes.push(*first);
                rest = others;
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_is_read() {
        let hex = |text: &str| text.bytes().map(|byte| format!("\\x{byte:02x}")).collect::<String>();
        let (file, other) = (hex("/d/a"), hex("/d/b"));
        let socket = hex("socket:[5]");
        let text = format!(
            "7 openat(AT_FDCWD<{}>, \"{file}\", O_RDWR|O_CREAT, 0600) = 3<{file}>\n\
             7 pwrite64(3<{file}>, \"{}\", 2, 8 <unfinished ...>\n\
             8 fdatasync(3<{file}> <unfinished ...>\n\
             7 <... pwrite64 resumed>) = 2\n\
             8 <... fdatasync resumed>) = 0\n\
             7 fsync(3<{file}>) = 0 (INJECTED)\n\
             7 write(9<{}>, \"{}\", 1) = 1\n\
             7 rename(\"{file}\", \"{other}\") = 0\n\
             7 sendto(9<{socket}>, \"{}\", 2, MSG_NOSIGNAL, NULL, 0) = 2\n\
             7 writev(9<{socket}>, [{{iov_base=\"{}\", iov_len=2}}, {{iov_base=\"{}\", iov_len=1}}], 2) = 3\n\
             7 unlink(\"{other}\") = -1 ENOENT\n",
            hex("/"),
            hex("xy"),
            hex("/elsewhere"),
            hex("q"),
            hex("ok"),
            hex("go"),
            hex("!"),
        );
        let folder = tempfile::tempdir().unwrap();
        let recording = folder.path().join("trace");
        fs::write(&recording, text).unwrap();
        let events = Trace::read(&recording, Path::new("/d")).events;
        assert_eq!(
            events,
            [
                Event::Made { path: "/d/a".into() },
                Event::Written { id: 2, path: "/d/a".into(), at: 8, bytes: b"xy".to_vec() },
                Event::SyncBegan { id: 3, path: "/d/a".into() },
                Event::Done { id: 2 },
                Event::SyncEnded { id: 3 },
                Event::SyncBegan { id: 4, path: "/d/a".into() },
                Event::Renamed { from: "/d/a".into(), to: "/d/b".into() },
                Event::Sent { bytes: b"ok".to_vec() },
                Event::Sent { bytes: b"go!".to_vec() },
            ]
        );
    }
}
