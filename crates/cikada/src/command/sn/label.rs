//! `cikada sn label`: QR codes to stick on devices. The owner scans one and lands on the page that adds the device.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

use wire::label::{Code, Label, sheet};

use crate::client::{Flags, Request};
use crate::failure::{Failure, Outcome};
use crate::output::{line, visible};

/// Pixels of a module in a PNG: sharp at 300 dots an inch up to 50 mm.
const PNG_SCALE: usize = 10;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cikada sn label boiler A0001                                   # on the terminal, to scan from the screen
  cikada sn label boiler A0001 --svg --output a0001.svg
  cikada sn list boiler --all --json | jq -r '.[].sn' | cikada sn label boiler - --sheet --output labels.html")]
pub struct Args {
    /// The model's name
    model: String,
    /// The serial numbers; `-` reads them from standard input, one a line
    #[arg(required = true, value_name = "SN")]
    sns: Vec<String>,
    /// Where owners reach the portal; the server's address when it is not given
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// The vendor's name; asked from the server when it is not given
    #[arg(long, value_name = "NAME")]
    vendor: Option<String>,
    #[command(flatten)]
    form: Form,
    /// Write to this file
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(clap::Args)]
#[group(multiple = false)]
struct Form {
    /// One label as SVG, with model and serial number under the code
    #[arg(long)]
    svg: bool,
    /// One code as PNG
    #[arg(long)]
    png: bool,
    /// Codes as text for a terminal
    #[arg(long)]
    terminal: bool,
    /// All labels on a sheet to print, as one HTML file
    #[arg(long)]
    sheet: bool,
}

pub fn run(flags: &Flags, args: &Args) -> Outcome {
    let vendor = match &args.vendor {
        Some(vendor) => vendor.clone(),
        None => vendor(flags)?,
    };
    let base = args.base_url.as_deref().unwrap_or(&flags.server).trim_end_matches('/');
    if !base.starts_with("http://") && !base.starts_with("https://") {
        return Err(Failure::new(format!("{base} is no address of a portal"))
            .advise("--base-url https://devices.example.com, as owners type it"));
    }
    let sns = numbers(&args.sns)?;
    let label = |serial_number| Label { base, vendor: &vendor, model: &args.model, serial_number };
    let labels: Vec<Label<'_>> = sns.iter().map(|sn| label(sn)).collect();
    let bytes = match &args.form {
        Form { svg: true, .. } => svg(one(&labels)?)?.into_bytes(),
        Form { png: true, .. } => code(one(&labels)?)?.png(PNG_SCALE),
        Form { sheet: true, .. } => sheet(&labels).ok_or_else(too_long)?.into_bytes(),
        Form { terminal: true, .. } => terminal(&labels)?.into_bytes(),
        _ if args.output.is_none() => terminal(&labels)?.into_bytes(),
        _ => sheet(&labels).ok_or_else(too_long)?.into_bytes(),
    };
    match &args.output {
        Some(path) => {
            std::fs::write(path, bytes).map_err(|error| Failure::file("write", path, &error))?;
            line(format_args!("wrote {} ({} {})", path.display(), labels.len(), plural(labels.len())))
        }
        None if args.form.png && io::stdout().is_terminal() => {
            Err(Failure::new("a PNG is nothing for a terminal").advise("--output FILE, or send it into a pipe"))
        }
        None => io::stdout().lock().write_all(&bytes).map_err(Failure::output),
    }
}

fn vendor(flags: &Flags) -> Outcome<String> {
    let request = Request::get("/provision/register", &[]).to("find out the vendor's name");
    Ok(flags.vendor()?.ask(&request)?.body.trim().to_owned())
}

fn numbers(given: &[String]) -> Outcome<Vec<String>> {
    if given != ["-"] {
        return Ok(given.to_vec());
    }
    let text = io::read_to_string(io::stdin());
    let text = text.map_err(|error| Failure::new(format!("cannot read the serial numbers: {error}")))?;
    let sns: Vec<String> = text.lines().map(|line| line.trim_end_matches('\r').to_owned()).collect();
    let sns: Vec<String> = sns.into_iter().filter(|sn| !sn.is_empty()).collect();
    if sns.is_empty() {
        return Err(Failure::new("there were no serial numbers on standard input"));
    }
    Ok(sns)
}

fn one<'l, 'a>(labels: &'l [Label<'a>]) -> Outcome<&'l Label<'a>> {
    match labels {
        [label] => Ok(label),
        _ => Err(Failure::new("--svg and --png make one label").advise("--sheet puts many on pages to print")),
    }
}

fn svg(label: &Label<'_>) -> Outcome<String> {
    Ok(label.svg().ok_or_else(too_long)? + "\n")
}

fn code(label: &Label<'_>) -> Outcome<Code> {
    label.code().ok_or_else(too_long)
}

fn terminal(labels: &[Label<'_>]) -> Outcome<String> {
    let mut text = String::new();
    for label in labels {
        text += &code(label)?.terminal();
        text += &format!("{} {}\n{}\n\n", label.model, visible(label.serial_number), label.url());
    }
    Ok(text)
}

fn too_long() -> Failure {
    Failure::new("the address is too long for a QR code").advise("a shorter --base-url")
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "label" } else { "labels" }
}
