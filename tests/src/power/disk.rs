//! What a disk may hold: files as they were last synced, and what came since.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;

use super::Event;
use super::trace::AT_THE_END;
use crate::luck::Luck;

/// What a disk writes as one.
const SECTOR: usize = 512;

/// A disk, at one moment.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    folder: String,
    files: Vec<File>,
    /// Names as a running process sees them.
    names: BTreeMap<String, usize>,
    /// Names that are on the disk for certain.
    durable: BTreeMap<String, usize>,
    /// What happened to names since their folders were synced, in order.
    pending: Vec<Naming>,
    /// Syncs on their way: the folder, or the file and how many of its changes it covers.
    syncing: HashMap<usize, Sync>,
}

#[derive(Clone, Debug, Default)]
struct File {
    durable: Vec<u8>,
    /// Changes that no sync has covered, in order.
    pending: Vec<Change>,
}

#[derive(Clone, Debug)]
struct Change {
    id: usize,
    done: bool,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Bytes { at: usize, bytes: Vec<u8> },
    Length(usize),
}

#[derive(Clone, Debug)]
enum Naming {
    Made { path: String, file: usize },
    Renamed { from: String, to: String, file: usize },
    Removed { path: String },
}

#[derive(Clone, Debug)]
enum Sync {
    Folder { path: String, namings: usize },
    File { file: usize, covers: Vec<usize> },
}

/// What becomes of that which no sync has covered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// All of it is lost.
    Lost,
    /// All of it is there.
    Kept,
    /// What came first is there, up to some moment.
    First,
    /// Each write is there or not.
    Reordered,
    /// Each sector of each write is there or not.
    Torn,
}

impl Cut {
    /// All kinds.
    pub const ALL: [Cut; 5] = [Cut::Lost, Cut::Kept, Cut::First, Cut::Reordered, Cut::Torn];
}

impl Disk {
    /// A disk that holds what a folder holds, for certain.
    pub fn of(folder: &Path) -> Disk {
        let mut disk = Disk { folder: folder.to_str().expect("UTF-8").to_owned(), ..Disk::default() };
        disk.load(folder);
        disk.durable = disk.names.clone();
        disk
    }

    fn load(&mut self, folder: &Path) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                self.load(&path);
            } else {
                self.names.insert(path.to_str().expect("UTF-8").to_owned(), self.files.len());
                self.files.push(File { durable: fs::read(path).unwrap(), pending: Vec::new() });
            }
        }
    }

    /// Lets something happen.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::Made { path } if !self.names.contains_key(path) => {
                let file = self.files.len();
                self.files.push(File::default());
                self.names.insert(path.clone(), file);
                self.pending.push(Naming::Made { path: path.clone(), file });
            }
            Event::Written { id, path, at, bytes } => {
                let end = self.names.get(path).map_or(0, |file| self.files[*file].length());
                let at = if *at == AT_THE_END { end } else { *at as usize };
                self.change(path, *id, What::Bytes { at, bytes: bytes.clone() });
            }
            Event::Cut { id, path, length } => self.change(path, *id, What::Length(*length as usize)),
            Event::Done { id } => {
                let all = self.files.iter_mut().flat_map(|file| file.pending.iter_mut().rev());
                all.filter(|change| change.id == *id).for_each(|change| change.done = true);
            }
            Event::SyncBegan { id, path } => {
                let sync = match self.names.get(path) {
                    Some(file) => {
                        let done = self.files[*file].pending.iter().filter(|change| change.done);
                        Sync::File { file: *file, covers: done.map(|change| change.id).collect() }
                    }
                    None => Sync::Folder { path: path.clone(), namings: self.pending.len() },
                };
                self.syncing.insert(*id, sync);
            }
            Event::SyncEnded { id } => self.end_sync(*id),
            Event::Renamed { from, to } => {
                if let Some(file) = self.names.remove(from) {
                    self.names.insert(to.clone(), file);
                    self.pending.push(Naming::Renamed { from: from.clone(), to: to.clone(), file });
                }
            }
            Event::Removed { path } => {
                if self.names.remove(path).is_some() {
                    self.pending.push(Naming::Removed { path: path.clone() });
                }
            }
            Event::Made { .. } | Event::Sent { .. } => {}
        }
    }

    fn change(&mut self, path: &str, id: usize, what: What) {
        if let Some(file) = self.names.get(path) {
            self.files[*file].pending.push(Change { id, done: false, what });
        }
    }

    fn end_sync(&mut self, id: usize) {
        match self.syncing.remove(&id) {
            Some(Sync::File { file, covers }) => {
                let file = &mut self.files[file];
                let pending = std::mem::take(&mut file.pending);
                // A change that is covered lies over those before it that are not: they are on the disk, too, or under it.
                for change in pending {
                    match covers.contains(&change.id) {
                        true => change.what.apply(&mut file.durable, None),
                        false => file.pending.push(change),
                    }
                }
            }
            Some(Sync::Folder { path, namings }) => {
                let (covered, later) = self.pending.split_at(namings.min(self.pending.len()));
                let mut kept = Vec::new();
                for naming in covered {
                    match naming.is_in(&path) {
                        true => naming.apply(&mut self.durable),
                        false => kept.push(naming.clone()),
                    }
                }
                kept.extend_from_slice(later);
                self.pending = kept;
            }
            None => {}
        }
    }

    /// Writes to an empty folder what this disk may hold after a cut of that kind.
    pub fn rebuild(&self, cut: Cut, luck: &mut Luck, to: &Path) {
        let mut names = self.durable.clone();
        let kept = match cut {
            Cut::Lost => 0,
            Cut::Kept => self.pending.len(),
            Cut::First | Cut::Reordered | Cut::Torn => luck.below(self.pending.len() + 1),
        };
        for naming in &self.pending[..kept] {
            naming.apply(&mut names);
        }
        // The index of the log is in memory that is shared by a file; it is made anew.
        for (path, file) in names.into_iter().filter(|(path, _)| !path.ends_with("-shm")) {
            let path = to.join(path.strip_prefix(&self.folder).unwrap_or(&path).trim_start_matches('/'));
            fs::create_dir_all(path.parent().expect("a folder")).unwrap();
            fs::write(path, self.files[file].after(cut, luck)).unwrap();
        }
        fs::create_dir_all(to.join("blobs/unfinished")).unwrap();
    }
}

impl File {
    /// How long it is for those who use it.
    fn length(&self) -> usize {
        self.pending.iter().fold(self.durable.len(), |length, change| match &change.what {
            What::Length(length) => *length,
            What::Bytes { at, bytes } => length.max(at + bytes.len()),
        })
    }

    fn after(&self, cut: Cut, luck: &mut Luck) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        let first = luck.below(self.pending.len() + 1);
        for (at, change) in self.pending.iter().enumerate() {
            match cut {
                Cut::Lost => {}
                Cut::Kept => change.what.apply(&mut bytes, None),
                Cut::First if at < first => change.what.apply(&mut bytes, None),
                Cut::First => {}
                Cut::Reordered if luck.coin() => change.what.apply(&mut bytes, None),
                Cut::Reordered => {}
                Cut::Torn => change.what.apply(&mut bytes, Some(luck)),
            }
        }
        bytes
    }
}

impl What {
    /// Changes a file; with luck only in some sectors.
    fn apply(&self, file: &mut Vec<u8>, mut luck: Option<&mut Luck>) {
        match self {
            What::Length(length) => {
                if luck.is_none_or(Luck::coin) {
                    file.resize(*length, 0);
                }
            }
            What::Bytes { at, bytes } => {
                let mut from = 0;
                while from < bytes.len() {
                    let to = bytes.len().min((at + from) / SECTOR * SECTOR + SECTOR - at);
                    if luck.as_deref_mut().is_none_or(Luck::coin) {
                        if file.len() < at + to {
                            file.resize(at + to, 0);
                        }
                        file[at + from..at + to].copy_from_slice(&bytes[from..to]);
                    }
                    from = to;
                }
            }
        }
    }
}

impl Naming {
    fn is_in(&self, folder: &str) -> bool {
        let (Naming::Made { path, .. } | Naming::Renamed { to: path, .. } | Naming::Removed { path }) = self;
        path.rsplit_once('/').is_some_and(|(parent, _)| parent == folder.trim_end_matches('/'))
    }

    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Naming::Made { path, file } => {
                names.insert(path.clone(), *file);
            }
            // The new name leads to the file, whether or not the old one was ever on the disk.
            Naming::Renamed { from, to, file } => {
                names.remove(from);
                names.insert(to.clone(), *file);
            }
            Naming::Removed { path } => {
                names.remove(path);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rebuilt(disk: &Disk, cut: Cut, seed: u64) -> BTreeMap<String, Vec<u8>> {
        let folder = tempfile::tempdir().unwrap();
        disk.rebuild(cut, &mut Luck::new(seed), folder.path());
        let files =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
        files.map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(path).unwrap())).collect()
    }

    #[test]
    fn what_was_synced_is_there_and_the_rest_may_be() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), "0000").unwrap();
        let mut disk = Disk::of(folder.path());
        let path = folder.path().join("a").to_str().unwrap().to_owned();
        let write = |id, at, text: &str| Event::Written { id, path: path.clone(), at, bytes: text.as_bytes().to_vec() };
        for event in [
            write(1, 0, "11"),
            Event::Done { id: 1 },
            Event::SyncBegan { id: 2, path: path.clone() },
            write(3, 2, "33"),
            Event::Done { id: 3 },
            Event::SyncEnded { id: 2 },
        ] {
            disk.apply(&event);
        }
        assert_eq!(rebuilt(&disk, Cut::Lost, 1)["a"], b"1100");
        assert_eq!(rebuilt(&disk, Cut::Kept, 1)["a"], b"1133");
        let both: Vec<_> = (0..20).map(|seed| rebuilt(&disk, Cut::Reordered, seed)["a"].clone()).collect();
        assert!(both.contains(&b"1100".to_vec()) && both.contains(&b"1133".to_vec()));
    }

    #[test]
    fn a_name_is_durable_when_its_folder_was_synced() {
        let folder = tempfile::tempdir().unwrap();
        let mut disk = Disk::of(folder.path());
        let root = folder.path().to_str().unwrap().to_owned();
        let (old, new) = (format!("{root}/old"), format!("{root}/new"));
        for event in [
            Event::Made { path: old.clone() },
            Event::Written { id: 1, path: old.clone(), at: 0, bytes: b"x".to_vec() },
            Event::Done { id: 1 },
            Event::SyncBegan { id: 2, path: old.clone() },
            Event::SyncEnded { id: 2 },
        ] {
            disk.apply(&event);
        }
        assert!(rebuilt(&disk, Cut::Lost, 1).is_empty());
        disk.apply(&Event::Renamed { from: old, to: new });
        disk.apply(&Event::SyncBegan { id: 3, path: root });
        disk.apply(&Event::SyncEnded { id: 3 });
        assert_eq!(rebuilt(&disk, Cut::Lost, 1), BTreeMap::from([("new".to_owned(), b"x".to_vec())]));
    }

    #[test]
    fn a_torn_write_is_there_in_single_sectors() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), vec![0; 2048]).unwrap();
        let mut disk = Disk::of(folder.path());
        let path = folder.path().join("a").to_str().unwrap().to_owned();
        disk.apply(&Event::Written { id: 1, path, at: 0, bytes: vec![1; 2048] });
        let torn = (0..50).any(|seed| {
            let bytes = &rebuilt(&disk, Cut::Torn, seed)["a"];
            let sectors: Vec<u8> = bytes.chunks(512).map(|sector| sector[0]).collect();
            bytes.chunks(512).all(|sector| sector.iter().all(|byte| *byte == sector[0])) && sectors == [1, 0, 1, 0]
        });
        assert!(torn);
    }
}
