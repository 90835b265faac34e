//! `rialto settle` and `rialto report`.

use api::Role;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use vocabulary::Date;

use super::order::show;
use super::{Ask, Client, Connection, Speaker, query};
use crate::cli::Failure;
use crate::output::say;

/// Options of `rialto settle`.
#[derive(Args)]
pub(crate) struct SettleOptions {
    /// The settlement date, like 2023-02-08. Running a date again is safe.
    date: Date,
}

/// Which report.
#[derive(Subcommand)]
pub(crate) enum ReportCommand {
    /// What settled on a date, net and gross, and what was recycled.
    Settlement {
        /// The settlement date.
        date: Date,
        /// In which form.
        #[arg(long, value_enum, default_value_t = Format::Csv)]
        format: Format,
    },
    /// Exposure and utilisation per account, and the alerts of a day.
    Risk {
        /// The day of the alerts; else today.
        #[arg(long)]
        date: Option<Date>,
        /// In which form.
        #[arg(long, value_enum, default_value_t = Format::Csv)]
        format: Format,
    },
    /// Decisions of the policies, refusals and their reasons.
    Compliance {
        /// The day; else today.
        #[arg(long)]
        date: Option<Date>,
        /// In which form.
        #[arg(long, value_enum, default_value_t = Format::Csv)]
        format: Format,
    },
}

/// The form of a report.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For programs.
    Json,
    /// For spreadsheets.
    Csv,
    /// A page fit to print.
    Html,
}

impl Format {
    fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

/// Runs a settlement date.
pub(crate) fn settle(connection: &Connection, options: &SettleOptions) -> Result<(), Failure> {
    let client = Client::connect(connection)?;
    let body = json!({"date": options.date});
    let answer = client.ask(Speaker::Office(Role::Operator), "/settlement/process", &Ask::Post(&body))?;
    show(&client, &answer)
}

/// Prints a report.
pub(crate) fn report(connection: &Connection, command: &ReportCommand) -> Result<(), Failure> {
    let client = Client::connect(connection)?;
    let form = |format: Format| Some(if connection.json { "json".to_owned() } else { format.name() });
    let day = |date: &Option<Date>| date.map(|date| date.to_string());
    let path = match command {
        ReportCommand::Settlement { date, format } => {
            format!("/settlement/reports/{date}{}", query(&[("format", form(*format))]))
        }
        ReportCommand::Risk { date, format } => {
            format!("/risk/report{}", query(&[("date", day(date)), ("format", form(*format))]))
        }
        ReportCommand::Compliance { date, format } => {
            format!("/compliance/report{}", query(&[("date", day(date)), ("format", form(*format))]))
        }
    };
    say!("{}", client.ask_text(Speaker::Office(Role::Auditor), &path, &Ask::Get)?.trim_end());
    Ok(())
}
