//! HTTPS (threat T41): today's versions, certificates that change under way, peers that stall, and devices with a certificate of
//! their own.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use cikada_tests::{Answer, Request, Server, fresh_name};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// An authority and what it has signed.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new(name: &str) -> Authority {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Authority { issuer: Issuer::new(params, key), pem }
    }

    /// A certificate for these hosts with this common name: the certificate and its key.
    fn sign(&self, hosts: &[&str], name: &str) -> (String, String) {
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let mut params = CertificateParams::new(hosts).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }
}

/// A server that speaks HTTPS.
struct Secured {
    server: Server,
    address: SocketAddr,
    authority: Authority,
    folder: tempfile::TempDir,
}

impl Secured {
    fn start(more: impl FnOnce(&Path) -> String) -> Secured {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new("the server's authority");
        put(folder.path(), &authority.sign(&["localhost", "127.0.0.1"], "first"));
        let file = |name: &str| folder.path().join(name).display().to_string();
        let config = format!(
            "[https]\naddr = \"127.0.0.1:0\"\ncertificate = {:?}\nkey = {:?}\n{}",
            file("certificate.pem"),
            file("key.pem"),
            more(folder.path())
        );
        let server = Server::start_with(&config);
        let address = server.listening("https");
        fs::write(folder.path().join("ca.pem"), &authority.pem).unwrap();
        Secured { server, address, authority, folder }
    }

    fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// A client that trusts the server's authority, with a certificate of its own or without one.
    fn config(&self, own: Option<&(String, String)>) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.authority.pem.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let builder = builder.with_root_certificates(roots);
        Arc::new(match own {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
                builder.with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap()).unwrap()
            }
        })
    }

    fn connect(&self, config: &Arc<ClientConfig>) -> std::io::Result<StreamOwned<ClientConnection, TcpStream>> {
        let name = ServerName::try_from("localhost").unwrap();
        let tls = ClientConnection::new(config.clone(), name).map_err(std::io::Error::other)?;
        let tcp = TcpStream::connect(self.address)?;
        tcp.set_read_timeout(Some(Duration::from_secs(20)))?;
        Ok(StreamOwned::new(tls, tcp))
    }

    /// One request on a connection of its own.
    fn ask(&self, config: &Arc<ClientConfig>, request: &Request) -> std::io::Result<Answer> {
        let mut stream = self.connect(config)?;
        stream.write_all(&request.to_bytes())?;
        read_answer(&mut stream)
    }
}

/// Puts a certificate and its key where the server looks, each at once.
fn put(folder: &Path, (certificate, key): &(String, String)) {
    for (name, text) in [("key.pem", key), ("certificate.pem", certificate)] {
        let fresh = folder.join(format!("{name}.new"));
        fs::write(&fresh, text).unwrap();
        fs::rename(fresh, folder.join(name)).unwrap();
    }
}

/// An answer with a length.
fn read_answer(stream: &mut impl std::io::Read) -> std::io::Result<Answer> {
    let (mut bytes, mut byte) = (Vec::new(), [0]);
    while !bytes.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        bytes.push(byte[0]);
    }
    let mut answer = Answer::parse_head(&bytes).map_err(std::io::Error::other)?;
    let length = answer.header("Content-Length").and_then(|length| length.parse().ok()).unwrap_or(0);
    answer.body = vec![0; length];
    stream.read_exact(&mut answer.body)?;
    Ok(answer)
}

#[test]
fn a_device_lives_its_life_over_https() {
    let secured = Secured::start(|_| String::new());
    let (server, config) = (&secured.server, secured.config(None));
    let vendor = server.vendor();
    let model = fresh_name("https");
    vendor.add_model(&model, &[]);
    vendor.add(&model, &["A1"]);
    vendor.enable(&model, "A1");
    vendor.upload(&model, "large", "application/octet-stream", vec![5; 3 << 20]);
    let device = server.device(&model, "A1");
    let key = secured.ask(&config, &device.activation(&[])).unwrap().expect(200).text().to_owned();
    // Several requests on one connection, pipelined, a large answer among them.
    let mut stream = secured.connect(&config).unwrap();
    let list = device.download_request(&key, "");
    stream.write_all(&list.to_bytes()).unwrap();
    stream.write_all(&[device.download_request(&key, "&id=large").to_bytes(), list.to_bytes()].concat()).unwrap();
    assert_eq!(read_answer(&mut stream).unwrap().expect(200).text(), "large\n");
    assert!(read_answer(&mut stream).unwrap().expect(200).body == vec![5; 3 << 20]);
    assert_eq!(read_answer(&mut stream).unwrap().expect(200).text(), "large\n");
    // What is malformed is refused inside TLS as outside of it.
    let mut stream = secured.connect(&config).unwrap();
    stream
        .write_all(b"GET /timestamp HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n")
        .unwrap();
    read_answer(&mut stream).unwrap().expect(400);
    assert_eq!(stream.read(&mut [0; 10]).unwrap_or(0), 0, "and the connection ends");
}

#[test]
fn a_browser_is_told_to_keep_to_https_where_it_came_by_it_and_a_device_never() {
    let secured = Secured::start(|_| String::new());
    let config = secured.config(None);
    const STRICT: &str = "Strict-Transport-Security";
    let page = Request::get("/portal/");
    assert_eq!(secured.ask(&config, &page).unwrap().header(STRICT), Some("max-age=31536000"));
    assert_eq!(secured.ask(&config, &Request::get("/timestamp")).unwrap().header(STRICT), None);
    assert_eq!(secured.server.connect().ask(&page).unwrap().header(STRICT), None);
}

#[test]
fn the_usual_tools_are_served() {
    let secured = Secured::start(|_| String::new());
    let url = format!("https://localhost:{}/timestamp", secured.address.port());
    for version in ["--tlsv1.2", "--tlsv1.3"] {
        let tls_max = if version == "--tlsv1.2" { "1.2" } else { "1.3" };
        let output = Command::new("curl")
            .args(["-sS", "--fail", version, "--tls-max", tls_max, "--cacert"])
            .arg(secured.ca())
            .arg(&url)
            .output()
            .unwrap();
        assert!(output.status.success(), "{version}: {output:?}");
        assert!(output.stdout.iter().all(u8::is_ascii_digit), "{output:?}");
    }
    let untrusting = Command::new("curl").args(["-sS", &url]).output().unwrap();
    assert!(!untrusting.status.success(), "a certificate of nobody's authority was believed");
    let client = |version: &str| {
        let mut command = Command::new("openssl");
        command.args(["s_client", "-connect", &secured.address.to_string(), version, "-cipher", "ALL:@SECLEVEL=0"]);
        command.stdin(std::process::Stdio::null()).output().unwrap()
    };
    for (version, is_served) in [("-tls1", false), ("-tls1_1", false), ("-tls1_2", true)] {
        let output = client(version);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let has_cipher = said.contains("BEGIN CERTIFICATE");
        assert_eq!(has_cipher, is_served, "{version}: {output:?}");
    }
}

#[test]
fn certificates_change_without_a_failed_request() {
    let secured = Secured::start(|_| String::new());
    let (done, asked) = (AtomicBool::new(false), AtomicU32::new(0));
    let config = secured.config(None);
    let present = || {
        let mut stream = secured.connect(&config).unwrap();
        stream.write_all(&Request::get("/timestamp").to_bytes()).unwrap();
        read_answer(&mut stream).unwrap().expect(200);
        stream.conn.peer_certificates().unwrap()[0].as_ref().to_vec()
    };
    // Open since before the change, and used after it.
    let mut old = secured.connect(&config).unwrap();
    old.write_all(&Request::get("/timestamp").to_bytes()).unwrap();
    read_answer(&mut old).unwrap().expect(200);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let answer = secured.ask(&config, &Request::get("/timestamp"));
                    assert_eq!(answer.unwrap().status, 200);
                    asked.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let mut seen = present();
        for round in 0..3 {
            put(secured.folder.path(), &secured.authority.sign(&["localhost"], &format!("round {round}")));
            if round != 0 {
                let hang_up = ["-HUP", &secured.server.process_id().to_string()].map(str::to_owned);
                assert!(Command::new("kill").args(hang_up).status().unwrap().success());
            }
            let since = Instant::now();
            while present() == seen {
                assert!(since.elapsed() < Duration::from_secs(20), "the new certificate is not taken up");
                thread::sleep(Duration::from_millis(20));
            }
            seen = present();
        }
        // What cannot be used changes nothing.
        fs::write(secured.folder.path().join("certificate.pem"), "nonsense").unwrap();
        thread::sleep(Duration::from_secs(3));
        assert_eq!(present(), seen);
        done.store(true, Ordering::Relaxed);
    });
    old.write_all(&Request::get("/timestamp").to_bytes()).unwrap();
    read_answer(&mut old).unwrap().expect(200);
    assert!(asked.load(Ordering::Relaxed) > 30, "{asked:?} requests are no load");
}

#[test]
fn a_peer_that_stalls_in_its_handshake_is_let_go_and_others_are_served() {
    let secured = Secured::start(|_| String::new());
    let config = secured.config(None);
    let mut stalled: Vec<TcpStream> = (0..40)
        .map(|number| {
            let mut tcp = TcpStream::connect(secured.address).unwrap();
            // Nothing, the beginning of a hello, or plain HTTP.
            match number % 3 {
                0 => {}
                1 => tcp.write_all(&[0x16, 3, 1, 2, 0, 1]).unwrap(),
                _ => tcp.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap(),
            }
            tcp
        })
        .collect();
    let since = Instant::now();
    assert_eq!(secured.ask(&config, &Request::get("/timestamp")).unwrap().status, 200);
    for tcp in &mut stalled {
        tcp.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut rest = Vec::new();
        // Closed or reset: either way it is over.
        if let Err(error) = tcp.read_to_end(&mut rest) {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "it is still open");
        }
    }
    assert!((Duration::from_secs(8)..Duration::from_secs(15)).contains(&since.elapsed()), "{:?}", since.elapsed());
}

#[test]
fn plain_http_is_there_only_where_somebody_asked_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("an authority");
    put(folder.path(), &authority.sign(&["localhost"], "only"));
    let mut child = Command::new(cikada_tests::cikada())
        .args([
            "serve",
            "--https",
            "127.0.0.1:0",
            "--certificate",
            "certificate.pem",
            "--certificate-key",
            "key.pem",
            "--data",
            "d",
        ])
        .current_dir(folder.path())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
    while !said.contains("listening on https://") {
        assert_ne!(std::io::BufRead::read_line(&mut out, &mut said).unwrap(), 0, "{said}");
    }
    assert!(!said.contains("http://"), "{said}");
    let _ = Command::new("kill").arg(child.id().to_string()).status();
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_device_with_a_certificate_activates_by_it_and_nobody_else_does() {
    let (ours, theirs) = (Authority::new("devices"), Authority::new("other devices"));
    let model = fresh_name("certified");
    let secured = Secured::start(|folder| {
        fs::write(folder.join("devices.pem"), &ours.pem).unwrap();
        fs::write(folder.join("others.pem"), &theirs.pem).unwrap();
        let bound = |model: &str, file: &str| format!("acme/{model}={}", folder.join(file).display());
        let authorities = [bound(&model, "devices.pem"), bound("another", "others.pem")];
        format!("client_authorities = {authorities:?}\nrequire_certificates = true\n")
    });
    let vendor = secured.server.vendor();
    for model in [&*model, "another"] {
        vendor.add_model(model, &[]);
        vendor.add(model, &["A1", "A2"]);
        vendor.enable(model, "A1");
        vendor.enable(model, "A2");
    }
    let device = secured.server.device(&model, "A1");
    let nobody = secured.config(None);
    let another_number = secured.config(Some(&ours.sign(&[], "A2")));
    let another_authority = secured.config(Some(&theirs.sign(&[], "A1")));
    // Over plain HTTP, without a certificate, with another number's, with one of another model's authority: as if nobody had
    // enabled it.
    device.activate().expect(409);
    for config in [&nobody, &another_number, &another_authority] {
        secured.ask(config, &device.activation(&[])).unwrap().expect(409);
    }
    // By an authority of nobody: no connection.
    let forged = secured.config(Some(&Authority::new("devices").sign(&[], "A1")));
    assert!(secured.ask(&forged, &device.activation(&[])).is_err());
    assert_eq!(vendor.status(&model, "A1"), "notactivated");
    let log = vendor.log(&model, "A1");
    assert!(log.iter().filter(|(_, _, entry)| entry.contains("result=refused")).count() >= 2, "{log:?}");
    // Its own: the same key as often as it asks until it uses it, as with a nonce.
    let own = ours.sign(&[], "A1");
    let config = secured.config(Some(&own));
    let first = secured.ask(&config, &device.activation(&[])).unwrap().expect(200);
    let second = secured.ask(&config, &device.activation(&[])).unwrap().expect(200);
    assert_eq!(first.text(), second.text());
    // Another certificate of the same number is another device.
    let copy = secured.config(Some(&ours.sign(&[], "A1")));
    secured.ask(&copy, &device.activation(&[])).unwrap().expect(409);
    device.list(first.text()).expect(200);
    secured.ask(&config, &device.activation(&[])).unwrap().expect(409);
    // The certificate is no credential of anything else.
    secured.ask(&config, &Request::get(&format!("/provision/download?vendor=acme&model={model}"))).unwrap().expect(401);
}
