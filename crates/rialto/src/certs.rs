//! `rialto certs`: an authority for development, and certificates for the processes of a cluster.

use clap::{Args, Subcommand};
use identity::{Authority, CannotIssue, Credentials, Identity};
use std::path::PathBuf;

use crate::cli::Failure;
use crate::output::say;

/// Service accounts that processes of a cluster have.
const ACCOUNTS: [&str; 5] =
    ["order-service", "trading-service", "settlement-service", "risk-service", "compliance-service"];

/// Where an authority is.
#[derive(Args)]
pub(crate) struct Place {
    /// The directory of the authority and of what it issues.
    #[arg(long, value_name = "DIR", default_value = "certs")]
    directory: PathBuf,
}

/// What can be done with certificates.
#[derive(Subcommand)]
pub(crate) enum CertsCommand {
    /// Makes an authority for development.
    Init(Place),
    /// Issues certificates, in the place of the last ones. Processes that run take them over by themselves.
    Issue {
        #[command(flatten)]
        place: Place,
        /// For whom: order-service (the gateway), trading-service, settlement-service, risk-service, compliance-service;
        /// all of them if left out.
        accounts: Vec<String>,
        /// A name or address that the process is found under; can be given several times.
        #[arg(long = "host", default_values_t = ["localhost".to_owned(), "127.0.0.1".to_owned()])]
        hosts: Vec<String>,
        /// For how many days they are good.
        #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=365))]
        days: u16,
    },
    /// Puts a new authority in the place of the last one, which stays trusted until `retire`: issue all certificates anew in
    /// between.
    Rotate(Place),
    /// Trusts the last authority no more.
    Retire(Place),
    /// Lists what was issued, and until when it is good.
    Show(Place),
}

/// Runs one of them.
pub(crate) fn run(command: &CertsCommand) -> Result<(), Failure> {
    match command {
        CertsCommand::Init(place) => {
            Authority::init(&place.directory).map_err(misuse)?;
            say!(
                "{} holds an authority now; rialto certs issue makes certificates",
                place.directory.display()
            );
        }
        CertsCommand::Issue { place, accounts, hosts, days } => issue(place, accounts, hosts, *days)?,
        CertsCommand::Rotate(place) => {
            Authority::open(&place.directory).and_then(Authority::rotate).map_err(misuse)?;
            say!("both authorities are trusted; issue all certificates anew, then rialto certs retire");
        }
        CertsCommand::Retire(place) => {
            Authority::open(&place.directory)
                .and_then(|authority| authority.retire_others())
                .map_err(misuse)?;
            say!("only the authority that issues now is trusted");
        }
        CertsCommand::Show(place) => show(place)?,
    }
    Ok(())
}

fn misuse(error: CannotIssue) -> Failure {
    Failure::Misuse(error.to_string())
}

fn issue(place: &Place, accounts: &[String], hosts: &[String], days: u16) -> Result<(), Failure> {
    let all = ACCOUNTS.map(str::to_owned);
    let accounts = if accounts.is_empty() { &all[..] } else { accounts };
    let identities = accounts.iter().map(|account| Identity::of(account)).collect::<Result<Vec<_>, _>>();
    let identities = identities.map_err(|error| Failure::Misuse(error.to_string()))?;
    let authority = Authority::open(&place.directory).map_err(misuse)?;
    for identity in identities {
        let issued = authority.issue(&identity, hosts, days).map_err(misuse)?;
        say!(
            "{} until {} in {}",
            identity.account(),
            issued.until.date(),
            issued.files.certificate.display()
        );
    }
    Ok(())
}

fn show(place: &Place) -> Result<(), Failure> {
    let authority = Authority::open(&place.directory).map_err(misuse)?;
    for account in ACCOUNTS {
        let files = authority.files(&Identity::of(account).map_err(anyhow::Error::from)?);
        if !files.certificate.exists() {
            say!("{account:<20} not issued");
            continue;
        }
        match Credentials::open(files) {
            Ok(credentials) => say!("{account:<20} good until {}", credentials.until().date()),
            Err(error) => say!("{account:<20} cannot be used: {error}"),
        }
    }
    Ok(())
}
