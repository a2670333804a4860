//! Progress bars on standard error. Where that is no terminal they draw nothing.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar over bytes.
pub fn bytes(label: &str, total: u64) -> ProgressBar {
    bar(label, total, "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}")
}

/// A bar over things that are counted.
pub fn count(label: &str, total: u64) -> ProgressBar {
    bar(label, total, "{msg} {wide_bar} {human_pos}/{human_len} {per_sec} {eta}")
}

fn bar(label: &str, total: u64, template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(total).with_style(style).with_message(label.to_owned());
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
