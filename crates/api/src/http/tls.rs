//! TLS of the HTTP listener (threat T41): versions 1.2 and 1.3, certificates that can be replaced under way, and devices that
//! show a certificate of their own.
//!
//! A certificate of a device stands for its serial number, when one of the authorities that the operator has bound to the model
//! vouches for it. It speaks for activation only: what a device does afterwards it does with its CIK, so that there is
//! one thing to revoke.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig};
use sha2::Digest as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use wire::distinguished_name::device_name;

/// How long a peer may take for its handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
const HTTP_1_1: &[u8] = b"http/1.1";

/// Where the certificates are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    /// The server's certificate and those that lead to its authority, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
    /// Who vouches for the devices of which model.
    pub authorities: Vec<Authority>,
}

/// Who vouches for the devices of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// The vendor's name.
    pub vendor: String,
    /// The model's name.
    pub model: String,
    /// The authority's certificates, PEM.
    pub file: PathBuf,
}

/// The present certificates. Those of a connection are those of its beginning.
#[derive(Clone)]
pub struct Tls {
    present: Arc<Mutex<Arc<Present>>>,
}

struct Present {
    acceptor: TlsAcceptor,
    bound: Vec<Bound>,
}

struct Bound {
    vendor: String,
    model: String,
    verifier: Arc<dyn ClientCertVerifier>,
}

/// A device by its certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The vendor and the model for whose devices its authority vouches: nearly always one pair.
    pub models: Vec<(String, String)>,
    /// The serial number in its subject.
    pub serial_number: String,
    /// SHA-256 of its public key.
    pub key: [u8; 32],
}

impl Tls {
    /// Reads the files. What cannot work is refused here and not at the first handshake.
    pub fn load(files: &Files) -> io::Result<Tls> {
        Ok(Tls { present: Arc::new(Mutex::new(Arc::new(load(files)?))) })
    }

    /// Reads the files again: new connections see what is in them now. On an error everything stays as it was.
    pub fn reload(&self, files: &Files) -> io::Result<()> {
        let fresh = Arc::new(load(files)?);
        *self.present.lock().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    /// Speaks TLS with a peer, in time, and looks who it is.
    pub(super) async fn accept(&self, tcp: TcpStream) -> io::Result<(TlsStream<TcpStream>, Option<Identity>)> {
        let present = self.present.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let accepted = tokio::time::timeout(HANDSHAKE, present.acceptor.accept(tcp)).await;
        let stream = accepted.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        let identity = stream.get_ref().1.peer_certificates().and_then(|chain| identify(&present.bound, chain));
        Ok((stream, identity))
    }
}

fn load(files: &Files) -> io::Result<Present> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let chain = certificates(&files.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|cause| wrong(&files.key, cause))?;
    let mut bound = Vec::new();
    let mut all = RootCertStore::empty();
    for authority in &files.authorities {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(&authority.file)? {
            roots.add(certificate.clone()).map_err(|cause| wrong(&authority.file, cause))?;
            all.add(certificate).map_err(|cause| wrong(&authority.file, cause))?;
        }
        let verifier = verifier(roots, &provider)?;
        bound.push(Bound { vendor: authority.vendor.clone(), model: authority.model.clone(), verifier });
    }
    let versions = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(io::Error::other)?;
    let builder = match bound.is_empty() {
        true => versions.with_no_client_auth(),
        false => versions.with_client_cert_verifier(verifier(all, &provider)?),
    };
    let mut config = builder.with_single_cert(chain, key).map_err(|cause| wrong(&files.certificate, cause))?;
    config.alpn_protocols = vec![HTTP_1_1.to_vec()];
    // A fleet that comes back after an outage needs no second signature each.
    config.ticketer = rustls::crypto::ring::Ticketer::new().map_err(io::Error::other)?;
    Ok(Present { acceptor: TlsAcceptor::from(Arc::new(config)), bound })
}

/// A device may come without a certificate; one that it shows has to be good.
fn verifier(roots: RootCertStore, provider: &Arc<CryptoProvider>) -> io::Result<Arc<dyn ClientCertVerifier>> {
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .allow_unauthenticated()
        .build()
        .map_err(io::Error::other)
}

/// Whom a chain names that the handshake has verified. Who vouches for it is asked again, authority by authority, because
/// one model's authority says nothing about another's devices.
fn identify(bound: &[Bound], chain: &[CertificateDer<'_>]) -> Option<Identity> {
    let (own, others) = chain.split_first()?;
    let now = UnixTime::now();
    let vouching = bound.iter().filter(|bound| bound.verifier.verify_client_cert(own, others, now).is_ok());
    let models: Vec<_> = vouching.map(|bound| (bound.vendor.clone(), bound.model.clone())).collect();
    let certificate = webpki::EndEntityCert::try_from(own).ok()?;
    let serial_number = device_name(certificate.subject())?.to_owned();
    let key = sha2::Sha256::digest(certificate.subject_public_key_info().as_ref()).into();
    (!models.is_empty()).then_some(Identity { models, serial_number, key })
}

fn certificates(file: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_file_iter(file).map_err(|cause| wrong(file, cause))?;
    let certificates: Vec<_> = read.collect::<Result<_, _>>().map_err(|cause| wrong(file, cause))?;
    if certificates.is_empty() { Err(wrong(file, "there is no certificate in it")) } else { Ok(certificates) }
}

fn wrong(file: &Path, cause: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{}: {cause}", file.display()))
}

impl Identity {
    /// Whether it is the device of that name.
    pub fn is(&self, vendor: &str, model: &str, serial_number: &str) -> bool {
        self.serial_number == serial_number && self.models.iter().any(|bound| (&*bound.0, &*bound.1) == (vendor, model))
    }
}
