//! A rule on its way through a thread that writes.

use std::time::Instant;

use model::{Error, Result};
use tokio::sync::oneshot;

use crate::Tx;

/// A rule that waits for its commit.
pub(super) trait Job: Send {
    /// Runs the rule; true when its work is to be kept. It may be run again until it is answered.
    fn run(&mut self, tx: &mut Tx<'_>) -> bool;
    /// The rule panicked, and its work is undone.
    fn panicked(&mut self);
    /// What the rule refused with, if it did.
    fn refusal(&self) -> Option<&Error>;
    /// Jobs that may come to the same rows have the same number here.
    fn order(&self) -> u64;
    /// When it was asked for.
    fn asked_at(&self) -> Instant;
    /// Gives the outcome, or why it could not be committed.
    fn answer(self: Box<Self>, committed: Result<()>);
}

struct Pending<F, T> {
    rule: F,
    outcome: Option<Result<T>>,
    order: u64,
    asked_at: Instant,
    reply: oneshot::Sender<(Result<T>, F)>,
}

/// The outcome of a rule, and the rule, in case that it has to be run elsewhere.
pub(super) type Answer<T, F> = oneshot::Receiver<(Result<T>, F)>;

pub(super) fn job<T, F>(order: u64, rule: F) -> (Box<dyn Job>, Answer<T, F>)
where
    T: Send + 'static,
    F: Fn(&mut Tx<'_>) -> Result<T> + Send + 'static,
{
    let (reply, answer) = oneshot::channel();
    (Box::new(Pending { rule, outcome: None, order, asked_at: Instant::now(), reply }), answer)
}

impl<T, F> Job for Pending<F, T>
where
    T: Send,
    F: Fn(&mut Tx<'_>) -> Result<T> + Send,
{
    fn run(&mut self, tx: &mut Tx<'_>) -> bool {
        let outcome = (self.rule)(tx);
        let keep = outcome.is_ok();
        self.outcome = Some(outcome);
        keep
    }

    fn panicked(&mut self) {
        self.outcome = Some(Err(Error::internal("a rule panicked")));
    }

    fn refusal(&self) -> Option<&Error> {
        self.outcome.as_ref().and_then(|outcome| outcome.as_ref().err())
    }

    fn order(&self) -> u64 {
        self.order
    }

    fn asked_at(&self) -> Instant {
        self.asked_at
    }

    fn answer(self: Box<Self>, committed: Result<()>) {
        let Pending { rule, outcome, reply, .. } = *self;
        let outcome = match (committed, outcome) {
            (Ok(()), Some(outcome)) => outcome,
            (Ok(()), None) => Err(Error::internal("a job was answered before it ran")),
            // A refusal does not stand either: what it found may have been the work of others in this commit.
            (Err(cause), _) => Err(cause),
        };
        let _ = reply.send((outcome, rule));
    }
}
