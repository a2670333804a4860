//! The debugging protocol: calls and their answers, and events in between, over one WebSocket.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tungstenite::{Error, Message, WebSocket};

const PATIENCE: Duration = Duration::from_secs(60);
const GLANCE: Duration = Duration::from_millis(1);

/// The one connection to a browser.
pub struct Wire {
    socket: WebSocket<TcpStream>,
    next: u64,
    events: Vec<Event>,
}

/// Something that a page told.
pub struct Event {
    /// Whose.
    pub session: String,
    /// Its name.
    pub method: String,
    /// What it says.
    pub parameters: Value,
}

impl Wire {
    /// Opens it.
    pub fn open(address: SocketAddr, path: &str) -> Wire {
        let stream = TcpStream::connect(address).expect("Chromium listens");
        stream.set_nodelay(true).expect("a socket");
        let request = format!("ws://{address}{path}");
        let (socket, _) = tungstenite::client(request, stream).expect("Chromium speaks WebSocket");
        Wire { socket, next: 1, events: Vec::new() }
    }

    /// Calls and waits for the answer; events that come before it are kept.
    pub fn call(&mut self, session: Option<&str>, method: &str, parameters: Value) -> Result<Value, String> {
        let id = self.next;
        self.next += 1;
        let mut message = json!({"id": id, "method": method, "params": parameters});
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        self.socket.send(Message::text(message.to_string())).map_err(|why| why.to_string())?;
        let since = Instant::now();
        while since.elapsed() < PATIENCE {
            let Some(mut heard) = self.read(PATIENCE)? else { continue };
            if heard["id"].as_u64() != Some(id) {
                self.keep(heard);
                continue;
            }
            return match heard.get("error") {
                Some(error) => Err(error.to_string()),
                None => Ok(heard["result"].take()),
            };
        }
        Err(format!("no answer within {PATIENCE:?}"))
    }

    /// What one page told since it was asked last.
    pub fn events(&mut self, session: &str) -> Vec<Event> {
        while let Ok(Some(heard)) = self.read(GLANCE) {
            self.keep(heard);
        }
        let (its, others) = std::mem::take(&mut self.events).into_iter().partition(|event| event.session == session);
        self.events = others;
        its
    }

    fn keep(&mut self, mut heard: Value) {
        let Some(method) = heard["method"].as_str().map(str::to_owned) else { return };
        let session = heard["sessionId"].as_str().unwrap_or_default().to_owned();
        if method == "Page.javascriptDialogOpening" {
            // A dialog stops its page, calls under way included: it is closed at once, and told of later.
            let closing = json!({"id": self.next, "method": "Page.handleJavaScriptDialog", "params": {"accept": false}, "sessionId": session});
            self.next += 1;
            let _ = self.socket.send(Message::text(closing.to_string()));
        }
        self.events.push(Event { session, method, parameters: heard["params"].take() });
    }

    fn read(&mut self, patience: Duration) -> Result<Option<Value>, String> {
        self.socket.get_ref().set_read_timeout(Some(patience)).map_err(|why| why.to_string())?;
        match self.socket.read() {
            Ok(Message::Text(text)) => serde_json::from_str(&text).map(Some).map_err(|why| why.to_string()),
            Ok(_) => Ok(None),
            Err(Error::Io(why)) if matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok(None),
            Err(why) => Err(why.to_string()),
        }
    }
}
