//! The one-way write.

use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cikada_api::udp::{UdpDoor, UdpThread};

use crate::world::{ALIAS, World, until};

struct Sender {
    socket: UdpSocket,
    thread: UdpThread,
}

fn listen(world: &World) -> Sender {
    let door = UdpDoor::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(door.address()).unwrap();
    Sender { socket, thread: door.serve(world.app.clone()).unwrap() }
}

impl Sender {
    fn send(&self, datagram: impl AsRef<[u8]>) {
        self.socket.send(datagram.as_ref()).unwrap();
    }
}

#[test]
fn a_datagram_is_a_write_and_gets_no_answer() {
    let world = World::new();
    let (device, sender) = (world.furnished(), listen(&world));
    let cik = &device.cik;
    for (sent, (end, read)) in [("", "integer=1"), ("\n", "integer=2"), ("\r\n", "integer=3")].into_iter().enumerate() {
        sender.send(format!("cik={cik}&{read}&unknown=1{end}"));
        until(|| sender.thread.counts().written() == sent as u64 + 1);
        assert_eq!(world.ask(device.get(&format!("{ALIAS}?integer"), &[])).body, read);
    }
    sender.send(format!("cik={cik}&string=a%20b&float=1"));
    until(|| sender.thread.counts().written() == 4);
    assert_eq!(world.ask(device.get(&format!("{ALIAS}?string&float"), &[])).body, "float=1.0&string=a+b");
    sender.socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    assert!(sender.socket.recv(&mut [0; 16]).is_err(), "something was sent back");
}

#[test]
fn bad_datagrams_change_nothing_and_are_counted() {
    let world = World::new();
    let (device, sender) = (world.furnished(), listen(&world));
    let cik = &device.cik;
    let bad: Vec<Vec<u8>> = [
        String::new(),
        "cik=".to_owned(),
        format!("cik={cik}"),
        format!("cik={cik}&"),
        format!("cik={cik}x&integer=1"),
        format!("cik={}&integer=1", "a".repeat(40)),
        format!("cik={}&integer=1", cik.to_uppercase()),
        format!("integer=1&cik={cik}"),
        format!("cik={cik}&integer=x"),
        format!("cik={cik}&float=1&integer=1.5"),
        format!("cik={cik}&integer=%zz"),
    ]
    .into_iter()
    .map(String::into_bytes)
    .chain([vec![0xff; 1000], vec![0; 1], vec![b'&'; 60_000]])
    .collect();
    bad.iter().for_each(|datagram| sender.send(datagram));
    until(|| sender.thread.counts().bad() == bad.len() as u64);
    assert_eq!((sender.thread.counts().written(), sender.thread.counts().lost()), (0, 0));
    assert_eq!(world.ask(device.get(&format!("{ALIAS}?integer&float"), &[])).status(), 204);
    // One bad datagram among good ones takes none of them along.
    for datagram in [format!("cik={cik}&integer=5"), format!("cik={cik}&integer=x"), format!("cik={cik}&float=6")] {
        sender.send(datagram);
    }
    until(|| sender.thread.counts().written() == 2);
    assert_eq!(world.ask(device.get(&format!("{ALIAS}?integer&float"), &[])).body, "float=6.0&integer=5");
}

#[test]
fn a_flood_of_rubbish_leaves_http_alone_and_ends_with_the_server() {
    let world = World::new();
    let (device, sender) = (world.furnished(), listen(&world));
    let (flooding, unknown) = (AtomicBool::new(true), "b".repeat(40));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let unknown = format!("cik={unknown}&integer=1");
            while flooding.load(Ordering::Relaxed) {
                for _ in 0..50 {
                    let _ = sender.socket.send(b"rubbish");
                    let _ = sender.socket.send(unknown.as_bytes());
                }
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        let mut peer = world.connect();
        let began = Instant::now();
        for number in 0..100 {
            peer.send(device.post(ALIAS, &format!("integer={number}")));
            assert_eq!(peer.answer().status(), 204);
        }
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        flooding.store(false, Ordering::Relaxed);
    });
    assert!(sender.thread.counts().bad() > 1_000);
    assert_eq!(sender.thread.counts().written(), 0);
    let began = Instant::now();
    drop(sender);
    assert!(began.elapsed() < Duration::from_secs(1));
}
