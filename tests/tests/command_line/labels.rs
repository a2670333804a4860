//! `cikada sn label`.

use cikada_tests::Server;

use crate::terminal::Terminal;

#[test]
fn a_label_is_a_picture_a_text_or_a_sheet() {
    let server = Server::shared();
    let vendor = Terminal::of_vendor(&server);
    let run = |words: &str| vendor.try_run(&format!("sn label boiler {words}"));
    let text = |words: &str| {
        let said = run(words);
        assert!(said.status.success(), "{words}: {said:?}");
        String::from_utf8(said.stdout).unwrap()
    };

    let svg = text("A1 --svg --base-url https://devices.example.com");
    assert!(svg.starts_with("<svg ") && svg.contains(">A1</text>"), "{svg}");
    let screen = text("A1 A2 --terminal --base-url https://devices.example.com/");
    let vendor_name = &server.cast.vendor_name;
    for sn in ["A1", "A2"] {
        let url = format!("https://devices.example.com/portal/add?vendor={vendor_name}&model=boiler&sn={sn}");
        assert!(screen.contains(&url), "{screen}");
    }
    let sheet = text("A1 A2 A3 --sheet");
    assert_eq!(sheet.matches("<li>").count(), 3);
    assert!(run("A1 --png").stdout.starts_with(b"\x89PNG"));
}

#[test]
fn what_makes_no_label_is_refused_with_what_to_do() {
    let server = Server::shared();
    let vendor = Terminal::of_vendor(&server);
    assert!(vendor.fails("sn label boiler A1 A2 --svg").contains("--sheet"));
    assert!(vendor.fails("sn label boiler A1 --base-url devices.example.com").contains("https://"));
    let long = format!("https://{}", "x".repeat(2400));
    assert!(vendor.fails(&format!("sn label boiler A1 --base-url {long}")).contains("too long"));
}
