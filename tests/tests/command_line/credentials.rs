//! What every command says when it cannot even begin.

use cikada_tests::{Server, UNKNOWN_KEY};

use crate::terminal::{Terminal, text};

#[test]
fn a_missing_wrong_or_unknown_key_is_explained() {
    let server = Server::shared();
    let nobody = Terminal::of_nobody(&server);
    assert!(nobody.fails("model list").contains("CIKADA_TOKEN"));
    assert!(nobody.fails("model list --token nonsense").contains("does not hold a key"));
    assert!(nobody.fails("token list").contains("CIKADA_CIK"));
    assert!(nobody.fails(&format!("model list --token {UNKNOWN_KEY}")).contains("401"));
    let said = nobody.fails(&format!("model list --token {UNKNOWN_KEY}"));
    assert!(!said.contains(UNKNOWN_KEY), "no secret is repeated: {said}");
    let both = format!("model list --token {UNKNOWN_KEY} --cik {UNKNOWN_KEY}");
    assert_eq!(nobody.try_run(&both).status.code(), Some(2));
}

#[test]
fn a_server_that_is_not_there_is_explained() {
    let server = Server::shared();
    let vendor = Terminal::of_vendor(&server);
    for (address, why) in [
        ("http://127.0.0.1:1", "cikada serve"),
        ("ftp://host", "not a URL"),
        ("localhost:8080", "not a URL"),
        ("http://host.invalid", "CIKADA_SERVER"),
    ] {
        assert!(vendor.fails(&format!("model list --server {address}")).contains(why), "{address}");
    }
    let shown = vendor.try_run("model list --help");
    assert!(!text(&shown.stdout).contains(&server.cast.vendor_token), "help does not print the environment's secrets");
}

#[test]
fn completions_exist_for_every_shell() {
    let server = Server::shared();
    let nobody = Terminal::of_nobody(&server);
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(nobody.run(&format!("completions {shell}")).contains("reenable"), "{shell}");
    }
}
