//! Who may do what (THREATS part 4, goal G6): a row for every route of HTTP, procedure of the resource API and resource of CoAP,
//! tried by every kind of caller on what is its own, another's, shared and absent. Rows are compared with what the server's
//! source lists, so that a call without a row fails here. After each refusal no byte of the database is another; where
//! hidden and absent things are told alike, the answers are equal byte by byte.
//!
//! What the vendor and its partner may do is in `authority`, which plays each allowed call on a model of its own.

mod cast;
mod coap;
mod device;
mod interference;
mod listed;
mod management;
mod resource;

use cikada_tests::{Answer, Connection, Request, Server, Witness, rules};

/// One connection, over which a caller asks one thing after another, and a witness that sees whether anything was changed.
struct Line<'a> {
    server: &'a Server,
    connection: Connection,
    witness: &'a Witness,
    cells: usize,
}

impl<'a> Line<'a> {
    fn new(server: &'a Server, witness: &'a Witness) -> Line<'a> {
        Line { server, connection: server.connect(), witness, cells: 0 }
    }

    /// Asks; whatever is answered keeps the rules of all answers.
    #[track_caller]
    fn ask(&mut self, request: &Request) -> Answer {
        self.cells += 1;
        let answer = self.connection.ask(request).unwrap_or_else(|_| {
            // A refusal may end the connection; then it is another one's turn.
            self.connection = self.server.connect();
            self.connection.ask(request).unwrap()
        });
        assert_eq!(rules::broken(&answer, request.method()), None);
        answer
    }

    /// Asks for something that is refused, or at least changes nothing.
    #[track_caller]
    fn ask_in_vain(&mut self, request: &Request) -> Answer {
        let witness = self.witness;
        witness.sees_no_change(|| self.ask(request), || String::from_utf8_lossy(&request.to_bytes()).into_owned())
    }
}

/// All that a caller can tell of an answer but its date, with the names of the objects taken out.
fn told(answer: &Answer, names: &[&str]) -> String {
    let mut text = String::from_utf8_lossy(&answer.to_bytes()).into_owned();
    if let Some(date) = answer.header("date") {
        text = text.replace(date, "now");
    }
    names.iter().fold(text, |text, name| text.replace(name, "------"))
}
