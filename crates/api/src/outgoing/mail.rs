//! Mail through the operator's relay (contract, rpc.md "Processing").

use std::fmt;
use std::time::Duration;

use domain::processing::{Delivery, Message};
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{SmtpTransport, Transport};

/// The relay that takes all mail.
#[derive(Clone)]
pub struct Relay {
    /// Its name.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// In whose name mail is sent.
    pub from: Mailbox,
    /// A user and a password, where it wants them.
    pub credentials: Option<(String, String)>,
    /// Whether the way to it is encrypted.
    pub encryption: Encryption,
}

/// Whether the way to the relay is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// It is not.
    None,
    /// From a command on, which has to succeed.
    StartTls,
    /// From the first byte.
    Tls,
}

impl Relay {
    /// Hands a message to the relay.
    pub(super) fn send(&self, message: &Message, patience: Duration) -> Delivery {
        let Ok(to) = message.recipient.parse::<Mailbox>() else {
            return Delivery::Undelivered("its recipient is no mail address");
        };
        let mail = lettre::Message::builder().from(self.from.clone()).to(to).subject(message.subject.as_str());
        let Ok(mail) = mail.header(ContentType::TEXT_PLAIN).body(message.text.clone()) else {
            return Delivery::Undelivered("it cannot be written as mail");
        };
        let Some(transport) = self.transport(patience) else {
            return Delivery::Undelivered("the mail relay cannot be reached");
        };
        match transport.send(&mail) {
            Ok(_) => Delivery::Delivered,
            Err(error) if error.is_permanent() || error.is_transient() => {
                Delivery::Undelivered("the mail relay refused it")
            }
            Err(_) => Delivery::Undelivered("the mail relay cannot be reached"),
        }
    }

    fn transport(&self, patience: Duration) -> Option<SmtpTransport> {
        let parameters = || TlsParameters::new(self.host.clone()).ok();
        let tls = match self.encryption {
            Encryption::None => Tls::None,
            Encryption::StartTls => Tls::Required(parameters()?),
            Encryption::Tls => Tls::Wrapper(parameters()?),
        };
        let mut builder = SmtpTransport::builder_dangerous(&self.host).port(self.port).timeout(Some(patience)).tls(tls);
        if let Some((user, password)) = &self.credentials {
            builder = builder.credentials(Credentials::new(user.clone(), password.clone()));
        }
        Some(builder.build())
    }
}

/// Without its password.
impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Relay({}:{}, {:?})", self.host, self.port, self.encryption)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::TcpListener;
    use std::thread::JoinHandle;

    use domain::processing::Method;

    use super::*;

    /// A relay that takes one mail, or refuses its recipient; and what it heard.
    fn relay(refuses: bool) -> (Relay, JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let served = std::thread::spawn(move || {
            let (mut tcp, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(tcp.try_clone().unwrap()).lines();
            let (mut heard, mut is_data) = (String::new(), false);
            tcp.write_all(b"220 relay\r\n").unwrap();
            while let Some(Ok(line)) = lines.next() {
                heard.push_str(&line);
                heard.push('\n');
                let answer: &[u8] = match line.get(..4) {
                    _ if is_data && line != "." => continue,
                    Some("RCPT") if refuses => b"550 no such user\r\n",
                    Some("DATA") => b"354 go on\r\n",
                    Some("QUIT") => b"221 bye\r\n",
                    _ => b"250 ok\r\n",
                };
                is_data = line == "DATA";
                if tcp.write_all(answer).is_err() || line == "QUIT" {
                    break;
                }
            }
            heard
        });
        let from = "cikada@example.org".parse().unwrap();
        let relay = Relay { host: "127.0.0.1".to_owned(), port, from, credentials: None, encryption: Encryption::None };
        (relay, served)
    }

    fn message(recipient: &str, subject: &str) -> Message {
        let (recipient, subject) = (recipient.to_owned(), subject.to_owned());
        Message { id: 1, method: Method::Email, recipient, subject, text: "it is hot: 30 °C\n.\n".to_owned() }
    }

    #[test]
    fn a_mail_goes_through_the_relay() {
        let (relay, served) = relay(false);
        let delivery = relay.send(&message("ann@example.com", "alarm"), Duration::from_secs(5));
        assert_eq!(delivery, Delivery::Delivered);
        let heard = served.join().unwrap();
        for line in
            ["MAIL FROM:<cikada@example.org>", "RCPT TO:<ann@example.com>", "Subject: alarm", "To: ann@example.com"]
        {
            assert!(heard.contains(line), "{line} is not in {heard}");
        }
    }

    #[test]
    fn a_mail_that_is_refused_or_cannot_be_sent_is_said_to_be() {
        let (refusing, _served) = relay(true);
        let refused = refusing.send(&message("ann@example.com", "alarm"), Duration::from_secs(5));
        assert_eq!(refused, Delivery::Undelivered("the mail relay refused it"));
        let (relay, _served) = relay(false);
        for recipient in ["", "ann", "ann@example.com\r\nRCPT TO:<bob@example.com>", "a@b.c, d@e.f"] {
            let delivery = relay.send(&message(recipient, "alarm"), Duration::from_secs(5));
            assert_eq!(delivery, Delivery::Undelivered("its recipient is no mail address"), "{recipient:?}");
        }
        let nobody = Relay { port: 1, ..relay };
        let unreachable = nobody.send(&message("ann@example.com", "alarm"), Duration::from_secs(5));
        assert_eq!(unreachable, Delivery::Undelivered("the mail relay cannot be reached"));
    }
}
