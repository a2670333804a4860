//! Budgets of failed activations (contract, device.md "Activate"): guessing is slow, and nobody is locked out by others.

use std::net::Ipv4Addr;

use cikada_tests::{Answer, Server, Vendor, fresh_address, fresh_name};

fn scene(server: &Server) -> (Vendor<'_>, String) {
    let model = fresh_name("budget");
    server.vendor().add_model(&model, &[]);
    (server.vendor(), model)
}

/// The neighbour with that last byte.
fn neighbour(address: Ipv4Addr, last: u8) -> Ipv4Addr {
    let [a, b, c, _] = address.octets();
    Ipv4Addr::new(a, b, c, last)
}

/// Tries so many different unknown numbers from an address until it is told to wait; how many were answered with 404.
fn guess(server: &Server, model: &str, address: Ipv4Addr, tries: usize) -> usize {
    let guess = |n: usize| server.device(model, &format!("guess-{address}-{n}")).from(address).activate();
    let answered = |answer: Answer| answer.expect_any(&[404, 429]).status == 404;
    (0..tries).take_while(|n| answered(guess(*n))).count()
}

#[test]
fn an_address_may_guess_a_hundred_numbers_and_then_has_to_wait() {
    let server = Server::start();
    let (_, model) = scene(&server);
    let address = fresh_address();
    let answered = guess(&server, &model, address, 130);
    assert!((100..115).contains(&answered), "{answered} guesses were answered");
    // The neighbour has its own budget.
    assert_eq!(guess(&server, &model, neighbour(address, 77), 5), 5);
}

#[test]
fn a_network_may_guess_six_hundred_numbers_and_then_has_to_wait() {
    let server = Server::start();
    let (_, model) = scene(&server);
    let address = fresh_address();
    let answered: usize = (1..12).map(|last| guess(&server, &model, neighbour(address, last), 90)).sum();
    assert!((600..660).contains(&answered), "{answered} guesses were answered");
    assert_eq!(guess(&server, &model, fresh_address(), 5), 5);
}

#[test]
fn good_devices_behind_one_address_are_never_refused() {
    let server = Server::start();
    let (vendor, _) = scene(&server);
    let model = fresh_name("factory");
    vendor.add_model(&model, &[("options[]", "autoenable")]);
    vendor.add_range(&model, r#"{"format":"base10","length":6,"casing":"upper","first":0,"last":999999}"#);
    let address = fresh_address();
    for n in 0..800 {
        server.device(&model, &format!("{n:06}")).from(address).activate_ok();
    }
}

#[test]
fn a_device_that_polls_before_it_is_enabled_costs_its_address_one_guess_only() {
    let server = Server::start();
    let (vendor, model) = scene(&server);
    let address = fresh_address();
    vendor.add(&model, &["A1"]);
    for _ in 0..200 {
        server.device(&model, "A1").from(address).activate().expect_any(&[409, 429]);
    }
    let answered = guess(&server, &model, address, 95);
    assert_eq!(answered, 95);
}

#[test]
fn nobody_can_lock_a_number_from_afar() {
    let server = Server::start();
    let (vendor, model) = scene(&server);
    vendor.add(&model, &["A1"]);
    vendor.enable(&model, "A1");
    let device = server.device(&model, "A1");
    let nonce = [("nonce", "it-is-me-it-is-me")];
    let key = device.activate_with(&nonce).expect(200).text().to_owned();
    let statuses: Vec<u16> =
        (0..90).map(|_| server.device(&model, "A1").activate().expect_any(&[409, 429]).status).collect();
    let before_429 = statuses.iter().take_while(|status| **status == 409).count();
    assert!((60..75).contains(&before_429), "{statuses:?}");
    // Beyond the number's budget nothing is written down any more.
    let refused = vendor.log(&model, "A1").iter().filter(|(.., entry)| entry.contains("result=refused")).count();
    assert!((60..75).contains(&refused), "{refused} refusals in the log");
    // The device itself is not held up, neither in this window nor in the next.
    assert_eq!(device.activate_with(&nonce).expect(200).text(), key);
    vendor.re_enable(&model, "A1").expect(205);
    let next = server.device(&model, "A1").activate_ok();
    assert_ne!(next, key);
    // A new window clears the count.
    server.device(&model, "A1").activate().expect(409);
}

#[test]
fn the_log_of_a_number_is_bounded() {
    let server = Server::start();
    let (vendor, model) = scene(&server);
    vendor.add_range(&model, r#"{"format":"base10","length":4,"casing":"upper","first":0,"last":9999}"#);
    for n in 0..150 {
        server.device(&model, &format!("{n:04}")).activate().expect(409);
    }
    assert_eq!(vendor.log(&model, "0149").len(), 1);
    assert_eq!(vendor.call("GET", &format!("/manage/model/{model}/?limit=1000")).text(), "");
}
