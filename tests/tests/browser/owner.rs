//! The journeys of owners, as they see them.

use cikada_tests::chromium::Chromium;

use crate::stage::{MODEL, add, join, read, stage, write};

/// Something that a page forgets when it is loaded again.
const MARK: &str = "window.stillHere = true";
const MARKED: &str = "window.stillHere === true";

#[test]
fn an_owner_adds_a_device_and_the_page_turns_green_by_itself() {
    let (server, links) = stage(1);
    let vendor = server.vendor();
    vendor.add(MODEL, &["TH-0001", "TH-0002"]);
    let browser = Chromium::start();
    let page = join(&browser, &server, &links[0], "mia@example.org");
    page.see("No devices yet");
    page.click("link", "Add a device");

    // A number that isn't there, and one that is somebody else's: the page says the same.
    vendor.enable(MODEL, "TH-0002");
    page.forgive("409");
    for wrong in ["TH-9999", "TH-0002"] {
        page.fill("Serial number", wrong);
        page.click("button", "Add it");
        page.see("This device can't be added.");
        page.evaluate("document.querySelector('[role=alert]').remove()");
    }
    page.fill("Serial number", "TH-0001");
    page.click("button", "Add it");
    page.see("Now switch your device on");
    page.see("Waiting for it");
    page.wait_for("/^19:|^20:00/.test(document.querySelector('[data-countdown]').textContent)");
    assert_eq!(vendor.status(MODEL, "TH-0001"), "notactivated");

    page.evaluate(MARK);
    page.wait_for("document.documentElement.classList.contains('is-live')");
    let cik = server.device(MODEL, "TH-0001").activate_ok();
    page.see("It is connected");
    page.see_element(".wait[data-status=activated]");
    page.see_element("#heading .badge[data-status=activated]");
    page.see("It called in and got its key");

    // A chart moves, a text arrives, all without loading anything again.
    let points = "Number(document.querySelector('figure[data-chart]').dataset.points)";
    page.wait_for(&format!("{points} === 0"));
    write(&server, &cik, &[("temperature", "21.5"), ("message", "warm & cosy")]);
    page.see("21.5 °C");
    page.see("warm & cosy");
    page.wait_for(&format!("{points} === 1"));
    page.see_element("figure canvas");
    server.jump(60);
    write(&server, &cik, &[("temperature", "22.25")]);
    page.see("22.25 °C");
    page.wait_for(&format!("{points} === 2"));

    // The other way round.
    page.fill("Write to Target", "23");
    page.click("button", "Write to Target");
    page.see("Written.");
    assert_eq!(read(&server, &cik, "target"), "target=23");
    page.forgive("400");
    page.fill("Write to Target", "warm");
    page.click("button", "Write to Target");
    page.see_element(".toasts [data-kind=error]");
    assert_eq!(page.evaluate(MARKED), true, "the page was loaded again");
    assert_eq!(read(&server, &cik, "target"), "target=23");

    // The list shows the same, and keeps up.
    page.click("link", "My devices");
    page.see("22.25 °C");
    page.wait_for("document.documentElement.classList.contains('is-live')");
    write(&server, &cik, &[("message", "and dry")]);
    page.see("and dry");
}

#[test]
fn a_vendor_switches_a_device_off_and_on_while_its_owner_looks() {
    let (server, links) = stage(1);
    let vendor = server.vendor();
    vendor.add(MODEL, &["TH-0001"]);
    let browser = Chromium::start();
    let page = join(&browser, &server, &links[0], "mia@example.org");
    let rid = add(&page, "TH-0001");
    let cik = server.device(MODEL, "TH-0001").activate_ok();
    page.see("It is connected");

    page.wait_for("document.documentElement.classList.contains('is-live')");
    vendor.disable(MODEL, "TH-0001").expect(205);
    page.see("Its vendor has switched it off");
    assert!(!server.device(MODEL, "TH-0001").is_alive(&cik));
    // What the page does not offer, the server does not take.
    page.forgive("403");
    let forged = format!(
        "fetch('/portal/devices/{rid}/reenable', {{method: 'POST', body: new URLSearchParams({{csrf: \
         document.querySelector('[name=csrf]').value}})}}).then((answer) => answer.status)"
    );
    assert_eq!(page.evaluate(&forged), 403);
    assert_eq!(vendor.status(MODEL, "TH-0001"), "expired");
    vendor.re_enable(MODEL, "TH-0001").expect(205);
    page.see("Now switch your device on");
    let second = server.device(MODEL, "TH-0001").activate_ok();
    page.see("It is connected");

    // The owner's own re-enable kills the key at once.
    page.open(&format!("/portal/devices/{rid}"));
    page.click_on("#m-reenable > summary");
    page.click("button", "Let it call in again");
    page.see("Its old key is dead");
    assert!(!server.device(MODEL, "TH-0001").is_alive(&second));
    server.jump(1200);
    page.open(&format!("/portal/devices/{rid}"));
    page.see("It did not call in in time.");

    // Removing wants the number, typed.
    page.click_on("#m-remove > summary");
    page.wait_for("document.querySelector('#m-remove button').disabled");
    page.fill("Type TH-0001 to confirm", "TH-0002");
    page.wait_for("document.querySelector('#m-remove button').disabled");
    page.fill("Type TH-0001 to confirm", "TH-0001");
    page.click("button", "Remove this device");
    page.see("The device is removed");
    page.see("No devices yet");
    assert_eq!(vendor.status(MODEL, "TH-0001"), "");
}

#[test]
fn a_device_that_its_vendor_holds_back_does_not_come_back_by_removing_it() {
    let (server, links) = stage(1);
    let vendor = server.vendor();
    vendor.add(MODEL, &["TH-0001"]);
    let browser = Chromium::start();
    let page = join(&browser, &server, &links[0], "mia@example.org");
    let rid = add(&page, "TH-0001");
    vendor.disable(MODEL, "TH-0001").expect(205);
    page.open(&format!("/portal/devices/{rid}"));
    page.click_on("#m-remove > summary");
    page.fill("Type TH-0001 to confirm", "TH-0001");
    page.click("button", "Remove this device");
    page.see("No devices yet");
    page.forgive("409");
    page.open("/portal/add");
    page.fill("Serial number", "TH-0001");
    page.click("button", "Add it");
    page.see("This device can't be added.");
    vendor.enable(MODEL, "TH-0001");
    assert_eq!(vendor.status(MODEL, "TH-0001"), "notactivated", "the vendor's word lifts it");
}

#[test]
fn a_device_goes_to_another_owner_by_a_code() {
    let (server, links) = stage(2);
    let vendor = server.vendor();
    vendor.add(MODEL, &["TH-0001"]);
    let browser = Chromium::start();
    let giver = join(&browser, &server, &links[0], "mia@example.org");
    let taker = join(&browser, &server, &links[1], "noah@example.org");
    let rid = add(&giver, "TH-0001");
    let cik = server.device(MODEL, "TH-0001").activate_ok();
    write(&server, &cik, &[("message", "a secret of mia's")]);

    giver.open(&format!("/portal/devices/{rid}"));
    giver.click_on("#m-give > summary");
    giver.click("checkbox", "Delete its values before");
    giver.click("button", "Make a code");
    giver.see("Give this code to the new owner");
    let code = giver.evaluate("document.querySelector('#code').textContent").as_str().unwrap().to_owned();

    taker.forgive("409");
    taker.open("/portal/take");
    taker.fill("Code", "0000-0000-0000");
    taker.click("button", "Take it over");
    taker.see("This code is not good");
    taker.fill("Code", &code.to_lowercase().replace('-', " "));
    taker.click("checkbox", "Give it a new key");
    taker.click("button", "Take it over");
    taker.see("The device is yours now.");
    taker.see("Now switch your device on");
    assert!(!taker.text().contains("a secret of mia's"));
    assert!(!server.device(MODEL, "TH-0001").is_alive(&cik), "the new owner wanted a new key");

    // It is gone for the one, and the code is used up.
    giver.forgive("403");
    giver.open(&format!("/portal/devices/{rid}"));
    giver.see("Not allowed");
    giver.open("/portal/devices");
    giver.see("No devices yet");
    giver.forgive("409");
    giver.open("/portal/take");
    giver.fill("Code", &code);
    giver.click("button", "Take it over");
    giver.see("This code is not good");
}

#[test]
fn a_page_that_is_looked_at_ends_with_its_session() {
    let (server, links) = stage(1);
    server.vendor().add(MODEL, &["TH-0001"]);
    let browser = Chromium::start();
    let page = join(&browser, &server, &links[0], "mia@example.org");
    add(&page, "TH-0001");
    page.wait_for("document.documentElement.classList.contains('is-live')");
    let other = page.another();
    other.open("/portal/devices");
    other.click("button", "Sign out");
    other.arrive("/portal/sign-in");
    page.see("You have been signed out.");
    page.see_element(".toasts a[href='/portal/sign-in']");
}
