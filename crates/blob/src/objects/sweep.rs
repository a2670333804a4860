//! Removing what no row names, where other nodes may be writing at the same moment.
//!
//! Nothing is lost by one look: what nobody names is first put aside (`swept/`), and removed by a later sweep that finds it
//! old and still unnamed. Until then a read brings it back, and so does the sweep that finds it named.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use model::Result;

use super::bucket::Entry;
use super::{LARGEST, Objects, sums_name, swept};
use crate::Digest;
use crate::hold::Holds;
use crate::store::{Swept, off_runtime};

/// Whether a row names a digest. May wait for a database.
pub(crate) type Named = Arc<dyn Fn(&Digest) -> Result<bool> + Send + Sync>;

impl Objects {
    /// Puts aside what is old and unnamed, and removes what was put aside long ago, with uploads that nobody ended.
    pub(crate) async fn sweep(&self, named: Named, older_than: Duration, holds: &Holds) -> Result<Swept> {
        let holds = holds.sweep_from_afar().await;
        let entries = self.call(async |objects| objects.0.bucket.list().await).await?;
        let there: HashSet<Digest> = entries.iter().filter_map(|entry| entry.name.parse().ok()).collect();
        let is_named = async |digest: Digest| {
            let named = named.clone();
            off_runtime(move || named(&digest)).await
        };
        let mut aside = Vec::new();
        for entry in entries.iter().filter(|entry| entry.age >= older_than) {
            if let Ok(digest) = entry.name.parse::<Digest>() {
                if !is_named(digest).await? && holds.unless_held(&digest, || ()).is_some() {
                    self.put_aside(digest, entry.length).await?;
                    aside.push((digest, entry.length));
                }
            } else if let Some(digest) = entry.name.strip_prefix("swept/").and_then(|name| name.parse().ok()) {
                aside.push((digest, entry.length));
            } else if entry.name.starts_with("unfinished/") {
                self.end_unfinished(entry).await?;
            } else if let Some(digest) = entry.name.strip_suffix(".sum").and_then(|name| name.parse::<Digest>().ok())
                && !there.contains(&digest)
                && !entries.iter().any(|other| other.name == swept(&digest))
                && holds.unless_held(&digest, || ()).is_some()
            {
                self.remove_all(vec![entry.name.clone()]).await?;
            }
        }
        let mut removed = Swept::default();
        for (digest, length) in aside {
            if is_named(digest).await? {
                self.call(async move |objects| objects.restore(digest).await).await?;
                self.remove_all(vec![swept(&digest)]).await?;
            } else if older_than.is_zero() || entries.iter().any(|entry| entry.name == swept(&digest)) {
                removed = Swept { blobs: removed.blobs + 1, bytes: removed.bytes + length };
                let mut names = vec![swept(&digest)];
                let again = self.call(async move |objects| objects.0.bucket.length(&digest.to_string()).await).await?;
                if again.is_none() {
                    names.push(sums_name(&digest));
                }
                self.remove_all(names).await?;
            }
        }
        Ok(removed)
    }

    async fn put_aside(&self, digest: Digest, length: u64) -> Result<()> {
        self.call(async move |objects| {
            if objects.0.bucket.copy(&digest.to_string(), &swept(&digest), length.min(LARGEST)).await? {
                objects.0.bucket.remove(&digest.to_string()).await?;
            }
            objects.0.sums.remove(&digest);
            if let Some(here) = &objects.0.here {
                here.kept.forget(&digest);
            }
            Ok(())
        })
        .await
    }

    /// An upload in parts whose process ended before it did.
    async fn end_unfinished(&self, note: &Entry) -> Result<()> {
        const LONGEST_ID: u64 = 4096;
        let note = note.name.clone();
        self.call(async move |objects| {
            let blob = note.strip_prefix("unfinished/").and_then(|name| name.split('-').next()).unwrap_or_default();
            let id = objects.0.bucket.read_whole(&note, LONGEST_ID).await?;
            if let Some(id) = id.and_then(|id| String::from_utf8(id.into()).ok()) {
                objects.0.bucket.abandon_parts(blob, &id).await?;
                tracing::info!("gave up an upload of blob {blob} that had not ended");
            }
            objects.0.bucket.remove(&note).await
        })
        .await
    }

    async fn remove_all(&self, names: Vec<String>) -> Result<()> {
        self.call(async move |objects| {
            for name in &names {
                objects.0.bucket.remove(name).await?;
            }
            Ok(())
        })
        .await
    }
}
