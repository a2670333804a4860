//! The browser of the kit itself: what it sees, and what it complains about.

use cikada_tests::Server;
use cikada_tests::chromium::Chromium;

#[test]
fn a_browser_sees_what_the_server_says_and_misses_no_complaint() {
    let server = Server::shared();
    let browser = Chromium::start();
    let page = browser.page(server.address);
    page.open("/timestamp");
    assert!(page.text().trim().parse::<i64>().is_ok(), "{}", page.text());

    page.evaluate("console.error('loud')");
    page.evaluate("new Image().src = 'http://127.0.0.2:9/elsewhere.png', 0");
    page.evaluate("setTimeout(() => { throw new Error('broken') }), 0");
    page.evaluate("document.body.innerHTML = '<img src=\"/nothing.png\" onerror=\"alert(1)\"><input><p>low'; 0");
    page.see("low");
    page.wait_for("performance.now() > 0");
    let said = || page.complaints().join("\n");
    for one in ["loud", "another place: http://127.0.0.2:9/elsewhere.png", "broken", "opened a dialog"] {
        let since = std::time::Instant::now();
        while !said().contains(one) {
            assert!(since.elapsed().as_secs() < 10, "{one}: {}", said());
        }
        page.forgive(one);
    }
    // A page that names no icon is asked for one.
    page.forgive("favicon.ico");
    page.forgive("nothing.png");
    page.forgive("elsewhere.png");
    assert!(page.audit().iter().any(|finding| finding.rule == "label"), "a field without a name");
}
