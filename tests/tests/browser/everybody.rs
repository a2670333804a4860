//! Pages for everybody: without a mouse, without scripts, on a phone, in the dark, with a screen reader, from a slow network.

use cikada_tests::chromium::{Chromium, Page, Scheme};

use crate::stage::{MODEL, PASSWORD, add, join, stage, write};

/// What the first page may cost on the network.
const FIRST_PAGE_BYTES: u64 = 150 * 1024;

#[test]
fn the_pages_of_owners_shut_nobody_out() {
    let (server, links) = stage(1);
    server.vendor().add(MODEL, &["TH-0001", "TH-0002", "TH-0003"]);
    let browser = Chromium::start();
    let page = browser.page(server.address);
    let looked = |page: &Page<'_>, path: &str| {
        for scheme in [Scheme::Light, Scheme::Dark] {
            page.scheme(scheme);
            page.open(path);
            page.expect_accessible();
        }
        page.viewport(360, 740);
        page.open(path);
        assert!(!page.overflows(), "{path} scrolls sideways on a phone");
        page.viewport(1280, 800);
    };
    looked(&page, "/portal/sign-in");
    looked(&page, &links[0]);
    drop(page);

    let page = join(&browser, &server, &links[0], "mia@example.org");
    looked(&page, "/portal/devices");
    looked(&page, "/portal/add");
    looked(&page, "/portal/take");
    looked(&page, "/portal/account");
    let waiting = add(&page, "TH-0001");
    looked(&page, &format!("/portal/devices/{waiting}"));
    let rid = add(&page, "TH-0002");
    let cik = server.device(MODEL, "TH-0002").activate_ok();
    write(&server, &cik, &[("temperature", "21.5"), ("message", &"a long word ".repeat(30))]);
    write(&server, &cik, &[("message", &"unbroken".repeat(40))]);
    page.open(&format!("/portal/devices/{rid}"));
    for part in ["name", "reenable", "give", "remove"] {
        page.click_on(&format!("#m-{part} > summary"));
    }
    page.expect_accessible();
    looked(&page, &format!("/portal/devices/{rid}"));
    looked(&page, "/portal/devices");
    page.forgive("403");
    looked(&page, "/portal/devices/00112233445566778899aabbccddeeff00112233");
}

#[test]
fn everything_but_live_things_works_without_scripts() {
    let (server, links) = stage(1);
    server.vendor().add(MODEL, &["TH-0001"]);
    let browser = Chromium::start();
    let page = browser.page(server.address);
    page.scripts(false);
    page.open(&links[0]);
    page.fill("Name or mail address", "mia@example.org");
    page.fill("Password", PASSWORD);
    page.fill("The same password again", PASSWORD);
    page.click("button", "Join");
    page.see("No devices yet");
    let rid = add(&page, "TH-0001");
    page.see("Load this page again to see whether it has.");
    assert!(!page.text().contains("Scan"), "what needs a script is not shown");
    let cik = server.device(MODEL, "TH-0001").activate_ok();
    write(&server, &cik, &[("temperature", "19.5")]);
    page.open(&format!("/portal/devices/{rid}"));
    page.see("It is connected");
    page.see("19.5 °C");
    page.click_on("details.plain > summary");
    page.see_element("table td.num");
    page.fill("Write to Target", "20");
    page.click("button", "Write to Target");
    page.see("Written.");
    assert_eq!(crate::stage::read(&server, &cik, "target"), "target=20");
    page.click_on("#m-name > summary");
    page.fill("Name", "Kitchen");
    page.click("button", "Save the name");
    page.see("Saved.");
    page.click_on("#m-give > summary");
    page.click("button", "Make a code");
    page.see("Give this code to the new owner");
    page.click("button", "Take the code back");
    page.see("The code is taken back.");
    page.click_on("#m-remove > summary");
    page.forgive("400");
    page.fill("Type TH-0001 to confirm", "wrong");
    page.click("button", "Remove this device");
    page.see("“confirm”");
    page.open(&format!("/portal/devices/{rid}"));
    page.click_on("#m-remove > summary");
    page.fill("Type TH-0001 to confirm", "TH-0001");
    page.click("button", "Remove this device");
    page.see("No devices yet");
    page.click("button", "Sign out");
    page.arrive("/portal/sign-in");
}

#[test]
fn a_device_is_added_with_the_keyboard_alone() {
    let (server, links) = stage(1);
    server.vendor().add(MODEL, &["TH-0001"]);
    let browser = Chromium::start();
    let page = join(&browser, &server, &links[0], "mia@example.org");
    page.open("/portal/devices");
    page.press("Tab");
    assert_eq!(focused(&page), "Skip to the content");
    tab_to(&page, "Add a device");
    page.press("Enter");
    page.see("Letter by letter");
    tab_to(&page, "Scan the label");
    // The name of a field is its label.
    page.press("Tab");
    page.press("Tab");
    assert_eq!(page.evaluate("document.activeElement.id"), "sn");
    page.type_text("TH-0001");
    page.press("Enter");
    page.see("Now switch your device on");
    tab_to(&page, "Remove it");
    page.press("Enter");
    page.press("Tab");
    page.type_text("TH-0001");
    page.press("Tab");
    page.press("Space");
    page.see("No devices yet");
}

#[test]
fn the_first_page_is_small_and_soon_there_and_nothing_is_fetched_twice() {
    let (server, links) = stage(1);
    let browser = Chromium::start();
    let page = browser.page(server.address);
    page.open(&links[0]);
    let first = page.take_transfer();
    assert!(first < FIRST_PAGE_BYTES, "{first} bytes");
    page.take_answers();
    page.open(&links[0]);
    let again: Vec<String> = page.take_answers().into_iter().map(|(_, url)| url).collect();
    let network = page.take_transfer();
    assert!(network < 12 * 1024, "{network} bytes for {again:?}");
    page.first_paint_ms();
}

fn focused(page: &Page<'_>) -> String {
    page.evaluate("(document.activeElement.innerText ?? '').trim()").as_str().unwrap_or_default().to_owned()
}

/// Goes on with the tabulator until something of that text has the focus, which can be seen.
fn tab_to(page: &Page<'_>, text: &str) {
    for _ in 0..80 {
        if focused(page) == text {
            let shown = page.evaluate("getComputedStyle(document.activeElement).outlineStyle !== 'none'");
            assert_eq!(shown, true, "one cannot see that {text} has the focus");
            return;
        }
        page.press("Tab");
    }
    panic!("no way to {text} by the keyboard");
}
