//! The command line as a client of a running server: finds it by its data directory, speaks for whom the command needs,
//! and shows answers as tables or as JSON.

mod account;
mod operate;
mod order;
mod table;

pub(crate) use account::{AccountCommand, run as account};
pub(crate) use operate::{ReportCommand, SettleOptions, report, settle};
pub(crate) use order::{OrderCommand, run as order};

use api::{Role, Roles, SigningKey, TokenIssuer};
use clap::Args;
use serde_json::Value;
use std::path::PathBuf;
use std::time::Duration;
use vocabulary::UserId;

use crate::cli::Failure;
use crate::server_file;
use table::plain;

/// How long a token of the command line lives: one command.
const TOKEN_LIFE_S: u64 = 60;
/// How long to wait for an answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Which server to talk to, and how to answer.
#[derive(Args, Clone, Debug)]
pub(crate) struct Connection {
    /// The data directory of the server: says where it listens and holds the key to speak to it.
    #[arg(long, default_value = "data", global = true)]
    data: PathBuf,
    /// The server's address, like http://127.0.0.1:7400; else as the data directory says.
    #[arg(long, global = true)]
    server: Option<String>,
    /// Answer as JSON.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// In what capacity a call is made.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Speaker {
    /// As an office of the venue.
    Office(Role),
    /// As the owner of an account.
    Owner(UserId),
}

/// A client of one server.
pub(crate) struct Client {
    agent: ureq::Agent,
    base: String,
    issuer: TokenIssuer,
    pub(crate) json: bool,
}

/// What is asked of the server.
pub(crate) enum Ask<'a> {
    Get,
    Delete,
    Post(&'a Value),
    Patch(&'a Value),
}

impl Client {
    pub(crate) fn connect(connection: &Connection) -> Result<Self, Failure> {
        let base = match &connection.server {
            Some(server) => server.trim_end_matches('/').to_owned(),
            None => server_file::read(&connection.data).ok_or_else(|| {
                let data = connection.data.display();
                Failure::Misuse(format!("no server runs on {data}: start one with rialto up --data {data}, or name it with --server"))
            })?,
        };
        let key = SigningKey::open(&connection.data).map_err(|error| Failure::Misuse(error.to_string()))?;
        let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE));
        let agent = config.build().new_agent();
        Ok(Self { agent, base, issuer: TokenIssuer::new(&key), json: connection.json })
    }

    /// As [`Client::connect`], at a server whose key is in `data`; refusals come as problem documents.
    pub(crate) fn at(data: PathBuf, server: &str) -> Result<Self, Failure> {
        Self::connect(&Connection { data, server: Some(server.to_owned()), json: true })
    }

    /// Asks and gives the answer as JSON.
    pub(crate) fn ask(&self, speaker: Speaker, path: &str, ask: &Ask<'_>) -> Result<Value, Failure> {
        let text = self.ask_text(speaker, path, ask)?;
        serde_json::from_str(&text)
            .map_err(|error| Failure::Wrong(format!("{path}: not a JSON answer: {error}")))
    }

    /// Asks and gives the answer as it is.
    pub(crate) fn ask_text(&self, speaker: Speaker, path: &str, ask: &Ask<'_>) -> Result<String, Failure> {
        let url = format!("{}{path}", self.base);
        let bearer = format!("Bearer {}", self.token(speaker));
        let sent = match ask {
            Ask::Get => self.agent.get(&url).header("authorization", &bearer).call(),
            Ask::Delete => self.agent.delete(&url).header("authorization", &bearer).call(),
            Ask::Post(body) => {
                let request = self.agent.post(&url).header("authorization", &bearer);
                request.header("content-type", "application/json").send(body.to_string())
            }
            Ask::Patch(body) => {
                let request = self.agent.patch(&url).header("authorization", &bearer);
                request.header("content-type", "application/json").send(body.to_string())
            }
        };
        let mut answer = sent.map_err(|error| Failure::Wrong(format!("{}: {error}", self.base)))?;
        let read = answer.body_mut().read_to_string();
        let text = read.map_err(|error| Failure::Wrong(format!("{url}: {error}")))?;
        let status = answer.status();
        if status.is_success() { Ok(text) } else { Err(refused(&text, status.as_u16(), self.json)) }
    }

    fn token(&self, speaker: Speaker) -> String {
        let (user, role) = match speaker {
            Speaker::Office(role) => ("command-line".parse().expect("a valid id"), role),
            Speaker::Owner(user) => (user, Role::Trader),
        };
        self.issuer.mint(user, Roles::of([role]), TOKEN_LIFE_S).token
    }

    /// Speaks as the owner of an account.
    pub(crate) fn owner_of(&self, account: &str) -> Result<Speaker, Failure> {
        let path = format!("/trading/accounts/{account}");
        let found = self.ask(Speaker::Office(Role::Operator), &path, &Ask::Get)?;
        let owner = found["owner"].as_str().and_then(|owner| owner.parse().ok());
        owner.map(Speaker::Owner).ok_or_else(|| Failure::Wrong(format!("{path}: the answer names no owner")))
    }

    /// Speaks as the owner of the account that an order is for.
    fn owner_of_order(&self, order: u64) -> Result<Speaker, Failure> {
        let path = format!("/trading/orders/{order}");
        let found = self.ask(Speaker::Office(Role::Auditor), &path, &Ask::Get)?;
        let account = found["account"].as_str();
        self.owner_of(account.ok_or_else(|| Failure::Wrong(format!("{path}: the answer names no account")))?)
    }
}

/// One line from a problem document: what and why, under which code, and where to look further. For a program, the
/// document itself.
fn refused(text: &str, status: u16, json: bool) -> Failure {
    let problem: Value = serde_json::from_str(text).unwrap_or_default();
    let Some(detail) = problem["detail"].as_str().or(problem["title"].as_str()) else {
        return Failure::Wrong(format!("the server answered {status}: {text}"));
    };
    if json {
        return Failure::Problem(problem.to_string());
    }
    let code = problem["code"].as_str().unwrap_or("no code");
    let more = [("field", "field"), ("order", "order"), ("correlation", "instance")];
    let known = more.into_iter().filter(|(_, member)| !problem[*member].is_null());
    let more: String = known.map(|(name, member)| format!(", {name} {}", plain(&problem[member]))).collect();
    Failure::Wrong(format!("{detail} ({code}{more})"))
}

/// Builds a query string from what is given.
pub(crate) fn query(parts: &[(&str, Option<String>)]) -> String {
    let given = parts.iter().filter_map(|(name, value)| Some(format!("{name}={}", value.as_ref()?)));
    let joined = given.collect::<Vec<_>>().join("&");
    if joined.is_empty() { joined } else { format!("?{joined}") }
}
