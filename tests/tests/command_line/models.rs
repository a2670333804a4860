//! `cikada model`

use cikada_tests::{Server, fresh_name};

use crate::terminal::Terminal;

#[test]
fn a_model_is_made_shown_changed_and_deleted() {
    let server = Server::shared();
    let vendor = Terminal::of_vendor(&server);
    let (model, template) = (fresh_name("cli"), &server.cast.template.rid);

    vendor.run(&format!(
        "model create {model} --template {template} --window 2h --option nohistorical --option graceretry"
    ));
    let shown = vendor.json(&format!("model show {model}"));
    assert_eq!(shown["template"], template.as_str());
    assert_eq!((&shown["window_s"], &shown["options"]), (&7200.into(), &"nohistorical graceretry".into()));
    assert!(vendor.run("model list").lines().any(|line| line == model));

    vendor.run(&format!("model update {model} --window 90s"));
    let shown = vendor.json(&format!("model show {model}"));
    assert_eq!(shown["template"], template.as_str(), "what is not named stays");
    assert_eq!((&shown["window_s"], &shown["options"]), (&90.into(), &"nohistorical graceretry".into()));
    vendor.run(&format!("model update {model} --option noaliases"));
    assert_eq!(vendor.json(&format!("model show {model}"))["options"], "noaliases");
    vendor.run(&format!("model update {model} --no-options"));
    let shown = vendor.json(&format!("model show {model}"));
    assert!(shown["options"].is_null() && shown["window_s"] == 90, "{shown}");

    assert!(vendor.fails(&format!("model delete {model}")).contains("--yes"), "a script has to say that it means it");
    vendor.run(&format!("model delete {model} --yes"));
    assert!(vendor.fails(&format!("model show {model}")).contains("404"));
}

#[test]
fn a_model_that_cannot_be_made_says_why() {
    let server = Server::shared();
    let vendor = Terminal::of_vendor(&server);
    let (model, template) = (vendor.model(), &server.cast.template.rid);
    for (words, why) in [
        (format!("model create {model} --template {template}"), "409"),
        (format!("model create fresh --template {}", "0".repeat(40)), "400"),
        ("model create fresh --template xyz".to_owned(), "400"),
        ("model create fresh".to_owned(), "made from a template"),
        (format!("model create a/b --template {template}"), "400"),
        (format!("model create fresh --template {template} --window 5s"), "400"),
        ("model update nothing --window 2h".to_owned(), "404"),
        ("model delete nothing --yes".to_owned(), "404"),
    ] {
        assert!(vendor.fails(&words).contains(why), "{words}");
    }
    for wrong in ["--option nonsense", "--window soon", "--code x"] {
        let words = format!("model create fresh --template {template} {wrong}");
        assert_eq!(vendor.try_run(&words).status.code(), Some(2), "{words}");
    }
}
