//! `rialto audit`: proofs over the audit log.

use clap::Subcommand;
use std::path::PathBuf;

use crate::cli::Failure;
use crate::journal::{Place, progress_bar};
use crate::output::say;

/// What can be done with the audit log.
#[derive(Subcommand)]
pub(crate) enum AuditCommand {
    /// Checks the hash chain of every line, and every line against the journal.
    Verify {
        /// The data directory.
        #[arg(long, default_value = "data")]
        data: PathBuf,
        /// The PostgreSQL database that holds the journal, if it is not in the data directory.
        #[cfg(feature = "cluster")]
        #[arg(long, value_name = "URL")]
        database: Option<String>,
        /// Answer as JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Runs one of them.
pub(crate) fn run(command: &AuditCommand) -> Result<(), Failure> {
    #[cfg(not(feature = "cluster"))]
    let AuditCommand::Verify { data, json } = command;
    #[cfg(feature = "cluster")]
    let AuditCommand::Verify { data, database, json } = command;
    let place = Place::Directory(data.clone());
    #[cfg(feature = "cluster")]
    let place = database.as_deref().map_or(Ok(place), Place::in_database)?;
    let reader = place.reader()?;
    if !data.join("audit").exists() {
        return Err(Failure::Wrong(format!("there is no audit log in {}", data.display())));
    }
    let tail = reader.tail().map_err(|error| Failure::Wrong(error.to_string()))?;
    let bar = progress_bar(tail.next_position - 1, "comparing");
    let verified = audit::verify_against(data, reader.as_ref(), |position| bar.set_position(position));
    bar.finish_and_clear();
    let summary = verified.map_err(|error| Failure::Wrong(error.to_string()))?;
    if *json {
        say!("{}", serde_json::to_string(&summary).map_err(anyhow::Error::from)?);
    } else {
        say!("{summary}");
    }
    Ok(())
}
