//! An upload into the store: the file that came in goes out in parts, is read back, and stays here if it may.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use model::{Error, Result};
use object_store::MultipartId;

use super::{Objects, PART_BYTES, sums_name};
use crate::disk::Sealed;
use crate::fault::alarm;
use crate::store::off_runtime;
use crate::sums;
use crate::{Condition, Digest};

/// Parts of one upload that go out beside one another.
const BESIDE: usize = 2;

impl Objects {
    /// Writes a whole upload under its digest, and has seen it there when this is done. A name that is taken is written
    /// anew: it is the same bytes, younger now, so that no other node's sweep takes them, and healed should they be damaged.
    pub(crate) async fn put(&self, sealed: Sealed, digest: Digest, length: u64) -> Result<()> {
        let (sealed, data, sums) = off_runtime(move || {
            let wrong = |error| alarm(format_args!("reading an upload: {error}"));
            let data = Arc::new(sealed.data.as_file().try_clone().map_err(wrong)?);
            let sums = sums::object_of_file(sealed.sums.as_file(), &digest, length).map_err(wrong)?;
            Ok((sealed, data, Bytes::from(sums)))
        })
        .await?;
        self.0.bucket.write(&sums_name(&digest), sums.clone()).await?;
        let name = digest.to_string();
        if length <= PART_BYTES as u64 {
            let _room = self.0.parts.acquire().await;
            self.0.bucket.write(&name, part(data, 0, length).await?).await?;
        } else {
            self.put_in_parts(&name, data, length).await?;
        }
        if self.condition(digest, length, Some(sums.clone())).await? != Condition::Whole {
            alarm(format_args!("the object store keeps other bytes than were written as blob {digest}"));
            return Err(Error::Unavailable);
        }
        self.0.sums.insert(digest, sums);
        let kept = self.here()?.kept.clone();
        off_runtime(move || kept.keep(sealed, digest, length)).await
    }

    async fn put_in_parts(&self, name: &str, data: Arc<File>, length: u64) -> Result<()> {
        let bucket = &self.0.bucket;
        let id = bucket.begin_parts(name).await?;
        // Should this process end now, a sweep finds here what has to be given up.
        let note = format!("unfinished/{name}-{}", unique());
        let put = async {
            bucket.write(&note, Bytes::copy_from_slice(id.as_bytes())).await?;
            let starts = (0..length).step_by(PART_BYTES).enumerate();
            let parts = stream::iter(starts).map(|(number, at)| {
                let (data, id) = (data.clone(), &id);
                async move {
                    let _room = self.0.parts.acquire().await;
                    let bytes = part(data, at, length.min(at + PART_BYTES as u64) - at).await?;
                    bucket.write_part(name, id, number, bytes).await
                }
            });
            let parts = parts.buffered(BESIDE).try_collect::<Vec<_>>().await?;
            bucket.end_parts(name, &id, parts, length).await
        };
        let done = put.await;
        if done.is_err() {
            self.give_up(name.to_owned(), id, note);
        } else {
            let objects = self.clone();
            self.spawn(async move { objects.0.bucket.remove(&note).await });
        }
        done
    }

    /// Nobody waits for it; should it fail, the sweep does it.
    fn give_up(&self, name: String, id: MultipartId, note: String) {
        let objects = self.clone();
        self.spawn(async move {
            if objects.0.bucket.abandon_parts(&name, &id).await.is_ok() {
                let _ = objects.0.bucket.remove(&note).await;
            }
        });
    }
}

async fn part(data: Arc<File>, at: u64, length: u64) -> Result<Bytes> {
    off_runtime(move || {
        let mut bytes = vec![0; length as usize];
        data.read_exact_at(&mut bytes, at).map_err(|error| alarm(format_args!("reading an upload: {error}")))?;
        Ok(bytes.into())
    })
    .await
}

/// A name that no other process has: the time, this process, and a count.
fn unique() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    format!("{:x}-{:x}-{:x}", now.as_nanos(), std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}
