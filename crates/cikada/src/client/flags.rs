//! The flags every client command has: the server's address, the credential, the form of the output.
//!
//! A credential is better kept in the environment than on a command line, which other users of the machine can read; the
//! flags exist for the odd case, and win over the environment when both are there.

use std::env;
use std::path::{Path, PathBuf};

use model::{Cik, SecretKey, Token};

use super::rpc::{ActingAs, Rpc};
use super::{Credential, Server};
use crate::failure::{Failure, Outcome};
use crate::output::Output;

/// Where the server is, who asks, and whether a person or a script reads the answer.
#[derive(clap::Args, Clone, Default)]
#[command(next_help_heading = "Server and credential")]
pub struct Flags {
    /// The server's address; for `cikada device` and `cikada data` also coap://HOST[:PORT]
    #[arg(long, global = true, value_name = "URL", env = "CIKADA_SERVER", default_value = "http://127.0.0.1:8080")]
    pub server: String,
    /// A vendor token; better set CIKADA_TOKEN, other users can see a command line
    #[arg(long, global = true, value_name = "TOKEN", conflicts_with = "cik")]
    pub token: Option<String>,
    /// A client's key; better set CIKADA_CIK
    #[arg(long, global = true, value_name = "CIK")]
    pub cik: Option<String>,
    /// Trust the certificate authorities in this PEM file, and no others
    #[arg(long, global = true, value_name = "FILE", env = "CIKADA_CA")]
    pub ca: Option<PathBuf>,
    /// Print JSON, for scripts
    #[arg(long, global = true, help_heading = "Output")]
    pub json: bool,
}

impl Flags {
    /// Prints the way the flags ask for.
    pub fn output(&self) -> Output {
        Output::new(self.json)
    }

    /// The server as a vendor sees it: with a token or, where there is none, a CIK.
    pub fn vendor(&self) -> Outcome<Server> {
        let credential = self.token_or_cik()?.ok_or_else(|| {
            Failure::new("no credential is set")
                .advise("export CIKADA_TOKEN=<vendor token>, or CIKADA_CIK=<vendor CIK>; `cikada init` printed both")
        })?;
        self.connect(Some(credential))
    }

    /// The server as a client with its own key sees it; what a token may not do.
    pub fn client(&self) -> Outcome<Server> {
        let cik = self.own_cik()?.ok_or_else(|| {
            Failure::new("this needs the CIK of a client; a vendor token is not enough")
                .advise("export CIKADA_CIK=<CIK>")
        })?;
        self.connect(Some(Credential::Cik(cik)))
    }

    /// The resource API as a client sees it, or the holder of a grant's token: a flag first, then CIKADA_CIK, then CIKADA_TOKEN.
    pub fn caller(&self, acting_as: &ActingAs) -> Outcome<Rpc> {
        let credential = match (&self.token, self.own_cik()?) {
            (None, Some(cik)) => Some(Credential::Cik(cik)),
            _ => self.token_or_cik()?,
        };
        let credential = credential.ok_or_else(|| {
            Failure::new("no credential is set")
                .advise("export CIKADA_CIK=<CIK of a client>, or give a grant's token with --token")
        })?;
        Ok(Rpc::new(self.connect(None)?, &credential, acting_as))
    }

    /// The server as anybody sees it: activation needs no credential.
    pub fn anybody(&self) -> Outcome<Server> {
        self.connect(None)
    }

    /// The server as the holder of `cik` sees it.
    pub fn holder_of(&self, cik: Cik) -> Outcome<Server> {
        self.connect(Some(Credential::Cik(cik)))
    }

    /// The CIK of the flag or the environment.
    pub fn own_cik(&self) -> Outcome<Option<Cik>> {
        secret(self.cik.as_deref(), "--cik", "CIKADA_CIK")
    }

    /// Whether the server is to be spoken to over CoAP.
    pub fn speak_coap(&self) -> Outcome<bool> {
        if self.server.starts_with("coaps://") {
            return Err(Failure::new("CoAP over DTLS is not there")
                .advise("use coap:// in a network that you trust, or https://"));
        }
        Ok(self.server.starts_with("coap://"))
    }

    fn token_or_cik(&self) -> Outcome<Option<Credential>> {
        if self.cik.is_none()
            && let Some(token) = secret::<Token>(self.token.as_deref(), "--token", "CIKADA_TOKEN")?
        {
            return Ok(Some(Credential::Token(token)));
        }
        Ok(self.own_cik()?.map(Credential::Cik))
    }

    fn connect(&self, credential: Option<Credential>) -> Outcome<Server> {
        let authorities = self.ca.as_deref().map(read_pem).transpose()?;
        Server::at(&self.server, authorities.as_deref(), credential)
    }
}

fn read_pem(path: &Path) -> Outcome<Vec<u8>> {
    std::fs::read(path).map_err(|error| Failure::file("read", path, &error))
}

/// A secret from its flag, else from its variable; set but empty counts as not set.
fn secret<S: SecretKey>(flag: Option<&str>, flag_name: &str, variable: &str) -> Outcome<Option<S>> {
    let from_environment = env::var(variable).ok();
    let (text, place) = match (flag, from_environment.as_deref()) {
        (Some(text), _) => (text.trim(), flag_name),
        (None, Some(text)) => (text.trim(), variable),
        (None, None) => return Ok(None),
    };
    if text.is_empty() {
        return Ok(None);
    }
    let secret = S::parse(text).ok_or_else(|| {
        Failure::new(format!("{place} does not hold a key: {} characters", text.chars().count()))
            .advise("a key is 40 digits, 0-9 and a-f in lower case")
    })?;
    Ok(Some(secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "0123456789abcdef0123456789abcdef01234567";

    fn wrong(flags: &Flags) -> String {
        flags.vendor().map(|_| ()).unwrap_err().to_string()
    }

    #[test]
    fn a_key_that_is_none_is_told_without_repeating_it() {
        let flags = Flags { server: "http://h".into(), token: Some("secret!".into()), ..Flags::default() };
        assert_eq!(wrong(&flags), "--token does not hold a key: 7 characters");
    }

    #[test]
    fn a_flag_is_taken_before_the_environment() {
        let flags = Flags { server: "http://h".into(), cik: Some(format!(" {KEY}\n")), ..Flags::default() };
        assert!(matches!(flags.token_or_cik().unwrap(), Some(Credential::Cik(cik)) if cik.expose_hex() == KEY));
    }
}
