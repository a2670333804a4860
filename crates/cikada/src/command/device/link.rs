//! How a device reaches its server: over HTTP or over CoAP, by the same rules (contract, device.md, coap.md).

use std::path::Path;

use model::Cik;
use wire::coap::Code;

use crate::client::coap::{self, Ask, Coap};
use crate::client::{Answer, Downloaded, Flags, Request, Server, download};
use crate::failure::{Failure, Outcome};

const PATH: &str = "/provision/download";
const NOT_ENABLED: &str = "it is not enabled, its window is over, or it was activated already: the vendor sees which with `cikada sn show MODEL SN`, and opens a new window with `cikada sn reenable`";
const UNKNOWN_NUMBER: &str = "this vendor has no such model, or it has no such serial number: check the spelling";
const MALFORMED: &str = "vendor, model and serial number must be there, and a nonce has 16 to 64 characters";
const NO_CONTENT: &str = "no such content, or not for this device: `cikada device list` shows what is";
const DEAD_KEY: &str = "this key is not alive: was the device re-enabled or disabled since? Activate again";
const FOREIGN_KEY: &str = "this key belongs to no activated device of that vendor and model";

const OVER_COAP: &[(Code, &str)] = &[
    (Code::BAD_REQUEST, NO_CONTENT),
    (Code::UNAUTHORIZED, DEAD_KEY),
    (Code::FORBIDDEN, FOREIGN_KEY),
    (Code::NOT_FOUND, NO_CONTENT),
];

/// The server as a device sees it.
pub enum Link {
    Http(Server),
    Coap(Coap),
}

/// Which device it is, once that is known.
pub struct Activation<'a> {
    pub vendor: &'a str,
    pub model: &'a str,
    pub sn: &'a str,
    pub nonce: Option<&'a str>,
}

impl Link {
    /// To the server of the flags, without a key.
    pub fn of_anybody(flags: &Flags) -> Outcome<Link> {
        if flags.speak_coap()? {
            return Coap::at(&flags.server, None).map(Link::Coap);
        }
        flags.anybody().map(Link::Http)
    }

    /// To the server of the flags, with this key, or that of the flags.
    pub fn of_holder(flags: &Flags, cik: Option<Cik>) -> Outcome<Link> {
        if !flags.speak_coap()? {
            return cik.map_or_else(|| flags.client(), |cik| flags.holder_of(cik)).map(Link::Http);
        }
        let cik = cik.map_or_else(|| flags.own_cik(), |cik| Ok(Some(cik)))?;
        let cik = cik.ok_or_else(|| Failure::new("this needs the device's key").advise("export CIKADA_CIK=<CIK>"))?;
        Coap::at(&flags.server, Some(cik)).map(Link::Coap)
    }

    /// The key.
    pub fn activate(&self, device: &Activation<'_>) -> Outcome<String> {
        let Activation { vendor, model, sn, nonce } = *device;
        let doing = format!("activate {sn}");
        match self {
            Link::Http(server) => {
                let mut fields = vec![("vendor", vendor), ("model", model), ("sn", sn)];
                fields.extend(nonce.map(|nonce| ("nonce", nonce)));
                let request = Request::post("/provision/activate", &[]).form(fields).to(doing);
                let request = request.advise(400, MALFORMED).advise(404, UNKNOWN_NUMBER).advise(409, NOT_ENABLED);
                Ok(server.ask(&request)?.body.trim().to_owned())
            }
            Link::Coap(coap) => {
                let payload = nonce.map(|nonce| wire::form::encode([("nonce", nonce)])).unwrap_or_default();
                let ask = Ask {
                    method: Code::POST,
                    path: &["provision", "activate", vendor, model, sn],
                    payload: payload.as_bytes(),
                    block: None,
                    doing: &doing,
                    advice: &[(Code::BAD_REQUEST, MALFORMED), (Code::NOT_FOUND, NOT_ENABLED)],
                };
                text(coap.ask(&ask)?.payload)
            }
        }
    }

    /// The ids of the content.
    pub fn list(&self, vendor: &str, model: &str) -> Outcome<String> {
        let doing = "list the content";
        match self {
            Link::Http(server) => Ok(server.ask(&request(vendor, model).to(doing))?.body),
            Link::Coap(coap) => whole(coap, &get(&["provision", "download", vendor, model], doing)),
        }
    }

    /// The four fields of a content: type, size, time, meta.
    pub fn info(&self, vendor: &str, model: &str, id: &str) -> Outcome<Vec<String>> {
        let doing = format!("show {id}");
        match self {
            Link::Http(server) => {
                let request = request(vendor, model).query("id", id).query("info", "true").to(doing);
                server.ask(&request)?.record(4)
            }
            Link::Coap(coap) => {
                let body = whole(coap, &get(&["provision", "download", vendor, model, id, "info"], &doing))?;
                Answer { status: 200, body }.record(4)
            }
        }
    }

    /// Fetches a content into a file.
    pub fn download(&self, vendor: &str, model: &str, id: &str, file: &Path) -> Outcome<Downloaded> {
        let doing = format!("download {id}");
        match self {
            Link::Http(server) => download(server, &request(vendor, model).query("id", id).to(doing), file),
            Link::Coap(coap) => coap::download(coap, &get(&["provision", "download", vendor, model, id], &doing), file),
        }
    }
}

fn request(vendor: &str, model: &str) -> Request {
    Request::get(PATH, &[])
        .query("vendor", vendor)
        .query("model", model)
        .advise(400, NO_CONTENT)
        .advise(401, DEAD_KEY)
        .advise(403, FOREIGN_KEY)
        .advise(404, NO_CONTENT)
}

fn get<'a>(path: &'a [&'a str], doing: &'a str) -> Ask<'a> {
    Ask { method: Code::GET, path, payload: b"", block: None, doing, advice: OVER_COAP }
}

/// A text, block by block.
fn whole(coap: &Coap, ask: &Ask<'_>) -> Outcome<String> {
    text(coap.ask_whole(ask)?)
}

fn text(bytes: Vec<u8>) -> Outcome<String> {
    String::from_utf8(bytes).map_err(|_| Failure::new("the server's answer is not text"))
}
