//! What every protocol counts for the operator. A request costs two looks at the clock and three additions.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::StatusCode;
use model::tally::{Count, Gauge, Times};
use quick_cache::sync::Cache;

use crate::http::Route;

/// The statuses that are counted by themselves.
const STATUSES: [u16; 18] = [101, 200, 204, 205, 206, 304, 307, 400, 401, 403, 404, 405, 409, 413, 415, 429, 500, 503];
/// Failed tries on one model in a day beyond which an operator should look (THREATS, T01).
const TRIES_A_DAY: u64 = 600;
const DAY_S: i64 = 24 * 3600;
/// Models whose failed tries are counted at a time.
const MODELS: usize = 10_000;

/// The counts of one server since its process began.
pub struct Measures {
    http: Vec<RouteMeasures>,
    coap: [AtomicU64; 256],
    coap_times: Times,
    /// Open connections of the HTTP listener.
    pub connections: Gauge,
    /// Activations that gave a key.
    pub activated: Count,
    /// Activations that failed.
    pub failed_tries: Count,
    /// Activations that a budget refused before any look.
    pub refused_tries: Count,
    /// Models that had more failed tries in a day than a fleet makes by mistake.
    pub alarms: Count,
    /// Bytes of content that were handed to connections.
    pub content_sent: Count,
    /// Bytes of content that were stored.
    pub content_stored: Count,
    models: Cache<(String, String), std::sync::Arc<Day>>,
}

/// The measures of one route.
struct RouteMeasures {
    statuses: [AtomicU64; STATUSES.len() + 1],
    times: Times,
}

/// Failed tries of one model in one day.
#[derive(Default)]
struct Day {
    number: AtomicU64,
    tries: AtomicU64,
}

impl Measures {
    /// Nothing has happened yet.
    pub fn new() -> Measures {
        let of_route =
            |_: &Route| RouteMeasures { statuses: std::array::from_fn(|_| AtomicU64::new(0)), times: Times::default() };
        Measures {
            http: Route::ALL.iter().map(of_route).collect(),
            coap: std::array::from_fn(|_| AtomicU64::new(0)),
            coap_times: Times::default(),
            connections: Gauge::default(),
            activated: Count::default(),
            failed_tries: Count::default(),
            refused_tries: Count::default(),
            alarms: Count::default(),
            content_sent: Count::default(),
            content_stored: Count::default(),
            models: Cache::new(MODELS),
        }
    }

    /// A request of HTTP was answered.
    pub fn http(&self, route: Route, status: StatusCode, took: Duration) {
        let Some(measures) = self.http.get(route as usize) else { return };
        let place = STATUSES.binary_search(&status.as_u16()).unwrap_or(STATUSES.len());
        measures.statuses[place].fetch_add(1, Ordering::Relaxed);
        measures.times.took(took);
    }

    /// A request of CoAP was answered with that code.
    pub fn coap(&self, code: u8, took: Duration) {
        self.coap[usize::from(code)].fetch_add(1, Ordering::Relaxed);
        self.coap_times.took(took);
    }

    /// A try to activate failed. Says so in the log, once a day, when it was one too many for its model.
    pub fn failed_try(&self, vendor: &str, model: &str, now: i64) {
        self.failed_tries.one();
        let name = (vendor.to_owned(), model.to_owned());
        let Ok(day) = self.models.get_or_insert_with(&name, || Ok::<_, ()>(std::sync::Arc::default())) else { return };
        let today = u64::try_from(now / DAY_S).unwrap_or_default();
        if day.number.swap(today, Ordering::Relaxed) != today {
            day.tries.store(0, Ordering::Relaxed);
        }
        if day.tries.fetch_add(1, Ordering::Relaxed) == TRIES_A_DAY {
            self.alarms.one();
            tracing::warn!(
                vendor,
                model,
                "more than {TRIES_A_DAY} tries to activate failed today: is somebody guessing?"
            );
        }
    }

    /// The routes that were asked for, each with its statuses (0: another one) and times.
    pub fn routes(&self) -> impl Iterator<Item = (Route, Vec<(u16, u64)>, &Times)> {
        Route::ALL.iter().zip(&self.http).filter(|(_, measures)| measures.times.count() > 0).map(|(route, measures)| {
            let codes = STATUSES.iter().copied().chain([0]);
            let counts = measures.statuses.iter().map(|count| count.load(Ordering::Relaxed));
            (*route, codes.zip(counts).filter(|(_, count)| *count > 0).collect(), &measures.times)
        })
    }

    /// The codes that CoAP answered with, as numbers, and how often.
    pub fn coap_codes(&self) -> impl Iterator<Item = (u8, u64)> {
        let counts = self.coap.iter().map(|count| count.load(Ordering::Relaxed));
        (0..=255).zip(counts).filter(|(_, count)| *count > 0)
    }

    /// How long answers of CoAP took.
    pub fn coap_times(&self) -> &Times {
        &self.coap_times
    }
}

impl Default for Measures {
    fn default() -> Measures {
        Measures::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_counted_with_its_route_and_status() {
        let measures = Measures::new();
        let took = Duration::from_millis(3);
        for status in [StatusCode::OK, StatusCode::OK, StatusCode::CONFLICT, StatusCode::IM_A_TEAPOT] {
            measures.http(Route::Activate, status, took);
        }
        let (route, statuses, times) = measures.routes().next().unwrap();
        assert_eq!((route, statuses), (Route::Activate, vec![(200, 2), (409, 1), (0, 1)]));
        assert_eq!((times.count(), times.sum()), (4, 12_000));
        assert_eq!(measures.routes().count(), 1);
    }

    #[test]
    fn every_route_has_its_place_and_statuses_are_in_order() {
        let measures = Measures::new();
        Route::ALL.iter().for_each(|route| measures.http(*route, StatusCode::OK, Duration::ZERO));
        assert_eq!(measures.routes().count(), Route::ALL.len());
        assert!(STATUSES.is_sorted());
    }

    #[test]
    fn guessing_at_one_model_is_an_alarm_once_a_day() {
        let measures = Measures::new();
        for _ in 0..TRIES_A_DAY {
            measures.failed_try("acme", "m", 1000);
        }
        assert_eq!(measures.alarms.get(), 0, "at the bound");
        for _ in 0..10 {
            measures.failed_try("acme", "m", 2000);
            measures.failed_try("acme", "other", 2000);
        }
        assert_eq!(measures.alarms.get(), 1, "beyond it");
        for _ in 0..=TRIES_A_DAY {
            measures.failed_try("acme", "m", 2000 + DAY_S);
        }
        assert_eq!(measures.alarms.get(), 2, "another day");
    }
}
