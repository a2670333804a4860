//! Restarts under load while somebody else holds the listening socket (fault F18, goal G15).

use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use cikada_tests::{Connection, Request, cikada};
use tempfile::TempDir;

const RESTARTS: usize = 5;
const A_SECOND: u32 = 200;

/// Serves on a socket that was opened before, as systemd hands it over.
fn serve(folder: &TempDir, socket: &TcpListener) -> Child {
    let hand_over = "exec 3<&0 </dev/null; export LISTEN_PID=$$ LISTEN_FDS=1; exec \"$0\" \"$@\"";
    let mut command = Command::new("sh");
    command.arg("-c").arg(hand_over).arg(cikada()).args(["serve", "--data"]).arg(folder.path().join("data"));
    command.stdin(Stdio::from(OwnedFd::from(socket.try_clone().unwrap()))).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}

fn ask(address: SocketAddr) -> Result<(), String> {
    let answer =
        Connection::open(address).and_then(|it| it.patience(Duration::from_secs(20)).ask(&Request::get("/timestamp")));
    match answer {
        Ok(answer) if answer.status == 200 => Ok(()),
        other => Err(format!("{other:?}")),
    }
}

#[test]
fn restarts_under_load_refuse_nobody() {
    let folder = TempDir::new().unwrap();
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let mut server = serve(&folder, &socket);
    ask(address).unwrap();
    let (over, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
    let clients: Vec<_> = (0..8)
        .map(|_| {
            let (over, asked) = (over.clone(), asked.clone());
            std::thread::spawn(move || {
                let (mut failed, mut next) = (Vec::new(), Instant::now());
                while !over.load(Ordering::Relaxed) {
                    asked.fetch_add(1, Ordering::Relaxed);
                    failed.extend(ask(address).err());
                    next += Duration::from_secs(1) * 8 / A_SECOND;
                    std::thread::sleep(next.saturating_duration_since(Instant::now()));
                }
                failed
            })
        })
        .collect();
    for _ in 0..RESTARTS {
        std::thread::sleep(Duration::from_millis(500));
        Command::new("sh").arg("-c").arg(format!("kill -TERM {}", server.id())).status().unwrap();
        assert!(server.wait().unwrap().success());
        server = serve(&folder, &socket);
    }
    std::thread::sleep(Duration::from_millis(500));
    over.store(true, Ordering::Relaxed);
    let failed: Vec<String> = clients.into_iter().flat_map(|client| client.join().unwrap()).collect();
    let asked = asked.load(Ordering::Relaxed);
    let _ = server.kill();
    let _ = server.wait();
    assert!(failed.is_empty(), "{} of {asked} requests failed: {:?}", failed.len(), failed.first());
    assert!(asked > 200, "there was load: {asked} requests");
}
