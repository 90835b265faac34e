//! The commands and their options.

use clap::{Parser, Subcommand};
use std::process::ExitCode;

use crate::journal::JournalCommand;
use crate::replay::ReplayOptions;

/// Takes an order through its whole life: policy, risk and clearing reservations, matching, netting, settlement, audit.
#[derive(Parser)]
#[command(name = "rialto", version, max_term_width = 110, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Takes a recorded trading day through the whole pipeline and compares with what the exchange published.
    Replay(ReplayOptions),
    /// Looks after the journal.
    #[command(subcommand)]
    Journal(JournalCommand),
}

/// Why a command ends with another code than 0.
pub(crate) enum Failure {
    /// What was asked for turned out wrong: exit code 1.
    Wrong(String),
    /// The command line or what it names cannot be used: exit code 2.
    Misuse(String),
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Wrong(format!("{error:#}"))
    }
}

/// Runs the command line.
#[allow(clippy::print_stderr, reason = "this is where people read what went wrong")]
pub(crate) fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return misuse(&error),
    };
    let outcome = match cli.command {
        Command::Replay(options) => crate::replay::run(&options),
        Command::Journal(command) => crate::journal::run(&command),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Wrong(why)) => {
            eprintln!("rialto: {why}");
            ExitCode::FAILURE
        }
        Err(Failure::Misuse(why)) => {
            eprintln!("rialto: {why}");
            ExitCode::from(2)
        }
    }
}

/// Help and version go out as they are; anything else is one line.
#[allow(clippy::print_stderr, reason = "this is where people read what went wrong")]
fn misuse(error: &clap::Error) -> ExitCode {
    use clap::error::ErrorKind;
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return if error.print().is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let text = error.to_string();
    let mut lines =
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("Usage:"));
    let first = lines.next().unwrap_or("unusable command line").trim_start_matches("error: ").to_owned();
    let more: Vec<&str> = lines.filter(|line| !line.starts_with("For more information")).collect();
    let more = if more.is_empty() { String::new() } else { format!(" {}", more.join(" ")) };
    eprintln!("rialto: {first}{more} (see rialto --help)");
    ExitCode::from(2)
}
