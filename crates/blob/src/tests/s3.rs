//! A real S3-compatible server for tests, in this process, on a folder that a test may look into and damage.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread::JoinHandle;

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::sync::oneshot;

/// The key that the server knows, and its secret.
pub const KEY: (&str, &str) = ("cikada-test", "not-a-secret");
/// The bucket that there is.
pub const BUCKET: &str = "blobs";

/// The server; it ends when it is dropped.
pub struct S3 {
    folder: TempDir,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl S3 {
    /// Starts one with an empty bucket.
    pub fn start() -> S3 {
        let folder = TempDir::new().unwrap();
        fs::create_dir(folder.path().join(BUCKET)).unwrap();
        let mut service = S3ServiceBuilder::new(FileSystem::new(folder.path()).unwrap());
        service.set_auth(SimpleAuth::from_single(KEY.0, KEY.1));
        let service = service.build();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, mut stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                loop {
                    let accepted = tokio::select! {
                        accepted = listener.accept() => accepted,
                        _ = &mut stopped => break,
                    };
                    if let Ok((tcp, _)) = accepted {
                        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(tcp), service.clone()));
                    }
                }
            });
            runtime.shutdown_background();
        });
        S3 { folder, address, stop: Some(stop), thread: Some(thread) }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The file of an object.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(BUCKET).join(name)
    }

    /// The names of all objects below a prefix, sorted.
    pub fn names(&self, prefix: &str) -> Vec<String> {
        let mut names = Vec::new();
        let mut folders = vec![self.file(prefix)];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => folders.push(path),
                    false => {
                        let name = path.strip_prefix(self.file(prefix)).unwrap();
                        names.push(name.to_str().unwrap().to_owned());
                    }
                }
            }
        }
        names.sort();
        names
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
