//! `/openapi.json` against the server that it describes: schemathesis asks what the description says may be asked, and holds
//! every answer against it. `CIKADA_SCHEMATHESIS_SECONDS` makes a campaign of it.

use std::env;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use cikada_tests::{Request, Server};

/// The version that was looked at.
const SCHEMATHESIS: &str = "schemathesis==4.32.5";
/// How long a run of the suite asks.
const SECONDS: u32 = 25;
/// What is held against every answer. Whether bad data is refused is for the contract's own tests: the description cannot say
/// all that a form may be.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
                      response_schema_conformance,unsupported_method,allow_header_conformance,ignored_auth,use_after_free";
/// Its seed, so that a failure comes again.
const SEED: &str = "17";

/// schemathesis, in an environment beside the build.
fn schemathesis() -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| {
        let test = env::current_exe().unwrap();
        let target = test.ancestors().find(|path| path.ends_with("deps")).and_then(Path::parent).unwrap();
        let folder = target.join("schemathesis-python");
        let (python, command) = (folder.join("bin/python"), folder.join("bin/schemathesis"));
        // Each test may be a process of its own.
        let alone = File::create(target.join("schemathesis-python.lock")).unwrap();
        alone.lock().unwrap();
        if !runs(Command::new(&command).arg("--version")) {
            let made = runs(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder));
            assert!(made, "install python3-venv: schemathesis needs an environment");
            let installed = runs(Command::new(&python).args(["-m", "pip", "install", "--quiet", SCHEMATHESIS]));
            assert!(installed, "pip cannot install {SCHEMATHESIS}");
        }
        command
    })
}

fn runs(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

/// Asks with a credential in a header, and gives what was said when something was found.
fn found(server: &Server, header: (&str, &str), more: &[&str]) -> Option<String> {
    let seconds = env::var("CIKADA_SCHEMATHESIS_SECONDS").unwrap_or_else(|_| SECONDS.to_string());
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(schemathesis())
        .current_dir(folder.path())
        .env("NO_COLOR", "1")
        .arg("run")
        .arg(format!("http://{}/openapi.json", server.address))
        .args([
            "--checks",
            CHECKS,
            "--seed",
            SEED,
            "--max-time",
            &seconds,
            "--request-timeout",
            "10",
            "--warnings",
            "off",
        ])
        .args(["--max-examples", "20", "--no-shrink", "--continue-on-failure", "--suppress-health-check", "all"])
        .args(["-H", &format!("{}: {}", header.0, header.1)])
        .args(more)
        .output()
        .unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (!output.status.success()).then_some(said)
}

/// Requests of one address are asked by the thousand.
const TRUSTING: &str = "[activation]\ntrusted_networks = [\"127.0.0.0/8\"]\n";

#[test]
fn a_vendor_is_answered_as_described() {
    let server = Server::start_with(TRUSTING);
    let vendor = server.vendor();
    // Something to find.
    vendor.add_model("model", &[]);
    vendor.add("model", &["sn"]);
    vendor.upload("model", "id", "text/plain", "bytes");
    vendor.add_group("model", "id");
    // The socket's handshake is no request with an answer.
    let key = server.cast.vendor.cik.clone();
    let found = found(&server, ("X-Exosite-CIK", &key), &["--exclude-path", "/ws"]);
    assert!(found.is_none(), "{}", found.unwrap());
    server.call(&Request::get("/healthz")).expect(200);
}

#[test]
fn a_device_is_answered_as_described() {
    let server = Server::start_with(TRUSTING);
    let vendor = server.vendor();
    vendor.add_model("model", &[]);
    vendor.add("model", &["sn"]);
    vendor.upload("model", "id", "text/plain", "bytes");
    vendor.enable("model", "sn");
    let key = server.device("model", "sn").activate_ok();
    let only = ["--include-path-regex", "^/(onep:v1|provision/download|provision/activate|timestamp|ip|healthz)"];
    let found = found(&server, ("X-Exosite-CIK", &key), &only);
    assert!(found.is_none(), "{}", found.unwrap());
    server.call(&Request::get("/healthz")).expect(200);
}
