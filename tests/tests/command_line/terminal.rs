//! Somebody at a terminal: a folder, a server's address and a credential in the environment, and commands.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use cikada_tests::{Server, cikada, fresh_name};
use serde_json::Value;
use tempfile::TempDir;

pub struct Terminal<'a> {
    pub server: &'a Server,
    folder: TempDir,
    token: Option<String>,
    cik: Option<String>,
}

impl<'a> Terminal<'a> {
    /// The vendor of `cikada init`, with a token.
    pub fn of_vendor(server: &'a Server) -> Terminal<'a> {
        Terminal {
            server,
            folder: tempfile::tempdir().unwrap(),
            token: Some(server.cast.vendor_token.clone()),
            cik: None,
        }
    }

    /// Whoever holds this key.
    pub fn of_holder(server: &'a Server, cik: &str) -> Terminal<'a> {
        Terminal { server, folder: tempfile::tempdir().unwrap(), token: None, cik: Some(cik.to_owned()) }
    }

    /// Somebody without a credential.
    pub fn of_nobody(server: &'a Server) -> Terminal<'a> {
        Terminal { server, folder: tempfile::tempdir().unwrap(), token: None, cik: None }
    }

    /// A file in the folder where commands run.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes such a file.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.file(name), bytes).unwrap();
    }

    /// What a command did, whatever it was. Words are separated by single blanks.
    pub fn try_run(&self, words: &str) -> Output {
        self.command(words).output().unwrap()
    }

    /// Runs a command that succeeds; its standard output.
    #[track_caller]
    pub fn run(&self, words: &str) -> String {
        let output = self.try_run(words);
        assert!(output.status.success(), "cikada {words}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    /// The same as JSON.
    #[track_caller]
    pub fn json(&self, words: &str) -> Value {
        let printed = self.run(&format!("{words} --json"));
        serde_json::from_str(&printed).unwrap_or_else(|why| panic!("cikada {words}: {why} in {printed}"))
    }

    /// Runs a command that fails; what it said. It says what to do, too.
    #[track_caller]
    pub fn fails(&self, words: &str) -> String {
        let output = self.try_run(words);
        assert_eq!(output.status.code(), Some(1), "cikada {words}: {} {}", text(&output.stdout), text(&output.stderr));
        let said = text(&output.stderr);
        assert!(said.contains("error: ") && said.contains("\n  try: "), "cikada {words}: {said}");
        said
    }

    /// A model of the vendor's, with this window.
    pub fn model(&self) -> String {
        let model = fresh_name("cli");
        self.run(&format!("model create {model} --template {}", self.server.cast.template.rid));
        model
    }

    pub fn command(&self, words: &str) -> Command {
        let mut command = Command::new(cikada());
        command.args(words.split(' ')).current_dir(self.folder.path()).stdin(Stdio::null());
        command.env("CIKADA_SERVER", format!("http://{}", self.server.address));
        for (name, value) in [("CIKADA_TOKEN", &self.token), ("CIKADA_CIK", &self.cik)] {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
    }
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("the command prints UTF-8")
}

/// The names of what lies in a folder.
pub fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
