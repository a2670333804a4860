//! The configuration file.

use crate::config::Config;
use crate::seen::seen;

/// A file that was read means the same when it is written out and read again.
pub fn config(bytes: &[u8]) -> u64 {
    let Ok(text) = std::str::from_utf8(bytes) else { return 0 };
    match Config::parse(text) {
        Ok(config) => {
            let written = toml::to_string(&config).expect("settings can be written");
            let again = Config::parse(&written).expect("what is written can be read");
            // What is written names every address.
            let again = Config { http_is_named: config.http_is_named, ..again };
            assert_eq!(again, config, "other settings come back");
            seen((config != Config::default(), written.lines().filter(|line| text.contains(line)).count()))
        }
        // The first words of a complaint say which one it is.
        Err(why) => {
            assert!(!why.trim().is_empty());
            seen(
                why.split_whitespace().filter(|word| word.bytes().all(|c| c.is_ascii_alphabetic())).collect::<Vec<_>>(),
            )
        }
    }
}
