//! `cikada config`: the configuration file, its defaults and what every key means.
//!
//! A key is written down once, in `sections`: name, type, default and the comment that is printed. Reading refuses what is
//! not there, by its name.

mod section;
mod sections;

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::failure::{Doing as _, Failure, Outcome};
use crate::output::line;

pub use sections::{
    Activation, Blob, Coap, Dispatch, Http, Https, Limits, Log, LogFormat, Metrics, Portal, Smtp, Store,
};

/// Print the default configuration with its comments
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cikada config > /etc/cikada.toml
  cikada serve --data /var/lib/cikada --config /etc/cikada.toml

Unknown keys in a configuration file are refused with their name.")]
pub struct Args {}

pub fn run(_args: Args) -> Outcome {
    line(printed().trim_end())
}

/// Everything that an operator can set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub http: Http,
    pub https: Https,
    pub coap: Coap,
    pub store: Store,
    pub blob: Blob,
    pub limits: Limits,
    pub activation: Activation,
    pub portal: Portal,
    pub smtp: Smtp,
    pub dispatch: Dispatch,
    pub log: Log,
    pub metrics: Metrics,
    /// Whether somebody has asked for plain HTTP by naming its address.
    #[serde(skip)]
    pub http_is_named: bool,
}

impl Config {
    /// Reads a file; what it leaves out is as by default.
    pub fn load(file: &Path) -> Outcome<Config> {
        let text = std::fs::read_to_string(file).doing(format_args!("read {}", file.display()))?;
        Config::parse(&text).map_err(|why| {
            Failure::new(format!("{}: {why}", file.display())).advise("`cikada config` prints every key there is")
        })
    }

    /// Reads the text of a file, or says what is wrong with it.
    pub fn parse(text: &str) -> Result<Config, String> {
        let mut config: Config = toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?;
        let table: toml::Table = toml::from_str(text).map_err(|error| error.to_string())?;
        config.http_is_named = table.get("http").is_some_and(|section| section.get("addr").is_some());
        config.check()?;
        Ok(config)
    }

    /// Refuses values that no server could run with.
    fn check(&self) -> Result<(), String> {
        self.http.check()?;
        self.https.check()?;
        self.coap.check()?;
        self.store.check()?;
        self.portal.options()?;
        self.blob.check()?;
        self.outgoing()?;
        self.metrics.address()?;
        self.activation.check()
    }

    /// What is said of messages that the server sends.
    pub fn outgoing(&self) -> Result<api::outgoing::Options, String> {
        Ok(api::outgoing::Options { relay: self.smtp.relay()?, allowed: self.dispatch.allowed()? })
    }
}

/// The default configuration as a commented file.
fn printed() -> String {
    let mut text = String::from(
        "# The configuration of cikada. Every key is shown with its default; what is left out is as shown.\n",
    );
    section::print_onto::<Http>(&mut text, "http");
    section::print_onto::<Https>(&mut text, "https");
    section::print_onto::<Coap>(&mut text, "coap");
    section::print_onto::<Store>(&mut text, "store");
    section::print_onto::<Blob>(&mut text, "blob");
    section::print_onto::<Limits>(&mut text, "limits");
    section::print_onto::<Activation>(&mut text, "activation");
    section::print_onto::<Portal>(&mut text, "portal");
    section::print_onto::<Smtp>(&mut text, "smtp");
    section::print_onto::<Dispatch>(&mut text, "dispatch");
    section::print_onto::<Log>(&mut text, "log");
    section::print_onto::<Metrics>(&mut text, "metrics");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_the_default() {
        // What is printed names the address of plain HTTP.
        assert_eq!(Config::parse(&printed()), Ok(Config { http_is_named: true, ..Config::default() }));
        assert_eq!(Config::parse(""), Ok(Config::default()));
    }

    #[test]
    fn every_key_is_printed_with_a_comment() {
        let table = toml::Table::try_from(Config::default()).unwrap();
        let text = printed();
        for (section, keys) in &table {
            assert!(text.contains(&format!("\n[{section}]\n")), "{section}");
            for key in keys.as_table().unwrap().keys() {
                let lines: Vec<&str> = text.lines().collect();
                let at = lines.iter().position(|line| line.starts_with(&format!("{key} = "))).unwrap();
                assert!(lines[at - 1].starts_with("# "), "{section}.{key}");
            }
        }
    }

    #[test]
    fn a_key_that_does_not_exist_is_refused_with_its_name() {
        for (text, name) in [
            ("[http]\naddress = \"127.0.0.1:80\"\n", "address"),
            ("[htp]\n", "htp"),
            ("addr = 1\n", "addr"),
            ("[activation]\ndefault_timeout = 5\n", "default_timeout"),
        ] {
            let refusal = Config::parse(text).unwrap_err();
            assert!(refusal.contains(&format!("unknown field `{name}`")), "{refusal}");
        }
    }

    #[test]
    fn a_value_that_no_server_could_run_with_is_refused() {
        for (text, name) in [
            ("[http]\naddr = \"everywhere\"\n", "addr"),
            ("[http]\nconnections = 0\n", "connections"),
            ("[http]\nhead_timeout_s = 0\n", "head_timeout_s"),
            ("[http]\nhead_bytes = 100\n", "head_bytes"),
            ("[http]\nworkers = -1\n", "workers"),
            ("[https]\naddr = \"everywhere\"\n", "https.addr"),
            ("[https]\naddr = \"0.0.0.0:443\"\n", "https.certificate"),
            ("[https]\nrequire_certificates = true\nclient_authorities = [\"acme=ca.pem\"]\n", "client_authorities"),
            ("[coap]\naddr = \"everywhere\"\n", "coap.addr"),
            ("[coap]\nobserve_refresh_s = 1\n", "observe_refresh_s"),
            ("[blob]\nurl = \"ftp://x\"\n", "blob.url"),
            ("[blob]\naccess_key_id = \"x\"\n", "secret_access_key"),
            ("[blob]\ndeadline_s = 0\n", "deadline_s"),
            ("[store]\nqueue = 0\n", "queue"),
            ("[store]\nbatch = 0\n", "batch"),
            ("[activation]\nminimum_timeout_s = 100\ndefault_timeout_s = 50\n", "default_timeout_s"),
            ("[smtp]\nhost = \"mail\"\n", "smtp.from"),
            ("[smtp]\nhost = \"mail\"\nfrom = \"a@b.c\"\nencryption = \"some\"\n", "smtp.encryption"),
            ("[dispatch]\nallowed_networks = [\"everywhere\"]\n", "allowed_networks"),
            ("[activation]\ntrusted_networks = [\"10.0.0.0/33\"]\n", "trusted_networks"),
            ("[activation]\naddress_per_minute = 0\n", "address_per_minute"),
            ("[portal]\nbase_url = \"portal.example.org\"\n", "portal.base_url"),
            ("[portal]\nidle_timeout_s = 0\n", "portal.idle_timeout_s"),
            ("[metrics]\naddr = \"everywhere\"\n", "metrics.addr"),
            ("[log]\nformat = \"xml\"\n", "format"),
        ] {
            let refusal = Config::parse(text).unwrap_err();
            assert!(refusal.contains(name), "{text}: {refusal}");
        }
    }

    #[test]
    fn a_file_changes_what_it_says_and_nothing_else() {
        let config = Config::parse("[http]\nworkers = 3\n[limits]\nrpc_calls = 7\n").unwrap();
        let mut expected = Config::default();
        (expected.http.workers, expected.limits.rpc_calls) = (3, 7);
        assert_eq!(config, expected);
    }
}
