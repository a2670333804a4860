//! `cikada serve`: the server, from an empty machine to an orderly end (contract, DECISIONS "The binary"; faults F08, F17).

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use api::coap;
use api::common::app::App;
use api::http::Listener;
use api::http::tls::{Files, Tls};
use api::udp::UdpDoor;
use blob::BlobStore;
use domain::revocation::Replayed;
use listenfd::ListenFd;
use model::{Limits, VendorName};
use store::{Clock, Place, Store};
use tokio::signal::unix::{SignalKind, signal};

use crate::config::{Config, LogFormat};
use crate::failure::{Doing as _, Failure, Outcome};
use crate::folder::{Folder, Lock};
use crate::metrics::{self, Metrics};
use crate::output::line;
use crate::pages::House;
use crate::upkeep::Upkeep;
use crate::{backup, certificates, init, logging, rows};

/// The vendor that is made in an empty folder.
const FIRST_VENDOR: &str = "acme";
/// What comes sooner than that is the same wish: a signal may come to the process and to its group.
const ASKED_TWICE: Duration = Duration::from_secs(1);

/// Serve devices, vendors and owners from a data folder
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cikada serve --data /var/lib/cikada
  cikada serve --data ./data --http 127.0.0.1:0      # any free port; the line `listening on http://…` names it
  cikada serve --data ./data --coap 0.0.0.0:5683     # devices may speak CoAP, too
  cikada serve --data ./data --https 0.0.0.0:443 --certificate fullchain.pem --certificate-key privkey.pem

An empty folder is initialised first, and the credentials are printed once. SIGTERM lets running requests finish and exits 0.")]
pub struct Args {
    /// The data folder
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// The configuration file (see `cikada config`)
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The address to listen on for HTTP; overrides the configuration
    #[arg(long, value_name = "ADDR")]
    pub http: Option<SocketAddr>,
    /// The address to listen on for HTTPS; without --http there is no plain HTTP then
    #[arg(long, value_name = "ADDR")]
    pub https: Option<SocketAddr>,
    /// The certificate of HTTPS and those that lead to its authority, PEM; overrides the configuration
    #[arg(long, value_name = "FILE")]
    pub certificate: Option<String>,
    /// The private key of that certificate, PEM; overrides the configuration
    #[arg(long, value_name = "FILE")]
    pub certificate_key: Option<String>,
    /// The address to take one-way writes on, usually port 18494; without it there is no such port
    #[arg(long, value_name = "ADDR")]
    pub udp: Option<SocketAddr>,
    /// The address to listen on for CoAP over UDP; overrides the configuration, where there is none by default
    #[arg(long, value_name = "ADDR")]
    pub coap: Option<SocketAddr>,
    /// The address of the metrics for Prometheus; overrides the configuration, where there is none by default
    #[arg(long, value_name = "ADDR")]
    pub metrics: Option<SocketAddr>,
    /// Where content is kept: file:/some/folder or s3://bucket/prefix; overrides the configuration
    #[arg(long, value_name = "URL", env = "CIKADA_BLOB_URL")]
    pub blob: Option<String>,
    /// Where the rows are, if they are not in the folder: postgres://user:password@host/database
    #[arg(long, value_name = "URL", env = "CIKADA_STORE_URL", hide_env_values = true)]
    pub store: Option<String>,
    /// The file of the master key, if it is kept outside the folder
    #[arg(long, value_name = "FILE", env = "CIKADA_MASTER_KEY_FILE")]
    pub master_key: Option<PathBuf>,
    /// What is logged; overrides the configuration
    #[arg(long, value_name = "LEVEL", env = "CIKADA_LOG")]
    pub log: Option<String>,
    /// How it is logged; overrides the configuration
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
}

pub fn run(args: Args) -> Outcome {
    keep_out_of_core_dumps();
    let config = configuration(&args)?;
    logging::start(&config.log)?;
    // Before anything is made: an address that is taken leaves no trace.
    let (listeners, secured) = bind_http(&config)?;
    let udp =
        args.udp.map(|address| UdpDoor::bind(address).doing(format_args!("listen on udp {address}"))).transpose()?;
    let metrics = config.metrics.address().doing("listen for metrics")?.map(metrics::bind).transpose()?;
    let doors = Doors { http: listeners, secured, coap: bind_coap(&config)?, udp, metrics };
    let folder = Folder::new(&args.data, args.master_key.as_deref());
    let place = rows::place(Some(&config.store.url), &folder)?;
    if !rows::hold_a_server(&place)? {
        let vendor = VendorName::parse(FIRST_VENDOR, &Limits::default()).doing("name the first vendor")?;
        let base = match config.portal.base_url.as_str() {
            "" => {
                doors.http.first().map_or_else(String::new, |(scheme, door)| format!("{scheme}://{}", door.address()))
            }
            url => url.to_owned(),
        };
        line(init::tell(&init::make(&folder, &place, &vendor)?, &base))?;
    }
    // Where the rows are elsewhere, the folder may be new.
    folder.make()?;
    let lock = folder.lock()?;
    folder.settle_master_key()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().doing("start")?;
    let served = runtime.block_on(serve(&config, doors, &folder, place, lock));
    runtime.shutdown_background();
    served
}

/// The configuration file with the command line over it.
fn configuration(args: &Args) -> Outcome<Config> {
    let mut config = args.config.as_deref().map_or_else(|| Ok(Config::default()), Config::load)?;
    if let Some(address) = args.http {
        config.http.addr = address;
        config.http_is_named = true;
    }
    if let Some(address) = args.https {
        config.https.addr = address.to_string();
    }
    for (given, key) in
        [(&args.certificate, &mut config.https.certificate), (&args.certificate_key, &mut config.https.key)]
    {
        key.clone_from(given.as_ref().unwrap_or(&key.clone()));
    }
    if let Some(address) = args.coap {
        config.coap.addr = address.to_string();
    }
    if let Some(address) = args.metrics {
        config.metrics.addr = address.to_string();
    }
    if let Some(url) = &args.blob {
        config.blob.url.clone_from(url);
    }
    if let Some(url) = &args.store {
        config.store.url.clone_from(url);
    }
    if let Some(level) = &args.log {
        config.log.level.clone_from(level);
    }
    if let Some(format) = args.log_format {
        config.log.format = format;
    }
    Ok(config)
}

/// What was bound before anything is made.
struct Doors {
    http: Vec<Schemed>,
    /// The certificates, where there is an HTTPS listener.
    secured: Option<Secured>,
    coap: Option<coap::Listener>,
    udp: Option<UdpDoor>,
    metrics: Option<Listener>,
}

async fn serve(config: &Config, doors: Doors, folder: &Folder, place: Place, lock: Lock) -> Outcome {
    let Doors { http: listeners, secured, coap, udp, metrics } = doors;
    let mut options = config.http.options();
    options.connections = allow_files(options.connections);
    // Before anything listens, so that a signal that comes at once is not lost.
    let stop = stop_signal()?;
    let app = Arc::new(open(config, folder, place)?);
    let replayed = backup::restore::catch_up(&app.store).await?;
    if replayed != Replayed::default() {
        tracing::warn!(?replayed, "the database is older than its revocation journal; what had ended is ended again");
    }
    let house = Arc::new(House::new(&app, &config.portal).map_err(Failure::new)?);
    let keys = folder.clone();
    let master_key = Box::new(move || keys.settle_master_key().and_then(|()| keys.master_key()));
    let upkeep = Upkeep::start(&app, &config.portal, config.outgoing().map_err(Failure::new)?, master_key);
    let udp_address = udp.as_ref().map(UdpDoor::address);
    let udp = udp.map(|door| door.serve(app.clone())).transpose().doing("read datagrams")?;
    if let Some(coap) = &coap {
        line(format_args!("listening on coap://{}", coap.address()))?;
    }
    if let Some(metrics) = &metrics {
        line(format_args!("metrics on http://{}/metrics", metrics.address()))?;
    }
    for (scheme, listener) in &listeners {
        line(format_args!("listening on {scheme}://{}", listener.address()))?;
        tracing::info!(address = %listener.address(), scheme, data = %folder.root().display(), "serving");
    }
    if let Some(address) = udp_address {
        line(format_args!("listening on udp://{address}"))?;
    }
    // Ends with this function.
    let mut renewing = tokio::task::JoinSet::new();
    if let Some((tls, files)) = secured {
        renewing.spawn(certificates::renew(tls, files, signal(SignalKind::hangup()).doing("wait for signals")?));
    }
    let listeners = listeners.into_iter().map(|(_, listener)| listener).collect();
    let stop = async {
        stop.await;
        app.stopping.begin();
    };
    let http = async { api::http::serve(listeners, house, options, stop).await.doing("serve") };
    let serving = async { tokio::try_join!(http, serve_coap(config, coap, &app), serve_metrics(metrics, &app)) };
    let served = tokio::select! {
        served = serving => served.map(|_| ()),
        () = app.blobs.failed() => Err(Failure::new("the disk failed to keep content")),
    };
    app.stopping.begin();
    upkeep.stop().await;
    // Ends its thread, which holds the stores too.
    drop(udp);
    // The last holder of the stores ends their threads, and waits for them.
    drop(app);
    tracing::info!("stopped");
    drop(lock);
    served
}

/// A listener and its scheme.
type Schemed = (&'static str, Listener);
/// What TLS needs, and the files that it is read from again.
type Secured = (Tls, Files);

/// The listeners that were asked for. Plain HTTP is one by default only where there is no other.
fn bind_http(config: &Config) -> Outcome<(Vec<Schemed>, Option<Secured>)> {
    // Sockets that systemd, or another caretaker, has opened and keeps over restarts (`LISTEN_FDS`), in the same order.
    let mut inherited = ListenFd::from_env();
    let mut next = 0..inherited.len();
    let mut bind = |address: SocketAddr| -> Outcome<Listener> {
        let socket = match next.next() {
            Some(place) => inherited.take_tcp_listener(place).doing("take over a socket of LISTEN_FDS")?,
            None => None,
        };
        match socket {
            Some(socket) => Listener::inherited(socket).doing("listen on a socket of LISTEN_FDS"),
            None => Listener::bind(address).doing(format_args!("listen on {address}")),
        }
    };
    let (mut listeners, mut secured) = (Vec::new(), None);
    let https = config.https.address().map_err(Failure::new)?;
    if config.http_is_named || https.is_none() {
        listeners.push(("http", bind(config.http.addr)?));
    }
    if let Some(address) = https {
        let files = config.https.files().map_err(Failure::new)?;
        let tls = Tls::load(&files).doing("use the certificate")?;
        listeners.push(("https", bind(address)?.secured(tls.clone())));
        secured = Some((tls, files));
    }
    Ok((listeners, secured))
}

fn bind_coap(config: &Config) -> Outcome<Option<coap::Listener>> {
    let Some(address) = config.coap.address().doing("listen for CoAP")? else { return Ok(None) };
    let bound = coap::Listener::bind(address, &config.coap.options(config.http.drain_s));
    bound.map(Some).doing(format_args!("listen on {address} for CoAP"))
}

async fn serve_coap(config: &Config, listener: Option<coap::Listener>, app: &Arc<App>) -> Outcome {
    let Some(listener) = listener else { return Ok(()) };
    listener.serve(app.clone(), config.coap.options(config.http.drain_s)).await.doing("serve CoAP")
}

async fn serve_metrics(listener: Option<Listener>, app: &Arc<App>) -> Outcome {
    let Some(listener) = listener else { return Ok(()) };
    Metrics::new(app.clone()).serve(listener, app.stopping.begun()).await
}

fn open(config: &Config, folder: &Folder, place: Place) -> Outcome<App> {
    let journal = folder.revocations(config.store.revocations());
    let options = config.store.options(place, journal);
    let store = Store::open(options, &folder.master_key()?, clock(), end_on_fault).doing("open the database")?;
    let location = config.blob.location(folder.blobs()).map_err(Failure::new)?;
    let access = config.blob.access(folder.kept_blobs());
    let blobs = BlobStore::open_at(&location, &access, config.blob.bounds()).doing("open the content")?;
    let certified = config.https.certified().map_err(Failure::new)?;
    let settings = domain::Settings {
        certified,
        no_reveal: config.store.no_reveal.clone(),
        ..config.activation.settings(config.limits.limits())
    };
    Ok(App::new(store, blobs, settings, config.activation.budgets()))
}

/// What is on disk is not known any more: the next start finds out.
fn end_on_fault(cause: &str) {
    tracing::error!(cause, "the database failed; the server ends");
    std::process::exit(1);
}

/// The machine's clock. Tests may turn it, in builds that are not for use.
fn clock() -> Clock {
    match std::env::var_os("CIKADA_TEST_CLOCK_FILE") {
        Some(file) if cfg!(debug_assertions) => Clock::turned_by(file.into()),
        _ => Clock::system(),
    }
}

/// Ready when the process is asked to end. Asked again after [`ASKED_TWICE`], it ends at once.
fn stop_signal() -> Outcome<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate()).doing("wait for signals")?;
    let mut interrupt = signal(SignalKind::interrupt()).doing("wait for signals")?;
    let mut asked = async move || {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    Ok(async move {
        asked().await;
        tracing::info!("stopping: requests under way are let end");
        tokio::spawn(async move {
            let _ = tokio::time::timeout(ASKED_TWICE, async {
                loop {
                    asked().await;
                }
            })
            .await;
            asked().await;
            tracing::warn!("stopped at once");
            std::process::exit(1);
        });
    })
}

/// The memory of a server holds keys: no file of it is left when it dies, and no other process of its user may look into it.
fn keep_out_of_core_dumps() {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let limited = setrlimit(Resource::Core, none).is_ok();
    let hidden = set_dumpable_behavior(DumpableBehavior::NotDumpable).is_ok();
    if !limited && !hidden {
        tracing::warn!("the system does not keep the server's memory out of core dumps");
    }
}

/// Every connection is an open file, and so is what the stores have open. Allows as many as there may be, and says how many
/// connections that leaves.
fn allow_files(connections: usize) -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    const OF_STORES: u64 = 1024;
    /// Listeners, runtimes, the stores at rest, and room for reads and uploads.
    const AT_LEAST: u64 = 64;
    let wanted = connections as u64 + OF_STORES;
    let limit = getrlimit(Resource::Nofile);
    let allowed = limit.maximum.map_or(wanted, |most| most.min(wanted));
    if limit.current.is_some_and(|now| now < allowed) {
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(allowed), maximum: limit.maximum });
    }
    let reserved = OF_STORES.min((allowed / 4).max(AT_LEAST));
    let left = connections.min(allowed.saturating_sub(reserved).max(1) as usize);
    if left < connections {
        tracing::warn!(
            connections = left,
            open_files = allowed,
            "the system allows fewer open files than were asked for"
        );
    }
    left
}
