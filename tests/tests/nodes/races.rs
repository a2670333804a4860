//! Many devices with one serial number on three nodes: one is activated (T03). `CIKADA_NODE_ROUNDS` sets the rounds.

use std::sync::Barrier;
use std::thread;

use cikada_tests::{Answer, Postgres, Server, fresh_name};

const DEVICES: usize = 64;

#[test]
fn of_64_devices_on_three_nodes_one_is_activated() {
    let rounds = std::env::var("CIKADA_NODE_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(20);
    let first = Server::start_on(Some(&Postgres::shared().database()), "");
    let nodes = [&first.join(None), &first.join(None), &first];
    let (model, vendor) = (fresh_name("nodes"), first.vendor());
    vendor.add_model(&model, &[]);
    let mut won = [0; 3];
    for round in 0..rounds {
        let sn = format!("A{round}");
        vendor.add(&model, &[&sn]);
        vendor.enable(&model, &sn);
        let start = Barrier::new(DEVICES);
        let call = |number: usize| -> Answer {
            let node = nodes[number % nodes.len()];
            let device = node.device(&model, &sn);
            let mut connection = node.connect_from(device.address);
            start.wait();
            connection.ask(&device.activation(&[])).expect("an answer")
        };
        let answers: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..DEVICES).map(|number| scope.spawn(move || call(number))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(answers.iter().all(|answer| [200, 409, 429].contains(&answer.status)), "{answers:?}");
        let winners: Vec<_> = (0..DEVICES).filter(|number| answers[*number].status == 200).collect();
        assert_eq!(winners.len(), 1, "round {round}: {winners:?} were activated");
        won[winners[0] % nodes.len()] += 1;
        // On another node than the one that gave it.
        let other = nodes[(winners[0] + 1) % nodes.len()];
        assert!(other.device(&model, &sn).is_alive(answers[winners[0]].text()));
        let log = vendor.log(&model, &sn);
        assert_eq!(log.iter().filter(|(.., entry)| entry.contains("result=activated")).count(), 1, "{log:?}");
    }
    println!("{rounds} rounds, won by node: {won:?}");
    assert!(nodes[0].run_on_data("fsck").status.success());
}

#[test]
fn a_nonce_is_answered_with_one_key_on_every_node() {
    let first = Server::start_on(Some(&Postgres::shared().database()), "");
    let nodes = [&first.join(None), &first];
    let (model, vendor) = (fresh_name("nonce"), first.vendor());
    vendor.add_model(&model, &[]);
    for round in 0..10 {
        let sn = format!("A{round}");
        vendor.add(&model, &[&sn]);
        vendor.enable(&model, &sn);
        let start = Barrier::new(8);
        let keys: Vec<_> = thread::scope(|scope| {
            let call = |number: usize| {
                let device = nodes[number % 2].device(&model, &sn);
                start.wait();
                device.activate_with(&[("nonce", "the-same-on-both-nodes")]).expect(200).text().to_owned()
            };
            let threads: Vec<_> = (0..8).map(|number| scope.spawn(move || call(number))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    }
}
