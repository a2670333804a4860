//! A bad link over a real socket: answers are delayed, lost, or cut in the middle. The server always gets the question.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use device::Event;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream, UdpSocket};
use tokio::sync::SemaphorePermit;
use tokio::time::{sleep, timeout};

use super::World;
use super::luck::Luck;

/// How long a real server may take, whatever the device's clock says.
const PATIENCE: Duration = Duration::from_secs(30);
/// The longest piece of an answer that arrives before it is cut.
const LONGEST_CUT: u64 = 600;

/// Which protocol a device speaks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Speaks {
    Http,
    Coap,
}

/// One device's way to the server.
pub struct Link<'w> {
    world: &'w World,
    speaks: Speaks,
    source: Option<IpAddr>,
    open: Option<(Open, SemaphorePermit<'w>)>,
    fate: Fate,
}

enum Open {
    Tcp(TcpStream),
    Udp(UdpSocket),
}

/// What becomes of the answer to what was sent last.
enum Fate {
    Arrives,
    Lost,
    CutAfter(usize),
}

/// What came, and whether the device's clock has to be told that it waited in vain.
pub struct Came {
    pub event: Event,
    pub in_vain: bool,
}

impl<'w> Link<'w> {
    pub fn new(world: &'w World, speaks: Speaks, number: usize) -> Link<'w> {
        Link { world, speaks, source: source_of(world, speaks, number), open: None, fate: Fate::Arrives }
    }

    pub fn hang_up(&mut self) {
        self.open = None;
    }

    pub async fn send(&mut self, fresh: bool, bytes: &[u8], luck: &mut Luck) -> Event {
        if fresh {
            self.hang_up();
        }
        if self.open.is_none() && self.connect().await.is_none() {
            self.world.tally.unreachable();
            return Event::Closed;
        }
        let sent = match &mut self.open {
            Some((Open::Tcp(stream), _)) => stream.write_all(bytes).await.is_ok(),
            Some((Open::Udp(socket), _)) => socket.send(bytes).await.is_ok(),
            None => false,
        };
        if !sent {
            self.hang_up();
            return Event::Closed;
        }
        self.world.tally.asked();
        let weather = &self.world.weather;
        self.fate = if luck.strikes(weather.loss) {
            self.world.tally.lost();
            Fate::Lost
        } else if self.speaks == Speaks::Http && luck.strikes(weather.cut) {
            self.world.tally.cut();
            Fate::CutAfter(usize::try_from(luck.up_to(LONGEST_CUT)).unwrap_or(0))
        } else {
            Fate::Arrives
        };
        sleep(Duration::from_millis(luck.up_to(u64::from(weather.delay)))).await;
        Event::Sent
    }

    pub async fn receive(&mut self, into: &mut [u8], within_ms: u32) -> Came {
        let came = |event| Came { event, in_vain: false };
        match self.fate {
            Fate::Lost => {
                // The server has done its part when its answer is here; then nobody gets it.
                let mut nowhere = [0; 2048];
                let _ = self.read(&mut nowhere, PATIENCE).await;
                Came { event: Event::TimedOut, in_vain: true }
            }
            Fate::CutAfter(0) => {
                let mut nowhere = [0; 2048];
                let _ = self.read(&mut nowhere, PATIENCE).await;
                self.hang_up();
                came(Event::Closed)
            }
            Fate::CutAfter(left) => {
                let length = into.len().min(left);
                let event = self.read(&mut into[..length], PATIENCE).await;
                if let Event::Received(length) = event {
                    self.fate = Fate::CutAfter(left - length.min(left));
                }
                came(event)
            }
            Fate::Arrives => {
                // A datagram may really be lost; a datagram's deadline is short, and the device's clock runs fast.
                let patience = match self.speaks {
                    Speaks::Http => PATIENCE,
                    Speaks::Coap => Duration::from_millis(u64::from(within_ms)).min(PATIENCE),
                };
                came(self.read(into, patience).await)
            }
        }
    }

    async fn read(&mut self, into: &mut [u8], patience: Duration) -> Event {
        let outcome = match &mut self.open {
            Some((Open::Tcp(stream), _)) => timeout(patience, stream.read(into)).await,
            Some((Open::Udp(socket), _)) => timeout(patience, socket.recv(into)).await,
            None => return Event::Closed,
        };
        match outcome {
            Err(_) => Event::TimedOut,
            Ok(Ok(length)) if length > 0 => Event::Received(length),
            Ok(_) => {
                self.hang_up();
                Event::Closed
            }
        }
    }

    async fn connect(&mut self) -> Option<()> {
        let permit = self.world.connections.acquire().await.ok()?;
        let open = match self.speaks {
            Speaks::Http => Open::Tcp(connect_tcp(self.world.http.address, self.source).await?),
            Speaks::Coap => {
                let address = self.world.coap.as_ref()?.address;
                let source = self.source.unwrap_or(match address {
                    SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
                    SocketAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
                });
                let socket = UdpSocket::bind((source, 0)).await.ok()?;
                socket.connect(address).await.ok()?;
                Open::Udp(socket)
            }
        };
        self.open = Some((open, permit));
        Some(())
    }
}

async fn connect_tcp(address: SocketAddr, source: Option<IpAddr>) -> Option<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }.ok()?;
    if let Some(source) = source {
        socket.bind((source, 0).into()).ok()?;
    }
    let stream = timeout(PATIENCE, socket.connect(address)).await.ok()?.ok()?;
    // Thousands of closed connections would otherwise keep their ports for a minute.
    stream.set_zero_linger().ok()?;
    stream.set_nodelay(true).ok()?;
    Some(stream)
}

/// On the loopback network of Linux every device has an address of its own, as it has in the field.
fn source_of(world: &World, speaks: Speaks, number: usize) -> Option<IpAddr> {
    let address = match speaks {
        Speaks::Http => world.http.address,
        Speaks::Coap => world.coap.as_ref()?.address,
    };
    if !cfg!(target_os = "linux") || !matches!(address.ip(), IpAddr::V4(ip) if ip.is_loopback()) {
        return None;
    }
    let octet = |value: usize| u8::try_from(value).unwrap_or(0);
    Some(Ipv4Addr::new(127, octet(10 + number / 62_500), octet(number / 250 % 250), octet(1 + number % 250)).into())
}
