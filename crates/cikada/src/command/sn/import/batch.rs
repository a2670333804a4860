//! Rows that are sent together, and what becomes of them when the server refuses them together.

use std::collections::{HashMap, HashSet};
use std::ops::{Range, RangeInclusive};

use indicatif::ProgressBar;
use model::{Limits, SerialNumber};

use super::known::Known;
use super::{Report, Tally};
use crate::client::{Request, Server};
use crate::command::sn::PATH;
use crate::crowd::crowd;
use crate::failure::Outcome;
use crate::output::visible;

/// A body is sent when it is this long, whatever the number of rows: half of what a server takes.
const BODY_BYTES: usize = 8 << 20;

/// Rows that are refused together are sent one by one, this many at a time, when they are fewer than `ALONE`: few at first,
/// more while most of them turn out to be refused.
const AT_ONCE: usize = 16;
const ALONE: RangeInclusive<usize> = 8..=4096;

/// Rows of a refused batch from which on it is worth asking which numbers there are.
const WORTH_ASKING: usize = 100;

/// Rows waiting to be sent.
pub struct Batch {
    rows: usize,
    alone: usize,
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
        Batch { rows, alone: *ALONE.start(), csv: String::new(), places: Vec::new(), lines: HashMap::new() }
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

    /// Registers the rows; those that are refused go to the report. The first time that many are refused because of some that
    /// are there, it is asked which are.
    pub fn send(
        &mut self,
        server: &Server,
        model: &str,
        known: &mut Known,
        tally: &mut Tally,
        report: &mut Report,
    ) -> Outcome {
        self.pass_over(known, tally);
        // Pieces still to be sent, the next one last. A stack, because halves of halves come back in order.
        let mut pieces: Vec<Range<usize>> = std::iter::once(0..self.places.len()).collect();
        while let Some(piece) = pieces.pop() {
            if piece.is_empty() {
                continue;
            }
            let (sent, middle) = (self.send_piece(server, model, piece.clone())?, piece.start + piece.len() / 2);
            match sent {
                Sent::Registered => tally.registered += piece.len() as u64,
                Sent::Refused(_) if piece.len() > self.alone => pieces.extend([middle..piece.end, piece.start..middle]),
                // Nothing of this batch is registered yet, so all of it can be looked at anew.
                Sent::Exists
                    if piece.len() > WORTH_ASKING && !known.is_loaded() && piece.len() == self.places.len() =>
                {
                    known.load(server, model)?;
                    self.pass_over(known, tally);
                    pieces.push(0..self.places.len());
                }
                Sent::Exists if piece.len() > self.alone => pieces.extend([middle..piece.end, piece.start..middle]),
                Sent::Refused(_) | Sent::Exists => self.send_alone(server, model, piece, tally, report)?,
            }
        }
        Ok(())
    }

    /// Leaves out the rows that are there already.
    fn pass_over(&mut self, known: &Known, tally: &mut Tally) {
        if !known.is_loaded() {
            return;
        }
        let lines: HashSet<u64> = self.lines.iter().filter(|(sn, _)| known.holds(sn)).map(|(_, line)| *line).collect();
        if lines.is_empty() {
            return;
        }
        tally.already += lines.len() as u64;
        let (csv, places) = (std::mem::take(&mut self.csv), std::mem::take(&mut self.places));
        let mut begin = 0;
        for Place { line, end } in places {
            if !lines.contains(&line) {
                self.csv.push_str(&csv[begin..end]);
                self.places.push(Place { line, end: self.csv.len() });
            }
            begin = end;
        }
    }

    /// Sends each row by itself, so that each gets its own answer.
    fn send_alone(
        &mut self,
        server: &Server,
        model: &str,
        piece: Range<usize>,
        tally: &mut Tally,
        report: &mut Report,
    ) -> Outcome {
        let each = |index| self.send_piece(server, model, piece.start + index..piece.start + index + 1);
        let sent = crowd(piece.len(), AT_ONCE, &ProgressBar::hidden(), each)?.results;
        let mut registered = 0;
        for (index, sent) in piece.clone().zip(sent) {
            match sent {
                Sent::Registered => registered += 1,
                Sent::Exists => tally.already += 1,
                Sent::Refused(reason) => {
                    tally.refused += 1;
                    report.add(self.places[index].line, self.csv(index..index + 1).trim_end(), &reason)?;
                }
            }
        }
        tally.registered += registered as u64;
        let mostly_refused = registered * 2 < piece.len();
        self.alone = if mostly_refused { (self.alone * 4).min(*ALONE.end()) } else { *ALONE.start() };
        Ok(())
    }

    fn send_piece(&self, server: &Server, model: &str, piece: Range<usize>) -> Outcome<Sent> {
        let (first, last) = (self.places[piece.start].line, self.places[piece.end - 1].line);
        let request = Request::post(PATH, &[model])
            .collection()
            .body("text/csv", self.csv(piece).as_bytes().to_vec())
            .to(format!("register lines {first} to {last}"));
        let answer = server.call(&request)?;
        match answer.status {
            409 => Ok(Sent::Exists),
            400 | 413 => {
                let said = visible(answer.body.trim());
                Ok(Sent::Refused(if said.is_empty() { "the server refused it".to_owned() } else { said }))
            }
            _ => answer.accepted(&request).map(|_| Sent::Registered),
        }
    }

    fn csv(&self, rows: Range<usize>) -> &str {
        let begin = rows.start.checked_sub(1).map_or(0, |before| self.places[before].end);
        &self.csv[begin..self.places[rows.end - 1].end]
    }
}

/// What became of rows that were sent together.
enum Sent {
    Registered,
    Exists,
    Refused(String),
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
        batch.send(&server, "m", &mut Known::default(), &mut tally, &mut Report::new(None, false).unwrap()).unwrap();
        assert_eq!(tally, Tally { registered: 45, already: 2, refused: 3 });
        assert_eq!(known.lock().unwrap().len(), 45);
    }

    #[test]
    fn a_batch_of_rows_that_are_there_takes_a_few_questions() {
        let questions = Arc::new(Mutex::new(Vec::new()));
        let asked = Arc::clone(&questions);
        let server = serve(move |request| {
            asked.lock().unwrap().push(request.lines().next().unwrap().to_owned());
            if let Some(query) = request.strip_prefix("get ") {
                let offset: usize = query.split("offset=").nth(1).unwrap().split('&').next().unwrap().parse().unwrap();
                let page: String =
                    (offset..2_500.min(offset + 1_000)).map(|number| format!("sn{number},,\n")).collect();
                return answer("200 OK", "", page.as_bytes());
            }
            let body = request.split("\r\n\r\n").nth(1).unwrap();
            match body.lines().any(|line| line[2..].parse::<usize>().is_ok_and(|number| number < 2_500)) {
                true => answer("409 Conflict", "", b""),
                false => answer("205 Reset Content", "", b""),
            }
        });
        let mut batch = Batch::new(5_000);
        (0..3_000).for_each(|number| batch.push(number, &format!("sn{number}"), None).unwrap());
        let (mut known, mut tally) = (Known::default(), Tally::default());
        let mut report = Report::new(None, false).unwrap();
        batch.send(&server, "m", &mut known, &mut tally, &mut report).unwrap();
        assert_eq!(tally, Tally { registered: 500, already: 2_500, refused: 0 });
        assert_eq!(questions.lock().unwrap().len(), 5, "{:?}", questions.lock().unwrap());
        batch.clear();
        (0..2_500).for_each(|number| batch.push(number, &format!("sn{number}"), None).unwrap());
        batch.send(&server, "m", &mut known, &mut tally, &mut report).unwrap();
        assert_eq!(tally, Tally { registered: 500, already: 5_000, refused: 0 });
        assert_eq!(questions.lock().unwrap().len(), 5, "nothing has to be asked again");
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
        let failure = batch
            .send(&server, "m", &mut Known::default(), &mut tally, &mut Report::new(None, false).unwrap())
            .unwrap_err();
        assert_eq!(failure.to_string(), "cannot register lines 1 to 1 (404: no such model)");
        assert_eq!(tally, Tally::default());
    }
}
