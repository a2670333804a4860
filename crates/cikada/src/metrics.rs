//! `GET /metrics` on a listener for the operator: what the server does, in the text format that Prometheus reads.
//!
//! Written by hand: a page of names and numbers needs no registry, and what it reads are counts that are there anyway.

use std::fmt::{Display, Write as _};
use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use api::common::app::App;
use api::http::{Answer, Listener, Options, Request, Site};
use http::{HeaderValue, Method, StatusCode};
use model::tally::Histogram;

use crate::failure::{Doing as _, Outcome};

/// Scrapers at a time.
const CONNECTIONS: usize = 16;
const FORMAT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// What stands behind the operator's listener.
pub struct Metrics {
    app: Arc<App>,
    began: Instant,
}

impl Metrics {
    pub fn new(app: Arc<App>) -> Metrics {
        Metrics { app, began: Instant::now() }
    }

    /// Serves until `stop` is ready.
    pub async fn serve(self, listener: Listener, stop: impl Future<Output = ()>) -> Outcome {
        let options = Options { workers: Some(1), connections: CONNECTIONS, ..Options::default() };
        listener.serve(Arc::new(self), options, stop).await.doing("serve metrics")
    }
}

/// Takes the operator's address.
pub fn bind(address: SocketAddr) -> Outcome<Listener> {
    Listener::bind(address).doing(format_args!("listen on {address} for metrics"))
}

impl Site for Metrics {
    async fn answer(self: Arc<Self>, request: Request) -> Answer {
        match (request.head.method(), request.head.path()) {
            (&Method::GET | &Method::HEAD, "/metrics") => Answer::bytes(StatusCode::OK, FORMAT, self.page()),
            (_, "/metrics") => Answer::method_not_allowed("GET, HEAD"),
            _ => Answer::not_found(),
        }
    }
}

impl Metrics {
    fn page(&self) -> String {
        let mut page = Page::default();
        let version = env!("CARGO_PKG_VERSION");
        page.gauge("cikada_build_info", "The version that runs.", &[(&[("version", &version)], 1)]);
        page.gauge("cikada_uptime_seconds", "Seconds since the start.", &[(&[], self.began.elapsed().as_secs())]);
        self.process(&mut page);
        self.protocols(&mut page);
        self.provisioning(&mut page);
        self.store(&mut page);
        self.blobs(&mut page);
        page.0
    }

    fn process(&self, page: &mut Page) {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let resident = resident.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
        if let Some(kib) = resident {
            page.gauge("process_resident_memory_bytes", "Resident memory.", &[(&[], kib * 1024)]);
        }
        if let Ok(open) = fs::read_dir("/proc/self/fd") {
            page.gauge("process_open_fds", "Open files and sockets.", &[(&[], open.count() as u64)]);
        }
    }

    fn protocols(&self, page: &mut Page) {
        let measures = &self.app.measures;
        let connections = measures.connections.get();
        page.gauge("cikada_http_connections", "Open connections of the HTTP listener.", &[(&[], connections)]);
        let waiting = self.app.store.waiting() as u64;
        page.gauge("cikada_waiting", "Long polls, observers and subscriptions that wait.", &[(&[], waiting)]);
        page.head("cikada_http_requests_total", "counter", "Requests by route and status.");
        for (route, statuses, _) in measures.routes() {
            for (status, count) in statuses {
                let status = if status == 0 { "other".to_owned() } else { status.to_string() };
                page.line("cikada_http_requests_total", &[("route", &route.template()), ("status", &status)], count);
            }
        }
        page.head("cikada_http_request_seconds", "histogram", "From a request's head to its answer, by route.");
        for (route, _, times) in measures.routes() {
            page.histogram("cikada_http_request_seconds", &[("route", &route.template())], times, 1e-6);
        }
        page.head("cikada_coap_responses_total", "counter", "Answers of CoAP by code.");
        for (code, count) in measures.coap_codes() {
            let code = format!("{}.{:02}", code >> 5, code & 31);
            page.line("cikada_coap_responses_total", &[("code", &code)], count);
        }
        page.head("cikada_coap_request_seconds", "histogram", "From a CoAP request to its answer.");
        page.histogram("cikada_coap_request_seconds", &[], measures.coap_times(), 1e-6);
    }

    fn provisioning(&self, page: &mut Page) {
        let measures = &self.app.measures;
        page.counter(
            "cikada_activations_total",
            "Tries to activate by outcome; refused ones were over a budget.",
            &[
                (&[("outcome", &"activated")], measures.activated.get()),
                (&[("outcome", &"failed")], measures.failed_tries.get()),
                (&[("outcome", &"refused")], measures.refused_tries.get()),
            ],
        );
        let about = "Models with more than 600 failed tries in a day: somebody may be guessing.";
        page.counter("cikada_guessing_alarms_total", about, &[(&[], measures.alarms.get())]);
    }

    fn store(&self, page: &mut Page) {
        let (store, tally) = (&self.app.store, self.app.store.tally());
        let healthy = u64::from(store.is_healthy());
        page.gauge("cikada_store_healthy", "0 after a storage fault.", &[(&[], healthy)]);
        page.gauge("cikada_store_queue", "Requests that wait for the writer.", &[(&[], tally.waiting())]);
        page.counter(
            "cikada_store_refusals_total",
            "Requests that were answered 503 because too many waited.",
            &[(&[("queue", &"write")], tally.refused.get()), (&[("queue", &"read")], tally.refused_reads.get())],
        );
        page.counter("cikada_store_failed_commits_total", "Commits that failed.", &[(&[], tally.failed_commits.get())]);
        page.head("cikada_store_commit_seconds", "histogram", "From a commit's first request to the disk.");
        page.histogram("cikada_store_commit_seconds", &[], &tally.commit_times, 1e-6);
        page.head("cikada_store_commit_requests", "histogram", "Requests that shared a commit.");
        page.histogram("cikada_store_commit_requests", &[], &tally.commit_jobs, 1.0);
    }

    fn blobs(&self, page: &mut Page) {
        let (measures, blobs, tally) = (&self.app.measures, &self.app.blobs, self.app.blobs.tally());
        page.counter(
            "cikada_content_bytes_total",
            "Bytes of content that went up and down.",
            &[
                (&[("direction", &"down")], measures.content_sent.get()),
                (&[("direction", &"up")], measures.content_stored.get()),
            ],
        );
        let pieces = blobs.piece_bytes() as u64;
        page.gauge("cikada_content_piece_bytes", "Memory of pieces on their way to clients.", &[(&[], pieces)]);
        page.counter(
            "cikada_object_store_downloads_total",
            "Downloads of large content by where it came from.",
            &[(&[("from", &"kept")], tally.from_here.get()), (&[("from", &"store")], tally.from_afar.get())],
        );
        page.gauge(
            "cikada_object_store_calls",
            "Calls to the object store that are under way.",
            &[(&[], tally.calling.get())],
        );
        page.counter(
            "cikada_object_store_failures_total",
            "Calls that failed: once and were tried again, or for good.",
            &[(&[("kind", &"again")], tally.tried_again.get()), (&[("kind", &"final")], tally.failed.get())],
        );
        page.head("cikada_object_store_call_seconds", "histogram", "How long calls to the object store took.");
        page.histogram("cikada_object_store_call_seconds", &[], &tally.calls, 1e-6);
    }
}

type Labels<'a> = &'a [(&'a str, &'a dyn Display)];

/// The text as it grows. Label values are ours: templates, codes, words, a version; nothing in them needs an escape.
#[derive(Default)]
struct Page(String);

impl Page {
    fn head(&mut self, name: &str, kind: &str, about: &str) {
        let _ = writeln!(self.0, "# HELP {name} {about}\n# TYPE {name} {kind}");
    }

    fn counter(&mut self, name: &str, about: &str, lines: &[(Labels<'_>, u64)]) {
        self.head(name, "counter", about);
        lines.iter().for_each(|(labels, value)| self.line(name, labels, value));
    }

    fn gauge(&mut self, name: &str, about: &str, lines: &[(Labels<'_>, u64)]) {
        self.head(name, "gauge", about);
        lines.iter().for_each(|(labels, value)| self.line(name, labels, value));
    }

    fn line(&mut self, name: &str, labels: Labels<'_>, value: impl Display) {
        self.0.push_str(name);
        for (number, (label, text)) in labels.iter().enumerate() {
            let _ = write!(self.0, "{}{label}=\"{text}\"", if number == 0 { '{' } else { ',' });
        }
        let _ = writeln!(self.0, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }

    fn histogram<const BUCKETS: usize>(
        &mut self,
        name: &str,
        labels: Labels<'_>,
        values: &Histogram<BUCKETS>,
        unit: f64,
    ) {
        // The count is of what the buckets hold, so that a value that comes meanwhile does not make it smaller than one of them.
        let (cumulated, count) = (values.cumulated().collect::<Vec<_>>(), values.count());
        let bucket = format!("{name}_bucket");
        for (bound, below) in cumulated {
            let bound = bound as f64 * unit;
            self.line(&bucket, &[labels, &[("le", &bound)]].concat(), below);
        }
        self.line(&bucket, &[labels, &[("le", &"+Inf")]].concat(), count);
        self.line(&format!("{name}_sum"), labels, values.sum() as f64 * unit);
        self.line(&format!("{name}_count"), labels, count);
    }
}

#[cfg(test)]
mod tests {
    use model::tally::Sizes;

    use super::*;

    #[test]
    fn a_page_is_what_prometheus_reads() {
        let (mut page, sizes) = (Page::default(), Sizes::default());
        page.counter("a_total", "About it.", &[(&[("x", &"y"), ("z", &1)], 7), (&[], 8)]);
        [1, 3, 300].iter().for_each(|value| sizes.observe(*value));
        page.histogram("h", &[("x", &"y")], &sizes, 1.0);
        let lines: Vec<&str> = page.0.lines().collect();
        assert_eq!(
            lines[..4],
            ["# HELP a_total About it.", "# TYPE a_total counter", "a_total{x=\"y\",z=\"1\"} 7", "a_total 8"]
        );
        assert_eq!(
            lines[4..7],
            ["h_bucket{x=\"y\",le=\"1\"} 1", "h_bucket{x=\"y\",le=\"2\"} 1", "h_bucket{x=\"y\",le=\"4\"} 2"]
        );
        let end = &lines[lines.len() - 3..];
        assert_eq!(end, ["h_bucket{x=\"y\",le=\"+Inf\"} 3", "h_sum{x=\"y\"} 304", "h_count{x=\"y\"} 3"]);
    }
}
