//! Every row through clients that were not written here: libcoap's `coap-client`, and aiocoap.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use cikada_tests::{Relay, Weather};
use serde_json::json;
use tempfile::TempDir;

use crate::stage::Stage;

/// The version that was looked at.
const AIOCOAP: &str = "aiocoap==0.4.17";
const CBOR: &str = "cbor2==6.3.0";

/// libcoap's client, as Debian names it.
fn coap_client() -> &'static str {
    static FOUND: OnceLock<&str> = OnceLock::new();
    FOUND.get_or_init(|| {
        let names = ["coap-client", "coap-client-notls", "coap-client-openssl", "coap-client-gnutls"];
        let found = names.into_iter().find(|name| Command::new(name).arg("-h").output().is_ok());
        found.expect("install libcoap3-bin: it has coap-client")
    })
}

/// A Python that has aiocoap, in an environment beside the build.
fn python() -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| {
        let test = env::current_exe().unwrap();
        let target = test.ancestors().find(|path| path.ends_with("deps")).and_then(Path::parent).unwrap();
        let folder = target.join("interop-python");
        let python = folder.join("bin/python");
        // Each test may be a process of its own.
        let alone = File::create(target.join("interop-python.lock")).unwrap();
        alone.lock().unwrap();
        if !runs(Command::new(&python).args(["-c", "import aiocoap, cbor2"])) {
            let made = runs(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder));
            assert!(made, "install python3-venv: aiocoap needs an environment");
            let installed = runs(Command::new(&python).args(["-m", "pip", "install", "--quiet", AIOCOAP, CBOR]));
            assert!(installed, "pip cannot install {AIOCOAP}");
        }
        python
    })
}

fn runs(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

/// A stage with one device, its content, and a folder for files.
struct Interop {
    stage: Stage,
    cik: String,
    blob: Vec<u8>,
    folder: TempDir,
}

impl Interop {
    fn new() -> Interop {
        let stage = Stage::new();
        let cik = stage.device("A1");
        stage.enabled("A2");
        let blob: Vec<u8> = (0..5000_u32).map(|n| ((n * n) >> 5) as u8).collect();
        stage.server.vendor().upload(&stage.model, "fw", "application/octet-stream", blob.clone());
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("blob"), &blob).unwrap();
        Interop { stage, cik, blob, folder }
    }

    fn base(&self) -> String {
        format!("coap://{}", self.stage.server.coap())
    }

    fn file(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// What `coap-client` prints.
    #[track_caller]
    fn client(&self, arguments: &[&str], target: &str) -> Output {
        self.client_at(&self.base(), arguments, target)
    }

    #[track_caller]
    fn client_at(&self, base: &str, arguments: &[&str], target: &str) -> Output {
        let mut command = Command::new(coap_client());
        let output = command.args(["-B", "60"]).args(arguments).arg(format!("{base}{target}")).output().unwrap();
        assert!(output.status.success(), "{arguments:?} {target}: {output:?}");
        output
    }

    /// What it prints as the body.
    #[track_caller]
    fn text(&self, arguments: &[&str], target: &str) -> String {
        let output = self.client(arguments, target);
        String::from_utf8_lossy(&output.stdout).trim_end_matches('\n').to_owned()
    }

    /// What it prints as the error.
    #[track_caller]
    fn error(&self, arguments: &[&str], target: &str) -> String {
        let output = self.client(arguments, target);
        String::from_utf8_lossy(&output.stderr).trim().chars().take(4).collect()
    }

    fn python(&self, base: &str, bad_link: bool) {
        let given = json!({
            "base": base,
            "cik": self.cik,
            "activation": self.stage.activation("A2"),
            "download": self.stage.download(),
            "blob": self.file("blob"),
            "bad_link": bad_link,
        });
        let output = Command::new(python()).arg("interop/aiocoap_rows.py").arg(given.to_string()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn libcoap_activates_and_downloads() {
    let interop = Interop::new();
    let (cik, download) = (&interop.cik, interop.stage.download());
    let activation = interop.stage.activation("A2");
    assert_eq!(interop.text(&["-m", "post"], &activation).len(), 40);
    assert_eq!(interop.error(&["-m", "post"], &activation), "4.04");
    assert_eq!(interop.text(&["-m", "get"], &format!("{download}?{cik}")), "fw");
    let info = interop.text(&["-m", "get"], &format!("{download}/fw/info?{cik}"));
    assert!(info.starts_with("application/octet-stream,5000,"), "{info}");
    assert_eq!(interop.error(&["-m", "get"], &format!("{download}?{}", "0".repeat(40))), "4.01");
    for size in ["16", "64", "256", "1024"] {
        let fetched = interop.file("fetched");
        interop.client(&["-m", "get", "-b", size, "-o", &fetched], &format!("{download}/fw?{cik}"));
        assert!(fs::read(&fetched).unwrap() == interop.blob, "in blocks of {size}");
    }
    let fetched = interop.file("whole");
    interop.client(&["-m", "get", "-o", &fetched], &format!("{download}/fw?{cik}"));
    assert!(fs::read(&fetched).unwrap() == interop.blob);
}

#[test]
fn libcoap_reads_and_writes() {
    let interop = Interop::new();
    let (text, count) = (format!("/1a/text?{}", interop.cik), format!("/1a/count?{}", interop.cik));
    interop.client(&["-m", "post", "-e", "hello"], &text);
    assert_eq!(interop.text(&["-m", "get"], &text), "hello");
    assert_eq!(interop.text(&["-m", "get", "-N"], &text), "hello");
    assert_eq!(interop.error(&["-m", "post", "-e", "x"], &count), "4.00");
    assert_eq!(interop.error(&["-m", "get"], &format!("/1a/nothing?{}", interop.cik)), "4.03");
    let (value, read) = ("v".repeat(20_000), interop.file("read"));
    fs::write(interop.file("value"), &value).unwrap();
    for size in ["64", "1024"] {
        interop.client(&["-m", "post", "-b", size, "-f", &interop.file("value")], &text);
        interop.client(&["-m", "get", "-o", &read], &text);
        assert!(fs::read_to_string(&read).unwrap() == value, "in blocks of {size}");
    }
    // {"count":"7","text":"hi"}, then both
    fs::write(interop.file("map"), b"\xa2ecounta7dtextbhi").unwrap();
    let target = format!("/1a?{}&count&text", interop.cik);
    interop.client(&["-m", "post", "-t", "60", "-f", &interop.file("map"), "-o", &read], &target);
    assert_eq!(fs::read(&read).unwrap(), b"\xa2ecounta7dtextbhi");
    let call = json!({"auth": {"cik": interop.cik}, "calls": [
        {"id": 1, "procedure": "read", "arguments": [{"alias": "count"}, {}]},
    ]});
    let answer = interop.text(&["-m", "post", "-A", "50", "-e", &call.to_string()], "/rpc");
    assert!(answer.contains(r#""status":"ok""#) && answer.contains(",7]"), "{answer}");
}

#[test]
fn libcoap_asks_for_time_and_links() {
    let interop = Interop::new();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let told: u64 = interop.text(&["-m", "get"], "/ts").parse().unwrap();
    assert!(told.abs_diff(now) < 5);
    let binary = interop.file("ts");
    interop.client(&["-m", "get", "-A", "42", "-o", &binary], "/ts");
    let told = fs::read(&binary).unwrap().iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    assert!(told.abs_diff(now) < 10);
    let links = interop.text(&["-m", "get"], "/.well-known/core");
    assert!(links.contains("</ts>") && links.contains("</provision/activate>"), "{links}");
}

#[test]
fn libcoap_observes() {
    let interop = Interop::new();
    let target = format!("{}/1a/count?{}", interop.base(), interop.cik);
    let observer = Command::new(coap_client())
        .args(["-m", "get", "-s", "4", &target])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(std::time::Duration::from_millis(1500));
    for n in 100..105 {
        interop.stage.write(&interop.cik, "count", &n.to_string());
    }
    let told = String::from_utf8(observer.wait_with_output().unwrap().stdout).unwrap();
    for n in 100..105 {
        assert!(told.contains(&n.to_string()), "{told}");
    }
}

#[test]
fn libcoap_gets_through_a_bad_link() {
    let interop = Interop::new();
    // Nothing doubled: this client writes a late copy of a block into its file once more.
    let weather = Weather { loss: 12, double: 0, late: 15, seed: 5 };
    let relay = Relay::before(interop.stage.server.coap(), weather);
    let base = format!("coap://{}", relay.address);
    interop.client_at(&base, &["-m", "post"], &interop.stage.activation("A2"));
    assert_eq!(interop.stage.server.vendor().status(&interop.stage.model, "A2"), "activated");
    let fetched = interop.file("fetched");
    let target = format!("{}/fw?{}", interop.stage.download(), interop.cik);
    interop.client_at(&base, &["-m", "get", "-b", "512", "-o", &fetched], &target);
    assert!(fs::read(&fetched).unwrap() == interop.blob);
    let value = "v".repeat(4000);
    fs::write(interop.file("value"), &value).unwrap();
    let target = format!("/1a/text?{}", interop.cik);
    interop.client_at(&base, &["-m", "post", "-b", "512", "-f", &interop.file("value")], &target);
    let read = interop.file("read");
    interop.client(&["-m", "get", "-o", &read], &target);
    assert!(fs::read_to_string(&read).unwrap() == value);
}

#[test]
fn aiocoap_goes_through_every_row() {
    let interop = Interop::new();
    interop.python(&interop.base(), false);
}

#[test]
fn aiocoap_gets_through_a_bad_link() {
    let interop = Interop::new();
    let weather = Weather { loss: 4, double: 15, late: 15, seed: 3 };
    let relay = Relay::before(interop.stage.server.coap(), weather);
    interop.python(&format!("coap://{}", relay.address), true);
    assert!(relay.lost() > 0);
}
