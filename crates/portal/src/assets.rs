//! Style sheets, scripts and images, inside of the binary. Their path holds a digest of all of them, so that a browser may keep
//! them for ever and never has a stale one.

use std::sync::LazyLock;

use http::header::CACHE_CONTROL;
use http::{HeaderValue, StatusCode};
use sha2::{Digest as _, Sha256};

use crate::exchange::Response;

/// Path below the version, content type, bytes.
type Asset = (&'static str, &'static str, &'static [u8]);

/// Every file of `assets/` that a page or a script asks for.
const ASSETS: &[Asset] = &[
    ("app.css", "text/css; charset=utf-8", include_bytes!("../assets/app.css")),
    ("icon.svg", "image/svg+xml", include_bytes!("../assets/icon.svg")),
    ("app.js", JS, include_bytes!("../assets/app.js")),
    ("chart.js", JS, include_bytes!("../assets/chart.js")),
    ("forms.js", JS, include_bytes!("../assets/forms.js")),
    ("live.js", JS, include_bytes!("../assets/live.js")),
    ("scan.js", JS, include_bytes!("../assets/scan.js")),
    ("times.js", JS, include_bytes!("../assets/times.js")),
    ("upload.js", JS, include_bytes!("../assets/upload.js")),
    ("vendored/jsQR.min.js", JS, include_bytes!("../assets/vendored/jsQR.min.js")),
    ("vendored/uPlot.iife.min.js", JS, include_bytes!("../assets/vendored/uPlot.iife.min.js")),
    ("vendored/jsQR.LICENSE", "text/plain; charset=utf-8", include_bytes!("../assets/vendored/jsQR.LICENSE")),
    ("vendored/uPlot.LICENSE", "text/plain; charset=utf-8", include_bytes!("../assets/vendored/uPlot.LICENSE")),
];

const JS: &str = "text/javascript; charset=utf-8";

static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut hash = Sha256::new();
    for (name, _, bytes) in ASSETS {
        hash.update(name.as_bytes());
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    }
    hash.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
});

/// Where the assets are: `/portal/assets/<version>`.
pub fn root() -> String {
    format!("/portal/assets/{}", *VERSION)
}

/// One file. Any version is answered with the present one; only the present one is kept.
pub fn answer(version: &str, path: &[String]) -> Option<Response> {
    let path = path.join("/");
    let (_, content_type, bytes) = ASSETS.iter().find(|(name, ..)| *name == path)?;
    let keep = if version == *VERSION { "public, max-age=31536000, immutable" } else { "no-cache" };
    let response = Response::bytes(StatusCode::OK, content_type, *bytes);
    Some(response.with(CACHE_CONTROL, HeaderValue::from_static(keep)).by("/portal/assets/*"))
}
