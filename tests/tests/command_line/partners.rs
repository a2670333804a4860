//! `cikada share`, `register` and `token`

use cikada_tests::{Server, fresh_name, is_hex40};

use crate::terminal::Terminal;

#[test]
fn a_partner_registers_a_name_and_enables_what_is_shared() {
    let server = Server::start();
    let vendor = Terminal::of_vendor(&server);
    let (model, owner) = (vendor.model(), &server.cast.owner);
    vendor.run(&format!("sn add {model} A1 A2"));
    let partner = Terminal::of_holder(&server, &owner.cik);
    assert!(partner.fails("register show").contains("404"));
    assert!(partner.fails("model list").contains("403"), "a client without a name is no vendor");
    partner.run("register name installer-co");
    assert_eq!(partner.run("register show"), "installer-co\n");
    assert!(partner.fails("register name acme").contains("409"));

    let name = &server.cast.vendor_name;
    let enable = format!("sn enable {model} A1 --owner {} --vendor {name}", owner.rid);
    assert!(partner.fails(&enable).contains("403"));
    assert!(vendor.fails(&format!("share test {model} installer-co")).contains("not shared"));
    assert!(vendor.fails(&format!("share add {model} nobody")).contains("400"));
    vendor.run(&format!("share add {model} installer-co"));
    vendor.run(&format!("share test {model} installer-co"));
    assert_eq!(vendor.run(&format!("share list {model}")), "installer-co\n");
    assert!(partner.run("model shared").contains(&model));

    partner.run(&enable);
    assert!(partner.fails(&enable).contains("409"));
    let mine = partner.json(&format!("sn list {model} --vendor {name}"));
    assert_eq!((mine.as_array().unwrap().len(), &mine[0]["sn"]), (1, &"A1".into()), "{mine}");
    assert_eq!(vendor.json(&format!("sn list {model} --shared installer-co"))[0]["sn"], "A1");
    partner.run(&format!("sn disable {model} A1 --vendor {name}"));
    partner.run(&format!("sn reenable {model} A1 --vendor {name}"));
    assert_eq!(partner.json(&format!("sn show {model} A1 --vendor {name}"))["status"], "notactivated");
    assert!(
        partner.fails(&format!("sn show {model} A1")).contains("404"),
        "without --vendor it is another vendor's model"
    );

    vendor.run(&format!("share remove {model} installer-co"));
    assert!(partner.fails(&format!("sn disable {model} A1 --vendor {name}")).contains("403"));
    partner.run("register remove installer-co --yes");
    assert!(partner.fails("register remove installer-co").contains("--yes"));
}

#[test]
fn tokens_are_made_and_revoked_with_the_key_of_the_vendor() {
    let server = Server::shared();
    let vendor = Terminal::of_holder(&server, &server.cast.vendor.cik);
    let id = fresh_name("line");
    let token = vendor.run(&format!("token create {id}")).trim().to_owned();
    assert!(is_hex40(&token));
    assert!(vendor.fails(&format!("token create {id}")).contains("token show"));
    assert_eq!(vendor.run(&format!("token show {id}")).trim(), token);
    assert!(vendor.run("token list").lines().any(|line| line == id));
    let list = |token: &str| {
        let mut command = vendor.command("model list");
        command.env("CIKADA_TOKEN", token).env_remove("CIKADA_CIK").output().unwrap().status.success()
    };
    assert!(list(&token));
    vendor.run(&format!("token delete {id}"));
    assert!(!list(&token), "a revoked token is dead at once");
    assert!(vendor.fails(&format!("token delete {id}")).contains("404"));
    let with_a_token = Terminal::of_vendor(&server);
    assert!(with_a_token.fails("token list").contains("needs the CIK"));
}
