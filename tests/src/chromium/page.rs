//! One window: opening, pressing, typing, waiting, looking.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};
use std::{fs, thread};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Chromium, keys};

const PATIENCE: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Enough for any text to be seen in a failure, and no more.
const SHOWN: usize = 3000;

/// One window with cookies of its own.
pub struct Page<'b> {
    pub(super) browser: &'b Chromium,
    server: SocketAddr,
    context: String,
    target: String,
    session: String,
    seen: RefCell<Seen>,
}

/// What a page did, without being asked.
#[derive(Default)]
struct Seen {
    complaints: Vec<String>,
    forgiven: Vec<String>,
    requests: Vec<String>,
    transferred: u64,
    answered: Vec<(u64, String)>,
    /// The navigation that was through last.
    loaded: Option<String>,
}

/// What the person prefers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

impl<'b> Page<'b> {
    pub(super) fn new(
        browser: &'b Chromium,
        server: SocketAddr,
        context: String,
        target: String,
        session: String,
    ) -> Page<'b> {
        let page = Page { browser, server, context, target, session, seen: RefCell::default() };
        for domain in ["Page", "Runtime", "Log", "Network", "DOM", "Accessibility"] {
            page.call(&format!("{domain}.enable"), json!({}));
        }
        page.call("Page.setLifecycleEventsEnabled", json!({"enabled": true}));
        // Looked at, whatever other windows there are.
        page.call("Emulation.setFocusEmulationEnabled", json!({"enabled": true}));
        page.viewport(1280, 800);
        page.scheme(Scheme::Light);
        page
    }

    /// Another window of the same person.
    pub fn another(&self) -> Page<'b> {
        self.browser.page_in(self.server, &self.context)
    }

    /// Goes to a path and waits until it has loaded.
    #[track_caller]
    pub fn open(&self, path: &str) {
        self.look();
        let answer = self.call("Page.navigate", json!({"url": self.url(path)}));
        assert!(answer.get("errorText").is_none(), "{path}: {answer}");
        let loader = answer["loaderId"].as_str().expect("a page was asked for").to_owned();
        self.until(&format!("{path} has loaded"), || {
            self.look();
            self.seen.borrow().loaded.as_ref() == Some(&loader)
        });
    }

    /// The whole address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.server)
    }

    /// Where it is now, without the host.
    pub fn path(&self) -> String {
        self.evaluate("location.pathname + location.search").as_str().unwrap_or_default().to_owned()
    }

    /// Presses what has that role and name for a screen reader: `button`, `link`, `checkbox`, …
    #[track_caller]
    pub fn click(&self, role: &str, name: &str) {
        let node = self.find(role, name);
        self.click_node(node);
    }

    /// Presses what a selector finds.
    #[track_caller]
    pub fn click_on(&self, selector: &str) {
        let node = self.select_node(selector);
        self.click_node(node);
    }

    /// Types into the field with that label, in place of what it holds.
    #[track_caller]
    pub fn fill(&self, label: &str, text: &str) {
        let node = self.find_field(label);
        self.call("DOM.focus", json!({"backendNodeId": node}));
        self.on_node(node, "function() { this.select?.(); }");
        if text.is_empty() {
            self.on_node(
                node,
                "function() { this.value = ''; this.dispatchEvent(new Event('input', {bubbles: true})); }",
            );
        } else {
            self.call("Input.insertText", json!({"text": text}));
        }
    }

    /// Chooses an option by its text.
    #[track_caller]
    pub fn choose(&self, label: &str, option: &str) {
        let node = self.find("combobox", label);
        let script = format!(
            "function() {{ const found = [...this.options].find((one) => one.text.trim() === {}); if (!found) return false; \
             this.value = found.value; this.dispatchEvent(new Event('change', {{bubbles: true}})); return true; }}",
            Value::from(option)
        );
        assert_eq!(self.on_node(node, &script), true, "{label} has no option {option}");
    }

    /// Chooses a file for a file field, found by selector.
    #[track_caller]
    pub fn attach(&self, selector: &str, file: &Path) {
        let node = self.select_node(selector);
        self.call("DOM.setFileInputFiles", json!({"backendNodeId": node, "files": [file]}));
    }

    /// Presses a key: `Tab`, `Enter`, `Space`, …
    pub fn press(&self, key: &str) {
        for event in keys::press(key) {
            self.call("Input.dispatchKeyEvent", event);
        }
    }

    /// Types where the cursor is.
    pub fn type_text(&self, text: &str) {
        self.call("Input.insertText", json!({"text": text}));
    }

    /// Waits until the text is on the page.
    #[track_caller]
    pub fn see(&self, text: &str) {
        self.until(&format!("to see {text:?}"), || self.text().contains(text));
    }

    /// Waits until the text is not on the page any more.
    #[track_caller]
    pub fn see_no(&self, text: &str) {
        self.until(&format!("to see no {text:?}"), || !self.text().contains(text));
    }

    /// Waits until a selector finds something.
    #[track_caller]
    pub fn see_element(&self, selector: &str) {
        self.until(&format!("to see an element {selector}"), || self.has(selector));
    }

    /// Waits until the page is at a path that starts so.
    #[track_caller]
    pub fn arrive(&self, path: &str) {
        self.until(&format!("to arrive at {path}"), || {
            self.path().starts_with(path) && self.evaluate("document.readyState") == "complete"
        });
    }

    /// Whether a selector finds something now.
    pub fn has(&self, selector: &str) -> bool {
        self.evaluate(&format!("document.querySelector({}) !== null", Value::from(selector))) == true
    }

    /// All text that can be seen.
    pub fn text(&self) -> String {
        self.evaluate("document.body?.innerText ?? ''").as_str().unwrap_or_default().to_owned()
    }

    /// Waits until a condition in the page's own language holds.
    #[track_caller]
    pub fn wait_for(&self, condition: &str) {
        self.until(condition, || self.evaluate(condition) == true);
    }

    /// The value of an expression in the page; promises are waited for.
    #[track_caller]
    pub fn evaluate(&self, expression: &str) -> Value {
        let parameters = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        for _ in 0..50 {
            match self.try_call("Runtime.evaluate", parameters.clone()) {
                Ok(answer) => {
                    assert!(answer.get("exceptionDetails").is_none(), "{expression}: {answer}");
                    return answer["result"]["value"].clone();
                }
                // The page is on its way to another one.
                Err(why) if why.contains("context") || why.contains("navigated") => thread::sleep(LOOK_EVERY),
                Err(why) => panic!("{expression}: {why}"),
            }
        }
        panic!("{expression}: the page never came to rest");
    }

    /// Writes what is seen to a PNG file; `whole` takes in what is below the fold.
    pub fn screenshot(&self, file: &Path, whole: bool) {
        let answer = self.call("Page.captureScreenshot", json!({"format": "png", "captureBeyondViewport": whole}));
        let bytes = STANDARD.decode(answer["data"].as_str().expect("a picture")).expect("base64");
        fs::write(file, bytes).expect("the picture can be written");
    }

    /// The size of the window, in CSS pixels; below 500 wide it is a phone.
    pub fn viewport(&self, width: u32, height: u32) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500});
        self.call("Emulation.setDeviceMetricsOverride", size);
    }

    /// Light or dark.
    pub fn scheme(&self, scheme: Scheme) {
        let value = if scheme == Scheme::Dark { "dark" } else { "light" };
        self.call(
            "Emulation.setEmulatedMedia",
            json!({"features": [{"name": "prefers-color-scheme", "value": value}]}),
        );
    }

    /// Turns scripts of pages off or on.
    pub fn scripts(&self, on: bool) {
        self.call("Emulation.setScriptExecutionDisabled", json!({"value": !on}));
    }

    /// Sets a cookie, as somebody who can write cookies would.
    pub fn set_cookie(&self, name: &str, value: &str) {
        let cookie =
            json!({"name": name, "value": value, "url": self.url("/"), "path": "/", "secure": true, "httpOnly": true});
        self.call("Network.setCookie", cookie);
    }

    /// The cookies of this person, as name and value.
    pub fn cookies(&self) -> Vec<(String, String)> {
        let answer = self.call("Network.getCookies", json!({"urls": [self.url("/")]}));
        let text = |cookie: &Value, name: &str| cookie[name].as_str().unwrap_or_default().to_owned();
        let all = answer["cookies"].as_array().expect("cookies");
        all.iter().map(|cookie| (text(cookie, "name"), text(cookie, "value"))).collect()
    }

    /// Complaints with that text in them are expected.
    pub fn forgive(&self, text: &str) {
        self.seen.borrow_mut().forgiven.push(text.to_owned());
    }

    /// How many bytes came over the network since it was asked last.
    pub fn take_transfer(&self) -> u64 {
        self.look();
        std::mem::take(&mut self.seen.borrow_mut().transferred)
    }

    /// Every answer since it was asked last: status and address.
    pub fn take_answers(&self) -> Vec<(u64, String)> {
        self.look();
        std::mem::take(&mut self.seen.borrow_mut().answered)
    }

    /// Whether the page is wider than its window.
    pub fn overflows(&self) -> bool {
        self.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth") == true
    }

    /// Milliseconds until something was seen on the page that was opened last.
    pub fn first_paint_ms(&self) -> f64 {
        let script = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? -1";
        self.until("the page is painted", || self.evaluate(script).as_f64() >= Some(0.0));
        self.evaluate(script).as_f64().expect("a number")
    }

    /// What went wrong so far.
    pub fn complaints(&self) -> Vec<String> {
        self.look();
        self.seen.borrow().complaints.clone()
    }

    pub(super) fn call(&self, method: &str, parameters: Value) -> Value {
        self.try_call(method, parameters).unwrap_or_else(|why| panic!("{method}: {why}"))
    }

    fn try_call(&self, method: &str, parameters: Value) -> Result<Value, String> {
        let answer = self.browser.wire.borrow_mut().call(Some(&self.session), method, parameters);
        self.look();
        answer
    }

    #[track_caller]
    fn until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let since = Instant::now();
        while !holds() {
            if since.elapsed() > PATIENCE {
                let mut text = self.text();
                text.truncate(text.floor_char_boundary(SHOWN));
                let complaints = self.complaints();
                panic!("waited {PATIENCE:?} {what}, at {}: {text}\n{complaints:#?}", self.path());
            }
            thread::sleep(LOOK_EVERY);
        }
    }

    #[track_caller]
    fn find(&self, role: &str, name: &str) -> i64 {
        let mut found = None;
        self.until(&format!("for a {role} named {name:?}"), || {
            found = self.nodes(&json!({"role": role, "accessibleName": name})).first().copied();
            found.is_some()
        });
        found.expect("it was waited for")
    }

    #[track_caller]
    fn find_field(&self, label: &str) -> i64 {
        let mut found = None;
        self.until(&format!("for a field labelled {label:?}"), || {
            let roles = ["textbox", "searchbox", "spinbutton", "combobox", "Date", "DateTime", "InputTime"];
            found = roles
                .iter()
                .find_map(|role| self.nodes(&json!({"role": role, "accessibleName": label})).first().copied());
            found.is_some()
        });
        found.expect("it was waited for")
    }

    fn nodes(&self, query: &Value) -> Vec<i64> {
        let Ok(document) = self.try_call("DOM.getDocument", json!({"depth": 0})) else { return Vec::new() };
        let mut query = query.clone();
        query["backendNodeId"] = document["root"]["backendNodeId"].clone();
        let Ok(answer) = self.try_call("Accessibility.queryAXTree", query) else { return Vec::new() };
        let nodes = answer["nodes"].as_array().cloned().unwrap_or_default();
        let seen = nodes.iter().filter(|node| node["ignored"] != true);
        seen.filter_map(|node| node["backendDOMNodeId"].as_i64()).collect()
    }

    #[track_caller]
    fn select_node(&self, selector: &str) -> i64 {
        self.see_element(selector);
        let script = format!("document.querySelector({})", Value::from(selector));
        let answer = self.call("Runtime.evaluate", json!({"expression": script}));
        let described = self.call("DOM.describeNode", json!({"objectId": answer["result"]["objectId"]}));
        described["node"]["backendNodeId"].as_i64().expect("a node")
    }

    #[track_caller]
    fn click_node(&self, node: i64) {
        self.call("DOM.scrollIntoViewIfNeeded", json!({"backendNodeId": node}));
        let quads = self.call("DOM.getContentQuads", json!({"backendNodeId": node}));
        let quad: Vec<f64> =
            quads["quads"][0].as_array().expect("it is seen").iter().filter_map(Value::as_f64).collect();
        let (x, y) = ((quad[0] + quad[4]) / 2.0, (quad[1] + quad[5]) / 2.0);
        for kind in ["mouseMoved", "mousePressed", "mouseReleased"] {
            let button = if kind == "mouseMoved" { "none" } else { "left" };
            self.call(
                "Input.dispatchMouseEvent",
                json!({"type": kind, "x": x, "y": y, "button": button, "clickCount": 1}),
            );
        }
    }

    fn on_node(&self, node: i64, function: &str) -> Value {
        let object = self.call("DOM.resolveNode", json!({"backendNodeId": node}));
        let call = json!({
            "objectId": object["object"]["objectId"], "functionDeclaration": function, "returnByValue": true
        });
        self.call("Runtime.callFunctionOn", call)["result"]["value"].clone()
    }

    /// Reads what the page told meanwhile.
    fn look(&self) {
        let events = self.browser.wire.borrow_mut().events(&self.session);
        for event in events {
            self.note(&event.method, &event.parameters);
        }
    }

    fn note(&self, method: &str, told: &Value) {
        let mut seen = self.seen.borrow_mut();
        match method {
            "Page.lifecycleEvent" if told["name"] == "load" => {
                seen.loaded = told["loaderId"].as_str().map(str::to_owned);
            }
            "Page.javascriptDialogOpening" => {
                seen.complain(format!("a script opened a dialog: {}", told["message"]));
            }
            "Runtime.exceptionThrown" => seen.complain(format!("a script failed: {}", told["exceptionDetails"])),
            "Runtime.consoleAPICalled" if told["type"] == "error" || told["type"] == "warning" => {
                seen.complain(format!("the console says: {}", told["args"]));
            }
            "Log.entryAdded" if told["entry"]["level"] == "error" => {
                let mut text = String::new();
                let _ = write!(text, "{} ({})", told["entry"]["text"], told["entry"]["url"]);
                seen.complain(text);
            }
            "Network.requestWillBeSent" => {
                let url = told["request"]["url"].as_str().unwrap_or_default();
                let ours = format!("http://{}/", self.server);
                if !url.starts_with(&ours)
                    && !url.starts_with("data:")
                    && !url.starts_with("blob:")
                    && url != "about:blank"
                {
                    seen.complain(format!("a request to another place: {url}"));
                }
                seen.requests.push(url.to_owned());
            }
            "Network.responseReceived" => {
                let status = told["response"]["status"].as_u64().unwrap_or(0);
                let url = told["response"]["url"].as_str().unwrap_or_default().to_owned();
                seen.answered.push((status, url));
            }
            "Network.loadingFinished" => {
                seen.transferred += told["encodedDataLength"].as_f64().unwrap_or(0.0) as u64;
            }
            _ => {}
        }
    }
}

impl Seen {
    fn complain(&mut self, text: String) {
        self.complaints.push(text);
    }
}

impl Drop for Page<'_> {
    fn drop(&mut self) {
        let unforgiven = |page: &Page<'_>| {
            let seen = page.seen.borrow();
            let all = seen.complaints.iter();
            all.filter(|one| !seen.forgiven.iter().any(|text| one.contains(text))).cloned().collect::<Vec<_>>()
        };
        if !thread::panicking() {
            self.look();
            let left = unforgiven(self);
            assert!(left.is_empty(), "the page complained:\n{}", left.join("\n"));
        }
        let closing = json!({"targetId": self.target});
        let _ = self.browser.wire.borrow_mut().call(None, "Target.closeTarget", closing);
    }
}
