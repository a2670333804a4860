//! The vendor who prepares what is measured, over the public API (contract, manage.md) like any other.

use std::time::{Duration, Instant};

use kit::{Answer, Connection, Request, form};

use crate::server::Server;
use crate::{Outcome, failed};

/// Serial numbers of one request.
pub const BATCH: u64 = 100_000;

pub struct Vendor<'a> {
    server: &'a Server,
    connection: Connection,
}

impl<'a> Vendor<'a> {
    pub fn new(server: &'a Server) -> Outcome<Vendor<'a>> {
        Ok(Vendor { server, connection: Connection::open(server.address)?.patience(Duration::from_secs(300)) })
    }

    /// A model that clones the empty template.
    pub fn make_model(&mut self, model: &str, options: &[&str]) -> Outcome<()> {
        let mut fields = vec![("model", model), ("rid", &self.server.cast.template.rid)];
        fields.extend(options.iter().map(|option| ("options[]", *option)));
        self.post("/provision/manage/model/", &fields, 205).map(drop)
    }

    /// Registers the serial numbers of these indices, in batches; says how long the server took.
    pub fn register(&mut self, model: &str, indices: std::ops::Range<u64>) -> Outcome<Duration> {
        let (mut at, mut took) = (indices.start, Duration::ZERO);
        while at < indices.end {
            let end = indices.end.min(at + BATCH);
            let csv: String = (at..end).flat_map(|index| [serial_number(index), "\n".to_owned()]).collect();
            let request = self.request("POST", &format!("/provision/manage/model/{model}/"));
            let begin = Instant::now();
            self.ask(&request.header("Content-Type", "text/csv").body(csv), 205)?;
            took += begin.elapsed();
            at = end;
        }
        Ok(took)
    }

    pub fn post(&mut self, path: &str, fields: &[(&str, &str)], status: u16) -> Outcome<Answer> {
        let request = self.request("POST", path).header("Content-Type", "application/x-www-form-urlencoded");
        self.ask(&request.body(form(fields)), status)
    }

    pub fn upload(&mut self, model: &str, id: &str, bytes: &[u8]) -> Outcome<()> {
        // The last one may be closed: nothing was asked on it for as long as something was measured.
        self.connection = Connection::open(self.server.address)?.patience(Duration::from_secs(300));
        let request = self.request("POST", &format!("/provision/manage/content/{model}/{id}"));
        self.ask(&request.header("Content-Type", "application/octet-stream").body(bytes), 205).map(drop)
    }

    /// A request with the vendor's key.
    pub fn request(&self, method: &str, path: &str) -> Request {
        Request::new(method, path).header("X-Exosite-CIK", &self.server.cast.vendor.cik)
    }

    /// Sends a request whose answer must have that status.
    pub fn ask(&mut self, request: &Request, status: u16) -> Outcome<Answer> {
        let answer = self.connection.ask(request)?;
        if answer.status == status {
            return Ok(answer);
        }
        failed(format!("{} {} was answered {answer:?}", request.method(), request.target()))
    }

    /// Activates a number that may be activated; gives its CIK.
    pub fn activate(&mut self, model: &str, index: u64) -> Outcome<String> {
        let vendor = self.server.cast.vendor_name.clone();
        let fields = [("vendor", vendor.as_str()), ("model", model), ("sn", &serial_number(index))];
        let request = Request::post("/provision/activate", &fields);
        Ok(self.ask(&request, 200)?.text().to_owned())
    }
}

/// The serial number of an index: a MAC address as it is printed on a board.
pub fn serial_number(index: u64) -> String {
    format!("00A0{index:08X}")
}

/// The index at that place of an order that jumps all over the numbers: neighbours in time are none in the table.
pub fn scattered(place: u64, of: u64) -> u64 {
    // Odd and no multiple of 5: prime to every round number, so that each index comes once.
    (u128::from(place) * 618_033_989 % u128::from(of)) as u64
}
