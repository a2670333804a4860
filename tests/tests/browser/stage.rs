//! A vendor with a product, owners with accounts, and a browser to look with.

use std::process::Command;

use cikada_tests::chromium::{Chromium, Page};
use cikada_tests::{Request, Server, cikada, form};
use serde_json::{Value, json};

/// What everybody's password is.
pub const PASSWORD: &str = "plum gravel nine tide";
pub const MODEL: &str = "thermo";

/// A server on which a vendor makes thermometers, with the links of as many owners.
pub fn stage(owners: usize) -> (Server, Vec<String>) {
    let mut server = Server::start();
    let links = links(&mut server, owners);
    for (alias, name, format, unit) in [
        ("temperature", "Temperature", "float", "°C"),
        ("target", "Target", "integer", "°C"),
        ("message", "Message", "string", ""),
    ] {
        let meta = json!({"datasource": {"unit": unit}}).to_string();
        let described = json!({"format": format, "name": name, "meta": meta, "retention": {"count": "infinity", "duration": "infinity"}});
        let template = server.cast.template.cik.clone();
        let rid = call(&server, &template, "create", &json!(["dataport", described]));
        call(&server, &template, "map", &json!(["alias", rid, alias]));
    }
    server.vendor().add_model(MODEL, &[("activation_timeout", "1200")]);
    (server, links)
}

/// Links by which owners of the vendor make their accounts. The command works on the folder, so the server rests meanwhile.
fn links(server: &mut Server, owners: usize) -> Vec<String> {
    server.stop();
    let invite = |number: usize| {
        let mut command = Command::new(cikada());
        command.args(["account", "invite", "--json", "--vendor", &server.cast.vendor_name]);
        command.args(["--owner", &format!("Owner {number}"), "--data"]).arg(server.data());
        let said = command.output().expect("cikada can be started");
        assert!(said.status.success(), "{said:?}");
        let said: Value = serde_json::from_slice(&said.stdout).unwrap();
        let link = said["link"].as_str().unwrap();
        link[link.find("/portal/").unwrap()..].to_owned()
    };
    let links = (0..owners).map(invite).collect();
    server.restart();
    links
}

/// Follows a link in a fresh browser window, and makes an account of that name.
pub fn join<'b>(browser: &'b Chromium, server: &Server, link: &str, name: &str) -> Page<'b> {
    let page = browser.page(server.address);
    page.open(link);
    page.fill("Name or mail address", name);
    page.fill("Password", PASSWORD);
    page.fill("The same password again", PASSWORD);
    page.click("button", "Join");
    page.arrive("/portal/devices");
    page
}

/// A call of the resource API that succeeds.
#[track_caller]
pub fn call(server: &Server, cik: &str, procedure: &str, arguments: &Value) -> Value {
    let body = json!({"auth": {"cik": cik}, "calls": [{"id": 1, "procedure": procedure, "arguments": arguments}]});
    let request = Request::new("POST", "/onep:v1/rpc/process").header("Content-Type", "application/json");
    let answer = server.call(&request.body(body.to_string())).expect(200);
    let mut said: Value = serde_json::from_str(answer.text()).unwrap();
    assert_eq!(said[0]["status"], "ok", "{procedure} {arguments}: {said}");
    said[0]["result"].take()
}

/// A device writes values by alias.
#[track_caller]
pub fn write(server: &Server, cik: &str, values: &[(&str, &str)]) {
    let request = Request::new("POST", "/onep:v1/stack/alias").header("X-Exosite-CIK", cik);
    let request = request.header("Content-Type", "application/x-www-form-urlencoded; charset=utf-8");
    server.call(&request.body(form(values))).expect(204);
}

/// What a device reads at an alias.
#[track_caller]
pub fn read(server: &Server, cik: &str, alias: &str) -> String {
    let request = Request::get(&format!("/onep:v1/stack/alias?{alias}")).header("X-Exosite-CIK", cik);
    let answer = server.call(&request.header("Accept", "application/x-www-form-urlencoded; charset=utf-8"));
    answer.text().to_owned()
}

/// Adds a device through the page, and comes to rest on the page that waits for it; its public name.
#[track_caller]
pub fn add(page: &Page<'_>, sn: &str) -> String {
    page.open("/portal/add");
    page.fill("Serial number", sn);
    page.click("button", "Add it");
    page.see("Now switch your device on");
    page.path().trim_start_matches("/portal/devices/").to_owned()
}
