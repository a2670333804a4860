//! `cikada content`: a model's firmware and media (contract, manage.md "Content").

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Subcommand;
use http::Method;
use serde_json::json;

use super::{Paging, field};
use crate::client::{Answer, Downloaded, Flags, Request, Server, Upload, digest, download, upload};
use crate::failure::{Failure, Outcome};
use crate::output::{Cell, Output, note, size};

const PATH: &str = "/provision/manage/content/";

/// Firmware and media of a model
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cikada content upload boiler firmware-1.4 build/boiler-1.4.bin
  cikada content upload boiler firmware-2.0-rc1 rc.bin --protected --meta 'beta only'
  cikada content list boiler --sn A0001        # what this serial number may have
  cikada content download boiler firmware-1.4 check.bin")]
pub struct Args {
    #[command(flatten)]
    flags: Flags,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// List a model's contents
    List {
        /// The model's name
        model: String,
        /// Only what this serial number may have
        #[arg(long)]
        sn: Option<String>,
        /// Show type, size, time and meta of each
        #[arg(long, short)]
        long: bool,
    },
    /// Show one content
    Show {
        /// The model's name
        model: String,
        /// The content's id
        id: String,
        /// Only if this serial number may have it
        #[arg(long)]
        sn: Option<String>,
    },
    /// Make an entry without bytes, to upload later
    Create {
        /// The model's name
        model: String,
        /// The content's id, which you choose
        id: String,
        /// Free text kept with it
        #[arg(long, default_value = "")]
        meta: String,
        /// Only serial numbers that share a group with it may have it
        #[arg(long)]
        protected: bool,
    },
    /// Upload a file; replaces the bytes of a content that is there
    ///
    /// The file's SHA-256 travels with it: the server stores exactly these bytes or none, and devices get the old ones
    /// until the new ones are whole. Nothing is sent when the server has them already.
    Upload {
        /// The model's name
        model: String,
        /// The content's id
        id: String,
        /// The file
        file: PathBuf,
        /// Its content type
        #[arg(long = "type", value_name = "TYPE", default_value = "application/octet-stream")]
        content_type: String,
        /// Free text kept with it; for a content that is not there yet
        #[arg(long)]
        meta: Option<String>,
        /// Only serial numbers that share a group with it may have it; for a content that is not there yet
        #[arg(long)]
        protected: bool,
        /// Send the bytes even if the server has them
        #[arg(long)]
        force: bool,
    },
    /// Download a content; run it again to resume
    Download {
        /// The model's name
        model: String,
        /// The content's id
        id: String,
        /// The file to write [default: the id]
        file: Option<PathBuf>,
        /// As this serial number would get it
        #[arg(long)]
        sn: Option<String>,
    },
    /// Delete a content and its bytes
    Delete {
        /// The model's name
        model: String,
        /// The content's id
        id: String,
    },
    /// List the groups that a content is a member of
    Groups {
        /// The model's name
        model: String,
        /// The content's id
        id: String,
        #[command(flatten)]
        paging: Paging,
    },
}

pub fn run(args: Args) -> Outcome {
    let server = args.flags.vendor()?;
    let output = args.flags.output();
    match args.action {
        Action::List { model, sn, long } => list(&server, output, &model, sn.as_deref(), long),
        Action::Show { model, id, sn } => {
            let record = info(&server, &model, &id, sn.as_deref())?;
            let names = ["content", "type", "size", "updated", "meta", "protected"];
            let fields: Vec<_> = names.into_iter().zip(info_row(&id, &record)).collect();
            output.thing(if sn.is_some() { &fields[..5] } else { &fields })
        }
        Action::Create { model, id, meta, protected } => {
            create(&server, &model, &id, &meta, protected)?;
            output.done(format_args!("created content {id}, still without bytes"), json!({"created": id}))
        }
        Action::Upload { model, id, file, content_type, meta, protected, force } => {
            if meta.is_some() || protected {
                create(&server, &model, &id, meta.as_deref().unwrap_or_default(), protected)?;
            }
            send(&server, output, (&model, &id), &file, &content_type, force)
        }
        Action::Download { model, id, file, sn } => {
            let file = file.map_or_else(|| file_named(&id), Ok)?;
            let mut request = Request::get(PATH, &[&model, &id]).query("download", "true");
            if let Some(sn) = &sn {
                request = request.query("sn", sn);
            }
            let request = request
                .to(format!("download {id}"))
                .advise(
                    403,
                    "no such model, or this serial number may not have it: `cikada content list MODEL --sn SN`",
                )
                .advise(404, format!("`cikada content list {model}` shows what is there"));
            let begun = Instant::now();
            let downloaded = download(&server, &request, &file)?;
            report(output, &file, &downloaded, begun)
        }
        Action::Delete { model, id } => {
            let request = Request::new(Method::DELETE, PATH, &[&model, &id]).to(format!("delete the content {id}"));
            server.ask(&request)?;
            output.done(format_args!("deleted content {id}"), json!({"deleted": id}))
        }
        Action::Groups { model, id, paging } => {
            let request = Request::get(PATH, &[&model, &id]).query("show", "groups");
            let request = request.to(format!("list the groups of {id}"));
            let row = |record: &[String]| vec![Cell::text(field(record, 0))];
            paging.print(&server, &request, output.table(&["group"]), "a member of no group", row)
        }
    }
}

fn list(server: &Server, output: Output, model: &str, sn: Option<&str>, long: bool) -> Outcome {
    let mut request = Request::get(PATH, &[model]).collection().to(format!("list the content of {model}"));
    if let Some(sn) = sn {
        request = request.query("sn", sn);
    }
    let request = request.advise(400, "no such model, or it has no such serial number");
    let answer = server.ask(&request)?;
    let nothing = "no content";
    if !long {
        let mut table = output.table(&["content"]);
        table.page(answer.lines().map(|id| vec![Cell::text(id)]).collect())?;
        return table.end(nothing);
    }
    let mut table = output.table(&["content", "type", "size", "updated", "meta", "protected"]);
    let mut rows = Vec::new();
    for id in answer.lines() {
        rows.push(info_row(id, &info(server, model, id, None)?));
    }
    table.page(rows)?;
    table.end(nothing)
}

fn info(server: &Server, model: &str, id: &str, sn: Option<&str>) -> Outcome<Vec<String>> {
    let mut request = Request::get(PATH, &[model, id]).to(format!("show the content {id}"));
    if let Some(sn) = sn {
        request = request.query("sn", sn);
    }
    let request = request
        .advise(400, "no such model, or this serial number may not have it: `cikada content list MODEL --sn SN`")
        .advise(404, format!("`cikada content list {model}` shows what is there"));
    server.ask(&request)?.record(4)
}

fn info_row(id: &str, record: &[String]) -> Vec<Cell> {
    vec![
        Cell::text(id),
        Cell::text(field(record, 0)),
        Cell::bytes(field(record, 1)),
        Cell::time(field(record, 2)),
        Cell::text(field(record, 3)),
        Cell::Flag(field(record, 4) == "true"),
    ]
}

fn create(server: &Server, model: &str, id: &str, meta: &str, protected: bool) -> Outcome<Answer> {
    let mut fields = vec![("id", id), ("meta", meta)];
    if protected {
        fields.push(("protected", "true"));
    }
    let request =
        Request::post(PATH, &[model]).collection().form(fields).to(format!("create the content {id}")).advise(
            409,
            "it is there: upload without --meta and --protected replaces its bytes; to change those, delete it first",
        );
    server.ask(&request)
}

fn send(
    server: &Server,
    output: Output,
    (model, id): (&str, &str),
    file: &Path,
    content_type: &str,
    force: bool,
) -> Outcome {
    let mut file = Upload::open(file)?;
    let sha256 = digest::hex(&file.sha256);
    let mut facts = json!({"content": id, "bytes": file.bytes, "sha256": sha256, "sent": true});
    if !force && has_already(server, model, id, content_type, &file)? {
        facts["sent"] = json!(false);
        return output.done(format_args!("the server has {id} already: {}, SHA-256 {sha256}", size(file.bytes)), facts);
    }
    let request = Request::post(PATH, &[model, id])
        .header("Content-Type", content_type)
        .to(format!("upload {id}"))
        .advise(
            400,
            "the bytes changed on their way, or the content type is not one; what was there before is still there",
        )
        .advise(413, "the file is larger than the server takes");
    let begun = Instant::now();
    upload(server, &request, &mut file)?;
    let rate = rate(file.bytes, begun);
    output.done(format_args!("uploaded {id}: {}{rate}, SHA-256 {sha256}", size(file.bytes)), facts)
}

/// Whether the server holds exactly these bytes, of this type.
fn has_already(server: &Server, model: &str, id: &str, content_type: &str, file: &Upload) -> Outcome<bool> {
    let request = Request::new(Method::HEAD, PATH, &[model, id]).query("download", "true");
    let held = server.digest_of(&request.to(format!("look at {id}")))?;
    Ok(held.is_some_and(|(held_type, held)| held == file.sha256 && held_type == content_type))
}

/// An id that can be a file's name here.
pub fn file_named(id: &str) -> Outcome<PathBuf> {
    let path = Path::new(id);
    match path.file_name() {
        Some(name) if name == path.as_os_str() => Ok(path.to_owned()),
        _ => Err(Failure::new(format!("{id} cannot be a file's name")).advise("name the file to write after the id")),
    }
}

/// Says what a download brought.
pub fn report(output: Output, file: &Path, downloaded: &Downloaded, begun: Instant) -> Outcome {
    let Downloaded { bytes, resumed_at, sha256, is_checked } = downloaded;
    let sha256 = digest::hex(sha256);
    let rate = rate(bytes - resumed_at.min(bytes), begun);
    let resumed = if *resumed_at > 0 { format!(", resumed after {}", size(*resumed_at)) } else { String::new() };
    if !is_checked {
        note("the server gave no digest to check the bytes against");
    }
    output.done(
        format_args!("wrote {}: {}{rate}{resumed}, SHA-256 {sha256}", file.display(), size(*bytes)),
        json!({"file": file.display().to_string(), "bytes": bytes, "sha256": sha256, "resumed_at": resumed_at,
            "checked": is_checked}),
    )
}

/// `, 12.0 MiB/s` where there is enough to tell.
fn rate(bytes: u64, begun: Instant) -> String {
    let seconds = begun.elapsed().as_secs_f64();
    if bytes < 1 << 20 || seconds <= 0.0 {
        String::new()
    } else {
        format!(", {}/s", size((bytes as f64 / seconds) as u64))
    }
}
