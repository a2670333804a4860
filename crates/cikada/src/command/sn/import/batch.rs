//! Rows that are sent together, and what becomes of them when the server refuses them together.

use std::collections::HashMap;

use model::{Limits, SerialNumber};

use super::{Report, Tally};
use crate::client::{Request, Server};
use crate::command::sn::PATH;
use crate::failure::Outcome;
use crate::output::visible;

/// A body is sent when it is this long, whatever the number of rows: half of what a server takes.
const BODY_BYTES: usize = 8 << 20;

/// Rows waiting to be sent.
pub struct Batch {
    rows: usize,
    csv: String,
    places: Vec<Place>,
    lines: HashMap<String, u64>,
}

/// Where a row stands in the body, and where it stood in the file.
struct Place {
    line: u64,
    end: usize,
}

impl Batch {
    /// Of at most `rows` rows.
    pub fn new(rows: usize) -> Batch {
        Batch { rows, csv: String::new(), places: Vec::new(), lines: HashMap::new() }
    }

    /// Adds a row, unless it can be seen from here that it is wrong. How long things may be is the server's business.
    pub fn push(&mut self, line: u64, sn: &str, extra: Option<&str>) -> Result<(), String> {
        let any_length = Limits { id_bytes: usize::MAX, ..Limits::default() };
        if SerialNumber::parse(sn, &any_length).is_err() {
            let why = if sn.is_empty() {
                "the serial number is empty"
            } else {
                "not a serial number: a slash, a comma, a control character or an outer space"
            };
            return Err(why.to_owned());
        }
        if let Some(former) = self.lines.get(sn) {
            return Err(format!("the same serial number as in line {former}"));
        }
        self.lines.insert(sn.to_owned(), line);
        wire::csv::write_record(&mut self.csv, [Some(sn), extra].into_iter().flatten());
        self.places.push(Place { line, end: self.csv.len() });
        Ok(())
    }

    /// Whether it is time to send.
    pub fn is_full(&self) -> bool {
        self.places.len() >= self.rows || self.csv.len() >= BODY_BYTES
    }

    /// Empties the batch.
    pub fn clear(&mut self) {
        self.csv.clear();
        self.places.clear();
        self.lines.clear();
    }

    /// Registers the rows; those that are refused go to the report.
    pub fn send(&self, server: &Server, model: &str, tally: &mut Tally, report: &mut Report) -> Outcome {
        // Pieces still to be sent, the next one last. A stack, because halves of halves come back in order.
        let mut pieces = vec![(0, self.places.len())];
        while let Some((first, last)) = pieces.pop() {
            if first == last {
                continue;
            }
            let begin = first.checked_sub(1).map_or(0, |before| self.places[before].end);
            let csv = &self.csv[begin..self.places[last - 1].end];
            let request = Request::post(PATH, &[model])
                .collection()
                .body("text/csv", csv.as_bytes().to_vec())
                .to(format!("register lines {} to {}", self.places[first].line, self.places[last - 1].line));
            let answer = server.call(&request)?;
            match (answer.status, last - first) {
                (409, 1) => tally.already += 1,
                (400 | 413, 1) => {
                    tally.refused += 1;
                    let said = visible(answer.body.trim());
                    let said = if said.is_empty() { "the server refused it" } else { &said };
                    report.add(self.places[first].line, csv.trim_end(), said)?;
                }
                (400 | 409 | 413, count) => {
                    let middle = first + count / 2;
                    pieces.push((middle, last));
                    pieces.push((first, middle));
                }
                (_, count) => {
                    answer.accepted(&request)?;
                    tally.registered += count as u64;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::client::fixture::{answer, serve};

    /// A server that registers whole batches, refuses `bad…`, and knows `old…`.
    fn server() -> (Server, Arc<Mutex<HashSet<String>>>) {
        let known: Arc<Mutex<HashSet<String>>> = Arc::default();
        let shared = known.clone();
        let server = serve(move |request| {
            let body = request.split("\r\n\r\n").nth(1).unwrap();
            let sns: Vec<&str> = body.lines().map(|line| line.split(',').next().unwrap()).collect();
            let mut known = shared.lock().unwrap();
            if sns.iter().any(|sn| sn.starts_with("bad")) {
                return answer("400 Bad Request", "", b"sn is malformed");
            }
            if let Some(sn) = sns.iter().find(|sn| sn.starts_with("old") || known.contains(**sn)) {
                return answer("409 Conflict", "", sn.as_bytes());
            }
            known.extend(sns.iter().map(|sn| (*sn).to_owned()));
            answer("205 Reset Content", "", b"")
        });
        (server, known)
    }

    #[test]
    fn one_bad_row_does_not_keep_the_others_out() {
        let (server, known) = server();
        let mut batch = Batch::new(100);
        for line in 1..=50 {
            let kind = match line {
                7 | 8 | 50 => "bad",
                1 | 23 => "old",
                _ => "new",
            };
            batch.push(line, &format!("{kind}{line}"), Some("x")).unwrap();
        }
        let mut tally = Tally::default();
        batch.send(&server, "m", &mut tally, &mut Report::new(None, false).unwrap()).unwrap();
        assert_eq!(tally, Tally { registered: 45, already: 2, refused: 3 });
        assert_eq!(known.lock().unwrap().len(), 45);
    }

    #[test]
    fn a_row_that_is_wrong_by_itself_is_never_sent() {
        let mut batch = Batch::new(100);
        batch.push(1, "A1", None).unwrap();
        assert_eq!(batch.push(2, "A1", None), Err("the same serial number as in line 1".into()));
        for wrong in ["", " A", "a/b", "a\tb"] {
            assert!(batch.push(3, wrong, None).is_err(), "{wrong:?}");
        }
        assert_eq!(batch.places.len(), 1);
    }

    #[test]
    fn a_refusal_of_the_whole_import_stops_it() {
        let server = serve(|_| answer("404 Not Found", "", b"no such model"));
        let mut batch = Batch::new(100);
        batch.push(1, "A1", None).unwrap();
        let mut tally = Tally::default();
        let failure = batch.send(&server, "m", &mut tally, &mut Report::new(None, false).unwrap()).unwrap_err();
        assert_eq!(failure.to_string(), "cannot register lines 1 to 1 (404: no such model)");
        assert_eq!(tally, Tally::default());
    }
}
