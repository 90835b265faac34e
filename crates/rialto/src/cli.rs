//! The commands and their options.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use std::process::ExitCode;

use crate::audit_log::AuditCommand;
use crate::client::{AccountCommand, Connection, OrderCommand, ReportCommand, SettleOptions};
use crate::journal::JournalCommand;
use crate::replay::ReplayOptions;
use crate::token::TokenOptions;
use crate::up::UpOptions;

/// Takes an order through its whole life: policy, risk and clearing reservations, matching, netting, settlement, audit.
#[derive(Parser)]
#[command(name = "rialto", version, max_term_width = 110, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs everything in one process: all four services on an embedded store.
    Up(UpOptions),
    /// Places, cancels, lists and traces orders.
    Order {
        #[command(flatten)]
        connection: Connection,
        #[command(subcommand)]
        command: OrderCommand,
    },
    /// Opens accounts and moves funds in and out.
    Account {
        #[command(flatten)]
        connection: Connection,
        #[command(subcommand)]
        command: AccountCommand,
    },
    /// Runs a settlement date.
    Settle {
        #[command(flatten)]
        connection: Connection,
        #[command(flatten)]
        options: SettleOptions,
    },
    /// Prints the reports of settlement, risk and compliance.
    Report {
        #[command(flatten)]
        connection: Connection,
        #[command(subcommand)]
        command: ReportCommand,
    },
    /// Mints a bearer token.
    Token(TokenOptions),
    /// Looks after the audit log.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Takes a recorded trading day through the whole pipeline and compares with what the exchange published.
    Replay(ReplayOptions),
    /// Runs one service of a cluster.
    #[cfg(feature = "cluster")]
    Serve(crate::serve::ServeOptions),
    /// Checks configurations of services, and shows how they look.
    #[cfg(feature = "cluster")]
    #[command(subcommand)]
    Config(crate::serve::ConfigCommand),
    /// Makes certificates for the processes of a cluster, for development.
    #[cfg(feature = "cluster")]
    #[command(subcommand)]
    Certs(crate::certs::CertsCommand),
    /// Prints what the services have published on Kafka, as JSON lines.
    #[cfg(feature = "cluster")]
    Events(crate::events::EventsOptions),
    /// Prepares a PostgreSQL database to hold a journal.
    #[cfg(feature = "cluster")]
    Migrate(crate::replica::MigrateOptions),
    /// Looks after the journal.
    #[command(subcommand)]
    Journal(JournalCommand),
}

/// Why a command ends with another code than 0.
pub(crate) enum Failure {
    /// What was asked for turned out wrong: exit code 1.
    Wrong(String),
    /// As `Wrong`, in the server's own words for programs, a problem document as one line of JSON: exit code 1.
    Problem(String),
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
    let cli = match parse() {
        Ok(cli) => cli,
        Err(error) => return misuse(&error),
    };
    init_log();
    let outcome = match cli.command {
        Command::Up(options) => crate::up::run(&options),
        Command::Order { connection, command } => crate::client::order(&connection, &command),
        Command::Account { connection, command } => crate::client::account(&connection, &command),
        Command::Settle { connection, options } => crate::client::settle(&connection, &options),
        Command::Report { connection, command } => crate::client::report(&connection, &command),
        Command::Token(options) => crate::token::run(&options),
        Command::Audit(command) => crate::audit_log::run(&command),
        Command::Replay(options) => crate::replay::run(&options),
        #[cfg(feature = "cluster")]
        Command::Serve(options) => crate::serve::run(&options),
        #[cfg(feature = "cluster")]
        Command::Config(command) => crate::serve::config(&command),
        #[cfg(feature = "cluster")]
        Command::Certs(command) => crate::certs::run(&command),
        #[cfg(feature = "cluster")]
        Command::Events(options) => crate::events::run(&options),
        #[cfg(feature = "cluster")]
        Command::Migrate(options) => crate::replica::migrate(&options),
        Command::Journal(command) => crate::journal::run(&command),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Wrong(why)) => {
            eprintln!("rialto: {why}");
            ExitCode::FAILURE
        }
        Err(Failure::Problem(document)) => {
            eprintln!("{document}");
            ExitCode::FAILURE
        }
        Err(Failure::Misuse(why)) => {
            eprintln!("rialto: {why}");
            ExitCode::from(2)
        }
    }
}

fn parse() -> Result<Cli, clap::Error> {
    Cli::from_arg_matches(&terse(Cli::command()).try_get_matches()?)
}

/// A command that stands alone is told what it lacks, rather than answered with the whole help.
fn terse(command: clap::Command) -> clap::Command {
    command.arg_required_else_help(false).mut_subcommands(terse)
}

/// Which subcommands a command lacks one of.
fn missing_subcommand(error: &clap::Error) -> Option<String> {
    let (ContextValue::String(command), ContextValue::Strings(known)) =
        (error.get(ContextKind::InvalidSubcommand)?, error.get(ContextKind::ValidSubcommand)?)
    else {
        return None;
    };
    let known = known.join(", ");
    Some(format!("a subcommand is required: {known} (see {command} --help)"))
}

/// Help and version go out as they are; anything else is one line.
#[allow(clippy::print_stderr, reason = "this is where people read what went wrong")]
fn misuse(error: &clap::Error) -> ExitCode {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return if error.print().is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    if error.kind() == ErrorKind::MissingSubcommand
        && let Some(missing) = missing_subcommand(error)
    {
        eprintln!("rialto: {missing}");
        return ExitCode::from(2);
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

/// Warnings and errors go to standard error; `RIALTO_LOG` asks for more, like `RIALTO_LOG=info`.
fn init_log() {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_env("RIALTO_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}
