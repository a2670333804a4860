//! Every key of the configuration. A zero says "as many as there are" or "no limit of its own" where its comment does.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use api::common::tries::{Budget, Budgets};
use api::http::tls::{Authority, Files};
use api::outgoing::{Encryption, Network, Relay};
use domain::caller::Lifetimes;
use portal::BaseUrl;
use serde::{Deserialize, Serialize};
use wire::http::framing::HeadLimits;

use super::section::section;

section! {
    /// The HTTP listener.
    Http {
        /// The address to listen on; 0.0.0.0 or [::] for all of the machine's, port 0 for any that is free.
        addr: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 8080)),
        /// Threads that serve connections; 0 for one a core.
        workers: usize = 0,
        /// Connections at a time. Beyond them those that wait for a request are closed first, the oldest first.
        connections: usize = 20_000,
        /// Connections at a time of one IPv4 address, or one IPv6 /64; 0 for no limit of its own.
        connections_per_peer: usize = 0,
        /// The largest head of a request, in bytes.
        head_bytes: usize = 16 << 10,
        /// The most header fields of a request.
        head_fields: usize = 100,
        /// Seconds from the first byte of a request to the end of its head.
        head_timeout_s: u32 = 20,
        /// Seconds that a connection may wait for its next request.
        idle_timeout_s: u32 = 75,
        /// Seconds in which a peer has to take at least a byte of its answer.
        write_timeout_s: u32 = 60,
        /// Seconds that are spent waiting for a body before its rate counts.
        body_grace_s: u32 = 20,
        /// The least rate of a body after that, in bytes a second.
        body_bytes_per_second: u32 = 200,
        /// Seconds that requests under way are given to end when the server is stopped.
        drain_s: u32 = 30,
    }
}

section! {
    /// The HTTPS listener. Where it is on and [http] names no address, there is no plain HTTP.
    Https {
        /// The address to listen on, such as "0.0.0.0:443" or "[::]:443"; empty for none.
        addr: String = String::new(),
        /// The file of the certificate and of those that lead to its authority, PEM. It is read again when it changes, and at SIGHUP.
        certificate: String = String::new(),
        /// The file of its private key, PEM.
        key: String = String::new(),
        /// Who vouches for the certificates of which model's devices: ["acme/thermostat=/etc/cikada/acme-devices.pem"].
        client_authorities: Vec<String> = Vec::new(),
        /// Whether the devices of those models activate with a certificate only, on every protocol.
        require_certificates: bool = false,
    }
}

section! {
    /// The CoAP listener, over UDP. Its port by convention is 5683.
    Coap {
        /// The address to listen on, such as "0.0.0.0:5683" or "[::]:5683"; empty for none.
        addr: String = String::new(),
        /// Threads that serve datagrams; 0 for one a core.
        workers: usize = 0,
        /// Whether a peer has to show its address (RFC 9175, Echo) before anything is done for it. It costs a peer one more round
        /// trip an hour, and keeps others from using up a window in its name from a false address.
        echo: bool = defaults::coap().demands_echo,
        /// Requests that are worked on at a time.
        requests: usize = defaults::coap().requests,
        /// Bytes of answers that are kept for repeated messages, where the request changed something.
        remembered_bytes: usize = defaults::coap().remembered_bytes,
        /// Bytes of answers that are kept for repeated messages, where it did not.
        remembered_reads_bytes: usize = defaults::coap().remembered_reads_bytes,
        /// Bytes of bodies that are under way in blocks.
        bodies_bytes: usize = defaults::coap().bodies_bytes,
        /// Observers.
        observers: usize = defaults::coap().observers,
        /// Observers of one client.
        observers_per_client: u32 = defaults::coap().observers_per_client,
        /// Seconds after which an observer is asked whether it is still there, at the latest.
        observe_refresh_s: u32 = 60,
    }
}

section! {
    /// The database.
    Store {
        /// Where the rows are. Empty: in the data folder. Or postgres://user:password@host/database, which several servers may share.
        url: String = String::new(),
        /// SQLite: page cache of the writer in KiB; each reader has a quarter of it.
        cache_kib: u32 = defaults::store().cache_kib,
        /// Requests that may wait for a thread that writes; beyond them the answer is 503.
        queue: usize = defaults::store().queue,
        /// Requests that share one commit at most.
        batch: usize = defaults::store().batch,
        /// Threads for long reads; on PostgreSQL for all reads, each with a connection.
        readers: usize = defaults::store().readers,
        /// SQLite: pages in the write-ahead log from which on it is folded into the database.
        checkpoint_pages: i64 = defaults::store().checkpoint_pages,
        /// Vendors whose keys, tokens and share codes are told when they are made and never shown again: ["acme"], or ["*"] for all.
        no_reveal: Vec<String> = Vec::new(),
        /// The file of the revocation journal; empty for revocations.log in the data folder. On another disk it outlives the loss of
        /// this one.
        revocations: String = String::new(),
        /// PostgreSQL: threads for activations, each with a connection; what else writes has one.
        lanes: usize = defaults::store().lanes,
        /// PostgreSQL: how long one statement may take, and a request wait for the database, in milliseconds.
        timeout_ms: u64 = defaults::store().timeout.as_millis() as u64,
    }
}

section! {
    /// Content.
    Blob {
        /// Uploads that may be unfinished at a time; beyond them the answer is 503.
        uploads: usize = blob::Bounds::default().uploads,
        /// Bytes on disk of all unfinished uploads together.
        upload_bytes: u64 = blob::Bounds::default().upload_bytes,
        /// Bytes of small contents that are kept in memory.
        cache_bytes: u64 = blob::Bounds::default().cache_bytes,
        /// The largest content that is kept there; larger ones are read from their files.
        cached_blob_bytes: u64 = blob::Bounds::default().cached_blob_bytes,
        /// Bytes of pieces of large contents on their way to clients.
        piece_bytes: usize = blob::Bounds::default().piece_bytes,
        /// Where content is kept: "file:/some/folder", or "s3://bucket/prefix" in an S3-compatible object store. Empty: the
        /// folder `blobs` of the data folder. All that follows is about object stores.
        url: String = String::new(),
        /// The address of an object store that is not Amazon's, "https://host". Empty: AWS_ENDPOINT_URL, or Amazon's.
        endpoint: String = String::new(),
        /// The bucket's region. Empty: AWS_REGION.
        region: String = String::new(),
        /// The name of the key. Empty: AWS_ACCESS_KEY_ID, or what the machine or its container is given.
        access_key_id: String = String::new(),
        /// The key's secret. Empty: AWS_SECRET_ACCESS_KEY.
        secret_access_key: String = String::new(),
        /// The bucket's name is part of the host instead of the path.
        virtual_hosted: bool = false,
        /// A file of certificates (PEM) that are trusted beside the usual ones.
        ca_file: String = String::new(),
        /// Seconds that one step may take that a request waits for, with all its tries; then the answer is 503.
        deadline_s: u64 = 10,
        /// Bytes of content that are kept in the folder `blob-cache` of the data folder, so that what many devices fetch comes
        /// from there.
        kept_bytes: u64 = 1 << 30,
        /// Answer downloads of large content with a redirect to the object store (307). Devices in the field do not follow
        /// redirects: only for clients that do.
        redirect: bool = false,
        /// Seconds that such an address is valid.
        redirect_valid_s: u64 = 300,
    }
}

section! {
    /// How much of everything one request or one thing may be. Beyond a limit the answer is 400 or 413 and nothing changes.
    Limits {
        /// Characters of a vendor or model name.
        name_characters: usize = defaults::limits().name_characters,
        /// Bytes of a serial number, content id, group id, token id or alias.
        id_bytes: usize = defaults::limits().id_bytes,
        /// Bytes of meta or extra.
        meta_bytes: usize = defaults::limits().meta_bytes,
        /// Serial numbers in one request.
        batch_serial_numbers: usize = defaults::limits().batch_serial_numbers,
        /// Ranges in one model.
        ranges_per_model: usize = defaults::limits().ranges_per_model,
        /// Bytes of a form or JSON body.
        body_bytes: usize = defaults::limits().body_bytes,
        /// Bytes of a body with serial numbers.
        batch_body_bytes: usize = defaults::limits().batch_body_bytes,
        /// Bytes of one content.
        content_bytes: u64 = defaults::limits().content_bytes,
        /// Bytes of one value of a string dataport.
        string_value_bytes: usize = defaults::limits().string_value_bytes,
        /// Points that one read of a series may ask for.
        points_per_read: usize = defaults::limits().points_per_read,
        /// Bytes of all values of one read.
        read_bytes: usize = defaults::limits().read_bytes,
        /// Bytes of what is said of one resource, as JSON.
        description_bytes: usize = defaults::limits().description_bytes,
        /// Calls in one RPC request.
        rpc_calls: usize = defaults::limits().rpc_calls,
    }
}

section! {
    /// Activation windows, and the budgets of failed tries. Only failures cost; a used-up budget is answered 429. An address is
    /// an IPv4 address or an IPv6 /64, a network a /24 or a /48.
    Activation {
        /// The window of a model that sets none, in seconds.
        default_timeout_s: i64 = domain::Settings::default().default_timeout_s,
        /// The shortest window that a model may set, in seconds.
        minimum_timeout_s: i64 = domain::Settings::default().minimum_timeout_s,
        /// The longest window that a model may set, in seconds.
        maximum_timeout_s: i64 = domain::Settings::default().maximum_timeout_s,
        /// Different serial numbers that one address may fail with at once.
        address_burst: u32 = Budgets::default().address.burst,
        /// The same, a minute after that.
        address_per_minute: f64 = Budgets::default().address.per_minute,
        /// The same, a day.
        address_per_day: u32 = Budgets::default().address_per_day,
        /// Different serial numbers that one network may fail with at once.
        network_burst: u32 = Budgets::default().network.burst,
        /// The same, a minute after that.
        network_per_minute: f64 = Budgets::default().network.per_minute,
        /// Failures of one address with one serial number a minute.
        address_and_number_per_minute: u32 = Budgets::default().address_and_number.burst,
        /// Failures with one serial number a minute, from everywhere; beyond them refusals leave no line in its log.
        number_per_minute: u32 = Budgets::default().number.burst,
        /// Networks that are not limited, such as a factory's: ["192.0.2.0/24"].
        trusted_networks: Vec<String> = Vec::new(),
        /// Addresses, serial numbers and pairs of them that are remembered at most, each.
        remembered: usize = Budgets::default().remembered,
    }
}

section! {
    /// The web pages for vendors and owners, under /portal/ of the HTTP listener.
    Portal {
        /// Whether there are any.
        enabled: bool = true,
        /// Where browsers find them, such as "https://portal.example.org"; requests that name another host are refused (421). Empty:
        /// only this machine's name and addresses are answered to. Browsers keep a sign-in over https only, or on this machine.
        base_url: String = String::new(),
        /// Seconds without use after which a sign-in ends.
        idle_timeout_s: i64 = Lifetimes::default().idle_s,
        /// Seconds after which it ends in any case.
        absolute_timeout_s: i64 = Lifetimes::default().absolute_s,
    }
}

section! {
    /// The relay that takes the mail of dispatches.
    Smtp {
        /// Its name or address; empty for none, and then no mail is sent.
        host: String = String::new(),
        /// Its port.
        port: u16 = 587,
        /// In whose name mail is sent, such as "cikada@example.org".
        from: String = String::new(),
        /// The user that it wants; empty for none.
        user: String = String::new(),
        /// The password of that user.
        password: String = String::new(),
        /// Whether the way to it is encrypted: "starttls", "tls" or "none".
        encryption: String = String::from("starttls"),
    }
}

section! {
    /// Dispatches over HTTP reach the public internet only.
    Dispatch {
        /// Networks that they may reach as well: ["10.1.0.0/16"].
        allowed_networks: Vec<String> = Vec::new(),
    }
}

section! {
    /// What the server does, counted, for Prometheus.
    Metrics {
        /// The address of `GET /metrics`; "" for none. For the operator: keep it away from devices.
        addr: String = String::new(),
    }
}

section! {
    /// The log, on standard error. Keys, tokens, nonces and bodies are never in it.
    Log {
        /// "text" for people, "json" for machines: one object a line.
        format: LogFormat = LogFormat::Text,
        /// "error", "warn", "info" (every change), "debug" (every request) or "trace"; for one part only: "info,cikada_store=debug".
        level: String = String::from("info"),
    }
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

impl Http {
    pub(super) fn check(&self) -> Result<(), String> {
        positive("http.connections", self.connections)?;
        positive("http.head_timeout_s", self.head_timeout_s)?;
        positive("http.idle_timeout_s", self.idle_timeout_s)?;
        positive("http.write_timeout_s", self.write_timeout_s)?;
        positive("http.head_fields", self.head_fields)?;
        // The parser keeps a head in its buffer.
        within("http.head_bytes", self.head_bytes, 1024, 64 << 10)?;
        within("http.workers", self.workers, 0, 1024)
    }

    /// What the listener is told.
    pub fn options(&self) -> api::http::Options {
        let seconds = |seconds: u32| Duration::from_secs(u64::from(seconds));
        api::http::Options {
            workers: (self.workers > 0).then_some(self.workers),
            connections: self.connections,
            connections_per_peer: (self.connections_per_peer > 0).then_some(self.connections_per_peer),
            head: HeadLimits { bytes: self.head_bytes, fields: self.head_fields },
            patience: api::http::Patience {
                head: seconds(self.head_timeout_s),
                idle: seconds(self.idle_timeout_s),
                write: seconds(self.write_timeout_s),
                body: seconds(self.body_grace_s),
                body_bytes_per_second: self.body_bytes_per_second,
            },
            drain: seconds(self.drain_s),
        }
    }
}

impl Coap {
    pub(super) fn check(&self) -> Result<(), String> {
        self.address()?;
        positive("coap.requests", self.requests)?;
        positive("coap.remembered_bytes", self.remembered_bytes)?;
        positive("coap.remembered_reads_bytes", self.remembered_reads_bytes)?;
        positive("coap.bodies_bytes", self.bodies_bytes)?;
        // The time in which an answer may be lost and sent again has to pass in between.
        within("coap.observe_refresh_s", self.observe_refresh_s, 10, 86_400)?;
        within("coap.workers", self.workers, 0, 1024)
    }

    /// The address to listen on, if there is one.
    pub fn address(&self) -> Result<Option<SocketAddr>, String> {
        match self.addr.as_str() {
            "" => Ok(None),
            text => {
                let address = text.parse().map(Some);
                address.map_err(|_| format!("coap.addr: `{text}` is no address such as 0.0.0.0:5683"))
            }
        }
    }

    /// What the listener is told.
    pub fn options(&self, drain_s: u32) -> api::coap::Options {
        api::coap::Options {
            workers: (self.workers > 0).then_some(self.workers),
            requests: self.requests,
            remembered_bytes: self.remembered_bytes,
            remembered_reads_bytes: self.remembered_reads_bytes,
            bodies_bytes: self.bodies_bytes,
            observers: self.observers,
            observers_per_client: self.observers_per_client,
            refresh: Duration::from_secs(u64::from(self.observe_refresh_s)),
            demands_echo: self.echo,
            drain: Duration::from_secs(u64::from(drain_s)),
        }
    }
}

impl Store {
    pub(super) fn check(&self) -> Result<(), String> {
        positive("store.queue", self.queue)?;
        positive("store.batch", self.batch)?;
        positive("store.readers", self.readers)?;
        positive("store.cache_kib", self.cache_kib)?;
        positive("store.checkpoint_pages", self.checkpoint_pages)?;
        within("store.lanes", self.lanes, 0, 64)?;
        within("store.timeout_ms", self.timeout_ms, 100, 600_000)
    }

    /// What the store is told, for a database at this place. The journal is SQLite's: the databases of several servers are backed up
    /// and restored by other means.
    pub fn options(&self, place: store::Place, journal: PathBuf) -> store::Options {
        let Store { cache_kib, queue, batch, readers, checkpoint_pages, lanes, timeout_ms, .. } = *self;
        let timeout = Duration::from_millis(timeout_ms);
        let journal = Some(journal).filter(|_| matches!(place, store::Place::File(_)));
        store::Options { place, readers, cache_kib, queue, batch, checkpoint_pages, journal, lanes, timeout }
    }

    /// Where the revocation journal is to be, if not in the data folder.
    pub fn revocations(&self) -> Option<&Path> {
        Some(Path::new(&self.revocations)).filter(|path| !path.as_os_str().is_empty())
    }
}

impl Https {
    /// The address, if there is one.
    pub fn address(&self) -> Result<Option<SocketAddr>, String> {
        match &*self.addr {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(|_| format!("https.addr: {text} is no address with a port")),
        }
    }

    /// Where the certificates are.
    pub fn files(&self) -> Result<Files, String> {
        for (name, value) in [("certificate", &self.certificate), ("key", &self.key)] {
            if value.is_empty() {
                return Err(format!("https.{name}: an HTTPS listener needs it"));
            }
        }
        let authorities = self.client_authorities.iter().map(|text| authority(text)).collect::<Result<_, _>>()?;
        Ok(Files { certificate: (&self.certificate).into(), key: (&self.key).into(), authorities })
    }

    /// The vendors and models whose devices need a certificate.
    pub fn certified(&self) -> Result<Vec<(String, String)>, String> {
        if !self.require_certificates {
            return Ok(Vec::new());
        }
        let pair = |text: &String| authority(text).map(|bound| (bound.vendor, bound.model));
        self.client_authorities.iter().map(pair).collect()
    }

    pub fn check(&self) -> Result<(), String> {
        if self.address()?.is_some() {
            self.files()?;
        }
        self.certified().map(|_| ())
    }
}

/// `<vendor>/<model>=<file>`.
fn authority(text: &str) -> Result<Authority, String> {
    let parts = text.split_once('=').and_then(|(names, file)| Some((names.split_once('/')?, file)));
    let Some(((vendor, model), file)) =
        parts.filter(|((vendor, model), file)| ![vendor, model, file].iter().any(|part| part.is_empty()))
    else {
        return Err(format!("https.client_authorities: {text} is not <vendor>/<model>=<file>"));
    };
    Ok(Authority { vendor: vendor.to_owned(), model: model.to_owned(), file: file.into() })
}

impl Metrics {
    /// The address to listen on, if there is one.
    pub fn address(&self) -> Result<Option<SocketAddr>, String> {
        match self.addr.as_str() {
            "" => Ok(None),
            text => text
                .parse()
                .map(Some)
                .map_err(|_| format!("metrics.addr: `{text}` is no address such as 127.0.0.1:9464")),
        }
    }
}

impl Blob {
    /// What the blob store is told.
    pub fn bounds(&self) -> blob::Bounds {
        let Blob { uploads, upload_bytes, cache_bytes, cached_blob_bytes, piece_bytes, .. } = *self;
        blob::Bounds { uploads, upload_bytes, cache_bytes, cached_blob_bytes, piece_bytes }
    }

    /// Where content is; `folder` where nothing is said.
    pub fn location(&self, folder: std::path::PathBuf) -> Result<blob::Location, String> {
        if self.url.is_empty() { Ok(blob::Location::Folder(folder)) } else { self.url.parse() }
    }

    /// How an object store is reached; what is kept of it here is kept in `folder`.
    pub fn access(&self, folder: std::path::PathBuf) -> blob::ObjectAccess {
        let said = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        blob::ObjectAccess {
            endpoint: said(&self.endpoint),
            region: said(&self.region),
            key: said(&self.access_key_id).zip(said(&self.secret_access_key)),
            virtual_hosted: self.virtual_hosted,
            ca_file: said(&self.ca_file).map(Into::into),
            deadline: std::time::Duration::from_secs(self.deadline_s),
            redirect: self.redirect.then(|| std::time::Duration::from_secs(self.redirect_valid_s)),
            folder,
            kept_bytes: self.kept_bytes,
        }
    }

    pub(super) fn check(&self) -> Result<(), String> {
        self.location("blobs".into()).map_err(|why| format!("blob.url: {why}"))?;
        if self.access_key_id.is_empty() != self.secret_access_key.is_empty() {
            return Err("blob.access_key_id and blob.secret_access_key go together".into());
        }
        if !(1..=300).contains(&self.deadline_s) {
            return Err("blob.deadline_s must be between 1 and 300".into());
        }
        if self.redirect && !(1..=604_800).contains(&self.redirect_valid_s) {
            return Err("blob.redirect_valid_s must be between 1 and 604800".into());
        }
        Ok(())
    }
}

impl Limits {
    /// The limits as every room knows them.
    pub fn limits(&self) -> model::Limits {
        model::Limits {
            name_characters: self.name_characters,
            id_bytes: self.id_bytes,
            meta_bytes: self.meta_bytes,
            batch_serial_numbers: self.batch_serial_numbers,
            ranges_per_model: self.ranges_per_model,
            body_bytes: self.body_bytes,
            batch_body_bytes: self.batch_body_bytes,
            content_bytes: self.content_bytes,
            string_value_bytes: self.string_value_bytes,
            points_per_read: self.points_per_read,
            read_bytes: self.read_bytes,
            description_bytes: self.description_bytes,
            rpc_calls: self.rpc_calls,
        }
    }
}

impl Activation {
    pub(super) fn check(&self) -> Result<(), String> {
        let (least, most) = (self.minimum_timeout_s, self.maximum_timeout_s);
        positive("activation.minimum_timeout_s", least)?;
        if least > most {
            return Err("activation.minimum_timeout_s is above activation.maximum_timeout_s".to_owned());
        }
        within("activation.default_timeout_s", self.default_timeout_s, least, most)?;
        positive("activation.address_burst", self.address_burst)?;
        positive("activation.address_per_minute", self.address_per_minute)?;
        positive("activation.address_per_day", self.address_per_day)?;
        positive("activation.network_burst", self.network_burst)?;
        positive("activation.network_per_minute", self.network_per_minute)?;
        positive("activation.address_and_number_per_minute", self.address_and_number_per_minute)?;
        positive("activation.number_per_minute", self.number_per_minute)?;
        positive("activation.remembered", self.remembered)?;
        self.trusted().map(|_| ())
    }

    /// The settings of the rules.
    pub fn settings(&self, limits: model::Limits) -> domain::Settings {
        domain::Settings {
            limits,
            default_timeout_s: self.default_timeout_s,
            minimum_timeout_s: self.minimum_timeout_s,
            maximum_timeout_s: self.maximum_timeout_s,
            certified: Vec::new(),
            no_reveal: Vec::new(),
        }
    }

    /// The budgets of failed tries.
    pub fn budgets(&self) -> Budgets {
        let steady = |a_minute: u32| Budget { burst: a_minute, per_minute: f64::from(a_minute) };
        Budgets {
            address: Budget { burst: self.address_burst, per_minute: self.address_per_minute },
            address_per_day: self.address_per_day,
            network: Budget { burst: self.network_burst, per_minute: self.network_per_minute },
            address_and_number: steady(self.address_and_number_per_minute),
            number: steady(self.number_per_minute),
            trusted: self.trusted().unwrap_or_default(),
            remembered: self.remembered,
        }
    }

    fn trusted(&self) -> Result<Vec<(IpAddr, u8)>, String> {
        let parsed = self.trusted_networks.iter().map(|text| {
            let network = parse_network(text);
            network.ok_or_else(|| format!("activation.trusted_networks: `{text}` is no network such as 192.0.2.0/24"))
        });
        parsed.collect()
    }
}

impl Portal {
    /// What the portal is told.
    pub fn options(&self) -> Result<portal::Options, String> {
        let base_url = match self.base_url.as_str() {
            "" => None,
            text => Some(BaseUrl::parse(text).ok_or_else(|| {
                format!("portal.base_url: `{text}` is no URL such as https://portal.example.org, without a path")
            })?),
        };
        positive("portal.idle_timeout_s", self.idle_timeout_s)?;
        positive("portal.absolute_timeout_s", self.absolute_timeout_s)?;
        let lifetimes = Lifetimes { idle_s: self.idle_timeout_s, absolute_s: self.absolute_timeout_s };
        Ok(portal::Options { base_url, lifetimes })
    }
}

impl Smtp {
    /// The relay, if there is one.
    pub(super) fn relay(&self) -> Result<Option<Relay>, String> {
        if self.host.is_empty() {
            return Ok(None);
        }
        let from = self.from.parse().map_err(|_| format!("smtp.from: `{}` is no mail address", self.from))?;
        let encryption = match self.encryption.as_str() {
            "none" => Encryption::None,
            "starttls" => Encryption::StartTls,
            "tls" => Encryption::Tls,
            other => return Err(format!("smtp.encryption: `{other}` is none of starttls, tls, none")),
        };
        let credentials = (!self.user.is_empty()).then(|| (self.user.clone(), self.password.clone()));
        Ok(Some(Relay { host: self.host.clone(), port: self.port, from, credentials, encryption }))
    }
}

impl Dispatch {
    /// The networks that are not public and may be reached.
    pub(super) fn allowed(&self) -> Result<Vec<Network>, String> {
        let parsed = self.allowed_networks.iter().map(|text| {
            let network = parse_network(text).map(|(address, bits)| Network { address, bits });
            network.ok_or_else(|| format!("dispatch.allowed_networks: `{text}` is no network such as 10.1.0.0/16"))
        });
        parsed.collect()
    }
}

fn parse_network(text: &str) -> Option<(IpAddr, u8)> {
    let (address, bits) = text.split_once('/')?;
    let (address, bits): (IpAddr, u8) = (address.parse().ok()?, bits.parse().ok()?);
    (bits <= if address.is_ipv4() { 32 } else { 128 }).then_some((address, bits))
}

fn positive<N: Default + PartialOrd>(key: &str, value: N) -> Result<(), String> {
    if value > N::default() { Ok(()) } else { Err(format!("{key} has to be above 0")) }
}

fn within<N: PartialOrd + std::fmt::Display>(key: &str, value: N, least: N, most: N) -> Result<(), String> {
    if value >= least && value <= most { Ok(()) } else { Err(format!("{key} has to be from {least} to {most}")) }
}

/// What other rooms take where nobody says otherwise.
mod defaults {
    pub fn coap() -> api::coap::Options {
        api::coap::Options::default()
    }

    pub fn store() -> store::Options {
        store::Options::new(std::path::PathBuf::new())
    }

    pub fn limits() -> model::Limits {
        model::Limits::default()
    }
}
