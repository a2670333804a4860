//! Who answers what: the table of all URLs of the HTTP API, one match from a path to its row, one from the row to who answers.
//! What is not here does not exist.
//!
//! The table is read by the router itself, and by whoever has to say something of every route: the policy table of the tests,
//! the description of the API, metrics.

use std::sync::Arc;
use std::time::Instant;

use http::Method;

use super::profile::{alias, record};
use super::provision::{device, download, manage};
use super::{Answer, Request, refuse, rpc, websocket};
use crate::common::app::App;
use crate::common::codes::Manner;

macro_rules! table {
    ($($route:ident $template:literal $methods:literal;)*) => {
        /// A row of the table.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Route {
            $(#[doc = $template] $route,)*
        }

        impl Route {
            /// All rows.
            pub const ALL: &[Route] = &[$(Route::$route,)*];

            /// The path, with `<what it names>` where it names something.
            pub const fn template(self) -> &'static str {
                match self {
                    $(Route::$route => $template,)*
                }
            }

            /// The methods, as `Allow` says them.
            pub const fn methods(self) -> &'static str {
                match self {
                    $(Route::$route => $methods,)*
                }
            }
        }
    };
}

table! {
    Healthz       "/healthz"                                   "GET, HEAD";
    Readyz        "/readyz"                                    "GET, HEAD";
    Timestamp     "/timestamp"                                 "GET, HEAD";
    Ip            "/ip"                                        "GET, HEAD";
    Description   "/openapi.json"                              "GET, HEAD";
    Activate      "/provision/activate"                        "POST";
    Download      "/provision/download"                        "GET, HEAD";
    Models        "/provision/manage/model/"                   "GET, HEAD, POST";
    Model         "/provision/manage/model/<model>"            "GET, HEAD, PUT, DELETE";
    SerialNumbers "/provision/manage/model/<model>/"           "GET, HEAD, POST, DELETE";
    SerialNumber  "/provision/manage/model/<model>/<sn>"       "GET, HEAD, POST, DELETE";
    Contents      "/provision/manage/content/<model>/"         "GET, HEAD, POST";
    Content       "/provision/manage/content/<model>/<id>"     "GET, HEAD, POST, DELETE";
    Groups        "/provision/manage/group/<model>/"           "GET, HEAD, POST";
    Group         "/provision/manage/group/<model>/<id>"       "GET, HEAD, DELETE";
    Members       "/provision/manage/group/<model>/<id>/"      "GET, HEAD, POST, DELETE";
    Shares        "/provision/manage/share/<model>/"           "GET, HEAD, POST";
    Share         "/provision/manage/share/<model>/<vendor>"   "GET, HEAD, DELETE";
    Registration  "/provision/register"                        "GET, HEAD, POST";
    Tokens        "/provision/admin/auth/"                     "GET, HEAD, POST";
    Token         "/provision/admin/auth/<id>"                 "GET, HEAD, DELETE";
    // HEAD goes without saying: with it the head of a 405 would outgrow a device's 158 bytes.
    Aliases       "/onep:v1/stack/alias"                       "GET, POST";
    Alias         "/onep:v1/stack/alias/<alias>"               "POST";
    Record        "/onep:v1/stack/record"                      "POST";
    Rpc           "/onep:v1/rpc/process"                       "POST";
    WebSocket     "/ws"                                        "GET";
}

/// What this API is, for tools (OpenAPI 3.1). A test holds it against the table above.
const DESCRIPTION: &str = include_str!("openapi.json");

/// What a path names, in the order of its template.
type Names<'p> = [&'p str; 2];

impl Route {
    /// Where a path leads, if anywhere. A list may be asked for with or without its last slash, unless one of a kind stands there.
    pub fn find<'p>(path: &[&'p str]) -> Option<(Route, Names<'p>)> {
        Some(match *path {
            ["healthz"] => (Route::Healthz, ["", ""]),
            ["readyz"] => (Route::Readyz, ["", ""]),
            ["timestamp"] => (Route::Timestamp, ["", ""]),
            ["ip"] => (Route::Ip, ["", ""]),
            ["openapi.json"] => (Route::Description, ["", ""]),
            ["provision", "activate"] => (Route::Activate, ["", ""]),
            ["provision", "download"] => (Route::Download, ["", ""]),
            ["provision", "manage", noun, ref rest @ ..] => match (noun, rest) {
                ("model", &[] | &[""]) => (Route::Models, ["", ""]),
                ("model", &[model]) => (Route::Model, [model, ""]),
                ("model", &[model, ""]) => (Route::SerialNumbers, [model, ""]),
                ("model", &[model, sn]) => (Route::SerialNumber, [model, sn]),
                ("content", &[model] | &[model, ""]) => (Route::Contents, [model, ""]),
                ("content", &[model, id]) => (Route::Content, [model, id]),
                ("group", &[model] | &[model, ""]) => (Route::Groups, [model, ""]),
                ("group", &[model, id]) => (Route::Group, [model, id]),
                ("group", &[model, id, ""]) => (Route::Members, [model, id]),
                ("share", &[model] | &[model, ""]) => (Route::Shares, [model, ""]),
                ("share", &[model, vendor]) => (Route::Share, [model, vendor]),
                _ => return None,
            },
            ["provision", "register"] => (Route::Registration, ["", ""]),
            ["provision", "admin", "auth"] | ["provision", "admin", "auth", ""] => (Route::Tokens, ["", ""]),
            ["provision", "admin", "auth", id] => (Route::Token, [id, ""]),
            ["onep:v1", "stack", "alias"] => (Route::Aliases, ["", ""]),
            ["onep:v1", "stack", "alias", alias] => (Route::Alias, [alias, ""]),
            ["onep:v1", "stack", "record"] => (Route::Record, ["", ""]),
            ["onep:v1", "rpc", "process"] => (Route::Rpc, ["", ""]),
            ["ws"] => (Route::WebSocket, ["", ""]),
            _ => return None,
        })
    }

    /// Whether a method may be used.
    pub fn accepts(self, method: &Method) -> bool {
        let listed = self.methods().split(", ").any(|name| name == method.as_str());
        listed || (self == Route::Aliases && method == Method::HEAD)
    }
}

/// Answers one request.
pub async fn route(app: &Arc<App>, request: Request) -> Answer {
    let found = match request.head.segments() {
        Ok(path) => path.and_then(|path| Route::find(&path)).map(|(route, _)| route),
        Err(error) => return refuse(&error, Manner::Plain),
    };
    let Some(route) = found else { return Answer::not_found() };
    let began = Instant::now();
    let answer = match route.accepts(request.head.method()) {
        true => dispatch(app, request).await.unwrap_or_else(|error| refuse(&error, Manner::Plain)),
        false => Answer::method_not_allowed(route.methods()),
    };
    app.measures.http(route, answer.status, began.elapsed());
    answer.of(route)
}

/// Only what many wait in stands here with the room it needs; the others get theirs when they are called, so that who waits does
/// not keep the room of the biggest route.
async fn dispatch(app: &Arc<App>, request: Request) -> model::Result<Answer> {
    let Request { head, body } = request;
    let Some(path) = head.segments()? else { return Ok(Answer::not_found()) };
    let Some((route, names)) = Route::find(&path) else { return Ok(Answer::not_found()) };
    let writes = head.method() == Method::POST;
    match route {
        Route::Healthz => Ok(healthz(app)),
        Route::Readyz => Ok(readyz(app).await),
        Route::Timestamp => Ok(Answer::text(app.store.clock().now().to_string())),
        Route::Ip => Ok(Answer::text(head.peer().to_string())),
        Route::Description => Ok(Answer::json(DESCRIPTION)),
        Route::Activate => Box::pin(device::activate(app, &head, body)).await,
        Route::Download => Box::pin(download::download(app, &head)).await,
        Route::Models
        | Route::Model
        | Route::SerialNumbers
        | Route::SerialNumber
        | Route::Contents
        | Route::Content
        | Route::Groups
        | Route::Group
        | Route::Members
        | Route::Shares
        | Route::Share => Box::pin(manage::answer(app, &head, body, route, names)).await,
        Route::Registration => Box::pin(manage::registration::answer(app, &head, body)).await,
        Route::Tokens => Box::pin(manage::token::collection(app, &head, body)).await,
        Route::Token => Box::pin(manage::token::one(app, &head, names[0])).await,
        Route::Aliases if writes => Box::pin(alias::write(app, &head, body)).await,
        Route::Aliases => alias::read(app, head).await,
        Route::Alias => Box::pin(record::record_one(app, &head, body, names[0])).await,
        Route::Record => Box::pin(record::record(app, &head, body)).await,
        Route::Rpc => Box::pin(rpc::process(app, head, body)).await,
        Route::WebSocket => websocket::upgrade(app, &head),
    }
}

fn healthz(app: &App) -> Answer {
    if app.store.is_healthy() {
        Answer::text("ok")
    } else {
        Answer::refusal(http::StatusCode::SERVICE_UNAVAILABLE, "the store is unavailable")
    }
}

/// Whether new requests should be sent here: a load balancer asks.
async fn readyz(app: &App) -> Answer {
    let why = if app.stopping.has_begun() {
        "the server is stopping"
    } else if !app.store.is_healthy() {
        "the store is unavailable"
    } else if !app.blobs.is_ready().await {
        "the object store is unavailable"
    } else {
        return Answer::text("ok");
    };
    Answer::refusal(http::StatusCode::SERVICE_UNAVAILABLE, why)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// A template with names in it, and those names.
    fn filled(template: &str) -> (Vec<String>, Vec<String>) {
        let path = template.trim_start_matches('/').split('/');
        let path: Vec<String> = path.map(|segment| segment.replace(['<', '>'], "~")).collect();
        let names = path.iter().filter(|segment| segment.starts_with('~')).cloned().collect();
        (path, names)
    }

    #[test]
    fn every_template_leads_to_its_row_and_names_what_it_says() {
        for route in Route::ALL {
            let (path, names) = filled(route.template());
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            let Some((found, found_names)) = Route::find(&path) else { panic!("{} leads nowhere", route.template()) };
            assert_eq!(found, *route, "{}", route.template());
            assert_eq!(found_names.into_iter().filter(|name| !name.is_empty()).collect::<Vec<_>>(), names);
        }
        let templates: HashSet<_> = Route::ALL.iter().map(|route| route.template()).collect();
        assert_eq!(templates.len(), Route::ALL.len());
    }

    #[test]
    fn the_description_has_every_route_with_its_methods_and_no_other() {
        let description: serde_json::Value = serde_json::from_str(DESCRIPTION).unwrap();
        assert_eq!(description["openapi"], "3.1.0");
        let paths = description["paths"].as_object().unwrap();
        let mut described: HashSet<(String, String)> = HashSet::new();
        for (path, operations) in paths {
            for (method, operation) in operations.as_object().unwrap() {
                described.insert((path.replace('{', "<").replace('}', ">"), method.to_uppercase()));
                for named in path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}')) {
                    let parameters = operation["parameters"].as_array().unwrap();
                    let is_named = |parameter: &serde_json::Value| match parameter["$ref"].as_str() {
                        Some(place) => description.pointer(place.trim_start_matches('#')).unwrap()["name"] == named,
                        None => parameter["name"] == named,
                    };
                    assert!(parameters.iter().any(is_named), "{method} {path} does not say what {named} is");
                }
            }
        }
        let mut routed = HashSet::new();
        for route in Route::ALL {
            // HEAD goes without saying wherever GET is.
            for method in route.methods().split(", ").filter(|method| *method != "HEAD") {
                routed.insert((route.template().to_owned(), method.to_owned()));
            }
        }
        assert_eq!(described, routed);
    }

    #[test]
    fn what_is_deeper_or_shallower_than_a_row_leads_nowhere() {
        for route in Route::ALL {
            let (path, _) = filled(route.template());
            let mut path: Vec<&str> = path.iter().map(String::as_str).collect();
            path.extend(["x", "y"]);
            assert_eq!(Route::find(&path), None, "{path:?}");
        }
        for path in
            [&[""][..], &["provision"], &["provision", "manage"], &["provision", "manage", "content"], &["onep:v1"]]
        {
            assert_eq!(Route::find(path), None, "{path:?}");
        }
    }

    #[test]
    fn a_method_is_accepted_where_it_is_listed() {
        assert!(Route::Model.accepts(&Method::PUT) && !Route::Models.accepts(&Method::PUT));
        assert!(Route::Aliases.accepts(&Method::HEAD), "unlisted, and still a way to read");
        assert!(!Route::WebSocket.accepts(&Method::HEAD) && !Route::Record.accepts(&Method::GET));
        assert!(!Route::Models.accepts(&Method::from_bytes(b"get").unwrap()));
    }

    /// The room that a future of this function takes.
    fn room<'a, F>(_: impl FnOnce(&'a Arc<App>, Request) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn a_request_that_waits_keeps_little_room() {
        let bytes = room(route);
        assert!(bytes <= 3072, "{bytes} bytes");
    }
}
