//! The wish to stop, for whatever waits long: long polls, subscriptions, connections without an end (fault F17).

use tokio::sync::watch;

/// Whether this server is to end.
pub struct Stopping(watch::Sender<bool>);

impl Stopping {
    /// Not yet.
    pub fn new() -> Stopping {
        Stopping(watch::Sender::new(false))
    }

    /// From now on nothing waits any longer.
    pub fn begin(&self) {
        self.0.send_replace(true);
    }

    /// Whether the server is to end.
    pub fn has_begun(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until the server is to end.
    pub async fn begun(&self) {
        // The sender is here, so the only way out is the value.
        let _ = self.0.subscribe().wait_for(|stopping| *stopping).await;
    }
}

impl Default for Stopping {
    fn default() -> Stopping {
        Stopping::new()
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future as _;
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    #[test]
    fn who_waits_hears_of_the_stop_and_so_does_who_comes_later() {
        let (stopping, mut context) = (Stopping::new(), Context::from_waker(Waker::noop()));
        let mut waiting = pin!(stopping.begun());
        assert!(waiting.as_mut().poll(&mut context).is_pending());
        stopping.begin();
        assert!(waiting.poll(&mut context).is_ready());
        assert!(pin!(stopping.begun()).poll(&mut context).is_ready());
    }
}
