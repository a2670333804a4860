//! A device as it calls in (contract, device.md).

use std::net::Ipv4Addr;

use crate::{Answer, Request, Server, encode, fresh_address, rules};

/// Somebody who says that it is a certain serial number.
#[derive(Clone)]
pub struct Device<'a> {
    server: &'a Server,
    /// The vendor it was made by.
    pub vendor: String,
    /// Its model.
    pub model: String,
    /// Its serial number.
    pub serial_number: String,
    /// Where it calls from.
    pub address: Ipv4Addr,
}

impl<'a> Device<'a> {
    /// A device that calls from an address of its own.
    pub fn new(server: &'a Server, vendor: &str, model: &str, serial_number: &str) -> Device<'a> {
        Device {
            server,
            vendor: vendor.to_owned(),
            model: model.to_owned(),
            serial_number: serial_number.to_owned(),
            address: fresh_address(),
        }
    }

    /// The same device behind another address.
    pub fn from(mut self, address: Ipv4Addr) -> Device<'a> {
        self.address = address;
        self
    }

    /// The request that activates it, with some more fields.
    pub fn activation(&self, more: &[(&str, &str)]) -> Request {
        let mut fields = vec![("vendor", &*self.vendor), ("model", &*self.model), ("sn", &*self.serial_number)];
        fields.extend(more);
        Request::post("/provision/activate", &fields)
    }

    /// Tries to activate.
    #[track_caller]
    pub fn activate(&self) -> Answer {
        self.activate_with(&[])
    }

    /// Tries to activate with some more fields (`nonce`).
    #[track_caller]
    pub fn activate_with(&self, more: &[(&str, &str)]) -> Answer {
        let answer = self.server.call_from(self.address, &self.activation(more));
        assert_eq!(rules::broken_for_device(&answer), None);
        answer
    }

    /// Activates and returns the CIK.
    #[track_caller]
    pub fn activate_ok(&self) -> String {
        key_of(&self.activate())
    }

    /// The ids of the content it may have.
    #[track_caller]
    pub fn list(&self, cik: &str) -> Answer {
        self.download(cik, "")
    }

    /// The info line of a content.
    #[track_caller]
    pub fn info(&self, cik: &str, id: &str) -> Answer {
        self.download(cik, &format!("&id={}&info=true", encode(id)))
    }

    /// A blob.
    #[track_caller]
    pub fn blob(&self, cik: &str, id: &str) -> Answer {
        self.download(cik, &format!("&id={}", encode(id)))
    }

    /// Whether the key authenticates: 200 on the list, or 401.
    #[track_caller]
    pub fn is_alive(&self, cik: &str) -> bool {
        self.list(cik).expect_any(&[200, 401]).status == 200
    }

    /// A GET of the download route, ready for more headers.
    pub fn download_request(&self, cik: &str, more: &str) -> Request {
        let target = format!("/provision/download?vendor={}&model={}{more}", encode(&self.vendor), encode(&self.model));
        Request::get(&target).header("X-Exosite-CIK", cik)
    }

    #[track_caller]
    fn download(&self, cik: &str, more: &str) -> Answer {
        self.server.call_from(self.address, &self.download_request(cik, more))
    }
}

/// The key in a good answer to an activation.
#[track_caller]
pub fn key_of(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "not activated: {answer:?}");
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    assert!(crate::is_hex40(answer.text()), "not a key: {answer:?}");
    answer.text().to_owned()
}
