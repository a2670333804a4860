//! One visit: who asks, from where, and the way to the store. Every read and every change knows the person inside its own
//! transaction.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use blob::BlobStore;
use domain::Settings;
use domain::account::Where;
use domain::caller::{self, SignedIn};
use http::{HeaderMap, Method};
use model::{Error, Limits, Noun, Result, SessionKey, UnixSeconds};
use store::{Store, Tx};

use crate::exchange::{Body, Request};
use crate::form::Fields;
use crate::host::BaseUrl;
use crate::multipart::Multipart;
use crate::{Portal, cookie, guard};

/// Something that ends.
pub type Ending = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A request that was let in.
pub struct Visit {
    pub portal: Arc<Portal>,
    /// As which name the portal was called.
    pub base: BaseUrl,
    pub method: Method,
    pub query: Fields,
    pub headers: HeaderMap,
    pub peer: IpAddr,
    /// Of a person who is signed in, perhaps.
    pub session: Option<SessionKey>,
    /// Of any browser.
    pub visitor: Option<SessionKey>,
    /// Behind locks that nobody waits for: a page that borrows the visit may be moved between threads.
    body: Mutex<Option<Body>>,
    last_call: Mutex<Option<Ending>>,
}

/// A visit of a person. Whether the session is good is found out in each transaction.
pub struct Guest {
    visit: Visit,
    key: SessionKey,
}

impl Visit {
    pub fn new(portal: &Arc<Portal>, base: BaseUrl, request: Request) -> Visit {
        Visit {
            portal: portal.clone(),
            base,
            query: Fields::of_query(&request.query, portal.limits()),
            session: cookie::session(&request.headers),
            visitor: cookie::visitor(&request.headers),
            method: request.method,
            headers: request.headers,
            peer: request.peer,
            body: Mutex::new(Some(request.body)),
            last_call: Mutex::new(Some(request.last_call)),
        }
    }

    pub fn limits(&self) -> &Limits {
        self.portal.limits()
    }

    pub fn settings(&self) -> &Settings {
        &self.portal.settings
    }

    pub fn store(&self) -> &Store {
        &self.portal.store
    }

    pub fn blobs(&self) -> &BlobStore {
        &self.portal.blobs
    }

    pub fn now(&self) -> UnixSeconds {
        self.store().clock().now()
    }

    /// Where somebody signs in from.
    pub fn place(&self) -> Where {
        let agent = self.headers.get(http::header::USER_AGENT).and_then(|value| value.to_str().ok());
        Where { address: self.peer.to_string(), agent: agent.unwrap_or_default().to_owned() }
    }

    /// The form of a browser that is not signed in. It holds the token of the browser's mark.
    pub async fn visitors_form(&mut self) -> Result<Fields> {
        let key = self.visitor.clone();
        self.form_for(key).await
    }

    /// Goes on as a person, if the browser shows a session at all.
    pub fn guest(self) -> Result<Guest> {
        let key = self.session.clone().ok_or(Error::Unauthorized)?;
        Ok(Guest { visit: self, key })
    }

    /// Ends when nobody waits for an answer any more. Once.
    pub fn last_call(&mut self) -> Ending {
        taken(&mut self.last_call).unwrap_or_else(|| Box::pin(std::future::pending()))
    }

    async fn form_within(&mut self, key: Option<SessionKey>, limit_bytes: usize) -> Result<Fields> {
        self.require_same_origin()?;
        let body = taken(&mut self.body).ok_or_else(|| Error::internal("a body was read twice"))?;
        let limits = self.limits().clone();
        let fields = Fields::read(&body.read(limit_bytes).await?, &limits)?;
        self.require_token(key.as_ref(), fields.text("csrf"))?;
        Ok(fields)
    }

    async fn form_for(&mut self, key: Option<SessionKey>) -> Result<Fields> {
        let limit_bytes = self.limits().body_bytes;
        self.form_within(key, limit_bytes).await
    }

    fn require_same_origin(&self) -> Result<()> {
        if guard::is_same_origin(&self.headers, &self.base) { Ok(()) } else { Err(FORGED) }
    }

    fn require_token(&self, key: Option<&SessionKey>, shown: &str) -> Result<()> {
        match key {
            Some(key) if guard::is_token(self.store().keyring(), key, shown) => Ok(()),
            _ => Err(FORGED),
        }
    }
}

fn taken<T>(slot: &mut Mutex<Option<T>>) -> Option<T> {
    slot.get_mut().unwrap_or_else(PoisonError::into_inner).take()
}

/// The eyes of a person on something that changes: it may look for as long as the session lives, and that is no use of it.
pub struct Onlooker {
    portal: Arc<Portal>,
    key: SessionKey,
}

impl Onlooker {
    pub fn limits(&self) -> &Limits {
        self.portal.limits()
    }

    pub fn store(&self) -> &Store {
        &self.portal.store
    }

    /// The token for the forms of this person.
    pub fn token(&self) -> String {
        guard::token(self.store().keyring(), &self.key)
    }

    /// Looks something up as the person.
    pub async fn look<T, F>(&self, rule: F) -> Result<(SignedIn, T)>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>, &SignedIn) -> Result<T> + Send + 'static,
    {
        let (key, lifetimes) = (self.key.clone(), self.portal.options.lifetimes);
        let rule = move |tx: &mut Tx<'_>| {
            let person = caller::onlooker(tx, &key, lifetimes)?;
            let value = rule(tx, &person)?;
            Ok((person, value))
        };
        self.portal.store.read(rule).await
    }
}

/// What a request is that did not come from a page of ours.
pub const FORGED: Error = Error::Forbidden(Noun::Session);

impl std::ops::Deref for Guest {
    type Target = Visit;

    fn deref(&self) -> &Visit {
        &self.visit
    }
}

impl Guest {
    /// The token for the forms of this person.
    pub fn token(&self) -> String {
        guard::token(self.store().keyring(), &self.key)
    }

    /// The person's eyes, to look on for longer than this request takes.
    pub fn onlooker(&self) -> Onlooker {
        Onlooker { portal: self.portal.clone(), key: self.key.clone() }
    }

    /// The form that the person sent; its token is right.
    pub async fn form(&mut self) -> Result<Fields> {
        let key = Some(self.key.clone());
        self.visit.form_for(key).await
    }

    /// A form that holds many serial numbers.
    pub async fn large_form(&mut self) -> Result<Fields> {
        let (key, limit_bytes) = (Some(self.key.clone()), self.limits().batch_body_bytes);
        self.visit.form_within(key, limit_bytes).await
    }

    /// The parts of a form with files; the first one has to be the token.
    pub async fn parts(&mut self, limit_bytes: u64) -> Result<Multipart> {
        self.visit.require_same_origin()?;
        let body = taken(&mut self.visit.body).ok_or_else(|| Error::internal("a body was read twice"))?;
        body.require_within(limit_bytes)?;
        let mut parts = Multipart::new(&self.headers, body)?;
        let token = parts.first_text("csrf").await?;
        self.require_token(Some(&self.key), &token)?;
        Ok(parts)
    }

    /// Ends when nobody waits for an answer any more. Once.
    pub fn last_call(&mut self) -> Ending {
        self.visit.last_call()
    }

    /// Looks something up as the person.
    pub async fn read<T, F>(&self, rule: F) -> Result<(SignedIn, T)>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>, &SignedIn) -> Result<T> + Send + 'static,
    {
        let (key, lifetimes) = (self.key.clone(), self.portal.options.lifetimes);
        let rule = move |tx: &mut Tx<'_>| {
            let person = caller::person(tx, &key, lifetimes)?;
            let value = rule(tx, &person)?;
            Ok((person, value))
        };
        self.store().read(rule).await
    }

    /// Changes something as the person.
    pub async fn write<T, F>(&self, rule: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>, &SignedIn) -> Result<T> + Send + 'static,
    {
        let (key, lifetimes) = (self.key.clone(), self.portal.options.lifetimes);
        let rule = move |tx: &mut Tx<'_>| {
            let person = caller::person(tx, &key, lifetimes)?;
            rule(tx, &person)
        };
        self.store().write(rule).await
    }
}
