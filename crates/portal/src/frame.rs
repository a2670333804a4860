//! What is around every page: its title, who is signed in, where one can go. And the headers of every page.

use askama::Template;
use domain::caller::SignedIn;
use http::header::{CACHE_CONTROL, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, StatusCode};
use model::Role;

use crate::assets;
use crate::exchange::Response;
use crate::visit::Guest;

const POLICY: HeaderName = HeaderName::from_static("content-security-policy");
const PERMISSIONS: HeaderName = HeaderName::from_static("permissions-policy");
const OPENER: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

/// The layout's values.
pub struct Frame {
    /// Stands before the name of the portal in the title.
    pub title: String,
    /// Where the assets are.
    pub assets: String,
    /// Who is signed in.
    pub who: Option<Who>,
    /// The parts of the portal for this person.
    pub places: Vec<Place>,
    /// A page with one small form.
    pub is_narrow: bool,
    /// What was just done.
    pub notice: Option<Notice>,
    /// The way to this page: (path, name), the page itself left out.
    pub crumbs: Vec<(String, String)>,
}

/// A person in the layout.
pub struct Who {
    pub name: String,
    pub role: &'static str,
    pub token: String,
    /// What an administrator works as.
    pub acts_as: Option<String>,
    /// Whether buttons that change something are shown.
    pub may_change: bool,
}

/// A link of the navigation.
pub struct Place {
    pub path: &'static str,
    pub name: &'static str,
    pub is_here: bool,
}

/// One sentence above the page.
pub struct Notice {
    pub kind: &'static str,
    pub text: String,
}

impl Frame {
    /// The layout for somebody who is not signed in.
    pub fn outside(title: &str) -> Frame {
        Frame {
            title: title.to_owned(),
            assets: assets::root(),
            who: None,
            places: Vec::new(),
            is_narrow: true,
            notice: None,
            crumbs: Vec::new(),
        }
    }

    /// The layout for a person; `here` is the place to which the page belongs.
    pub fn inside(guest: &Guest, person: &SignedIn, title: &str, here: &str) -> Frame {
        let acts_as = person.acts_as_another().then(|| "another client".to_owned());
        let who = Who {
            name: person.name().to_string(),
            role: person.role().title(),
            token: guest.token(),
            acts_as,
            may_change: person.role() != Role::VendorViewer,
        };
        let places = places(person);
        let places = places.iter().map(|(path, name)| Place { path, name, is_here: *path == here }).collect();
        let said = guest.query.text("said");
        let notice = SAID
            .iter()
            .find(|(word, _)| *word == said)
            .map(|(_, text)| Notice { kind: "ok", text: (*text).to_owned() });
        Frame { who: Some(who), places, is_narrow: false, notice, ..Frame::outside(title) }
    }

    /// On a page of that vendor.
    pub fn of(mut self, vendor: &str) -> Frame {
        if let Some(who) = &mut self.who
            && who.acts_as.is_some()
        {
            who.acts_as = Some(vendor.to_owned());
        }
        self
    }

    /// With the way to the page.
    pub fn below(mut self, crumbs: &[(&str, &str)]) -> Frame {
        self.crumbs = crumbs.iter().map(|(path, name)| ((*path).to_owned(), (*name).to_owned())).collect();
        self
    }

    /// As a page with one small form.
    pub fn narrow(self) -> Frame {
        Frame { is_narrow: true, ..self }
    }

    /// With a sentence about what went wrong.
    pub fn with_error(mut self, text: impl Into<String>) -> Frame {
        self.notice = Some(Notice { kind: "error", text: text.into() });
        self
    }

    /// The token for forms.
    pub fn token(&self) -> &str {
        self.who.as_ref().map_or("", |who| who.token.as_str())
    }

    /// Whether buttons that change something are shown.
    pub fn may_change(&self) -> bool {
        self.who.as_ref().is_some_and(|who| who.may_change)
    }
}

/// Where a person can go.
fn places(person: &SignedIn) -> Vec<(&'static str, &'static str)> {
    const VENDOR: [(&str, &str); 4] = [
        ("/portal/overview", "Overview"),
        ("/portal/models", "Models"),
        ("/portal/tokens", "Tokens"),
        ("/portal/people", "People"),
    ];
    const OWNER: [(&str, &str); 2] = [("/portal/devices", "My devices"), ("/portal/add", "Add a device")];
    const SERVER: [(&str, &str); 2] = [("/portal/admin/vendors", "Vendors"), ("/portal/admin/accounts", "Accounts")];
    match person.role() {
        Role::PlatformAdministrator if person.acts_as_another() => VENDOR.into_iter().chain(SERVER).collect(),
        Role::PlatformAdministrator => SERVER.to_vec(),
        Role::VendorAdministrator | Role::VendorViewer => VENDOR.to_vec(),
        Role::Owner => OWNER.to_vec(),
    }
}

/// What a page says after something was done: `?said=<word>`. Only these sentences, so that no link can put words in our mouth.
const SAID: &[(&str, &str)] = &[
    ("welcome", "Welcome. You are signed in."),
    ("password", "Your password is changed. All your other sessions are over."),
    ("session-ended", "The session is over."),
    ("sessions-ended", "All your other sessions are over."),
    ("second-factor-off", "No code is asked for any more when you sign in."),
    ("saved", "Saved."),
    ("made", "Done. It is there."),
    ("deleted", "Deleted."),
    ("added", "Added."),
    ("removed", "Removed."),
    ("enabled", "Enabled. The device may call in now."),
    ("reenabled", "Re-enabled. The old key is dead, and the device may call in now."),
    ("disabled", "Disabled. Its key is dead."),
    ("remapped", "Remapped. The device with the new serial number may call in now."),
    ("uploaded", "Uploaded."),
    ("invited", "The invitation is made."),
    ("withdrawn", "The invitation is taken back."),
    ("already-yours", "This device was added before. Here it is."),
    ("taken-over", "The device is yours now."),
    ("code-withdrawn", "The code is taken back. The device stays yours."),
    ("written", "Written."),
    ("device-reenabled", "Its old key is dead. It may call in for a new one now."),
    ("device-removed", "The device is removed, with all that it held."),
];

/// A page with its headers: nothing of it may be kept, framed, or mixed with anything from elsewhere (threats T33, T34).
pub fn render(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => guarded(Response::html(status, html)),
        Err(error) => {
            tracing::error!(%error, "a template failed");
            guarded(Response::bytes(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", "a fault of the server"))
        }
    }
}

/// The headers that every private answer has.
pub fn guarded(response: Response) -> Response {
    let fixed = HeaderValue::from_static;
    response
        .with(
            POLICY,
            fixed(
                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; \
                 font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
            ),
        )
        .with(PERMISSIONS, fixed("camera=(self), microphone=(), geolocation=()"))
        .with(OPENER, fixed("same-origin"))
        .with(X_CONTENT_TYPE_OPTIONS, fixed("nosniff"))
        // Not `no-referrer`: with it a browser calls the origin of our own forms null.
        .with(REFERRER_POLICY, fixed("same-origin"))
        .with(CACHE_CONTROL, fixed("no-store"))
}
