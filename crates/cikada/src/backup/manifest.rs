//! What a backup holds: names, lengths, digests. It is written last, and a backup without one is none.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use blob::Digest;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::Digest as _;

use crate::failure::{Doing as _, Failure, Outcome};

/// The one format there is.
pub const FORMAT: u32 = 1;
/// Its name in a backup.
pub const NAME: &str = "manifest.json";
const MOST_BYTES: u64 = 1 << 30;

/// A backup's table of contents.
#[derive(Debug, Serialize, Deserialize)]
pub struct Manifest {
    pub format: u32,
    pub made_by: String,
    /// Unix seconds.
    pub made_at: i64,
    pub database: Database,
    /// Where the server kept its revocation journal.
    pub revocations: PathBuf,
    /// The number of the newest right that the rows know to have ended.
    pub revocation: i64,
    pub blobs: Vec<Blob>,
}

/// The rows.
#[derive(Debug, Serialize, Deserialize)]
pub struct Database {
    pub file: String,
    pub bytes: u64,
    #[serde(serialize_with = "print", deserialize_with = "parse")]
    pub sha_256: Digest,
}

/// A content.
#[derive(Debug, Serialize, Deserialize)]
pub struct Blob {
    #[serde(serialize_with = "print", deserialize_with = "parse")]
    pub sha_256: Digest,
    pub bytes: u64,
}

impl Manifest {
    /// Reads the manifest of a folder.
    pub fn load(folder: &Path) -> Outcome<Manifest> {
        let path = folder.join(NAME);
        let file = File::open(&path).map_err(|error| Failure::file("read", &path, &error))?;
        Manifest::read(file).doing(format_args!("read {}", path.display()))
    }

    /// Reads a manifest.
    pub fn read(from: impl Read) -> Outcome<Manifest> {
        let manifest: Manifest = serde_json::from_reader(from.take(MOST_BYTES)).doing("understand the manifest")?;
        if manifest.format != FORMAT {
            return Err(Failure::new(format!(
                "the backup has the format {}, which this release does not know",
                manifest.format
            )));
        }
        // The name becomes part of a path.
        if manifest.database.file.is_empty()
            || manifest.database.file.contains(['/', '\\'])
            || manifest.database.file.starts_with('.')
        {
            return Err(Failure::new("the manifest names a file outside the backup"));
        }
        Ok(manifest)
    }

    /// Gives the backup its manifest, durably.
    pub fn keep(&self, folder: &Path) -> Outcome {
        let (path, unfinished) = (folder.join(NAME), folder.join("manifest.json.new"));
        let written = || {
            let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&unfinished)?;
            file.write_all(&self.bytes())?;
            file.sync_all()?;
            fs::rename(&unfinished, &path)?;
            File::open(folder)?.sync_all()
        };
        written().doing(format_args!("write {}", path.display()))
    }

    /// As it is written.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }
}

impl Database {
    /// What is to be said of a copy of the rows.
    pub fn of(path: &Path) -> Outcome<Database> {
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let (sha_256, bytes) = digest_of(File::open(path).doing("read the copy")?).doing("read the copy")?;
        Ok(Database { file, bytes, sha_256 })
    }
}

impl Blob {
    pub fn new(sha_256: Digest, bytes: u64) -> Blob {
        Blob { sha_256, bytes }
    }
}

/// The digest and the length of all that can be read.
pub fn digest_of(mut from: impl Read) -> std::io::Result<(Digest, u64)> {
    let (mut hash, mut buffer, mut length) = (sha2::Sha256::new(), vec![0; 256 << 10], 0);
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok((Digest::from_bytes(hash.finalize().into()), length)),
            count => {
                hash.update(&buffer[..count]);
                length += count as u64;
            }
        }
    }
}

fn print<S: Serializer>(digest: &Digest, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(digest)
}

fn parse<'de, D: Deserializer<'de>>(from: D) -> Result<Digest, D::Error> {
    let text = String::deserialize(from)?;
    text.parse().map_err(|_| serde::de::Error::custom("not a SHA-256"))
}
