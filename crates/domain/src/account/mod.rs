//! People who use the portal: how they come, prove who they are, and go (threats T34 to T36). What a person may do is in
//! [`caller`](crate::caller).

mod administer;
mod invite;
mod join;
mod password;
mod people;
mod second_factor;
mod session;
mod sign_in;
mod totp;

pub use administer::{ListedVendor, accounts, act_as, add_vendor, vendors};
pub use invite::{
    Invited, Invitee, Link, first_administrator, invitations, invite, invite_administrator, invite_owner,
    invite_vendor_administrator, reset_link, withdraw,
};
pub use join::{Joining, join, opened};
pub(crate) use password::PURPOSE as PASSWORD;
pub use password::{Hashed, LEAST_CHARACTERS, MOST_BYTES, Password, Proof, Weakness};
pub use people::{Person, change_role, find_by_name, owners, people, remove, remove_by_operator};
pub(crate) use second_factor::PURPOSE as SECOND_FACTOR;
pub use second_factor::{Enrolment, begin as begin_second_factor, codes_left, confirm, give_up, pending};
pub(crate) use session::{begin as begin_session, hash as session_hash};
pub use session::{end, end_others, sessions, sign_out, sweep};
pub use sign_in::{Answered, SignIn, Where, change_password, credentials, refused, second_step, sign_in};
