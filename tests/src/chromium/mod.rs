//! A real Chromium, driven over its debugging protocol: what a person sees, presses and types.
//!
//! A [`Chromium`] is one process with an empty profile; each [`Page`] has cookies of its own. A page keeps an eye on what
//! nobody should ever see: script errors, violations of the content security policy, dialogs opened by script, requests to
//! another host. Dropping it fails the test that met one of them, unless it was forgiven by name.

mod audit;
mod keys;
mod page;
mod wire;

use std::cell::RefCell;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, thread};

use serde_json::json;
use tempfile::TempDir;

pub use audit::Finding;
pub use page::{Page, Scheme};
use wire::Wire;

const STARTED_IN: Duration = Duration::from_secs(60);
const CLOSED_IN: Duration = Duration::from_secs(5);

/// As root in a container, silent towards the network, and nothing on disk but the profile.
const FLAGS: &[&str] = &[
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    "--remote-debugging-port=0",
];

/// One Chromium.
pub struct Chromium {
    folder: TempDir,
    child: Child,
    wire: RefCell<Wire>,
}

impl Chromium {
    /// Starts one.
    pub fn start() -> Chromium {
        Chromium::start_with(&[])
    }

    /// Starts one with some more flags.
    pub fn start_with(flags: &[&str]) -> Chromium {
        let folder = tempfile::Builder::new().prefix("cikada-browser-").tempdir().expect("a temporary folder");
        let program = env::var_os("CIKADA_CHROMIUM").unwrap_or_else(|| "chromium".into());
        let mut command = Command::new(&program);
        command.args(FLAGS).args(flags).arg(format!("--user-data-dir={}", folder.path().join("profile").display()));
        command.arg("about:blank").env("TZ", "Europe/Berlin");
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(File::create(folder.path().join("errors")).expect("a file"));
        let mut child = command.spawn().unwrap_or_else(|why| {
            panic!("{} can't be started ({why}): apt-get install chromium", program.to_string_lossy())
        });
        let (address, path) = debugging_place(&folder, &mut child);
        let wire = RefCell::new(Wire::open(address, &path));
        Chromium { folder, child, wire }
    }

    /// A window with cookies of its own; addresses are paths on that server.
    pub fn page(&self, server: SocketAddr) -> Page<'_> {
        let context = self.call("Target.createBrowserContext", json!({}));
        let context = context["browserContextId"].as_str().expect("a context").to_owned();
        self.page_in(server, &context)
    }

    fn page_in(&self, server: SocketAddr, context: &str) -> Page<'_> {
        let target = self.call("Target.createTarget", json!({"url": "about:blank", "browserContextId": context}));
        let target = target["targetId"].as_str().expect("a target").to_owned();
        let session = self.call("Target.attachToTarget", json!({"targetId": target, "flatten": true}));
        let session = session["sessionId"].as_str().expect("a session").to_owned();
        Page::new(self, server, context.to_owned(), target, session)
    }

    fn call(&self, method: &str, parameters: serde_json::Value) -> serde_json::Value {
        let answer = self.wire.borrow_mut().call(None, method, parameters);
        answer.unwrap_or_else(|why| panic!("{method}: {why}"))
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let _ = self.wire.borrow_mut().call(None, "Browser.close", json!({}));
        let since = Instant::now();
        while since.elapsed() < CLOSED_IN && matches!(self.child.try_wait(), Ok(None)) {
            thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Chromium writes down where it can be driven.
fn debugging_place(folder: &TempDir, child: &mut Child) -> (SocketAddr, String) {
    let file = folder.path().join("profile/DevToolsActivePort");
    let since = Instant::now();
    while since.elapsed() < STARTED_IN {
        let text = fs::read_to_string(&file).unwrap_or_default();
        if let Some((port, path)) = text.split_once('\n')
            && !path.is_empty()
        {
            let port = port.trim().parse::<u16>().expect("a port");
            return (SocketAddr::from(([127, 0, 0, 1], port)), path.trim().to_owned());
        }
        if let Some(status) = child.try_wait().expect("a child can be asked") {
            let said = fs::read_to_string(folder.path().join("errors")).unwrap_or_default();
            panic!("Chromium ended ({status}):\n{said}");
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("Chromium didn't start within {STARTED_IN:?}");
}

impl Chromium {
    /// A file that lives as long as the browser: what a person would choose to upload.
    pub fn file(&self, name: &str, bytes: &[u8]) -> std::path::PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, bytes).expect("a file can be written");
        path
    }
}
