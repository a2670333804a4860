//! The live view: two bars and a line, on standard error. Where that is no terminal it draws nothing.

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::tally::Tally;
use crate::progress;

pub struct View {
    all: MultiProgress,
    activated: ProgressBar,
    updated: ProgressBar,
    line: ProgressBar,
}

impl View {
    pub fn new(devices: u64) -> View {
        let all = MultiProgress::new();
        let activated = all.add(progress::count("activated", devices));
        let updated = all.add(progress::count("updated  ", devices));
        let line = all.add(ProgressBar::new_spinner());
        line.set_style(ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner()));
        View { all, activated, updated, line }
    }

    pub fn show(&self, tally: &Tally) {
        let (activated, updated) = tally.counts();
        self.activated.set_position(activated);
        self.updated.set_position(updated);
        self.line.set_message(tally.line());
    }

    pub fn close(&self) {
        // What cannot be wiped from a terminal that is gone needs no wiping.
        let _ = self.all.clear();
    }
}
