//! A browser without a screen: it keeps cookies, finds the token in a form, and says where it comes from (the portal's rules; threats
//! T33 to T36).

use std::collections::BTreeMap;

use crate::form::form;
use crate::{Answer, Request, Server};

/// The password of everybody in the tests.
pub const PASSWORD: &str = "plum gravel nine tide";

/// One browser, with its cookies.
#[derive(Clone)]
pub struct Browser<'a> {
    server: &'a Server,
    cookies: BTreeMap<String, String>,
    /// The token of the last form that was seen.
    token: String,
}

impl<'a> Browser<'a> {
    /// A browser that was never here.
    pub fn new(server: &'a Server) -> Browser<'a> {
        Browser { server, cookies: BTreeMap::new(), token: String::new() }
    }

    /// Follows the link of `cikada init`, as `admin@example.org`.
    #[track_caller]
    pub fn first_administrator(server: &'a Server) -> Browser<'a> {
        let link = server.cast.administrator_link.clone();
        Browser::joined(server, &link, "admin@example.org")
    }

    /// Follows a link to a new account of that name.
    #[track_caller]
    pub fn joined(server: &'a Server, link: &str, name: &str) -> Browser<'a> {
        let mut browser = Browser::new(server);
        let path = &link[link.find("/portal/").expect("a link to the portal")..];
        browser.get(path).expect(200);
        browser.post(path, &[("name", name), ("password", PASSWORD), ("again", PASSWORD)]).expect(303);
        browser
    }

    /// Where it thinks it is.
    fn origin(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// A request with its cookies.
    pub fn request(&self, method: &str, path: &str) -> Request {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = Request::new(method, path).header("Host", &self.server.address.to_string());
        request.maybe("Cookie", (!cookies.is_empty()).then(|| cookies.join("; ")).as_deref())
    }

    /// Sends any request, and keeps what the answer says about cookies and tokens.
    #[track_caller]
    pub fn send(&mut self, request: &Request) -> Answer {
        let answer = self.server.connect().ask(request).expect("an answer");
        for (_, value) in answer.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie")) {
            let (name, rest) = value.split_once('=').expect("a cookie");
            let value = rest.split(';').next().unwrap_or_default();
            match value {
                "" => self.cookies.remove(name),
                value => self.cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
        let text = String::from_utf8_lossy(&answer.body);
        if let Some(at) = text.find("name=\"csrf\" value=\"") {
            self.token = text[at + 19..].split('"').next().unwrap_or_default().to_owned();
        }
        answer
    }

    /// Looks at a page.
    #[track_caller]
    pub fn get(&mut self, path: &str) -> Answer {
        let request = self.request("GET", path);
        self.send(&request)
    }

    /// Looks at a page, and at where it leads.
    #[track_caller]
    pub fn follow(&mut self, path: &str) -> Answer {
        let mut answer = self.get(path);
        for _ in 0..5 {
            if answer.status != 303 {
                return answer;
            }
            let next = answer.header("location").expect("a place").to_owned();
            answer = self.get(&next);
        }
        panic!("{path} leads in circles")
    }

    /// Sends a form, with the token of the last page.
    #[track_caller]
    pub fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let token = self.token.clone();
        self.post_with(path, &token, fields)
    }

    /// Sends a form with a token of its own.
    #[track_caller]
    pub fn post_with(&mut self, path: &str, token: &str, fields: &[(&str, &str)]) -> Answer {
        let all: Vec<(&str, &str)> = [("csrf", token)].into_iter().chain(fields.iter().copied()).collect();
        let request = self.request("POST", path).header("Origin", &self.origin());
        let request = request.header("Content-Type", "application/x-www-form-urlencoded").body(form(&all));
        self.send(&request)
    }

    /// Sends a form with a file.
    #[track_caller]
    pub fn upload(&mut self, path: &str, fields: &[(&str, &str)], file: (&str, &str, &[u8])) -> Answer {
        const BOUNDARY: &str = "----a-boundary-of-the-tests";
        let mut body = Vec::new();
        let token = self.token.clone();
        for (name, value) in [("csrf", token.as_str())].iter().chain(fields) {
            let part = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
            body.extend_from_slice(part.as_bytes());
        }
        let (name, file_name, bytes) = file;
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{file_name}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
        let request = self.request("POST", path).header("Origin", &self.origin());
        let request = request.header("Content-Type", &format!("multipart/form-data; boundary={BOUNDARY}")).body(body);
        self.send(&request)
    }

    /// Signs in with a name and the password of the tests.
    #[track_caller]
    pub fn sign_in(&mut self, name: &str) -> Answer {
        self.get("/portal/sign-in");
        self.post("/portal/sign-in", &[("name", name), ("password", PASSWORD)])
    }

    /// The value of a cookie.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies.get(name).map(String::as_str)
    }

    /// Plants a cookie.
    pub fn plant(&mut self, name: &str, value: &str) {
        self.cookies.insert(name.to_owned(), value.to_owned());
    }

    /// The token that it would send.
    pub fn token(&self) -> &str {
        &self.token
    }
}
