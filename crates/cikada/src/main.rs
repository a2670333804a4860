//! The binary `cikada`: the server and its upkeep, the tools a vendor and an owner work with, and the demo.
//!
//! Each subcommand is a file: the server's beside this one, those that speak to a server over its public API (contract,
//! manage.md and device.md) under `command/`.

mod account;
mod backup;
mod certificates;
mod client;
mod command;
mod config;
mod crowd;
mod demo;
mod failure;
mod fleet;
mod folder;
mod fsck;
mod init;
mod logging;
mod metrics;
mod migrate;
mod output;
mod pages;
mod progress;
mod rotate;
mod rows;
mod serve;
mod upkeep;
mod when;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Self-hosted device provisioning: serial numbers in, keys and firmware out
#[derive(Parser)]
#[command(name = "cikada", version, max_term_width = 100, subcommand_required = true, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Init(init::Args),
    Serve(serve::Args),
    Account(account::Args),
    Fsck(fsck::Args),
    Backup(backup::Args),
    Restore(backup::restore::Args),
    RotateMasterKey(rotate::Args),
    Migrate(migrate::Args),
    Config(config::Args),
    Model(command::model::Args),
    Sn(Box<command::sn::Args>),
    Content(command::content::Args),
    Group(command::group::Args),
    Share(command::share::Args),
    Token(command::token::Args),
    Register(command::register::Args),
    Device(command::device::Args),
    Data(command::data::Args),
    Rpc(command::rpc::Args),
    Tree(command::tree::Args),
    Demo(demo::Args),
    Fleet(Box<fleet::Args>),
    Completions(command::completions::Args),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Init(args) => init::run(args),
        Command::Serve(args) => serve::run(args),
        Command::Account(args) => account::run(args),
        Command::Fsck(args) => fsck::run(args),
        Command::Backup(args) => backup::run(args),
        Command::Restore(args) => backup::restore::run(args),
        Command::RotateMasterKey(args) => rotate::run(args),
        Command::Migrate(args) => migrate::run(args),
        Command::Config(args) => config::run(args),
        Command::Model(args) => command::model::run(args),
        Command::Sn(args) => command::sn::run(*args),
        Command::Content(args) => command::content::run(args),
        Command::Group(args) => command::group::run(args),
        Command::Share(args) => command::share::run(args),
        Command::Token(args) => command::token::run(args),
        Command::Register(args) => command::register::run(args),
        Command::Device(args) => command::device::run(args),
        Command::Data(args) => command::data::run(args),
        Command::Rpc(args) => command::rpc::run(args),
        Command::Tree(args) => command::tree::run(args),
        Command::Demo(args) => demo::run(args),
        Command::Fleet(args) => fleet::run(*args),
        Command::Completions(args) => command::completions::run(args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn every_command_and_flag_is_well_formed() {
        super::Cli::command().debug_assert();
    }
}
