//! The log: one line an event on standard error, as text or as JSON (threats T32, T38).
//!
//! Whatever a peer sends, an event stays one line: values are cut at 256 bytes, and characters that could end the line, move
//! a cursor or turn the reading direction are written out.

mod line;

use std::io::Write as _;
use std::panic::PanicHookInfo;

use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use self::line::Line;
use crate::config::{Log, LogFormat};
use crate::failure::{Doing as _, Outcome};

/// Starts the log of this process. Panics are logged as well.
pub fn start(log: &Log) -> Outcome {
    let filter = EnvFilter::builder().parse(&log.level).doing(format_args!("log at level `{}`", log.level))?;
    tracing_subscriber::registry().with(filter).with(Lines { format: log.format }).try_init().doing("start the log")?;
    std::panic::set_hook(Box::new(log_panic));
    Ok(())
}

struct Lines {
    format: LogFormat,
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        let mut line = Line::begin(self.format, *metadata.level(), metadata.target());
        event.record(&mut line);
        // A log that cannot be written holds nothing up.
        let _ = std::io::stderr().lock().write_all(line.end().as_bytes());
    }
}

fn log_panic(panic: &PanicHookInfo<'_>) {
    let message = panic.payload_as_str().unwrap_or("no message");
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let thread = std::thread::current();
    tracing::error!(place, thread = thread.name().unwrap_or("unnamed"), "panicked: {message}");
}
