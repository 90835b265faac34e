//! One connection to the database: how it is made, what it must promise, and what its errors mean.

use super::schema::check_version;
use node::journal::JournalError;
use postgres::config::{Host, TargetSessionAttrs};
use postgres::error::SqlState;
use postgres::{Client, Config, NoTls, Statement};
use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::{Duration, Instant};

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(5);
/// How long the network may stay silent before a connection counts as lost.
const SILENCE: Duration = Duration::from_secs(10);
/// How long to wait before another attempt to connect.
const AGAIN: Duration = Duration::from_millis(100);

/// Where a database is, and as whom to use it: a URL or a list of keys and values as libpq has them, several hosts
/// included. Of these the one that takes writes is used.
#[derive(Clone, Debug)]
pub struct Database {
    config: Config,
    place: String,
}

impl FromStr for Database {
    type Err = Unusable;

    fn from_str(text: &str) -> Result<Self, Unusable> {
        let mut config: Config = text.parse().map_err(|error: postgres::Error| {
            let why = with_cause(&error);
            Unusable::Address { why }
        })?;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT);
        }
        config.tcp_user_timeout(SILENCE).keepalives_idle(SILENCE);
        if config.get_application_name().is_none() {
            config.application_name("rialto");
        }
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        let place = place(&config);
        Ok(Self { config, place })
    }
}

impl Database {
    /// Where it is, without the password.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// As whom it is used.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.config.get_user()
    }

    pub(super) fn connect(&self) -> Result<Connection, Unusable> {
        let unreachable = |error: postgres::Error| Unusable::Unreachable {
            place: self.place.clone(),
            why: with_cause(&error),
        };
        let mut client = self.config.connect(NoTls).map_err(unreachable)?;
        // Whatever the server's default: what is committed is durable, on its synchronous standbys too.
        client.batch_execute("SET synchronous_commit = on; SET search_path = rialto").map_err(unreachable)?;
        Ok(Connection { client: Some(client), place: self.place.clone(), statements: BTreeMap::new() })
    }

    /// Connects, and goes on trying for so long.
    pub(super) fn connect_within(&self, patience: Duration) -> Result<Connection, Unusable> {
        let deadline = Instant::now() + patience;
        loop {
            match self.connect() {
                Err(Unusable::Unreachable { .. }) if Instant::now() < deadline => std::thread::sleep(AGAIN),
                connected => return connected,
            }
        }
    }
}

fn place(config: &Config) -> String {
    let hosts = config.get_hosts().iter().enumerate().map(|(at, host)| {
        let port = config.get_ports().get(at).or(config.get_ports().first()).copied().unwrap_or(5432);
        match host {
            Host::Tcp(name) => format!("{name}:{port}"),
            Host::Unix(dir) => format!("{}:{port}", dir.display()),
        }
    });
    let hosts: Vec<_> = hosts.collect();
    let database = config.get_dbname().or(config.get_user()).unwrap_or_default();
    format!("PostgreSQL database {database} on {}", hosts.join(", "))
}

/// A connection for whatever may be asked again over another one.
pub(super) struct Session {
    database: Database,
    connection: Connection,
}

impl Session {
    pub(super) fn open(database: &Database) -> Result<Self, Unusable> {
        let mut connection = database.connect()?;
        check_version(&mut connection)?;
        Ok(Self { database: database.clone(), connection })
    }

    /// Asks the server, over a new connection if the old one is lost.
    pub(super) fn on<T>(
        &mut self,
        ask: impl FnOnce(&mut Connection) -> Result<T, postgres::Error>,
    ) -> Result<T, Unusable> {
        if self.connection.is_lost() {
            self.connection = self.database.connect()?;
        }
        ask(&mut self.connection).map_err(|error| self.connection.unreadable(&error))
    }
}

/// A connection with the statements that it has prepared.
pub(super) struct Connection {
    /// None only while it is dropped.
    client: Option<Client>,
    pub(super) place: String,
    statements: BTreeMap<&'static str, Statement>,
}

impl Connection {
    pub(super) fn client(&mut self) -> &mut Client {
        self.client.as_mut().expect("a connection has a client until it is dropped")
    }

    pub(super) fn is_lost(&self) -> bool {
        self.client.as_ref().is_none_or(Client::is_closed)
    }

    pub(super) fn prepared(&mut self, sql: &'static str) -> Result<Statement, postgres::Error> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client().prepare(sql)?;
        self.statements.insert(sql, statement.clone());
        Ok(statement)
    }

    /// Refuses a server that loses what it has committed when it crashes.
    pub(super) fn refuse_forgetful(&mut self) -> Result<(), Unusable> {
        for setting in ["fsync", "full_page_writes"] {
            let value: String = self
                .client()
                .query_one("SELECT current_setting($1)", &[&setting])
                .map(|row| row.get(0))
                .map_err(|error| self.unreadable(&error))?;
            if value != "on" {
                return Err(Unusable::Forgetful { place: self.place.clone(), setting, value });
            }
        }
        Ok(())
    }

    pub(super) fn unreadable(&self, error: &postgres::Error) -> Unusable {
        let place = self.place.clone();
        match error.code() {
            Some(&(SqlState::UNDEFINED_TABLE | SqlState::INVALID_SCHEMA_NAME)) => {
                Unusable::NotMigrated { place }
            }
            Some(&SqlState::INSUFFICIENT_PRIVILEGE) => Unusable::Forbidden { place, why: with_cause(error) },
            _ => Unusable::Unreachable { place, why: with_cause(error) },
        }
    }
}

impl Drop for Connection {
    /// The client says goodbye to the server and waits until that is sent, which no thread of an asynchronous runtime may
    /// do. Whose thread this is, is not known here.
    fn drop(&mut self) {
        let client = self.client.take();
        drop(std::thread::spawn(move || drop(client)).join());
    }
}

/// What an error says of a statement that was to write.
pub(super) enum Failed {
    /// Not done: another has written there.
    Taken,
    /// Not done: no room.
    Full,
    /// Not done.
    Refused,
    /// The connection ended or the server is going down: done or not.
    Lost,
}

impl From<&postgres::Error> for Failed {
    fn from(error: &postgres::Error) -> Self {
        let Some(state) = error.code() else { return Self::Lost };
        match state.code().get(..2) {
            _ if *state == SqlState::UNIQUE_VIOLATION => Self::Taken,
            _ if *state == SqlState::DISK_FULL => Self::Full,
            // Connection failures, interventions (a shutdown may come after the commit), unknown completion, internal errors.
            Some("08" | "57" | "40" | "58" | "XX") | None => Self::Lost,
            Some(_) => Self::Refused,
        }
    }
}

/// What the library says and what lies below it: it says no more than "db error" by itself.
pub(super) fn with_cause(error: &postgres::Error) -> String {
    use std::error::Error;
    match error.source() {
        Some(cause) => {
            let cause = cause.to_string();
            cause.strip_prefix("ERROR: ").or(cause.strip_prefix("FATAL: ")).unwrap_or(&cause).to_owned()
        }
        None => error.to_string(),
    }
}

/// A database or the journal in it cannot be used. Each is one line that names the place.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// The address is none.
    #[error(
        "the database's address cannot be read: {why}; it looks like postgresql://user@host:5432/database"
    )]
    Address {
        /// What is wrong with it.
        why: String,
    },
    /// It cannot be reached, or the connection was lost.
    #[error("cannot use {place}: {why}")]
    Unreachable {
        /// The database.
        place: String,
        /// In the words of server or library.
        why: String,
    },
    /// The tables are not there.
    #[error("{place} is not migrated: run `rialto migrate` with a role that owns it")]
    NotMigrated {
        /// The database.
        place: String,
    },
    /// The role must not do that.
    #[error("{place} does not permit it: {why}")]
    Forbidden {
        /// The database.
        place: String,
        /// The server's words.
        why: String,
    },
    /// A later version of this program has migrated it, to something that this one does not understand.
    #[error(
        "{place} has schema version {found}, for programs that know version {needed} or later, and this one knows only \
         {known}: use a newer one"
    )]
    Newer {
        /// The database.
        place: String,
        /// The version that it states.
        found: i32,
        /// The version that programs must know at least.
        needed: i32,
        /// The newest version known here.
        known: i32,
    },
    /// An earlier version of this program has migrated it.
    #[error("{place} has schema version {found}, and this program needs {known}: run `rialto migrate`")]
    Older {
        /// The database.
        place: String,
        /// The version that it states.
        found: i32,
        /// The version that is needed.
        known: i32,
    },
    /// It would lose what it has committed.
    #[error("{place} has {setting} = {value}, so it may lose what it has committed: set it to on")]
    Forgetful {
        /// The database.
        place: String,
        /// Which setting.
        setting: &'static str,
        /// Its value.
        value: String,
    },
    /// There is nothing to read.
    #[error("{place} holds no journal of shard {shard}")]
    NoJournal {
        /// The database.
        place: String,
        /// The shard that was asked for.
        shard: u16,
    },
    /// The journal is damaged, or cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
}
