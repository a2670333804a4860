//! The data folder of a server: where the rows, the blobs and the master key are, and who may use them.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use store::MasterKey;

use crate::failure::Failure;

/// A data folder.
#[derive(Clone)]
pub struct Folder {
    root: PathBuf,
    master_key: PathBuf,
}

/// The folder is this process's alone while it lives.
pub struct Lock {
    _file: File,
}

impl Folder {
    /// The folder at `root`; its master key is in `master_key` or, where none is named, in the folder itself.
    pub fn new(root: &Path, master_key: Option<&Path>) -> Folder {
        let master_key = master_key.map_or_else(|| root.join("master.key"), Path::to_path_buf);
        Folder { root: root.to_path_buf(), master_key }
    }

    /// Its path.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The database file.
    pub fn database(&self) -> PathBuf {
        self.root.join("cikada.db")
    }

    /// Where a database is made before it gets its name.
    pub fn unfinished_database(&self) -> PathBuf {
        self.root.join("cikada.db.new")
    }

    /// The folder of the blobs.
    pub fn blobs(&self) -> PathBuf {
        self.root.join("blobs")
    }

    /// The revocation journal, if it is kept where no other place is named.
    pub fn revocations(&self, elsewhere: Option<&Path>) -> PathBuf {
        elsewhere.map_or_else(|| self.root.join("revocations.log"), Path::to_path_buf)
    }

    /// The folder of what is kept here of an object store, and of uploads on their way there.
    pub fn kept_blobs(&self) -> PathBuf {
        self.root.join("blob-cache")
    }

    /// Whether a server was made here.
    pub fn holds_a_server(&self) -> bool {
        self.database().exists()
    }

    /// Makes the folder, for its owner only, if it is not there.
    pub fn make(&self) -> Result<(), Failure> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.root);
        made.map_err(|cause| Failure::new(format!("cannot make {}: {cause}", self.root.display())))
    }

    /// Takes the folder for this process; two servers never share one.
    pub fn lock(&self) -> Result<Lock, Failure> {
        self.take("lock", "another server uses")
    }

    /// The same for turning the keys over, which a server does not hinder.
    pub fn lock_for_rotation(&self) -> Result<Lock, Failure> {
        self.take("rotation.lock", "somebody else rotates the master key of")
    }

    fn take(&self, name: &str, taken: &str) -> Result<Lock, Failure> {
        let path = self.root.join(name);
        let opened = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
        let file = opened.map_err(|cause| Failure::new(format!("cannot open {}: {cause}", path.display())))?;
        match file.try_lock() {
            Ok(()) => Ok(Lock { _file: file }),
            Err(_) => Err(Failure::new(format!("{taken} {}", self.root.display()))),
        }
    }

    /// The master key, made if there is none.
    pub fn make_master_key(&self) -> Result<MasterKey, Failure> {
        if self.master_key.exists() {
            return self.master_key();
        }
        let key = MasterKey::generate().map_err(|cause| Failure::new(cause.to_string()))?;
        let written =
            OpenOptions::new().create_new(true).write(true).mode(0o600).open(&self.master_key).and_then(|mut file| {
                file.write_all(key.expose_bytes())?;
                file.sync_all()
            });
        written.map_err(|cause| Failure::new(format!("cannot write {}: {cause}", self.master_key.display())))?;
        self.sync()?;
        Ok(key)
    }

    /// The master key.
    pub fn master_key(&self) -> Result<MasterKey, Failure> {
        read_master_key(&self.master_key)
    }

    /// Writes a new master key beside the present one. It is nobody's until the database is wrapped by it.
    pub fn prepare_master_key(&self) -> Result<MasterKey, Failure> {
        let (path, key) =
            (self.next_master_key(), MasterKey::generate().map_err(|cause| Failure::new(cause.to_string()))?);
        let written = || {
            let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&path)?;
            file.write_all(key.expose_bytes())?;
            file.sync_all()?;
            sync_beside(&path)
        };
        written().map_err(|cause| Failure::new(format!("cannot write {}: {cause}", path.display())))?;
        Ok(key)
    }

    /// Gives the new master key its name, if the database is wrapped by it already: what an interrupted rotation left.
    pub fn settle_master_key(&self) -> Result<(), Failure> {
        let next = self.next_master_key();
        if !next.exists() {
            return Ok(());
        }
        let key = read_master_key(&next)?;
        let fits = store::rotation::fits(&self.database(), &key);
        if fits.map_err(|cause| Failure::new(format!("cannot look into the database: {cause}")))? {
            let named = fs::rename(&next, &self.master_key).and_then(|()| sync_beside(&self.master_key));
            named.map_err(|cause| Failure::new(format!("cannot replace {}: {cause}", self.master_key.display())))?;
        }
        Ok(())
    }

    fn next_master_key(&self) -> PathBuf {
        let mut path = self.master_key.clone().into_os_string();
        path.push(".new");
        PathBuf::from(path)
    }

    /// Makes the names of files in the folder durable.
    pub fn sync(&self) -> Result<(), Failure> {
        let synced = File::open(&self.root).and_then(|folder| folder.sync_all());
        synced.map_err(|cause| Failure::new(format!("cannot sync {}: {cause}", self.root.display())))
    }

    /// Removes what an interrupted `init` left.
    pub fn remove_unfinished(&self) -> Result<(), Failure> {
        for suffix in ["", "-wal", "-shm"] {
            let mut path = self.unfinished_database().into_os_string();
            path.push(suffix);
            match fs::remove_file(&path) {
                Ok(()) => {}
                Err(cause) if cause.kind() == ErrorKind::NotFound => {}
                Err(cause) => {
                    return Err(Failure::new(format!("cannot remove {}: {cause}", Path::new(&path).display())));
                }
            }
        }
        Ok(())
    }
}

fn read_master_key(file: &Path) -> Result<MasterKey, Failure> {
    let path = file.display();
    let mut bytes = zeroize::Zeroizing::new(Vec::new());
    File::open(file).and_then(|file| file.take(33).read_to_end(&mut bytes)).map_err(|cause| {
        Failure::new(format!("cannot read the master key {path}: {cause}; without it the data cannot be opened"))
    })?;
    let key: [u8; 32] =
        bytes.as_slice().try_into().map_err(|_| Failure::new(format!("{path} is not a master key of 32 bytes")))?;
    Ok(MasterKey::from_bytes(key))
}

fn sync_beside(file: &Path) -> std::io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}
