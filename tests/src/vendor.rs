//! A vendor as it calls the management API (contract, manage.md).

use crate::{Answer, Request, Server, encode, form};

/// A caller of the management API. The short calls end the test when they are refused; [`Vendor::call`] shows the answer.
#[derive(Clone)]
pub struct Vendor<'a> {
    server: &'a Server,
    /// Its name.
    pub name: String,
    credential: (&'static str, String),
    at: Option<String>,
}

impl<'a> Vendor<'a> {
    /// A vendor that shows its CIK.
    pub fn with_cik(server: &'a Server, name: &str, cik: &str) -> Vendor<'a> {
        Vendor { server, name: name.to_owned(), credential: ("X-Exosite-CIK", cik.to_owned()), at: None }
    }

    /// A vendor that shows a token.
    pub fn with_token(server: &'a Server, name: &str, token: &str) -> Vendor<'a> {
        Vendor { server, name: name.to_owned(), credential: ("X-Exosite-Token", token.to_owned()), at: None }
    }

    /// The same vendor, looking for models at another one that shares them.
    pub fn at(mut self, owner: &str) -> Vendor<'a> {
        self.at = Some(owner.to_owned());
        self
    }

    /// A request with this vendor's credential.
    pub fn request(&self, method: &str, path: &str) -> Request {
        let request = Request::new(method, &format!("/provision{path}"));
        request.header(self.credential.0, &self.credential.1).maybe("X-Exosite-Vendor", self.at.as_deref())
    }

    /// Sends a request without a body; `path` starts after `/provision`.
    #[track_caller]
    pub fn call(&self, method: &str, path: &str) -> Answer {
        self.server.call(&self.request(method, path))
    }

    /// Sends a form.
    #[track_caller]
    pub fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.send("POST", path, "application/x-www-form-urlencoded", form(fields))
    }

    /// Sends a body of some type.
    #[track_caller]
    pub fn send(&self, method: &str, path: &str, content_type: &str, body: impl Into<Vec<u8>>) -> Answer {
        self.server.call(&self.request(method, path).header("Content-Type", content_type).body(body))
    }

    /// Makes a model from the empty template of `cikada init`, with some more fields.
    #[track_caller]
    pub fn add_model(&self, model: &str, more: &[(&str, &str)]) {
        let mut fields = vec![("model", model), ("rid", &*self.server.cast.template.rid)];
        fields.extend(more);
        self.post("/manage/model/", &fields).expect(205);
    }

    /// Registers serial numbers.
    #[track_caller]
    pub fn add(&self, model: &str, serial_numbers: &[&str]) {
        let lines: String = serial_numbers.iter().map(|sn| format!("{sn}\n")).collect();
        self.send("POST", &model_path(model), "text/csv", lines).expect(205);
    }

    /// Registers a range, given as JSON.
    #[track_caller]
    pub fn add_range(&self, model: &str, range: &str) {
        self.send("POST", &model_path(model), "application/json", format!("{{\"ranges\":[{range}]}}")).expect(205);
    }

    /// Makes the serial number's client below the owner of `cikada init`; the client's RID.
    #[track_caller]
    pub fn enable(&self, model: &str, serial_number: &str) -> String {
        self.enable_under(model, serial_number, &self.server.cast.owner.rid.clone())
            .expect(200)
            .text()
            .trim()
            .to_owned()
    }

    /// Tries to make the serial number's client below some owner.
    #[track_caller]
    pub fn enable_under(&self, model: &str, serial_number: &str, owner: &str) -> Answer {
        self.post(&number_path(model, serial_number), &[("enable", "true"), ("owner", owner)])
    }

    /// Registers and enables a serial number, and has its device activate; the CIK.
    #[track_caller]
    pub fn activated(&self, model: &str, serial_number: &str) -> String {
        self.add(model, &[serial_number]);
        self.enable(model, serial_number);
        self.server.device(model, serial_number).activate_ok()
    }

    /// Tries a new window.
    #[track_caller]
    pub fn re_enable(&self, model: &str, serial_number: &str) -> Answer {
        self.post(&number_path(model, serial_number), &[("enable", "true")])
    }

    /// Tries to give the client of one serial number to another.
    #[track_caller]
    pub fn remap(&self, model: &str, old: &str, new: &str) -> Answer {
        self.post(&number_path(model, new), &[("enable", "true"), ("oldsn", old)])
    }

    /// Tries to disable.
    #[track_caller]
    pub fn disable(&self, model: &str, serial_number: &str) -> Answer {
        self.post(&number_path(model, serial_number), &[("disable", "true")])
    }

    /// What is known of a serial number: 200, 204 or 404.
    #[track_caller]
    pub fn look(&self, model: &str, serial_number: &str) -> Answer {
        self.call("GET", &number_path(model, serial_number))
    }

    /// The serial number's status word: empty while unused.
    #[track_caller]
    pub fn status(&self, model: &str, serial_number: &str) -> String {
        let answer = self.look(model, serial_number).expect_any(&[200, 204]);
        answer.text().split(',').next().unwrap_or_default().to_owned()
    }

    /// The serial number's activation log, each line split into time, address and entry.
    #[track_caller]
    pub fn log(&self, model: &str, serial_number: &str) -> Vec<(i64, String, String)> {
        let answer =
            self.call("GET", &format!("{}?show=log", number_path(model, serial_number))).expect_any(&[200, 204]);
        let split = |line: &str| {
            let mut parts = line.splitn(3, ',').map(str::to_owned);
            let time = parts.next().and_then(|text| text.parse().ok()).expect("a time");
            (time, parts.next().expect("an address"), parts.next().expect("an entry"))
        };
        answer.lines().into_iter().map(split).collect()
    }

    /// Uploads a blob; the entry is made if it isn't there.
    #[track_caller]
    pub fn upload(&self, model: &str, id: &str, content_type: &str, blob: impl Into<Vec<u8>>) {
        self.send("POST", &content_path(model, id), content_type, blob).expect(205);
    }

    /// Makes a content entry that only groups give access to, and uploads its blob.
    #[track_caller]
    pub fn upload_protected(&self, model: &str, id: &str, blob: impl Into<Vec<u8>>) {
        let fields = [("id", id), ("meta", ""), ("protected", "true")];
        self.post(&format!("/manage/content/{}/", encode(model)), &fields).expect(205);
        self.upload(model, id, "application/octet-stream", blob);
    }

    /// Makes a group.
    #[track_caller]
    pub fn add_group(&self, model: &str, group: &str) {
        self.post(&format!("/manage/group/{}/", encode(model)), &[("id", group), ("meta", "")]).expect(205);
    }

    /// Puts a member into a group until a time (empty: for ever).
    #[track_caller]
    pub fn add_member(&self, model: &str, group: &str, kind: &str, id: &str, expire: &str) {
        let path = format!("/manage/group/{}/{}/", encode(model), encode(group));
        self.post(&path, &[("type", kind), ("id", id), ("expire", expire)]).expect(205);
    }

    /// Everything this vendor can list of itself and of one model, to see that nothing changed.
    #[track_caller]
    pub fn snapshot(&self, model: &str) -> Snapshot {
        let model = encode(model);
        let mut seen = Vec::new();
        let mut look = |path: String| {
            let answer = self.call("GET", &path);
            seen.push((path, answer.status, answer.text().to_owned()));
            seen.last().unwrap().2.clone()
        };
        look("/register".into());
        look("/manage/model/".into());
        look("/manage/model/?show=shared".into());
        look("/admin/auth/".into());
        look(format!("/manage/model/{model}"));
        look(format!("/manage/model/{model}/?show=ranges"));
        look(format!("/manage/model/{model}/?status=true&limit=1000"));
        look(format!("/manage/share/{model}/"));
        for id in look(format!("/manage/content/{model}/")).lines() {
            look(format!("/manage/content/{model}/{}", encode(id)));
        }
        for line in look(format!("/manage/group/{model}/?limit=1000")).lines() {
            let id = line.split(',').next().unwrap_or_default();
            look(format!("/manage/group/{model}/{}", encode(id)));
            look(format!("/manage/group/{model}/{}/?limit=1000", encode(id)));
        }
        Snapshot(seen)
    }
}

/// Path, status and text of everything looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot(Vec<(String, u16, String)>);

/// The path of a model's serial numbers, after `/provision`.
fn model_path(model: &str) -> String {
    format!("/manage/model/{}/", encode(model))
}

/// The path of one serial number.
fn number_path(model: &str, serial_number: &str) -> String {
    format!("/manage/model/{}/{}", encode(model), encode(serial_number))
}

/// The path of one content.
fn content_path(model: &str, id: &str) -> String {
    format!("/manage/content/{}/{}", encode(model), encode(id))
}
