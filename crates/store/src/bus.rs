//! Who waits for what, and how a commit wakes them (contract, data.md "Long polling", rpc.md `wait` and `subscribe`).
//!
//! A request that waits first listens, then looks into the store, then sleeps: what commits after it began to listen is in
//! its inbox, so nothing is lost. Nobody sleeps on a thread. The writer tells the bus after its COMMIT and before its
//! answers; on an engine that other processes write to as well, the same two calls are made by whoever hears its
//! notifications.

use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use crate::Subject;
use crate::effects::{Effects, Stored};

const SHARDS: usize = 64;

/// What a listener hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A value was stored in a resource that it listens to.
    Value(Arc<Stored>),
    /// More values came than its inbox holds.
    Missed,
    /// Something else that it listens to changed: what it knows must be read again.
    Changed,
}

/// All listeners of one process.
pub(crate) struct Bus {
    shards: Box<[Mutex<Shard>]>,
}

type Shard = HashMap<Subject, Vec<Arc<Inbox>>>;

/// A place on the bus, given up when it is dropped.
pub struct Listener {
    bus: Arc<Bus>,
    subjects: Box<[Subject]>,
    inbox: Arc<Inbox>,
}

struct Inbox {
    capacity: u32,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    values: VecDeque<Arc<Stored>>,
    missed: bool,
    changed: bool,
    waker: Option<Waker>,
}

impl Bus {
    pub(crate) fn new() -> Bus {
        Bus { shards: (0..SHARDS).map(|_| Mutex::default()).collect() }
    }

    /// Begins to listen; at most `capacity` values wait in the inbox.
    pub(crate) fn listen(self: &Arc<Bus>, subjects: &[Subject], capacity: u32) -> Listener {
        let inbox = Arc::new(Inbox { capacity: capacity.max(1), state: Mutex::default() });
        for subject in subjects {
            lock(self.shard(*subject)).entry(*subject).or_default().push(Arc::clone(&inbox));
        }
        Listener { bus: Arc::clone(self), subjects: subjects.into(), inbox }
    }

    /// How many listen to a subject.
    pub(crate) fn listeners(&self, subject: Subject) -> usize {
        lock(self.shard(subject)).get(&subject).map_or(0, Vec::len)
    }

    /// Tells the listeners what a transaction did. Called once for each, in the order of commits.
    pub(crate) fn publish(&self, effects: &Effects) {
        let mut wakers = Vec::new();
        for subject in &effects.touched {
            self.each_inbox(*subject, |inbox| wakers.extend(inbox.change()));
        }
        for stored in &effects.stored {
            self.each_inbox(Subject::Series(stored.resource_id), |inbox| wakers.extend(inbox.put(stored)));
        }
        // Outside of every lock: a waker may run anything.
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Tells the listeners of a subject that values came which they do not get.
    pub(crate) fn publish_missed(&self, subjects: &[Subject]) {
        let mut wakers = Vec::new();
        for subject in subjects {
            self.each_inbox(*subject, |inbox| wakers.extend(inbox.miss()));
        }
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Tells everybody that anything may have happened.
    pub(crate) fn publish_doubt(&self) {
        let mut wakers = Vec::new();
        for shard in &self.shards {
            for inbox in lock(shard).values().flatten() {
                wakers.extend(inbox.miss());
                wakers.extend(inbox.change());
            }
        }
        wakers.into_iter().for_each(Waker::wake);
    }

    fn each_inbox(&self, subject: Subject, tell: impl FnMut(&Arc<Inbox>)) {
        if let Some(inboxes) = lock(self.shard(subject)).get(&subject) {
            inboxes.iter().for_each(tell);
        }
    }

    fn shard(&self, subject: Subject) -> &Mutex<Shard> {
        let mixed = subject.number().wrapping_mul(0x9e37_79b9_7f4a_7c15);
        &self.shards[(mixed >> (64 - SHARDS.trailing_zeros())) as usize]
    }
}

impl Inbox {
    fn change(&self) -> Option<Waker> {
        let mut state = lock(&self.state);
        state.changed = true;
        state.waker.take()
    }

    fn miss(&self) -> Option<Waker> {
        let mut state = lock(&self.state);
        state.missed = true;
        state.waker.take()
    }

    fn put(&self, stored: &Arc<Stored>) -> Option<Waker> {
        let mut state = lock(&self.state);
        if state.values.len() < self.capacity as usize {
            state.values.push_back(Arc::clone(stored));
        } else {
            state.missed = true;
        }
        state.waker.take()
    }
}

impl Listener {
    /// The next thing heard; values in the order in which they were committed, and after them that something changed.
    pub async fn next(&mut self) -> Heard {
        poll_fn(|context| {
            let mut state = lock(&self.inbox.state);
            if let Some(heard) = state.take() {
                return Poll::Ready(heard);
            }
            if !state.waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
                state.waker = Some(context.waker().clone());
            }
            Poll::Pending
        })
        .await
    }

    /// What was heard and not taken yet, without waiting.
    pub fn try_next(&mut self) -> Option<Heard> {
        lock(&self.inbox.state).take()
    }
}

impl State {
    fn take(&mut self) -> Option<Heard> {
        if let Some(stored) = self.values.pop_front() {
            return Some(Heard::Value(stored));
        }
        if std::mem::take(&mut self.missed) {
            return Some(Heard::Missed);
        }
        std::mem::take(&mut self.changed).then_some(Heard::Changed)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        for subject in &self.subjects {
            let mut shard = lock(self.bus.shard(*subject));
            let Some(inboxes) = shard.get_mut(subject) else { continue };
            if let Some(place) = inboxes.iter().position(|inbox| Arc::ptr_eq(inbox, &self.inbox)) {
                inboxes.swap_remove(place);
            }
            if inboxes.is_empty() {
                shard.remove(subject);
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Wake};

    use super::*;

    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Count>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn stored(resource_id: i64, at: i64) -> Effects {
        let stored = Stored { resource_id, at, is_current: true, value: "1".into() };
        Effects { stored: vec![Arc::new(stored)], ..Effects::default() }
    }

    fn poll(listener: &mut Listener, count: &Arc<Count>) -> Option<Heard> {
        let waker = Waker::from(Arc::clone(count));
        let next = std::pin::pin!(listener.next());
        match next.poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(heard) => Some(heard),
            Poll::Pending => None,
        }
    }

    #[test]
    fn a_listener_hears_its_own_resource_only_and_is_woken_once() {
        let bus = Arc::new(Bus::new());
        let count = Arc::new(Count(AtomicUsize::new(0)));
        let mut listener = bus.listen(&[Subject::Series(1), Subject::Client(9)], 8);
        bus.publish(&stored(2, 10));
        assert_eq!(poll(&mut listener, &count), None);
        bus.publish(&stored(1, 11));
        bus.publish(&stored(1, 12));
        assert_eq!(count.0.load(Ordering::SeqCst), 1);
        for at in [11, 12] {
            let Some(Heard::Value(heard)) = poll(&mut listener, &count) else { panic!("nothing was heard") };
            assert_eq!(heard.at, at);
        }
        bus.publish(&Effects { touched: vec![Subject::Client(9)], ..Effects::default() });
        assert_eq!(poll(&mut listener, &count), Some(Heard::Changed));
        assert_eq!(poll(&mut listener, &count), None);
    }

    #[test]
    fn an_inbox_that_is_full_says_so_instead_of_growing() {
        let bus = Arc::new(Bus::new());
        let mut listener = bus.listen(&[Subject::Series(1)], 2);
        for at in 0..5 {
            bus.publish(&stored(1, at));
        }
        let heard: Vec<_> = std::iter::from_fn(|| listener.try_next()).collect();
        assert_eq!(heard.len(), 3);
        assert_eq!(heard[2], Heard::Missed);
    }

    #[test]
    fn in_doubt_everybody_looks_again() {
        let bus = Arc::new(Bus::new());
        let mut listener = bus.listen(&[Subject::Series(1)], 2);
        bus.publish_missed(&[Subject::Series(2)]);
        assert_eq!(listener.try_next(), None);
        bus.publish_missed(&[Subject::Series(1)]);
        assert_eq!(listener.try_next(), Some(Heard::Missed));
        bus.publish_doubt();
        let heard: Vec<_> = std::iter::from_fn(|| listener.try_next()).collect();
        assert_eq!(heard, [Heard::Missed, Heard::Changed]);
    }

    #[test]
    fn a_listener_that_goes_gives_up_its_place() {
        let bus = Arc::new(Bus::new());
        let first = bus.listen(&[Subject::Series(1), Subject::Client(1)], 1);
        let second = bus.listen(&[Subject::Series(1)], 1);
        drop(first);
        assert_eq!(bus.shards.iter().map(|shard| lock(shard).len()).sum::<usize>(), 1);
        drop(second);
        assert!(bus.shards.iter().all(|shard| lock(shard).is_empty()));
    }
}
