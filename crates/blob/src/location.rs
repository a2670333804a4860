//! Where blobs are kept, as an operator writes it: `file:/var/lib/cikada/blobs` or `s3://bucket/prefix`.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// A place for blobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A folder of this machine.
    Folder(PathBuf),
    /// A bucket of an S3-compatible object store.
    Bucket {
        /// Its name.
        name: String,
        /// What all names in it begin with, without slashes at its ends; may be empty.
        prefix: String,
    },
}

/// How an object store is reached. What is None comes from the `AWS_…` variables of the environment, or is Amazon's.
#[derive(Clone, Default)]
pub struct ObjectAccess {
    /// `https://…` of another provider, or of a store of one's own; `http://` is accepted here and nowhere else.
    pub endpoint: Option<String>,
    /// The region of the bucket.
    pub region: Option<String>,
    /// The key and its secret, both or none.
    pub key: Option<(String, String)>,
    /// The bucket is part of the host name instead of the path.
    pub virtual_hosted: bool,
    /// A file of certificates (PEM) that are trusted beside the usual ones.
    pub ca_file: Option<PathBuf>,
    /// What one step that a request waits for may take in all, with every try.
    pub deadline: Duration,
    /// Downloads of large blobs are sent on to the store, at addresses that are valid for so long.
    pub redirect: Option<Duration>,
    /// The folder for uploads on their way in and for blobs that are often asked for.
    pub folder: PathBuf,
    /// The bytes of blobs that may be kept there.
    pub kept_bytes: u64,
}

impl FromStr for Location {
    type Err = String;

    fn from_str(url: &str) -> Result<Location, String> {
        let wrong = |why: &str| Err(format!("{url:?} is no place for content: {why}"));
        if let Some(path) = url.strip_prefix("file:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return if path.is_empty() { wrong("the path is missing") } else { Ok(Location::Folder(path.into())) };
        }
        let Some(rest) = url.strip_prefix("s3://") else { return wrong("it begins with neither file: nor s3://") };
        let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let prefix = prefix.trim_matches('/');
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte));
        if name.is_empty() || !plain(name) {
            return wrong("the bucket's name is missing, or has characters that no bucket has");
        }
        if !plain(prefix) || prefix.split('/').any(|part| part == "." || part == "..") || prefix.contains("//") {
            return wrong("a prefix has letters, digits, and the characters - _ . between slashes");
        }
        Ok(Location::Bucket { name: name.into(), prefix: prefix.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_folder_or_a_bucket() {
        let folder = |path: &str| Ok(Location::Folder(path.into()));
        let bucket = |name: &str, prefix: &str| Ok(Location::Bucket { name: name.into(), prefix: prefix.into() });
        assert_eq!("file:/srv/blobs".parse(), folder("/srv/blobs"));
        assert_eq!("file:///srv/blobs".parse(), folder("/srv/blobs"));
        assert_eq!("s3://firmware".parse(), bucket("firmware", ""));
        assert_eq!("s3://firmware/eu/prod/".parse(), bucket("firmware", "eu/prod"));
        for wrong in ["", "blobs", "file:", "s3://", "s3:///x", "s3://a b", "s3://a/../b", "s3://a/b//c", "https://a/b"]
        {
            assert!(wrong.parse::<Location>().is_err(), "{wrong}");
        }
    }
}
