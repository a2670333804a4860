//! A bucket: the few calls that are made to it, each tried again where that may help, and over by its deadline (fault F22).
//!
//! A frozen store costs its caller the deadline and no more; a store that says no, or says nothing, is `Unavailable`. What
//! it gives is not believed here: whoever reads compares it with a digest or with sums.

use std::future::Future;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use http::Method;
use model::{Error, Result};
use object_store::aws::{AmazonS3, AmazonS3Builder, Checksum};
use object_store::multipart::{MultipartStore as _, PartId};
use object_store::path::Path;
use object_store::signer::Signer as _;
use object_store::{
    CopyOptions, GetOptions, GetRange, GetResult, MultipartId, ObjectStore as _, ObjectStoreExt as _, PutPayload,
    RetryConfig,
};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout};

use super::http::Wires;
use crate::Tally;
use crate::location::ObjectAccess;
use crate::piece::{Piece, PieceMemory};

/// Calls that may be under way at a time; more wait for their turn, within their deadline.
const CALLS: usize = 64;
/// The pause after the first try; it doubles.
const PAUSE: Duration = Duration::from_millis(100);
/// The rate that a store must reach with large bodies, in bytes a second.
const LEAST_RATE: u64 = 1 << 20;

/// A bucket, or what begins with a prefix in it.
pub(super) struct Bucket {
    store: AmazonS3,
    root: Path,
    deadline: Duration,
    turns: Semaphore,
    tally: Arc<Tally>,
}

/// What is known of an object without its bytes.
pub(super) struct Entry {
    /// The name below the prefix.
    pub(super) name: String,
    pub(super) length: u64,
    /// How long ago it was written, by our clock.
    pub(super) age: Duration,
}

impl Bucket {
    /// Nothing is asked of the store yet.
    pub(super) fn new(
        name: &str,
        prefix: &str,
        access: &ObjectAccess,
        tally: Arc<Tally>,
    ) -> std::result::Result<Bucket, String> {
        let wires = Wires::new(access.ca_file.as_deref()).map_err(|error| error.to_string())?;
        // Trying again is done here, once, where the deadline is known.
        let once = RetryConfig { max_retries: 0, retry_timeout: access.deadline, ..RetryConfig::default() };
        let mut builder = AmazonS3Builder::from_env()
            .with_bucket_name(name)
            .with_http_connector(wires)
            .with_retry(once)
            .with_checksum_algorithm(Checksum::SHA256)
            .with_virtual_hosted_style_request(access.virtual_hosted);
        if let Some(endpoint) = &access.endpoint {
            builder = builder.with_endpoint(endpoint).with_allow_http(endpoint.starts_with("http://"));
        }
        if let Some(region) = &access.region {
            builder = builder.with_region(region);
        }
        if let Some((id, secret)) = &access.key {
            builder = builder.with_access_key_id(id).with_secret_access_key(secret);
        }
        let store = builder.build().map_err(|error| error.to_string())?;
        Ok(Bucket { store, root: Path::from(prefix), deadline: access.deadline, turns: Semaphore::new(CALLS), tally })
    }

    /// Bytes of an object into a piece, and the object's length; None where there is no such object.
    pub(super) async fn read(
        &self,
        name: &str,
        range: Range<u64>,
        memory: &Arc<PieceMemory>,
    ) -> Result<Option<(Piece, u64)>> {
        let path = self.path(name);
        let length = (range.end - range.start) as usize;
        self.tried("reading", name, length as u64, || async {
            let wanted = GetOptions { range: Some(GetRange::Bounded(range.clone())), ..GetOptions::default() };
            let found = self.store.get_opts(&path, wanted).await?;
            let whole = found.meta.size;
            let mut piece = memory.take(length);
            fill(found, piece.as_mut()).await?;
            Ok((piece, whole))
        })
        .await
    }

    /// A whole object of at most that many bytes; None where there is no such object.
    pub(super) async fn read_whole(&self, name: &str, limit_bytes: u64) -> Result<Option<Bytes>> {
        let path = self.path(name);
        self.tried("reading", name, limit_bytes, || async {
            let found = self.store.get(&path).await?;
            // One byte more than is allowed says that it is too long; whoever asked looks at the length.
            let mut bytes = vec![0; found.meta.size.min(limit_bytes + 1) as usize];
            if found.meta.size <= limit_bytes {
                fill(found, &mut bytes).await?;
            }
            Ok(Bytes::from(bytes))
        })
        .await
    }

    /// The length of an object.
    pub(super) async fn length(&self, name: &str) -> Result<Option<u64>> {
        let path = self.path(name);
        self.tried("looking at", name, 0, || async { Ok(self.store.head(&path).await?.size) }).await
    }

    /// Writes an object, whole or not at all, over one of the same name.
    pub(super) async fn write(&self, name: &str, bytes: Bytes) -> Result<()> {
        let path = self.path(name);
        let done = self.tried("writing", name, bytes.len() as u64, || async {
            self.store.put(&path, PutPayload::from_bytes(bytes.clone())).await.map(|_| ())
        });
        done.await?.ok_or(Error::Unavailable)
    }

    /// Begins an upload in parts.
    pub(super) async fn begin_parts(&self, name: &str) -> Result<MultipartId> {
        let path = self.path(name);
        self.tried("beginning to write", name, 0, || self.store.create_multipart(&path))
            .await?
            .ok_or(Error::Unavailable)
    }

    pub(super) async fn write_part(&self, name: &str, id: &MultipartId, number: usize, bytes: Bytes) -> Result<PartId> {
        let path = self.path(name);
        let done = self.tried("writing a part of", name, bytes.len() as u64, || {
            self.store.put_part(&path, id, number, PutPayload::from_bytes(bytes.clone()))
        });
        done.await?.ok_or(Error::Unavailable)
    }

    /// Makes the parts an object. A try whose answer was lost may have done it already: then the next one finds no upload,
    /// and the object's length tells.
    pub(super) async fn end_parts(&self, name: &str, id: &MultipartId, parts: Vec<PartId>, length: u64) -> Result<()> {
        let path = self.path(name);
        let done = self.tried("ending to write", name, length, || async {
            self.store.complete_multipart(&path, id, parts.clone()).await.map(|_| ())
        });
        match done.await? {
            Some(()) => Ok(()),
            None if self.length(name).await? == Some(length) => Ok(()),
            None => Err(Error::Unavailable),
        }
    }

    /// Gives up an upload in parts; one that is over is no fault.
    pub(super) async fn abandon_parts(&self, name: &str, id: &MultipartId) -> Result<()> {
        let path = self.path(name);
        self.tried("giving up writing", name, 0, || self.store.abort_multipart(&path, id)).await.map(|_| ())
    }

    /// Copies inside the bucket; false where there is nothing to copy.
    pub(super) async fn copy(&self, from: &str, to: &str, length: u64) -> Result<bool> {
        let (from, target) = (self.path(from), self.path(to));
        let done =
            self.tried("copying to", to, length, || self.store.copy_opts(&from, &target, CopyOptions::default()));
        Ok(done.await?.is_some())
    }

    /// Removes an object, where there is one.
    pub(super) async fn remove(&self, name: &str) -> Result<()> {
        let path = self.path(name);
        self.tried("removing", name, 0, || self.store.delete(&path)).await.map(|_| ())
    }

    /// Everything below the prefix. It may take long where there is much, as long as something comes within the deadline; it is
    /// not tried again, because who asks for it comes again.
    pub(super) async fn list(&self) -> Result<Vec<Entry>> {
        let root = (!self.root.as_ref().is_empty()).then_some(&self.root);
        let failed = |fault: &dyn std::fmt::Display| {
            tracing::error!(%fault, "the object store fails listing");
            Error::Unavailable
        };
        let _turn = self.turns.acquire().await;
        let now = SystemTime::now();
        let (mut entries, mut found) = (Vec::new(), self.store.list(root));
        loop {
            let next = timeout(self.deadline, found.try_next()).await.map_err(|_| failed(&"no answer in time"))?;
            let Some(meta) = next.map_err(|error| failed(&error))? else { return Ok(entries) };
            let Some(parts) = meta.location.prefix_match(&self.root) else { continue };
            let name = parts.map(|part| part.as_ref().to_owned()).collect::<Vec<_>>().join("/");
            // A time in the future is one of a clock that goes before ours: young.
            let age = now.duration_since(meta.last_modified.into()).unwrap_or_default();
            entries.push(Entry { name, length: meta.size, age });
        }
    }

    /// An address under which anybody may read the object for so long.
    pub(super) async fn signed(&self, name: &str, valid: Duration) -> Result<String> {
        let path = self.path(name);
        let url = self.tried("signing for", name, 0, || self.store.signed_url(Method::GET, &path, valid));
        Ok(url.await?.ok_or(Error::Unavailable)?.to_string())
    }

    /// Whether the store answers now: one try, and a name that nothing has.
    pub(super) async fn answers(&self, within: Duration) -> bool {
        let path = self.path("nothing");
        match timeout(within, self.store.head(&path)).await {
            Ok(Ok(_) | Err(object_store::Error::NotFound { .. })) => true,
            Ok(Err(error)) => {
                tracing::warn!(%error, "the object store is not ready");
                false
            }
            Err(_) => false,
        }
    }

    fn path(&self, name: &str) -> Path {
        name.split('/').fold(self.root.clone(), |path, part| path.join(part))
    }

    /// Calls until it works or the deadline is there. None where the store says that there is no such thing.
    async fn tried<T, F>(&self, doing: &str, name: &str, bytes: u64, call: impl Fn() -> F) -> Result<Option<T>>
    where
        F: Future<Output = object_store::Result<T>>,
    {
        let budget = self.deadline + Duration::from_secs(bytes / LEAST_RATE);
        let end = Instant::now() + budget;
        let mut pause = PAUSE;
        let _calling = self.tally.calling.enter();
        loop {
            // A try that hangs leaves time for another one, most likely over another connection.
            let left = end.saturating_duration_since(Instant::now());
            let attempt = async {
                let _turn = self.turns.acquire().await;
                call().await
            };
            let began = Instant::now();
            let done = timeout(left.min(budget / 2), attempt).await;
            self.tally.calls.took(began.elapsed());
            let fault = match done {
                Ok(Ok(value)) => return Ok(Some(value)),
                Ok(Err(object_store::Error::NotFound { .. })) => return Ok(None),
                Ok(Err(error)) if is_final(&error) => {
                    self.tally.failed.one();
                    tracing::error!(%error, "the object store refuses {doing} {name}");
                    return Err(Error::Unavailable);
                }
                Ok(Err(error)) => error.to_string(),
                Err(_) => "no answer in time".to_owned(),
            };
            if Instant::now() + pause >= end {
                self.tally.failed.one();
                tracing::error!(fault, "the object store fails {doing} {name}");
                return Err(Error::Unavailable);
            }
            self.tally.tried_again.one();
            tracing::warn!(fault, "the object store failed {doing} {name}; it is tried again");
            sleep(pause).await;
            pause *= 2;
        }
    }
}

/// Nothing that trying again would change.
fn is_final(error: &object_store::Error) -> bool {
    use object_store::Error::{
        InvalidPath, NotImplemented, NotSupported, PermissionDenied, Unauthenticated, UnknownConfigurationKey,
    };
    matches!(
        error,
        InvalidPath { .. }
            | NotImplemented { .. }
            | NotSupported { .. }
            | PermissionDenied { .. }
            | Unauthenticated { .. }
            | UnknownConfigurationKey { .. }
    )
}

/// Exactly so many bytes as were asked for.
async fn fill(found: GetResult, buffer: &mut [u8]) -> object_store::Result<()> {
    let (mut stream, mut at) = (found.into_stream(), 0);
    while let Some(bytes) = stream.try_next().await? {
        let Some(room) = buffer.get_mut(at..at + bytes.len()) else { return Err(wrong_length()) };
        room.copy_from_slice(&bytes);
        at += bytes.len();
    }
    if at == buffer.len() { Ok(()) } else { Err(wrong_length()) }
}

fn wrong_length() -> object_store::Error {
    object_store::Error::Generic { store: "S3", source: "another number of bytes than was asked for".into() }
}
