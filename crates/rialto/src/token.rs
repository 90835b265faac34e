//! `rialto token`: mints a bearer token with the data directory's key.

use api::{Role, Roles, SigningKey, TokenIssuer};
use clap::Args;
use std::path::PathBuf;
use vocabulary::UserId;

use crate::cli::Failure;
use crate::output::say;

/// Options of `rialto token`.
#[derive(Args)]
pub(crate) struct TokenOptions {
    /// The data directory whose server shall take the token.
    #[arg(long, default_value = "data")]
    data: PathBuf,
    /// Opaque id of who the token is for: never a name.
    #[arg(long)]
    user: UserId,
    /// What the bearer may do; can be given several times.
    #[arg(long = "role", required = true, value_parser = role)]
    roles: Vec<Role>,
    /// For how many hours it is good.
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u64).range(1..=744))]
    hours: u64,
    /// Answer as JSON.
    #[arg(long)]
    json: bool,
}

fn role(text: &str) -> Result<Role, String> {
    text.parse().map_err(|_| "must be trader, operator, risk, compliance, auditor or service".to_owned())
}

/// Mints and prints it.
pub(crate) fn run(options: &TokenOptions) -> Result<(), Failure> {
    if !options.data.is_dir() {
        let data = options.data.display();
        return Err(Failure::Misuse(format!(
            "{data} is no data directory: start a server with rialto up --data {data}"
        )));
    }
    let key = SigningKey::open(&options.data).map_err(|error| Failure::Misuse(error.to_string()))?;
    let minted = TokenIssuer::new(&key).mint(
        options.user,
        Roles::of(options.roles.iter().copied()),
        options.hours * 3_600,
    );
    if options.json {
        say!("{}", serde_json::to_string(&minted).map_err(anyhow::Error::from)?);
    } else {
        say!("{}", minted.token);
    }
    Ok(())
}
