//! Where a person begins.

use model::Role;

use crate::exchange::Response;
use crate::routes::Answer;
use crate::visit::Visit;

/// The first page of whoever comes.
pub async fn start(visit: Visit) -> Answer {
    let Ok(guest) = visit.guest() else { return Ok(Response::see_other("/portal/sign-in")) };
    let (person, ()) = guest.read(|_, _| Ok(())).await?;
    Ok(Response::see_other(match person.role() {
        Role::PlatformAdministrator if person.acts_as_another() => "/portal/overview",
        Role::PlatformAdministrator => "/portal/admin/vendors",
        Role::VendorAdministrator | Role::VendorViewer => "/portal/overview",
        Role::Owner => "/portal/devices",
    }))
}

/// Somebody whose session is over, or who has none, signs in and comes back.
pub fn signed_out(segments: &[String]) -> Response {
    let path: String = segments.iter().map(|segment| format!("/{}", wire::path::encode_segment(segment))).collect();
    let back = if path.starts_with("/portal/") && path.len() < 500 { path } else { "/portal/".to_owned() };
    let query = wire::form::encode([("back", back.as_str())]);
    crate::frame::guarded(Response::see_other(&format!("/portal/sign-in?{query}")))
}
