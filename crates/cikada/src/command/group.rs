//! `cikada group`: who may have protected content (contract, manage.md "Groups").

use clap::{Subcommand, ValueEnum};
use http::Method;
use serde_json::json;

use super::{Paging, field};
use crate::client::{Flags, Request};
use crate::failure::Outcome;
use crate::output::Cell;
use crate::when;

const PATH: &str = "/provision/manage/group/";

/// Groups of serial numbers, contents and groups: they open protected content
#[derive(clap::Args)]
#[command(after_help = "\
A serial number may have a protected content when some group holds both, directly or through groups in groups, and
no membership on the way has expired.

Examples:
  cikada group create boiler beta --meta 'early releases'
  cikada group add boiler beta sn A0001 A0002 --until +30d
  cikada group add boiler beta content firmware-2.0-rc1
  cikada group members boiler beta")]
pub struct Args {
    #[command(flatten)]
    flags: Flags,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// List a model's groups
    List {
        /// The model's name
        model: String,
        #[command(flatten)]
        paging: Paging,
    },
    /// Make a group
    Create {
        /// The model's name
        model: String,
        /// The group's id, which you choose
        group: String,
        /// Free text kept with it
        #[arg(long, default_value = "")]
        meta: String,
    },
    /// Show a group
    Show {
        /// The model's name
        model: String,
        /// The group's id
        group: String,
    },
    /// Delete a group; its members stay
    Delete {
        /// The model's name
        model: String,
        /// The group's id
        group: String,
    },
    /// List a group's members
    Members {
        /// The model's name
        model: String,
        /// The group's id
        group: String,
        /// Only members of this type
        #[arg(long = "type", value_name = "TYPE")]
        kind: Option<Kind>,
        /// Only the member with this id
        #[arg(long)]
        id: Option<String>,
        #[command(flatten)]
        paging: Paging,
    },
    /// List the groups that a group is a member of
    Groups {
        /// The model's name
        model: String,
        /// The group's id
        group: String,
        #[command(flatten)]
        paging: Paging,
    },
    /// Add members, or update their expiry and meta
    Add {
        /// The model's name
        model: String,
        /// The group's id
        group: String,
        /// What the members are
        kind: Kind,
        /// Their ids
        #[arg(required = true)]
        ids: Vec<String>,
        /// Until when: 2026-01-31, +30d, never, Unix seconds [default: never]
        #[arg(long, value_name = "MOMENT", value_parser = when::parse_moment)]
        until: Option<u64>,
        /// Free text kept with the membership
        #[arg(long)]
        meta: Option<String>,
    },
    /// Remove members
    Remove {
        /// The model's name
        model: String,
        /// The group's id
        group: String,
        /// What the members are
        kind: Kind,
        /// Their ids
        #[arg(required = true)]
        ids: Vec<String>,
    },
}

/// What a member is.
#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    /// A serial number
    Sn,
    /// A content
    Content,
    /// A group
    Group,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Kind::Sn => "sn",
            Kind::Content => "content",
            Kind::Group => "group",
        }
    }
}

pub fn run(args: Args) -> Outcome {
    let server = args.flags.vendor()?;
    let output = args.flags.output();
    match args.action {
        Action::List { model, paging } => {
            let request = Request::get(PATH, &[&model]).collection().to(format!("list the groups of {model}"));
            let row = |record: &[String]| vec![Cell::text(field(record, 0)), Cell::text(field(record, 1))];
            paging.print(&server, &request, output.table(&["group", "meta"]), "no groups", row)
        }
        Action::Create { model, group, meta } => {
            let request = Request::post(PATH, &[&model])
                .collection()
                .form([("id", group.as_str()), ("meta", meta.as_str())])
                .to(format!("create the group {group}"))
                .advise(409, format!("there is one: `cikada group show {model} {group}`"));
            server.ask(&request)?;
            output.done(format_args!("created group {group}"), json!({"created": group}))
        }
        Action::Show { model, group } => {
            let request = Request::get(PATH, &[&model, &group]).to(format!("show the group {group}"));
            let record = server.ask(&request)?.record(2)?;
            output.thing(&[
                ("group", Cell::Text(group)),
                ("meta", Cell::text(&record[0])),
                ("members", Cell::number(&record[1])),
            ])
        }
        Action::Delete { model, group } => {
            let request = Request::new(Method::DELETE, PATH, &[&model, &group]).to(format!("delete the group {group}"));
            server.ask(&request)?;
            output.done(format_args!("deleted group {group}"), json!({"deleted": group}))
        }
        Action::Members { model, group, kind, id, paging } => {
            let mut request = Request::get(PATH, &[&model, &group]).collection();
            if let Some(kind) = kind {
                request = request.query("type", kind.word());
            }
            if let Some(id) = id {
                request = request.query("id", &id);
            }
            let request = request.to(format!("list the members of {group}"));
            let row = |record: &[String]| {
                vec![
                    Cell::text(field(record, 0)),
                    Cell::text(field(record, 1)),
                    Cell::time(field(record, 2)),
                    Cell::text(field(record, 3)),
                ]
            };
            paging.print(&server, &request, output.table(&["type", "id", "until", "meta"]), "no members", row)
        }
        Action::Groups { model, group, paging } => {
            let request = Request::get(PATH, &[&model, &group]).query("show", "groups");
            let request = request.to(format!("list the groups of {group}"));
            let row = |record: &[String]| vec![Cell::text(field(record, 0))];
            paging.print(&server, &request, output.table(&["group"]), "a member of no group", row)
        }
        Action::Add { model, group, kind, ids, until, meta } => {
            let until = until.map(|seconds| seconds.to_string());
            let mut fields = member_fields(kind, &ids);
            fields.extend(until.as_deref().map(|until| ("expire", until)));
            fields.extend(meta.as_deref().map(|meta| ("meta", meta)));
            let request = Request::post(PATH, &[&model, &group])
                .collection()
                .form(fields)
                .to(format!("add to the group {group}"))
                .advise(400, "every member must exist in the model; nothing was changed");
            server.ask(&request)?;
            output.done(format_args!("added {} to group {group}", counted(&ids)), json!({"added": ids, "group": group}))
        }
        Action::Remove { model, group, kind, ids } => {
            let mut fields = member_fields(kind, &ids);
            fields.push(("delete", "true"));
            let request = Request::post(PATH, &[&model, &group]).collection().form(fields);
            server.ask(&request.to(format!("remove from the group {group}")))?;
            output.done(
                format_args!("removed {} from group {group}", counted(&ids)),
                json!({"removed": ids, "group": group}),
            )
        }
    }
}

fn member_fields(kind: Kind, ids: &[String]) -> Vec<(&'static str, &str)> {
    let mut fields = vec![("type", kind.word())];
    match ids {
        [id] => fields.push(("id", id)),
        _ => fields.extend(ids.iter().map(|id| ("id[]", id.as_str()))),
    }
    fields
}

fn counted(ids: &[String]) -> String {
    if ids.len() == 1 { ids[0].clone() } else { format!("{} members", ids.len()) }
}
