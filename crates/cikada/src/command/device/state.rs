//! What a device keeps: its names, the nonce it chose before it first called, and its key.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Outcome};

/// A device's memory. It holds a secret: no `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    pub vendor: String,
    pub model: String,
    pub sn: String,
    pub nonce: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cik: Option<String>,
}

impl State {
    /// Reads a file; none where there is none.
    pub fn read(path: &Path) -> Outcome<Option<State>> {
        let text = match fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Failure::file("read", path, &error)),
        };
        // The reader's own words could repeat the key.
        let state = serde_json::from_slice(&text).map_err(|_| {
            Failure::new(format!("{} is not a device's state", path.display()))
                .advise("name another file, or remove this one")
        })?;
        Ok(Some(state))
    }

    /// Writes it so that it is there after a power cut: the new file is whole before it takes the old one's place.
    pub fn write(&self, path: &Path) -> Outcome {
        self.write_durably(path).map_err(|error| Failure::file("write", path, &error))
    }

    fn write_durably(&self, path: &Path) -> io::Result<()> {
        let mut name = path.as_os_str().to_owned();
        name.push(".new");
        let new = PathBuf::from(name);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&new)?;
        file.write_all(&serde_json::to_vec_pretty(self)?)?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::File::open(folder)?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_read_back_and_only_its_owner_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("device.json");
        assert!(State::read(&path).unwrap().is_none());
        let state = State { vendor: "v".into(), model: "m".into(), sn: "1".into(), nonce: "n".into(), cik: None };
        state.write(&path).unwrap();
        let with_key = State { cik: Some("k".into()), ..state };
        with_key.write(&path).unwrap();
        assert!(State::read(&path).unwrap() == Some(with_key));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_broken_state_is_told_without_its_text() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("device.json");
        fs::write(&path, "{\"cik\":\"secret").unwrap();
        let failure = State::read(&path).map(|_| ()).unwrap_err();
        assert!(!failure.to_string().contains("secret"));
    }
}
