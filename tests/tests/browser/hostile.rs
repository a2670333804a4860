//! What devices and people write is text, everywhere (threat T33): every payload in every field that a page shows.

use std::fmt::Write as _;

use cikada_tests::chromium::Chromium;
use serde_json::json;

use crate::stage::{MODEL, add, call, join, stage, write};

/// Ways to become a script, or to leave the place where text stands.
const PAYLOADS: &[&str] = &[
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "<ScRiPt>alert(1)</sCrIpT>",
    "<script src=//127.0.0.2:9/x.js></script>",
    "<img src=x onerror=alert(1)>",
    "<img src=x onerror=\"alert(1)\">",
    "\"><img src=x onerror=alert(1)>",
    "'><img src=x onerror=alert(1)>",
    "\"><script>alert(1)</script>",
    "'><script>alert(1)</script>",
    "\" onmouseover=\"alert(1)",
    "' onmouseover='alert(1)",
    "\" autofocus onfocus=\"alert(1)",
    "' autofocus onfocus='alert(1)",
    "x\" style=\"position:fixed;inset:0\" onclick=\"alert(1)",
    "<svg onload=alert(1)>",
    "<svg/onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<svg><animate onbegin=alert(1) attributeName=x dur=1s>",
    "<math><mtext></p><img src=x onerror=alert(1)>",
    "<iframe src=javascript:alert(1)>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "<object data=javascript:alert(1)>",
    "<embed src=javascript:alert(1)>",
    "<a href=javascript:alert(1)>x</a>",
    "<a href=\"javascript:alert(1)\">x</a>",
    "<form action=javascript:alert(1)><button>x</button></form>",
    "<button formaction=javascript:alert(1)>x</button>",
    "<input onfocus=alert(1) autofocus>",
    "<select onfocus=alert(1) autofocus>",
    "<textarea onfocus=alert(1) autofocus>",
    "</textarea><script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "</template><script>alert(1)</script>",
    "</time><img src=x onerror=alert(1)>",
    "<details open ontoggle=alert(1)>",
    "<video><source onerror=alert(1)></video>",
    "<video src=x onerror=alert(1)>",
    "<audio src=x onerror=alert(1)>",
    "<body onload=alert(1)>",
    "<link rel=stylesheet href=//127.0.0.2:9/x.css>",
    "<meta http-equiv=refresh content=0;url=javascript:alert(1)>",
    "<base href=//127.0.0.2:9/>",
    "<style>*{background:url(//127.0.0.2:9/x)}</style>",
    "<!--><script>alert(1)</script>-->",
    "--><script>alert(1)</script>",
    "<![CDATA[<script>alert(1)</script>]]>",
    "{{7*7}}{% include \"/etc/passwd\" %}",
    "${alert(1)}",
    "`${alert(1)}`",
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;alert(1)&#60;/script&#62;",
    "\\u003cscript\\u003ealert(1)\\u003c/script\\u003e",
    "\\\";alert(1);//",
    "';alert(1);//",
    "</script><!--<script>",
    "<x onclick=alert(1) tabindex=1 id=state>x</x>",
    "<div id=heading data-live=//127.0.0.2:9/x>",
    "<form id=add data-send=x data-confirm=x><input name=csrf></form>",
];

#[test]
fn text_of_devices_stays_text_on_every_page_of_their_owner() {
    let (server, links) = stage(1);
    let vendor = server.vendor();
    let browser = Chromium::start();
    let page = join(&browser, &server, &links[0], "mia@example.org");

    // Serial numbers: what a number may not hold is left out of it.
    let number = |payload: &str| payload.replace([',', '/'], "!").trim().to_owned();
    let numbers: Vec<String> = PAYLOADS.iter().map(|payload| number(payload)).filter(|sn| sn.len() <= 128).collect();
    assert!(numbers.len() > 55);
    let csv: String = numbers.iter().fold(String::new(), |mut csv, sn| {
        let _ = writeln!(csv, "\"{}\"", sn.replace('"', "\"\""));
        csv
    });
    vendor.send("POST", &format!("/manage/model/{MODEL}/"), "text/csv", csv).expect(205);
    vendor.add(MODEL, &["HOSTILE"]);

    // One device that says every payload in everything that it may say: names, aliases, units, values.
    let rid = add(&page, "HOSTILE");
    let cik = server.device(MODEL, "HOSTILE").activate_ok();
    for (at, payload) in PAYLOADS.iter().enumerate() {
        let meta = json!({"datasource": {"unit": payload}}).to_string();
        let format = if at % 2 == 0 { "string" } else { "float" };
        let described = json!({"format": format, "name": payload, "meta": meta, "retention": {"count": "infinity", "duration": "infinity"}});
        let port = call(&server, &cik, "create", &json!(["dataport", described]));
        let alias = number(payload);
        if alias.len() <= 128 {
            call(&server, &cik, "map", &json!(["alias", port, alias]));
        }
        let value = if at % 2 == 0 { json!(payload) } else { json!(at) };
        call(&server, &cik, "write", &json!([port, value]));
    }
    page.open(&format!("/portal/devices/{rid}"));
    let said = page.text();
    for payload in PAYLOADS {
        assert!(said.contains(payload), "{payload} is not shown as it is");
    }
    page.wait_for("document.documentElement.classList.contains('is-live')");
    // While somebody looks, too: pieces go through another door.
    write(&server, &cik, &[("message", PAYLOADS[4])]);
    page.see(PAYLOADS[4]);
    page.wait_for("document.querySelectorAll('figure[data-chart][data-points=\"1\"]').length > 20");

    // Devices whose numbers and names are payloads, on the list and on their own pages.
    let vendor_cik = server.cast.vendor.cik.clone();
    let owner = call(&server, &vendor_cik, "listing", &json!([{"alias": ""}, ["client"], {"owned": true}]));
    let owner = owner["client"].as_array().unwrap().iter().filter_map(|rid| rid.as_str()).find(|rid| {
        let info = call(&server, &vendor_cik, "info", &json!([rid, {"description": true}]));
        info["description"]["name"] == "Owner 0"
    });
    let owner = owner.expect("the invitation made the client of the owner");
    let mut devices = Vec::new();
    for (sn, name) in numbers.iter().zip(PAYLOADS) {
        let device = vendor.enable_under(MODEL, sn, owner).expect(200).text().trim().to_owned();
        call(&server, &vendor_cik, "update", &json!([device, {"name": name}]));
        devices.push(device);
    }
    let mut said = String::new();
    for number in 1..=(devices.len() + 1).div_ceil(24) {
        page.open(&format!("/portal/devices?page={number}"));
        page.wait_for("document.documentElement.classList.contains('is-live')");
        said += &page.text();
    }
    for (at, device) in devices.iter().enumerate() {
        assert!(said.contains(PAYLOADS[at]) && said.contains(&numbers[at]), "{} is not shown as it is", PAYLOADS[at]);
        page.open(&format!("/portal/devices/{device}"));
        assert_eq!(page.evaluate("document.querySelector('h1').textContent"), PAYLOADS[at]);
        assert_eq!(page.evaluate("document.querySelector('form[data-confirm]').dataset.confirm"), numbers[at].as_str());
        assert_eq!(page.evaluate("document.querySelector('#name').value"), PAYLOADS[at]);
    }

    // What was typed, or stood on a label, comes back in a field.
    page.forgive("409");
    page.forgive("400");
    for payload in PAYLOADS.iter().step_by(4) {
        page.open(&format!("/portal/add?vendor={0}&model={0}&sn={0}", cikada_tests::encode(payload)));
        assert_eq!(page.evaluate("document.querySelector('#sn').value"), *payload);
        page.open("/portal/take");
        page.evaluate("document.querySelector('#code').removeAttribute('maxlength')");
        page.fill("Code", payload);
        page.click("button", "Take it over");
        page.see("This code is not good");
        assert_eq!(page.evaluate("document.querySelector('#code').value"), *payload);
    }
}
