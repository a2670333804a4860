//! Where a PostgreSQL database is and how it is spoken to: `postgres://user:password@host:port,host/database?…`.
//!
//! What cannot be kept is refused by name, so that nobody believes in an option that does nothing.

use std::fmt;
use std::path::PathBuf;

use model::{Error, Result};
use zeroize::Zeroizing;

const DEFAULT_PORT: u16 = 5432;

/// The address of a database and the credentials for it. Shown without its password.
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    pub(super) hosts: Vec<Host>,
    pub(super) user: String,
    pub(super) password: Option<Zeroizing<String>>,
    pub(super) database: String,
    pub(super) tls: Tls,
}

/// One server of those that may hold the database; the first that takes writes is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Host {
    Tcp(String, u16),
    /// The socket file.
    Unix(PathBuf),
}

/// How a connection over TCP is protected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tls {
    Off,
    /// The server shows a certificate for its name, from the public authorities or those in this file.
    Verified(Option<PathBuf>),
}

impl Url {
    /// Whether the text means PostgreSQL.
    pub fn is_meant_by(text: &str) -> bool {
        text.starts_with("postgres://") || text.starts_with("postgresql://")
    }

    /// Reads an address.
    pub fn parse(text: &str) -> Result<Url> {
        let rest = text.strip_prefix("postgres://").or_else(|| text.strip_prefix("postgresql://"));
        let rest = rest.ok_or_else(|| refusal("it does not begin with postgres://"))?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (user, password) = login.split_once(':').map_or((login, None), |(user, password)| (user, Some(password)));
        let mut url = Url {
            hosts: hosts.split(',').filter(|host| !host.is_empty()).map(tcp).collect::<Result<_>>()?,
            user: decoded(user)?,
            password: password.map(decoded).transpose()?.map(Zeroizing::new),
            database: decoded(database)?,
            tls: Tls::Verified(None),
        };
        let (mut asked_for_tls, mut authorities) = (None, None);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = decoded(value)?;
            match (name, value.as_str()) {
                ("sslmode", "disable") => asked_for_tls = Some(false),
                ("sslmode", "require" | "verify-ca" | "verify-full") => asked_for_tls = Some(true),
                ("sslrootcert", _) => authorities = Some(PathBuf::from(value)),
                ("host", folder) if folder.starts_with('/') => {
                    url.hosts.push(Host::Unix(PathBuf::from(folder).join(format!(".s.PGSQL.{DEFAULT_PORT}"))));
                }
                ("passfile" | "password_file", _) => url.password = Some(password_in(&value)?),
                ("target_session_attrs", "read-write" | "primary") => {}
                _ => return Err(refusal(format_args!("`{name}={value}` is not known"))),
            }
        }
        if url.hosts.is_empty() {
            return Err(refusal("it names no host"));
        }
        if url.user.is_empty() {
            return Err(refusal("it names no user"));
        }
        if url.database.is_empty() {
            url.database.clone_from(&url.user);
        }
        // Between two processes of one machine there is nobody to hide from.
        let is_here = url.hosts.iter().all(Host::is_here);
        url.tls = if asked_for_tls.unwrap_or(!is_here) { Tls::Verified(authorities) } else { Tls::Off };
        Ok(url)
    }
}

impl Host {
    fn is_here(&self) -> bool {
        match self {
            Host::Unix(_) => true,
            Host::Tcp(name, _) => {
                name == "localhost" || name.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
            }
        }
    }
}

fn tcp(text: &str) -> Result<Host> {
    if let Some(rest) = text.strip_prefix('[') {
        let (name, rest) = rest.split_once(']').ok_or_else(|| refusal("a bracket is not closed"))?;
        return Ok(Host::Tcp(name.to_owned(), port(rest.strip_prefix(':'))?));
    }
    match text.split_once(':') {
        Some((name, digits)) => Ok(Host::Tcp(decoded(name)?, port(Some(digits))?)),
        None => Ok(Host::Tcp(decoded(text)?, DEFAULT_PORT)),
    }
}

fn port(digits: Option<&str>) -> Result<u16> {
    digits.map_or(Ok(DEFAULT_PORT), |digits| digits.parse().map_err(|_| refusal("a port is not a number")))
}

fn password_in(file: &str) -> Result<Zeroizing<String>> {
    let text = std::fs::read_to_string(file).map_err(|cause| refusal(format_args!("{file}: {cause}")))?;
    let text = Zeroizing::new(text);
    Ok(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned()))
}

/// Percent-decoding.
fn decoded(text: &str) -> Result<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let code = rest.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let code = code.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(code.ok_or_else(|| refusal("a % is not followed by two hex digits"))?);
        rest = &rest[2..];
    }
    String::from_utf8(bytes).map_err(|_| refusal("it is not UTF-8"))
}

fn refusal(why: impl fmt::Display) -> Error {
    Error::internal(format_args!("the address of the database cannot be used: {why}"))
}

impl fmt::Display for Url {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "postgres://{}@", self.user)?;
        for (place, host) in self.hosts.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            match host {
                Host::Tcp(name, port) => write!(out, "{comma}{name}:{port}")?,
                Host::Unix(file) => write!(out, "{comma}{}", file.display())?,
            }
        }
        write!(out, "/{}", self.database)
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_and_shown_without_its_password() {
        let url = Url::parse("postgres://cik%40da:p%3Aw@db1,db2:6000/cikada?sslrootcert=/etc/ca.pem").unwrap();
        assert_eq!(url.hosts, [Host::Tcp("db1".to_owned(), 5432), Host::Tcp("db2".to_owned(), 6000)]);
        assert_eq!((url.user.as_str(), url.password.as_deref().map(String::as_str)), ("cik@da", Some("p:w")));
        assert_eq!(url.tls, Tls::Verified(Some("/etc/ca.pem".into())));
        assert_eq!(format!("{url:?}"), "postgres://cik@da@db1:5432,db2:6000/cikada");
        let here = Url::parse("postgresql://me@[::1]:7000").unwrap();
        assert_eq!((here.hosts[0].clone(), here.tls), (Host::Tcp("::1".to_owned(), 7000), Tls::Off));
        let socket = Url::parse("postgres://me@/db?host=/run/postgresql").unwrap();
        assert_eq!(socket.hosts, [Host::Unix("/run/postgresql/.s.PGSQL.5432".into())]);
        assert_eq!(Url::parse("postgres://me@127.0.0.1?sslmode=require").unwrap().tls, Tls::Verified(None));
    }

    #[test]
    fn what_cannot_be_kept_is_refused() {
        for text in [
            "mysql://me@db/x",
            "postgres://db/x",
            "postgres://me@/x",
            "postgres://me@db:many/x",
            "postgres://me@db/x?sslmode=prefer",
            "postgres://me@db/x?target_session_attrs=any",
            "postgres://me@db/x?application_name=y",
            "postgres://m%e@db/x",
        ] {
            assert!(Url::parse(text).is_err(), "{text}");
        }
    }
}
