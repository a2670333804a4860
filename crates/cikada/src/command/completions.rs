//! `cikada completions SHELL`: the script that completes the command line.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::failure::{Failure, Outcome};

/// Print the completion script of a shell
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cikada completions bash > ~/.local/share/bash-completion/completions/cikada
  cikada completions zsh > ~/.zfunc/_cikada
  cikada completions fish > ~/.config/fish/completions/cikada.fish")]
pub struct Args {
    /// The shell to complete for
    shell: Shell,
}

pub fn run(args: Args) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut crate::Cli::command(), "cikada", &mut script);
    std::io::Write::write_all(&mut std::io::stdout().lock(), &script).map_err(Failure::output)
}
